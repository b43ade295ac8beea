"""The fabric of a gateway that is alone: a dictionary of lists, and a random choice."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from ..errors import BusyError, DrainingError, ListenerCriteriaError, ListenerGoneError, NoListenerError
from .interface import Ask, AskHandler, FabricStatus, Heard, RelayKey, Told


@dataclass(eq=False, slots=True)
class LocalOffer:
    """One listener of this process. Compared by identity: each is a registration of its own."""

    fabric: LocalFabric
    relay: RelayKey
    listener: str
    handler: AskHandler = field(repr=False)

    def withdraw(self) -> None:
        """Ask it no more."""
        self.fabric._remove(self)  # noqa: SLF001 - the offer is the handle by which its fabric is told


class LocalFabric:
    """A Fabric whose listeners are all in this process. Made and used on one loop; it awaits nothing itself."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._offers: dict[RelayKey, list[LocalOffer]] = {}
        self._is_draining = False

    @property
    def node(self) -> str:
        """This node and its incarnation."""
        return self._node

    async def open(self) -> None:
        """There is nothing to connect to."""

    async def offer(self, relay: RelayKey, listener: str, handler: AskHandler) -> LocalOffer:
        """Let *listener* be asked through *handler*."""
        if self._is_draining:
            raise DrainingError
        made = LocalOffer(self, relay, listener, handler)
        self._offers.setdefault(relay, []).append(made)
        return made

    async def subscribe(self, relay: RelayKey, listener: str, handler: AskHandler) -> LocalOffer:
        """Let *listener* hear all that is published, through *handler*."""
        return await self.offer(relay, listener, handler)

    async def publish(self, relay: RelayKey, ask: Ask) -> Heard:
        """Tell every subscriber."""
        if self._is_draining:
            raise DrainingError
        heard = self.tell_all(relay, ask)
        if heard.is_by_nobody:
            raise NoListenerError
        return heard

    def tell_all(self, relay: RelayKey, ask: Ask) -> Heard:
        """The same, where nobody is no error."""
        delivered = dropped = 0
        for offer in tuple(self._offers.get(relay, ())):
            try:
                offer.handler(ask)
            except ListenerGoneError:
                continue
            except BusyError:
                dropped += 1
            else:
                delivered += 1
        return Heard(delivered=delivered, dropped=dropped)

    async def ask(self, relay: RelayKey, ask: Ask) -> Told:
        """Tell one listener, picked at random."""
        return self.tell(relay, ask)

    def tell(self, relay: RelayKey, ask: Ask, *, first: LocalOffer | None = None) -> Told:
        """The same; *first* goes before all others, where it suits. Raises as Fabric.ask does."""
        candidates = self.candidates(relay, ask)
        random.shuffle(candidates)
        if first in candidates:
            candidates.sort(key=lambda offer: offer is not first)
        was_busy = False
        for offer in candidates:
            try:
                return offer.handler(ask)
            except ListenerGoneError:
                continue
            except BusyError:
                was_busy = True
        if was_busy:
            raise BusyError
        raise NoListenerError

    def candidates(self, relay: RelayKey, ask: Ask) -> list[LocalOffer]:
        """The listeners that may be asked.

        Raises:
            NoListenerError: There is none, or none left.
            ListenerCriteriaError: None that the sender's routing headers allow.
            DrainingError: After drain().
        """
        if self._is_draining:
            raise DrainingError
        present = self._offers.get(relay, ())
        suitable = [offer for offer in present if ask.suits(offer.listener)]
        if present and not suitable:
            raise ListenerCriteriaError
        candidates = [offer for offer in suitable if offer.listener not in ask.tried]
        if not candidates:
            raise NoListenerError
        return candidates

    def announce(self) -> None:
        """There is nobody else."""

    def heed(self, callback: Callable[[], None]) -> None:
        """Nobody else will say anything."""

    def listeners(self, relay: RelayKey) -> int:
        """How many listeners there are for *relay*."""
        return len(self._offers.get(relay, ()))

    def status(self) -> FabricStatus:
        """How many listeners there are in all."""
        return FabricStatus(
            is_connected=True,
            is_draining=self._is_draining,
            relays=len(self._offers),
            listeners=sum(map(len, self._offers.values())),
        )

    async def drain(self) -> None:
        """Withdraw every offer and take no new ones."""
        self._is_draining = True
        self._offers.clear()

    async def close(self) -> None:
        """Leave."""
        await self.drain()

    def _remove(self, offer: LocalOffer) -> None:
        present = self._offers.get(offer.relay)
        if present is None or offer not in present:
            return
        present.remove(offer)
        if not present:
            del self._offers[offer.relay]
