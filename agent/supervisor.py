"""The agent: one task for each configured hybrid connection, and one snapshot of them all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from .clock import Clock
from .config import AgentConfig, ConnectionConfig, Direction
from .counters import Counters
from .credentials import Keystore
from .listener import Listener
from .local_listeners import LocalListener
from .network import Network
from .relay_loop import RelayLoop, SameLoop
from .standing import Standing
from .status import AgentStatus, Exchange
from .surroundings import Surroundings


class Agent:
    """Serves every configured hybrid connection.

    It belongs to the loop that runs it. What moves bytes runs on *relay_loop*.

    Args:
        config: What to serve.
        relay_loop: Where bytes move; the same loop where it is not given. The agent enters and leaves it.
        keystore: Where ``credential.keystore`` is looked up.
        on_exchange: Called with every relayed HTTP request that has ended.
        clock: The computer's own where it is not given.
    """

    def __init__(
        self,
        config: AgentConfig,
        *,
        relay_loop: RelayLoop | None = None,
        keystore: Keystore | None = None,
        on_exchange: Callable[[Exchange], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._relay_loop = relay_loop or SameLoop()
        self._clock = clock or Clock()
        self._around = Surroundings(
            network=Network(config.network),
            deadlines=config.deadlines,
            relay_loop=self._relay_loop,
            clock=self._clock,
            keystore=keystore,
            on_exchange=on_exchange,
        )
        self._version = 0
        self._has_changed = asyncio.Event()
        self._members = [self._member(connection) for connection in config.connections]

    def _member(self, config: ConnectionConfig) -> tuple[Standing, Listener | LocalListener]:
        counters = Counters(lambda: self._relay_loop.tell(self._changed))
        standing = Standing(config, counters, self._clock, self._changed)
        kind = Listener if config.direction is Direction.LISTEN else LocalListener
        return standing, kind(config, self._around, standing)

    async def run(self) -> None:
        """Serve every configured hybrid connection until cancelled; then nothing is left open.

        Raises:
            ConfigError: The configured certificates cannot be used.
        """
        self._around.network.prepare()
        async with self._relay_loop, asyncio.TaskGroup() as tasks:
            for standing, member in self._members:
                tasks.create_task(member.run(), name=f"hybrid connection {standing.snapshot().name}")

    async def drain(self) -> None:
        """Before run() is cancelled: turn away whoever is new, and wait until every relayed request is answered.

        Relayed connections are not waited for, as they may last for days. Cancelling stops the waiting, no more.
        """
        async with asyncio.TaskGroup() as tasks:
            for standing, member in self._members:
                if isinstance(member, Listener):
                    tasks.create_task(member.drain(), name=f"drain {standing.snapshot().name}")

    def retry_now(self) -> None:
        """Have every connection that waits try at once: the user asked, or the network came back."""
        for _, member in self._members:
            member.retry_now()

    def snapshot(self) -> AgentStatus:
        """Give the state of this moment."""
        return AgentStatus(connections=tuple(standing.snapshot() for standing, _ in self._members))

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
