from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.sqlite import SqliteStore
from gateway.tickets import Tickets, shared_key

SECRET = "0123456789abcdef" * 2


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_what_one_gateway_signs_another_knows() -> None:
    signed = Tickets(b"k" * 32, 30.0).signed("g1", SECRET)
    assert signed.startswith(SECRET)
    assert Tickets(b"k" * 32, 30.0).is_good("g1", signed)
    assert not Tickets(b"k" * 32, 30.0).is_good("g2", signed)
    assert not Tickets(b"x" * 32, 30.0).is_good("g1", signed)


@pytest.mark.parametrize("place", range(0, 72, 5))
def test_no_character_can_be_changed(place: int) -> None:
    tickets = Tickets(b"k" * 32, 30.0)
    signed = tickets.signed("g1", SECRET)
    changed = "0" if signed[place] != "0" else "1"
    assert not tickets.is_good("g1", signed[:place] + changed + signed[place + 1 :])


def test_an_old_one_is_no_good() -> None:
    clock = Clock()
    tickets = Tickets(b"k" * 32, 30.0, now=clock)
    signed = tickets.signed("g1", SECRET)
    clock.now += 85
    assert tickets.is_good("g1", signed)
    clock.now += 10
    assert not tickets.is_good("g1", signed)


@given(st.text(max_size=100), st.text(max_size=100))
def test_looking_at_one_is_total(node: str, text: str) -> None:
    assert not Tickets(b"k" * 32, 30.0).is_good(node, text)


async def test_all_that_use_a_store_have_one_key(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "gateway.db")
    await store.open()
    keys = await asyncio.gather(*(shared_key(store) for _ in range(5)))
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
    await store.close()
