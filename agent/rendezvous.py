"""Meet one sender, and join it to the target.

The target is dialled while the connection to the rendezvous address is being made. Only when the dial's result
is known does the upgrade go out: as it is, or with the reason why not, so that a dead target is a clean
rejection to the sender instead of a connection that closes at once.

Source: protocol reference §4, §17.5.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import ssl
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from hyco.addresses import parse_target as parse_request_target
from hyco.addresses import rejection_url
from hyco.errors import HycoError
from hyco.fields import Headers, elements_of, is_token, values_of
from hyco.messages import Accept

from .access import Admission, Refusal
from .captured import ExchangeKind, Side
from .dial import dial_stream, dial_websocket
from .errors import (
    AgentError,
    GatewayRejectedError,
    GatewayUnreachableError,
    RendezvousExpiredError,
    SenderRejectedError,
    TargetRejectedError,
    TargetUnreachableError,
    sole_error,
)
from .exchanges import Capture, Exchanges
from .http_in_stream import read_along
from .legs import Leg, join
from .local_headers import STREAM_HEADER, for_local_server, local_path
from .pump import StreamLeg, TcpLeg
from .relayed import peer_of
from .rendezvous_addresses import WebSocketAddress
from .route import Route
from .status import RelayedKind
from .targets import TargetKind
from .transport import OpenedLeg, open_leg
from .websocket_join import JoinedLeg
from .websocket_legs import WebSocketLeg

GONE = 410
"""What a gateway answers to a rejection (protocol reference §4.4)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rejection:
    """Why a sender is not let in: in words that it may read, with nothing about the network here, and for this side."""

    status: int
    reason: str
    cause: AgentError


@dataclasses.dataclass(frozen=True, slots=True)
class _Dialled:
    """A target that answered, and the leg that is to meet the sender."""

    target: Leg
    sender: WebSocketLeg
    subprotocol: str | None


def _refusal(status: int, reason: str) -> Rejection:
    return Rejection(status, reason, SenderRejectedError(f"turned a sender away: {reason}"))


BUSY = _refusal(503, "The listener has as many relayed connections as it takes")
OVERLOADED = _refusal(503, "The listener has too much to do")
LEAVING = _refusal(503, "The listener is about to stop")
NO_STREAMS = _refusal(
    400, "This hybrid connection leads to a web server; it takes HTTP and WebSockets, and no byte streams"
)
NO_SUCH_PATH = _refusal(400, "The listener cannot use the path of this request")


async def meet(
    accept: Accept,
    address: WebSocketAddress,
    route: Route,
    tls: ssl.SSLContext | None,
    exchanges: Exchanges | None = None,
) -> None:
    """Meet the sender of *accept* at *address*, and relay until both sides have gone.

    A WebSocket of a web server is captured in *exchanges*, and so is HTTP that passes in a byte stream.

    Cancelling cuts the relayed connection and leaves nothing open.

    Raises:
        RendezvousExpiredError: The sender had gone.
        GatewayUnreachableError: The rendezvous could not be reached, or not in time.
        RelayCutError: One side went away without an end.
        CutHereError: Somebody here wanted it to end.
        TargetUnreachableError, TargetRejectedError, SenderRejectedError: The sender has been turned away.
        NotInvitedError: The invitation that it came by has been withdrawn.
    """
    async with contextlib.AsyncExitStack() as open_things:
        capture = open_things.enter_context(_captured(accept, address, route, exchanges))
        admission = await _let_in(accept, address, route, capture)
        if capture is not None:
            capture.asked()
        try:
            async with asyncio.timeout(route.deadlines.accept_s):
                dial = functools.partial(_dial, accept, address, route, tls, open_things)
                dialled = await _prepare(address, route, dial, open_things, capture)
        except TimeoutError as error:
            raise GatewayUnreachableError("the rendezvous did not come about in time") from error
        sender, target = dialled.sender, dialled.target
        sender.count, target.count = route.counters.received, route.counters.sent
        peer = peer_of(accept.remote_endpoint.address, accept.remote_endpoint.port)
        is_stream = route.target.kind is TargetKind.STREAM
        kind = RelayedKind.STREAM if is_stream else RelayedKind.WEBSOCKET
        with route.counters.connection(), route.relayed.relaying(route.policy, kind, peer) as relayed:
            relayed.count = lambda: (sender.payload_received, target.payload_received)
            if isinstance(target, TcpLeg):
                along = read_along(target, route, exchanges, accept.remote_endpoint, asks=False)
                stream = open_things.enter_context(along)
                relayed.describe = lambda: stream.about if stream is not None else ""
            with route.access.hold(admission):  # only now: before, a cut would leave the sender waiting
                await join(sender, target)


