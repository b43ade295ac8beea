"""The agent: one task for each configured hybrid connection, and one snapshot of them all.

It can be told other settings at any time. What is served by both the old and the new ones goes on untouched.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final

from .captured import EditedRequest
from .clock import Clock
from .clock_watch import LOOK_S, ClockWatch
from .config import AgentConfig, ConnectionConfig
from .counters import Counters
from .credentials import Keystore
from .exchanges import Exchanges
from .member import Member
from .network import Network
from .policy import Policy
from .probe import Failed, ProbeResult
from .relay_loop import RelayLoop, SameLoop
from .relayed import RelayedConnections
from .replay import ReplayError, prepare, send_again
from .standing import Standing
from .status import AgentStatus, Exchange, RelayedConnection
from .surroundings import Surroundings

log = logging.getLogger("agent")

MAX_REPLAYS: Final = 64
"""At one time."""


class Agent:
    """Serves every configured hybrid connection.

    It belongs to the loop that runs it. What moves bytes runs on *relay_loop*.

    Args:
        config: What to serve.
        relay_loop: Where bytes move; the same loop where it is not given. The agent enters and leaves it.
        keystore: Where ``credential.keystore`` is looked up.
        exchanges: Where what is relayed over HTTP is captured, if anywhere. Not the agent's: whoever made it closes it.
        on_exchange: Called with every relayed HTTP request that has ended.
        on_wake: Called when the computer has slept, or was busy for long.
        clock: The computer's own where it is not given.
    """

    def __init__(
        self,
        config: AgentConfig,
        *,
        relay_loop: RelayLoop | None = None,
        keystore: Keystore | None = None,
        exchanges: Exchanges | None = None,
        on_exchange: Callable[[Exchange], None] | None = None,
        on_wake: Callable[[], object] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._relay_loop = relay_loop or SameLoop()
        self._clock = clock or Clock()
        self._keystore = keystore
        self._exchanges = exchanges
        self._on_exchange = on_exchange
        self._on_wake = on_wake
        self._relayed = RelayedConnections(self._clock)
        self._version = 0
        self._has_changed = asyncio.Event()
        self._is_draining = False
        self._replays: set[asyncio.Task[None]] = set()
        self._tasks: asyncio.TaskGroup | None = None
        """While it runs."""
        self._config = config
        self._around = self._surroundings(config)
        self._members = [self._member(connection, ()) for connection in config.connections]
        self._ending: set[Member] = set()
        """No longer configured, and not ended yet."""

    async def run(self) -> None:
        """Serve every configured hybrid connection until cancelled; then nothing is left open.

        Raises:
            ConfigError: The configured certificates cannot be used.
        """
        self._around.network.prepare()
        async with self._relay_loop, asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                for member in self._members:
                    self._start(member)
                await self._watch_the_clocks()
            finally:
                self._tasks = None

    def apply(self, config: AgentConfig) -> None:
        """Serve what *config* says from now on; before run(), that is what it begins with.

        A connection that it serves as before goes on, its control channel and relayed connections untouched: another name,
        a pause or another end change no more than that. What is new is started, and what is no longer there ends as after a
        cancellation, bounded by ``deadlines.stop_s``; a local port is bound when whoever had it has given it back. Other
        settings of the network, or other deadlines, start everything anew.

        Raises:
            ConfigError: The configured certificates cannot be used; nothing has changed.
        """
        around, before = self._around, self._members
        is_other_world = (config.network, config.deadlines) != (self._config.network, self._config.deadlines)
        if is_other_world:
            around = self._surroundings(config)
            if self._tasks is not None:
                around.network.prepare()
        going_on = {} if is_other_world else _going_on(before, config.connections)
        staying = set(going_on.values())
        ending = [member for member in before if member not in staying]
        self._config, self._around = config, around
        for member in ending:
            self._end(member)
        self._members = []
        for index, connection in enumerate(config.connections):
            if index in going_on:
                member = going_on[index]
                member.take(connection)
            else:
                member = self._member(connection, self._ending)
                self._start(member)
            self._members.append(member)
        self._changed()

    def turn_away(self) -> None:
        """Let nobody new in from now on; drain() waits for those who are in."""
        self._is_draining = True
        for member in self._members:
            member.turn_away()

    async def drain(self) -> None:
        """Before run() is cancelled: turn away whoever is new, and wait until every relayed request is answered.

        Relayed connections are not waited for, as they may last for days. Cancelling stops the waiting, no more.
        """
        self.turn_away()
        async with asyncio.TaskGroup() as tasks:
            for member in self._members:
                tasks.create_task(member.drain(), name=f"drain {member.name}")

    def retry_now(self, name: str | None = None) -> None:
        """Have every connection that waits, or the one of that name, try at once: the user asked, or the network came back."""
        for member in self._members:
            if name is None or member.name == name:
                member.retry_now()

    def check_now(self) -> None:
        """See at once whether every open control channel still is one: the network has changed, or the computer slept.

        Each is pinged, and left and opened anew when there is no answer within ``deadlines.check_s``. Whatever waits tries
        at once. A sleep is noticed by run() itself.
        """
        for member in self._members:
            member.check_now()

    async def probe(self, name: str) -> ProbeResult:
        """See whether a sender gets through to the hybrid connection that is called *name*, within ten seconds.

        It asks nothing of the target. Two of one hybrid connection wait for each other.
        """
        for member in self._members:
            if member.name == name:
                return await member.probe()
        return Failed("there is none of this name")

    def snapshot(self) -> AgentStatus:
        """Give the state of this moment."""
        return AgentStatus(connections=tuple(member.standing.snapshot() for member in self._members))

    def relayed(self) -> tuple[RelayedConnection, ...]:
        """Give every relayed connection and request of this moment and, the latest 1,000, of the last minute.

        May be called from any thread.
        """
        return self._relayed.read()

    def cut(self, number: int) -> bool:
        """End that one relayed connection or request, by its id, so that both its sides see an abort.

        It is not awaited. May be called from any thread.

        Returns:
            Whether it was still there.
        """
        return self._relayed.cut(number)

    def replay(self, number: int, edited: EditedRequest | None = None) -> int:
        """Send a captured request, or *edited* in its place, to the local server again: the way its service is served now.

        It has begun then, and is captured whether capturing is on or off, its service paused or gone.

        Returns:
            The id of the new exchange.

        Raises:
            ExchangeGoneError: It is not kept, or not any more.
            ReplayError: It cannot be sent again.
        """
        if self._exchanges is None or self._tasks is None:
            raise ReplayError("nothing is captured here, or the agent does not run; begin it first")
        self._replays = {task for task in self._replays if not task.done()}
        if len(self._replays) >= MAX_REPLAYS:
            raise ReplayError(
                f"{MAX_REPLAYS} replays are being answered already; wait for one of them to end"
            )
        label = self._exchanges.find(number).route.label
        served = (member.served for member in self._members if member.name == label)
        config = next(
            (one for one in served if one.target is not None or (one.local and one.local.port)), None
        )
        replay = prepare(self._exchanges, number, edited, config)
        sending = self._relay_loop.run(send_again, replay)
        self._replays.add(self._tasks.create_task(sending, name=f"replay of {number}"))
        return replay.capture.id

    async def changes(self) -> AsyncIterator[AgentStatus]:
        """Give the state now, and again after every change of it, for ever.

        A reader that takes its time gets the latest state and never a backlog: whoever wants fewer updates waits
        between two of them. Bytes alone are no change; they are in every snapshot.
        """
        seen = -1
        while True:
            while seen == self._version:
                self._has_changed.clear()
                await self._has_changed.wait()
            seen = self._version
            yield self.snapshot()

    def _changed(self) -> None:
        self._version += 1
        self._has_changed.set()

    async def _watch_the_clocks(self) -> None:
        watch = ClockWatch(self._clock)
        while True:
            await self._clock.look_in(LOOK_S)
            seen = watch.look()
            if seen.was_set:
                for member in self._members:
                    member.look_at_the_clock()
            if seen.has_slept:
                log.info(
                    "the computer slept, or was busy for long: looking whether the gateways are still there"
                )
                self.check_now()
                if self._on_wake is not None:
                    self._on_wake()

    # Members

    def _surroundings(self, config: AgentConfig) -> Surroundings:
        return Surroundings(
            network=Network(config.network),
            deadlines=config.deadlines,
            relay_loop=self._relay_loop,
            relayed=self._relayed,
            clock=self._clock,
            keystore=self._keystore,
            exchanges=self._exchanges,
            on_exchange=self._on_exchange,
        )

    def _member(self, config: ConnectionConfig, ending: Iterable[Member]) -> Member:
        policy = Policy(config)
        counters = Counters(lambda: self._relay_loop.tell(self._changed))
        standing = Standing(policy, counters, self._clock, self._changed)
        in_its_way = [
            member for member in ending if member.local is not None and member.local == config.local
        ]
        return Member(policy, self._around, standing, after=in_its_way)

    def _start(self, member: Member) -> None:
        if self._tasks is not None and not self._is_draining:
            member.task = self._tasks.create_task(member.run(), name=f"hybrid connection {member.name}")

    def _end(self, member: Member) -> None:
        if member.task is not None and not member.task.done():
            self._ending.add(member)
            member.task.add_done_callback(lambda _: self._ending.discard(member))
            member.task.cancel()


def _going_on(members: list[Member], connections: Iterable[ConnectionConfig]) -> dict[int, Member]:
    """Say which of *members* serves which of *connections*, by its index, as it is.

    Of several that serve the same, each goes on under its name where that is still there.
    """
    wanted = list(enumerate(connections))
    left, found = list(members), dict[int, Member]()
    for by_name in (True, False):
        for index, connection in wanted:
            if index in found:
                continue
            served = connection.served
            for member in left:
                if member.served == served and (not by_name or member.name == connection.label):
                    found[index] = member
                    left.remove(member)
                    break
    return found
