"""A request at the door, and the one way to answer it: what handlers see of a connection."""

from __future__ import annotations

import asyncio
import collections
import enum
import http
from collections.abc import Sequence
from typing import Protocol

from hyco.fields import Fields
from hyco.http_rules import has_response_body
from hyco.limits import HIGH_WATER_BYTES
from hyco.messages import RemoteEndpoint
from hyco.tracking import reason_phrase

from .errors import GatewayError
from .legs import Leg

Headers = Sequence[tuple[str, str]]

#: Bytes of a body that may wait for the handler before the sender is held back.
MAX_WAITING_BODY_BYTES = HIGH_WATER_BYTES
_PHRASES = {status.value: status.phrase for status in http.HTTPStatus}


class BodyCutError(GatewayError):
    """The sender's body ended before its end.

    Attributes:
        is_malformed: It went on, but not as a body does.
    """

    def __init__(self, reason: str, *, is_malformed: bool = False) -> None:
        super().__init__(reason)
        self.is_malformed = is_malformed


class Hold(enum.Flag):
    """Why a connection is not being read."""

    NOTHING = 0
    BODY = enum.auto()
    PIPELINE = enum.auto()
    EARLY = enum.auto()
    ANSWERS = enum.auto()


class Takes(Protocol):
    """What can have a connection when its request has been read."""

    def take_over(self, transport: asyncio.Transport, early: bytes) -> None:
        """Become the protocol of *transport*; *early* came right behind the request."""


class Connection(Protocol):
    """What a request needs of the connection it came by."""

    @property
    def peer(self) -> RemoteEndpoint:
        """Who is at the other end."""

    @property
    def is_secure(self) -> bool:
        """Whether it is TLS."""

    def authorized(self) -> None:
        """The token was checked."""

    def expect_body(self) -> None:
        """The sender has to go on with its body."""

    def expect_nothing(self) -> None:
        """It is the gateway's turn."""

    def hold_back(self, reason: Hold, *, is_held: bool) -> None:
        """Stop reading for *reason*, or go on."""

    def write(self, data: bytes) -> None:
        """Write bytes of the answer."""

    async def drain(self) -> None:
        """Wait until the sender has taken most of them."""

    def will_stay(self, request: FrontRequest) -> bool:
        """Whether it can take another request after this one."""

    def answered(self, request: FrontRequest) -> None:
        """The answer is complete."""

    def take_nothing_more(self) -> None:
        """The answer has no end, and so no request comes behind this one."""

    def cut(self) -> None:
        """End it with a reset."""

    def become(self, end: Takes, head: bytes) -> None:
        """Write *head* and hand the transport to *end*."""


