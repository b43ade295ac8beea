from __future__ import annotations

import configparser
import plistlib
import sys
from pathlib import Path

import pytest

from relaydesk import autostart
from relaydesk.registration import RegistrationError
from tests.support.fake_winreg import FakeWinreg


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


def test_linux_entry_is_written_and_removed(home: Path):
    entry = home / ".config/autostart/relaydesk.desktop"
    assert not autostart.is_enabled("linux")
    for is_hidden, arguments in ((False, ""), (True, ' "--hidden"'), (True, ' "--hidden"')):
        autostart.enable(is_hidden=is_hidden, platform="linux")
        assert autostart.is_enabled("linux")
        read = configparser.RawConfigParser()
        read.read(entry)
        assert read["Desktop Entry"]["Exec"] == f'"{sys.executable}" "-P" "-m" "relaydesk"{arguments}'
    for _ in range(2):
        autostart.disable("linux")
        assert not autostart.is_enabled("linux")
    assert list(entry.parent.iterdir()) == []


@pytest.mark.parametrize("line", ["Hidden=true", "X-GNOME-Autostart-enabled=false"])
def test_entry_that_the_desktop_switched_off_is_off(home: Path, line: str):
    autostart.enable(is_hidden=False, platform="linux")
    with (home / ".config/autostart/relaydesk.desktop").open("a") as entry:
        entry.write(f"{line}\n")
    assert not autostart.is_enabled("linux")


def test_folder_that_cannot_be_written_is_an_error(home: Path):
    (home / ".config").touch()
    with pytest.raises(RegistrationError, match="cannot change"):
        autostart.enable(is_hidden=False, platform="linux")
    assert not autostart.is_enabled("linux")


def test_windows_run_key_is_written_and_removed(monkeypatch: pytest.MonkeyPatch):
    fake = FakeWinreg()
    monkeypatch.setitem(sys.modules, "winreg", fake)
    monkeypatch.setattr(sys, "executable", r"C:\Program Files\RelayDesk\relaydesk.exe")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    run = r"Software\Microsoft\Windows\CurrentVersion\Run"
    fake.keys[run] = {"Other": "kept"}
    for _ in range(2):
        autostart.enable(is_hidden=True, platform="win32")
        assert autostart.is_enabled("win32")
    assert fake.keys[run]["RelayDesk"] == '"C:\\Program Files\\RelayDesk\\relaydesk.exe" "--hidden"'
    for _ in range(2):
        autostart.disable("win32")
        assert not autostart.is_enabled("win32")
    assert fake.keys[run] == {"Other": "kept"}


def test_macos_launch_agent_is_written_and_removed(home: Path):
    agent = home / "Library/LaunchAgents/relaydesk.desktop.plist"
    assert not autostart.is_enabled("darwin")
    for _ in range(2):
        autostart.enable(is_hidden=True, platform="darwin")
        assert autostart.is_enabled("darwin")
    said = plistlib.loads(agent.read_bytes())
    assert said["ProgramArguments"] == [sys.executable, "-P", "-m", "relaydesk", "--hidden"]
    assert said["RunAtLoad"] is True
    for _ in range(2):
        autostart.disable("darwin")
        assert not autostart.is_enabled("darwin")
