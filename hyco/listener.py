"""The listener's side of the protocol: what an agent hears from the service.

:class:`ListenerChannel` follows one control channel, :class:`ListenerExchange` one HTTP rendezvous. Both get what
arrives and give events; the channel also puts answers into messages.

A listener lives with services that it cannot change, so what it need not understand it ignores (protocol reference
§17). After a RemoteProtocolError the WebSocket is over, and whatever still arrives on it is ignored.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TypeAlias, assert_never

from .bodies import BodyCutError, BodyData, BodyEnded
from .errors import LocalProtocolError, RemoteProtocolError
from .limits import MAX_CONTROL_BODY_BYTES, MAX_CONTROL_MESSAGE_BYTES
from .messages import Accept, RenewToken, Request, Response, Unknown, encode, parse_from_service

__all__ = [
    "AcceptReceived",
    "BodyCutError",
    "BodyData",
    "BodyEnded",
    "ChannelEvent",
    "ListenerChannel",
    "ListenerExchange",
    "RendezvousRequested",
    "RequestEvent",
    "RequestReceived",
    "RequestStarted",
    "fits_control_channel",
    "renew",
    "respond",
]


@dataclasses.dataclass(frozen=True, slots=True)
class AcceptReceived:
    """A WebSocket sender is waiting."""

    accept: Accept


@dataclasses.dataclass(frozen=True, slots=True)
class RequestReceived:
    """A whole HTTP request; *body* is None where it has none.

    It is answered on the control channel, or on a rendezvous that the listener opens at the request's address.
    """

    request: Request
    body: bytes | None = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class RendezvousRequested:
    """An HTTP request is waiting at *address*: connect to it, and answer there."""

    address: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class RequestStarted:
    """The head of a request over a rendezvous. BodyData and BodyEnded follow."""

    request: Request


ChannelEvent: TypeAlias = AcceptReceived | RequestReceived | RendezvousRequested
RequestEvent: TypeAlias = RequestStarted | BodyData | BodyEnded


# --- the control channel ---------------------------------------------------------------------------------------------
#
# A text message is a command; a binary message is the body of the command just before it.
#
#   READY          accept                          AcceptReceived          READY
#                  a request, address only         RendezvousRequested     READY
#                  a request without body          RequestReceived         READY
#                  a request with one              -                       AWAITING_BODY
#                  an unknown command              -                       READY     §17
#                  a binary                        -                       READY     §17
#   AWAITING_BODY  a binary                        RequestReceived         READY
#   either         anything else                   RemoteProtocolError     FAILED
#   FAILED         anything                        -                       FAILED


class _ChannelState(enum.Enum):
    READY = enum.auto()
    AWAITING_BODY = enum.auto()
    FAILED = enum.auto()


class ListenerChannel:
    """What the service says on a control channel. It gets whole messages, whose size the caller bounds."""

    __slots__ = ("_request", "_state")

    def __init__(self) -> None:
        self._state = _ChannelState.READY
        self._request: Request | None = None  # the one whose body is awaited

    def receive_text(self, text: str | bytes) -> list[ChannelEvent]:
        """Take a text message.

        Raises:
            RemoteProtocolError: It is no command, or stands where a body has to be.
        """
        if self._state is _ChannelState.FAILED:
            return []
        if self._state is _ChannelState.AWAITING_BODY:
            self._state = _ChannelState.FAILED
            raise RemoteProtocolError("a text message where the body of a request has to be")
        try:
            message = parse_from_service(text)
        except RemoteProtocolError:
            self._state = _ChannelState.FAILED
            raise
        match message:
            case Accept():
                return [AcceptReceived(message)]
            case Request(is_address_only=True):
                return [RendezvousRequested(message.address)]
            case Request(body=True):
                self._state = _ChannelState.AWAITING_BODY
                self._request = message
                return []
            case Request():
                return [RequestReceived(message, None)]
            case Unknown():
                return []
            case _:
                assert_never(message)

    def receive_binary(self, data: bytes) -> list[ChannelEvent]:
        """Take a binary message; one that belongs to no request is ignored."""
        if self._request is None or self._state is _ChannelState.FAILED:
            return []
        request, self._request = self._request, None
        self._state = _ChannelState.READY
        return [RequestReceived(request, data)]


def fits_control_channel(response: Response, body: bytes | None) -> bool:
    """Whether *response* may be answered on the control channel; else it needs a rendezvous (§17)."""
    return (
        len(body or b"") <= MAX_CONTROL_BODY_BYTES
        and len(encode(response).encode()) <= MAX_CONTROL_MESSAGE_BYTES
    )


def respond(response: Response, body: bytes | None) -> list[str | bytes]:
    """The messages that say *response* on the control channel: a str is a text message, bytes are a binary one.

    They belong together: nothing but ping, pong and Close may go out between them (§3.2).

    Raises:
        LocalProtocolError: The response says another thing about its body than *body* does, or is too long.
    """
    if response.body is not (body is not None):
        raise LocalProtocolError("a response has a body exactly if it says so")
    text = encode(response)
    if len(body or b"") > MAX_CONTROL_BODY_BYTES or len(text.encode()) > MAX_CONTROL_MESSAGE_BYTES:
        raise LocalProtocolError("a response too long for the control channel")
    return [text] if body is None else [text, body]


def renew(token: str) -> str:
    """The text message that gives the service the next token. There is no answer to a good one (§3.6)."""
    return encode(RenewToken(token=token))


# --- one HTTP rendezvous ---------------------------------------------------------------------------------------------
#
# One text message, the request; then its body, in fragments of one binary message.
#
#   AWAITING_REQUEST   a request with a body       RequestStarted                   BODY
#                      a request without           RequestStarted, BodyEnded        ENDED
#                      anything else               RemoteProtocolError              FAILED
#   BODY               a fragment                  BodyData, unless it is empty     BODY
#                      the last fragment           the same, then BodyEnded         ENDED
#                      anything else               BodyCutError                     FAILED    a Close, too: only Java's
#                                                                                             responses end by one (§6.8)
#   ENDED, FAILED      anything                    -                                the same


class _ExchangeState(enum.Enum):
    AWAITING_REQUEST = enum.auto()
    BODY = enum.auto()
    ENDED = enum.auto()
    FAILED = enum.auto()


class ListenerExchange:
    """What the service says on a rendezvous for an HTTP request. It gets fragments as they arrive.

    It is for one request. What comes after it is ignored: a service may send the next request of the same sender on the
    same rendezvous (§6.11), but not to a listener that closes after one, as .NET's and Java's do.
    """

    __slots__ = ("_state",)

    def __init__(self) -> None:
        self._state = _ExchangeState.AWAITING_REQUEST

    def receive_text(self, text: str | bytes) -> list[RequestEvent]:
        """Take a text message, whole.

        Raises:
            RemoteProtocolError: It is no request, or only an address.
            BodyCutError: It stands where the body has to be.
        """
        match self._state:
            case _ExchangeState.AWAITING_REQUEST:
                return self._begin(text)
            case _ExchangeState.BODY:
                raise self._failed("a text message in the middle of the body")
            case _:
                return []

    def receive_binary(self, data: bytes, is_last: bool) -> list[RequestEvent]:
        """Take a piece of a binary message; *is_last*: the message ends with it.

        Raises:
            RemoteProtocolError: There was no request yet.
        """
        match self._state:
            case _ExchangeState.AWAITING_REQUEST:
                raise self._failed("a binary message before the request")
            case _ExchangeState.BODY:
                events: list[RequestEvent] = [BodyData(data)] if data else []
                if is_last:
                    self._state = _ExchangeState.ENDED
                    events.append(BodyEnded())
                return events
            case _:
                return []

    def receive_close(self, code: int) -> list[RequestEvent]:
        """Take a Close frame; 1005 if it has no code.

        Raises:
            BodyCutError: It comes in the middle of a body.
            RemoteProtocolError: There was no request.
        """
        return self._over(f"closed with code {code}")

    def connection_lost(self) -> list[RequestEvent]:
        """Take the end of the connection. After a Close it says nothing new.

        Raises:
            BodyCutError: It comes in the middle of a body.
            RemoteProtocolError: There was no request.
        """
        return self._over("lost")

    def _begin(self, text: str | bytes) -> list[RequestEvent]:
        try:
            request = parse_from_service(text)
        except RemoteProtocolError:
            self._state = _ExchangeState.FAILED
            raise
        if not isinstance(request, Request) or request.is_address_only:
            raise self._failed("a message that is no request")
        if request.body:
            self._state = _ExchangeState.BODY
            return [RequestStarted(request)]
        self._state = _ExchangeState.ENDED
        return [RequestStarted(request), BodyEnded()]

    def _over(self, how: str) -> list[RequestEvent]:
        match self._state:
            case _ExchangeState.AWAITING_REQUEST:
                raise self._failed(f"the rendezvous was {how} before a request")
            case _ExchangeState.BODY:
                raise self._failed(f"the rendezvous was {how} in the middle of the body")
            case _:
                return []

    def _failed(self, fault: str) -> RemoteProtocolError:
        kind = BodyCutError if self._state is _ExchangeState.BODY else RemoteProtocolError
        self._state = _ExchangeState.FAILED
        return kind(fault)
