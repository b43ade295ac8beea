"""Local services for an agent to lead to that behave, go silent, or die; each on a free port of loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from .processes import LOOPBACK
from .raw_stream import RawStream

Talk = Callable[[RawStream], Awaitable[None]]


@contextlib.asynccontextmanager
async def service(talk: Talk) -> AsyncIterator[str]:
    """A TCP service that does *talk* with each connection and then closes it; gives ``host:port``.

    A connection that breaks, or that says nothing for as long as a step may take, is closed too.
    """
    open_ones: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_ones.add(task)
        stream = RawStream(reader, writer)
        try:
            with contextlib.suppress(
                ConnectionError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError
            ):
                await talk(stream)
        finally:
            open_ones.discard(task)
            with contextlib.suppress(asyncio.CancelledError):
                await stream.close()

    server = await asyncio.start_server(accepted, LOOPBACK, 0, backlog=1024)
    try:
        yield f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tuple(open_ones):
            task.cancel()
        if open_ones:
            await asyncio.wait(tuple(open_ones))


async def echo(stream: RawStream) -> None:
    """Send back whatever comes."""
    while data := await stream.read_some():
        await stream.send(data)


async def silence(stream: RawStream) -> None:
    """Take what comes, and never answer."""
    while await stream.read_some():
        pass


def web(answer: Callable[[bytes], Awaitable[bytes]]) -> Talk:
    """A web service for requests without a body: *answer* gets the target of each and gives the body of a 200."""

    async def talk(stream: RawStream) -> None:
        while line := await stream.read_line():
            target = line.split(b" ")[1]
            while await stream.read_line() not in (b"\r\n", b""):
                pass
            body = await answer(target)
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    return talk
