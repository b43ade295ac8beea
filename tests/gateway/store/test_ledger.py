"""The ledger of listeners as every store keeps it: `Store` of gateway/store/interface.py, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from gateway.store.interface import NODE_DEAD_AFTER_S, LimitReachedError, Store

from .conftest import Age


async def test_of_sixty_listeners_at_once_twenty_five_are_admitted(store: Store) -> None:
    """Each gets a slot of its own."""

    async def claim(n: int) -> int | None:
        try:
            return await store.claim("ns/relay", f"listener{n}", "node", 25)
        except LimitReachedError:
            return None

    async with asyncio.TaskGroup() as tasks:
        claims = [tasks.create_task(claim(n)) for n in range(60)]
    slots = [slot for task in claims if (slot := task.result()) is not None]
    assert sorted(slots) == list(range(25))
    assert await store.count("ns/relay") == 25
    assert await store.claim("ns/other", "listener", "node", 25) in range(25)


async def test_a_released_slot_can_be_claimed_again(store: Store) -> None:
    names = {await store.claim("ns/relay", f"l{n}", "node", 3): f"l{n}" for n in range(3)}
    await store.release("ns/relay", 1, names[1])
    assert await store.count("ns/relay") == 2
    assert await store.claim("ns/relay", "new", "node", 3) == 1


async def test_a_slot_is_released_only_by_who_has_it(store: Store) -> None:
    slot = await store.claim("ns/relay", "mine", "node", 25)
    await store.release("ns/relay", slot, "other")
    assert await store.count("ns/relay") == 1


async def test_slots_of_a_dead_node_do_not_count_and_are_taken_over(store: Store, age: Age) -> None:
    for n in range(2):
        await store.claim("ns/relay", f"old{n}", "dead", 2)
    with pytest.raises(LimitReachedError):
        await store.claim("ns/relay", "new", "living", 2)
    await age(NODE_DEAD_AFTER_S + 1)
    assert await store.count("ns/relay") == 0
    assert {await store.claim("ns/relay", f"new{n}", "living", 2) for n in range(2)} == {0, 1}
    assert await store.count("ns/relay") == 2


async def test_a_node_that_beats_keeps_its_slots(store: Store, age: Age) -> None:
    await store.claim("ns/relay", "listener", "node", 1)
    for _ in range(5):
        await age(NODE_DEAD_AFTER_S - 1)
        await store.beat("node", {"address": "127.0.0.1"})
    with pytest.raises(LimitReachedError):
        await store.claim("ns/relay", "new", "other", 1)
    nodes = {record.node: record for record in await store.nodes()}
    assert nodes["node"].details == {"address": "127.0.0.1"}
    assert 0 <= nodes["node"].age_s < 1


async def test_a_forgotten_node_leaves_its_slots_at_once(store: Store) -> None:
    await store.claim("ns/relay", "listener", "node", 1)
    await store.forget("node")
    assert await store.count("ns/relay") == 0
    assert await store.nodes() == []
    assert await store.claim("ns/relay", "new", "other", 1) == 0


async def test_counts_are_told_for_a_whole_namespace(store: Store) -> None:
    for relay, number in (("ns/a", 2), ("ns/b", 1), ("ns2/a", 1)):
        for n in range(number):
            await store.claim(relay, f"l{n}", "node", 25)
    assert await store.counts("ns/") == {"ns/a": 2, "ns/b": 1}
