"""WebSocket frames (RFC 6455 section 5), read and written as they stream by.

Nothing here ever holds a whole frame, let alone a whole message: what has arrived is passed on, and what is kept
between two reads is at most one incomplete frame header or control frame, fewer than 132 bytes.

Two readers share the rules:

* :class:`FrameReader` gives events, for whoever wants to understand what is said: control channels, HTTP
  rendezvous, the ends of a byte stream.
* :class:`Forwarder` gives bytes, for whoever only moves frames from one WebSocket to another. It rewrites headers,
  changes the masking in the same pass, and cuts frames longer than MAX_FRAGMENT_BYTES into fragments, so that a
  gateway's own ping never has to wait behind a frame of a gigabyte. One read becomes one write: with small frames,
  a write for each costs eight times more than all the rest. Its inner loop is :class:`.frame_loop.FrameLoop`.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable, Sequence
from typing import TypeAlias

from .close_codes import INVALID_DATA, NO_STATUS, PROTOCOL_ERROR, is_sendable, truncate_reason
from .errors import LocalProtocolError, RemoteProtocolError
from .frame_heads import (
    CONTINUES,
    CONTROL_FRAMES,
    FIN,
    MASK,
    OPCODE,
    STARTS,
    BytesLike,
    FrameHead,
    Opcode,
    frame_head,
    head,
    read_length,
    refuse_first_byte,
)
from .masking import apply_mask

try:
    from ._frame_loop import FrameLoop, masked_frame
except ImportError:  # it was not built, or RELAYDESK_PURE says so
    from .frame_loop import FrameLoop, masked_frame  # type: ignore[assignment]  # its twin

__all__ = [
    "IS_COMPILED",
    "BytesLike",
    "Close",
    "Event",
    "Forwarder",
    "Fragment",
    "FrameHead",
    "FrameReader",
    "Opcode",
    "Ping",
    "Pong",
    "close_payload",
    "frame",
    "frame_head",
    "parse_close",
]

IS_COMPILED = FrameLoop.__module__.endswith("._frame_loop")
"""Whether frames are forwarded by the compiled loop; without it by its twin in Python, with the same result."""

MAX_CONTROL_PAYLOAD_BYTES = 125  # RFC 6455 section 5.5


@dataclasses.dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a data message, as large as it arrived.

    *opcode* is the message's own, TEXT or BINARY, also on its later pieces. A piece is empty only where it is the
    first or the last one.
    """

    opcode: Opcode
    data: bytes
    is_first: bool
    is_last: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Ping:
    """To be answered by a pong with the same payload, on this hop."""

    payload: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Pong:
    """An answer to a ping, or unsolicited; either way the peer is alive."""

    payload: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Close:
    """The peer sends nothing more. *code* is NO_STATUS (1005) where the frame was empty."""

    code: int
    reason: str

    def encode(self) -> bytes:
        """The payload that says the same again on another hop."""
        return close_payload(self.code, self.reason)


Event: TypeAlias = Fragment | Ping | Pong | Close


def frame(opcode: int, payload: BytesLike = b"", *, fin: bool = True, mask: bytes | None = None) -> bytes:
    """One frame, ready to send; *mask* is the four bytes that a client must, and a server must not, have."""
    first_byte = (FIN if fin else 0) | opcode
    if mask is None:
        return b"".join((head(first_byte, len(payload)), payload))
    return masked_frame(first_byte, payload, mask)


def close_payload(code: int, reason: str = "") -> bytes:
    """The body of a Close frame; NO_STATUS gives the empty one. A long reason is cut to what fits.

    Raises:
        LocalProtocolError: *code* must not appear on the wire (RFC 6455 section 7.4).
    """
    if code == NO_STATUS:
        return b""
    if not is_sendable(code):
        msg = f"close code {code} must not be sent"
        raise LocalProtocolError(msg)
    return struct.pack("!H", code) + truncate_reason(reason).encode()


def parse_close(payload: bytes) -> Close:
    """Read the body of a Close frame.

    Raises:
        RemoteProtocolError: One byte long, a code that must not be sent, or a reason that is not UTF-8.
    """
    if not payload:
        return Close(NO_STATUS, "")
    if len(payload) == 1:
        msg = "close frame with a body of one byte"
        raise RemoteProtocolError(msg, PROTOCOL_ERROR)
    code = int.from_bytes(payload[:2], "big")
    if not is_sendable(code):
        msg = f"close frame with invalid code {code}"
        raise RemoteProtocolError(msg, PROTOCOL_ERROR)
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError as error:
        msg = "close frame with a reason that is not UTF-8"
        raise RemoteProtocolError(msg, INVALID_DATA) from error


