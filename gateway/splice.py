"""Two connections whose bytes go to each other as they are, each held back while the other is slow."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, cast

#: What may wait for a slow side.
HIGH_WATER_BYTES: Final = 65_536


class SpliceEnd(asyncio.BufferedProtocol):
    """One of two connections whose bytes go to each other."""

    def __init__(self, buffer: memoryview) -> None:
        self._buffer = buffer
        self.transport: asyncio.Transport | None = None
        self._other: SpliceEnd | None = None
        self.on_end: Callable[[], None] | None = None
        self.is_lost = False

    def join(self, other: SpliceEnd, on_end: Callable[[], None]) -> None:
        """Pass on what comes, either way; *on_end* is called once, when both are gone."""
        self._other, other._other = other, self
        self.on_end = other.on_end = on_end

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The other gateway is there."""
        transport = cast("asyncio.Transport", transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._begin(transport)

    def take_over(self, transport: asyncio.Transport, early: bytes) -> None:
        """Become the protocol of *transport*; *early* came right behind the request."""
        transport.set_protocol(self)
        self._begin(transport)
        if early and self._other is not None:
            self._other.write(early)
        if self._other is None or self._other.is_lost:
            transport.close()

    def _begin(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)

    def get_buffer(self, sizehint: int) -> memoryview:
        """The buffer that all connections of the loop share."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """*nbytes* arrived: a copy goes on, because the buffer is somebody else's in a moment."""
        if self._other is not None:
            self._other.write(bytes(self._buffer[:nbytes]))

    def write(self, data: bytes) -> None:
        """Send *data*."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def abort(self) -> None:
        """End it now."""
        if self.transport is not None:
            self.transport.abort()

    def eof_received(self) -> bool:
        """A WebSocket ends in both directions at once."""
        return False

    def pause_writing(self) -> None:
        """This side is slow: hold the other one back."""
        if self._other is not None and self._other.transport is not None:
            self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        """It takes bytes again."""
        other = self._other
        if other is not None and other.transport is not None and not other.transport.is_closing():
            other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone: what it has said goes to the other one, and then that one goes."""
        self.is_lost = True
        self.transport = None
        other = self._other
        if other is None:
            return
        if other.is_lost:
            on_end, self.on_end, other.on_end = self.on_end, None, None
            if on_end is not None:
                on_end()
        elif other.transport is not None:
            if exc is None:
                other.transport.close()
            else:
                other.transport.abort()
