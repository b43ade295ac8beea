"""The service's side of the protocol: what a gateway hears from a listener.

:class:`ServiceChannel` follows one control channel, :class:`ServiceExchange` one HTTP rendezvous. Both get what arrives
and give events. What the gateway says to a listener needs no state: ``messages.encode``, with the body right behind it
as one binary message (protocol reference §3.2).

After a RemoteProtocolError the WebSocket is over, and whatever still arrives on it is ignored.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TypeAlias, assert_never

from .bodies import BodyCutError, BodyData, BodyEnded
from .close_codes import MESSAGE_TOO_BIG, NORMAL, PROTOCOL_ERROR
from .errors import RemoteProtocolError
from .limits import MAX_CONTROL_BODY_BYTES
from .messages import RenewToken, Response, Unknown, parse_from_listener

__all__ = [
    "BodyCutError",
    "BodyData",
    "BodyEnded",
    "ResponseEvent",
    "ResponseReceived",
    "ResponseStarted",
    "ServiceChannel",
    "ServiceExchange",
    "TokenReceived",
]


@dataclasses.dataclass(frozen=True, slots=True)
class ResponseReceived:
    """A whole response over the control channel; *body* is None where the response has none.

    Nobody may be waiting for it any more: it may be late (§3.5).
    """

    response: Response
    body: bytes | None = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class TokenReceived:
    """The listener's next token, unchecked."""

    token: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class ResponseStarted:
    """The head of a response over a rendezvous. BodyData and BodyEnded follow."""

    response: Response


ResponseEvent: TypeAlias = ResponseStarted | BodyData | BodyEnded


# --- the control channel ---------------------------------------------------------------------------------------------
#
# A text message is a command; a binary message is the body of the command just before it.
#
#   READY          a response without body         ResponseReceived        READY
#                  a response with one             -                       AWAITING_BODY
#                  renewToken                      TokenReceived           READY
#                  an unknown command              -                       READY     Microsoft's samples send some: §3.2
#                  an empty binary                 -                       READY     Node, after body:false: §6.8
#   AWAITING_BODY  a binary of up to 64 KiB        ResponseReceived        READY
#   either         anything else                   RemoteProtocolError     FAILED
#   FAILED         anything                        -                       FAILED


class _ChannelState(enum.Enum):
    READY = enum.auto()
    AWAITING_BODY = enum.auto()
    FAILED = enum.auto()


class ServiceChannel:
    """What one listener says on its control channel. It gets whole messages, whose size the caller bounds."""

    __slots__ = ("_response", "_state")

    def __init__(self) -> None:
        self._state = _ChannelState.READY
        self._response: Response | None = None  # the one whose body is awaited

    def receive_text(self, text: str | bytes) -> list[ResponseReceived | TokenReceived]:
        """Take a text message.

        Raises:
            RemoteProtocolError: It is no command, or stands where a body has to be.
        """
        if self._state is _ChannelState.FAILED:
            return []
        if self._state is _ChannelState.AWAITING_BODY:
            raise self._failed("a text message where the body of a response has to be")
        try:
            message = parse_from_listener(text)
        except RemoteProtocolError:
            self._state = _ChannelState.FAILED
            raise
        match message:
            case Response(body=True):
                self._state = _ChannelState.AWAITING_BODY
                self._response = message
                return []
            case Response():
                return [ResponseReceived(message, None)]
            case RenewToken():
                return [TokenReceived(message.token)]
            case Unknown():
                return []
            case _:
                assert_never(message)

    def receive_binary(self, data: bytes) -> list[ResponseReceived | TokenReceived]:
        """Take a binary message.

        Raises:
            RemoteProtocolError: No body is awaited, or it is longer than a body here may be (1009).
        """
        if self._state is _ChannelState.FAILED:
            return []
        if self._response is None:
            if not data:
                return []
            raise self._failed("a binary message that belongs to no response")
        if len(data) > MAX_CONTROL_BODY_BYTES:
            raise self._failed(f"a body of more than {MAX_CONTROL_BODY_BYTES} bytes", MESSAGE_TOO_BIG)
        response, self._response = self._response, None
        self._state = _ChannelState.READY
        return [ResponseReceived(response, data)]

    def _failed(self, fault: str, close_code: int = PROTOCOL_ERROR) -> RemoteProtocolError:
        self._state = _ChannelState.FAILED
        return RemoteProtocolError(fault, close_code)


