"""Answer one relayed HTTP request from the target's web server.

A request of up to 64 KiB comes over the control channel; a longer one, or one whose length nobody knows, waits at
a rendezvous address. An answer goes back the way the request came. One that came over the control channel is
answered there when the whole response is small and ready at once; else the listener opens the rendezvous itself
and streams. In both directions, a body that is cut short is seen as cut: never an end that was not there.

Source: protocol reference §6.5 to §6.8, §17.6, §17.7.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import ssl
from collections.abc import AsyncIterator, Iterator

from hyco.errors import RemoteProtocolError
from hyco.fields import Headers
from hyco.frames import Close
from hyco.limits import MAX_CONTROL_BODY_BYTES, MAX_CONTROL_MESSAGE_BYTES
from hyco.listener import fits_control_channel
from hyco.messages import Request, Response, encode

from .access import Refusal, session_cookie
from .errors import (
    AgentError,
    CutHereError,
    GatewayRejectedError,
    GatewayUnreachableError,
    LocalServerError,
    NotInvitedError,
    RelayCutError,
    RendezvousExpiredError,
    UnansweredError,
    sole_error,
)
from .exchange_record import ExchangeRecord
from .exchanges import Exchanges
from .incoming_request import IncomingRequest
from .local_server import LocalResponse, LocalServer
from .message_leg import MessageLeg
from .relayed import peer_of
from .rendezvous_addresses import WebSocketAddress
from .route import Route
from .status import Exchange, RelayedKind
from .transport import open_leg

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Answered:
    """How a relayed request ended. *response* is what the control channel has yet to carry, if anything."""

    exchange: Exchange
    response: Response | None = None
    body: bytes | None = dataclasses.field(default=None, repr=False)
    was_cut_here: bool = False
    """Somebody here wanted it to end: no failure."""


def plain_response(request_id: str, status: int, reason: str) -> tuple[Response, bytes]:
    """Make a response of the agent's own: a line of text for whoever sees it."""
    body = f"{reason}\n".encode()
    headers = (("Content-Type", "text/plain; charset=utf-8"),)
    return Response(
        request_id=request_id,
        status_code=status,
        status_description=reason,
        response_headers=headers,
        body=True,
    ), body


