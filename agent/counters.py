"""Live counters of one hybrid connection.

They are changed on the loop that moves the bytes and read from any thread: each is a single int, so a reader
sees a value that was true a moment ago. Only :class:`~agent.status.Traffic` copies leave the agent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .status import Traffic


class Counters:
    """What has passed through one hybrid connection since the start.

    Args:
        on_change: Called on the relay loop whenever a connection or request begins or ends. Bytes alone do not
            call it: they are read when somebody looks.
    """

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self._on_change = on_change
        self.open_connections = 0
        self.total_connections = 0
        self.refused_connections = 0
        self.open_requests = 0
        self.total_requests = 0
        self.bytes_received = 0
        self.bytes_sent = 0

    @contextmanager
    def connection(self) -> Iterator[None]:
        """Count one relayed connection while the block runs."""
        self.open_connections += 1
        self.total_connections += 1
        self._on_change()
        try:
            yield
        finally:
            self.open_connections -= 1
            self._on_change()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count one relayed request while the block runs."""
        self.open_requests += 1
        self.total_requests += 1
        self._on_change()
        try:
            yield
        finally:
            self.open_requests -= 1
            self._on_change()

    def received(self, nbytes: int) -> None:
        """Count what came from the gateway."""
        self.bytes_received += nbytes

    def sent(self, nbytes: int) -> None:
        """Count what goes to the gateway."""
        self.bytes_sent += nbytes

    def refused(self) -> None:
        """Count a connection that did not come about."""
        self.refused_connections += 1
        self._on_change()

    def read(self) -> Traffic:
        """Give the values of this moment."""
        return Traffic(
            open_connections=self.open_connections,
            total_connections=self.total_connections,
            refused_connections=self.refused_connections,
            open_requests=self.open_requests,
            total_requests=self.total_requests,
            bytes_received=self.bytes_received,
            bytes_sent=self.bytes_sent,
        )
