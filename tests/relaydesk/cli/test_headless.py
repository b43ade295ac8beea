"""``relaydesk agent`` is ``python -m agent``: tests/e2e/test_headless.py has what that does."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent import __main__ as agent_program
from relaydesk.cli.program import app


def test_it_hands_over_what_it_was_told(monkeypatch: pytest.MonkeyPatch):
    told: list[list[str]] = []

    def main(arguments: list[str]) -> int:
        told.append(arguments)
        return 7

    monkeypatch.setattr("relaydesk.cli.headless.main", main)
    runner = CliRunner()
    assert runner.invoke(app, ["agent", "--config", "a.toml"]).exit_code == 7
    assert runner.invoke(app, ["agent", "--config", "b.toml", "-v"]).exit_code == 7
    assert told == [["--config", "a.toml"], ["--config", "b.toml", "--verbose"]]


def test_settings_that_are_wrong_are_refused_as_there(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    file = tmp_path / "empty.toml"
    file.touch()
    ran = CliRunner().invoke(app, ["agent", "--config", str(file)])
    assert ran.exit_code == agent_program.EXIT_CONFIG
    assert "connections: none is configured" in ran.output + capfd.readouterr().err
