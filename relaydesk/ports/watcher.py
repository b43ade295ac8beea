"""The list of listening ports, kept fresh while somebody looks at it."""

from __future__ import annotations

import asyncio
import enum
import functools
import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from ..blocking import NoAnswerError, Outcome, call_blocking
from . import system
from .listening import DOCKER_PROXY, ListeningPort, Process, Socket, listening_ports, own_home

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Half a second was measured for a table of 70,000 sockets; a computer this slow has other troubles.
READ_S = 20.0

#: The deadline of one port's answer: a person waits for the word *port closed*, nothing else does.
ONE_PORT_S = 5.0

#: Looks of one kind that have not come back, each a thread. From then on the system is not asked again.
MAX_HANGING = 4

#: Names of containers are asked for again after this long, or once another port may be a container's.
CONTAINERS_S = 15.0
#: Where Docker does not answer, it will not in a moment either.
NO_CONTAINERS_S = 60.0


class Attention(enum.Enum):
    """Who looks at the list. The value is the least time between two looks at the system, in seconds."""

    NOBODY = None
    GLANCE = 15.0
    """It is somewhere on the screen."""
    WATCHED = 2.0
    """Somebody chooses from it."""


class Clock(Protocol):
    """Time, as far as it is needed here."""

    def now(self) -> float:
        """POSIX seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    async def wait(self, seconds: float | None, wake: asyncio.Event) -> None:
        """Wait for *wake*, but no longer than *seconds*."""
        ...


class SystemClock:
    """The time of the system."""

    def now(self) -> float:
        """POSIX seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def wait(self, seconds: float | None, wake: asyncio.Event) -> None:
        """Wait for *wake*, but no longer than *seconds*."""
        try:
            async with asyncio.timeout(seconds):
                await wake.wait()
        except TimeoutError:
            pass


@dataclass(frozen=True, slots=True)
class Table:
    """One look at the system."""

    sockets: tuple[Socket, ...]
    processes: dict[int, Process | None]
    ephemeral: Collection[int]
    at: float
    """POSIX seconds."""


@dataclass(frozen=True, slots=True)
class System:
    """Where a watcher looks. Each function blocks."""

    sockets: Callable[[], list[Socket]] = system.read_sockets
    process: Callable[[int], Process | None] = system.read_process
    ephemeral: Callable[[], Collection[int]] = system.ephemeral_ports
    containers: Callable[[], dict[int, str]] = system.read_containers
    is_listening: Callable[[str, int], bool | None] = system.is_listening
    home: str = field(default_factory=own_home)


