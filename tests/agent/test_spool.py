"""Bodies that are kept to be looked at: in memory, in files, and within bounds."""

from __future__ import annotations

import logging
import os
import stat
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import spool as spool_module
from agent.captured import Lost
from agent.spool import MAX_IN_MEMORY_BYTES, MAX_UNWRITTEN_BYTES, Kept, Spool
from tests.support.clocks import SteppedClock
from tests.support.waiting import until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "captures"


@pytest.fixture
def spool(folder: Path) -> Iterator[Spool]:
    made = Spool(folder)
    made.begin()
    yield made
    made.close()


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*")) if folder.exists() else []


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def on_disk(folder: Path, nbytes: int) -> None:
    await until(
        lambda: sum(file.stat().st_size for file in files(folder)) >= nbytes, f"{nbytes} bytes on disk"
    )


def test_short_body_stays_in_memory(spool: Spool, folder: Path):
    body = spool.body()
    body.append(b"ab")
    body.append(memoryview(b"cd"))
    assert (body.size, body.kept, body.read(0, 10), body.read(1, 2), body.read(4, 1)) == (
        4,
        4,
        b"abcd",
        b"bc",
        b"",
    )
    assert (spool.memory_bytes, spool.disk_bytes) == (4, 0)
    assert not [file for file in files(folder) if file.is_file()]


async def test_long_body_goes_to_a_file_of_this_user_alone(spool: Spool, folder: Path):
    data = os.urandom(MAX_IN_MEMORY_BYTES + 12_345)
    body = spool.body()
    for start in range(0, len(data), 10_000):
        body.append(data[start : start + 10_000])
    await on_disk(folder, len(data))
    (file,) = files(folder)
    assert (mode_of(file), mode_of(folder)) == (0o600, 0o700)
    assert (spool.memory_bytes, spool.disk_bytes, body.lost) == (0, len(data), None)
    assert body.read(0, len(data)) == data
    assert body.read(MAX_IN_MEMORY_BYTES - 5, 10) == data[MAX_IN_MEMORY_BYTES - 5 :][:10]


def test_what_waits_for_the_disk_can_be_read_all_the_same(folder: Path):
    spool = Spool(folder)  # not begun: nothing is written
    data = os.urandom(MAX_IN_MEMORY_BYTES + 1)
    body = spool.body()
    body.append(data)
    assert body.read(0, len(data)) == data
    assert body.read(len(data) - 3, 100) == data[-3:]


def test_body_over_its_bound_keeps_its_beginning_and_says_so(spool: Spool):
    body = spool.body(max_bytes=1_000)
    body.append(b"x" * 999)
    body.append(b"yz")
    body.append(b"more")
    assert (body.size, body.kept, body.lost) == (1_005, 1_000, Lost.TOO_LONG)
    assert body.read(998, 10) == b"xy"


def test_body_that_the_disk_does_not_keep_up_with_is_cut_and_others_are_not(folder: Path):
    spool = Spool(folder)  # not begun: the slowest of disks
    fast, other = spool.body(), spool.body()
    piece = bytes(1_048_576)
    for _ in range(MAX_UNWRITTEN_BYTES // len(piece) + 2):
        fast.append(piece)
    assert fast.lost is Lost.TOO_FAST
    assert fast.kept <= MAX_UNWRITTEN_BYTES < fast.size
    other.append(b"short")
    assert (other.lost, other.read(0, 9)) == (None, b"short")


def test_folder_is_emptied_of_what_a_killed_program_left(folder: Path):
    folder.mkdir()
    (folder / "7.body").write_bytes(b"left behind")
    (folder / "notes.txt").write_bytes(b"not ours")
    folder.chmod(0o755)
    spool = Spool(folder)
    spool.begin()
    spool.close()
    assert [file.name for file in files(folder)] == ["notes.txt"]
    assert mode_of(folder) == 0o700


async def test_end_removes_the_files(spool: Spool, folder: Path):
    body = spool.body()
    body.append(bytes(MAX_IN_MEMORY_BYTES + 1))
    await on_disk(folder, MAX_IN_MEMORY_BYTES)
    spool.close()
    assert files(folder) == []
    body.append(b"after the end")
    assert body.read(0, 5) == b""


async def test_discarded_body_leaves_no_file_and_no_bytes(spool: Spool, folder: Path):
    body = spool.body()
    body.append(bytes(MAX_IN_MEMORY_BYTES + 1))
    await on_disk(folder, MAX_IN_MEMORY_BYTES)
    body.discard()
    await until(lambda: not files(folder), "the file is gone")
    body.append(b"more")
    assert (body.kept, body.lost, body.read(0, 10)) == (0, Lost.MADE_ROOM, b"")
    assert (spool.memory_bytes, spool.disk_bytes) == (0, 0)


@pytest.mark.allow_log_warnings("long bodies are not kept")
async def test_disk_that_refuses_costs_long_bodies_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "captures").write_bytes(b"a file where the folder should be")
    spool = Spool(tmp_path / "captures")
    spool.begin()
    bodies = [spool.body(), spool.body()]
    with caplog.at_level(logging.WARNING, "agent.spool"):
        for body in bodies:
            body.append(bytes(MAX_IN_MEMORY_BYTES + 1))
            await until(lambda body=body: body.lost, "it is given up")
    short = spool.body()
    short.append(b"short")
    spool.close()
    assert [(body.lost, body.kept) for body in bodies] == [(Lost.DISK, 0)] * 2
    assert [record.name for record in caplog.records] == ["agent.spool"]
    assert (spool.disk_bytes, short.lost) == (0, None)


async def test_hundred_megabytes_do_not_enter_memory(spool: Spool, folder: Path):
    piece, count = os.urandom(131_072), 763  # 100 MB
    body = spool.body()
    tracemalloc.start()
    try:
        for _ in range(count):
            # a relay is slower than this loop: what waits for the disk is what its bound is about
            await until(lambda: spool.unwritten_bytes < 4_194_304, "the disk keeps up", within_s=60)
            body.append(piece)
        await until(lambda: spool.unwritten_bytes == 0, "all is written", within_s=60)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (body.size, body.kept, body.lost) == (count * len(piece),) * 2 + (None,)
    assert peak < 16 * 1_048_576
    assert body.read(500 * len(piece), len(piece)) == piece


def test_reading_never_fails_whatever_happens_to_the_file(spool: Spool, folder: Path):
    body: Kept = spool.body()
    body.append(bytes(MAX_IN_MEMORY_BYTES + 1))
    spool.close()
    assert body.read(0, 10) in (b"", bytes(10))


async def test_more_in_a_short_time_than_is_kept_is_cut_and_later_there_is_room_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(spool_module, "BURST_BYTES", 1_000_000)
    monkeypatch.setattr(spool_module, "BYTES_PER_S", 100_000)
    clock = SteppedClock()
    spool = Spool(folder, clock)
    first, second, third = spool.body(), spool.body(), spool.body()
    first.append(bytes(600_000))
    second.append(bytes(600_000))
    assert (first.lost, second.lost) == (None, Lost.TOO_FAST)
    clock.advance(5)
    third.append(bytes(600_000))
    assert (third.lost, third.kept) == (None, 600_000)
    third.append(bytes(250_000))
    assert not spool.has_room()
    clock.advance(60)
    assert spool.has_room()
    spool.close()
