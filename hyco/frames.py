"""WebSocket frames (RFC 6455 section 5), read and written as they stream by.

Nothing here ever holds a whole frame, let alone a whole message: what has arrived is passed on, and what is kept
between two reads is at most one incomplete frame header or control frame, fewer than 132 bytes.

Two readers share the rules:

* :class:`FrameReader` gives events, for whoever wants to understand what is said: control channels, HTTP
  rendezvous, the ends of a byte stream.
* :class:`Forwarder` gives bytes, for whoever only moves frames from one WebSocket to another. It rewrites headers,
  changes the masking in the same pass, and cuts frames longer than MAX_FRAGMENT_BYTES into fragments, so that a
  gateway's own ping never has to wait behind a frame of a gigabyte. One read becomes one write: with small frames,
  a write for each costs eight times more than all the rest.

No extension is ever negotiated, so a reserved bit is always an error (section 5.2).
"""

from __future__ import annotations

import dataclasses
import enum
import struct
from collections.abc import Callable, Sequence
from typing import TypeAlias

from .close_codes import INVALID_DATA, NO_STATUS, PROTOCOL_ERROR, is_sendable, truncate_reason
from .errors import LocalProtocolError, RemoteProtocolError
from .limits import MAX_FRAGMENT_BYTES

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without the compiled part: same function, in Python
    from websockets.utils import apply_mask

BytesLike: TypeAlias = bytes | bytearray | memoryview

MAX_CONTROL_PAYLOAD_BYTES = 125  # RFC 6455 section 5.5
_FIN = 0x80
_MASK = 0x80
_OPCODE = 0x0F
_LENGTH_16 = 126
_LENGTH_64 = 127


class Opcode(enum.IntEnum):
    """What a frame carries (RFC 6455 section 5.2)."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


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


def _head(first_byte: int, length: int, mask_bit: int = 0) -> bytes:
    if length < _LENGTH_16:
        return bytes((first_byte, mask_bit | length))
    if length < 0x10000:
        return struct.pack("!BBH", first_byte, mask_bit | _LENGTH_16, length)
    return struct.pack("!BBQ", first_byte, mask_bit | _LENGTH_64, length)


def frame(opcode: int, payload: BytesLike = b"", *, fin: bool = True, mask: bytes | None = None) -> bytes:
    """One frame, ready to send; *mask* is the four bytes that a client must, and a server must not, have."""
    first_byte = (_FIN if fin else 0) | opcode
    if mask is None:
        return b"".join((_head(first_byte, len(payload)), payload))
    return b"".join((_head(first_byte, len(payload), _MASK), mask, apply_mask(payload, mask)))


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


# The first byte of a frame that may start or stand alone, and of one that may go on within a message; a control frame
# is legal in both places and goes another way. Anything else is a reserved bit, an unknown opcode or a wrong order.
_STARTS = frozenset({0x01, 0x02, 0x81, 0x82})
_CONTINUES = frozenset({0x00, 0x80})
_CONTROL_FRAMES = frozenset({0x88, 0x89, 0x8A})


# A masked frame that is a message of its own: by its first two bytes, and for lengths below 126, what it goes out with
# and its whole length as it comes in.
_SHORT_FRAMES = {
    first_byte << 8 | _MASK | length: (bytes((first_byte, length)), 6 + length)
    for first_byte in (0x81, 0x82)
    for length in range(_LENGTH_16)
}
_MEDIUM_FRAMES = frozenset({0x81FE, 0x82FE})  # the same, with a length in the next two bytes
_read_short = struct.Struct("!H4s").unpack_from  # both bytes, mask
_read_medium = struct.Struct("!BxH4s").unpack_from  # first byte, length, mask
_write_medium = struct.Struct("!BBH").pack


def _refuse_first_byte(first_byte: int, *, in_message: bool) -> RemoteProtocolError:
    opcode = first_byte & _OPCODE
    if first_byte & 0x70:
        text = "reserved bits are set although no extension was agreed on"
    elif opcode in (Opcode.CLOSE, Opcode.PING, Opcode.PONG):
        text = "fragmented control frame"
    elif opcode > Opcode.BINARY:
        text = f"unknown opcode {opcode:#x}"
    elif in_message:
        text = "new message inside a fragmented one"
    else:
        text = "continuation frame without a message to continue"
    return RemoteProtocolError(text, PROTOCOL_ERROR)


def _read_length(data: BytesLike, position: int, short_length: int) -> tuple[int, int] | None:
    """The payload's length and where the mask or payload begins; None while the header is incomplete."""
    if short_length < _LENGTH_16:
        return short_length, position + 2
    width = 2 if short_length == _LENGTH_16 else 8
    end = position + 2 + width
    if len(data) < end:
        return None
    length = int.from_bytes(data[position + 2 : end], "big")
    if length >> 63:
        msg = "frame length with the highest bit set"
        raise RemoteProtocolError(msg, PROTOCOL_ERROR)
    if length < _LENGTH_16 or (width == 8 and length < 0x10000):
        msg = "frame length not in its shortest form"
        raise RemoteProtocolError(msg, PROTOCOL_ERROR)
    return length, end


