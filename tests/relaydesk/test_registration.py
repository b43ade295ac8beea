from __future__ import annotations

from pathlib import Path

import pytest

from relaydesk import registration
from relaydesk.registration import RegistrationError, exec_line


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
