from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from relaydesk.window_memory import WindowMemory


def test_what_was_kept_is_recalled_by_the_next_start(tmp_path: Path):
    file = tmp_path / "state" / "windows.json"
    memory = WindowMemory(file)
    assert memory.recall("window") is None
    memory.keep("window", b"\0geometry")
    memory.keep("splitter", b"other")
    assert WindowMemory(file).recall("window") == b"\0geometry"
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.expect_log_warnings("it is kept as windows.json.damaged-1")
@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b"null", b"[" * 60_000])
def test_a_damaged_file_is_kept_aside(tmp_path: Path, content: bytes):
    file = tmp_path / "windows.json"
    file.write_bytes(content)
    memory = WindowMemory(file)
    assert memory.recall("window") is None
    memory.keep("window", b"new")
    assert WindowMemory(file).recall("window") == b"new"
    assert (tmp_path / "windows.json.damaged-1").read_bytes() == content


@pytest.mark.parametrize("content", [b'{"window": 5}', b'{"window": "no base64!"}', b'{"other": "eA=="}'])
def test_what_cannot_be_recalled_is_as_the_first_time(tmp_path: Path, content: bytes):
    file = tmp_path / "windows.json"
    file.write_bytes(content)
    assert WindowMemory(file).recall("window") is None


def test_where_nothing_can_be_written_nothing_is_remembered_and_nothing_fails(tmp_path: Path):
    (tmp_path / "state").write_text("a file where the folder would be")
    memory = WindowMemory(tmp_path / "state" / "windows.json")
    memory.keep("window", b"x")
    assert memory.recall("window") == b"x"
