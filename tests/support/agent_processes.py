"""The agent without a window as a process of its own: ``python -m agent``."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import tomlkit

from .gateway_processes import GatewayProcess
from .processes import LOOPBACK, PYTHON, Child, child
from .secrets_watch import SecretsWatch


class AgentProcess:
    """An agent that can be killed and started again."""

    def __init__(self, config: Path, secrets: SecretsWatch) -> None:
        self.config = config
        self._secrets = secrets
        self._child: Child | None = None
        self._running = contextlib.AsyncExitStack()

    @property
    def child(self) -> Child:
        """Its process."""
        assert self._child is not None
        return self._child

    async def start(self) -> None:
        """Start it, the first time or again; it says where it listens when it does."""
        command = (PYTHON, "-m", "agent", "--config", str(self.config), "--verbose")
        self._child = await self._running.enter_async_context(child("agent", *command))

    async def until_listening(self, *, after: int = 0) -> None:
        """Wait until it says that it listens somewhere; *after* leaves out so many lines of its log."""
        await self.child.says(r": listening on \S+ for ", after=after)

    async def local_port(self, name: str) -> int:
        """The local port that leads to the hybrid connection *name*."""
        match = await self.child.says(rf"{name}: {LOOPBACK}:(\d+) leads to it")
        return int(match[1])

    async def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        return await self.child.stop()

    def explain(self, error: BaseException) -> None:
        """Add to *error* what it said last."""
        if self._child is not None:
            self._child.explain(error)

    async def left(self) -> None:
        """End the process, and look through its log."""
        await self._running.aclose()
        if self._child is not None:
            self._secrets.check(self._child.name, self._child.lines)


class AgentSettings:
    """Writes the settings file of an agent and the key files it names.

    Args:
        folder: Where they go; made if there is none.
        gateway: Whose keys expose() and bring() put into them.
    """

    def __init__(self, folder: Path, gateway: GatewayProcess | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._gateway = gateway
        self._connections: list[dict[str, Any]] = []

    async def expose(
        self, path: str, target: str, *, endpoint: str | None = None, **options: object
    ) -> AgentSettings:
        """Lead the hybrid connection *path* to *target*."""
        return await self._add(path, endpoint, {"target": target, **options})

    async def bring(
        self, path: str, local: str = f"{LOOPBACK}:0", *, endpoint: str | None = None, **options: object
    ) -> AgentSettings:
        """Bring *path* to a local port, a free one where none is given."""
        return await self._add(path, endpoint, {"direction": "connect", "local": local, **options})

    async def _add(self, path: str, endpoint: str | None, settings: dict[str, Any]) -> AgentSettings:
        assert self._gateway is not None
        return self.add(path, await self._gateway.connection_string(path, endpoint=endpoint), **settings)

    def add(self, path: str, connection_string: str, **settings: object) -> AgentSettings:
        """Have a hybrid connection with these settings and this connection string."""
        key_file = self._folder / f"{len(self._connections)}.key"
        key_file.touch(mode=0o600)
        key_file.write_text(connection_string)
        self._connections.append({"path": path, "credential": {"file": key_file.name}, **settings})
        return self

    def write(
        self,
        *,
        deadlines: Mapping[str, float] | None = None,
        ca_file: Path | None = None,
        name: str = "agent.toml",
    ) -> Path:
        """Write the file; *ca_file* is trusted besides the system's authorities."""
        network: dict[str, object] = {"proxy": "none"}
        if ca_file is not None:
            network["ca_file"] = str(ca_file)
        document: dict[str, object] = {"connections": self._connections, "network": network}
        if deadlines is not None:
            document["deadlines"] = dict(deadlines)
        path = self._folder / name
        path.write_text(tomlkit.dumps(document))
        return path


@contextlib.asynccontextmanager
async def agent_process(config: Path, secrets: SecretsWatch) -> AsyncIterator[AgentProcess]:
    """Run an agent with *config* for the time of the block. In the end none of *secrets* may stand in its log."""
    agent = AgentProcess(config, secrets)
    try:
        await agent.start()
        yield agent
    except BaseException as error:
        agent.explain(error)
        raise
    finally:
        await agent.left()


@contextlib.asynccontextmanager
async def exposing(
    folder: Path,
    gateway: GatewayProcess,
    targets: Mapping[str, str],
    *,
    deadlines: Mapping[str, float] | None = None,
    ca_file: Path | None = None,
) -> AsyncIterator[AgentProcess]:
    """An agent that leads each hybrid connection named in *targets* to its target; all of them are listening."""
    settings = AgentSettings(folder, gateway)
    before = (await gateway.status())["listeners"]
    for path, target in targets.items():
        await settings.expose(path, target)
    async with agent_process(settings.write(deadlines=deadlines, ca_file=ca_file), gateway.secrets) as agent:
        await gateway.until_listening(before + len(targets))
        yield agent
