"""How many connections a namespace may have: Azure's quota of 5,000, off by default here (protocol reference §11)."""

from __future__ import annotations

import collections
import sys

from .errors import LimitExceededError


class NamespacePlaces:
    """Counts what stays connected to each namespace: control channels and relayed WebSockets, from their handshake on.

    HTTP requests do not count: they do not stay.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: collections.Counter[str] = collections.Counter()

    def __len__(self) -> int:
        """How many places are taken, in all namespaces."""
        return self._taken.total()

    def take(self, namespace: str) -> Place:
        """Take one place.

        Raises:
            LimitExceededError: There is none.
        """
        if self._limit and self._taken[namespace] >= self._limit:
            raise LimitExceededError.connections(
                f"QuotaExceeded: The namespace has {self._limit} connections, the most it may have."
            )
        self._taken[namespace] += 1
        return Place(self._taken, namespace)


class Place:
    """One place of a namespace, taken until leave(). It is kept for as long as a connection lasts, and so it is small."""

    __slots__ = ("_namespace", "_taken")

    def __init__(self, taken: collections.Counter[str], namespace: str) -> None:
        self._taken: collections.Counter[str] | None = taken
        self._namespace = sys.intern(namespace)  # one for all of them

    def leave(self) -> None:
        """Somebody else may have it. A second call does nothing."""
        taken, self._taken = self._taken, None
        if taken is not None:
            taken[self._namespace] -= 1
            if not taken[self._namespace]:
                del taken[self._namespace]
