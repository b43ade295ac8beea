"""gateway/directory.py over a real store, which fails when it is told to."""

import asyncio
import functools
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway import directory as directory_module
from gateway.config import GatewayConfig
from gateway.directory import Change, ContentionError, Directory
from gateway.editor import Editor
from gateway.entities import ROOT_RULE, HybridConnection, Namespace, find_rule
from gateway.store import statements
from gateway.store.interface import StoreUnavailableError, Unavailable
from hyco.addresses import Endpoint
from hyco.sas import Right
from tests.support.flaky_store import FlakyStore

DATA = Path("data")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[FlakyStore]:
    store = FlakyStore(tmp_path / "gateway.db")
    await store.open()
    yield store
    await store.close()


async def make_directory(
    store: FlakyStore,
    *,
    namespace: str = "contoso",
    namespace_hosts: tuple[str, ...] = (),
    public_url: Endpoint | None = None,
) -> Directory:
    config = GatewayConfig(
        data_folder=DATA, namespace=namespace, namespace_hosts=namespace_hosts, public_url=public_url
    )
    ticks = itertools.count(1_000)
    directory = Directory(store, config, now=lambda: float(next(ticks)))
    await directory.load()
    return directory


async def names(directory: Directory, namespace: str = "contoso") -> list[str]:
    return [connection.name for connection in directory.connections(namespace)]


# --- look-ups --------------------------------------------------------------------------------------------------------


async def test_a_new_store_gets_the_default_namespace_with_a_rule_that_may_do_everything(
    store: FlakyStore,
) -> None:
    directory = await make_directory(store)
    (namespace,) = directory.namespaces()
    assert namespace.name == "contoso"
    rule = find_rule(namespace.rules, ROOT_RULE)
    assert rule is not None
    assert rule.rights == Right.ALL
    assert rule.primary_key != rule.secondary_key


async def test_a_restart_finds_everything_as_it_was(store: FlakyStore) -> None:
    before = await make_directory(store)
    await Editor(before).put_connection("contoso", "a/B", user_metadata="x")
    after = await make_directory(store, namespace="another-name")
    assert after.namespaces() == before.namespaces()
    assert after.connections("contoso") == before.connections("contoso")


@pytest.mark.parametrize(
    ("path", "found"),
    [("a", "a"), ("a/b", "a/b"), ("a/b/c/d", "a/b"), ("a/x", "a"), ("ab", None), ("x", None), ("a/bc", "a")],
)
async def test_the_longest_name_that_a_path_begins_with_is_found(
    store: FlakyStore, path: str, found: str | None
) -> None:
    directory = await make_directory(store)
    for name in ("a", "a/b", "abc"):
        await Editor(directory).put_connection("contoso", name)
    connection = await directory.find(directory.namespaces()[0], path)
    assert (connection.name if connection else None) == found


async def test_the_only_namespace_answers_to_any_host(store: FlakyStore) -> None:
    directory = await make_directory(store)
    for host in ("contoso.example", "10.0.0.1:9400", "[::1]", "", "not a host", "\ud800"):
        namespace = directory.namespace_for(host)
        assert namespace is not None
        assert namespace.name == "contoso"


async def test_of_several_namespaces_a_host_means_one_or_none(store: FlakyStore) -> None:
    directory = await make_directory(
        store, namespace_hosts=("relay.internal",), public_url=Endpoint("relay.example.org", 443, True)
    )
    await Editor(directory).create_namespace("Fabrikam", ["fabrikam.example", "shared.example"])
    wanted = {
        "fabrikam.example": "Fabrikam",
        "FABRIKAM.example:8443": "Fabrikam",
        "shared.example.": "Fabrikam",
        "fabrikam.relay.example.org": "Fabrikam",
        "contoso.anything": "contoso",
        "relay.internal": "contoso",
        "relay.example.org:443": "contoso",
        "unknown.example": None,
        "127.0.0.1": None,
        "": None,
        "not a host": None,
    }
    found = {host: directory.namespace_for(host) for host in wanted}
    assert {host: namespace.name if namespace else None for host, namespace in found.items()} == wanted


async def test_tokens_may_name_the_hosts_of_their_own_namespace_and_the_public_one(store: FlakyStore) -> None:
    directory = await make_directory(
        store, namespace_hosts=("relay.internal",), public_url=Endpoint("relay.example.org", 443, True)
    )
    fabrikam = await Editor(directory).create_namespace("fabrikam", ["fabrikam.example"])
    contoso = directory.namespace("contoso")
    assert contoso is not None
    assert directory.hosts(contoso) == {"relay.internal", "relay.example.org"}
    assert directory.hosts(fabrikam) == {"fabrikam.example", "relay.example.org"}


# --- following the store -----------------------------------------------------------------------------------------------


