"""WebSocket legs: this side is the client, so what goes out is masked and what comes in is not.

Pings, pongs and Close belong to one hop and go out between frames only. A pong is owed for the latest ping
alone (RFC 6455 §5.5.3): a far end that pings and never reads is held to one pong, not to a growing pile.

A far end that answers nothing for two ping intervals is gone. That is not counted against it while this side
does not read (it may have answered) or cannot write (it was never asked).
"""

from __future__ import annotations

import asyncio
import os
from typing import ClassVar

from hyco.close_codes import NO_STATUS, NORMAL
from hyco.errors import RemoteProtocolError
from hyco.frames import Close, Event, FrameReader, Opcode, Ping, close_payload, frame
from hyco.limits import MISSED_PONGS

from .legs import Leg, log

MASK_BYTES = 4


def new_mask() -> bytes:
    """Four fresh bytes, unpredictable to whoever chose the payload (RFC 6455 §5.3, §10.3)."""
    return os.urandom(MASK_BYTES)


class WebSocketLeg(Leg):
    """A WebSocket to the gateway, or to a local web server, after its 101.

    Args:
        name: Who is at the far end.
        ping_interval_s: Between two pings.
    """

    leave_timeout_s: ClassVar[float] = 10.0
    """After Close in both directions it is the server that ends the TCP connection (RFC 6455 §7.1.1)."""

    def __init__(self, name: str, ping_interval_s: float) -> None:
        super().__init__()
        self._name = name
        self._ping_interval_s = ping_interval_s
        self._ping_timer: asyncio.TimerHandle | None = None
        self._bytes_at_ping: int | None = None
        self._missed_pongs = 0
        self._pong: bytes | None = None
        self._early = b""
        self._close = close_payload(NORMAL)
        self.received_close: Close | None = None

    def describe(self) -> str:
        """Say what is at the far end."""
        return self._name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to ping."""
        super().connection_made(transport)
        self._ping_timer = asyncio.get_running_loop().call_later(self._ping_interval_s, self._tick)

    def take_over(self, transport: asyncio.Transport, early: bytes) -> None:
        """Become the protocol of *transport*, whose reading is paused; *early* came right after its 101."""
        self.is_reading_paused = True
        self._early = early
        transport.set_protocol(self)
        self.connection_made(transport)

    def start(self) -> None:
        """Take what came with the 101, then let the bytes flow."""
        early, self._early = self._early, b""
        if early:
            self._take(memoryview(early))
        super().start()

    def eof_received(self) -> bool | None:
        """TCP's end without Close frames before it is a cut, whatever is still on its way out."""
        if not self.is_complete:
            self.error = self.error or ConnectionResetError("ended without a Close frame")
            self.reset()
        return None

    def resume_reading(self) -> None:
        """Read on. What the far end could not say in between does not count against it."""
        self._bytes_at_ping = None
        self._missed_pongs = 0
        super().resume_reading()

    def resume_writing(self) -> None:
        """Send the pong that was owed, and let the peer go on."""
        super().resume_writing()
        self._write_controls()

    def _went(self) -> None:
        if self._ping_timer is not None:
            self._ping_timer.cancel()

    def _write_end(self) -> None:
        self.write(frame(Opcode.CLOSE, self._close, mask=new_mask()))

    def _leave(self) -> None:
        self._reset_after(self.leave_timeout_s)

    def _ping_received(self, payload: bytes) -> None:
        self._pong = payload
        self._write_controls()

    def _close_received(self, close: Close) -> None:
        self.received_close = close
        self._received_end()

    def _refuse(self, error: RemoteProtocolError) -> None:
        """Tell a far end that broke the rules which one, and cut the connection for the peer as well."""
        log.warning("%s broke the WebSocket protocol: %s", self._name, error)
        if not self.has_sent_end and self._may_write_controls():
            self.write(frame(Opcode.CLOSE, close_payload(error.close_code, str(error)), mask=new_mask()))
        self.error = error
        if self._peer is not None:
            self._peer.reset()
        self.pause_reading()
        self.hang_up()

    # Pings and pongs

    def _may_write_controls(self) -> bool:
        return not self.is_writing_paused

    def _write_controls(self) -> None:
        if self._pong is not None and not self.has_sent_end and self._may_write_controls():
            self.write(frame(Opcode.PONG, self._pong, mask=new_mask()))
            self._pong = None

    def _write_ping(self) -> bool:
        """Send a ping if one can be sent now, and say whether it was."""
        if self.has_sent_end or not self._may_write_controls():
            return False
        self.write(frame(Opcode.PING, mask=new_mask()))
        return True

    def _tick(self) -> None:
        if self._bytes_at_ping is not None and not self.is_reading_paused and not self.is_writing_paused:
            is_silent = self._bytes_at_ping == self.bytes_received
            self._missed_pongs = self._missed_pongs + 1 if is_silent else 0
            if self._missed_pongs >= MISSED_PONGS:
                self.error = TimeoutError(f"no answer to {MISSED_PONGS} pings")
                self.reset()
                return
        self._bytes_at_ping = self.bytes_received if self._write_ping() else None
        self._ping_timer = asyncio.get_running_loop().call_later(self._ping_interval_s, self._tick)


class FramedLeg(WebSocketLeg):
    """A WebSocket whose frames this side understands, rather than passes on."""

    def __init__(self, name: str, ping_interval_s: float) -> None:
        super().__init__(name, ping_interval_s)
        self._reader = FrameReader(is_masked=False)

    def _received(self, data: memoryview) -> None:
        try:
            self._events_received(self._reader.feed(data))
        except RemoteProtocolError as error:
            self._refuse(error)

    def _events_received(self, events: list[Event]) -> None:
        """Take the data of *events*; call :meth:`_control_received` for the rest."""
        raise NotImplementedError

    def _control_received(self, event: Event) -> None:
        if isinstance(event, Ping):
            self._ping_received(event.payload)
        elif isinstance(event, Close):
            self._close_received(event)


def is_clean(close: Close) -> bool:
    """Whether a byte stream that ends with *close* is whole.

    1000, no code, and the codes of applications end it on purpose; everything else (going away, errors) says that
    something went wrong before the end, and must not look like a FIN.
    """
    return close.code in (NORMAL, NO_STATUS) or close.code >= 3_000
