"""One listener's control channel: the offers it stands for, what it is asked, and what it answers."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable

from hyco.close_codes import GOING_AWAY
from hyco.frames import Close, Fragment
from hyco.messages import encode
from hyco.service import ResponseReceived, TokenReceived

from .errors import BusyError, ListenerGoneError, ListenerLostError
from .fabric.interface import Answer, Ask, Event, Offer, Told
from .legs import Keepalive, MessageLeg
from .listener_commands import ListenerCommands
from .listening import Listening
from .token_watch import TokenWatch


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
        token: TokenWatch,
        on_end: Callable[[Listening], None],
    ) -> None:
        self.name = name
        self.leg: MessageLeg | None = None
        self._origin = origin
        self._token = token
        self._on_end = on_end
        self._commands = ListenerCommands()
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        self._offer: Offer | None = None
        self._is_over = False

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

    def watch_expiry(self) -> None:
        """End it when its token has: to be called when the leg has its connection."""
        if not self._is_over:
            self._token.watch(self.close)
        elif self.leg is not None:  # it was told to go before there was a way to say so
            self.leg.close(GOING_AWAY, "The hybrid connection was deleted, or the gateway stops.")

    def offered(self, offer: Offer) -> None:
        """The fabric knows the listener; it hears of its end through *offer*, at once where that has come meanwhile."""
        self._offer = offer
        if self._is_over:
            offer.withdraw()

    # Asked by senders

    def ask(self, ask: Ask) -> Told:
        """Write *ask* to the listener, now or not at all: the handler of its offer."""
        leg = self.leg
        if self._is_over or leg is None or leg.is_leaving:
            raise ListenerGoneError
        if leg.is_writing_paused:
            raise BusyError
        message = ask.message
        assert not isinstance(message, Event)  # those are for subscribers
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
        for event in self._commands.add(fragment):
            match event:
                case ResponseReceived():
                    waiting = self._asked.get(event.response.request_id)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(Answer(response=event.response, body=event.body))
                case TokenReceived():
                    self._token.renew(event.token)

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
        self._token.stop()
        asked, self._asked = self._asked, {}
        for answer in asked.values():
            if not answer.done():
                answer.set_exception(ListenerLostError())
                answer.exception()  # a sender that has gone will not look
        self._on_end(self)
