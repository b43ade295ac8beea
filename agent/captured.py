"""What the inspector shows, as data: relayed HTTP exchanges and WebSockets, as they were kept. Frozen and pure.

``exchanges.py`` makes these. Headers and targets are as they came, secrets among them: whoever shows, exports or logs one
passes it through ``masks.py`` first. Times are POSIX seconds, durations seconds; nothing here holds a body.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Final

from hyco.fields import Headers

MAX_NOTE_CHARACTERS: Final = 1_000


class ExchangeKind(enum.Enum):
    """What was relayed."""

    HTTP = "http"
    WEBSOCKET = "websocket"


class Side(enum.Enum):
    """Who said it."""

    SENDER = "sender"
    """The request; of a WebSocket, what came from the sender."""
    TARGET = "target"
    """The response; of a WebSocket, what came from the local server."""


class Lost(enum.Enum):
    """Why not all of a body is kept. What was relayed was whole all the same."""

    TOO_LONG = "too long"
    """It is longer than one body may be; the beginning is kept, of a WebSocket the latest."""
    TOO_FAST = "too fast"
    """More came in a short time than is kept, or than the disk takes; the beginning is kept."""
    DISK = "disk"
    """The disk is full, or cannot be written."""
    MADE_ROOM = "made room"
    """It was kept, and went when newer ones needed the room."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BodyState:
    """A body: how much went by, and how much of it can be read."""

    size: int = 0
    kept: int = 0
    """From its beginning; less than *size* only where *lost* says why."""
    is_whole: bool = False
    """Whether it came to its end. One that was cut, or still comes, has not."""
    lost: Lost | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When each thing had happened, in seconds after the request was here; None where it did not, or not yet."""

    asked_s: float | None = None
    """The sender was let in, and the local server is being asked."""
    connected_s: float | None = None
    """There was a new connection to the local server; None where an open one was used again."""
    answered_s: float | None = None
    """The head of its answer was here."""
    met_s: float | None = None
    """The rendezvous that the answer goes by was open; None where it went by the control channel."""
    ended_s: float | None = None
    """All of the answer had been passed on, or it was known to have failed."""


class Phase(enum.Enum):
    """A stretch of an exchange, by who was waited for."""

    ADMISSION = "admission"
    """Looking at the request, here."""
    CONNECT = "connect"
    """A connection to the local server."""
    TARGET = "target"
    """The local server: from the request to the head of its answer."""
    RENDEZVOUS = "rendezvous"
    """The way back through the gateway, where the answer needed one of its own."""
    BODY = "body"
    """The body of the answer, through the gateway to the sender."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CapturedExchange:
    """One exchange as it stands. It is captured again whenever it has changed: the id stays."""

    id: int
    """Counts up."""
    service: str
    """The hybrid connection, as its status calls it."""
    kind: ExchangeKind = ExchangeKind.HTTP
    method: str
    request_target: str = dataclasses.field(repr=False)
    """Path and query, as the sender sent them."""
    request_headers: Headers = dataclasses.field(default=(), repr=False)
    """As the sender sent them, as far as the gateway passes them on."""
    status: int = 0
    """0 while there is no answer."""
    reason: str = ""
    response_headers: Headers = dataclasses.field(default=(), repr=False)
    request_body: BodyState = BodyState()
    """Of a WebSocket: all frames from the sender."""
    response_body: BodyState = BodyState()
    origin: str = ""
    """Scheme and authority that was asked: the gateway, as senders reach it, or, within a byte stream, the target."""
    target: str = ""
    """The local server."""
    peer: str = ""
    """Where the sender is, as the gateway says; empty of a replay."""
    started_at: float
    timing: Timing = Timing()
    error: str | None = None
    """Why the sender did not get the whole answer."""
    replay_of: int | None = None
    """The id of the exchange that this repeats; it may be gone."""
    is_pinned: bool = False
    """It stays when room is made and when the list is cleared."""
    note: str = ""

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.timing.ended_s is not None

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.request_target.partition("?")[0]


def phases(timing: Timing) -> tuple[tuple[Phase, float, float], ...]:
    """Split an exchange by who was waited for: each phase with its start and its end, in order, without gaps."""
    marks = (
        (Phase.ADMISSION, timing.asked_s),
        (Phase.CONNECT, timing.connected_s),
        (Phase.TARGET, timing.answered_s),
        (Phase.RENDEZVOUS, timing.met_s),
        (Phase.BODY, timing.ended_s),
    )
    found, start = [], 0.0
    for phase, end in marks:
        if end is not None and end >= start:
            found.append((phase, start, end))
            start = end
    return tuple(found)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeChanges:
    """What has changed since a version."""

    version: int
    """To ask with the next time."""
    changed: tuple[CapturedExchange, ...] = ()
    """New ones and those that are different now, in the order in which they changed last."""
    removed: tuple[int, ...] = ()
    """The ids of those that are gone."""
    is_everything: bool = False
    """Whether *changed* is all there is: whatever was known before is to be forgotten."""
    kept_bytes: int = 0
    """All bodies and heads together, in memory and on the disk."""
    is_capturing: bool = True


class MessageKind(enum.Enum):
    """What a WebSocket message is. Pings and pongs are none: each belongs to one hop."""

    TEXT = "text"
    BINARY = "binary"
    CLOSE = "close"
    CONTINUATION = "continuation"
    """The rest of a message whose beginning is not kept."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a WebSocket, or what is kept of it."""

    number: int
    """Counts up in the order in which they are shown."""
    side: Side
    kind: MessageKind
    at: float
    """When its first bytes passed."""
    size: int
    """Of its payload, as far as it has come."""
    is_whole: bool
    preview: bytes = dataclasses.field(default=b"", repr=False)
    """Its beginning."""
    pieces: tuple[tuple[int, int, int], ...] = ()
    """Where its payload lies: segment, offset, length. For whoever gave it out."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """Messages after a place, and the place after them."""

    messages: tuple[Message, ...] = ()
    cursor: object = None
    """To ask with the next time."""
    skipped: int = 0
    """How many stretches since the last page are not kept, or not any more."""
    has_more: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EditedRequest:
    """A request to send in place of a captured one.

    A header value or query value that is the mask of ``masks.py`` stands for the captured one at its place.
    """

    method: str
    request_target: str = dataclasses.field(repr=False)
    headers: Headers = dataclasses.field(default=(), repr=False)
    body: bytes | None = dataclasses.field(default=None, repr=False)
    """None: the captured body, whatever its length."""
