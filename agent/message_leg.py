"""The WebSocket of one relayed HTTP request that does not fit on the control channel.

It is used by one coroutine that reads and one that writes. Neither side piles up: reading stops while more
than the high-water mark waits to be taken, and sending waits while the far end does not read.
"""

from __future__ import annotations

import asyncio
from collections import deque

from hyco.close_codes import NORMAL
from hyco.frames import Close, Event, Fragment, Opcode, close_payload, frame
from hyco.limits import HIGH_WATER_BYTES

from .errors import RelayCutError
from .websocket_legs import FramedLeg, new_mask


class MessageLeg(FramedLeg):
    """A WebSocket to the gateway that carries one HTTP exchange."""

    def __init__(self, name: str, ping_interval_s: float) -> None:
        super().__init__(name, ping_interval_s)
        self._inbox: deque[Fragment | Close] = deque()
        self._inbox_bytes = 0
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._gone = asyncio.Event()

    # The exchange's side

    async def receive(self) -> Fragment | Close:
        """Wait for the next piece of a message, or for the far end's Close.

        Raises:
            RelayCutError: The connection went away without one.
        """
        while not self._inbox:
            if self.is_lost:
                raise self._cut()
            self._readable.clear()
            self.resume_reading()
            await self._readable.wait()
        event = self._inbox.popleft()
        if isinstance(event, Fragment):
            self._inbox_bytes -= len(event.data)
        return event

    async def send_text(self, text: str) -> None:
        """Send one text message.

        Raises:
            RelayCutError: The connection is gone.
        """
        await self._send(frame(Opcode.TEXT, text.encode(), mask=new_mask()))

    async def send_binary(self, data: bytes, *, is_first: bool, is_last: bool) -> None:
        """Send a piece of the one binary message, and wait while the far end is behind.

        Raises:
            RelayCutError: The connection is gone.
        """
        opcode = Opcode.BINARY if is_first else Opcode.CONTINUATION
        await self._send(frame(opcode, data, fin=is_last, mask=new_mask()))

    async def close(self) -> None:
        """Say Close 1000 and wait until the far end, which ends the connection, has gone: bounded."""
        self._close = close_payload(NORMAL)
        self.send_end()
        self.resume_reading()
        self._reset_after(self.leave_timeout_s)
        await self._gone.wait()

    async def wait_gone(self) -> None:
        """Wait until the connection is gone. Only of use while somebody reads it."""
        await self._gone.wait()

    async def _send(self, data: bytes) -> None:
        if self.is_lost or self.has_sent_end or self.received_close is not None:
            raise self._cut()
        self.write(data)
        await self._writable.wait()
        if self.is_lost:
            raise self._cut()

    def _cut(self) -> RelayCutError:
        close = self.received_close
        if close is not None:
            return RelayCutError(f"{self._name} closed with code {close.code} {close.reason}".rstrip())
        return RelayCutError(f"{self._name} went away" + (f": {self.error}" if self.error else ""))

    # The connection's side

    def pause_writing(self) -> None:
        """Make senders wait."""
        super().pause_writing()
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let senders go on."""
        super().resume_writing()
        self._writable.set()

    def _events_received(self, events: list[Event]) -> None:
        body_bytes = 0
        for event in events:
            if isinstance(event, Fragment):
                if event.opcode is Opcode.BINARY:  # the text before it is the request's head
                    body_bytes += len(event.data)
                if not self.has_sent_end:
                    self._inbox.append(event)
                    self._inbox_bytes += len(event.data)
            else:
                self._control_received(event)
        if body_bytes:
            self._count_payload(body_bytes)
        if self._inbox:
            self._readable.set()
        if self._inbox_bytes >= HIGH_WATER_BYTES or len(self._inbox) >= MAX_WAITING_FRAGMENTS:
            self.pause_reading()

    def _close_received(self, close: Close) -> None:
        self._inbox.append(close)
        self._readable.set()
        super()._close_received(close)

    def _went(self) -> None:
        super()._went()
        self._gone.set()
        self._readable.set()
        self._writable.set()


MAX_WAITING_FRAGMENTS = 1_024
"""Small fragments cost more than their bytes; reading stops at this many as well."""