class RequestBody:
    """The body of a request, as it arrives."""

    __slots__ = (
        "_chunks",
        "_connection",
        "_error",
        "_waiter",
        "_waiting_bytes",
        "content_length",
        "is_chunked",
        "is_complete",
    )

    def __init__(self, connection: Connection, content_length: int | None, *, is_chunked: bool) -> None:
        self._connection = connection
        self._chunks: collections.deque[bytes] = collections.deque()
        self._waiting_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._error: BodyCutError | None = None
        self.content_length = content_length
        self.is_chunked = is_chunked
        self.is_complete = False

    @property
    def is_present(self) -> bool:
        """Whether the request has a body at all; one of no bytes is none."""
        return self.is_chunked or bool(self.content_length)

    async def read(self) -> bytes:
        """The next bytes; empty at the end.

        Raises:
            BodyCutError: The sender stopped in the middle of it.
        """
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self.is_complete:
                return b""
            self._connection.expect_body()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        chunk = self._chunks.popleft()
        self._waiting_bytes -= len(chunk)
        if self._waiting_bytes <= MAX_WAITING_BODY_BYTES // 2:
            self._connection.hold_back(Hold.BODY, is_held=False)
        return chunk

    async def read_all(self) -> bytes:
        """The whole body. The caller has seen that content_length is bounded."""
        chunks = []
        while chunk := await self.read():
            chunks.append(chunk)
        return b"".join(chunks)

    def feed(self, data: bytes) -> None:
        """The parser found *data*."""
        self._chunks.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes > MAX_WAITING_BODY_BYTES:
            self._connection.hold_back(Hold.BODY, is_held=True)
        self._wake()

    def finish(self) -> None:
        """The parser found the body's end."""
        self.is_complete = True
        # what comes next is another request, which may never come if nobody reads this body
        self._connection.hold_back(Hold.BODY, is_held=False)
        self._wake()

    @property
    def cut(self) -> BodyCutError | None:
        """Why there will be no more of it; None while all is well."""
        return self._error

    def fail(self, reason: str, *, is_malformed: bool = False) -> None:
        """There will be no more."""
        if not self.is_complete and self._error is None:
            self._error = BodyCutError(reason, is_malformed=is_malformed)
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class FrontRequest:
    """One request and the way to answer it: once, by respond, start…finish, or upgrade.

    *headers* are as they came; *fields* are the same by name, for whoever looks for one: a dozen are asked for of each request.
    *is_handed_over* says that it is another request's handler who answers this one: a listener's that has come for its sender.
    """

    __slots__ = (
        "_connection",
        "_is_bodiless",
        "_is_chunked_out",
        "body",
        "fields",
        "headers",
        "http_version",
        "is_answered",
        "is_finished",
        "is_handed_over",
        "is_keep_alive",
        "is_upgrade",
        "method",
        "refusal",
        "target",
    )

    def __init__(
        self,
        connection: Connection,
        *,
        method: str,
        target: str,
        http_version: str,
        headers: list[tuple[str, str]],
        fields: Fields,
        body: RequestBody,
        is_keep_alive: bool,
    ) -> None:
        self._connection = connection
        self.method = method
        self.target = target
        self.http_version = http_version
        self.headers = headers
        self.fields = fields
        self.body = body
        self.is_keep_alive = is_keep_alive
        self.is_upgrade = False
        self.is_answered = False
        self.is_finished = False
        self.is_handed_over = False
        self.refusal: tuple[int, str] | None = None
        self._is_chunked_out = False
        self._is_bodiless = False

    def header(self, name: str) -> str | None:
        """The first value of the header *name* (lower case), None without one."""
        values = self.fields.get(name)
        return values[0] if values else None

    def header_values(self, name: str) -> list[str]:
        """Every value of the header *name* (lower case)."""
        return list(self.fields.get(name, ()))

    @property
    def peer(self) -> RemoteEndpoint:
        """Who is at the other end of the TCP connection: a sender, or a proxy in front."""
        return self._connection.peer

    @property
    def is_secure(self) -> bool:
        """Whether it came over TLS."""
        return self._connection.is_secure

    def authorized(self) -> None:
        """The token was checked: from now on the connection does not count as a stranger's."""
        self._connection.authorized()

    def respond(self, status: int, reason: str | None, headers: Headers = (), body: bytes = b"") -> None:
        """Answer with all of it at once."""
        if has_response_body(self.method, status):
            self._head(status, reason, [*headers, ("Content-Length", str(len(body)))])
            self._connection.write(body)
        else:
            self._head(status, reason, headers)
        self._connection.answered(self)

    def start_endless(self, headers: Headers) -> None:
        """Begin a good answer that ends when somebody goes; requests behind this one are dropped."""
        self._connection.take_nothing_more()
        self.start(200, None, headers)

    def start(self, status: int, reason: str | None, headers: Headers = ()) -> None:
        """Begin an answer whose body comes piece by piece, through write() and finish()."""
        self._is_bodiless = not has_response_body(self.method, status)
        if self._is_bodiless:
            self._head(status, reason, headers)
        elif self.http_version == "1.1":
            self._is_chunked_out = True
            self._head(status, reason, [*headers, ("Transfer-Encoding", "chunked")])
        else:
            self.is_keep_alive = False  # HTTP/1.0 knows no other end of a body than the connection's
            self._head(status, reason, headers)

    async def write(self, data: bytes) -> None:
        """Send a piece of the body; waits while the sender is slow to take it."""
        if not data or self._is_bodiless:
            return
        if self._is_chunked_out:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self._connection.write(data)
        await self._connection.drain()

    def finish(self) -> None:
        """The body is complete."""
        if self._is_chunked_out:
            self._connection.write(b"0\r\n\r\n")
        self._connection.answered(self)

    def cut(self) -> None:
        """End the connection so that nobody can take what was sent for a whole answer."""
        self._connection.cut()

    def upgrade(self, head: bytes, leg: Leg) -> None:
        """Send *head*, a whole 101, and hand the connection to *leg*."""
        self.is_answered = self.is_finished = True
        self._connection.become(leg, head)

    def become(self, end: Takes) -> None:
        """Hand the connection to *end*, and answer nothing: whoever is behind it does."""
        self.is_answered = self.is_finished = True
        self._connection.become(end, b"")

    def _head(self, status: int, reason: str | None, headers: Headers) -> None:
        self.is_answered = True
        if reason is None:
            reason = _PHRASES.get(status, "")
        self._connection.expect_nothing()
        keep_alive = self._connection.will_stay(self)
        lines = [f"HTTP/1.1 {status} {reason_phrase(reason)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if not keep_alive:
            lines.append("Connection: close")
        elif self.http_version == "1.0":
            lines.append("Connection: keep-alive")
        lines.append("\r\n")
        self._connection.write("\r\n".join(lines).encode("latin-1", "replace"))
