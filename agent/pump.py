"""Bytes between a TCP connection and a relayed WebSocket.

Each read becomes one write: one binary frame for what TCP had to say, so that frames are small when the talk
is interactive and large in bulk, and one piece of TCP for all the frames of one read.

| one side says | the other side hears |
|---|---|
| FIN | Close 1000; its own direction stays open |
| Close (1000, none, application codes) | FIN; its own direction stays open |
| RST, or any other error | the WebSocket goes away without Close |
| Close with another code, or no Close at all | RST |
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from hyco.frames import Close, Event, Fragment, Opcode, frame

from .legs import Leg
from .websocket_legs import FramedLeg, is_clean, new_mask


class TcpLeg(Leg):
    """A connection to a target, or from a program on this computer.

    Until it is joined it holds at most one read: it pauses its reading, but uvloop, and asyncio in Debian 12's Python
    3.11.2, ignore that inside ``connection_made`` of an accepted connection (measured), so what comes all the same is
    kept.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._early: list[bytes] = []
        self._ended_early = False
        self.on_read: Callable[[bytes | memoryview], None] | None = None
        """Is given what is read from here, before the peer is; nothing at its end. It keeps no view."""
        self.on_written: Callable[[bytes], None] | None = None
        """Is given what is written to here; nothing at its end."""

    def describe(self) -> str:
        """Say what is at the far end."""
        return self._name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait to be joined."""
        super().connection_made(transport)
        self.pause_reading()

    def start(self) -> None:
        """Pass on what came before the join, then let the bytes flow."""
        early, self._early = self._early, []
        if early and self._peer is not None:
            if self.on_read is not None:
                self.on_read(b"".join(early))
            self._peer.write_payload(early)
        if self._ended_early:
            self._received_end()
        super().start()

    def _received(self, data: memoryview) -> None:
        self._count_payload(len(data))
        if self._peer is not None:
            if self.on_read is not None:
                self.on_read(data)
            self._peer.write_payload([data])
        else:
            self._early.append(bytes(data))
            # Holding back was asked for and did not take. A transport that believes it is paused does nothing when it is
            # asked again (asyncio before 3.11.4), so it is let go first.
            self.resume_reading()
            self.pause_reading()

    def eof_received(self) -> bool:
        """Pass the end on; True keeps the other direction open."""
        if self._peer is None:
            self._ended_early = True
        else:
            self._received_end()
        return True

    def _received_end(self) -> None:
        if self.on_read is not None and not self.has_received_end:
            self.on_read(b"")
        super()._received_end()

    def write_payload(self, parts: Sequence[bytes | memoryview]) -> None:
        """Send what the peer received."""
        data = b"".join(parts)
        if self.on_written is not None:
            self.on_written(data)
        self.write(data)

    def _write_end(self) -> None:
        if self.on_written is not None:
            self.on_written(b"")
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()


class StreamLeg(FramedLeg):
    """The WebSocket of a relayed byte stream. Text frames are bytes too."""

    def write_payload(self, parts: Sequence[bytes | memoryview]) -> None:
        """Send what the peer received, as one frame."""
        payload = parts[0] if len(parts) == 1 else b"".join(parts)
        self.write(frame(Opcode.BINARY, payload, mask=new_mask()))

    def _events_received(self, events: list[Event]) -> None:
        parts: list[bytes] = []
        for event in events:
            if isinstance(event, Fragment):
                parts.append(event.data)
                continue
            if isinstance(event, Close):
                self._pass_on(parts)
                parts = []
            self._control_received(event)
        self._pass_on(parts)

    def _pass_on(self, parts: Sequence[bytes | memoryview]) -> None:
        if parts:
            self._count_payload(len(parts[0]) if len(parts) == 1 else sum(map(len, parts)))
            if self._peer is not None:
                self._peer.write_payload(parts)

    def _close_received(self, close: Close) -> None:
        if is_clean(close):
            super()._close_received(close)
        else:
            self.received_close = close
            self.error = ConnectionResetError(f"closed with code {close.code} {close.reason}".rstrip())
            self.reset()
