"""Local services for an agent to lead to, each on a free port of loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from .raw_stream import STEP_S, RawStream

LOOPBACK = "127.0.0.1"


class TcpTarget:
    """A TCP service that the test speaks for itself: it takes the accepted connections one by one."""

    def __init__(self) -> None:
        self._accepted: asyncio.Queue[RawStream] = asyncio.Queue()
        self._streams: list[RawStream] = []
        self.port = 0

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"{LOOPBACK}:{self.port}"

    async def accept(self) -> RawStream:
        """The next connection."""
        async with asyncio.timeout(STEP_S):
            return await self._accepted.get()

    @property
    def connections(self) -> int:
        """How many there have been."""
        return len(self._streams)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[TcpTarget]:
        """Listen for the time of the block; what is still open then is closed."""

        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            stream = RawStream(reader, writer)
            self._streams.append(stream)
            self._accepted.put_nowait(stream)

        server = await asyncio.start_server(accepted, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for stream in self._streams:
                await stream.close()


def tcp_target() -> contextlib.AbstractAsyncContextManager[TcpTarget]:
    """A TCP service."""
    return TcpTarget().serving()


@contextlib.asynccontextmanager
async def web_target(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    """A web server with one handler for everything; gives ``host:port``."""
    server = web.Server(handler)
    runner = web.ServerRunner(server, shutdown_timeout=0.0)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    try:
        yield f"{LOOPBACK}:{site.port}"
    finally:
        await runner.cleanup()
        for _ in range(5):  # its connections have been cancelled, and end within the next turns of the loop
            await asyncio.sleep(0)


async def unused_port() -> int:
    """A port that nobody listens on."""
    server = await asyncio.start_server(lambda reader, writer: None, LOOPBACK, 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port
