"""Entries as every store keeps them: `Store` of gateway/store/interface.py, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from gateway.store import statements
from gateway.store.interface import ABSENT, ConflictError, RevisionForgottenError, Store


async def test_an_entry_is_read_as_it_was_written(store: Store) -> None:
    rev = await store.put("thing", "a", {"text": "ü", "numbers": [1, None, True]})
    entry = await store.get("thing", "a")
    assert entry is not None
    assert (entry.kind, entry.key, entry.rev) == ("thing", "a", rev)
    assert entry.value == {"text": "ü", "numbers": [1, None, True]}
    assert await store.get("other", "a") is None


async def test_a_value_stays_out_of_reprs(store: Store) -> None:
    await store.put("thing", "a", {"key": "secret"})
    assert "secret" not in repr(await store.get("thing", "a"))


async def test_revisions_grow_over_all_keys(store: Store) -> None:
    revisions = [await store.put("thing", key, {}) for key in "abcab"]
    assert revisions == sorted(set(revisions))


async def test_a_new_entry_must_be_new(store: Store) -> None:
    await store.put("thing", "a", {"n": 1}, if_rev=ABSENT)
    with pytest.raises(ConflictError, match="exists"):
        await store.put("thing", "a", {"n": 2}, if_rev=ABSENT)
    entry = await store.get("thing", "a")
    assert entry is not None
    assert entry.value == {"n": 1}


async def test_a_deleted_entry_can_be_new_again(store: Store) -> None:
    await store.put("thing", "a", {"n": 1})
    assert await store.delete("thing", "a")
    assert await store.put("thing", "a", {"n": 2}, if_rev=ABSENT) > 0


async def test_a_write_over_a_state_not_seen_is_refused(store: Store) -> None:
    seen = await store.put("thing", "a", {"n": 1})
    latest = await store.put("thing", "a", {"n": 2}, if_rev=seen)
    with pytest.raises(ConflictError, match="has changed"):
        await store.put("thing", "a", {"n": 3}, if_rev=seen)
    with pytest.raises(ConflictError, match="has changed"):
        await store.delete("thing", "a", if_rev=seen)
    assert await store.delete("thing", "a", if_rev=latest)
    with pytest.raises(ConflictError, match="has changed"):
        await store.put("thing", "a", {"n": 4}, if_rev=latest)


async def test_a_refused_write_uses_no_revision(store: Store) -> None:
    first = await store.put("thing", "a", {})
    with pytest.raises(ConflictError):
        await store.put("thing", "a", {}, if_rev=ABSENT)
    assert await store.put("thing", "b", {}) == first + 1


async def test_deleting_what_is_not_there_says_so(store: Store) -> None:
    assert not await store.delete("thing", "a")
    await store.put("thing", "a", {})
    await store.delete("thing", "a")
    assert not await store.delete("thing", "a", if_rev=1)


async def test_only_one_of_many_writers_that_saw_the_same_wins(store: Store) -> None:
    seen = await store.put("counter", "a", {"n": 0})

    async def write(n: int) -> bool:
        try:
            await store.put("counter", "a", {"n": n}, if_rev=seen)
        except ConflictError:
            return False
        return True

    async with asyncio.TaskGroup() as tasks:
        wins = [tasks.create_task(write(n)) for n in range(20)]
    assert sum(task.result() for task in wins) == 1


async def test_a_list_has_what_begins_with_the_prefix_page_by_page(store: Store) -> None:
    for key in ("ns/a", "ns/b/c", "ns/b", "ns2/a", "ns", "ns/é", "ns/\U0010fffe"):
        await store.put("thing", key, {})
    await store.put("other", "ns/x", {})
    await store.put("thing", "ns/gone", {})
    await store.delete("thing", "ns/gone")
    first = await store.list("thing", prefix="ns/", limit=2)
    rest = await store.list("thing", prefix="ns/", after=first[-1].key)
    assert [entry.key for entry in first] == ["ns/a", "ns/b"]
    assert [entry.key for entry in rest] == ["ns/b/c", "ns/é", "ns/\U0010fffe"]


async def test_everything_below_a_prefix_is_deleted_at_once(store: Store) -> None:
    for key in ("ns/a", "ns/b/c", "ns2/a"):
        await store.put("thing", key, {})
    await store.put("other", "ns/x", {})
    before = await store.revision()
    assert await store.delete_below("thing", "ns/") == ["ns/a", "ns/b/c"]
    assert [entry.key for entry in await store.list("thing")] == ["ns2/a"]
    assert await store.get("other", "ns/x") is not None
    assert [(change.key, change.is_deleted) for change in await store.changes(before)] == [
        ("ns/a", True),
        ("ns/b/c", True),
    ]
    assert await store.delete_below("thing", "ns/") == []


async def test_keys_are_data_and_never_sql(store: Store) -> None:
    hostile = "'); drop table entries; --%_\\"
    await store.put("thing", hostile, {"n": 1})
    assert [entry.key for entry in await store.list("thing", prefix="'")] == [hostile]
    assert await store.list("thing", prefix="%") == []


async def test_changes_tell_the_latest_state_of_every_entry_since(store: Store) -> None:
    before = await store.put("thing", "a", {})
    await store.put("thing", "b", {})
    await store.put("thing", "b", {})
    await store.delete("thing", "a")
    changes = await store.changes(before)
    assert [(change.key, change.is_deleted) for change in changes] == [("b", False), ("a", True)]
    assert await store.changes(changes[-1].rev) == []


async def test_changes_come_in_portions(store: Store) -> None:
    for key in "abc":
        await store.put("thing", key, {})
    first = await store.changes(0, limit=2)
    rest = await store.changes(first[-1].rev, limit=2)
    assert [change.key for change in (*first, *rest)] == ["a", "b", "c"]


async def test_deletions_are_forgotten_after_a_while_and_that_is_said(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, a gateway whose hybrid connections come and go would grow for ever."""
    monkeypatch.setattr(statements, "KEEP_DELETIONS", 10)
    monkeypatch.setattr(statements, "FORGET_EVERY", 2)
    start = await store.put("thing", "stays", {})
    for n in range(20):
        await store.put("thing", f"t{n}", {})
        await store.delete("thing", f"t{n}")
    with pytest.raises(RevisionForgottenError):
        await store.changes(start)
    last = await store.put("thing", "last", {})
    remembered = await store.changes(last - 9)
    assert [change.key for change in remembered][-1] == "last"
    assert all(change.is_deleted for change in remembered[:-1])
    assert await store.get("thing", "stays") is not None
