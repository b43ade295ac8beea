"""HTTP that passes in a byte stream, read along for the inspector.

What an invitation or a key brings to a local port is a byte stream, also where a web server is at its end. Where it begins
with an HTTP/1 request, both directions are parsed as they pass, and each request becomes an exchange with its answer. Whatever
else it is (TLS, SSH, a database) is let go by its first bytes and not looked at again; so is what follows on an upgrade. Nothing
is held up or changed, and what goes wrong here ends the reading and nothing else.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import httptools

from hyco.fields import Headers, values_of
from hyco.http_rules import has_response_body
from hyco.limits import MAX_HEADER_BYTES
from hyco.messages import RemoteEndpoint

from .errors import AgentError
from .exchanges import Capture, Exchanges
from .pump import TcpLeg
from .route import Route

log = logging.getLogger(__name__)

Begin = Callable[[str, str, Headers], Capture | None]
"""Begins to capture a request, by method, target and headers; None while capturing is off."""

MAX_UNANSWERED: Final = 100
"""Requests that may be sent ahead of their answers. Hardly any client sends two."""

_MAX_METHOD_BYTES: Final = 20
_HEAD_END: Final = b"\r\n\r\n"

_CUT: Final = "the connection ended before the answer did"
_LET_GO: Final = "what came then is no HTTP that can be read along"


@contextlib.contextmanager
def read_along(
    leg: TcpLeg, route: Route, exchanges: Exchanges | None, remote: RemoteEndpoint, *, asks: bool
) -> Iterator[HttpInStream | None]:
    """Capture in *exchanges* what passes at *leg* while the block relays it; None where nothing is captured.

    Args:
        leg: The TCP end of the stream, not joined yet.
        route: What it belongs to.
        exchanges: Where it is captured, if anywhere.
        remote: Who asks.
        asks: Whether that is who is at *leg*; else the server is.
    """
    if exchanges is None:
        yield None
        return
    route = dataclasses.replace(route, is_stream=True)

    def begin(method: str, target: str, headers: Headers) -> Capture | None:
        return exchanges.capture(route, method=method, request_target=target, headers=headers, remote=remote)

    stream = HttpInStream(begin)
    leg.on_read, leg.on_written = (stream.asked, stream.answered) if asks else (stream.answered, stream.asked)
    error: str | None = None
    try:
        yield stream
    except AgentError as failure:
        error = str(failure)
        raise
    finally:
        leg.on_read = leg.on_written = None
        stream.ended(error)


class _LetGo(Exception):  # noqa: N818 - no error: it is how a parser's callback says that the reading ends
    """This is not, or no longer, HTTP."""


class _Passing:
    """A request whose answer is not whole yet."""

    __slots__ = ("capture", "is_upgrade", "method", "path")

    def __init__(self, method: str, target: str, capture: Capture | None) -> None:
        self.method = method
        self.path = target.partition("?")[0]
        self.capture = capture
        self.is_upgrade = False


class HttpInStream:
    """Reads one byte stream along, on the relay loop. Its methods never raise.

    Args:
        begin: Is told of each request.
    """

    def __init__(self, begin: Begin) -> None:
        self.begin = begin
        self.passing: deque[_Passing] = deque()  # in the order of their answers
        self.is_over = False
        """Whether nothing is looked at any more."""
        self.about = ""
        """The latest request: method, path and, once it is known, status."""
        self._first: bytes | None = b""
        self._requests = _Requests(self)
        self._answers = _Answers(self)

    def asked(self, data: bytes | memoryview) -> None:
        """Take what came from the side that asks."""
        if self.is_over:
            return
        if self._first is not None:
            self._first += bytes(data[: _MAX_METHOD_BYTES + 1])
            is_http = _begins_like_http(self._first)
            if is_http is None:
                return
            if not is_http:
                self._let_go()
                return
            # all that came before in pieces this small is in there, and of this piece its beginning
            data = self._first + bytes(data[_MAX_METHOD_BYTES + 1 :])
            self._first = None
        self._guard(self._requests.feed, data)

    def answered(self, data: bytes | memoryview) -> None:
        """Take what came from the server; nothing: its end."""
        if not self.is_over:
            self._guard(self._answers.feed if data else self._answers.end, data)

    def ended(self, error: str | None) -> None:
        """The stream is over; *error* says why, where something went wrong."""
        self._let_go(error or _CUT)

    def upgrade_answered(self, *, is_taken: bool) -> None:
        """Another protocol follows, or requests as before."""
        if is_taken:
            raise _LetGo
        self._requests.go_on()

    def _guard(self, feed: Callable[[bytes | memoryview], None], data: bytes | memoryview) -> None:
        try:
            feed(data)
        except (_LetGo, httptools.HttpParserError) as error:
            if isinstance(error, httptools.HttpParserCallbackError) and not isinstance(
                error.__context__, _LetGo
            ):
                log.warning("a byte stream is not read along any further: %r", error.__context__)
            self._let_go()

    def _let_go(self, why: str = _LET_GO) -> None:
        self.is_over = True
        while self.passing:
            capture = self.passing.popleft().capture
            if capture is not None:
                capture.ended(why)


def _begins_like_http(first: bytes) -> bool | None:
    """Whether it is a method and a blank; None while that cannot be told. The parser looks at the rest."""
    method, blank, _ = first.partition(b" ")
    if not method:
        return False if blank else None
    if not (method.isalpha() and method.isupper() and len(method) <= _MAX_METHOD_BYTES):
        return False
    return True if blank else None


class _Head:
    """The fields of a head as the parser tells them; bounded."""

    def __init__(self) -> None:
        self.fields: list[tuple[str, str]] = []
        self.is_open = False
        self._size = 0

    def begin(self) -> None:
        self.fields, self.is_open, self._size = [], True, 0

    def field(self, name: bytes, value: bytes | None) -> None:
        if self.is_open:  # trailers come the same way, and are left out
            self.fields.append((name.decode("latin-1"), (value or b"").decode("latin-1")))

    def end(self) -> Headers:
        self.is_open = False
        return tuple(self.fields)

    def count(self, size: int) -> None:
        """More came; a head without an end is let go."""
        self._size = self._size + size if self.is_open else 0
        if self._size > 2 * MAX_HEADER_BYTES:
            raise _LetGo


class _Requests:
    """The side that asks. Its ``on_`` methods are the parser's."""

    def __init__(self, stream: HttpInStream) -> None:
        self._stream = stream
        self._head = _Head()
        self._url = b""
        self._latest: _Passing | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._waits_for_upgrade = False

    def feed(self, data: bytes | memoryview) -> None:
        if self._waits_for_upgrade:  # it did not wait for the answer: what this belongs to cannot be told
            raise _LetGo
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            assert self._latest is not None
            self._latest.is_upgrade = self._waits_for_upgrade = True
            if upgrade.args[0] < len(data):
                raise _LetGo from None
        self._head.count(len(data))

    def go_on(self) -> None:
        """The upgrade was refused: requests follow."""
        self._waits_for_upgrade = False
        self._parser = httptools.HttpRequestParser(self)

    def on_message_begin(self) -> None:
        self._head.begin()
        self._url = b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes | None) -> None:
        self._head.field(name, value)

    def on_headers_complete(self) -> None:
        headers = self._head.end()
        method, target = self._parser.get_method().decode("latin-1"), self._url.decode("latin-1")
        stream = self._stream
        if len(stream.passing) >= MAX_UNANSWERED or not target.startswith("/"):
            raise _LetGo  # or it is for a proxy
        capture = stream.begin(method, target, headers)
        if capture is not None:
            capture.asked()
        self._latest = _Passing(method, target, capture)
        stream.passing.append(self._latest)
        stream.about = f"{method} {self._latest.path}"

    def on_body(self, data: bytes) -> None:
        if self._latest is not None and self._latest.capture is not None:
            self._latest.capture.request_piece(data)

    def on_message_complete(self) -> None:
        if self._latest is not None and self._latest.capture is not None:
            self._latest.capture.request_ended()


