from __future__ import annotations

import sys
from pathlib import Path

import pytest

from relaydesk import registration
from relaydesk.registration import RegistrationError, exec_line, start_command


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (["/usr/bin/x"], '"/usr/bin/x"'),
        (["/a b/x", "--hidden"], '"/a b/x" "--hidden"'),
        (["100%"], '"100%%"'),
        (['a"b'], r'"a\\"b"'),
        (["$HOME`x`"], r'"\\$HOME\\`x\\`"'),
        (["a\\b"], r'"a\\\\b"'),
    ],
)
def test_exec_line_is_quoted_as_the_specification_says(command: list[str], line: str):
    assert exec_line(command) == line
    assert exec_line(command, field_code="%u") == f"{line} %u"


def test_what_no_entry_can_say_is_refused():
    with pytest.raises(RegistrationError, match="cannot run"):
        exec_line(["/a\nb"])


def test_command_imports_nothing_from_where_it_is_started():
    assert start_command("--hidden") == [sys.executable, "-P", "-m", "relaydesk", "--hidden"]


def test_frozen_program_starts_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert start_command("--hidden") == [sys.executable, "--hidden"]


def test_windows_starts_without_a_console(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "pythonw.exe").touch()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python.exe"))
    assert start_command()[0] == str(tmp_path / "pythonw.exe")


def test_file_is_written_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "a" / "file"
    registration.write_file(path, b"one")
    registration.write_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]
    (tmp_path / "taken").mkdir()
    with pytest.raises(RegistrationError, match="cannot change"):
        registration.write_file(tmp_path / "taken", b"x")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "a", tmp_path / "taken"]


def test_relative_folder_in_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert registration.config_home() == tmp_path / ".config"
    assert registration.data_home() == tmp_path / "data"
