from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from relaydesk import links
from relaydesk.registration import RegistrationError
from tests.support.fake_winreg import FakeWinreg

LINUX = "linux"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and no desktop that tools could find."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CURRENT_DESKTOP", "DESKTOP_SESSION", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def winreg(monkeypatch: pytest.MonkeyPatch) -> FakeWinreg:
    fake = FakeWinreg()
    monkeypatch.setitem(sys.modules, "winreg", fake)
    return fake


@pytest.fixture
def no_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)


def a_tool(folder: Path, name: str, does: str) -> None:
    tool = folder / name
    tool.write_text(f"#!/bin/sh\n{does}\n")
    tool.chmod(0o755)


@pytest.mark.usefixtures("no_tools")
def test_entry_is_written_and_removed(home: Path):
    entry = home / ".local/share/applications/relaydesk-links.desktop"
    assert not links.is_registered(LINUX)
    for _ in range(2):
        links.register(LINUX)
        assert links.is_registered(LINUX)
    read = configparser.RawConfigParser()
    read.read(entry)
    section = read["Desktop Entry"]
    assert section["MimeType"] == "x-scheme-handler/relaydesk;"
    assert section["NoDisplay"] == "true"
    assert section["Exec"] == f'"{sys.executable}" "-P" "-m" "relaydesk" %u'
    for _ in range(2):
        links.unregister(LINUX)
        assert not links.is_registered(LINUX)
    assert not entry.exists()


@pytest.mark.usefixtures("no_tools")
def test_entry_of_another_copy_is_not_this_programs(home: Path, monkeypatch: pytest.MonkeyPatch):
    links.register(LINUX)
    monkeypatch.setattr(sys, "executable", "/elsewhere/python")
    assert not links.is_registered(LINUX)
    links.register(LINUX)
    assert links.is_registered(LINUX)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("xdg-mime") is None, reason="xdg-utils is not installed")
def test_real_xdg_mime_makes_it_the_default(home: Path):
    (home / ".config").mkdir()  # xdg-mime does not make it
    query = ["xdg-mime", "query", "default", "x-scheme-handler/relaydesk"]
    links.register(LINUX)
    links.register(LINUX)
    assert (
        subprocess.run(query, capture_output=True, text=True, check=True).stdout
        == "relaydesk-links.desktop\n"
    )
    links.unregister(LINUX)
    assert subprocess.run(query, capture_output=True, text=True, check=True).stdout == ""
    assert "relaydesk" not in (home / ".config/mimeapps.list").read_text()


@pytest.mark.usefixtures("no_tools")
def test_only_our_own_association_is_forgotten(home: Path):
    associations = home / ".config/mimeapps.list"
    associations.parent.mkdir()
    associations.write_bytes(
        b"# mine \xff\n[Default Applications]\ntext/html=browser.desktop\nx-scheme-handler/relaydesk=relaydesk-links.desktop\n"
        b"\n[Added Associations]\nx-scheme-handler/relaydesk=other.desktop;relaydesk-links.desktop;\n"
    )
    links.unregister(LINUX)
    assert associations.read_bytes() == (
        b"# mine \xff\n[Default Applications]\ntext/html=browser.desktop\n"
        b"\n[Added Associations]\nx-scheme-handler/relaydesk=other.desktop;\n"
    )


def test_tool_that_fails_is_said_so(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    a_tool(tmp_path, "xdg-mime", "echo no such thing >&2; exit 3")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(RegistrationError, match="xdg-mime did not work: no such thing"):
        links.register(LINUX)


def test_tool_that_hangs_is_given_up(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    a_tool(tmp_path, "xdg-mime", "exec sleep 60")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(links, "_TOOL_TIMEOUT_S", 0.1)
    with pytest.raises(RegistrationError, match="xdg-mime did not work"):
        links.register(LINUX)


@pytest.mark.usefixtures("no_tools")
def test_folder_that_cannot_be_written_is_an_error(home: Path):
    (home / ".local").touch()
    with pytest.raises(RegistrationError, match="cannot change"):
        links.register(LINUX)
    assert not links.is_registered(LINUX)


def test_windows_registry_is_written_and_cleaned(winreg: FakeWinreg, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", r"C:\Program Files\Python\python.exe")
    winreg.keys["Software\\Classes\\other"] = {"": "kept"}
    assert not links.is_registered("win32")
    for _ in range(2):
        links.register("win32")
        assert links.is_registered("win32")
    assert winreg.keys["Software\\Classes\\relaydesk"] == {"": "URL:RelayDesk", "URL Protocol": ""}
    assert winreg.keys["Software\\Classes\\relaydesk\\shell\\open\\command"] == {
        "": '"C:\\Program Files\\Python\\python.exe" "-P" "-m" "relaydesk" "%1"'
    }
    for _ in range(2):
        links.unregister("win32")
        assert not links.is_registered("win32")
    assert not any("relaydesk" in key for key in winreg.keys)
    assert winreg.keys["Software\\Classes\\other"] == {"": "kept"}


def test_windows_that_denies_it_is_an_error(winreg: FakeWinreg):
    winreg.is_denied = True
    with pytest.raises(RegistrationError, match=r"cannot change the registry key .*Access is denied"):
        links.register("win32")


def test_macos_leaves_it_to_the_bundle(monkeypatch: pytest.MonkeyPatch):
    assert not links.is_registered("darwin")
    with pytest.raises(RegistrationError, match="application bundle"):
        links.register("darwin")
    links.unregister("darwin")
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert links.is_registered("darwin")
    links.register("darwin")
    with pytest.raises(RegistrationError, match="go with it"):
        links.unregister("darwin")
