from __future__ import annotations

import sys
from pathlib import Path

import pytest

from relaydesk.own_program import Replacement, console_command, window_command


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of a frozen program of one file, on Linux."""
    program = tmp_path / "relaydesk"
    program.touch()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(program))
    return tmp_path


def test_a_command_that_is_kept_imports_nothing_from_where_it_is_started():
    assert window_command("--hidden") == [sys.executable, "-P", "-m", "relaydesk", "--hidden"]
    assert console_command("quit") == [sys.executable, "-m", "relaydesk", "quit"]


def test_windows_starts_python_without_a_console(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "pythonw.exe").touch()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python.exe"))
    assert window_command()[0] == str(tmp_path / "pythonw.exe")
    assert console_command()[0] == str(tmp_path / "python.exe")


def test_a_frozen_program_is_both(frozen: Path):
    program = str(frozen / "relaydesk")
    assert window_command("--hidden", environment={}) == [program, "--hidden"]
    assert console_command("gateway", "serve") == [program, "gateway", "serve"]


@pytest.mark.parametrize("running", ["relaydesk.exe", "relaydeskw.exe"])
def test_on_windows_a_frozen_program_is_two(frozen: Path, monkeypatch: pytest.MonkeyPatch, running: str):
    for name in ("relaydesk.exe", "relaydeskw.exe"):
        (frozen / name).touch()
    monkeypatch.setattr(sys, "executable", str(frozen / running))
    assert window_command(environment={}) == [str(frozen / "relaydeskw.exe")]
    assert console_command("gateway") == [str(frozen / "relaydesk.exe"), "gateway"]


def test_the_system_starts_an_image_where_it_lies_and_not_where_it_is_mounted(frozen: Path):
    assert window_command("--hidden", environment={"APPIMAGE": "/home/ann/RelayDesk.AppImage"}) == [
        "/home/ann/RelayDesk.AppImage",
        "--hidden",
    ]
    # its own child is a part of what is mounted
    assert console_command() == [str(frozen / "relaydesk")]


def test_the_system_starts_a_flatpak_by_its_name(frozen: Path):
    environment = {"FLATPAK_ID": "org.relaydesk.RelayDesk"}
    assert window_command(environment=environment) == ["flatpak", "run", "org.relaydesk.RelayDesk"]


def test_a_program_that_an_upgrade_replaced_is_noticed(frozen: Path):
    program = frozen / "relaydesk"
    replacement = Replacement()
    assert not replacement.is_there
    program.rename(frozen / "aside")
    assert not replacement.is_there  # in the middle of it
    (frozen / "new").write_text("new", encoding="utf-8")
    (frozen / "new").rename(program)
    assert replacement.is_there


def test_a_checkout_is_never_replaced():
    assert not Replacement().is_there
