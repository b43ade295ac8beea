"""One listener of the agent without the agent around it, for tests that change its settings or look into it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator

from agent.clock import Clock
from agent.config import ConnectionConfig, Deadlines, Invited, NetworkConfig
from agent.counters import Counters
from agent.listener import Listener
from agent.network import Network
from agent.policy import Policy
from agent.relay_loop import RelayLoop, SameLoop
from agent.relayed import RelayedConnections
from agent.standing import Standing
from agent.status import Exchange, State
from agent.surroundings import Surroundings

from .agents import QUICK
from .waiting import until


@dataclasses.dataclass(frozen=True)
class RunningListener:
    """A listener, and what is known of it."""

    listener: Listener
    standing: Standing
    config: ConnectionConfig
    exchanges: list[Exchange]

    def invite_only(self, *invited: Invited) -> None:
        """Let these in from now on, and nobody else."""
        self.listener.take_policy(dataclasses.replace(self.config, invited=invited))

    async def exchanged(self, count: int = 1) -> list[Exchange]:
        """Wait until *count* relayed requests have been noted."""
        await until(lambda: len(self.exchanges) >= count, f"{count} relayed requests")
        return self.exchanges


@contextlib.asynccontextmanager
async def running_listener(
    config: ConnectionConfig,
    *,
    deadlines: Deadlines = QUICK,
    relay_loop: RelayLoop | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[RunningListener]:
    """Run a listener for the time of the block, which begins when it listens."""
    loop, clock = relay_loop or SameLoop(), clock or Clock()
    exchanges: list[Exchange] = []
    policy = Policy(config)
    standing = Standing(policy, Counters(), clock, lambda: None)
    around = Surroundings(
        network=Network(NetworkConfig(proxy="none")),
        deadlines=deadlines,
        relay_loop=loop,
        relayed=RelayedConnections(clock),
        clock=clock,
        on_exchange=exchanges.append,
    )
    listener = Listener(policy, around, standing)
    async with loop:
        task = asyncio.create_task(listener.run())
        try:
            await until(lambda: standing.snapshot().state is State.LISTENING, "the listener listens")
            yield RunningListener(listener, standing, config, exchanges)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
