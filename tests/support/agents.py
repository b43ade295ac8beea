"""The real agent, running in the test's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable

from agent.clock import Clock
from agent.config import (
    AgentConfig,
    ConnectionConfig,
    Credential,
    Deadlines,
    Direction,
    LocalAddress,
    NetworkConfig,
)
from agent.exchanges import Exchanges
from agent.relay_loop import RelayLoop
from agent.status import AgentStatus, ConnectionStatus, Exchange, State
from agent.supervisor import Agent
from agent.targets import parse_target

from .gateways import RunningGateway
from .raw_stream import STEP_S
from .waiting import until

LOOPBACK = "127.0.0.1"

#: Nobody waits long for a dead peer in a test.
QUICK = Deadlines(target_dial_s=2.0, stop_s=2.0)


def connection_string(gateway: RunningGateway, path: str) -> str:
    """What the gateway's owner would be given for *path*, with every right."""
    rule = gateway.rule
    return (
        f"Endpoint=sb://{gateway.host}/;SharedAccessKeyName={rule.name};SharedAccessKey={rule.primary_key};"
        f"EntityPath={path};UseDevelopmentEmulator=true"
    )


def listening(gateway: RunningGateway, target: str, path: str = "hc", **options: object) -> ConnectionConfig:
    """A listener on *path* that leads to *target*."""
    credential = Credential(text=connection_string(gateway, path))
    return ConnectionConfig(credential=credential, path=path, target=parse_target(target), **options)  # type: ignore[arg-type]


def connecting(gateway: RunningGateway, path: str = "hc", **options: object) -> ConnectionConfig:
    """A local port, of the system's choice, that leads to *path*."""
    return ConnectionConfig(
        credential=Credential(text=connection_string(gateway, path)),
        path=path,
        direction=Direction.CONNECT,
        local=LocalAddress(LOOPBACK, 0),
        **options,  # type: ignore[arg-type]
    )


class RunningAgent:
    """An agent, and what to wait for."""

    def __init__(self, agent: Agent, config: AgentConfig, exchanges: list[Exchange]) -> None:
        self.agent = agent
        self.config = config
        self.exchanges = exchanges

    def apply(self, *connections: ConnectionConfig) -> None:
        """Have it serve these from now on."""
        self.config = dataclasses.replace(self.config, connections=connections)
        self.agent.apply(self.config)

    async def until_state(self, *states: State) -> AgentStatus:
        """Wait until the hybrid connections stand like this, in their order."""
        return await self.until(lambda status: tuple(c.state for c in status.connections) == states)

    async def until(self, condition: Callable[[AgentStatus], bool]) -> AgentStatus:
        """Wait until the status is as *condition* says."""
        try:
            async with asyncio.timeout(STEP_S):
                async for status in self.agent.changes():
                    if condition(status):
                        return status
        except TimeoutError:
            raise AssertionError(f"the agent's status stayed {self.agent.snapshot()}") from None
        raise AssertionError("changes() never ends")

    async def until_listening(self) -> AgentStatus:
        """Wait until every hybrid connection works."""
        return await self.until(lambda status: all(c.state is State.LISTENING for c in status.connections))

    @property
    def first(self) -> ConnectionStatus:
        """The status of the first hybrid connection."""
        return self.agent.snapshot().connections[0]

    async def exchanged(self, count: int = 1) -> list[Exchange]:
        """Wait until *count* relayed requests have been noted: a moment after their answers were sent."""
        await until(lambda: len(self.exchanges) >= count, f"{count} relayed requests")
        return self.exchanges

    def port(self, index: int = 0) -> int:
        """The local port that a ``connect`` was given."""
        return int(self.agent.snapshot().connections[index].leads_to.rpartition(":")[2])


@contextlib.asynccontextmanager
async def running_agent(
    *connections: ConnectionConfig,
    deadlines: Deadlines = QUICK,
    relay_loop: RelayLoop | None = None,
    clock: Clock | None = None,
    network: NetworkConfig | None = None,
    captures: Exchanges | None = None,
    is_ready: bool = True,
) -> AsyncIterator[RunningAgent]:
    """Run an agent for the time of the block; *is_ready*: begin the block when everything listens."""
    exchanges: list[Exchange] = []
    config = AgentConfig(
        connections=connections, deadlines=deadlines, network=network or NetworkConfig(proxy="none")
    )
    agent = Agent(
        config, relay_loop=relay_loop, exchanges=captures, on_exchange=exchanges.append, clock=clock
    )
    running = RunningAgent(agent, config, exchanges)
    task = asyncio.create_task(agent.run())
    try:
        if is_ready:
            await running.until_listening()
        yield running
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
