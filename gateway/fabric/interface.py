"""Who listens where, and how a listener is asked to take a sender: the interface of cluster reference §6 and §7.

A control channel makes an *offer* for its hybrid connection. A sender's side makes an *ask*: the fabric picks one
offer at random, and that offer's handler writes the ask to its control channel. Only this small talk crosses the
fabric; relayed bytes never do.

A message that is published goes the same ways: to one offer, by an ask, or to every *subscription* of its hybrid connection.

In one process the handler is a plain function call. Between nodes the same handler runs on the node that owns the
control channel: what it returns is then the acknowledgement that travels back, and the answer of a request follows it.
Nothing in the types below refers to the process they were made in, but for the future of the answer, which an
implementation between nodes makes anew on the asking side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NewType, Protocol

from hyco.messages import Accept, Request, Response

#: The key of a hybrid connection: ``namespace/canonical path``.
RelayKey = NewType("RelayKey", str)

#: How many characters of a listener's name are its GUID.
GUID_LENGTH = 36


def relay_key(namespace: str, canonical_path: str) -> RelayKey:
    """The key under which listeners of a hybrid connection are offered and asked."""
    return RelayKey(f"{namespace}/{canonical_path}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What is known of a published message besides its body.

    Attributes:
        content_type: As its publisher named it; empty where it did not.
        is_text: Whether it is text, in UTF-8.
    """

    content_type: str
    is_text: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What one listener, or each subscriber, is to be told.

    Attributes:
        kind: "accept" and "event" are done when it is told; a "request" is answered later, through Told.answer.
        id: The tracking id of the sender's connection or request, or of what was published.
        message: What to write to the control channel. Its address may begin with "/": then the owner of the control
            channel puts the origin by which that listener came in front of it.
        body: What belongs to it, at most 64 KiB; None when there is none.
        allowed: GUIDs of the only listeners that may be asked; None for any (protocol reference §5).
        disallowed: GUIDs of listeners that may not.
        tried: Names of listeners that have been asked already.
    """

    kind: Literal["accept", "request", "event"]
    id: str
    message: Accept | Request | Event
    body: bytes | None = None
    allowed: frozenset[str] | None = None
    disallowed: frozenset[str] = field(default_factory=frozenset)
    tried: frozenset[str] = field(default_factory=frozenset)

    def suits(self, listener: str) -> bool:
        """Whether the sender's routing headers let *listener* be asked."""
        guid = listener[:GUID_LENGTH].lower()
        return guid not in self.disallowed and (self.allowed is None or guid in self.allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a listener answered to a request over its control channel."""

    response: Response
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Told:
    """A listener has been told.

    Attributes:
        listener: Its name, as it was offered.
        answer: The answer to a request; fails with ListenerLostError when the control channel ends. Of an accept
            it stays empty until then; of an event it is cancelled from the beginning.
    """

    listener: str
    answer: asyncio.Future[Answer]

    def cancel(self) -> None:
        """The sender is not interested any more. A late answer is dropped."""
        self.answer.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What became of a published message.

    Attributes:
        delivered: Subscribers that took it: it is on its way to them, or next in their queue.
        dropped: Subscribers that have too much waiting already.
        is_partial: Whether there may be more, at gateways that did not say.
    """

    delivered: int = 0
    dropped: int = 0
    is_partial: bool = False

    def __add__(self, other: Heard) -> Heard:
        """What became of it in two places."""
        return Heard(
            delivered=self.delivered + other.delivered,
            dropped=self.dropped + other.dropped,
            is_partial=self.is_partial or other.is_partial,
        )

    @property
    def is_by_nobody(self) -> bool:
        """Whether there was no subscriber."""
        return not self.delivered and not self.dropped


class AskHandler(Protocol):
    """The owner of a control channel: writes an ask to it."""

    def __call__(self, ask: Ask, /) -> Told:
        """Write *ask* at once, or not at all.

        Raises:
            ListenerGoneError: The control channel is ending.
            BusyError: Too much is waiting to be written to it.
        """


class Offer(Protocol):
    """One listener that can be asked."""

    @property
    def listener(self) -> str:
        """The listener's name."""

    def withdraw(self) -> None:
        """Ask it no more, from this very moment. A second call does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FabricStatus:
    """How the fabric is doing. Without a connection, only this node's own listeners can be asked."""

    is_connected: bool
    is_draining: bool
    relays: int
    listeners: int


class Fabric(Protocol):
    """Who listens where."""

    @property
    def node(self) -> str:
        """This node and its incarnation: another name after each start."""

    async def open(self) -> None:
        """Connect.

        Raises:
            FabricUnavailableError: There is nobody to connect to.
        """

    async def offer(self, relay: RelayKey, listener: str, handler: AskHandler) -> Offer:
        """Let *listener* be asked through *handler*, by any node that asks after this has returned.

        *listener* begins with the 36 characters of the listener's GUID, lower case; what follows keeps two control
        channels of one GUID apart, which are two registrations (protocol reference §5).

        Raises:
            DrainingError: After drain().
        """

    async def ask(self, relay: RelayKey, ask: Ask) -> Told:
        """Tell one listener, picked at random; the next one when it is gone or busy; each at most once.

        Raises:
            NoListenerError: There is none, or none left.
            ListenerCriteriaError: None that the sender's routing headers allow.
            BusyError: At least one is there, and takes nothing at the moment.
            FabricUnavailableError: Other nodes cannot be asked, and there is none at this one.
            ResponseTimeoutError: A node does not say whether it has told its listener, and no other may be told instead.
            DrainingError: After drain().
        """

    async def subscribe(self, relay: RelayKey, listener: str, handler: AskHandler) -> Offer:
        """Let *listener* hear, through *handler*, all that any node publishes after this has returned.

        Raises:
            DrainingError: After drain().
        """

    async def publish(self, relay: RelayKey, ask: Ask) -> Heard:
        """Tell every subscriber, each at most once; in the order of the calls, as far as one caller waits for each.

        A subscriber that takes nothing delays nobody: it is counted as dropped.

        Raises:
            NoListenerError: There is none.
            FabricUnavailableError: Other nodes cannot be asked, and there is none at this one.
            ResponseTimeoutError: There may be some at nodes that do not say so, and there is none elsewhere.
            DrainingError: After drain().
        """

    def announce(self) -> None:
        """Tell all other nodes that the store has changed."""

    def heed(self, callback: Callable[[], None]) -> None:
        """Call *callback* whenever another node says so, or may have said so without being heard."""

    def listeners(self, relay: RelayKey) -> int:
        """How many listeners this node offers for *relay*. The store counts those of all nodes."""

    def status(self) -> FabricStatus:
        """How the fabric is doing."""

    async def drain(self) -> None:
        """Withdraw every offer and take no new ones. What has been asked may still be answered."""

    async def close(self) -> None:
        """Leave. Implies drain()."""