class _Source:
    """What both readers know about the frames that come in: masking, order, and the rules of control frames."""

    __slots__ = ("_in_message", "_is_masked", "_tail")

    def __init__(self, *, is_masked: bool) -> None:
        self._is_masked = is_masked
        self._in_message = False
        self._tail = b""  # the beginning of a header or of a control frame

    def _begin(self, data: BytesLike) -> memoryview:
        if self._tail:
            data = b"".join((self._tail, data))
            self._tail = b""
        return memoryview(data)

    def _check_mask_bit(self, second_byte: int) -> None:
        if bool(second_byte & _MASK) is not self._is_masked:
            text = "unmasked frame from a client" if self._is_masked else "masked frame from a server"
            raise RemoteProtocolError(text, PROTOCOL_ERROR)

    def _check_order(self, first_byte: int) -> None:
        if first_byte not in (_CONTINUES if self._in_message else _STARTS):
            raise _refuse_first_byte(first_byte, in_message=self._in_message)

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
        opcode = view[position] & _OPCODE
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

    __slots__ = ("_is_first", "_is_over", "_key", "_last_frame", "_left", "_opcode")

    def __init__(self, *, is_masked: bool) -> None:
        """*is_masked*: the peer is a client, whose frames must be masked; a server's must not be."""
        super().__init__(is_masked=is_masked)
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
            if first_byte in _CONTROL_FRAMES:
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
            header = _read_length(view, position, second_byte & 0x7F)
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

    def _frame_begins(self, first_byte: int, length: int, events: list[Event]) -> None:
        self._last_frame = bool(first_byte & _FIN)
        if not self._in_message:
            self._opcode = Opcode(first_byte & _OPCODE)
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

    __slots__ = (
        "_begun",
        "_cut",
        "_key",
        "_last_frame",
        "_left",
        "_mask_out",
        "close",
        "has_pong",
        "inject",
        "pings",
    )

    def __init__(self, *, is_masked: bool, mask_out: Callable[[], bytes] | None = None) -> None:
        """Say who is on which side.

        *is_masked*: frames come in masked, from a client. *mask_out* gives four fresh bytes for each frame that goes
        out to a server; None where they go out to a client, unmasked.
        """
        super().__init__(is_masked=is_masked)
        if is_masked and mask_out is not None:
            msg = "frames of a client are not forwarded to a server"
            raise LocalProtocolError(msg)
        self._mask_out = mask_out
        self._begun = 0  # payload of all frames whose heads have come
        self._left = 0  # bytes of the incoming frame that are still to come
        self._cut = 0  # of those, how many belong to the outgoing fragment that has begun
        self._key = b""  # what turns incoming bytes into outgoing ones, at the current position
        self._last_frame = True
        self.pings: Sequence[bytes] = ()  # no list before there is one: most connections never see a ping
        self.has_pong = False
        self.close: Close | None = None
        #: Frames of the owner's own (pongs, pings) that go out at the next border between two frames.
        self.inject = b""

    @property
    def is_between_frames(self) -> bool:
        """Whether what went out so far ends with a whole frame, so that a control frame may follow."""
        return not self._left

    @property
    def payload_bytes(self) -> int:
        """What has come in so far without heads, masks and control frames. Only where it goes out to a server."""
        return self._begun - self._left

    def feed(self, data: BytesLike) -> bytes:
        """Take what arrived; give what is to be written to the other side. The result never shares memory with *data*.

        Raises:
            RemoteProtocolError: The peer broke the framing; both directions are over.
        """
        if self.close is not None:
            return b""
        if self._cut > len(data):  # the commonest case of bulk: all of it lies inside one fragment
            return self._convert(data)
        out: list[bytes] = []
        view = self._begin(data)
        size = len(view)
        position = 0
        while True:
            if self._left:
                if position == size:
                    break
                piece = view[position : position + self._cut]
                position += len(piece)
                out.append(self._convert(piece))
                if self._left and not self._cut:
                    self._next_fragment(out)
                continue
            if self.inject:
                out.append(self.inject)
                self.inject = b""
            if self._is_masked and not self._in_message:
                position = _pass_whole_frames(view, position, out)
            if size - position < 2:
                break
            first_byte, second_byte = view[position], view[position + 1]
            self._check_mask_bit(second_byte)
            if first_byte in _CONTROL_FRAMES:
                control = self._control_frame(view, position)
                if control is None:
                    break
                event, position = control
                if isinstance(event, Close):
                    self.close = event
                    return b"".join(out)
                if isinstance(event, Ping):
                    if isinstance(self.pings, list):
                        self.pings.append(event.payload)
                    else:
                        self.pings = [event.payload]
                else:
                    self.has_pong = True
                continue
            self._check_order(first_byte)
            header = _read_length(view, position, second_byte & 0x7F)
            if header is None:
                break
            length, start = header
            if self._is_masked:
                if size < start + 4:
                    break
                key = bytes(view[start : start + 4])
                start += 4
            else:
                key = b""
            self._last_frame = first_byte >= _FIN
            self._in_message = not self._last_frame
            position = start
            end = start + length
            if end <= size and length <= MAX_FRAGMENT_BYTES and self._mask_out is None:
                # a whole frame: no state to keep
                out.append(_head(first_byte, length))
                if length:
                    piece = view[start:end]
                    out.append(apply_mask(piece, key) if key else bytes(piece))
                position = end
                continue
            self._frame_begins(first_byte, length, key, out)
        if position < size:
            self._tail = bytes(view[position:])
        return out[0] if len(out) == 1 else b"".join(out)

    def _frame_begins(self, first_byte: int, length: int, key: bytes, out: list[bytes]) -> None:
        self._begun += length
        self._left = length
        self._key = key
        self._cut = min(length, MAX_FRAGMENT_BYTES)
        if self._cut < length:
            first_byte &= _OPCODE
        self._fragment_begins(first_byte, out)

    def _next_fragment(self, out: list[bytes]) -> None:
        if self.inject:
            out.append(self.inject)
            self.inject = b""
        self._cut = min(self._left, MAX_FRAGMENT_BYTES)
        is_last = self._last_frame and self._cut == self._left
        self._fragment_begins(_FIN if is_last else 0, out)

    def _fragment_begins(self, first_byte: int, out: list[bytes]) -> None:
        if self._mask_out is None:
            out.append(_head(first_byte, self._cut))
            return
        mask = self._mask_out()
        out.append(_head(first_byte, self._cut, _MASK))
        out.append(mask)
        self._key = mask  # what comes from a server is not masked, so nothing has to be undone

    def _convert(self, piece: BytesLike) -> bytes:
        taken = len(piece)
        self._left -= taken
        self._cut -= taken
        if not self._key:
            return bytes(piece)
        converted = apply_mask(piece, self._key)
        turn = taken & 3
        # MAX_FRAGMENT_BYTES is a multiple of four: where a fragment ends, the incoming mask is in its first position
        if turn and self._left:
            self._key = self._key[turn:] + self._key[:turn]
        return converted


