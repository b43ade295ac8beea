"""The far end of an agent's leg, in the test's hands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

from hyco.frames import Close, Event, FrameReader, Opcode, close_payload, frame

from .raw_stream import STEP_S, RawStream

_L = TypeVar("_L", bound=asyncio.BaseProtocol)

LOOPBACK = "127.0.0.1"


class LegEnds:
    """Makes TCP connections over loopback whose one end is a protocol under test."""

    def __init__(self) -> None:
        self._streams: list[RawStream] = []
        self._transports: list[asyncio.BaseTransport] = []

    async def connect(self, leg: _L) -> tuple[_L, RawStream]:
        """A connection: *leg* has one end, the test the other."""
        accepted: asyncio.Future[RawStream] = asyncio.get_running_loop().create_future()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.set_result(RawStream(reader, writer))

        server = await asyncio.start_server(accept, LOOPBACK, 0, limit=1 << 30)
        port = server.sockets[0].getsockname()[1]
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: leg, LOOPBACK, port)
        self._transports.append(transport)
        async with asyncio.timeout(STEP_S):
            stream = await accepted
        server.close()
        self._streams.append(stream)
        return leg, stream

    async def close(self) -> None:
        """Close what is still open."""
        for transport in self._transports:
            transport.abort()  # type: ignore[attr-defined]
        for stream in self._streams:
            await stream.close()


@contextlib.asynccontextmanager
async def leg_ends() -> AsyncIterator[LegEnds]:
    """Connections for the time of the block."""
    ends = LegEnds()
    try:
        yield ends
    finally:
        await ends.close()


class ServerEnd:
    """The server's side of a WebSocket: what it sends is not masked, what it reads must be."""

    def __init__(self, stream: RawStream) -> None:
        self.stream = stream
        self._reader = FrameReader(is_masked=True)
        self._events: list[Event] = []

    async def send(self, opcode: Opcode, payload: bytes = b"", *, fin: bool = True) -> None:
        """One frame."""
        await self.stream.send(frame(opcode, payload, fin=fin))

    async def send_close(self, code: int = 1000, reason: str = "") -> None:
        """A Close frame; 1005 for an empty one."""
        await self.send(Opcode.CLOSE, close_payload(code, reason))

    async def read(self) -> Event:
        """The next piece of a message, or control frame."""
        while not self._events:
            data = await self.stream.read_some()
            if not data:
                raise EOFError("the leg ended")
            self._events += self._reader.feed(data)
        return self._events.pop(0)

    async def read_close(self) -> Close:
        """The next event, which has to be a Close."""
        event = await self.read()
        assert isinstance(event, Close), event
        return event
