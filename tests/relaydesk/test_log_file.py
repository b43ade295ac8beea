from __future__ import annotations

import contextlib
import logging
import stat
import sys
from pathlib import Path

import pytest

from relaydesk.log_file import KEPT, LogFile


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("relaydesk", logging.INFO, "", 0, text, None, None)


def test_it_is_for_its_owner_alone_also_where_it_was_not(tmp_path: Path):
    path = tmp_path / "relaydesk" / "log" / "relaydesk.log"
    path.parent.mkdir(parents=True)
    path.write_text("before\n")
    path.chmod(0o644)
    handler = LogFile(path, max_bytes=40)
    for number in range(20):
        handler.emit(record(f"line {number}"))
    handler.close()
    assert path.read_text().endswith("line 19\n")
    found = list(path.parent.iterdir())
    assert len(found) == KEPT + 1
    if sys.platform != "win32":
        assert {stat.S_IMODE(each.stat().st_mode) for each in found} == {0o600}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the device that is always full is Linux's")
def test_a_full_disk_is_no_reason_to_say_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    handler = LogFile(tmp_path / "a" / "b.log")
    full = Path("/dev/full").open("w", encoding="utf-8", buffering=1)  # noqa: SIM115 - the handler closes it
    handler.stream.close()
    handler.stream = full
    handler.emit(record("nobody reads this"))
    handler.emit(record("nor this"))
    handler.stream = None  # type: ignore[assignment]  # what logging does too
    handler.close()
    with contextlib.suppress(OSError):
        full.close()
    assert capsys.readouterr().err == ""
