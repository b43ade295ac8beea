"""What must outlive a gateway, and the ledger of who listens: the interface of cluster reference §6.3 and §7.

Entries are documents under (kind, key). Each write gets the next revision of one sequence, so a writer can say which
state it has seen (*if_rev*), and other nodes can ask what has changed since.

The ledger admits listeners to numbered slots, so that no hybrid connection has more than its limit, however many nodes
admit at once. Routing never reads it: a stale row costs a wrong count for a few seconds, never a wrong route.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import GatewayError

#: A node that has not beaten for this long is dead: its listeners do not count and their slots can be taken.
NODE_DEAD_AFTER_S = 10.0

#: How often a node says that it is alive.
BEAT_INTERVAL_S = 3.0

#: As *if_rev*: the entry must not exist yet.
ABSENT = 0


class StoreError(GatewayError):
    """Base of what a store raises."""


class ConflictError(StoreError):
    """The entry is not in the state the writer has seen. Nothing was written."""


class LimitReachedError(StoreError):
    """All slots are taken by living listeners."""


class RevisionForgottenError(StoreError):
    """Deletions are remembered for a limited time; what has changed since then must be found by reading everything."""


class Unavailable(enum.Enum):
    """Why a store cannot be used at the moment."""

    FULL = "full"
    LOCKED = "locked"
    READ_ONLY = "read-only"
    CORRUPT = "corrupt"
    FAILING = "failing"
    CLOSED = "closed"


class StoreUnavailableError(StoreError):
    """The store could not do it, and nothing was written unless the text says that this is unknown."""

    def __init__(self, reason: Unavailable, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Entry:
    """One document. *value* may hold keys: it stays out of reprs."""

    kind: str
    key: str
    rev: int
    value: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry was written or deleted; *rev* orders changes."""

    rev: int
    kind: str
    key: str
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A gateway that shares this store. *age_s* is the time since it last said that it is alive."""

    node: str
    age_s: float
    details: Mapping[str, Any]


class Store(Protocol):
    """What must outlive a gateway, and the ledger of who listens.

    Every method but close() raises StoreUnavailableError when the engine cannot be used. A write that has returned
    survives a crash of the process and of the machine. *node* is a node's name with its incarnation: another one after
    each start.
    """

    async def open(self) -> None:
        """Connect, and bring the schema up to date."""

    async def close(self) -> None:
        """Finish what is being written, and let go of everything."""

    async def get(self, kind: str, key: str) -> Entry | None:
        """One entry."""

    async def list(
        self, kind: str, *, prefix: str = "", after: str = "", limit: int = 1000
    ) -> Sequence[Entry]:
        """Entries whose key begins with *prefix* and comes behind *after*, in the order of their keys' bytes."""

    async def put(self, kind: str, key: str, value: Mapping[str, Any], *, if_rev: int | None = None) -> int:
        """Write an entry and return its revision.

        *if_rev*: the revision it must have, ABSENT when it must not exist, None for whatever there is.

        Raises:
            ConflictError: It is not so.
        """

    async def delete(self, kind: str, key: str, *, if_rev: int | None = None) -> bool:
        """Delete an entry. False when there was none.

        Raises:
            ConflictError: It has another revision than *if_rev*.
        """

    async def delete_below(self, kind: str, prefix: str) -> Sequence[str]:
        """Delete every entry whose key begins with *prefix*, all or none; returns their keys."""

    async def revision(self) -> int:
        """The latest revision there is."""

    async def changes(self, since: int, *, limit: int = 1000) -> Sequence[EntryChange]:
        """The latest change of every entry that was written or deleted after revision *since*, oldest first.

        Raises:
            RevisionForgottenError: *since* is too long ago.
        """

    async def claim(self, relay: str, listener: str, node: str, limit: int) -> int:
        """Admit a listener, and return its slot. It also says that *node* is alive.

        Cancelled, or failed, it leaves no slot taken: a listener may leave while it is being admitted.

        Raises:
            LimitReachedError: *limit* living listeners are there.
        """

    async def release(self, relay: str, slot: int, listener: str) -> None:
        """Free a slot, if it is still this listener's; sooner or later also when this is cancelled."""

    async def slots(self, node: str) -> Sequence[tuple[str, int, str]]:
        """Every slot that *node* has, as relay, slot and listener."""

    async def count(self, relay: str) -> int:
        """How many living listeners there are, on all nodes."""

    async def counts(self, prefix: str = "") -> dict[str, int]:
        """The same for every relay whose key begins with *prefix* and that has any."""

    async def beat(self, node: str, details: Mapping[str, Any] | None = None) -> None:
        """Say that *node* is alive."""

    async def nodes(self) -> Sequence[NodeRecord]:
        """The nodes that are alive."""

    async def forget(self, node: str) -> None:
        """*node* leaves: its slots are free."""
