"""What is being relayed at the moment, one by one, and what has ended lately: for a list of connections, and to cut one.

Entries begin and end on the relay loop. They are read, and cut, from any thread. Bytes cost the pump nothing: every leg
counts what it reads as it is, and an entry looks there when somebody asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from .clock import Clock
from .errors import AgentError, CutHereError
from .policy import Policy
from .status import RelayedConnection, RelayedKind

log = logging.getLogger(__name__)

KEPT_S: Final = 60.0
"""How long one that has ended is kept."""

MAX_ENDED: Final = 1_000
"""So many of those, the latest ones: a busy web server ends thousands in a minute."""

MAX_PEER_CHARACTERS: Final = 100
MAX_ABOUT_CHARACTERS: Final = 200


class Entry:
    """One relayed connection or request, while it goes on. It belongs to the relay loop."""

    def __init__(self, number: int, policy: Policy, kind: RelayedKind, peer: str, started_at: float) -> None:
        self.number = number
        self._policy = policy
        self._kind = kind
        self._peer = peer
        self._started_at = started_at
        self.count: Callable[[], tuple[int, int]] = _nothing
        """Gives the bytes received from the gateway and those sent to it, from any thread."""
        self.describe: Callable[[], str] = str
        """Gives what it is about, from any thread."""
        self.error: str | None = None
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._cancelled_before = 0 if self._task is None else self._task.cancelling()
        self._was_cut = False
        self._has_ended = False

    def read(self, ended_at: float | None = None) -> RelayedConnection:
        """Give its values of this moment."""
        received, sent = self.count()
        return RelayedConnection(
            id=self.number,
            connection=self._policy.label,
            kind=self._kind,
            peer=self._peer[:MAX_PEER_CHARACTERS],
            about=self.describe()[:MAX_ABOUT_CHARACTERS],
            started_at=self._started_at,
            ended_at=ended_at,
            bytes_received=received,
            bytes_sent=sent,
            error=self.error,
        )

    def cut_soon(self) -> bool:
        """From any thread: have it cut; False where its loop has ended."""
        try:
            self._loop.call_soon_threadsafe(self._cut)
        except RuntimeError as error:
            log.debug("a loop ended before it could be told: %s", error)
            return False
        return True

    def _cut(self) -> None:
        if not (self._has_ended or self._was_cut or self._task is None):
            self._was_cut = True
            self._task.cancel()

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Let the block be cut.

        Raises:
            CutHereError: It was.
        """
        try:
            yield
        except asyncio.CancelledError as error:
            task = self._task
            if self._was_cut and task is not None and task.uncancel() <= self._cancelled_before:
                cut = CutHereError("cut from here")
                self.error = str(cut)
                raise cut from error
            self.error = "cut: it is not served any more"
            raise
        except AgentError as error:
            self.error = str(error)
            raise
        finally:
            self._has_ended = True


class RelayedConnections:
    """Everything that one agent relays."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._live: dict[int, Entry] = {}
        self._ended: deque[tuple[float, RelayedConnection]] = deque(maxlen=MAX_ENDED)  # full: the oldest goes

    @contextlib.contextmanager
    def relaying(self, policy: Policy, kind: RelayedKind, peer: str) -> Iterator[Entry]:
        """On the relay loop: list what the block relays, in the task that runs it.

        Raises:
            CutHereError: Somebody cut it: the block was cancelled, and the task was not.
        """
        entry = Entry(next(self._numbers), policy, kind, peer, self._clock.now())
        with self._lock:
            self._live[entry.number] = entry
        try:
            with entry.scope():
                yield entry
        finally:
            ended = entry.read(ended_at=self._clock.now())
            with self._lock:
                del self._live[entry.number]
                self._ended.append((self._clock.monotonic(), ended))

    def cut(self, number: int) -> bool:
        """From any thread: end one as an abort for both its sides; False where it is no longer there."""
        with self._lock:
            entry = self._live.get(number)
        return entry is not None and entry.cut_soon()

    def read(self) -> tuple[RelayedConnection, ...]:
        """From any thread: give what goes on and what ended within KEPT_S, in the order in which they began."""
        oldest = self._clock.monotonic() - KEPT_S
        with self._lock:
            while self._ended and self._ended[0][0] < oldest:
                self._ended.popleft()
            found = [ended for _, ended in self._ended]
            live = list(self._live.values())
        found += [entry.read() for entry in live]
        found.sort(key=lambda connection: connection.id)
        return tuple(found)


def peer_of(address: str, port: int) -> str:
    """Write an address and a port as one; without a port where it is 0."""
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{port}" if port else address


def _nothing() -> tuple[int, int]:
    return 0, 0
