"""What went by in one direction of a WebSocket, kept as it came and read only when somebody looks.

Keeping costs a copy for each read of the socket. Frames are told apart later, by whoever wants to see messages. The bytes
lie in segments that begin between two frames, so that the oldest can go when the connection lasts for days.
"""

from __future__ import annotations

import bisect
import dataclasses
from array import array
from collections import deque
from collections.abc import Iterator
from typing import Final

from hyco.errors import RemoteProtocolError
from hyco.frames import BytesLike, Opcode, frame_head

from .captured import BodyState, Lost, Message, MessageKind, MessagePage, Side
from .spool import Kept, Spool

SEGMENT_BYTES: Final = 16_777_216
"""After so many bytes the next frame begins a new segment. A frame that is longer than that is kept with it."""

SEGMENT_READS: Final = 65_536
"""The same for reads of the socket: the moment of each is kept, which is as much as a tiny frame itself."""

MAX_SEGMENTS: Final = 4

MAX_PREVIEW_BYTES: Final = 4_096

_WINDOW_BYTES: Final = 65_536
_HEAD_BYTES: Final = 14
_FIN: Final = 0x80

_KINDS: Final = {
    Opcode.TEXT: MessageKind.TEXT,
    Opcode.BINARY: MessageKind.BINARY,
    Opcode.CLOSE: MessageKind.CLOSE,
    Opcode.CONTINUATION: MessageKind.CONTINUATION,
}


class _Segment:
    """A stretch of a direction: its bytes, and when which of them came."""

    def __init__(self, number: int, kept: Kept) -> None:
        self.number = number
        self.kept = kept
        self.offsets = array("Q")
        self.times = array("d")

    def time_at(self, offset: int) -> float:
        """When the byte at *offset* came."""
        return self.times[max(bisect.bisect_right(self.offsets, offset) - 1, 0)]


