"""A WebSocket after its 101: what every leg of the gateway has in common, and the leg that speaks in messages.

All legs of a loop read into one shared buffer (measured: 3 to 4 KiB for an idle pair instead of 25). That is safe
because a loop fills and hands over the buffer in one go, and only as long as nothing keeps a view of it: what goes to
a transport is always a copy (a view is corrupted under back-pressure on uvloop and on Python 3.12 and later).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from hyco.close_codes import NO_STATUS, is_sendable
from hyco.errors import RemoteProtocolError
from hyco.frames import Close, Event, Fragment, FrameReader, Opcode, Ping, close_payload, frame

log = logging.getLogger(__name__)

#: How long a leg that is closing may take to take its last bytes and to answer a Close.
CLOSE_TIMEOUT_S = 10.0


class Keepalive(Protocol):
    """Who pings the legs (gateway.keepalive)."""

    def add(self, leg: Leg) -> None:
        """Call the leg's tick() every ping interval, until it is removed."""

    def remove(self, leg: Leg) -> None:
        """The leg is gone."""


class Leg(asyncio.BufferedProtocol):
    """One WebSocket whose peer is a client of the gateway.

    A leg is made before its 101 is written; :meth:`take_over` makes it the protocol of the transport.
    """

    __slots__ = (
        "_buffer",
        "_close_timer",
        "_is_heard",
        "_is_tls",
        "_keepalive",
        "_missed_pongs",
        "_transport",
        "_write_paused_since",
        "has_received_close",
        "has_sent_close",
        "is_lost",
        "is_reading_paused",
    )

    def __init__(self, buffer: memoryview, keepalive: Keepalive) -> None:
        self._buffer = buffer
        self._keepalive = keepalive
        self._transport: asyncio.Transport | None = None
        self._is_heard = True
        self._is_tls = False
        self._missed_pongs = 0
        self._write_paused_since: float | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self.has_received_close = False
        self.has_sent_close = False
        self.is_reading_paused = False
        self.is_lost = False

    # What subclasses give

    def _received(self, data: memoryview) -> None:
        """Bytes of the peer; *data* is the shared buffer, to be copied before it is kept."""
        raise NotImplementedError

    def _lost(self) -> None:
        """The connection is gone, whether it had said Close or not."""
        raise NotImplementedError

    def _may_write_control(self) -> bool:
        """Whether a control frame may be written now: between two frames, and the peer is reading."""
        return self._write_paused_since is None

    def _send_ping(self) -> None:
        self.write(frame(Opcode.PING))

    # The transport's side

    def take_over(self, transport: asyncio.Transport, early: bytes) -> None:
        """Become the protocol of *transport*, whose 101 has just been written; *early* came right after the request."""
        self._transport = transport  # whose high-water mark the front has set
        self._is_tls = transport.get_extra_info("ssl_object") is not None
        transport.set_protocol(self)
        self._keepalive.add(self)
        if early:
            self._received(memoryview(early))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Not used: a leg takes a connection over that the front has accepted."""

    def get_buffer(self, sizehint: int) -> memoryview:
        """The buffer that all legs share; a view, because the loop's TLS slices it."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """*nbytes* arrived."""
        self._is_heard = True
        if not self.is_lost:
            self._received(self._buffer[:nbytes])

    def eof_received(self) -> bool:
        """TCP's end without a Close frame is the end of both directions; with one, nothing was left to come."""
        return False

    def pause_writing(self) -> None:
        """The peer does not take what is written."""
        self._write_paused_since = asyncio.get_running_loop().time()

    def resume_writing(self) -> None:
        """The peer takes bytes again."""
        self._write_paused_since = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The TCP connection is gone."""
        if self.is_lost:
            return
        self.is_lost = True
        self._keepalive.remove(self)
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None
        self._lost()
        # asyncio's TLS keeps bound methods of this leg: a circle, in which its buffers would wait for a full collection
        self._transport = None

    # The gateway's side

    @property
    def is_writing_paused(self) -> bool:
        """Whether the peer is behind by more than the high-water mark."""
        return self._write_paused_since is not None

    @property
    def is_leaving(self) -> bool:
        """Whether what is written now would not arrive: it is closing, though it may take a while to let its last bytes out."""
        transport = self._transport
        return (
            self.is_lost
            or self.has_sent_close
            or self.has_received_close
            or (transport is not None and transport.is_closing())
        )

    def write(self, data: bytes) -> None:
        """Write whole frames, or the parts of one in order."""
        transport = self._transport
        if transport is not None and not self.is_lost and not transport.is_closing():
            transport.write(data)

    def pause_reading(self) -> None:
        """Hold the peer back."""
        if not self.is_reading_paused and self._transport is not None:
            self.is_reading_paused = True
            if not self._transport.is_closing():
                self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Let the peer go on. What it could not send while it was held back does not count against it."""
        if self.is_reading_paused and self._transport is not None:
            self.is_reading_paused = False
            self._missed_pongs = 0
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def hang_up(self) -> None:
        """End the TCP connection, after the bytes that are on their way and within CLOSE_TIMEOUT_S.

        Without a Close frame before it this is an abort to the peer: it sees code 1006.
        """
        transport = self._transport
        if transport is None or self.is_lost:
            return
        transport.close()
        if self._is_tls or transport.get_write_buffer_size():
            self._abort_after(CLOSE_TIMEOUT_S)  # else there is nothing to wait for

    def abort(self) -> None:
        """End the TCP connection now."""
        if self._transport is not None and not self.is_lost:
            self._transport.abort()

    def _abort_after(self, delay_s: float) -> None:
        if self._close_timer is None and self._transport is not None:
            self._close_timer = asyncio.get_running_loop().call_later(delay_s, self._transport.abort)

    def _refuse(self, error: RemoteProtocolError) -> None:
        """Tell a peer that broke the rules which one, and leave it."""
        if self._may_write_control() and not self.has_sent_close:
            self.has_sent_close = True
            self.write(frame(Opcode.CLOSE, close_payload(error.close_code, str(error))))
        self.hang_up()

    def tick(self, now: float, *, missed_pongs_allowed: int, write_stall_timeout_s: float) -> None:
        """Once every ping interval: is the peer still there, and does it take what it is sent?"""
        if self.is_lost:
            return
        stalled_since = self._write_paused_since
        if (
            stalled_since is not None
            and write_stall_timeout_s
            and now - stalled_since > write_stall_timeout_s
        ):
            self.abort()
            return
        if self._is_heard or self.is_reading_paused or stalled_since is not None:
            # a peer that is not being read cannot be heard, and one that does not read has not been pinged
            self._missed_pongs = 0
        else:
            self._missed_pongs += 1
            if self._missed_pongs >= missed_pongs_allowed:
                self.abort()
                return
        self._is_heard = False
        if not self.has_sent_close:
            self._send_ping()


