"""A store that fails when it is told to, around a real one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.store.interface import Entry, EntryChange, StoreUnavailableError, Unavailable
from gateway.store.sqlite import SqliteStore


class FlakyStore(SqliteStore):
    """``failure`` is raised by everything that touches entries, ``ledger_failure`` by what touches the ledger; ``lost_answers``
    are writes that fail once done.

    While ``is_held``, writes wait for ``go_on``; ``reached`` says that one does.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.failure: Unavailable | None = None
        self.ledger_failure: Unavailable | None = None
        self.lost_answers = 0
        self.is_held = False
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    def _fail(self) -> None:
        if self.failure is not None:
            raise StoreUnavailableError(self.failure, f"the store is {self.failure.value}")

    async def get(self, kind: str, key: str) -> Entry | None:
        self._fail()
        return await super().get(kind, key)

    async def list(
        self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000
    ) -> Sequence[Entry]:
        self._fail()
        return await super().list(kind, prefix=prefix, after=after, limit=limit)

    async def put(self, kind: str, key: str, value: Mapping[str, Any], *, if_rev: int | None = None) -> int:
        self._fail()
        if self.is_held:
            self.reached.set()
            await self.go_on.wait()
        rev = await super().put(kind, key, value, if_rev=if_rev)
        if self.lost_answers:
            self.lost_answers -= 1
            raise StoreUnavailableError(Unavailable.FAILING, "whether it was written is unknown")
        return rev

    async def delete(self, kind: str, key: str, *, if_rev: int | None = None) -> bool:
        self._fail()
        return await super().delete(kind, key, if_rev=if_rev)

    async def delete_below(self, kind: str, prefix: str) -> Sequence[str]:
        self._fail()
        return await super().delete_below(kind, prefix)

    async def changes(self, since: int, *, limit: int = 1000) -> Sequence[EntryChange]:
        self._fail()
        return await super().changes(since, limit=limit)

    async def revision(self) -> int:
        self._fail()
        return await super().revision()

    def _fail_ledger(self) -> None:
        if self.ledger_failure is not None:
            raise StoreUnavailableError(self.ledger_failure, f"the ledger is {self.ledger_failure.value}")

    async def claim(self, relay: str, listener: str, node: str, limit: int) -> int:
        self._fail_ledger()
        return await super().claim(relay, listener, node, limit)

    async def release(self, relay: str, slot: int, listener: str) -> None:
        self._fail_ledger()
        await super().release(relay, slot, listener)

    async def slots(self, node: str) -> Sequence[tuple[str, int, str]]:
        self._fail_ledger()
        return await super().slots(node)
