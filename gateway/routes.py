"""What a request at the door wants, who may have it, and what it is told when it may not.

The order is the service's (protocol reference sections 2.4, 3.1): a token that is no good is answered before anybody
learns whether a hybrid connection exists.
"""

from __future__ import annotations

import http
import json
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING

from hyco.addresses import (
    ENVELOPE,
    RENDEZVOUS_NODE,
    RENDEZVOUS_SECRET,
    RequestTarget,
    check_origin,
    parse_target,
    rejection_of,
)
from hyco.errors import InvalidAddressError
from hyco.handshake import HandshakeError, Upgrade, check_upgrade, switching_protocols
from hyco.messages import RemoteEndpoint
from hyco.sas import Right
from hyco.tracking import guid_of, traced, tracking_id

from .admin import atom
from .authorization import Grant
from .control import ControlChannel
from .entities import HybridConnection, Kind, Namespace, canonical_origin
from .errors import (
    BadRequestError,
    DrainingError,
    HybridConnectionNotFoundError,
    RefusalError,
    RejectedByListenerError,
)
from .events import check_is_whole_name, publish_request, publish_websocket, wants_events
from .fabric.interface import AskHandler, RelayKey
from .front_request import FrontRequest, Headers
from .http_relay import relay_http
from .listening import Listening
from .rendezvous import Arrived, Rejected
from .sender_address import origin, sender_address
from .subscribers import StreamSubscriber, WebSocketSubscriber
from .token_watch import TokenWatch
from .websocket_relay import relay_websocket

if TYPE_CHECKING:
    from .server import Gateway

log = logging.getLogger(__name__)

_RETRY_AFTER_S = "1"

