"""A protocol that reads a piece at a time, as one does whose peer is slow."""

from __future__ import annotations

import asyncio
from typing import cast

#: As much as a record of TLS holds: of what came in one go, the rest stays with the transport.
PIECE_BYTES = 16_384


class PausingProtocol(asyncio.BufferedProtocol):
    """Takes a piece, pauses, and reads on once the loop has been round."""

    def __init__(self) -> None:
        self.received = bytearray()
        self._buffer = bytearray(PIECE_BYTES)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Give room for one piece."""
        return memoryview(self._buffer)

    def buffer_updated(self, nbytes: int) -> None:
        """Keep the piece, and pause for a turn of the loop."""
        self.received += self._buffer[:nbytes]
        assert self._transport is not None
        self._transport.pause_reading()
        asyncio.get_running_loop().call_later(0.001, self._transport.resume_reading)

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()
