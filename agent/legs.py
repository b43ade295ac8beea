"""What every connection of the data plane has in common: reading, holding back, ending and resetting.

All legs of a loop read into one shared buffer: an idle leg then costs a few KiB instead of twenty. This is
safe because a loop fills the buffer and hands it over in one go, and only as long as nobody keeps a view of
it: whatever goes to a transport is a copy (a view is corrupted under back-pressure on uvloop, and on asyncio
from Python 3.12 on).

Two legs are joined by naming each other as peer. There is no queue between them: the one whose transport is
above its high-water mark stops the other's reading. The two directions end on their own:

* the *end* of a direction (a FIN, a Close frame) is passed on, and the other direction stays open;
* a connection that goes away without having said so is a *cut*, and reaches the other side as one. A half
  that arrived must never look like a whole.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, cast

from hyco.limits import HIGH_WATER_BYTES, READ_BUFFER_BYTES

from .errors import RelayCutError

log = logging.getLogger(__name__)

# SO_LINGER with a time of zero makes close() a reset (RST). Windows declares the two fields as u_short.
_LINGER_NOTHING: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class _ThreadBuffer(threading.local):
    """One buffer for each thread, and so for each running loop."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(READ_BUFFER_BYTES))


_buffer = _ThreadBuffer()


class Leg(asyncio.BufferedProtocol):
    """One connection that carries bytes, alone or joined to a peer."""

    leave_timeout_s: ClassVar[float] = 60.0
    """What the far end gets to take the last bytes once both directions have ended. The last bytes are at most the
    high-water mark and what the system holds."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._peer: Leg | None = None
        self._on_end: Callable[[Leg], None] | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self.is_reading_paused = False
        self.is_writing_paused = False
        self.has_received_end = False
        self.has_sent_end = False
        self.is_lost = False
        self.bytes_received = 0
        """Of everything that was read, framing included."""
        self.payload_received = 0
        """Of what it carries: what whoever is at the far end said."""
        self.count: Callable[[int], None] | None = None
        """Told about all payload that is read: the live counters of the hybrid connection."""
        self.error: Exception | None = None

    # What subclasses give

    def _received(self, data: memoryview) -> None:
        """Take what arrived; *data* is the shared buffer, to be copied before it is kept."""
        raise NotImplementedError

    def describe(self) -> str:
        """Say what is at the far end, for people."""
        raise NotImplementedError

    def _write_end(self) -> None:
        """Tell this leg's far end that nothing more comes."""
        raise NotImplementedError

    def write_payload(self, parts: Sequence[bytes | memoryview]) -> None:
        """Send *parts*, which the peer received."""
        raise NotImplementedError

    def _went(self) -> None:
        """Stop what was running for this leg; the connection is gone."""

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; also called when a leg takes a connection over."""
        transport = cast("asyncio.Transport", transport)  # not an isinstance: uvloop's are no subclass
        self._transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        # Both loops set TCP_NODELAY themselves. A far end that vanished is noticed by the system in the end.
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Give the buffer that all legs of this thread share."""
        return _buffer.view

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on what has been read into the shared buffer."""
        if not self.is_lost:
            self._take(_buffer.view[:nbytes])

    def _take(self, data: memoryview) -> None:
        self.bytes_received += len(data)
        self._received(data)

    def _count_payload(self, nbytes: int) -> None:
        """Called by subclasses, once for each read: they alone know what is framing."""
        self.payload_received += nbytes
        if self.count is not None:
            self.count(nbytes)

    def pause_writing(self) -> None:
        """Hold the peer back: this leg's far end does not take what it is sent."""
        self.is_writing_paused = True
        if self._peer is not None:
            self._peer.pause_reading()

    def resume_writing(self) -> None:
        """Let the peer go on."""
        self.is_writing_paused = False
        if self._peer is not None:
            self._peer.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass the end on: as a cut, unless both directions had ended before."""
        if self.is_lost:
            return
        self.is_lost = True
        self.error = exc or self.error
        if self._close_timer is not None:
            self._close_timer.cancel()
        self._went()
        self._tell_loss()

    def _tell_loss(self) -> None:
        if self._peer is not None and not self.is_complete:
            self._peer.reset()
        if self._on_end is not None:
            self._on_end(self)

    # The relay's side

    @property
    def is_complete(self) -> bool:
        """Whether both directions have ended in order."""
        return self.has_received_end and self.has_sent_end

    def joined(self, peer: Leg, on_end: Callable[[Leg], None]) -> None:
        """Begin to relay: what this leg receives goes to *peer*, and *on_end* is called when it is gone."""
        self._peer, self._on_end = peer, on_end

    def start(self) -> None:
        """Let the bytes flow."""
        if self.is_lost:
            self._tell_loss()
        elif self._peer is None or not self._peer.is_writing_paused:
            self.resume_reading()

    def parted(self) -> None:
        """Forget the peer."""
        self._peer = self._on_end = None

    def pause_reading(self) -> None:
        """Hold this leg's far end back."""
        if not self.is_reading_paused:
            self.is_reading_paused = True
            if self._transport is not None and not self._transport.is_closing():
                self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Let this leg's far end go on."""
        if self.is_reading_paused:
            self.is_reading_paused = False
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Give *data* to the transport; a copy, never a view of the shared buffer."""
        if self._transport is not None and not self.is_lost and not self._transport.is_closing():
            self._transport.write(data)

    def send_end(self) -> None:
        """End the direction that leads to this leg's far end; the other one stays open."""
        if not self.has_sent_end and not self.is_lost:
            self.has_sent_end = True
            self._write_end()
            self._leave_if_done()

    def _received_end(self) -> None:
        """Note that the far end has nothing more to say, and tell the peer."""
        if self.has_received_end:
            return
        self.has_received_end = True
        if self._peer is not None:
            self._peer.send_end()
        self._leave_if_done()

    def _leave_if_done(self) -> None:
        if self.is_complete:
            self._leave()

    def _leave(self) -> None:
        """Both directions have ended: let the last bytes out and go."""
        self.hang_up()

    def hang_up(self) -> None:
        """Close after the bytes that are on their way, within leave_timeout_s."""
        if self._transport is not None and not self.is_lost:
            self._transport.close()
            self._reset_after(self.leave_timeout_s)

    def reset(self) -> None:
        """End at once, so that the far end sees a cut: TCP gets a reset."""
        if self._transport is not None and not self.is_lost:
            connection = self._transport.get_extra_info("socket")
            if connection is not None:
                try:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOTHING)
                except OSError as error:  # its descriptor is already closed
                    log.debug("cannot reset a connection: %s", error)
            self._transport.abort()

    def _reset_after(self, delay_s: float) -> None:
        if self._close_timer is None:
            self._close_timer = asyncio.get_running_loop().call_later(delay_s, self.reset)


async def join(one: Leg, other: Leg) -> None:
    """Relay between two legs until both are gone. Cancelling resets both.

    Raises:
        RelayCutError: One of them went away before both directions had ended.
    """
    both_gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    cut: list[Leg] = []

    def ended(leg: Leg) -> None:
        if not leg.is_complete:
            cut.append(leg)
        if one.is_lost and other.is_lost and not both_gone.done():
            both_gone.set_result(None)

    one.joined(other, ended)
    other.joined(one, ended)
    try:
        one.start()
        other.start()
        await both_gone
    finally:
        for leg in (one, other):
            leg.reset()
            leg.parted()
    if cut:
        raise RelayCutError(f"{cut[0].describe()} went away" + (f": {cut[0].error}" if cut[0].error else ""))