class MessageOwner(Protocol):
    """Who understands what comes over a MessageLeg. A RemoteProtocolError from either method ends the leg with its code."""

    def fragment_received(self, fragment: Fragment) -> None:
        """A piece of a text or binary message."""

    def close_received(self, close: Close) -> None:
        """The peer said Close; it is being answered."""

    def leg_lost(self) -> None:
        """The connection is gone. Called once, always."""

    def writing_resumed(self) -> None:
        """The peer takes bytes again after is_writing_paused."""


class MessageLeg(Leg):
    """A WebSocket that the gateway itself talks on: a control channel, or the rendezvous of an HTTP exchange."""

    __slots__ = ("_owner", "_pong", "_reader")

    def __init__(self, buffer: memoryview, keepalive: Keepalive, owner: MessageOwner) -> None:
        super().__init__(buffer, keepalive)
        self._owner = owner
        self._reader = FrameReader(is_masked=True)
        self._pong: bytes | None = (
            None  # owed to a peer that pings and does not read: only ever the latest one
        )

    def send_text(self, text: str) -> None:
        """Send one text message."""
        self.write(frame(Opcode.TEXT, text.encode()))

    def send_data(self, data: bytes, *, is_text: bool) -> None:
        """Send one message; UTF-8 where *is_text*."""
        self.write(frame(Opcode.TEXT if is_text else Opcode.BINARY, data))

    def send_message(self, text: str, body: bytes | None) -> None:
        """Send a text and the binary message that belongs to it, with nothing between them."""
        if body is None:
            self.write(frame(Opcode.TEXT, text.encode()))
        else:
            self.write(frame(Opcode.TEXT, text.encode()) + frame(Opcode.BINARY, body))

    def send_fragment(self, data: bytes, *, is_first: bool, is_last: bool) -> None:
        """Send a piece of one binary message."""
        self.write(frame(Opcode.BINARY if is_first else Opcode.CONTINUATION, data, fin=is_last))

    def close(self, code: int, reason: str) -> None:
        """Say Close, and hang up when it is answered or CLOSE_TIMEOUT_S have passed."""
        if self.is_lost or self.has_sent_close:
            return
        self.has_sent_close = True
        self.write(frame(Opcode.CLOSE, close_payload(code, reason)))
        if self.has_received_close:
            self.hang_up()
        else:
            self.resume_reading()
            self._abort_after(CLOSE_TIMEOUT_S)

    def resume_writing(self) -> None:
        """The peer takes bytes again."""
        super().resume_writing()
        if self._pong is not None:
            self.write(frame(Opcode.PONG, self._pong))
            self._pong = None
        self._owner.writing_resumed()

    def _send_ping(self) -> None:
        if not self.is_writing_paused:
            self.write(frame(Opcode.PING))

    def _received(self, data: memoryview) -> None:
        try:
            for event in self._reader.feed(data):
                self._handle(event)
        except RemoteProtocolError as error:
            self._refuse(error)

    def _handle(self, event: Event) -> None:
        if isinstance(event, Fragment):
            if not self.has_sent_close:
                self._owner.fragment_received(event)
        elif isinstance(event, Ping):
            if self.has_sent_close:
                return
            if self.is_writing_paused:
                self._pong = event.payload
            else:
                self.write(frame(Opcode.PONG, event.payload))
        elif isinstance(event, Close):
            self.has_received_close = True
            self._owner.close_received(event)
            if not self.has_sent_close:
                self.has_sent_close = True
                code = event.code if is_sendable(event.code) else NO_STATUS
                self.write(frame(Opcode.CLOSE, close_payload(code)))
            self.hang_up()

    def _lost(self) -> None:
        self._owner.leg_lost()
