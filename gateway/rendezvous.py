"""Senders that wait to be met: the one-time addresses that listeners are given.

An address holds a secret of 128 random bits, good once and for a short time. The tracking id in it is the sender's to
choose, so it can never be the credential (protocol reference section 4.1).
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hyco.addresses import rendezvous_target
from hyco.tracking import tracking_id

from .front_request import FrontRequest
from .tickets import Tickets

SECRET_BYTES = 16


@dataclass(frozen=True, slots=True)
class Rejected:
    """The listener came to say that it does not want the sender."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """The listener came; *request* is its upgrade, not answered yet.

    Whoever takes it answers it, and calls *leave* in the end: a listener that has no answer then gets a refusal.
    """

    request: FrontRequest
    key: str
    subprotocols: tuple[str, ...]
    leave: Callable[[], None]


class Pending:
    """One sender that waits.

    Attributes:
        id: The tracking id of what the listener is told: unique in this gateway, though its GUID is the sender's.
        address: What the listener is to open; without its origin, where that is the one by which it came.
        outcome: Resolves once, when the listener comes.
    """

    __slots__ = ("action", "address", "id", "outcome", "secret")

    def __init__(self, action: Literal["accept", "request"], id_: str, secret: str, address: str) -> None:
        self.action = action
        self.id = id_
        self.secret = secret
        self.address = address
        self.outcome: asyncio.Future[Arrived | Rejected] = asyncio.get_running_loop().create_future()


class Rendezvous:
    """All senders of this gateway that wait to be met.

    Args:
        origin: How listeners reach this very gateway, where they are to be told; else each reaches it as it came.
        node: What it is called among several that listeners reach by one name.
    """

    def __init__(self, origin: str = "", node: str = "") -> None:
        self.tickets: Tickets | None = None
        """Signs secrets, where other gateways have to know them from made-up ones."""
        self._origin = origin
        self._node = node
        self._pending: dict[str, Pending] = {}
        self._serial = itertools.count()

    def __len__(self) -> int:
        """How many senders wait."""
        return len(self._pending)

    def open(
        self, action: Literal["accept", "request"], *, guid: str, raw_path: str, user_query: str
    ) -> Pending:
        """Let a listener come. The caller closes what it opens."""
        id_ = f"{tracking_id(guid)}_G{next(self._serial)}"
        secret = secrets.token_hex(SECRET_BYTES)
        if self._node and self.tickets is not None:
            secret = self.tickets.signed(self._node, secret)
        address = rendezvous_target(
            raw_path, user_query, action=action, tracking_id=id_, secret=secret, node=self._node
        )
        pending = Pending(action, id_, secret, self._origin + address)
        self._pending[secret] = pending
        return pending

    def take(self, secret: str) -> Pending | None:
        """The sender to whom *secret* leads; None where it never did, or does no longer. A second call finds nothing."""
        return self._pending.pop(secret, None)

    def close(self, pending: Pending) -> None:
        """The sender has been met, or waits no longer."""
        self._pending.pop(pending.secret, None)
        outcome = pending.outcome
        if not outcome.cancel() and not outcome.cancelled():
            came = outcome.result()
            if isinstance(came, Arrived):
                # It may have come in the moment in which its sender left: nobody else would tell it. Whoever was given it
                # answers it in this turn of the loop.
                asyncio.get_running_loop().call_soon(came.leave)
