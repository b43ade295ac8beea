"""One HTTP/1.1 connection at the gateway's door, until it ends or becomes a leg.

llhttp (httptools) parses; everything else is here: any status with any reason phrase, bodies streamed both ways with
back-pressure, an upgrade held for as long as its sender waits, and the limits and deadlines that HTTP libraries do not
bring (measured: none ended a silent or dribbling connection). A sender that leaves cancels the work that was done for
it. After a 101 the connection's transport goes to a leg of our own, with whatever had arrived behind the request.

The life of a connection::

    head -> (body ->) response -> idle -> head …            a deadline for each but the response
                    -> 101 -> a leg has the transport
                    -> linger -> closed                      the peer may still be sending what nobody wants

Requests that a peer pipelines wait their turn; reading stops as soon as one waits. A peer that does not read its answers
is asked for no further request, and in the end it is cut: so is one that is closed while it does not read.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import socket
import struct
import sys
from collections.abc import Coroutine
from typing import Protocol, cast

import httptools

from hyco.fields import by_name
from hyco.limits import HIGH_WATER_BYTES
from hyco.messages import RemoteEndpoint

from .config import GatewayConfig
from .front_request import BodyCutError, FrontRequest, Hold, RequestBody, Takes
from .proxies import ProxyHeaderError, is_trusted, read_proxy_header
from .tls import TLS_HIGH_WATER_BYTES

log = logging.getLogger(__name__)

#: Bytes that may come behind an upgrade request before its answer; a client of RFC 6455 sends none.
MAX_EARLY_BYTES = 64 * 1024
#: Requests that may wait behind the one being answered. Hardly any client pipelines at all.
MAX_PIPELINED = 16
#: How long the rest of a request that nobody wants is read and dropped, so that its sender gets to read the answer.
LINGER_S = 2.0
#: How long a connection may take for its first request once the gateway drains. It may be a listener's that comes to answer
#: a request which is going on: ended at once, that request would be lost.
ARRIVAL_S = 2.0

_INTERNET = (socket.AF_INET, socket.AF_INET6)
# SO_LINGER: on, 0 s. Closing then sends a reset: a cut is not a clean end. Windows declares two u_short.
_HARD_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Host(Protocol):
    """What a connection needs of the gateway it belongs to."""

    config: GatewayConfig
    read_buffer: memoryview
    is_draining: bool

    def admit(self, connection: HttpConnection) -> str | None:
        """Count a new connection in; the reason where there is no room for it."""

    def release(self, connection: HttpConnection) -> None:
        """The connection is gone, or has become a leg."""

    def authorized(self, connection: HttpConnection) -> None:
        """It has shown a token, or needs none: it no longer counts as a stranger."""

    def moved(self, connection: HttpConnection, peer: RemoteEndpoint) -> str | None:
        """A trusted proxy said that it is *peer* who is calling: that is whom the connection counts for.

        The reason where there is no room for it.
        """

    def spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Run *work* as a task of the gateway's."""

    def handle_at_once(self, request: FrontRequest) -> bool:
        """Answer *request*, or see to it that it will be; False: it takes a task."""

    async def handle(self, request: FrontRequest) -> None:
        """Answer *request*."""