class Recording:
    """One direction. It is appended to on the relay loop and read on any thread."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._segments: deque[_Segment] = deque()
        self._number = 0
        self.size = 0
        self.is_over = False

    @property
    def kept(self) -> int:
        """How many bytes can be read."""
        return sum(segment.kept.kept for segment in tuple(self._segments))

    def append(self, data: BytesLike, now: float, *, is_at_border: bool) -> None:
        """Add what came at *now*; *is_at_border*: a frame begins with it."""
        segment = self._segments[-1] if self._segments else None
        if segment is None or (is_at_border and self._is_full(segment) and self._spool.has_room()):
            segment = self._next()
        self.size += len(data)
        if segment.kept.lost is None:
            segment.offsets.append(segment.kept.size)
            segment.times.append(now)
            segment.kept.append(data)

    def state(self) -> BodyState:
        """What there is of it."""
        segments = tuple(self._segments)
        kept = sum(segment.kept.kept for segment in segments)
        losses = [segment.kept.lost for segment in segments if segment.kept.lost is not None]
        lost = losses[-1] if losses else Lost.TOO_LONG if kept < self.size else None
        return BodyState(size=self.size, kept=kept, is_whole=self.is_over, lost=lost)

    def discard(self) -> None:
        """Forget what is kept, to make room. What comes next is kept again, from the next frame on."""
        for segment in tuple(self._segments):
            segment.kept.discard()

    def segments(self) -> tuple[_Segment, ...]:
        """What there is, in order."""
        return tuple(self._segments)

    @staticmethod
    def _is_full(segment: _Segment) -> bool:
        kept = segment.kept
        return kept.lost is not None or kept.size >= SEGMENT_BYTES or len(segment.times) >= SEGMENT_READS

    def _next(self) -> _Segment:
        if len(self._segments) == MAX_SEGMENTS:
            self._segments.popleft().kept.discard()
        segment = _Segment(self._number, self._spool.body())
        self._number += 1
        self._segments.append(segment)
        return segment


# --- messages --------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """Where reading one direction goes on: always between two frames, and before a message that is not whole yet."""

    segment: int = -1
    """-1: before the first one there is."""
    offset: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Cursor:
    """Where reading both directions goes on."""

    sender: _Place = _Place()
    target: _Place = _Place()
    number: int = 0


def read_messages(
    sender: Recording, target: Recording, cursor: Cursor | None, limit: int, *, is_over: bool
) -> MessagePage:
    """Give the next messages of both directions, by the time at which each began.

    Pings and pongs belong to one hop and are left out. A message that has not come to its end is given out only where
    nothing more of it will come. May read files.
    """
    cursor = cursor or Cursor()
    skips = [0]
    both = [
        _Reader(Side.SENDER, sender, cursor.sender, skips, is_over=is_over),
        _Reader(Side.TARGET, target, cursor.target, skips, is_over=is_over),
    ]
    number = cursor.number
    found: list[Message] = []
    while len(found) < limit:
        ready = [reader for reader in both if reader.peek() is not None]
        if not ready:
            break
        # of two that began in the same read, the sender's first: most answers are answers to something
        message = min(ready, key=lambda reader: reader.at).take()
        found.append(dataclasses.replace(message, number=number))
        number += 1
    return MessagePage(
        messages=tuple(found),
        cursor=Cursor(both[0].place, both[1].place, number),
        skipped=skips[0],
        has_more=any(reader.peek() is not None for reader in both),
    )


def read_payload(recording: Recording, message: Message, length: int) -> bytes:
    """At most *length* bytes of the payload of *message*; fewer where they are gone. May read a file."""
    segments = {segment.number: segment for segment in recording.segments()}
    payload = bytearray()
    for number, offset, size in message.pieces:
        segment = segments.get(number)
        wanted = min(size, length - len(payload))
        if segment is None or wanted <= 0:
            break
        payload += segment.kept.read(offset, wanted)
    return bytes(payload)


class _Reader:
    """Reads the messages of one direction, one ahead."""

    def __init__(
        self, side: Side, recording: Recording, place: _Place, skips: list[int], *, is_over: bool
    ) -> None:
        self._side = side
        self._is_over = is_over
        self._segments = recording.segments()
        self._skips = skips
        self.place = place
        self._messages = self._read()
        self._next: tuple[Message, _Place] | None = None
        self._has_looked = False

    @property
    def at(self) -> float:
        """When the next one began."""
        assert self._next is not None
        return self._next[0].at

    def peek(self) -> Message | None:
        """The next one, if there is one."""
        if not self._has_looked:
            self._has_looked = True
            self._next = next(self._messages, None)
        return None if self._next is None else self._next[0]

    def take(self) -> Message:
        """The next one, which is there; the place is behind it then."""
        assert self._next is not None
        message, self.place = self._next
        self._has_looked = False
        return message

    def _read(self) -> Iterator[tuple[Message, _Place]]:
        """Messages, each with the place behind it."""
        begun: _Begun | None = None
        for index, segment in enumerate(self._segments):
            if segment.number < self.place.segment:
                continue
            offset = self.place.offset if segment.number == self.place.segment else 0
            if segment.number != self.place.segment and begun is None:
                is_next = segment.number == self.place.segment + 1
                if not is_next or (index and self._segments[index - 1].kept.lost is not None):
                    self._skips[0] += 1
                self.place = _Place(segment.number)
            is_last = index == len(self._segments) - 1
            window = _Window(segment.kept)
            while True:
                try:
                    head = window.head(offset)
                except RemoteProtocolError:
                    return  # where it broke the rules the relay ended it: nothing follows
                if head is None:
                    break
                opcode, is_final, start, size = head
                there = max(min(size, segment.kept.kept - start), 0)
                end = _Place(segment.number, start + size)
                if opcode in (Opcode.PING, Opcode.PONG):
                    if there < size:
                        break
                    offset = start + size
                    continue
                at = segment.time_at(offset)
                if opcode is Opcode.CLOSE:
                    if there < size:
                        break
                    close = _Begun(opcode, at)
                    close.add(segment, start, there, window)
                    yield close.message(self._side, is_whole=True), end
                    offset = start + size
                    continue
                if begun is None:
                    begun = _Begun(opcode, at)
                begun.add(segment, start, there, window)
                if there < size:  # the rest of this frame is still to come, or was not kept
                    break
                offset = start + size
                if is_final:
                    yield begun.message(self._side, is_whole=True), end
                    begun = None
            if begun is not None and (segment.kept.lost is not None or (is_last and self._is_over)):
                yield begun.message(self._side, is_whole=False), _Place(segment.number, segment.kept.kept)
                begun = None


class _Begun:
    """A message while its frames are put together."""

    def __init__(self, opcode: Opcode, at: float) -> None:
        self._kind = _KINDS[opcode]
        self._at = at
        self._size = 0
        self._preview = b""
        self._pieces: list[tuple[int, int, int]] = []

    def add(self, segment: _Segment, start: int, size: int, window: _Window) -> None:
        """Add the payload of a frame, as far as it is there."""
        self._size += size
        if size:
            self._pieces.append((segment.number, start, size))
            if len(self._preview) < MAX_PREVIEW_BYTES:
                self._preview += window.read(start, min(size, MAX_PREVIEW_BYTES - len(self._preview)))

    def message(self, side: Side, *, is_whole: bool) -> Message:
        """The message, as it is."""
        return Message(
            number=0,
            side=side,
            kind=self._kind,
            at=self._at,
            size=self._size,
            is_whole=is_whole,
            preview=self._preview,
            pieces=tuple(self._pieces),
        )


class _Window:
    """Reads a segment in stretches, so that each head does not read a file."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._offset = 0
        self._data = b""

    def read(self, offset: int, length: int) -> bytes:
        """Those bytes, as far as they are there."""
        start = offset - self._offset
        if start < 0 or start + length > len(self._data):
            self._offset = offset
            self._data = self._kept.read(offset, max(length, _WINDOW_BYTES))
            start = 0
        return self._data[start : start + length]

    def head(self, offset: int) -> tuple[Opcode, bool, int, int] | None:
        """Opcode, whether it is the last frame of a message, where the payload begins, its length; None while it is not there.

        Raises:
            RemoteProtocolError: This is no frame.
        """
        head = frame_head(self.read(offset, _HEAD_BYTES))
        return None if head is None else (head.opcode, head.is_final, offset + head.size, head.payload_size)