async def test_changes_of_another_process_are_taken_over_and_told(store: FlakyStore) -> None:
    here, there = await make_directory(store), await make_directory(store)
    told: list[Change] = []
    here.subscribe(told.append)
    await Editor(there).put_connection("contoso", "new")
    await Editor(there).create_namespace("fabrikam")
    assert await names(here) == []
    await here.sync()
    assert await names(here) == ["new"]
    assert here.namespace("fabrikam") == there.namespace("fabrikam")
    await Editor(there).delete_connection("contoso", "new")
    await here.sync()
    assert await names(here) == []
    assert [change.removed_relays for change in told] == [(), (), ("contoso/new",)]
    await here.sync()
    assert len(told) == 3


async def test_what_was_forgotten_meanwhile_is_found_by_reading_everything(
    store: FlakyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "KEEP_DELETIONS", 1)
    monkeypatch.setattr(statements, "FORGET_EVERY", 1)
    here, there = await make_directory(store), await make_directory(store)
    editor = Editor(there)
    await editor.put_connection("contoso", "goes")
    await editor.put_connection("contoso", "stays")
    await editor.create_namespace("fabrikam")
    await here.sync()
    told: list[Change] = []
    here.subscribe(told.append)
    await editor.delete_connection("contoso", "goes")
    await editor.delete_namespace("fabrikam")
    for n in range(5):
        await editor.put_connection("contoso", f"t{n}")
        await editor.delete_connection("contoso", f"t{n}")
    await here.sync()
    assert await names(here) == ["stays"]
    assert here.namespace("fabrikam") is None
    assert [change.removed_relays for change in told if change.after is None] == [("contoso/goes",), ()]


async def test_many_entries_are_read_page_by_page(store: FlakyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_module, "_PAGE", 3)
    directory = await make_directory(store)
    for n in range(10):
        await Editor(directory).put_connection("contoso", f"c{n}")
    again = await make_directory(store)
    assert len(await names(again)) == 10
    for n in range(10):
        await Editor(directory).delete_connection("contoso", f"c{n}")
    await again.sync()
    assert await names(again) == []


async def test_look_ups_go_on_while_the_store_is_gone_and_changes_come_after(store: FlakyStore) -> None:
    """Reliability reference F10, F11."""
    directory = await make_directory(store)
    await Editor(directory).put_connection("contoso", "a")
    store.failure = Unavailable.LOCKED
    with pytest.raises(StoreUnavailableError):
        await Editor(directory).put_connection("contoso", "b")
    with pytest.raises(StoreUnavailableError):
        await Editor(directory).delete_connection("contoso", "a")
    assert await names(directory) == ["a"]
    assert await directory.find(directory.namespaces()[0], "a/x") is not None
    store.failure = None
    await Editor(directory).put_connection("contoso", "b")
    assert await names(directory) == ["a", "b"]


async def test_a_write_whose_answer_was_lost_is_found_before_the_next_change(store: FlakyStore) -> None:
    directory = await make_directory(store)
    store.lost_answers = 1
    with pytest.raises(StoreUnavailableError):
        await Editor(directory).put_connection("contoso", "written")
    assert await names(directory) == []
    await Editor(directory).put_connection("contoso", "next")
    assert await names(directory) == ["next", "written"]