def _pass_whole_frames(view: memoryview, position: int, out: list[bytes]) -> int:
    """Unmask the frames from *position* on that are whole, shorter than 64 KiB and messages of their own.

    Gives where the first other frame begins, be it incomplete, fragmented, long, a control frame or illegal: rules and
    state are the caller's, and these frames touch neither. It is the same work as the caller's in fewer steps, which
    for small frames is nearly all there is to do (measured, a frame of 64 bytes: 0.3 instead of 0.8 us).
    """
    data: bytes | memoryview = view
    size = len(view)
    append = out.append
    while size - position >= 6:
        two_bytes, mask = _read_short(view, position)
        if two_bytes in _MEDIUM_FRAMES:
            if size - position < 8:
                break
            first_byte, length, mask = _read_medium(view, position)
            start = position + 8
            end = start + length
            if end > size or length < _LENGTH_16:
                break
            append(_write_medium(first_byte, _LENGTH_16, length))
            append(apply_mask(view[start:end], mask))
        else:
            short = _SHORT_FRAMES.get(two_bytes)
            if short is None:
                break
            head, whole_length = short
            end = position + whole_length
            if end > size:
                break
            if data is view:
                data = bytes(view)  # taking small pieces of it costs half of what it does with a view
            append(head)
            append(apply_mask(data[position + 6 : end], mask))
        position = end
    return position
