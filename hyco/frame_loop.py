"""The inner loop of forwarding: data frames in, the same frames out, in one pass over what has arrived.

It knows nothing of errors and control frames: at a head that it does not take it stops, and whoever runs it looks at that. So
there can be two of it: this one, and ``_frame_loop.pyx``, its compiled twin, which does the same, byte for byte, for a twentieth
of the processor's time where frames are small. Tests hold them together.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from .errors import RemoteProtocolError
from .frame_heads import CONTINUES, FIN, LENGTH_16, MASK, OPCODE, STARTS, BytesLike, head, read_length
from .limits import MAX_FRAGMENT_BYTES
from .masking import apply_mask

# A masked frame that is a message of its own: by its first two bytes, and for lengths below 126, what it goes out with
# and its whole length as it comes in.
_SHORT_FRAMES = {
    first_byte << 8 | MASK | length: (bytes((first_byte, length)), 6 + length)
    for first_byte in (0x81, 0x82)
    for length in range(LENGTH_16)
}
_MEDIUM_FRAMES = frozenset({0x81FE, 0x82FE})  # the same, with a length in the next two bytes
_read_short = struct.Struct("!H4s").unpack_from  # both bytes, mask
_read_medium = struct.Struct("!BxH4s").unpack_from  # first byte, length, mask
_write_medium = struct.Struct("!BBH").pack


def masked_frame(first_byte: int, data: BytesLike, mask: bytes) -> bytes:
    """One whole frame for a server: head, mask, and *data* masked."""
    if len(mask) != 4:
        raise ValueError("a mask has four bytes")
    return b"".join((head(first_byte, len(data), MASK), mask, apply_mask(data, mask)))


class FrameLoop:
    """Moves data frames; keeps where it is between two pieces of one.

    Args:
        is_masked: Frames come in masked, from a client.
        mask_out: Gives four fresh bytes for each frame that goes out to a server; None where they go out unmasked.
    """

    __slots__ = ("_is_masked", "_key", "_last_frame", "_mask_out", "begun", "cut", "in_message", "left")

    def __init__(self, is_masked: bool, mask_out: Callable[[], bytes] | None) -> None:
        self._is_masked = is_masked
        self._mask_out = mask_out
        self._key = b""  # what turns incoming bytes into outgoing ones, at the current position
        self._last_frame = True
        self.begun = 0
        """Payload of all frames whose heads have come."""
        self.left = 0
        """Bytes of the incoming frame that are still to come."""
        self.cut = 0
        """Of those, how many belong to the outgoing fragment that has begun; 0: what went out ends with a whole frame."""
        self.in_message = False
        """Whether frames of the current message are still to come."""

    def run(self, data: BytesLike, position: int, stops: bool) -> tuple[bytes, int]:
        """Move what lies in *data* from *position* on.

        Args:
            data: What has arrived.
            position: Where to begin: within a frame, or at a head.
            stops: Whether to stop where a frame ends that goes out.

        Returns:
            What is to go out, which shares no memory with *data*; and where it stopped: at the end of *data*, before the
            head of a frame that is incomplete, no data frame, or against the rules, or where it was told to.
        """
        size = len(data)
        if self.cut > size - position > 0:  # the commonest case of bulk: all of it lies inside one fragment
            return self._convert(data[position:] if position else data), size
        view = memoryview(data)
        out: list[bytes] = []
        while position < size and not (stops and not self.cut):
            if self.left:
                if not self.cut:
                    self._next_fragment(out)
                piece = view[position : position + self.cut]
                position += len(piece)
                out.append(self._convert(piece))
                continue
            if self._is_masked and not self.in_message:
                position = _pass_whole_frames(view, position, out, self)
            start = self._begin_frame(view, position, out)
            if start is None:
                break
            position = start
        return out[0] if len(out) == 1 else b"".join(out), position

    def _begin_frame(self, view: memoryview, position: int, out: list[bytes]) -> int | None:
        """Take the head at *position*; where its payload begins, or None where it is not taken."""
        size = len(view)
        if size - position < 2:
            return None
        first_byte, second_byte = view[position], view[position + 1]
        if first_byte not in (CONTINUES if self.in_message else STARTS):
            return None
        if bool(second_byte & MASK) is not self._is_masked:
            return None
        try:
            header = read_length(view, position, second_byte & 0x7F)
        except RemoteProtocolError:
            return None
        if header is None:
            return None
        length, start = header
        key = b""
        if self._is_masked:
            if size < start + 4:
                return None
            key = bytes(view[start : start + 4])
            start += 4
        self._last_frame = first_byte >= FIN
        self.in_message = not self._last_frame
        self.begun += length
        self.left = length
        self._key = key
        self.cut = min(length, MAX_FRAGMENT_BYTES)
        self._begin_fragment(first_byte & OPCODE if self.cut < length else first_byte, out)
        return start

    def _next_fragment(self, out: list[bytes]) -> None:
        self.cut = min(self.left, MAX_FRAGMENT_BYTES)
        is_last = self._last_frame and self.cut == self.left
        self._begin_fragment(FIN if is_last else 0, out)

    def _begin_fragment(self, first_byte: int, out: list[bytes]) -> None:
        if self._mask_out is None:
            out.append(head(first_byte, self.cut))
            return
        mask = self._mask_out()
        out.append(head(first_byte, self.cut, MASK))
        out.append(mask)
        self._key = mask  # what comes from a server is not masked, so nothing has to be undone

    def _convert(self, piece: BytesLike) -> bytes:
        taken = len(piece)
        self.left -= taken
        self.cut -= taken
        if not self._key:
            return bytes(piece)
        converted = apply_mask(piece, self._key)
        turn = taken & 3
        # MAX_FRAGMENT_BYTES is a multiple of four: where a fragment ends, the incoming mask is in its first position
        if turn and self.left:
            self._key = self._key[turn:] + self._key[:turn]
        return converted


def _pass_whole_frames(view: memoryview, position: int, out: list[bytes], loop: FrameLoop) -> int:
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
            if end > size or length < LENGTH_16:
                break
            append(_write_medium(first_byte, LENGTH_16, length))
            append(apply_mask(view[start:end], mask))
            loop.begun += length
        else:
            short = _SHORT_FRAMES.get(two_bytes)
            if short is None:
                break
            head_out, whole_length = short
            end = position + whole_length
            if end > size:
                break
            if data is view:
                data = bytes(view)  # taking small pieces of it costs half of what it does with a view
            append(head_out)
            append(apply_mask(data[position + 6 : end], mask))
            loop.begun += whole_length - 6
        position = end
    return position