class _Source:
    """What both readers know about the frames that come in: masking, and the rules of control frames."""

    __slots__ = ("_is_masked", "_tail")

    def __init__(self, *, is_masked: bool) -> None:
        self._is_masked = is_masked
        self._tail = b""  # the beginning of a header or of a control frame

    def _check_mask_bit(self, second_byte: int) -> None:
        if bool(second_byte & MASK) is not self._is_masked:
            text = "unmasked frame from a client" if self._is_masked else "masked frame from a server"
            raise RemoteProtocolError(text, PROTOCOL_ERROR)

    def _control_frame(self, view: memoryview, position: int) -> tuple[Ping | Pong | Close, int] | None:
        """The control frame at *position* and where it ends; None while it is incomplete."""
        length = view[position + 1] & 0x7F
        if length > MAX_CONTROL_PAYLOAD_BYTES:
            msg = "control frame longer than 125 bytes"
            raise RemoteProtocolError(msg, PROTOCOL_ERROR)
        start = position + (6 if self._is_masked else 2)
        end = start + length
        if len(view) < end:
            return None
        payload = bytes(view[start:end])
        if self._is_masked:
            payload = apply_mask(payload, bytes(view[start - 4 : start]))
        opcode = view[position] & OPCODE
        if opcode == Opcode.PING:
            return Ping(payload), end
        if opcode == Opcode.PONG:
            return Pong(payload), end
        return parse_close(payload), end


class FrameReader(_Source):
    """Frames in, events out.

    Call :meth:`feed` with every piece that arrives. After a Close, and after an error, whatever follows is ignored:
    a peer that has said Close has nothing more to say (RFC 6455 section 5.5.1).
    """

    __slots__ = ("_in_message", "_is_first", "_is_over", "_key", "_last_frame", "_left", "_opcode")

    def __init__(self, *, is_masked: bool) -> None:
        """*is_masked*: the peer is a client, whose frames must be masked; a server's must not be."""
        super().__init__(is_masked=is_masked)
        self._in_message = False
        self._left = 0  # bytes of the current frame's payload that are still to come
        self._key = b""
        self._last_frame = True
        self._opcode = Opcode.BINARY
        self._is_first = True
        self._is_over = False

    def feed(self, data: BytesLike) -> list[Event]:
        """Take what arrived; give what it means, in order.

        Raises:
            RemoteProtocolError: The peer broke the framing; its close_code is what to answer. What stood before the
                error in *data* is lost with it: the connection is over.
        """
        events: list[Event] = []
        if self._is_over:
            return events
        try:
            self._feed(data, events)
        except RemoteProtocolError:
            self._is_over = True
            raise
        return events

    def _feed(self, data: BytesLike, events: list[Event]) -> None:
        view = self._begin(data)
        size = len(view)
        position = 0
        while position < size:
            if self._left:
                position = self._payload(view, position, events)
                continue
            if size - position < 2:
                break
            first_byte, second_byte = view[position], view[position + 1]
            self._check_mask_bit(second_byte)
            if first_byte in CONTROL_FRAMES:
                control = self._control_frame(view, position)
                if control is None:
                    break
                event, position = control
                events.append(event)
                if isinstance(event, Close):
                    self._is_over = True
                    return
                continue
            self._check_order(first_byte)
            header = read_length(view, position, second_byte & 0x7F)
            if header is None:
                break
            length, start = header
            if self._is_masked:
                if size < start + 4:
                    break
                self._key = bytes(view[start : start + 4])
                start += 4
            position = start
            self._frame_begins(first_byte, length, events)
        if position < size:
            self._tail = bytes(view[position:])

    def _begin(self, data: BytesLike) -> memoryview:
        if self._tail:
            data = b"".join((self._tail, data))
            self._tail = b""
        return memoryview(data)

    def _check_order(self, first_byte: int) -> None:
        if first_byte not in (CONTINUES if self._in_message else STARTS):
            raise refuse_first_byte(first_byte, in_message=self._in_message)

    def _frame_begins(self, first_byte: int, length: int, events: list[Event]) -> None:
        self._last_frame = bool(first_byte & FIN)
        if not self._in_message:
            self._opcode = Opcode(first_byte & OPCODE)
            self._is_first = True
        self._in_message = not self._last_frame
        self._left = length
        if not length and (self._is_first or self._last_frame):
            events.append(Fragment(self._opcode, b"", self._is_first, self._last_frame))
            self._is_first = False

    def _payload(self, view: memoryview, position: int, events: list[Event]) -> int:
        piece = view[position : position + self._left]
        taken = len(piece)
        self._left -= taken
        if self._is_masked:
            payload = apply_mask(piece, self._key)
            turn = taken & 3
            if self._left and turn:
                self._key = self._key[turn:] + self._key[:turn]
        else:
            payload = bytes(piece)
        is_last = self._last_frame and not self._left
        events.append(Fragment(self._opcode, payload, self._is_first, is_last))
        self._is_first = False
        return position + taken