async def reject(address: WebSocketAddress, rejection: Rejection, route: Route) -> None:
    """Turn the sender at *address* away.

    Raises:
        RendezvousExpiredError: The sender had gone.
        GatewayUnreachableError: The rendezvous could not be reached, or not in time.
    """
    try:
        async with asyncio.timeout(route.deadlines.accept_s):
            opened = await open_leg(address, route.network)
            try:
                await _turn_away(opened, address, rejection, route)
            finally:
                opened.close()
    except TimeoutError as error:
        raise GatewayUnreachableError("the rendezvous did not come about in time") from error


@contextlib.contextmanager
def _captured(
    accept: Accept, address: WebSocketAddress, route: Route, exchanges: Exchanges | None
) -> Iterator[Capture | None]:
    """Capture a WebSocket, if it is one and there is somewhere to; what the block raises is how it ended."""
    if exchanges is None or route.target.kind is TargetKind.STREAM:
        yield None
        return
    capture = exchanges.capture(
        route,
        kind=ExchangeKind.WEBSOCKET,
        method="GET",
        request_target=_asked_for(address) or address.request_target.partition("?")[0],
        headers=accept.connect_headers,
        remote=accept.remote_endpoint,
    )
    if capture is None:
        yield None
        return
    error: str | None = "cut: it is not served any more"
    try:
        yield capture
        error = None
    except AgentError as failure:
        error = str(failure)
        raise
    finally:
        capture.ended(error)


def _capture_frames(capture: Capture, dialled: _Dialled) -> None:
    """Have the frames of both legs kept: what comes in on one is what its side has said."""
    chosen: Headers = ()
    if dialled.subprotocol is not None:
        chosen = (("Sec-WebSocket-Protocol", dialled.subprotocol),)
    capture.answered(101, "Switching Protocols", chosen)
    capture.met()
    for leg, side in ((dialled.sender, Side.SENDER), (dialled.target, Side.TARGET)):
        if isinstance(leg, JoinedLeg):
            leg.capture = functools.partial(capture.frames, side)


async def _let_in(
    accept: Accept, address: WebSocketAddress, route: Route, capture: Capture | None
) -> Admission:
    """Turn the sender away and raise why, unless it may come in."""
    verdict = route.access.admit(accept.connect_headers, address.request_target.partition("?")[2])
    if isinstance(verdict, Refusal):
        rejection = _refusal(verdict.status, verdict.reason)
        if capture is not None:
            capture.answered(rejection.status, rejection.reason, ())
        await reject(address, rejection, route)
        raise rejection.cause
    return verdict


async def _prepare(
    address: WebSocketAddress,
    route: Route,
    dial: Callable[[], Coroutine[Any, Any, _Dialled | Rejection]],
    open_things: contextlib.AsyncExitStack,
    capture: Capture | None,
) -> _Dialled:
    """Dial, connect, and say yes; or say no and raise why."""
    try:
        async with asyncio.TaskGroup() as tasks:
            opening = tasks.create_task(_open(address, route, open_things), name="rendezvous")
            dialling = tasks.create_task(dial(), name="target")
    except BaseExceptionGroup as group:
        raise sole_error(group) from group
    opened, dialled = opening.result(), dialling.result()
    if isinstance(dialled, Rejection):
        if capture is not None:
            capture.answered(dialled.status, dialled.reason, ())
        await _turn_away(opened, address, dialled, route)
        raise dialled.cause
    subprotocols = () if dialled.subprotocol is None else (dialled.subprotocol,)
    try:
        await opened.upgrade(dialled.sender, address.request_target, subprotocols=subprotocols)
    except GatewayRejectedError as error:
        raise RendezvousExpiredError(f"the sender had gone: {error}") from error
    open_things.callback(dialled.sender.reset)
    if capture is not None:
        _capture_frames(capture, dialled)
    return dialled


