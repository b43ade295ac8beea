"""NATS servers of the tests' own."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator
from pathlib import Path

from .hosts import Host
from .processes import LOOPBACK, Child, child, free_port, need_program
from .waiting import until

_CONFIGURATION = """
listen: "{host}:{port}"
ping_interval: "1s"
ping_max: 2
write_deadline: "2s"
max_payload: 1MB
lame_duck_duration: "30s"
{cluster}
"""

_CLUSTER = """
cluster {{
  name: "test"
  listen: "{host}:{port}"
  routes: [{routes}]
}}
"""


class NatsServer:
    """A server that can be killed and started again on the same port."""

    def __init__(self, name: str, file: Path, port: int, host: Host | None = None) -> None:
        self.name = name
        self.port = port
        self.address = LOOPBACK if host is None else host.address
        self._host = host
        self._file = file
        self._running = contextlib.AsyncExitStack()
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"nats://{self.address}:{self.port}"

    @property
    def child(self) -> Child:
        """Its process."""
        assert self._child is not None
        return self._child

    async def start(self) -> None:
        """Start it, and wait until it can be connected to."""
        command: tuple[str | Path, ...] = (need_program("nats-server"), "-c", self._file)
        if self._host is not None:
            command = self._host.command(*command)
        self._child = await self._running.enter_async_context(child(self.name, *command))
        await self._child.says("Server is ready")

    async def stop(self) -> None:
        """End it."""
        await self._running.aclose()

    async def kill(self) -> None:
        """End it with SIGKILL."""
        await self.child.kill()
        await self._running.aclose()


@contextlib.asynccontextmanager
async def nats_servers(
    folder: Path, count: int = 1, *, host: Host | None = None
) -> AsyncIterator[list[NatsServer]]:
    """*count* servers, as one cluster where there are several, for the time of the block; on *host*, if not here."""
    servers = _written(folder, count, host)
    async with contextlib.AsyncExitStack() as stack:
        for server in servers:
            await server.start()
            stack.push_async_callback(server.stop)
        if count > 1:
            for server in servers:
                await until(functools.partial(_knows, server, count - 1), "the servers know each other")
        yield servers


def _written(folder: Path, count: int, host: Host | None) -> list[NatsServer]:
    folder.mkdir(parents=True, exist_ok=True)
    ports = [free_port() for _ in range(2 * count)]
    address = LOOPBACK if host is None else host.address
    routes = ", ".join(f'"nats-route://{address}:{port}"' for port in ports[count:])
    servers = []
    for number in range(count):
        cluster = _CLUSTER.format(host=address, port=ports[count + number], routes=routes)
        file = folder / f"nats-{number}.conf"
        file.write_text(
            _CONFIGURATION.format(host=address, port=ports[number], cluster=cluster if count > 1 else "")
        )
        servers.append(NatsServer(f"nats-{number}", file, ports[number], host))
    return servers


def _knows(server: NatsServer, others: int) -> bool:
    return sum("Route connection created" in line for line in server.child.lines) >= others