#: What listeners do at a rendezvous.
_MEETING = frozenset({"accept", "request"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Somebody who may send to a hybrid connection, and what it sends."""

    request: FrontRequest
    target: RequestTarget
    namespace: Namespace
    connection: HybridConnection
    grant: Grant
    guid: str
    address: RemoteEndpoint
    host: str  # the namespace's name as the sender spelled it, for Via

    @property
    def relay(self) -> RelayKey:
        """Under which its listeners are found."""
        return self.connection.key

    @property
    def tracking_id(self) -> str:
        """What both sides and the logs call it."""
        return tracking_id(self.guid)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Admitted:
    """A listener or subscriber that has a place and a slot. *left* gives both back."""

    connection: HybridConnection
    name: str
    token: TokenWatch
    left: Callable[[Listening], None]


class Router:
    """Answers requests; one for a gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._config = gateway.config

    def handle_at_once(self, request: FrontRequest) -> bool:
        """Answer *request*, or see to it that others do, where nothing has to be waited for; False: handle() it.

        That is a listener at its rendezvous: its sender's own handler answers both. A task for it would only wait.
        """
        if not request.is_upgrade or RENDEZVOUS_SECRET not in request.target:
            return False
        try:
            target = _parse(request.target)
        except RefusalError:
            return False
        if (
            not target.is_websocket_path
            or _action(target) not in _MEETING
            or self._is_awaited_elsewhere(target)
        ):
            return False
        guid = _guid(target)
        try:
            self._meet(request, target, guid)
        except RefusalError as refusal:
            self._refuse(request, refusal, guid, target.path)
        except HandshakeError as error:
            self._refuse_handshake(request, error, guid, target.path)
        return True

    async def handle(self, request: FrontRequest) -> None:
        """Answer *request*, whatever it is."""
        guid = ""
        path = "/"
        try:
            if request.method == "OPTIONS" and request.target == "*":
                raise RefusalError(
                    404, "The relay answers for no server as a whole.", code="EndpointNotFound"
                )
            if request.method == "CONNECT":
                raise RefusalError(
                    405, "The relay is no proxy: CONNECT is not allowed.", code="MethodNotAllowed"
                )
            target = _parse(request.target)
            path = target.path
            guid = _guid(target)
            await self._route(request, target, guid)
        except RefusalError as refusal:
            self._refuse(request, refusal, guid or str(uuid.uuid4()), path)
        except HandshakeError as error:
            self._refuse_handshake(request, error, guid, path)

    async def _route(self, request: FrontRequest, target: RequestTarget, guid: str) -> None:
        if target.is_websocket_path:
            match _action(target):
                case "listen":
                    await self._listen(request, target, guid)
                case "connect":
                    await self._connect(request, target, guid)
                case "subscribe":
                    await self._subscribe(request, target, guid)
                case "accept" | "request" if self._is_awaited_elsewhere(target):
                    await self._forward(request, target)
                case "accept" | "request":
                    self._meet(request, target, guid)
                case _:
                    raise BadRequestError(
                        "The action is none of listen, connect, subscribe, accept and request."
                    )
        elif (request.header("x-process-at") or "").lower() == "servicebus":
            await self._manage(request, target)
        elif wants_events(request) and await self._carries_messages(request, target):
            await self._stream_events(request, target, guid)
        else:
            sender = await self._sender(request, target, guid)
            if sender.connection.kind is Kind.STREAM:
                timeout_s = sender.connection.response_timeout_s or self._config.response_timeout_s
                await relay_http(self._gateway, sender, response_timeout_s=timeout_s)
            else:
                await publish_request(
                    self._gateway,
                    sender,
                    [("TrackingId", sender.tracking_id), _date(), *_cross_origin(request, sender.connection)],
                )

    # The gestures of WebSocket

    async def _listen(self, request: FrontRequest, target: RequestTarget, guid: str) -> None:
        upgrade = check_upgrade(request.method, request.http_version, request.fields)
        gateway = self._gateway
        self._refuse_while_draining()
        origin_ = self._origin(request)
        admitted = await self._admit(request, target, guid, carries_messages=False)
        channel = ControlChannel(
            name=admitted.name, origin=origin_, token=admitted.token, on_end=admitted.left
        )
        try:
            await self._offer(request, target, channel, admitted, channel.ask)
            leg = channel.make_leg(gateway.read_buffer, gateway.pinger)
            request.upgrade(switching_protocols(upgrade.key, None, (("TrackingId", tracking_id(guid)),)), leg)
            channel.watch_expiry()
        except BaseException:
            channel.leg_lost()
            raise
        self._note_connected("listener", request, admitted)

    async def _subscribe(self, request: FrontRequest, target: RequestTarget, guid: str) -> None:
        upgrade = check_upgrade(request.method, request.http_version, request.fields)
        gateway = self._gateway
        self._refuse_while_draining()
        admitted = await self._admit(request, target, guid, carries_messages=True)
        subscriber = WebSocketSubscriber(
            name=admitted.name,
            token=admitted.token,
            on_end=admitted.left,
            has_envelopes=target.parameters.get(ENVELOPE) == "true",
        )
        try:
            await self._offer(request, target, subscriber, admitted, subscriber.take)
            leg = subscriber.make_leg(gateway.read_buffer, gateway.pinger)
            request.upgrade(switching_protocols(upgrade.key, None, (("TrackingId", tracking_id(guid)),)), leg)
            subscriber.connected(leg)
        except BaseException:
            subscriber.left()
            raise
        self._note_connected("subscriber", request, admitted)

    async def _stream_events(self, request: FrontRequest, target: RequestTarget, guid: str) -> None:
        self._refuse_while_draining()
        if request.body.is_present:
            raise BadRequestError("A request for events has no body.")
        admitted = await self._admit(request, target, guid, carries_messages=True)
        subscriber = StreamSubscriber(
            name=admitted.name,
            token=admitted.token,
            on_end=admitted.left,
            request=request,
            headers=[
                ("TrackingId", tracking_id(guid)),
                _date(),
                *_cross_origin(request, admitted.connection),
            ],
            beat_s=self._config.ping_interval_s,
        )
        try:
            await self._offer(request, target, subscriber, admitted, subscriber.take)
            self._note_connected("subscriber", request, admitted)
            await subscriber.run()
        finally:
            subscriber.left()

    async def _admit(
        self, request: FrontRequest, target: RequestTarget, guid: str, *, carries_messages: bool
    ) -> _Admitted:
        """Give a listener, or a subscriber where the hybrid connection *carries_messages*, its place and its slot."""
        gateway = self._gateway
        namespace, connection, grant = await self._authorize(request, target, Right.LISTEN)
        _check_kind(connection, carries_messages=carries_messages)
        if carries_messages:
            check_is_whole_name(connection, target.canonical)
            _check_page(request, connection)
        relay = connection.key
        name = f"{guid}_{gateway.next_serial()}"
        place = gateway.places.take(namespace.key)
        try:
            await gateway.admission.admit(relay, name)
        except BaseException:
            place.leave()
            raise

        async def check_token(token: str) -> Grant:
            return await gateway.authorizer.check_renewal(
                namespace, connection, target, request.fields, token, time.time()
            )

        def left(listening: Listening) -> None:
            place.leave()
            gateway.listener_ended(relay, listening)

        token = TokenWatch(
            name=name, grant=grant, grace_s=self._config.token_grace_s, check=check_token, spawn=gateway.spawn
        )
        return _Admitted(connection=connection, name=name, token=token, left=left)

    async def _offer(
        self,
        request: FrontRequest,
        target: RequestTarget,
        listening: Listening,
        admitted: _Admitted,
        handler: AskHandler,
    ) -> None:
        """Let the fabric know *listening*, before its 101 leaves: an SDK's first request may follow it at once."""
        gateway, connection = self._gateway, admitted.connection
        gateway.listener_started(connection.key, listening)
        # Once more: while the slot was claimed the hybrid connection may have been deleted, and its listeners told.
        await self._authorize(request, target, Right.LISTEN)
        take = gateway.fabric.subscribe if connection.kind is Kind.EVENT else gateway.fabric.offer
        listening.offered(await take(connection.key, admitted.name, handler))

    def _note_connected(self, what: str, request: FrontRequest, admitted: _Admitted) -> None:
        address = self._address(request).address
        log.info("%s %s %s connected from %s", admitted.connection.name, what, admitted.name, address)

    async def _connect(self, request: FrontRequest, target: RequestTarget, guid: str) -> None:
        upgrade = check_upgrade(request.method, request.http_version, request.fields)
        sender = await self._sender(request, target, guid)
        _check_page(request, sender.connection)
        if sender.connection.kind is Kind.STREAM:
            await relay_websocket(self._gateway, sender, upgrade)
        else:
            await publish_websocket(self._gateway, sender, upgrade)

    def _meet(self, request: FrontRequest, target: RequestTarget, guid: str) -> None:
        """A listener at the address it was given: to take its sender, or to refuse it."""
        rendezvous = self._gateway.rendezvous
        try:
            rejection = rejection_of(target.query)
        except InvalidAddressError as error:
            raise BadRequestError(str(error)) from error
        upgrade: Upgrade | None = None
        if rejection is None:
            upgrade = check_upgrade(request.method, request.http_version, request.fields)
        pending = rendezvous.take(target.parameters.get(RENDEZVOUS_SECRET, ""))
        if pending is None or pending.action != _action(target) or pending.outcome.done():
            raise _bad_address()
        request.authorized()
        if rejection is not None:
            pending.outcome.set_result(Rejected(*rejection))
            raise RefusalError(410, "Gone", code="Gone")
        assert upgrade is not None

        def leave() -> None:
            if not request.is_finished:
                gone = RefusalError(403, "The sender is gone.", code="Forbidden")
                self._refuse(request, gone, guid, target.path)

        # answered by the sender's side, whose own waits have deadlines
        request.is_handed_over = True
        pending.outcome.set_result(Arrived(request, upgrade.key, upgrade.subprotocols, leave))

    def _is_awaited_elsewhere(self, target: RequestTarget) -> bool:
        """Whether the sender at this address waits at another gateway."""
        name = target.parameters.get(RENDEZVOUS_NODE, "")
        return bool(name) and self._gateway.peers is not None and name != self._config.node_name

    async def _forward(self, request: FrontRequest, target: RequestTarget) -> None:
        """A listener that came to the wrong gateway: pass it on."""
        gateway = self._gateway
        assert gateway.peers is not None
        check_upgrade(request.method, request.http_version, request.fields)
        name, tickets = target.parameters[RENDEZVOUS_NODE], gateway.rendezvous.tickets
        if tickets is None or not tickets.is_good(name, target.parameters.get(RENDEZVOUS_SECRET, "")):
            raise _bad_address()
        await gateway.peers.forward(request, name, gateway.relay_ended)
        gateway.relay_started()

    async def _carries_messages(self, request: FrontRequest, target: RequestTarget) -> bool:
        """Whether *target* names a hybrid connection of another kind; nobody learns it who has no token for it."""
        if not target.canonical:
            return False
        connection = await self._gateway.directory.find(self._namespace(request), target.canonical)
        return connection is not None and connection.kind is not Kind.STREAM

    # Who may

    async def _sender(self, request: FrontRequest, target: RequestTarget, guid: str) -> Sender:
        self._refuse_while_draining()
        namespace, connection, grant = await self._authorize(request, target, Right.SEND)
        return Sender(
            request=request,
            target=target,
            namespace=namespace,
            connection=connection,
            grant=grant,
            guid=guid,
            address=self._address(request),
            host=(request.header("host") or namespace.name).strip(),
        )

    async def _authorize(
        self, request: FrontRequest, target: RequestTarget, right: Right
    ) -> tuple[Namespace, HybridConnection, Grant]:
        namespace = self._namespace(request)
        connection = (
            await self._gateway.directory.find(namespace, target.canonical) if target.canonical else None
        )
        grant = await self._gateway.authorizer.authorize(
            namespace, connection, target, request.fields, right, time.time()
        )
        request.authorized()
        if connection is None:
            raise HybridConnectionNotFoundError
        return namespace, connection, grant

    def _namespace(self, request: FrontRequest) -> Namespace:
        namespace = self._gateway.directory.namespace_for(request.header("host") or "")
        if namespace is None:
            raise RefusalError(404, "No namespace has this host name.", code="EndpointNotFound")
        return namespace

    def _refuse_while_draining(self) -> None:
        if self._gateway.is_draining:
            raise DrainingError

    # Management

    async def _manage(self, request: FrontRequest, target: RequestTarget) -> None:
        namespace = self._namespace(request)
        body = request.body
        if (body.is_present and not (body.content_length or 0) <= atom.MAX_BODY_BYTES) or body.is_chunked:
            raise RefusalError(
                413, f"A description has at most {atom.MAX_BODY_BYTES} bytes.", code="TooLarge"
            )
        status, content_type, content = await atom.handle(
            self._gateway.directory,
            self._gateway.authorizer,
            namespace,
            request.method,
            target,
            request.fields,
            await body.read_all(),
            listener_count=self._gateway.fabric.listeners,
        )
        if status < http.HTTPStatus.BAD_REQUEST:
            request.authorized()
        request.respond(status, None, [("Content-Type", content_type), _date()], content)

    # Answers

    def _refuse(
        self, request: FrontRequest, refusal: RefusalError, guid: str, path: str, headers: Headers = ()
    ) -> None:
        if request.is_answered:
            request.cut()
            return
        trace = tracking_id(guid)
        headers = [*headers, ("TrackingId", trace), _date()]
        if isinstance(refusal, RejectedByListenerError):
            request.respond(refusal.status, refusal.message, headers)
            return
        host = (request.header("host") or "").strip()
        text = traced(refusal.message, tracking_id=trace, host=host, path=path.strip("/"), now=time.time())
        if refusal.status == 503:
            headers.append(("Retry-After", _RETRY_AFTER_S))
        body = json.dumps({"error": {"code": refusal.code, "message": text}}).encode()
        request.respond(refusal.status, text, [*headers, ("Content-Type", "application/json")], body)

    def _refuse_handshake(self, request: FrontRequest, error: HandshakeError, guid: str, path: str) -> None:
        refusal = RefusalError(error.status, str(error), code="BadRequest")
        self._refuse(request, refusal, guid, path, error.headers)

    def _address(self, request: FrontRequest) -> RemoteEndpoint:
        return sender_address(request, self._config.trusted_proxies)

    def _origin(self, request: FrontRequest) -> str:
        public = self._config.public_url
        if public is not None:
            return public.websocket_origin
        try:
            return check_origin(origin(request, self._config.trusted_proxies))
        except InvalidAddressError as error:
            raise BadRequestError(
                "The Host header is no host by which this gateway could be reached."
            ) from error


def _bad_address() -> RefusalError:
    return RefusalError(403, "The rendezvous address is invalid, expired or used.", code="Forbidden")


def _action(target: RequestTarget) -> str:
    return (target.parameters.get("sb-hc-action") or "connect").lower()


def _guid(target: RequestTarget) -> str:
    """What the request calls itself, or a new name."""
    return guid_of(target.parameters.get("sb-hc-id", "")) or str(uuid.uuid4())


def _check_page(request: FrontRequest, connection: HybridConnection) -> None:
    """Whether the page that comes here, where it is one, may.

    Browsers let every page open WebSockets to everywhere and only say whose page it is (RFC 6455 §10.2). What is no
    browser says nothing, or what it likes: for that there are tokens.
    """
    allowed = connection.allowed_origins
    if allowed and any(canonical_origin(origin) not in allowed for origin in request.header_values("origin")):
        raise RefusalError(403, "Pages of this origin may not send to the endpoint.", code="Forbidden")


def _cross_origin(request: FrontRequest, connection: HybridConnection) -> Headers:
    """What lets the page that asked, where it is one, read the answer (WHATWG Fetch, section 3.3)."""
    origins = request.header_values("origin")
    if len(origins) != 1:
        return ()
    allowed = connection.allowed_origins
    if not allowed:
        return (("Access-Control-Allow-Origin", "*"),)
    if canonical_origin(origins[0]) in allowed:
        return (("Access-Control-Allow-Origin", origins[0]), ("Vary", "Origin"))
    return ()


def _check_kind(connection: HybridConnection, *, carries_messages: bool) -> None:
    if (connection.kind is not Kind.STREAM) is not carries_messages:
        kind = connection.kind.value
        how = (
            "the action listen (relaydesk expose)"
            if carries_messages
            else "the action subscribe (relaydesk subscribe)"
        )
        raise BadRequestError(f"The endpoint is of the kind {kind!r}: come with {how}.")


def _date() -> tuple[str, str]:
    """When the gateway itself answers (RFC 9110 §6.6.1): by it, whoever asks can see that their own clock is wrong."""
    return "Date", formatdate(time.time(), usegmt=True)


def _parse(target: str) -> RequestTarget:
    try:
        return parse_target(target)
    except InvalidAddressError as error:
        raise BadRequestError(str(error)) from error
