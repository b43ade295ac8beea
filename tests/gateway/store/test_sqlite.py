"""gateway/store/sqlite.py: the ledger's clock is stepped, the file is a real one."""

import asyncio
import gc
import resource
import sqlite3
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store import sqlite
from gateway.store.interface import (
    StoreUnavailableError,
    Unavailable,
)
from gateway.store.sqlite import SqliteStore

ROOT = Path(__file__).parents[3]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "gateway.db", clock=clock)
    await store.open()
    yield store
    await store.close()


async def connect(path: Path) -> sqlite3.Connection:
    """Another user of the file, made where it does not block the loop."""
    return await asyncio.to_thread(sqlite3.connect, path, isolation_level=None, check_same_thread=False)


# --- entries ---------------------------------------------------------------------------------------------------------


async def test_statements_leave_nothing_behind_but_what_they_wrote(store: SqliteStore) -> None:
    """A connection remembers its last 200 cursors: one every five seconds kept the memory of a crowd from being freed."""

    def dead_references() -> int:
        gc.collect()
        return sum(isinstance(it, weakref.ref) and it() is None for it in gc.get_objects())

    await store.put("thing", "a", {})
    before = dead_references()
    for _ in range(50):
        await store.beat("node")
        await store.changes(0)
    assert dead_references() < before + 10


@pytest.mark.parametrize("key", ["a", "no such"])
async def test_a_read_is_over_when_it_is_answered(store: SqliteStore, tmp_path: Path, key: str) -> None:
    """A statement that stays open keeps the log of writes from being taken over into the file."""
    await store.put("thing", "a", {})
    await store.get("thing", key)
    await store.revision()
    with closing(await connect(tmp_path / "gateway.db")) as other:
        is_busy, *_ = await asyncio.to_thread(
            lambda: other.execute("pragma wal_checkpoint(truncate)").fetchone()
        )
    assert not is_busy


