"""The heads of WebSocket frames (RFC 6455 section 5.2): what may stand in one, and how it is written.

No extension is ever negotiated, so a reserved bit is always an error.
"""

from __future__ import annotations

import dataclasses
import enum
import struct
from typing import Final, TypeAlias

from .close_codes import PROTOCOL_ERROR
from .errors import RemoteProtocolError

BytesLike: TypeAlias = bytes | bytearray | memoryview

FIN: Final = 0x80
MASK: Final = 0x80
OPCODE: Final = 0x0F
LENGTH_16: Final = 126
LENGTH_64: Final = 127

# The first byte of a frame that may start or stand alone, and of one that may go on within a message; a control frame
# is legal in both places and goes another way. Anything else is a reserved bit, an unknown opcode or a wrong order.
STARTS: Final = frozenset({0x01, 0x02, 0x81, 0x82})
CONTINUES: Final = frozenset({0x00, 0x80})
CONTROL_FRAMES: Final = frozenset({0x88, 0x89, 0x8A})


class Opcode(enum.IntEnum):
    """What a frame carries (RFC 6455 section 5.2)."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


def head(first_byte: int, length: int, mask_bit: int = 0) -> bytes:
    """The head of a frame, without its mask, in the shortest form."""
    if length < LENGTH_16:
        return bytes((first_byte, mask_bit | length))
    if length < 0x10000:
        return struct.pack("!BBH", first_byte, mask_bit | LENGTH_16, length)
    return struct.pack("!BBQ", first_byte, mask_bit | LENGTH_64, length)


def refuse_first_byte(first_byte: int, *, in_message: bool) -> RemoteProtocolError:
    """Say why a frame cannot begin like this here."""
    opcode = first_byte & OPCODE
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


def read_length(data: BytesLike, position: int, short_length: int) -> tuple[int, int] | None:
    """The payload's length and where the mask or payload begins; None while the head is incomplete.

    Raises:
        RemoteProtocolError: The length is not in its shortest form, or has its highest bit set.
    """
    if short_length < LENGTH_16:
        return short_length, position + 2
    width = 2 if short_length == LENGTH_16 else 8
    end = position + 2 + width
    if len(data) < end:
        return None
    length = int.from_bytes(data[position + 2 : end], "big")
    if length >> 63:
        msg = "frame length with the highest bit set"
        raise RemoteProtocolError(msg, PROTOCOL_ERROR)
    if length < LENGTH_16 or (width == 8 and length < 0x10000):
        msg = "frame length not in its shortest form"
        raise RemoteProtocolError(msg, PROTOCOL_ERROR)
    return length, end


@dataclasses.dataclass(frozen=True, slots=True)
class FrameHead:
    """The head of one unmasked frame, for whoever finds the way through frames that are at hand."""

    opcode: Opcode
    is_final: bool
    size: int
    """Of the head itself."""
    payload_size: int


def frame_head(data: BytesLike) -> FrameHead | None:
    """Read the head of the unmasked frame that *data* begins with; None while it is incomplete.

    Raises:
        RemoteProtocolError: It is masked, or no head at all. Whether frames follow in order is not looked at.
    """
    if len(data) < 2:
        return None
    first_byte, second_byte = data[0], data[1]
    if first_byte not in CONTROL_FRAMES | STARTS | CONTINUES:
        raise refuse_first_byte(first_byte, in_message=False)
    if second_byte & MASK:
        msg = "masked frame from a server"
        raise RemoteProtocolError(msg, PROTOCOL_ERROR)
    header = read_length(data, 0, second_byte & 0x7F)
    if header is None:
        return None
    length, size = header
    return FrameHead(Opcode(first_byte & OPCODE), first_byte >= FIN, size, length)