class PortWatcher:
    """Keeps the list of listening ports fresh. Belongs to one event loop; no look at the system is made in it.

    Args:
        own_pids: Gives the processes of RelayDesk besides this one, whose ports are left out.
        own_ports: Gives the ports of RelayDesk, which are left out.
        on_change: Called in the loop when the list, or the problem with it, has changed.
        source: Where to look.
        clock: Time.
    """

    def __init__(
        self,
        *,
        own_pids: Callable[[], Collection[int]] = tuple,
        own_ports: Callable[[], Collection[int]] = tuple,
        on_change: Callable[[], None] | None = None,
        source: System | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._own_pids = own_pids
        self._own_ports = own_ports
        self._on_change = on_change
        self._source = source or System()
        self._clock: Clock = clock or SystemClock()
        self._attention = Attention.NOBODY
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._ports: tuple[ListeningPort, ...] = ()
        self._problem: str | None = None
        self._looked_at = float("-inf")
        self._one_port_turn = asyncio.Lock()
        self._hanging: Counter[str] = Counter()
        self._first_seen: dict[int, float] = {}
        self._before_at = 0.0
        self._containers: dict[int, str] = {}
        self._asked_for: frozenset[int] = frozenset()
        self._ask_docker_at = float("-inf")
        self._is_docker_silent = False

    @property
    def ports(self) -> tuple[ListeningPort, ...]:
        """The list as it was last seen. Empty before the first look."""
        return self._ports

    @property
    def problem(self) -> str | None:
        """Why the last look saw nothing new; one sentence."""
        return self._problem

    @property
    def attention(self) -> Attention:
        """Who looks at the list."""
        return self._attention

    @attention.setter
    def attention(self, attention: Attention) -> None:
        self._attention = attention
        self._wake.set()

    async def run(self) -> None:
        """Look as often as it is worth it, until cancelled."""
        while True:
            self._wake.clear()
            interval_s = self._attention.value
            if interval_s is None:
                await self._clock.wait(None, self._wake)
                continue
            wait_s = self._looked_at + interval_s - self._clock.monotonic()
            if wait_s > 0:
                await self._clock.wait(wait_s, self._wake)
            else:
                await self._look()

    async def refresh(self) -> tuple[ListeningPort, ...]:
        """Look now, unless that was done within the last two seconds; the list."""
        if self._clock.monotonic() - self._looked_at >= Attention.WATCHED.value:
            await self._look()
        return self._ports

    async def is_listening(self, host: str, port: int) -> bool | None:
        """Whether a program listens there at this moment, without connecting to it; None if that is not known.

        On Linux this reads no more than the table of listening sockets.
        """
        look = functools.partial(self._source.is_listening, host, port)
        async with self._one_port_turn:
            try:
                return await self._call(look, "one port", ONE_PORT_S)
            except OSError as error:
                log.debug("whether port %s is open is not known: %s", port, error)
                return None

    # --- looking -----------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        async with self._turn:
            try:
                table = await self._call(self._read, "ports", READ_S)
            except OSError as error:
                log.info("ports cannot be listed: %s", error)
                self._publish(self._ports, f"the open ports cannot be listed: {error}")
                return
            finally:
                self._looked_at = self._clock.monotonic()
            # what is new came up after the look before, and at first nobody knows when
            self._first_seen = {
                each.laddr[1]: self._first_seen.get(each.laddr[1], self._before_at) for each in table.sockets
            }
            self._before_at = table.at
            rows = self._rows(table)
            self._publish(rows, None)
            if await self._name_containers(rows):
                self._publish(self._rows(table), None)

    def _read(self) -> Table:
        sockets = tuple(each for each in self._source.sockets() if each.status == "LISTEN" and each.laddr)
        pids = {each.pid for each in sockets if each.pid is not None}
        processes = {pid: self._source.process(pid) for pid in pids}
        return Table(sockets, processes, self._source.ephemeral(), self._clock.now())

    def _rows(self, table: Table) -> tuple[ListeningPort, ...]:
        return listening_ports(
            table.sockets,
            table.processes.get,
            ephemeral=table.ephemeral,
            now=table.at,
            own_pids={os.getpid(), *self._own_pids()},
            own_ports=self._own_ports(),
            first_seen=self._first_seen,
            containers=self._containers,
            home=self._source.home,
        )

    async def _name_containers(self, rows: tuple[ListeningPort, ...]) -> bool:
        """Ask Docker for names where there may be some; whether they are other names than before."""
        wanted = frozenset(row.port for row in rows if row.pid is None or row.process == DOCKER_PROXY)
        now = self._clock.monotonic()
        is_due = now >= self._ask_docker_at or (wanted - self._asked_for and not self._is_docker_silent)
        if not wanted or not is_due:
            return False
        self._asked_for, before = wanted, self._containers
        try:
            self._containers = await self._call(self._source.containers, "containers", system.DOCKER_S + 1)
        except OSError as error:
            log.debug("containers are not known: %s", error)
            self._containers = {}
            self._ask_docker_at = now + NO_CONTAINERS_S
            self._is_docker_silent = True
        else:
            self._ask_docker_at = now + CONTAINERS_S
            self._is_docker_silent = False
        return self._containers != before

    async def _call(self, function: Callable[[], T], name: str, deadline_s: float) -> T:
        """Call what blocks. Raises OSError where it does not answer, or has not for too long."""
        if self._hanging[name] >= MAX_HANGING:
            raise OSError("the system still does not answer")

        def ended(_: Outcome[T]) -> None:
            self._hanging[name] -= 1

        self._hanging[name] += 1
        try:
            return await call_blocking(function, name=name, deadline_s=deadline_s, on_end=ended)
        except (NoAnswerError, RuntimeError) as error:
            raise OSError(str(error)) from error

    def _publish(self, ports: tuple[ListeningPort, ...], problem: str | None) -> None:
        if (ports, problem) != (self._ports, self._problem):
            self._ports, self._problem = ports, problem
            if self._on_change is not None:
                self._on_change()
