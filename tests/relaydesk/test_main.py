"""What ``relaydesk`` is, by its arguments and by what is installed. The desktop itself is a fake here."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from collections.abc import Sequence
from pathlib import Path

import pytest

from relaydesk import __main__ as program
from tests.support.processes import ROOT

LINK = "relaydesk://import?v=1#secret"


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """The arguments of each start of the desktop, which ends with 7."""
    started: list[Sequence[str]] = []
    fake = types.ModuleType("relaydesk.opening")

    def main(arguments: Sequence[str]) -> int:
        started.append(list(arguments))
        return 7

    fake.main = main  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "relaydesk.opening", fake)
    monkeypatch.setattr(program, "_is_desktop_installed", lambda: True)
    monkeypatch.setattr(program, "_has_display", lambda: True)
    return started


def test_an_interruption_while_it_is_being_loaded_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "command_line", interrupted)
    assert run(monkeypatch, "expose", "3000") == 130
    assert capfd.readouterr() == ("", "")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["relaydesk", *arguments])
    with pytest.raises(SystemExit) as caught:
        program.main()
    return caught.value.code


@pytest.mark.parametrize("arguments", [[], ["--hidden"], [LINK], ["--hidden", LINK]])
def test_desktop_is_opened(
    monkeypatch: pytest.MonkeyPatch, desktop: list[Sequence[str]], arguments: list[str]
):
    assert run(monkeypatch, *arguments) == 7
    assert desktop == [arguments]


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["gateway", "--help"]])
def test_verbs_are_the_command_lines(
    monkeypatch: pytest.MonkeyPatch,
    desktop: list[Sequence[str]],
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
):
    assert run(monkeypatch, *arguments) == 0
    assert desktop == []
    assert "relaydesk" in capsys.readouterr().out


def test_alone_without_the_extra_it_says_so_and_helps(
    monkeypatch: pytest.MonkeyPatch, desktop: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(program, "_is_desktop_installed", lambda: False)
    assert run(monkeypatch) == 0
    said = capsys.readouterr().out
    assert said.startswith("The desktop is not part of this installation")
    assert "expose" in said
    assert desktop == []


@pytest.mark.parametrize("arguments", [["--hidden"], [LINK]])
def test_desktop_that_is_asked_for_and_not_installed_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
    desktop: list[Sequence[str]],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
):
    monkeypatch.setattr(program, "_is_desktop_installed", lambda: False)
    assert run(monkeypatch, *arguments) == 2
    assert capsys.readouterr().err == (
        "error: the desktop is not part of this installation; install RelayDesk with its extra: relaydesk[gui]\n"
    )
    assert desktop == []


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="those always have a display")
def test_without_a_display_it_says_so(
    monkeypatch: pytest.MonkeyPatch, desktop: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
):
    monkeypatch.undo()
    monkeypatch.setattr(program, "_is_desktop_installed", lambda: True)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert run(monkeypatch) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: there is no display: neither WAYLAND_DISPLAY nor DISPLAY is set;")
    assert error.count("\n") == 1
    assert desktop == []


def test_library_that_qt_needs_and_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, desktop: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
):
    class Broken(types.ModuleType):
        def __getattr__(self, name: str) -> object:
            raise ImportError("libEGL.so.1: cannot open shared object file")

    monkeypatch.setitem(sys.modules, "relaydesk.opening", Broken("relaydesk.opening"))
    assert run(monkeypatch) == 1
    assert "libEGL.so.1" in capsys.readouterr().err


@pytest.mark.slow
def test_verb_loads_no_qt():
    code = "import sys; sys.argv = ['relaydesk', '--version']\nimport relaydesk.__main__ as program\n"
    code += "try: program.main()\nfinally: assert not {'PySide6', 'qasync'} & set(sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["-P"]])
def test_nothing_is_imported_from_the_working_directory(tmp_path: Path, options: list[str]):
    """Reliability reference D5. Without -P, Python itself has imported a few modules by then, before anybody can object."""
    for name in ("asyncio", "logging", "typing", "json", "socket", "ssl", "typer", "platformdirs", "qasync"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} was planted')")
    ran = subprocess.run(
        [sys.executable, *options, "-m", "relaydesk", "--version"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
