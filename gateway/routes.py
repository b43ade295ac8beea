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
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING

from hyco.addresses import (
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
from .entities import HybridConnection, Namespace, canonical_origin
from .errors import (
    BadRequestError,
    DrainingError,
    HybridConnectionNotFoundError,
    RefusalError,
    RejectedByListenerError,
)
from .fabric.interface import RelayKey
from .front_request import FrontRequest, Headers
from .http_relay import relay_http
from .rendezvous import Arrived, Rejected
from .sender_address import origin, sender_address
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
                case "accept" | "request" if self._is_awaited_elsewhere(target):
                    await self._forward(request, target)
                case "accept" | "request":
                    self._meet(request, target, guid)
                case _:
                    raise BadRequestError("The action is none of listen, connect, accept and request.")
        elif (request.header("x-process-at") or "").lower() == "servicebus":
            await self._manage(request, target)
        else:
            sender = await self._sender(request, target, guid)
            timeout_s = sender.connection.response_timeout_s or self._config.response_timeout_s
            await relay_http(self._gateway, sender, response_timeout_s=timeout_s)

    # The four gestures of WebSocket

    async def _listen(self, request: FrontRequest, target: RequestTarget, guid: str) -> None:
        upgrade = check_upgrade(request.method, request.http_version, request.fields)
        gateway = self._gateway
        self._refuse_while_draining()
        origin_ = self._origin(request)
        namespace, connection, grant = await self._authorize(request, target, Right.LISTEN)
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

        def ended(channel: ControlChannel) -> None:
            place.leave()
            gateway.listener_ended(relay, channel)

        channel = ControlChannel(
            name=name,
            origin=origin_,
            grant=grant,
            grace_s=self._config.token_grace_s,
            check_token=check_token,
            spawn=gateway.spawn,
            on_end=ended,
        )
        gateway.listener_started(relay, channel)
        try:
            # Once more: while the slot was claimed the hybrid connection may have been deleted, and its listeners told.
            await self._authorize(request, target, Right.LISTEN)
            leg = channel.make_leg(gateway.read_buffer, gateway.pinger)
            # known to the fabric before its 101 leaves: an SDK's first request may follow it at once
            channel.offered(await gateway.fabric.offer(relay, name, channel.ask))
            request.upgrade(switching_protocols(upgrade.key, None, (("TrackingId", tracking_id(guid)),)), leg)
            channel.watch_expiry()
        except BaseException:
            channel.leg_lost()
            raise
        log.info("%s listener %s connected from %s", connection.name, name, self._address(request).address)

    async def _connect(self, request: FrontRequest, target: RequestTarget, guid: str) -> None:
        upgrade = check_upgrade(request.method, request.http_version, request.fields)
        sender = await self._sender(request, target, guid)
        _check_origin(sender)
        await relay_websocket(self._gateway, sender, upgrade)

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


def _check_origin(sender: Sender) -> None:
    """Whether the page that opens a WebSocket, where it is one, may send here.

    Browsers let every page open WebSockets to everywhere and only say whose page it is (RFC 6455 §10.2). What is no
    browser says nothing, or what it likes: for that there are tokens.
    """
    allowed = sender.connection.allowed_origins
    if allowed and any(
        canonical_origin(origin) not in allowed for origin in sender.request.header_values("origin")
    ):
        raise RefusalError(403, "Pages of this origin may not send to the endpoint.", code="Forbidden")


def _date() -> tuple[str, str]:
    """When the gateway itself answers (RFC 9110 §6.6.1): by it, whoever asks can see that their own clock is wrong."""
    return "Date", formatdate(time.time(), usegmt=True)


def _parse(target: str) -> RequestTarget:
    try:
        return parse_target(target)
    except InvalidAddressError as error:
        raise BadRequestError(str(error)) from error
