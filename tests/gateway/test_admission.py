from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.admission import Admission
from gateway.errors import LimitExceededError
from gateway.fabric.interface import RelayKey
from gateway.store.interface import Unavailable
from tests.support.flaky_store import FlakyStore
from tests.support.waiting import until

RELAY = RelayKey("ns/relay")

alone = pytest.mark.expect_log_warnings("listeners are admitted without the ledger: the ledger is failing")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[FlakyStore]:
    store = FlakyStore(tmp_path / "gateway.db")
    await store.open()
    yield store
    await store.close()


class Node:
    """One gateway's admission, and whom it told to leave."""

    def __init__(self, store: FlakyStore, name: str = "node", limit: int = 3) -> None:
        self.admission = Admission(store, name, limit)
        self.told: list[str] = []

    async def listen(self, listener: str) -> None:
        await self.admission.admit(RELAY, listener)
        self.admission.started(RELAY, listener, lambda _: self.told.append(listener))

    async def leave(self, listener: str) -> None:
        await self.admission.left(RELAY, listener)


async def test_the_limit_holds_on_all_nodes_together(store: FlakyStore) -> None:
    one, two = Node(store, "one"), Node(store, "two")
    for node, listener in ((one, "a"), (two, "b"), (one, "c")):
        await node.listen(listener)
    for node in (one, two):
        with pytest.raises(LimitExceededError):
            await node.listen("d")
    await one.leave("a")
    await two.listen("d")
    assert await store.count(RELAY) == 3


@alone
async def test_without_the_ledger_each_node_admits_up_to_the_limit(store: FlakyStore) -> None:
    node = Node(store)
    store.ledger_failure = Unavailable.FAILING
    for listener in "abc":
        await node.listen(listener)
    with pytest.raises(LimitExceededError):
        await node.listen("d")
    await node.leave("b")
    await node.listen("d")
    assert node.told == []


@pytest.mark.expect_log_warnings("listener c has to leave: there are 3 others", "admitted without the ledger")
async def test_slots_are_taken_when_the_ledger_is_back_and_the_newest_leave(store: FlakyStore) -> None:
    one, two = Node(store, "one"), Node(store, "two")
    await two.listen("first")
    store.ledger_failure = Unavailable.FAILING
    for listener in "abc":
        await one.listen(listener)
    await one.admission.compare()
    store.ledger_failure = None
    await one.admission.compare()
    assert one.told == ["c"]
    assert await store.count(RELAY) == 3
    assert {listener for _, _, listener in await store.slots("one")} == {"a", "b"}
    await one.leave("a")
    assert {listener for _, _, listener in await store.slots("one")} == {"b"}


async def test_a_ledger_that_forgot_everything_is_told_again(store: FlakyStore) -> None:
    """A database that crashed has an empty ledger: who is connected has kept nothing in it."""
    node = Node(store)
    for listener in "ab":
        await node.listen(listener)
    await store.forget("node")
    assert await store.count(RELAY) == 0
    await node.admission.compare()
    assert {listener for _, _, listener in await store.slots("node")} == {"a", "b"}
    assert node.told == []


@alone
async def test_a_slot_that_could_not_be_freed_is_freed_later(store: FlakyStore) -> None:
    node = Node(store)
    await node.listen("a")
    store.ledger_failure = Unavailable.FAILING
    await node.leave("a")
    await node.admission.compare()
    store.ledger_failure = None
    assert await store.count(RELAY) == 1
    await node.admission.compare()
    assert await store.count(RELAY) == 0


async def test_who_is_just_being_admitted_is_left_alone(store: FlakyStore) -> None:
    node = Node(store)
    await node.admission.admit(RELAY, "a")
    await node.admission.compare()
    assert await store.count(RELAY) == 1
    await node.admission.left(RELAY, "a")
    assert await store.count(RELAY) == 0


@alone
async def test_it_is_compared_soon_while_somebody_has_no_slot(
    store: FlakyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.admission.COMPARE_SOON_S", 0.01)
    node = Node(store)
    comparing = asyncio.create_task(node.admission.run())
    store.ledger_failure = Unavailable.FAILING
    await node.listen("a")
    store.ledger_failure = None

    async def is_told() -> bool:
        return await store.count(RELAY) == 1

    await until(is_told, "the ledger knows of it")
    comparing.cancel()
