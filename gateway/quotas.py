"""How many connections a namespace may have: Azure's quota of 5,000, off by default here (protocol reference §11)."""

from __future__ import annotations

import collections
from collections.abc import Callable

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

    def take(self, namespace: str) -> Callable[[], None]:
        """Take one place; whoever got it calls the result when it is free again. A second call of that does nothing.

        Raises:
            LimitExceededError: There is none.
        """
        if self._limit and self._taken[namespace] >= self._limit:
            raise LimitExceededError.connections(
                f"QuotaExceeded: The namespace has {self._limit} connections, the most it may have."
            )
        self._taken[namespace] += 1
        is_taken = True

        def free() -> None:
            nonlocal is_taken
            if is_taken:
                is_taken = False
                self._taken[namespace] -= 1
                if not self._taken[namespace]:
                    del self._taken[namespace]

        return free
