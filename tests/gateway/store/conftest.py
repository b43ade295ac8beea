"""Every store there is, for the tests of what all of them do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.store.interface import Store
from gateway.store.sqlite import SqliteStore
from tests.support.clocks import SteppedClock

if TYPE_CHECKING:
    from tests.support.postgresql import PostgresServer

#: Let so many seconds pass for the ledger.
Age = Callable[[float], Awaitable[None]]


class _Kept:
    """A store, and how time passes in it."""

    def __init__(self, store: Store, age: Age) -> None:
        self.store = store
        self.age = age


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.cluster)])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[_Kept]:
    """One of them, open and empty."""
    if request.param == "sqlite":
        clock = SteppedClock()

        async def step(seconds: float) -> None:
            clock.advance(seconds)

        made = _Kept(SqliteStore(tmp_path / "gateway.db", clock=clock.monotonic), step)
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        store = server.store()

        async def grow_older(seconds: float) -> None:
            await server.execute(
                f'update "{store.schema}".nodes set seen = seen - cast($1 as double precision)', seconds
            )

        made = _Kept(store, grow_older)
    await made.store.open()
    yield made
    await made.store.close()


@pytest.fixture
def store(kept: _Kept) -> Store:
    """The store."""
    return kept.store


@pytest.fixture
def age(kept: _Kept) -> Age:
    """How time passes in it."""
    return kept.age
