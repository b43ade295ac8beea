"""gateway/store/postgresql.py: several gateways at one database, and what can happen to it."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store import postgresql
from gateway.store.interface import (
    LimitReachedError,
    RevisionForgottenError,
    StoreUnavailableError,
    Unavailable,
)
from gateway.store.postgresql import PostgresStore, numbered
from tests.support.postgresql import PASSWORD, PostgresServer
from tests.support.processes import LOOPBACK, free_port
from tests.support.waiting import until

ROOT = Path(__file__).parents[3]

cluster = pytest.mark.cluster


@pytest.fixture
async def store(postgres_server: PostgresServer) -> AsyncIterator[PostgresStore]:
    store = postgres_server.store()
    await store.open()
    yield store
    await store.close()


@contextlib.asynccontextmanager
async def beside(store: PostgresStore, count: int) -> AsyncIterator[list[PostgresStore]]:
    """The stores of other gateways, over the same tables."""
    async with contextlib.AsyncExitStack() as stack:
        others = [PostgresStore(store._url, schema=store.schema) for _ in range(count)]
        for other in others:
            await other.open()
            stack.push_async_callback(other.close)
        yield others


# --- statements ------------------------------------------------------------------------------------------------------


def test_parameters_are_counted_and_times_are_the_databases() -> None:
    text, names = numbered("select :a, cast(:b as bigint), :a, x::text where seen >= :alive_since")
    assert names == ("a", "b")
    assert text.startswith(
        "select $1, cast($2 as bigint), $1, x::text where seen >= cast(extract(epoch from "
    )


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (
            "postgresql://gateway:s3cret@db.test:5432/relay?sslmode=require&password=x",
            "postgresql://db.test:5432/relay",
        ),
        ("postgresql:///relay?host=/run/postgresql", "postgresql:///relay"),
    ],
)
def test_no_password_is_shown(url: str, says: str) -> None:
    assert postgresql.shown(url) == says


# --- many gateways ---------------------------------------------------------------------------------------------------


@cluster
async def test_gateways_that_start_at_once_make_the_tables_once(postgres_server: PostgresServer) -> None:
    first = postgres_server.store()
    stores = [first, *(PostgresStore(first._url, schema=first.schema) for _ in range(5))]
    async with asyncio.TaskGroup() as tasks:
        for store in stores:
            tasks.create_task(store.open())
    assert await first.put("thing", "a", {}) == 1
    assert [await store.revision() for store in stores] == [1] * len(stores)
    for store in stores:
        await store.close()


@cluster
async def test_tables_of_a_newer_program_are_refused_and_left_alone(
    postgres_server: PostgresServer, store: PostgresStore
) -> None:
    await postgres_server.execute(f"update {store.schema}.migrations set number = 99 where schema = 'ledger'")
    newer = PostgresStore(store._url, schema=store.schema)
    with pytest.raises(StoreUnavailableError, match="newer version") as caught:
        await newer.open()
    assert caught.value.reason is Unavailable.CORRUPT


@cluster
@pytest.mark.parametrize("dead", [0, 10, 25])
async def test_of_sixty_listeners_at_once_on_six_nodes_twenty_five_are_admitted(
    postgres_server: PostgresServer, store: PostgresStore, dead: int
) -> None:
    """Slots of nodes that are gone are taken over, each by one; the limit holds whoever is quicker."""
    for n in range(dead):
        await store.claim("ns/relay", f"old{n}", "gone", 25)
    await postgres_server.execute(f"update {store.schema}.nodes set seen = seen - 60")

    async with beside(store, 6) as stores:

        async def claim(n: int) -> int | None:
            try:
                return await stores[n % 6].claim("ns/relay", f"listener{n}", f"node{n % 6}", 25)
            except LimitReachedError:
                return None

        async with asyncio.TaskGroup() as tasks:
            claims = [tasks.create_task(claim(n)) for n in range(60)]
        slots = [slot for task in claims if (slot := task.result()) is not None]
        assert sorted(slots) == list(range(25))
        assert await store.count("ns/relay") == 25


@cluster
async def test_who_reads_changes_while_many_write_misses_none(store: PostgresStore) -> None:
    """Revisions are given out before they are committed: one that shows late must not lie behind what was read."""
    written: set[str] = set()
    seen: set[str] = set()
    async with beside(store, 4) as stores:

        async def write(number: int) -> None:
            for n in range(40):
                key = f"{number}/{n}"
                await stores[number].put("thing", key, {})
                written.add(key)

        async def read() -> None:
            since = 0
            while len(seen) < 160:
                changes = await store.changes(since, limit=7)
                seen.update(change.key for change in changes)
                since = changes[-1].rev if changes else since

        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            tasks.create_task(read())
            for number in range(4):
                tasks.create_task(write(number))
    assert seen == written


@cluster
async def test_changes_between_a_look_and_what_was_forgotten_are_said_to_be_lost(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.statements.KEEP_DELETIONS", 4)
    monkeypatch.setattr("gateway.store.statements.FORGET_EVERY", 1)
    for n in range(10):
        await store.put("thing", f"t{n}", {})
    assert await store.delete_below("thing", "t") == [f"t{n}" for n in range(10)]
    with pytest.raises(RevisionForgottenError):
        await store.changes(3)


@cluster
async def test_a_claim_that_is_given_up_while_it_is_made_takes_no_slot(
    postgres_server: PostgresServer, store: PostgresStore
) -> None:
    await store.beat("node")
    async with beside(store, 1) as (other,):
        held = asyncio.Event()
        let_go = asyncio.Event()

        async def hold() -> None:
            async def work(db: object) -> None:
                await db.execute("select * from nodes for update")  # type: ignore[attr-defined]
                held.set()
                await let_go.wait()

            await other._write(work)

        async with asyncio.TaskGroup() as tasks:
            holding = tasks.create_task(hold())
            await held.wait()
            claim = tasks.create_task(store.claim("ns/relay", "listener", "node", 1))
            blocked = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%nodes%'"

            async def is_blocked() -> bool:
                return bool((await postgres_server.execute(blocked))[0][0])

            await until(is_blocked, "the claim waits for the node's row")
            claim.cancel()
            let_go.set()
            await holding
        assert claim.cancelled()
        await until(lambda: not store._behind, "what was left to do is done")
        assert await store.claim("ns/relay", "new", "node", 1) == 0


# --- what can happen to it ---------------------------------------------------------------------------------------------


@cluster
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"password": "wrong"}, "it does not let this user in"),
        ({"database": "nowhere"}, "there is no such database"),
    ],
)
async def test_why_it_cannot_be_opened_is_said_without_a_secret(
    postgres_server: PostgresServer, change: dict[str, str], says: str
) -> None:
    store = PostgresStore(postgres_server.url(**change))
    with pytest.raises(StoreUnavailableError, match=says) as caught:
        await store.open()
    assert f"{LOOPBACK}:{postgres_server.port}" in str(caught.value)
    for secret in (PASSWORD, "wrong"):
        assert secret not in str(caught.value)
    with pytest.raises(StoreUnavailableError, match="closed"):
        await store.get("thing", "a")


async def test_a_server_that_is_not_there_is_said() -> None:
    store = PostgresStore(f"postgresql://gateway:{PASSWORD}@{LOOPBACK}:{free_port()}/relay")
    with pytest.raises(StoreUnavailableError, match="nobody listens there") as caught:
        await store.open()
    assert PASSWORD not in str(caught.value)
    assert caught.value.reason is Unavailable.FAILING


@cluster
async def test_a_database_that_takes_no_writes_says_so(
    postgres_server: PostgresServer, store: PostgresStore
) -> None:
    """A standby, before somebody makes it the first."""
    standby = PostgresStore(f"{store._url}?default_transaction_read_only=on", schema=store.schema)
    with pytest.raises(StoreUnavailableError, match="takes no writes") as caught:
        await standby.open()
    assert caught.value.reason is Unavailable.READ_ONLY


@cluster
async def test_a_server_that_was_started_again_is_used_again(own_server: PostgresServer) -> None:
    store = own_server.store()
    await store.open()
    await store.put("thing", "a", {"n": 1})
    await store.claim("ns/relay", "listener", "node", 25)
    for end in (own_server.stop, own_server.kill):
        await asyncio.to_thread(end)
        with pytest.raises(StoreUnavailableError):
            await store.get("thing", "a")
        with pytest.raises(StoreUnavailableError):
            await store.beat("node")
        await asyncio.to_thread(own_server.start)
        entry = await store.get("thing", "a")
        assert entry is not None
        assert entry.value == {"n": 1}
        assert await store.claim("ns/other", "listener", "node", 25) in range(25)
    assert await store.count("ns/relay") == 0, "a crash empties the ledger: it told of connections"
    await store.close()


@cluster
async def test_a_server_that_hangs_is_given_up_in_time(
    own_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "CALL_TIMEOUT_S", 0.3)
    store = own_server.store()
    await store.open()
    await store.put("thing", "a", {"n": 1})
    own_server.freeze()
    try:
        for call in (store.get("thing", "a"), store.put("thing", "a", {"n": 2}), store.count("ns/relay")):
            with pytest.raises(StoreUnavailableError, match="did not answer"):
                await call
    finally:
        own_server.thaw()
    monkeypatch.undo()
    assert await store.get("thing", "a") is not None
    await store.close()


WRITER = """
import asyncio, sys
from gateway.store.postgresql import PostgresStore

async def main(url, schema, prefix):
    store = PostgresStore(url, schema=schema)
    await store.open()
    for n in range(1_000_000):
        await store.put("thing", f"{prefix}{n}", {"text": "x" * 500})
        print(n, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@cluster
@pytest.mark.slow
async def test_kills_of_the_server_during_writes_lose_no_acknowledged_write(
    own_server: PostgresServer,
) -> None:
    store = own_server.store()
    await store.open()
    acknowledged: dict[str, int] = {}
    for run in range(5):
        prefix = f"run{run}/"
        writer = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WRITER, own_server.url(), store.schema, prefix),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert writer.stdout is not None
        for _ in range(10 + 17 * run):
            await writer.stdout.readline()
        await asyncio.to_thread(own_server.kill)
        rest, _ = await writer.communicate()
        lines = rest.split(b"\n")[:-1]
        acknowledged[prefix] = int(lines[-1]) if lines else 9 + 17 * run
        await asyncio.to_thread(own_server.start)
    for prefix, last in acknowledged.items():
        keys = {entry.key for entry in await store.list("thing", prefix=prefix, limit=1_000_000)}
        assert {f"{prefix}{n}" for n in range(last + 1)} <= keys
    await store.close()