class HttpConnection(asyncio.BufferedProtocol):
    """A connection at the door. See the module's text."""

    def __init__(self, host: Host, arrival: object = None) -> None:
        self.arrival = arrival  # as what it was counted while it shook hands
        self._host = host
        self._config = host.config
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._hold = Hold.NOTHING
        self._drained: asyncio.Future[None] | None = None
        self._is_writing_paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: float | None = None
        self._is_idle = False  # nothing has come yet of the next request
        self._is_lingering = False
        self._is_refusing = False  # what arrives is no longer parsed
        self._is_continue_due = False
        self._task: asyncio.Task[None] | None = None
        self._current: FrontRequest | None = None
        self._waiting: collections.deque[FrontRequest] = collections.deque()
        # of the request being parsed
        self._url = b""
        self._fields: list[tuple[str, str]] = []
        self._head_bytes = 0  # since its head began, or since the last of its body: trailers count as well
        self._is_in_head = False
        self._parsed: FrontRequest | None = None
        self._early: bytearray | None = None  # what came behind an upgrade request
        self._preamble: bytearray | None = None  # what came of a trusted proxy's PROXY header
        self.peer = RemoteEndpoint(address="", port=0)
        self.is_secure = False
        self.is_authorized = False

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A new connection: over TLS, one whose handshake is complete."""
        transport = cast("asyncio.Transport", transport)  # not an isinstance: uvloop's are no subclass
        self._transport = transport
        self.is_secure = transport.get_extra_info("sslcontext") is not None
        transport.set_write_buffer_limits(high=TLS_HIGH_WATER_BYTES if self.is_secure else HIGH_WATER_BYTES)
        name = transport.get_extra_info("peername")
        if isinstance(name, tuple):
            self.peer = RemoteEndpoint(address=str(name[0]), port=int(name[1]))
        refusal = self._host.admit(self)
        if refusal is not None:
            self._refuse_head(503, refusal)
            transport.close()  # without lingering: there is no room for it, not even for a while
            return
        if is_trusted(self.peer.address, self._config.trusted_proxies):
            self._preamble = bytearray()
        self._expect_within(self._config.handshake_timeout_s)

    def get_buffer(self, sizehint: int) -> memoryview:
        """The read buffer of the loop; httptools copies what it gives to the callbacks."""
        return self._host.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        """*nbytes* arrived."""
        if self._is_lingering or self._is_refusing:
            return
        data = self._host.read_buffer[:nbytes]
        if self._preamble is not None:
            self._preamble += data
            self._read_preamble()
            return
        if self._early is not None:
            self._early += data
            if len(self._early) > MAX_EARLY_BYTES:
                self.hold_back(Hold.EARLY, is_held=True)
            return
        if self._is_idle:
            self._is_idle = False
            self._expect_within(self._config.handshake_timeout_s)
        self._feed(data)

    def eof_received(self) -> bool:
        """The peer is done. A relay's sender that closes has left: its request is given up."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone: so is whoever waited for the answer."""
        self._host.release(self)
        self._transport = None
        self.expect_nothing()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._is_refusing = True
        if self._drained is not None and not self._drained.done():
            self._drained.set_exception(ConnectionResetError("the sender is gone"))
        for request in (self._parsed, self._current):
            if request is not None:
                request.body.fail("the sender is gone")
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """The peer is slow to take the answer."""
        self._is_writing_paused = True

    def resume_writing(self) -> None:
        """The peer takes bytes again."""
        self._is_writing_paused = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        if self._hold & Hold.ANSWERS and self._current is not None:
            self.expect_nothing()
            self.hold_back(Hold.ANSWERS, is_held=False)
            self._go_on(self._current)

    def _read_preamble(self) -> None:
        """Take a PROXY header, if there is one, off the front of what the proxy sent."""
        data = bytes(self._preamble or b"")
        try:
            header = read_proxy_header(data)
        except ProxyHeaderError as error:
            self._preamble = None
            self._refuse_head(400, str(error))
            return
        if header is None:
            return
        self._preamble = None
        if header.client is not None:
            refusal = self._host.moved(self, header.client)
            self.peer = header.client
            if refusal is not None:
                self._refuse_head(503, refusal)
                return
        if rest := data[header.size :]:
            self._feed(rest)

    # The parser's side

    def _feed(self, data: memoryview | bytes) -> None:
        was_in_head = self._is_in_head
        was_in_body = self._parsed
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._parser_stopped(bytes(data[upgrade.args[0] :]))
        except httptools.HttpParserInvalidMethodError:
            self._refuse_head(501, "The method is not implemented by this gateway")
        except httptools.HttpParserError as error:
            self._parse_failed(f"Malformed HTTP request: {error}")
        if was_in_head and self._is_in_head and self._head_bytes > self._config.max_header_bytes * 2:
            self._refuse_head(431, f"The request head is larger than {self._config.max_header_bytes} bytes")
        if (
            was_in_body is not None
            and was_in_body is self._parsed
            and self._head_bytes > self._config.max_header_bytes * 2
        ):
            self._parse_failed("The body does not go on: its trailers or chunk extensions have no end")
        if self._parsed is not None and self._parsed is self._current and self._deadline is not None:
            self._expect_within(self._config.body_idle_timeout_s)

    def on_message_begin(self) -> None:
        """httptools: a request begins."""
        self._url = b""
        self._fields = []
        self._head_bytes = 0
        self._is_in_head = True

    def on_url(self, url: bytes) -> None:
        """httptools: a piece of the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes | None) -> None:
        """httptools: one header field, or one of the trailers behind a body: those are read and dropped.

        Routing and authorisation have looked at the head, and no trailer may add to it (RFC 9110 section 6.5.1).
        """
        if not self._is_in_head:
            return
        self._fields.append((name.decode("latin-1"), (value or b"").decode("latin-1")))

    def on_headers_complete(self) -> None:
        """httptools: the head is complete, the body follows."""
        self._is_in_head = False
        if self._is_refusing:
            return
        parser = self._parser
        size = sum([len(name) + len(value) + 4 for name, value in self._fields])
        fields = by_name(self._fields)
        lengths = fields.get("content-length")
        # llhttp has seen that it is digits alone, once
        content_length = int(lengths[-1]) if lengths else None
        codings = [value.lower() for value in fields.get("transfer-encoding", ())]
        hosts = len(fields.get("host", ()))
        expectations = fields.pop("expect", None)  # met here, hop by hop
        expectation = expectations[-1].lower() if expectations else None
        version = parser.get_http_version()
        request = FrontRequest(
            self,
            method=parser.get_method().decode("latin-1"),
            target=self._url.decode("utf-8", "surrogateescape"),
            http_version=version,
            headers=self._fields,
            fields=fields,
            body=RequestBody(self, content_length, is_chunked=bool(codings)),
            is_keep_alive=parser.should_keep_alive(),
        )
        config = self._config
        if version not in ("1.0", "1.1"):
            request.refusal = (505, "Only HTTP/1.0 and HTTP/1.1 are spoken here")
        elif len(self._url) > config.max_target_bytes:
            request.refusal = (414, f"The request target is longer than {config.max_target_bytes} bytes")
        elif size > config.max_header_bytes:
            request.refusal = (431, f"The headers are larger than {config.max_header_bytes} bytes")
        elif hosts > 1 or (hosts == 0 and version == "1.1"):
            request.refusal = (400, "A request needs exactly one Host header")
        elif codings and version == "1.0":
            request.refusal = (400, "HTTP/1.0 has no transfer codings")
        elif codings not in ([], ["chunked"]):
            request.refusal = (501, "No transfer coding but chunked is understood here")
        elif expectation not in (None, "100-continue"):
            request.refusal = (417, "No expectation but 100-continue can be met")
        elif parser.should_upgrade() and _is_websocket(request):
            if request.body.is_present:
                request.refusal = (400, "A WebSocket handshake has no body")
            else:
                request.is_upgrade = True
                self._early = bytearray()
        if expectation is not None:
            request.headers = [field for field in self._fields if field[0].lower() != "expect"]
            self._is_continue_due = version == "1.1"
        self._parsed = request
        self._enqueue(request)

    def on_body(self, data: bytes) -> None:
        """httptools: a piece of the body."""
        self._is_continue_due = False  # the sender did not wait for it
        self._head_bytes = 0
        if self._parsed is not None:
            self._parsed.body.feed(data)

    def on_message_complete(self) -> None:
        """httptools: the request is complete."""
        if self._parsed is not None:
            if self._parsed is self._current:
                self.expect_nothing()
            self._parsed.body.finish()
            self._parsed = None

    def _parser_stopped(self, rest: bytes) -> None:
        """Go on behind a request with an Upgrade header, where llhttp stops; *rest* is what came."""
        if self._early is not None:
            self._early += rest
            return
        # some other protocol is offered (h2c, by every Java HttpClient): HTTP/1.1 goes on
        self._parser = httptools.HttpRequestParser(self)
        if rest and not self._is_refusing:
            self._feed(rest)

    def _parse_failed(self, reason: str) -> None:
        if self._parsed is not None:  # in the middle of a body
            request, self._parsed = self._parsed, None
            request.body.fail(reason, is_malformed=True)
            request.is_keep_alive = False
            self._is_refusing = True
        else:
            self._refuse_head(400, reason)

    def _refuse_head(self, status: int, reason: str) -> None:
        """Answer a request that could not be read, after those before it, and end the connection."""
        if self._is_refusing:
            return
        self._is_in_head = False
        self._parsed = None
        request = FrontRequest(
            self,
            method="GET",
            target="",
            http_version="1.1",
            headers=[],
            fields={},
            body=RequestBody(self, None, is_chunked=False),
            is_keep_alive=False,
        )
        request.refusal = (status, reason)
        self._enqueue(request)
        self._is_refusing = True

    # One request after the other

    def _enqueue(self, request: FrontRequest) -> None:
        if self._current is not None or self._waiting:
            if len(self._waiting) >= MAX_PIPELINED:
                self._is_refusing = True  # those that were taken are answered; then the connection ends
                self._waiting[-1].is_keep_alive = False
                return
            self._waiting.append(request)
            self.hold_back(Hold.PIPELINE, is_held=True)
            return
        self._waiting.append(request)
        self._next()

    def take_nothing_more(self) -> None:
        """The answer has no end: requests behind it would wait for ever, and keep it from being seen that the peer has gone."""
        self._waiting.clear()
        self._is_refusing = True
        if self._current is not None:
            self._current.is_keep_alive = False
        self.hold_back(Hold.PIPELINE, is_held=False)

    def _next(self) -> None:
        request = self._waiting.popleft()
        self._current = request
        self.expect_nothing()
        if request.refusal is not None:
            request.is_keep_alive = False
            status, reason = request.refusal
            request.respond(
                status, reason, [("Content-Type", "text/plain; charset=utf-8")], f"{reason}\n".encode()
            )
            return
        if not self._host.handle_at_once(request):
            self._task = self._host.spawn(self._answer(request), "request")

    async def _answer(self, request: FrontRequest) -> None:
        """Run the handler; its outermost edge."""
        try:
            await self._host.handle(request)
        except (ConnectionResetError, BodyCutError) as error:
            log.debug("request given up: %s", error)
            if request.is_answered:
                self.cut()
            else:
                request.is_keep_alive = False
                is_malformed = isinstance(error, BodyCutError) and error.is_malformed
                request.respond(400 if is_malformed else 408, str(error))
        except Exception:
            log.exception("a request could not be answered")
            if request.is_answered:
                self.cut()
            else:
                request.is_keep_alive = False
                request.respond(500, "InternalServerError")
        finally:
            self._task = None
        if request.is_finished:
            self._go_on(request)
        elif not request.is_handed_over and self._transport is not None and not self._transport.is_closing():
            log.error("a request was left without an answer")
            self.cut()

    def answered(self, request: FrontRequest) -> None:
        """The answer is complete. The connection goes on when the handler has returned, too."""
        request.is_finished = True
        if self._task is None:
            self._go_on(request)

    def _go_on(self, request: FrontRequest) -> None:
        if self._transport is None or self._current is not request:
            return
        if not self.will_stay(request):
            self._linger(request)
            return
        if self._is_writing_paused:
            # its answers would pile up here; whoever has shown nothing yet gets less time to take them
            self.hold_back(Hold.ANSWERS, is_held=True)
            if stall_s := self._stall_s:
                self._expect_within(stall_s)
            return
        self._current = None
        if self._waiting:
            self._next()
            if not self._waiting:
                self.hold_back(Hold.PIPELINE, is_held=False)
        else:
            self._is_idle = not self._is_in_head
            self._expect_within(
                self._config.http_idle_timeout_s if self._is_idle else self._config.handshake_timeout_s
            )

    def will_stay(self, request: FrontRequest) -> bool:
        """Whether the connection can take another request after *request*."""
        return (
            request.is_keep_alive
            and request.body.is_complete
            and not self._host.is_draining
            and not (request.is_upgrade or (self._is_refusing and not self._waiting))
        )

    def become(self, end: Takes, head: bytes) -> None:
        """Write *head* and hand the transport to *end*."""
        transport = self._transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the peer is gone")
        early = bytes(self._early or b"")
        self._host.release(self)
        self.expect_nothing()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport = None
        self._current = None
        # The parser refers back to here: both would wait for a full collection, beside a leg that may live for days.
        del self._parser
        if head:
            transport.write(head)
        if self._hold is not Hold.NOTHING:  # `is`: asking a flag whether it is empty is slow
            self._hold = Hold.NOTHING
            transport.resume_reading()
        end.take_over(transport, early)

    # Writing, closing, waiting

    def write(self, data: bytes) -> None:
        """Write bytes of the answer."""
        if self._transport is not None and data and not self._transport.is_closing():
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until the peer has taken most of what was written.

        Raises:
            ConnectionResetError: It is gone, or did not read for the time a receiver may stall.
        """
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the sender is gone")
        while self._is_writing_paused:
            self._drained = self._loop.create_future()
            stall_s = self._config.write_stall_timeout_s or None
            try:
                async with asyncio.timeout(stall_s):
                    await self._drained
            except TimeoutError as error:
                raise ConnectionResetError("the sender does not read its answer") from error
            finally:
                self._drained = None

    def cut(self) -> None:
        """End the connection with a reset."""
        transport = self._transport
        if transport is None:
            return
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in _INTERNET:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _HARD_CLOSE)
        transport.abort()

    @property
    def _is_at_rest(self) -> bool:
        """Nothing is going on here that has to be answered."""
        return self._current is None and not self._waiting

    def end_soon(self) -> None:
        """The gateway drains: end a connection that is idle now, one whose request is on its way after ARRIVAL_S."""
        if self._is_at_rest and self._is_idle:
            self._close()
        elif self._is_at_rest and self._deadline is not None:
            self._expect_within(min(ARRIVAL_S, self._deadline - self._loop.time()))

    def close_if_idle(self) -> None:
        """End a connection on which nothing is going on."""
        if self._is_at_rest:
            self._close()

    @property
    def _stall_s(self) -> float:
        """How long the peer may leave an answer unread that is complete; 0: for ever."""
        config = self._config
        return config.write_stall_timeout_s if self.is_authorized else config.http_idle_timeout_s

    def _close(self) -> None:
        """Close when the peer has taken what was written, which it may never do."""
        transport = self._transport
        if transport is None:
            return
        transport.close()
        self._is_lingering = True
        if transport.get_write_buffer_size() and (stall_s := self._stall_s):
            self._expect_within(stall_s)

    def _linger(self, request: FrontRequest) -> None:
        """Close; where the peer is still sending, take that in first, for a while, or a reset would eat the answer."""
        transport = self._transport
        if transport is None:
            return
        if request.body.is_complete and not self._is_refusing:
            self._close()
            return
        self._is_lingering = self._is_refusing = True  # whatever else this read holds is dropped as well
        self._parsed = None
        if transport.can_write_eof():
            transport.write_eof()
        if self._hold:
            self._hold = Hold.NOTHING
            transport.resume_reading()
        self._expect_within(LINGER_S)

    def hold_back(self, reason: Hold, *, is_held: bool) -> None:
        """Stop reading for *reason*, or go on when no reason is left."""
        before = self._hold
        self._hold = before | reason if is_held else before & ~reason
        transport = self._transport
        is_held_now = self._hold is not Hold.NOTHING
        if transport is None or transport.is_closing() or (before is not Hold.NOTHING) is is_held_now:
            return
        if is_held_now:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def authorized(self) -> None:
        """The token was checked."""
        if not self.is_authorized:
            self.is_authorized = True
            self._host.authorized(self)

    def expect_body(self) -> None:
        """The sender has to go on with its body within the time a body may pause; tell it to, where it asked."""
        if self._is_continue_due and self._current is not None and not self._current.is_answered:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._is_continue_due = False
        self._expect_within(self._config.body_idle_timeout_s)

    def expect_nothing(self) -> None:
        """It is our turn."""
        self._deadline = None

    def _expect_within(self, delay_s: float) -> None:
        self._deadline = when = self._loop.time() + delay_s
        if self._timer is None:
            self._timer = self._loop.call_at(when, self._time_is_up)
        elif self._timer.when() > when:
            self._timer.cancel()
            self._timer = self._loop.call_at(when, self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer = None
        deadline = self._deadline
        transport = self._transport
        if deadline is None or transport is None:
            return
        if self._loop.time() < deadline:  # it was moved: one timer serves every phase
            self._timer = self._loop.call_at(deadline, self._time_is_up)
            return
        self._deadline = None
        if self._is_lingering:
            transport.abort()
        elif self._hold & Hold.ANSWERS:
            self.cut()
        elif self._current is not None:
            if self._hold & Hold.BODY:
                return  # it is the handler that is slow
            self._current.is_keep_alive = False
            self._current.body.fail("the request's body did not go on in time")
        elif self._is_idle or (self._host.is_draining and not self._is_in_head):
            self._close()
        else:
            self._refuse_head(408, "The request did not arrive in time")


def _is_websocket(request: FrontRequest) -> bool:
    return any(value.strip().lower() == "websocket" for value in request.header_values("upgrade"))