class Forwarder(_Source):
    """Frames in from one WebSocket, the same messages out for another, in as few bytes objects as can be.

    Kept: message types, message boundaries, and the borders of frames up to MAX_FRAGMENT_BYTES. Changed: masking, and
    longer frames are cut into fragments of at most that size. Never made up: an empty frame.

    Control frames do not pass. Pings leave their payloads in :attr:`pings` (of a peer that does not read, only the latest
    has to be answered: RFC 6455 section 5.5.3), a pong sets :attr:`has_pong`, a Close ends the direction and stays in
    :attr:`close`. The owner looks at them after each feed, and clears the first two.
    """

    __slots__ = ("_loop", "close", "has_pong", "inject", "pings")

    def __init__(self, *, is_masked: bool, mask_out: Callable[[], bytes] | None = None) -> None:
        """Say who is on which side.

        *is_masked*: frames come in masked, from a client. *mask_out* gives four fresh bytes for each frame that goes
        out to a server; None where they go out to a client, unmasked.
        """
        super().__init__(is_masked=is_masked)
        if is_masked and mask_out is not None:
            msg = "frames of a client are not forwarded to a server"
            raise LocalProtocolError(msg)
        self._loop = FrameLoop(is_masked, mask_out)
        self.pings: Sequence[bytes] = ()  # no list before there is one: most connections never see a ping
        self.has_pong = False
        self.close: Close | None = None
        #: Frames of the owner's own (pongs, pings) that go out at the next border between two frames.
        self.inject = b""

    @property
    def is_between_frames(self) -> bool:
        """Whether what went out so far ends with a whole frame, so that a control frame may follow."""
        return not self._loop.cut

    @property
    def is_at_border(self) -> bool:
        """Whether what came in so far ends with a whole frame: the next byte begins one."""
        return not (self._loop.left or self._tail)

    @property
    def payload_bytes(self) -> int:
        """What has come in so far without heads, masks and control frames."""
        return self._loop.begun - self._loop.left

    def feed(self, data: BytesLike) -> bytes:
        """Take what arrived; give what is to be written to the other side. The result never shares memory with *data*.

        Raises:
            RemoteProtocolError: The peer broke the framing; both directions are over.
        """
        if self.close is not None:
            return b""
        loop = self._loop
        if self._tail:
            data = b"".join((self._tail, data))
            self._tail = b""
        out: list[bytes] = []
        size = len(data)
        position = 0
        while True:
            if self.inject and not loop.cut:
                out.append(self.inject)
                self.inject = b""
            moved, position = loop.run(data, position, bool(self.inject))
            if moved:
                out.append(moved)
            if self.inject and not loop.cut:
                continue
            if position == size:
                break
            end = self._control_or_refuse(data, position)
            if end is None:
                break
            position = end
        return out[0] if len(out) == 1 else b"".join(out)

    def _control_or_refuse(self, data: BytesLike, position: int) -> int | None:
        """Take the control frame at *position*, where the loop has stopped.

        Returns:
            Where it ends; None where more has to come, which is kept, and behind a Close.

        Raises:
            RemoteProtocolError: There is no frame that may be there.
        """
        if len(data) - position < 2:
            self._tail = bytes(data[position:])
            return None
        first_byte, second_byte = data[position], data[position + 1]
        self._check_mask_bit(second_byte)
        if first_byte not in CONTROL_FRAMES:
            if first_byte not in (CONTINUES if self._loop.in_message else STARTS):
                raise refuse_first_byte(first_byte, in_message=self._loop.in_message)
            read_length(data, position, second_byte & 0x7F)
            self._tail = bytes(data[position:])
            return None
        control = self._control_frame(memoryview(data), position)
        if control is None:
            self._tail = bytes(data[position:])
            return None
        event, end = control
        if isinstance(event, Close):
            self.close = event
            return None
        if isinstance(event, Ping):
            if isinstance(self.pings, list):
                self.pings.append(event.payload)
            else:
                self.pings = [event.payload]
        else:
            self.has_pong = True
        return end
