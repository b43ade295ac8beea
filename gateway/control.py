"""One listener's control channel: the offers it stands for, what it is asked, and what it answers."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Protocol

from hyco.close_codes import GOING_AWAY, INTERNAL_ERROR, INVALID_DATA, MESSAGE_TOO_BIG, POLICY_VIOLATION
from hyco.errors import RemoteProtocolError
from hyco.frames import Close, Fragment, Opcode
from hyco.limits import MAX_CONTROL_BODY_BYTES, MAX_CONTROL_MESSAGE_BYTES
from hyco.messages import encode
from hyco.service import ResponseReceived, ServiceChannel, TokenReceived

from .authorization import Grant
from .errors import BusyError, ListenerGoneError, ListenerLostError, UnauthorizedError
from .fabric.interface import Answer, Ask, Offer, Told
from .legs import Keepalive, MessageLeg

log = logging.getLogger(__name__)

#: The longest wait between two looks at the wall clock: a computer that slept, or a clock that was set, is noticed.
MAX_EXPIRY_CHECK_S = 30.0


class MessageAssembler:
    """Puts the pieces of messages together, up to a bound for each kind."""

    __slots__ = ("_binary_limit", "_pieces", "_text_limit")

    def __init__(self, *, text_limit: int, binary_limit: int) -> None:
        self._text_limit = text_limit
        self._binary_limit = binary_limit
        self._pieces = bytearray()

    def add(self, fragment: Fragment) -> str | bytes | None:
        """The whole message when *fragment* was its last piece: text as str, binary as bytes.

        Raises:
            RemoteProtocolError: Too long (1009), or a text that is not UTF-8 (1007).
        """
        is_text = fragment.opcode is Opcode.TEXT
        limit = self._text_limit if is_text else self._binary_limit
        if len(self._pieces) + len(fragment.data) > limit:
            msg = f"message longer than {limit} bytes"
            raise RemoteProtocolError(msg, MESSAGE_TOO_BIG)
        if fragment.is_first and fragment.is_last:
            whole = fragment.data
        else:
            self._pieces += fragment.data
            if not fragment.is_last:
                return None
            whole = bytes(self._pieces)
            self._pieces.clear()
        if not is_text:
            return whole
        try:
            return whole.decode()
        except UnicodeDecodeError as error:
            msg = "text message that is not UTF-8"
            raise RemoteProtocolError(msg, INVALID_DATA) from error


class TokenCheck(Protocol):
    """Whether a renewed token lets the listener go on."""

    def __call__(self, token: str, /) -> Awaitable[Grant]:
        """The new grant.

        Raises:
            UnauthorizedError: It does not.
        """


class ControlChannel:
    """A listener while it is connected.

    Life: made when the listener's token was good and a slot was free; :meth:`attach` as its 101 goes out; offered
    from then on; over at its Close frame, at the end of its TCP connection, or by :meth:`close`, whichever is first,
    and from that moment it is asked nothing more and everything it was asked has failed.
    """

    def __init__(
        self,
        *,
        name: str,
        origin: str,
        grant: Grant,
        grace_s: float,
        check_token: TokenCheck,
        spawn: Callable[[Coroutine[object, object, None], str], object],
        on_end: Callable[[ControlChannel], None],
    ) -> None:
        self.name = name
        self.leg: MessageLeg | None = None
        self._origin = origin
        self._grant = grant
        self._grace_s = grace_s
        self._check_token = check_token
        self._spawn = spawn
        self._on_end = on_end
        self._machine = ServiceChannel()
        self._messages = MessageAssembler(
            text_limit=MAX_CONTROL_MESSAGE_BYTES, binary_limit=MAX_CONTROL_BODY_BYTES
        )
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        self._offer: Offer | None = None
        self._expiry_timer: asyncio.TimerHandle | None = None
        self._is_checking_token = False
        self._is_over = False

    @property
    def grant(self) -> Grant:
        """What the listener's latest token allows."""
        return self._grant

    @property
    def is_over(self) -> bool:
        """Whether it takes nothing any more."""
        return self._is_over

    @property
    def is_owing(self) -> bool:
        """Whether it has been told of anybody who still waits."""
        return bool(self._asked)

    def make_leg(self, buffer: memoryview, keepalive: Keepalive) -> MessageLeg:
        """The leg that is to take the listener's connection over."""
        self.leg = MessageLeg(buffer, keepalive, self)
        return self.leg

    def offered(self, offer: Offer) -> None:
        """The fabric knows the listener; it hears of its end through *offer*."""
        self._offer = offer

    # Asked by senders

    def ask(self, ask: Ask) -> Told:
        """Write *ask* to the listener, now or not at all: the handler of its offer."""
        leg = self.leg
        if self._is_over or leg is None:
            raise ListenerGoneError
        if leg.is_writing_paused:
            raise BusyError
        message = ask.message
        if message.address.startswith("/"):
            message = dataclasses.replace(message, address=self._origin + message.address)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked[ask.id] = answer
        answer.add_done_callback(lambda done: self._told_over(ask.id, done))
        leg.send_message(encode(message), ask.body)
        return Told(self.name, answer)

    def _told_over(self, id_: str, answer: asyncio.Future[Answer]) -> None:
        if (
            self._asked.get(id_) is answer
        ):  # it may have been told again, by a gateway that had not heard that it was told
            del self._asked[id_]

    # Said by the listener

    def fragment_received(self, fragment: Fragment) -> None:
        """A piece of a command or of the body behind one."""
        message = self._messages.add(fragment)
        if message is None:
            return
        events = (
            self._machine.receive_text(message)
            if isinstance(message, str)
            else self._machine.receive_binary(message)
        )
        for event in events:
            match event:
                case ResponseReceived():
                    waiting = self._asked.get(event.response.request_id)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(Answer(response=event.response, body=event.body))
                case TokenReceived():
                    self._renew(event.token)

    def close_received(self, close: Close) -> None:
        """The listener leaves: no sender is sent to it from here on."""
        self._end()

    def leg_lost(self) -> None:
        """The connection is gone."""
        self._end()

    def writing_resumed(self) -> None:
        """It reads again. Whoever found it busy has asked another or told its sender."""

    # Ends

    def close(self, code: int, reason: str) -> None:
        """End it from this side."""
        self._end()
        if self.leg is not None:
            self.leg.close(code, reason)

    def go_away(self, reason: str) -> None:
        """The hybrid connection was deleted, or the gateway stops."""
        self.close(GOING_AWAY, reason)

    def _end(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        if self._offer is not None:
            self._offer.withdraw()
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
        asked, self._asked = self._asked, {}
        for answer in asked.values():
            if not answer.done():
                answer.set_exception(ListenerLostError())
                answer.exception()  # a sender that has gone will not look
        self._on_end(self)

    # The token

    def _renew(self, token: str) -> None:
        if self._is_checking_token:
            msg = "a token was sent while the one before it was being checked"
            raise RemoteProtocolError(msg, POLICY_VIOLATION)
        self._is_checking_token = True
        self._spawn(self._check(token), f"renew token of {self.name}")

    async def _check(self, token: str) -> None:
        try:
            self._grant = await self._check_token(token)
        except UnauthorizedError as error:
            log.info("listener %s sent a token that is no good: %s", self.name, error)
            self.close(POLICY_VIOLATION, str(error))
        except Exception:
            log.exception("a token could not be checked")
            self.close(INTERNAL_ERROR, "InternalServerError")
        else:
            self.watch_expiry()
        finally:
            self._is_checking_token = False

    def watch_expiry(self) -> None:
        """Close the channel when its token has been out for the grace: SDKs renew at expiry, never before it.

        To be called when the leg has its connection; it goes on by itself.
        """
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
            self._expiry_timer = None
        if self._is_over:
            return
        left_s = self._grant.expires_at + self._grace_s - time.time()
        if left_s <= 0:
            log.info("listener %s did not renew its token", self.name)
            self.close(POLICY_VIOLATION, "ExpiredToken: The token is expired.")
            return
        loop = asyncio.get_running_loop()
        self._expiry_timer = loop.call_later(min(left_s, MAX_EXPIRY_CHECK_S), self.watch_expiry)