async def _open(address: WebSocketAddress, route: Route, open_things: contextlib.AsyncExitStack) -> OpenedLeg:
    opened = await open_leg(address, route.network)
    open_things.callback(opened.close)
    return opened


async def _turn_away(
    opened: OpenedLeg, address: WebSocketAddress, rejection: Rejection, route: Route
) -> None:
    """Say no, with a reason. The gateway answers 410 when it has told the sender."""
    route.counters.refused()
    leg = StreamLeg("the gateway", route.deadlines.ping_interval_s)
    target = rejection_url(address.request_target, rejection.status, rejection.reason)
    try:
        await opened.upgrade(leg, target)
    except GatewayRejectedError as error:
        if error.status != GONE:
            raise RendezvousExpiredError(f"the rejection was not taken: {error}") from error
    else:
        leg.reset()
        raise GatewayUnreachableError("the gateway took a rejection for an acceptance")


async def _dial(
    accept: Accept,
    address: WebSocketAddress,
    route: Route,
    tls: ssl.SSLContext | None,
    open_things: contextlib.AsyncExitStack,
) -> _Dialled | Rejection:
    try:
        if route.target.kind is TargetKind.STREAM:
            return await _dial_stream(accept, route, open_things.callback)
        return await _dial_web_server(accept, address, route, tls, open_things.callback)
    except TargetRejectedError as error:
        return Rejection(error.status, error.reason or "The target refused the WebSocket", error)
    except TargetUnreachableError as error:
        return Rejection(502, "The listener cannot reach its target", error)


_Cleanup = Callable[[Callable[[], None]], object]


async def _dial_stream(accept: Accept, route: Route, cleanup: _Cleanup) -> _Dialled:
    target = await dial_stream(route.target, route.deadlines.target_dial_s)
    cleanup(target.reset)
    offered = _subprotocols(accept)
    # Browsers fail a connection that does not take one of the sub-protocols they offer. "binary" is what WebSocket
    # bridges call a byte stream.
    chosen = "binary" if "binary" in offered else offered[0] if offered else None
    return _Dialled(target, StreamLeg("the gateway", route.deadlines.ping_interval_s), chosen)


async def _dial_web_server(
    accept: Accept, address: WebSocketAddress, route: Route, tls: ssl.SSLContext | None, cleanup: _Cleanup
) -> _Dialled | Rejection:
    if values_of(accept.connect_headers, STREAM_HEADER):
        return NO_STREAMS
    request_target = _asked_for(address)
    if request_target is None:
        return NO_SUCH_PATH
    interval = route.deadlines.ping_interval_s
    target = JoinedLeg(f"target {route.target}", interval)
    cleanup(target.reset)
    subprotocol = await dial_websocket(
        target,
        route.target,
        local_path(request_target, route),
        tls=tls,
        headers=for_local_server(accept.connect_headers, accept.remote_endpoint, route),
        subprotocols=_subprotocols(accept),
        timeout_s=route.deadlines.target_dial_s,
    )
    return _Dialled(target, JoinedLeg("the gateway", interval), subprotocol)


def _asked_for(address: WebSocketAddress) -> str | None:
    """What the sender asked for; None where that is nothing to ask a web server for."""
    try:
        asked = parse_request_target(address.request_target)
    except HycoError:
        return None
    return asked.path + (f"?{asked.user_query}" if asked.user_query else "")


def _subprotocols(accept: Accept) -> list[str]:
    return [name for name in elements_of(accept.connect_headers, "sec-websocket-protocol") if is_token(name)]