async def test_entries_survive_reopening_and_revisions_go_on(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gateway.db")
    await store.open()
    rev = await store.put("thing", "a", {"n": 1})
    await store.close()
    store = SqliteStore(tmp_path / "gateway.db")
    await store.open()
    entry = await store.get("thing", "a")
    next_rev = await store.put("thing", "b", {})
    await store.close()
    assert entry is not None
    assert entry.value == {"n": 1}
    assert next_rev == rev + 1


WRITER = """
import asyncio, sys
from pathlib import Path
from gateway.store.sqlite import SqliteStore

async def main(path, prefix):
    store = SqliteStore(Path(path))
    await store.open()
    for n in range(1_000_000):
        await store.put("thing", f"{prefix}{n}", {"text": "x" * 500})
        await store.put("counter", "latest", {"run": prefix, "n": n})
        print(n, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow
async def test_twenty_kills_during_writes_lose_no_acknowledged_write(tmp_path: Path) -> None:
    """Reliability reference F2."""
    path = tmp_path / "gateway.db"
    acknowledged: dict[str, int] = {}
    for run in range(20):
        prefix = f"run{run}/"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, str(path), prefix, stdout=subprocess.PIPE, cwd=ROOT
        )
        assert process.stdout is not None
        for _ in range(3 + 7 * run % 23):
            await process.stdout.readline()
        process.kill()
        rest, _ = await process.communicate()
        lines = rest.split(b"\n")[:-1]
        assert lines or run == 0 or acknowledged, "the writer never came to write"
        acknowledged[prefix] = int(lines[-1]) if lines else 2 + 7 * run % 23
    store = SqliteStore(path)
    await store.open()
    for prefix, last in acknowledged.items():
        keys = {entry.key for entry in await store.list("thing", prefix=prefix, limit=1_000_000)}
        assert {f"{prefix}{n}" for n in range(last + 1)} <= keys
    await store.close()


# --- what can happen to the file -------------------------------------------------------------------------------------


async def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    path.write_bytes(b"not a database, but long enough to look at" * 100)
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailableError, match=r"gateway\.db.*not a database") as caught:
        await store.open()
    await store.close()
    assert caught.value.reason is Unavailable.CORRUPT


async def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    store = SqliteStore(path)
    await store.open()
    for n in range(200):
        await store.put("thing", f"key{n}", {"text": "x" * 200})
    await store.close()
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 6] = b"\x5a" * (4096 * 3)
    path.write_bytes(content)
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailableError, match="damaged") as caught:
        await store.open()
    await store.close()
    assert caught.value.reason is Unavailable.CORRUPT


async def test_a_database_of_a_newer_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    store = SqliteStore(path)
    await store.open()
    await store.close()
    with closing(await connect(path)) as database:
        database.execute("pragma user_version = 99")
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailableError, match="newer version"):
        await store.open()
    await store.close()


async def test_a_path_that_cannot_be_opened_is_an_error_not_a_crash(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "missing" / "gateway.db")
    with pytest.raises(StoreUnavailableError, match="cannot be opened"):
        await store.open()
    await store.close()


async def test_a_full_disk_refuses_writes_and_goes_on_when_there_is_room(
    store: SqliteStore, tmp_path: Path
) -> None:
    """Reliability reference F10. The size of this process's files stands in for the size of the disk."""
    await store.put("thing", "before", {})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    wal = (tmp_path / "gateway.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal + 8192, limits[1]))
    try:
        with pytest.raises(StoreUnavailableError) as caught:
            await store.put("thing", "too much", {"text": "x" * 1_000_000})
        assert caught.value.reason in (Unavailable.FULL, Unavailable.FAILING)
        before = await store.get("thing", "before")
        assert await store.claim("ns/relay", "listener", "node", 25) in range(25)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert before is not None
    assert await store.get("thing", "too much") is None
    assert await store.put("thing", "too much", {"text": "x" * 1_000_000}) > 0


async def test_a_store_with_no_page_left_is_full(store: SqliteStore) -> None:
    database = store._entries
    await database.read(lambda db: db.execute("pragma max_page_count = 8").fetchone())
    with pytest.raises(StoreUnavailableError, match="the disk is full") as caught:
        await store.put("thing", "a", {"text": "x" * 1_000_000})
    assert caught.value.reason is Unavailable.FULL
    await database.read(lambda db: db.execute("pragma max_page_count = 1000000").fetchone())
    assert await store.put("thing", "a", {"text": "x" * 1_000_000}) > 0


async def test_a_store_that_turned_read_only_refuses_writes_and_comes_back_by_itself(
    store: SqliteStore, tmp_path: Path
) -> None:
    await store.put("thing", "a", {"n": 1})

    def protect(db: sqlite3.Connection) -> None:
        db.execute("pragma query_only = on")

    await store._entries.read(protect)
    with pytest.raises(StoreUnavailableError, match="cannot be written to") as caught:
        await store.put("thing", "a", {"n": 2})
    assert caught.value.reason is Unavailable.READ_ONLY
    # a connection that failed so is not used again
    await store.put("thing", "a", {"n": 3})
    entry = await store.get("thing", "a")
    assert entry is not None
    assert entry.value == {"n": 3}


async def test_a_locked_store_says_so_in_time_and_works_when_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reliability reference F11."""
    monkeypatch.setattr(sqlite, "LOCK_TIMEOUT_S", 0.05)
    store = SqliteStore(tmp_path / "gateway.db")
    await store.open()
    await store.put("thing", "a", {"n": 1})
    with closing(await connect(tmp_path / "gateway.db")) as other:
        other.execute("begin immediate")
        with pytest.raises(StoreUnavailableError, match="keeps it locked") as caught:
            await store.put("thing", "a", {"n": 2})
        assert caught.value.reason is Unavailable.LOCKED
        assert await store.get("thing", "a") is not None
        other.execute("rollback")
    assert await store.put("thing", "a", {"n": 3}) > 0
    await store.close()


async def test_a_store_that_hangs_is_given_up_in_time(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    monkeypatch.setattr(sqlite, "CALL_TIMEOUT_S", 0.05)
    may_go_on = threading.Event()
    hung = asyncio.create_task(store._entries.read(lambda _: may_go_on.wait(10)))
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailableError, match="did not answer"):
        await store.put("thing", "a", {})
    with pytest.raises(StoreUnavailableError, match="did not answer"):
        await hung
    may_go_on.set()
    monkeypatch.undo()
    # the write that was given up before its turn was not done either
    assert await store.get("thing", "a") is None


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gateway.db")
    await store.open()
    await store.close()
    with pytest.raises(StoreUnavailableError, match="closed") as caught:
        await store.get("thing", "a")
    assert caught.value.reason is Unavailable.CLOSED
    await store.close()


async def test_a_write_in_progress_is_finished_by_close(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gateway.db")
    await store.open()
    async with asyncio.TaskGroup() as tasks:
        writes = [tasks.create_task(store.put("thing", str(n), {})) for n in range(20)]
        await asyncio.sleep(0)
        await store.close()
    assert len({write.result() for write in writes}) == 20


# --- the ledger ------------------------------------------------------------------------------------------------------


async def test_a_claim_that_is_given_up_while_it_is_made_takes_no_slot(tmp_path: Path) -> None:
    """What the thread has begun it finishes: a listener that left in that moment held its slot for good."""
    has_begun, may_go_on = threading.Event(), threading.Event()
    loop_thread = threading.get_ident()

    def clock() -> float:
        if threading.get_ident() != loop_thread:
            has_begun.set()
            may_go_on.wait(5)
        return 1_000.0

    store = SqliteStore(tmp_path / "gateway.db", clock=clock)
    await store.open()
    claim = asyncio.create_task(store.claim("ns/relay", "listener", "node", 1))
    assert await asyncio.to_thread(has_begun.wait, 5)
    claim.cancel()
    with pytest.raises(asyncio.CancelledError):
        await claim
    may_go_on.set()
    assert await store.count("ns/relay") == 0
    assert await store.claim("ns/relay", "new", "node", 1) == 0
    await store.close()


async def test_the_ledger_does_not_outlive_the_process(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gateway.db")
    await store.open()
    await store.claim("ns/relay", "listener", "node", 1)
    await store.close()
    store = SqliteStore(tmp_path / "gateway.db")
    await store.open()
    assert await store.count("ns/relay") == 0
    await store.close()
