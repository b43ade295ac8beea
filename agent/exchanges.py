# ruff: noqa: SLF001 - the list and its exchanges are one mechanism
"""What was relayed over HTTP and WebSockets, kept for the inspector: complete, and within bounds.

The relay loop tells what happens as it happens, and never waits for it: it appends to a body or sets a mark. Everybody else
asks what has changed since the last time, from any thread, and gets frozen values.

Two bounds. So many exchanges: the oldest one goes for a new one. So many bytes: the bodies of the oldest ones go, and the
exchanges stay and say so. What is pinned stays, and can be no more than half of either.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hyco.fields import Headers
from hyco.frames import BytesLike
from hyco.messages import RemoteEndpoint
from hyco.redaction import hide_secrets

from .captured import (
    MAX_NOTE_CHARACTERS,
    BodyState,
    CapturedExchange,
    ExchangeChanges,
    ExchangeKind,
    Message,
    MessagePage,
    Side,
    Timing,
)
from .clock import Clock
from .errors import AgentError
from .recording import Cursor, Recording, read_messages, read_payload
from .relayed import peer_of
from .route import Route
from .spool import MAX_IN_MEMORY_BYTES, Kept, Spool

MAX_EXCHANGES: Final = 10_000
MAX_MEMORY_BYTES: Final = 67_108_864
"""Of heads and short bodies."""
MAX_DISK_BYTES: Final = 268_435_456
"""Of long bodies."""

_OVERHEAD_BYTES: Final = 2_048
"""What an exchange without headers takes here (measured: 1.6 KiB)."""


class ExchangeGoneError(AgentError):
    """There is no such exchange, or not any more."""

    def __init__(self, number: int) -> None:
        super().__init__(f"exchange {number} is not kept, or not any more")


class PinnedFullError(AgentError):
    """Too much is pinned already."""


class Capture:
    """One exchange while it goes on, and after. Its methods belong to the relay loop, but for what the list does itself."""

    __slots__ = (
        "_began",
        "_exchanges",
        "_frozen",
        "_head_bytes",
        "_is_over",
        "_marks",
        "_started_at",
        "_version",
        "error",
        "id",
        "is_pinned",
        "kind",
        "method",
        "note",
        "reason",
        "remote",
        "replay_of",
        "request",
        "request_headers",
        "request_target",
        "response",
        "response_headers",
        "route",
        "status",
    )

    def __init__(
        self,
        exchanges: Exchanges,
        number: int,
        route: Route,
        *,
        kind: ExchangeKind,
        method: str,
        request_target: str,
        headers: Headers,
        remote: RemoteEndpoint,
        replay_of: int | None,
    ) -> None:
        self._exchanges = exchanges
        self.id = number
        self.route = route
        self.kind = kind
        self.method = method
        self.request_target = request_target
        self.request_headers = headers
        self.remote = remote
        self.replay_of = replay_of
        self.status = 0
        self.reason = ""
        self.response_headers: Headers = ()
        spool = exchanges.spool
        self.request: Kept | Recording
        self.response: Kept | Recording
        if kind is ExchangeKind.WEBSOCKET:
            self.request, self.response = Recording(spool), Recording(spool)
        else:
            self.request, self.response = spool.body(), spool.body()
        self._started_at = exchanges.clock.now()
        self._began = exchanges.clock.monotonic()
        self._marks: dict[str, float] = {}
        self._is_over = False
        self._version = 0
        self._frozen: CapturedExchange | None = None
        self._head_bytes = _OVERHEAD_BYTES + len(request_target) + _size_of(headers)
        self.error: str | None = None
        self.is_pinned = False
        self.note = ""

    # What happens

    def asked(self) -> None:
        """The sender was let in; the local server is being asked."""
        self._mark("asked_s")

    def connected(self) -> None:
        """There is a new connection to the local server."""
        self._mark("connected_s")

    def answered(self, status: int, reason: str | None, headers: Headers) -> None:
        """The head of the answer is here: the local server's, or the agent's own in place of one."""
        if "answered_s" not in self._marks:
            self._mark("answered_s")
        self.status, self.reason, self.response_headers = status, reason or "", headers
        self._exchanges._grew(self, len(self.reason) + _size_of(headers))

    def met(self) -> None:
        """The rendezvous that the answer goes by is open."""
        self._mark("met_s")

    def request_piece(self, data: BytesLike) -> None:
        """A piece of the request's body."""
        assert isinstance(self.request, Kept)
        self.request.append(data)
        self._exchanges._check_room()

    def request_ended(self) -> None:
        """The request's body is whole."""
        self.request.is_over = True

    def response_piece(self, data: BytesLike) -> None:
        """A piece of the answer's body."""
        assert isinstance(self.response, Kept)
        self.response.append(data)
        self._exchanges._check_room()

    def response_ended(self) -> None:
        """The answer's body is whole, and has been passed on."""
        self.response.is_over = True

    def frames(self, side: Side, data: BytesLike, is_at_border: bool) -> None:
        """Frames of a WebSocket, as they came; *is_at_border*: one begins with them."""
        recording = self.request if side is Side.SENDER else self.response
        assert isinstance(recording, Recording)
        recording.append(data, self._exchanges.clock.now(), is_at_border=is_at_border)
        self._exchanges._check_room()

    def ended(self, error: str | None) -> None:
        """It is over. Nothing of it happens after that."""
        if self._is_over:
            return
        self._mark("ended_s")
        self.error = None if error is None else hide_secrets(error)
        if isinstance(self.request, Recording) and error is None:
            self.request.is_over = self.response.is_over = True
        self._is_over = True
        self._exchanges._ended(self)

    def _mark(self, name: str) -> None:
        self._marks[name] = self._exchanges.clock.monotonic() - self._began

    # What there is

    def discard(self) -> None:
        """Forget the bodies."""
        self.request.discard()
        self.response.discard()

    def freeze(self) -> CapturedExchange:
        """Give what there is of it now."""
        return CapturedExchange(
            id=self.id,
            service=self.route.label,
            kind=self.kind,
            method=self.method,
            request_target=self.request_target,
            request_headers=self.request_headers,
            status=self.status,
            reason=self.reason,
            response_headers=self.response_headers,
            request_body=_state(self.request),
            response_body=_state(self.response),
            origin=self.route.origin,
            target=str(self.route.target),
            peer="" if self.replay_of is not None else peer_of(self.remote.address, self.remote.port),
            started_at=self._started_at,
            timing=Timing(**self._marks),
            error=self.error,
            replay_of=self.replay_of,
            is_pinned=self.is_pinned,
            note=self.note,
        )


