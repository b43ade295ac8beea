"""A TCP connection for tests that care about every byte and about how it ends."""

from __future__ import annotations

import asyncio
import enum
import socket
import ssl
import struct
from typing import Self

#: The longest wait of any single step. Long enough for a busy machine: a step that hangs is a failed test either way.
STEP_S = 10.0

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s


class End(enum.Enum):
    """How a peer ended its connection."""

    FIN = "closed"
    RESET = "reset"


class RawStream:
    """A connection on asyncio streams. Every wait ends after STEP_S with TimeoutError."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        name: str = "",
        source: str | None = None,
    ) -> Self:
        """Connect, from the local address *source* where one is given; with *tls* as to the server *name*."""
        async with asyncio.timeout(STEP_S):
            reader, writer = await asyncio.open_connection(
                host,
                port,
                ssl=tls,
                server_hostname=name if tls is not None else None,
                local_addr=None if source is None else (source, 0),
            )
        return cls(reader, writer)

    @property
    def local_port(self) -> int:
        """Our end's port."""
        return int(self._writer.get_extra_info("sockname")[1])

    @property
    def unsent_bytes(self) -> int:
        """What waits here because the peer takes nothing."""
        return self._writer.transport.get_write_buffer_size()

    @property
    def unread_bytes(self) -> int:
        """What has arrived and was not read by the test."""
        return len(self._reader._buffer)  # type: ignore[attr-defined]

    @property
    def has_ended(self) -> bool:
        """Whether the peer's end of the connection, or a reset, has arrived; there may be bytes to read before it."""
        return bool(self._reader._eof) or self._reader.exception() is not None  # type: ignore[attr-defined]

    # Writing

    def write(self, data: bytes) -> None:
        """Send without waiting for the peer to take it."""
        self._writer.write(data)

    async def send(self, data: bytes, *, within_s: float | None = STEP_S) -> None:
        """Send, and wait while the peer is slow to take it: for ever with *within_s* None.

        Never fails where the connection has ended: how the peer ended is read, not written.
        """
        self._writer.write(data)
        try:
            async with asyncio.timeout(within_s):
                await self._writer.drain()
        except ConnectionError:
            pass

    def half_close(self) -> None:
        """Say that nothing more comes (FIN), and go on reading."""
        self._writer.write_eof()

    def reset(self) -> None:
        """End the connection with a reset, if it has not ended yet."""
        if self._writer.transport.is_closing():
            return
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._writer.transport.abort()

    async def close(self) -> None:
        """End the connection; what the peer has sent since is thrown away."""
        self._writer.transport.abort()
        try:
            async with asyncio.timeout(STEP_S):
                await self._writer.wait_closed()
        except (ConnectionError, ssl.SSLError):
            pass

    # Reading

    async def read_some(self) -> bytes:
        """Whatever comes next; empty at the end.

        Raises:
            ConnectionResetError: It ended with a reset.
        """
        async with asyncio.timeout(STEP_S):
            return await self._reader.read(65_536)

    async def read_exactly(self, size: int) -> bytes:
        """*size* bytes.

        Raises:
            asyncio.IncompleteReadError: The end came first.
            ConnectionResetError: A reset came first.
        """
        async with asyncio.timeout(STEP_S):
            return await self._reader.readexactly(size)

    async def read_line(self) -> bytes:
        """One line with its end; less than that where the connection ended first."""
        async with asyncio.timeout(STEP_S):
            return await self._reader.readline()

    async def read_to_end(self) -> tuple[bytes, End]:
        """Everything up to the end, and how it ended."""
        data = bytearray()
        try:
            while piece := await self.read_some():
                data += piece
        except ConnectionResetError:
            return bytes(data), End.RESET
        return bytes(data), End.FIN

    async def end(self) -> End:
        """Wait for the end.

        Raises:
            AssertionError: Something was sent before it.
        """
        data, end = await self.read_to_end()
        assert data == b"", f"expected the end of the connection, got {data[:200]!r}"
        return end