class _Answers:
    """The server's side. Its ``on_`` methods are the parser's."""

    def __init__(self, stream: HttpInStream) -> None:
        self._stream = stream
        self._head = _Head()
        self._reason = b""
        self._is_within = False
        self._lasts_to_the_end = False
        self._status = 0
        self._bodiless: bytearray | None = None  # a head that no body follows, as far as it has come
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes | memoryview) -> None:
        while data:
            if not self._is_within and self._awaits_bodiless():
                data = self._feed_bodiless(data)
                continue
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade:
                raise _LetGo from None
            self._head.count(len(data))
            return

    def end(self, _nothing: bytes | memoryview) -> None:
        """The server has nothing more to say: that ends an answer of no given length."""
        if self._is_within and self._lasts_to_the_end:
            self._complete()
        self._stream.ended(None)

    def _awaits_bodiless(self) -> bool:
        """Whether the next answer is one to HEAD: its length is that of a body which does not come."""
        passing = self._stream.passing
        return bool(passing) and passing[0].method == "HEAD"

    def _feed_bodiless(self, data: bytes | memoryview) -> bytes:
        """Give the parser one head alone; what is behind it is returned."""
        head = self._bodiless = self._bodiless or bytearray()
        head += data
        end = head.find(_HEAD_END)
        if end < 0:
            if len(head) > 2 * MAX_HEADER_BYTES:
                raise _LetGo
            return b""
        end += len(_HEAD_END)
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(bytes(head[:end]))
        if self._is_within:  # it waits for the body, which there is none of
            self.on_message_complete()
        self._bodiless = None
        self._parser = httptools.HttpResponseParser(self)
        return bytes(head[end:])

    def on_message_begin(self) -> None:
        if not self._stream.passing or (self._bodiless is None and self._awaits_bodiless()):
            raise _LetGo  # it speaks unasked, or answers a HEAD right behind another answer
        self._head.begin()
        self._reason = b""
        self._is_within = True

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_header(self, name: bytes, value: bytes | None) -> None:
        self._head.field(name, value)

    def on_headers_complete(self) -> None:
        headers = self._head.end()
        passing = self._stream.passing[0]
        self._status = status = self._parser.get_status_code()
        if status < 200 and status != 101:
            return
        self._lasts_to_the_end = (
            has_response_body(passing.method, status)
            and not values_of(headers, "Content-Length")
            and not values_of(headers, "Transfer-Encoding")
        )
        self._stream.about = f"{passing.method} {passing.path} {status}"
        if passing.capture is not None:
            passing.capture.answered(status, self._reason.decode("latin-1"), headers)

    def on_body(self, data: bytes) -> None:
        capture = self._stream.passing[0].capture
        if capture is not None:
            capture.response_piece(data)

    def on_message_complete(self) -> None:
        self._is_within = False
        if self._status >= 200 or self._status == 101:
            self._complete()

    def _complete(self) -> None:
        self._is_within = False
        passing = self._stream.passing.popleft()
        if passing.capture is not None:
            passing.capture.response_ended()
            passing.capture.ended(None)
        if self._status == 101 or passing.is_upgrade:
            self._stream.upgrade_answered(is_taken=self._status == 101)