class HttpExchanges:
    """Answers the relayed requests of one hybrid connection, many at once. It lives on the relay loop.

    Args:
        route: The hybrid connection.
        tls: For an ``https://`` target.
        exchanges: Where what is relayed is captured, if anywhere.
    """

    def __init__(self, route: Route, tls: ssl.SSLContext | None, exchanges: Exchanges | None = None) -> None:
        self._route = route
        self._exchanges = exchanges
        self._server = LocalServer(route, tls, is_timed=exchanges is not None)

    async def close(self) -> None:
        """Close what is kept for reuse."""
        await self._server.close()

    async def answer(self, request: Request, body: bytes | None, address: WebSocketAddress) -> Answered:
        """Answer a request that came over the control channel. Cancelling leaves nothing open."""
        record = ExchangeRecord(self._route, request, self._exchanges)
        if body:
            record.request_piece(body)
        record.request_ended()
        self._route.counters.received(record.request_bytes)
        with self._route.counters.request():
            try:
                with self._listed(request, record):
                    response, content = await self._answer(request, body, address, record)
                    if response is not None:
                        if content:
                            record.response_piece(content)
                        record.response_ended()
            except CutHereError as error:
                record.failed(error)
                if not record.has_met:
                    await self._abort(address)
                return Answered(record.finish(), was_cut_here=True)
        if response is None:
            return Answered(record.finish())
        self._route.counters.sent(record.response_bytes)
        return Answered(record.finish(), response, content)

    @contextlib.contextmanager
    def _listed(self, request: Request, record: ExchangeRecord) -> Iterator[None]:
        peer = peer_of(request.remote_endpoint.address, request.remote_endpoint.port)
        entry = None
        try:
            with self._route.relayed.relaying(self._route.policy, RelayedKind.REQUEST, peer) as entry:
                entry.count, entry.describe = record.count, record.describe
                yield
                entry.error = record.error
        finally:
            record.over(None if entry is None else entry.error or record.error)

    async def _answer(
        self, request: Request, body: bytes | None, address: WebSocketAddress, record: ExchangeRecord
    ) -> tuple[Response | None, bytes | None]:
        """Give what goes back by the control channel; nothing where the answer took the rendezvous, or failed there."""
        try:
            async with self._ask(request, body, record) as (local, extra):
                head = _head(request, local, extra)
                record.answered(head)
                content, is_whole = await self._read_at_once(local, head)
                if is_whole and fits_control_channel(head, content):
                    return head, content
                leg = await self._meet(address)
                record.met()
                try:
                    await self._stream(leg, head, local, content or b"", record)
                finally:
                    leg.reset()
        except UnansweredError as error:
            record.failed(error)
            if not record.has_answered:
                return _own_answer(request, error, record)
        except AgentError as error:
            record.failed(error)
        return None, None

    async def _abort(self, address: WebSocketAddress) -> None:
        """Have the sender of a request see a cut, and no answer: meet it and go. The gateway resets its connection."""
        try:
            (await self._meet(address)).reset()
        except AgentError as error:
            log.info("%s: the sender of a request that was cut was not told: %s", self._route.label, error)

    async def answer_at(self, address: WebSocketAddress) -> Answered | None:
        """Fetch a request from its rendezvous and answer it there; None when there was none to fetch.

        Cancelling leaves nothing open.
        """
        with self._route.counters.request():
            try:
                leg = await self._meet(address)
            except AgentError as error:
                log.info("%s: a request was gone: %s", self._route.label, error)
                return None
            try:
                return await self._answer_on(leg)
            finally:
                leg.reset()

    async def _answer_on(self, leg: MessageLeg) -> Answered | None:
        incoming = IncomingRequest(leg)
        try:
            async with asyncio.timeout(self._route.deadlines.accept_s):
                request = await incoming.head()
        except (AgentError, RemoteProtocolError, TimeoutError) as error:
            log.info("%s: a request did not arrive: %s", self._route.label, error)
            return None
        record = ExchangeRecord(self._route, request, self._exchanges)
        if not request.body:
            record.request_ended()
        record.met()
        try:
            with self._listed(request, record):
                await self._exchange_on(leg, incoming, request, record)
        except CutHereError as error:
            record.failed(error)
            return Answered(record.finish(), was_cut_here=True)
        return Answered(record.finish())

    async def _exchange_on(
        self, leg: MessageLeg, incoming: IncomingRequest, request: Request, record: ExchangeRecord
    ) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(incoming.read(record), name="relayed request body")
                await self._relay(leg, request, incoming.body() if request.body else None, record)
                reading.cancel()
        except BaseExceptionGroup as group:
            failure = sole_error(group)
            if not isinstance(failure, AgentError):
                raise failure from group
            record.failed(failure)

    async def _relay(
        self, leg: MessageLeg, request: Request, body: AsyncIterator[bytes] | None, record: ExchangeRecord
    ) -> None:
        try:
            async with self._ask(request, body, record) as (local, extra):
                head = _head(request, local, extra)
                record.answered(head)
                await self._send(leg, head, local, b"", record)
        except UnansweredError as error:
            record.failed(error)
            if not record.has_answered:
                response, content = _own_answer(request, error, record)
                await leg.send_text(encode(response))
                await leg.send_binary(content, is_first=True, is_last=True)
                record.response_piece(content)
                await leg.close()
                record.response_ended()

    @contextlib.asynccontextmanager
    async def _ask(
        self, request: Request, body: bytes | AsyncIterator[bytes] | None, record: ExchangeRecord
    ) -> AsyncIterator[tuple[LocalResponse, Headers]]:
        """Let the sender in and ask the target; the block has the response, and what headers to add to it.

        Raises:
            UnansweredError: The sender may not come in, or there is no response.
        """
        with self._let_in(request) as extra:
            record.asked()
            async with self._server.ask(request, body, record.capture) as local:
                yield local, extra

    @contextlib.contextmanager
    def _let_in(self, request: Request) -> Iterator[Headers]:
        route = self._route
        verdict = route.access.admit(request.request_headers, request.request_target.partition("?")[2])
        if isinstance(verdict, Refusal):
            route.counters.refused()
            raise NotInvitedError(verdict.status, verdict.reason)
        with route.access.hold(verdict):
            yield (
                ()
                if verdict.cookie is None
                else session_cookie(
                    verdict.cookie, request.request_target, route.path, is_secure=route.gateway.is_secure
                )
            )

    async def _read_at_once(self, local: LocalResponse, head: Response) -> tuple[bytes | None, bool]:
        """Read the body if it is short and soon there; give what was read and whether that is all of it."""
        if not head.body:
            return None, True
        if local.is_event_stream or (local.length or 0) > MAX_CONTROL_BODY_BYTES:
            return b"", False
        # A length that is known will soon be there. One that is not may be a stream, whose first piece must not wait.
        deadlines = self._route.deadlines
        read = bytearray()
        try:
            async with asyncio.timeout(deadlines.prompt_s if local.length is None else deadlines.flush_s):
                while len(read) <= MAX_CONTROL_BODY_BYTES:
                    piece = await local.read_some()
                    if not piece:
                        return bytes(read), True
                    read += piece
        except TimeoutError:
            pass
        return bytes(read), False

    async def _meet(self, address: WebSocketAddress) -> MessageLeg:
        """Open the rendezvous.

        Raises:
            RendezvousExpiredError: The sender had gone.
            GatewayUnreachableError: It could not be reached, or not in time.
        """
        leg = MessageLeg("the gateway", self._route.deadlines.ping_interval_s)
        try:
            async with asyncio.timeout(self._route.deadlines.accept_s):
                opened = await open_leg(address, self._route.network)
                try:
                    await opened.upgrade(leg, address.request_target)
                finally:
                    opened.close()
        except TimeoutError as error:
            raise GatewayUnreachableError("the rendezvous did not come about in time") from error
        except GatewayRejectedError as error:
            raise RendezvousExpiredError(f"the sender had gone: {error}") from error
        leg.count = self._route.counters.received
        leg.start()
        return leg

    async def _stream(
        self, leg: MessageLeg, head: Response, local: LocalResponse, begun: bytes, record: ExchangeRecord
    ) -> None:
        """Answer on a rendezvous of the listener's own, and stop when the sender leaves (§6.7)."""
        try:
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(_until_it_leaves(leg), name="sender of a relayed request")
                await self._send(leg, head, local, begun, record)
                watching.cancel()
        except BaseExceptionGroup as group:
            raise sole_error(group) from group

    async def _send(
        self, leg: MessageLeg, head: Response, local: LocalResponse, begun: bytes, record: ExchangeRecord
    ) -> None:
        """Send a whole response: the head, the body as it comes, Close 1000."""
        await leg.send_text(encode(head))
        record.has_answered = True
        if head.body:
            is_first = True
            piece = begun or await local.read_some()
            while piece:
                await leg.send_binary(piece, is_first=is_first, is_last=False)
                record.response_piece(piece)
                self._route.counters.sent(len(piece))
                is_first = False
                piece = await local.read_some()
            await leg.send_binary(b"", is_first=is_first, is_last=True)
        await leg.close()
        record.response_ended()


def _own_answer(request: Request, error: UnansweredError, record: ExchangeRecord) -> tuple[Response, bytes]:
    response, content = plain_response(request.id, error.status, error.reason)
    record.answered(response)
    return response, content


def _head(request: Request, local: LocalResponse, extra: Headers) -> Response:
    head = Response(
        request_id=request.id,
        status_code=local.status,
        status_description=local.reason,
        response_headers=(*local.headers, *extra),
        body=local.has_body,
    )
    if len(encode(head).encode()) > MAX_CONTROL_MESSAGE_BYTES:
        raise LocalServerError(502, "The headers of the target's answer are too long")
    return head


async def _until_it_leaves(leg: MessageLeg) -> None:
    """Read a rendezvous on which the service says nothing more.

    Raises:
        RelayCutError: It closed or went away.
    """
    while not isinstance(event := await leg.receive(), Close):
        pass
    if not leg.has_sent_end:
        raise RelayCutError(f"the sender left (close code {event.code})")
