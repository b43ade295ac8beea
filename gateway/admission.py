"""Who may listen: each listener has a slot of the ledger, and what holds while the ledger cannot be asked.

A shared store may be gone while its gateways are not. Then each of them admits on its own, up to the limit, and takes slots for
those listeners as soon as it can; the newest of them have to leave where there are too many in all. A store that crashed has
forgotten the whole ledger: those slots are taken again in the same way. (Cluster reference §6.3.)
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from .errors import LimitExceededError
from .fabric.interface import RelayKey
from .store.interface import LimitReachedError, Store, StoreError, StoreUnavailableError

log = logging.getLogger(__name__)

#: How often what the ledger says is compared with who is here.
COMPARE_S = 30.0
#: The same while somebody has no slot.
COMPARE_SOON_S = 3.0


@dataclass(slots=True)
class _Admitted:
    """A listener that is here, or is about to be. Without *slot* the ledger does not know of it."""

    slot: int | None
    leave: Callable[[str], None] | None = None


class Admission:
    """Admits the listeners of one node.

    Args:
        store: Which has the ledger.
        node: This node.
        limit: How many listeners a hybrid connection may have, on all nodes.
    """

    def __init__(self, store: Store, node: str, limit: int) -> None:
        self._store = store
        self._node = node
        self._limit = limit
        # in the order in which they came; those of whom the ledger was not asked yet, too
        self._admitted: dict[RelayKey, dict[str, _Admitted]] = collections.defaultdict(dict)
        self._is_alone = asyncio.Event()  # set while the ledger could not be asked

    async def admit(self, relay: RelayKey, listener: str) -> None:
        """Let *listener* in. Whoever leaves before :meth:`started` has to be taken back with :meth:`left`.

        Raises:
            LimitExceededError: There are as many as there may be.
        """
        present = self._admitted[relay]
        others = len(present)
        admitted = present[listener] = _Admitted(None)
        try:
            admitted.slot = await self._claim(relay, listener, others)
        except BaseException:
            self._forget(relay, listener)
            raise

    def started(self, relay: RelayKey, listener: str, leave: Callable[[str], None]) -> None:
        """It is connected; *leave* tells it why it has to go, should there be too many."""
        self._admitted[relay][listener].leave = leave

    async def left(self, relay: RelayKey, listener: str) -> None:
        """It has gone: its slot is free, now or with the next comparison."""
        admitted = self._forget(relay, listener)
        if admitted is not None and admitted.slot is not None:
            try:
                await self._store.release(relay, admitted.slot, listener)
            except StoreUnavailableError as error:
                log.info("the slot of %s is freed later: %s", listener, error)

    async def run(self) -> None:
        """Compare for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(COMPARE_S):
                    await self._is_alone.wait()
                    await asyncio.sleep(COMPARE_SOON_S)
            await self.compare()

    async def compare(self) -> None:
        """Take slots for those who have none, and free those whose listeners have gone."""
        try:
            slots = await self._store.slots(self._node)
            await self._take_slots({(relay, listener) for relay, _, listener in slots})
            for relay, slot, listener in slots:
                if listener not in self._admitted.get(RelayKey(relay), {}):
                    await self._store.release(relay, slot, listener)
        except StoreError as error:
            self._note_alone(error)
        else:
            if self._is_alone.is_set():
                log.info("the ledger of listeners can be used again")
            self._is_alone.clear()

    async def _take_slots(self, known: set[tuple[str, str]]) -> None:
        for relay, listener, admitted in [
            (relay, listener, admitted)
            for relay, present in self._admitted.items()
            for listener, admitted in present.items()
            if admitted.leave is not None and (relay, listener) not in known
        ]:
            try:
                admitted.slot = await self._store.claim(relay, listener, self._node, self._limit)
            except LimitReachedError:
                log.warning("listener %s has to leave: there are %d others", listener, self._limit)
                admitted.leave("There are too many listeners.")  # type: ignore[misc]  # it has started: see above
                continue
            if self._admitted.get(relay, {}).get(listener) is not admitted:
                await self._store.release(relay, admitted.slot, listener)  # it went meanwhile

    async def _claim(self, relay: RelayKey, listener: str, others: int) -> int | None:
        try:
            return await self._store.claim(relay, listener, self._node, self._limit)
        except LimitReachedError as error:
            raise LimitExceededError.listeners(self._limit) from error
        except StoreUnavailableError as error:
            self._note_alone(error)
            if others >= self._limit:
                raise LimitExceededError.listeners(self._limit) from error
            return None

    def _forget(self, relay: RelayKey, listener: str) -> _Admitted | None:
        present = self._admitted.get(relay, {})
        admitted = present.pop(listener, None)
        if not present:
            self._admitted.pop(relay, None)
        return admitted

    def _note_alone(self, error: StoreError) -> None:
        if not self._is_alone.is_set():
            log.warning("listeners are admitted without the ledger: %s", error)
        self._is_alone.set()
