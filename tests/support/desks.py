"""The desk with a real agent, on the test's own loop, with settings and keys of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from agent.clock import Clock
from agent.config import AgentConfig
from agent.exchanges import Exchanges
from agent.supervisor import Agent
from hyco.addresses import parse_endpoint
from hyco.connection_string import ConnectionString
from hyco.sas import Right
from relaydesk.desk.desk import Desk
from relaydesk.keystore import Keystore
from relaydesk.ports import PortWatcher
from relaydesk.settings import Settings
from relaydesk.snapshot import Service, ServiceState, Snapshot

from .gateways import RunningGateway
from .keyrings import MemoryKeyring
from .waiting import until

#: A probe, a listener's first connect and a look at the ports may all be behind one state.
SETTLES_S = 20.0


class RunningDesk:
    """A desk that runs.

    Attributes:
        actions: What can be asked of it.
        keyring: Where its keys are.
        settings: Its settings files.
    """

    def __init__(self, actions: Desk, keyring: MemoryKeyring, settings: Settings) -> None:
        self.actions = actions
        self.keyring = keyring
        self.settings = settings

    @property
    def now(self) -> Snapshot:
        """What it shows."""
        return self.actions.snapshot()

    def service(self, name: str) -> Service:
        """One service as it is shown."""
        return next(service for service in self.now.services if service.name == name)

    async def until(self, condition: Callable[[Snapshot], object], what: str) -> None:
        """Wait until what is shown is so."""
        try:
            await until(lambda: condition(self.now), within_s=SETTLES_S)
        except AssertionError:
            raise AssertionError(f"not within {SETTLES_S:g} s: {what}; shown: {self.now}") from None

    async def until_state(self, name: str, state: ServiceState) -> Service:
        """Wait until a service is in *state*."""
        await self.until(
            lambda now: any(one.name == name and one.state is state for one in now.services),
            f"{name} is {state.value}",
        )
        return self.service(name)


@contextlib.asynccontextmanager
async def running_desk(
    folder: Path,
    *,
    keyring: MemoryKeyring | None = None,
    bundled_port: int | None = 0,
    clock: Clock | None = None,
    data_folder: Path | None = None,
) -> AsyncIterator[RunningDesk]:
    """A desk with its files in *folder*, for the time of the block; a second one on the same folder is a restart."""
    kept = keyring if keyring is not None else MemoryKeyring()
    settings = Settings(folder / "config")
    clock = clock or Clock()

    async def fetch(name: str) -> str | None:
        return await desk.keys.fetch(name)

    exchanges = Exchanges(folder / "captures", clock)
    agent = Agent(AgentConfig(), keystore=fetch, exchanges=exchanges, clock=clock)
    desk = Desk(
        engine=agent,
        settings=settings,
        keystore=Keystore(folder / "keys.sealed", find_backend=lambda: kept),
        ports=PortWatcher(),
        data_folder=data_folder or folder / "gateway",
        clock=clock,
        exchanges=exchanges,
        on_change=lambda: None,
        bundled_port=bundled_port,
    )
    exchanges.begin()
    async with asyncio.TaskGroup() as tasks:
        inside = [tasks.create_task(agent.run(), name="agent"), tasks.create_task(desk.run(), name="desk")]
        try:
            yield RunningDesk(desk, kept, settings)
        finally:
            for task in inside:
                task.cancel()
            exchanges.close()


async def connection_string(
    gateway: RunningGateway, rights: Right | None = None, path: str | None = None
) -> str:
    """A connection string of *gateway*: of its root rule, or of a new rule with just *rights*."""
    rule = gateway.rule if rights is None else await gateway.create_rule(path, "given", rights)
    return ConnectionString(
        endpoint=parse_endpoint(f"http://{gateway.host}/"),
        entity_path=path,
        key_name=rule.name,
        key=rule.primary_key,
        is_development_emulator=True,
    ).format()