class Exchanges:
    """The list.

    Args:
        folder: For long bodies; of this list alone.
        clock: Time.
        max_exchanges: So many are kept.
        max_memory_bytes: For heads and short bodies.
        max_disk_bytes: For long bodies.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock | None = None,
        *,
        max_exchanges: int = MAX_EXCHANGES,
        max_memory_bytes: int = MAX_MEMORY_BYTES,
        max_disk_bytes: int = MAX_DISK_BYTES,
    ) -> None:
        self.clock = clock or Clock()
        self.spool = Spool(folder, self.clock)
        self.is_capturing = True
        """Whether new exchanges are captured. Those that go on are captured to their end."""
        self._max_exchanges = max_exchanges
        self._max_memory_bytes = max_memory_bytes
        self._max_disk_bytes = max_disk_bytes
        self._lock = threading.RLock()
        self._number = 0
        self._version = 0
        self._head_bytes = 0
        self._kept: OrderedDict[int, Capture] = OrderedDict()  # unpinned, the oldest first
        self._pinned: dict[int, Capture] = {}
        self._with_bodies: OrderedDict[int, Capture] = OrderedDict()  # unpinned, the oldest first
        self._open: dict[int, Capture] = {}
        self._by_change: OrderedDict[int, Capture] = OrderedDict()  # the latest change last
        # Full: who asks from before the oldest one gets everything anew.
        self._removed: deque[tuple[int, int]] = deque(maxlen=2 * max_exchanges)
        self._removed_before = 0

    def begin(self) -> None:
        """Begin to keep long bodies."""
        self.spool.begin()

    def close(self) -> None:
        """Forget everything; waits, bounded, for the disk."""
        self.clear(is_everything=True)
        self.spool.close()

    # --- on the relay loop

    def capture(
        self,
        route: Route,
        *,
        method: str,
        request_target: str,
        headers: Headers,
        remote: RemoteEndpoint,
        kind: ExchangeKind = ExchangeKind.HTTP,
        replay_of: int | None = None,
    ) -> Capture | None:
        """Begin to capture an exchange; None while capturing is off. A replay is always captured."""
        if not self.is_capturing and replay_of is None:
            return None
        with self._lock:
            self._number += 1
            one = Capture(
                self,
                self._number,
                route,
                kind=kind,
                method=method,
                request_target=request_target,
                headers=headers,
                remote=remote,
                replay_of=replay_of,
            )
            self._kept[one.id] = self._with_bodies[one.id] = self._open[one.id] = one
            self._head_bytes += one._head_bytes
            self._touch(one)
            while len(self._kept) + len(self._pinned) > self._max_exchanges:
                self._remove(next(iter(self._kept.values())))
        self._check_room()
        return one

    def _grew(self, one: Capture, size: int) -> None:
        with self._lock:
            if one.id in self._by_change:
                one._head_bytes += size
                self._head_bytes += size
        self._check_room()

    def _ended(self, one: Capture) -> None:
        with self._lock:
            self._open.pop(one.id, None)
            self._touch(one)

    def _check_room(self) -> None:
        spool = self.spool
        if (
            spool.disk_bytes > self._max_disk_bytes
            or spool.memory_bytes + self._head_bytes > self._max_memory_bytes
        ):
            self._make_room()

    def _make_room(self) -> None:
        with self._lock:
            spool = self.spool
            while spool.disk_bytes > self._max_disk_bytes and self._with_bodies:
                self._strip()
            while spool.memory_bytes + self._head_bytes > self._max_memory_bytes:
                if spool.memory_bytes and self._with_bodies:
                    self._strip()
                elif len(self._kept) > 1:
                    self._remove(next(iter(self._kept.values())))
                else:
                    return

    def _strip(self) -> None:
        """Forget the bodies of the oldest one that has any. One that goes on loses what comes after that as well."""
        _, one = self._with_bodies.popitem(last=False)
        one.discard()
        if isinstance(one.request, Recording) and one.id in self._open:
            self._with_bodies[one.id] = one  # which begins again with the next frame
        self._touch(one)

    # --- from any thread

    def changes(self, since: int = 0) -> ExchangeChanges:
        """Give what has changed since that version; 0: everything."""
        with self._lock:
            for one in self._open.values():
                if one._frozen is not None and one.freeze() != one._frozen:
                    self._touch(one)
            is_everything = since < self._removed_before or since == 0
            changed = []
            for one in reversed(self._by_change.values()):
                if one._version <= since and not is_everything:
                    break
                changed.append(self._freeze(one))
            removed = () if is_everything else tuple(self._removed_since(since))
            return ExchangeChanges(
                version=self._version,
                changed=tuple(reversed(changed)),
                removed=removed,
                is_everything=is_everything,
                kept_bytes=self.spool.memory_bytes + self.spool.disk_bytes + self._head_bytes,
                is_capturing=self.is_capturing,
            )

    def get(self, number: int) -> CapturedExchange | None:
        """One of them as it is now, by its id; None where it is gone."""
        with self._lock:
            one = self._by_change.get(number)
            return None if one is None else one.freeze()

    def find(self, number: int) -> Capture:
        """One of them, to be read.

        Raises:
            ExchangeGoneError: There is none.
        """
        with self._lock:
            one = self._by_change.get(number)
        if one is None:
            raise ExchangeGoneError(number)
        return one

    def body(self, number: int, side: Side, offset: int, length: int) -> bytes:
        """At most *length* bytes of a body of an HTTP exchange; empty behind its end, or where it is gone. May read a file."""
        with self._lock:
            one = self._by_change.get(number)
        kept = None if one is None else one.request if side is Side.SENDER else one.response
        return kept.read(offset, length) if isinstance(kept, Kept) else b""

    def messages(self, number: int, cursor: object, limit: int) -> MessagePage:
        """The next messages of a WebSocket; none of anything else. May read files."""
        with self._lock:
            one = self._by_change.get(number)
        if one is None or not isinstance(one.request, Recording) or not isinstance(one.response, Recording):
            return MessagePage(cursor=cursor)
        place = cursor if isinstance(cursor, Cursor) else None
        return read_messages(one.request, one.response, place, limit, is_over=one._is_over)

    def message(self, number: int, message: Message, length: int) -> bytes:
        """At most *length* bytes of the payload of a message; empty where it is gone. May read files."""
        with self._lock:
            one = self._by_change.get(number)
        recording = None if one is None else one.request if message.side is Side.SENDER else one.response
        return read_payload(recording, message, length) if isinstance(recording, Recording) else b""

    def pin(self, number: int, *, is_pinned: bool) -> None:
        """Keep one when room is made and when the list is cleared; or no longer.

        Raises:
            ExchangeGoneError: There is none.
            PinnedFullError: What is pinned is half of what there can be.
        """
        with self._lock:
            one = self.find(number)
            if one.is_pinned is is_pinned:
                return
            if is_pinned:
                self._check_pinned(one)
                self._pinned[number] = one
                self._kept.pop(number)
                self._with_bodies.pop(number, None)
            else:
                self._kept[number] = self._with_bodies[number] = self._pinned.pop(number)
            one.is_pinned = is_pinned
            self._touch(one)

    def annotate(self, number: int, note: str) -> None:
        """Write a note on one.

        Raises:
            ExchangeGoneError: There is none.
        """
        with self._lock:
            one = self.find(number)
            one.note = note[:MAX_NOTE_CHARACTERS]
            self._touch(one)

    def clear(self, *, is_everything: bool = False) -> None:
        """Forget all but the pinned ones; or those too."""
        with self._lock:
            for one in [*self._kept.values(), *(self._pinned.values() if is_everything else ())]:
                self._remove(one)

    def _check_pinned(self, one: Capture) -> None:
        pinned = (*self._pinned.values(), one)
        memory = sum(each._head_bytes + _bytes_of(each, in_memory=True) for each in pinned)
        disk = sum(_bytes_of(each, in_memory=False) for each in pinned)
        if (
            2 * len(pinned) > self._max_exchanges
            or 2 * memory > self._max_memory_bytes
            or 2 * disk > self._max_disk_bytes
        ):
            raise PinnedFullError("what is pinned takes half of all the room already; unpin something first")

    def _remove(self, one: Capture) -> None:
        self._kept.pop(one.id, None)
        self._pinned.pop(one.id, None)
        self._with_bodies.pop(one.id, None)
        self._open.pop(one.id, None)
        self._by_change.pop(one.id)
        self._head_bytes -= one._head_bytes
        one.discard()
        self._version += 1
        if len(self._removed) == self._removed.maxlen:
            self._removed_before = self._removed[0][0]
        self._removed.append((self._version, one.id))

    def _removed_since(self, since: int) -> Iterator[int]:
        for version, number in reversed(self._removed):
            if version <= since:
                return
            yield number

    def _touch(self, one: Capture) -> None:
        if one.id not in self._by_change and one._version:
            return  # removed meanwhile
        self._version += 1
        one._version = self._version
        one._frozen = None
        self._by_change[one.id] = one
        self._by_change.move_to_end(one.id)

    @staticmethod
    def _freeze(one: Capture) -> CapturedExchange:
        if one._frozen is None:
            one._frozen = one.freeze()
        return one._frozen


def _state(body: Kept | Recording) -> BodyState:
    if isinstance(body, Recording):
        return body.state()
    return BodyState(size=body.size, kept=body.kept, is_whole=body.is_over, lost=body.lost)


def _size_of(headers: Headers) -> int:
    return sum(len(name) + len(value) + 100 for name, value in headers)


def _bytes_of(one: Capture, *, in_memory: bool) -> int:
    bodies = (one.request, one.response)
    return sum(body.kept for body in bodies if (body.kept <= MAX_IN_MEMORY_BYTES) is in_memory)