# --- one HTTP rendezvous ---------------------------------------------------------------------------------------------
#
# One text message, the response; then its body, in fragments of one binary message.
#
#   AWAITING_RESPONSE  a response with a body      ResponseStarted                  BODY
#                      a response without          ResponseStarted, BodyEnded       ENDED
#                      anything else               RemoteProtocolError              FAILED
#   BODY               a fragment                  BodyData, unless it is empty     BODY
#                      the last fragment           the same, then BodyEnded         ENDED
#                      Close 1000                  BodyEnded                        ENDED     Java sends no last fragment: §6.8
#                      anything else               BodyCutError                     FAILED
#   ENDED              an empty fragment           -                                ENDED     Node, after body:false: §6.8
#                      a text, any other fragment  RemoteProtocolError              FAILED
#                      Close, end of connection    -                                ENDED
#   FAILED             anything                    -                                FAILED


class _ExchangeState(enum.Enum):
    AWAITING_RESPONSE = enum.auto()
    BODY = enum.auto()
    ENDED = enum.auto()
    FAILED = enum.auto()


class ServiceExchange:
    """What a listener says on a rendezvous that it opened for an HTTP request. It gets fragments as they arrive."""

    __slots__ = ("_state",)

    def __init__(self) -> None:
        self._state = _ExchangeState.AWAITING_RESPONSE

    def receive_text(self, text: str | bytes) -> list[ResponseEvent]:
        """Take a text message, whole.

        Raises:
            RemoteProtocolError: It is no response, or not the first message.
        """
        if self._state is _ExchangeState.FAILED:
            return []
        if self._state is not _ExchangeState.AWAITING_RESPONSE:
            raise self._failed("a text message after the response")
        try:
            response = parse_from_listener(text)
        except RemoteProtocolError:
            self._state = _ExchangeState.FAILED
            raise
        if not isinstance(response, Response):
            raise self._failed("a message that is no response")
        if response.body:
            self._state = _ExchangeState.BODY
            return [ResponseStarted(response)]
        self._state = _ExchangeState.ENDED
        return [ResponseStarted(response), BodyEnded()]

    def receive_binary(self, data: bytes, is_last: bool) -> list[ResponseEvent]:
        """Take a piece of a binary message; *is_last*: the message ends with it.

        Raises:
            RemoteProtocolError: No body is awaited.
        """
        match self._state:
            case _ExchangeState.AWAITING_RESPONSE:
                raise self._failed("a binary message before the response")
            case _ExchangeState.BODY:
                events: list[ResponseEvent] = [BodyData(data)] if data else []
                if is_last:
                    self._state = _ExchangeState.ENDED
                    events.append(BodyEnded())
                return events
            case _ExchangeState.ENDED if data:
                raise self._failed("a binary message after the end of the body")
            case _:
                return []

    def receive_close(self, code: int) -> list[ResponseEvent]:
        """Take a Close frame; 1005 if it has no code.

        Raises:
            BodyCutError: It comes in the middle of a body, and is not a normal one.
            RemoteProtocolError: There was no response.
        """
        if self._state is _ExchangeState.BODY and code == NORMAL:
            self._state = _ExchangeState.ENDED
            return [BodyEnded()]
        return self._over(f"closed with code {code}")

    def connection_lost(self) -> list[ResponseEvent]:
        """Take the end of the connection. After a Close it says nothing new.

        Raises:
            BodyCutError: It comes in the middle of a body.
            RemoteProtocolError: There was no response.
        """
        return self._over("lost")

    def _over(self, how: str) -> list[ResponseEvent]:
        match self._state:
            case _ExchangeState.AWAITING_RESPONSE:
                raise self._failed(f"the rendezvous was {how} before a response")
            case _ExchangeState.BODY:
                raise self._failed(f"the rendezvous was {how} in the middle of the body")
            case _:
                return []

    def _failed(self, fault: str) -> RemoteProtocolError:
        kind = BodyCutError if self._state is _ExchangeState.BODY else RemoteProtocolError
        self._state = _ExchangeState.FAILED
        return kind(fault)