@pytest.mark.expect_log_warnings("changes in the store cannot be seen: the store is locked")
async def test_it_keeps_up_by_itself_and_tells_once_when_it_cannot(
    store: FlakyStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(directory_module, "SYNC_INTERVAL_S", 0.001)
    here, there = await make_directory(store), await make_directory(store)
    changed = asyncio.Event()
    here.subscribe(lambda _: changed.set())
    running = asyncio.create_task(here.run())
    store.failure = Unavailable.LOCKED
    sync = here.sync
    asked = asyncio.Semaphore(0)

    async def counted() -> None:
        asked.release()
        await sync()

    monkeypatch.setattr(here, "sync", counted)
    for _ in range(5):
        await asked.acquire()
    assert len(caplog.records) == 1
    store.failure = None
    await Editor(there).put_connection("contoso", "new")
    async with asyncio.timeout(5):
        await changed.wait()
    assert await names(here) == ["new"]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_store_whose_documents_are_not_ours_is_refused_without_showing_them(
    store: FlakyStore,
) -> None:
    await store.put(Namespace.KIND, "contoso", {"name": "contoso", "rules": "secret-key"})
    with pytest.raises(
        StoreUnavailableError, match="namespace 'contoso' in the store cannot be understood"
    ) as caught:
        await make_directory(store)
    assert caught.value.reason is Unavailable.CORRUPT
    assert "secret" not in str(caught.value)


async def test_other_kinds_in_the_store_are_left_alone(store: FlakyStore) -> None:
    directory = await make_directory(store)
    await store.put("future", "thing", {})
    await directory.sync()
    assert len(directory.namespaces()) == 1


# --- changing ----------------------------------------------------------------------------------------------------------


async def test_a_change_survives_that_its_caller_is_cancelled(store: FlakyStore) -> None:
    """Otherwise it would be in the store and not in memory."""
    directory = await make_directory(store)
    store.is_held = True
    change = asyncio.create_task(Editor(directory).put_connection("contoso", "a"))
    await store.reached.wait()
    change.cancel()
    with pytest.raises(asyncio.CancelledError):
        await change
    assert await names(directory) == []
    store.is_held = False
    store.go_on.set()
    # changes take turns: this one comes after
    await Editor(directory).put_connection("contoso", "b")
    assert await names(directory) == ["a", "b"]


async def test_a_change_whose_turn_does_not_come_is_given_up_in_time_and_never_made(
    store: FlakyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reliability reference F11: every one of many changes hears within five seconds that the store hangs."""
    directory = await make_directory(store)
    impatient = functools.partial(directory.exclusively, timeout_s=0.05)
    monkeypatch.setattr(directory, "exclusively", impatient)
    store.is_held = True
    async with asyncio.TaskGroup() as tasks:
        changes = [tasks.create_task(_outcome(Editor(directory), f"c{n}")) for n in range(5)]
    outcomes = [task.result() for task in changes]
    assert outcomes[0].endswith("within 0.05 s; whether it will be written is unknown")
    assert all(outcome.endswith("within 0.05 s; nothing was written") for outcome in outcomes[1:])
    monkeypatch.undo()
    store.is_held = False
    store.go_on.set()
    await Editor(directory).put_connection("contoso", "later")
    assert await names(directory) == ["c0", "later"]


async def _outcome(editor: Editor, name: str) -> str:
    with pytest.raises(StoreUnavailableError) as caught:
        await editor.put_connection("contoso", name)
    return str(caught.value)


async def test_two_processes_changing_one_thing_lose_nothing(store: FlakyStore) -> None:
    editors = [Editor(await make_directory(store)) for _ in range(2)]
    await editors[0].put_connection("contoso", "a")
    await editors[1]._directory.sync()
    async with asyncio.TaskGroup() as tasks:
        for n in range(10):
            tasks.create_task(editors[n % 2].put_rule("contoso", "a", f"rule{n}", Right.SEND))
    again = await make_directory(store)
    assert {rule.name for rule in Editor(again).rules("contoso", "a")} == {f"rule{n}" for n in range(10)}


async def test_steady_contention_is_given_up_with_a_reason(store: FlakyStore) -> None:
    directory = await make_directory(store)
    await Editor(directory).put_connection("contoso", "a")

    def change(before: HybridConnection | None) -> HybridConnection:
        assert before is not None
        nonlocal turn
        turn += 1
        return before if turn < 0 else _renamed(before, turn)

    async def contended() -> HybridConnection:
        original = store.put

        async def put(kind: str, key: str, value: dict[str, object], *, if_rev: int | None = None) -> int:
            await original(kind, key, value)  # another one is quicker
            return await original(kind, key, value, if_rev=if_rev)

        store.put = put  # type: ignore[method-assign]
        return await directory.write(HybridConnection, "contoso/a", change)

    turn = 0
    with pytest.raises(ContentionError, match="contoso/a is being changed by others"):
        await directory.exclusively(contended)
    assert turn == 5


def _renamed(connection: HybridConnection, turn: int) -> HybridConnection:
    import dataclasses

    return dataclasses.replace(connection, user_metadata=str(turn))


@pytest.mark.expect_log_warnings("a change was not taken in")
async def test_a_subscriber_that_fails_keeps_nothing_from_the_others(store: FlakyStore) -> None:
    directory = await make_directory(store)
    told: list[Change] = []

    def fail(change: Change) -> None:
        raise RuntimeError

    directory.subscribe(fail)
    unsubscribe = directory.subscribe(told.append)
    await Editor(directory).put_connection("contoso", "a")
    unsubscribe()
    unsubscribe()
    await Editor(directory).put_connection("contoso", "b")
    assert len(told) == 1
    assert await names(directory) == ["a", "b"]


async def test_gateways_that_load_an_empty_store_at_once_all_know_what_one_of_them_made(
    tmp_path: Path,
) -> None:
    """The first makes the namespace; the others meet it in the moment in which they would have made it."""
    store = FlakyStore(tmp_path / "gateway.db")
    await store.open()
    directories = [Directory(store, GatewayConfig(data_folder=tmp_path)) for _ in range(3)]
    await asyncio.gather(*(directory.load() for directory in directories))
    rules = [[namespace.rules for namespace in directory.namespaces()] for directory in directories]
    assert len(rules[0]) == 1
    assert rules == [rules[0]] * 3
    await store.close()
