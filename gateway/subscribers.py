"""Who hears what is published: WebSocket clients, and readers of server-sent events.

Each has a bounded queue. What finds it full is dropped, for this one alone, and counted: nobody waits for a slow one.
"""

from __future__ import annotations

import asyncio
import base64
import collections
import json
import logging
import re
from collections.abc import Callable

from hyco.close_codes import GOING_AWAY
from hyco.frames import Close, Fragment
from hyco.service import TokenReceived

from .errors import BusyError, DrainingError, ListenerGoneError
from .fabric.interface import Answer, Ask, Event, Offer, Told
from .front_request import FrontRequest, Headers
from .legs import CLOSE_TIMEOUT_S, Keepalive, MessageLeg
from .listener_commands import ListenerCommands
from .listening import Listening
from .token_watch import TokenWatch

log = logging.getLogger(__name__)

#: What may wait for one subscriber: so many messages, and so many bytes of them.
MAX_WAITING_EVENTS = 256
MAX_WAITING_BYTES = 1 << 20

#: How lines end in an event stream (WHATWG HTML, section 9.2.5).
_LINE_ENDS = re.compile(rb"\r\n|\r|\n")


class Subscriber:
    """One that hears, from when its place was taken until it has gone.

    Args:
        name: As it is offered to the fabric.
        token: Whether it may stay.
        on_end: Called once, when it has gone.
    """

    is_owing = False
    """It answers nothing."""

    def __init__(self, *, name: str, token: TokenWatch, on_end: Callable[[Listening], None]) -> None:
        self.name = name
        self.told = 0
        self.missed = 0
        self._token = token
        self._on_end = on_end
        self._waiting: collections.deque[Ask] = collections.deque()
        self._waiting_bytes = 0
        self._offer: Offer | None = None
        self._is_over = False
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        answer.cancel()
        self._told = Told(name, answer)

    # What subclasses give

    def _is_leaving(self) -> bool:
        """Whether what is sent now would not arrive."""
        return False

    def _send_at_once(self, ask: Ask) -> bool:
        """Send it now, if it can be; else it waits its turn."""
        return False

    def close(self, code: int, reason: str) -> None:
        """End it from this side."""
        raise NotImplementedError

    # The gateway's side

    @property
    def is_over(self) -> bool:
        """Whether it hears nothing any more."""
        return self._is_over

    def offered(self, offer: Offer) -> None:
        """The fabric knows it; it hears of its end through *offer*, at once where that has come meanwhile."""
        self._offer = offer
        if self._is_over:
            offer.withdraw()

    def take(self, ask: Ask) -> Told:
        """Send what was published, or keep it until it can be sent: the handler of its offer.

        Raises:
            ListenerGoneError: It has gone.
            BusyError: Too much waits already.
        """
        if self._is_over or self._is_leaving():
            raise ListenerGoneError
        if self._waiting or not self._send_at_once(ask):
            size = len(ask.body or b"")
            if len(self._waiting) >= MAX_WAITING_EVENTS or self._waiting_bytes + size > MAX_WAITING_BYTES:
                self.missed += 1
                raise BusyError
            self._waiting.append(ask)
            self._waiting_bytes += size
        self.told += 1
        return self._told

    def _next(self) -> Ask:
        """Take what has waited for longest."""
        ask = self._waiting.popleft()
        self._waiting_bytes -= len(ask.body or b"")
        return ask

    def go_away(self, reason: str) -> None:
        """The hybrid connection was deleted, or the gateway stops."""
        self.close(GOING_AWAY, reason)

    def left(self) -> None:
        """It has gone."""
        if self._is_over:
            return
        self._is_over = True
        if self._offer is not None:
            self._offer.withdraw()
        self._token.stop()
        self._waiting.clear()
        log.info("subscriber %s has gone: told %d times, missed %d", self.name, self.told, self.missed)
        self._on_end(self)


class WebSocketSubscriber(Subscriber):
    """One that gets each message as a message of a WebSocket; as text where it is text.

    What it may say is the next token, as a listener does.

    Args:
        has_envelopes: Whether each comes as one binary message with a line of JSON (``id``, ``contentType``) before the body.
    """

    def __init__(
        self,
        *,
        name: str,
        token: TokenWatch,
        on_end: Callable[[Listening], None],
        has_envelopes: bool = False,
    ) -> None:
        super().__init__(name=name, token=token, on_end=on_end)
        self._has_envelopes = has_envelopes
        self._leg: MessageLeg | None = None
        self._commands = ListenerCommands()

    def make_leg(self, buffer: memoryview, keepalive: Keepalive) -> MessageLeg:
        """The leg that is to take its connection over."""
        return MessageLeg(buffer, keepalive, self)

    def connected(self, leg: MessageLeg) -> None:
        """Its 101 is out."""
        self._leg = leg
        if self._is_over:  # it was told to go before there was a way to say so
            leg.close(GOING_AWAY, "The hybrid connection was deleted, or the gateway stops.")
        else:
            self._token.watch(self.close)
            self._send_waiting()

    def _is_leaving(self) -> bool:
        return self._leg is not None and self._leg.is_leaving

    def _send_at_once(self, ask: Ask) -> bool:
        if self._leg is None or self._leg.is_writing_paused:
            return False
        assert isinstance(ask.message, Event)
        if self._has_envelopes:
            self._leg.send_data(envelope(ask), is_text=False)
        else:
            self._leg.send_data(ask.body or b"", is_text=ask.message.is_text)
        return True

    def _send_waiting(self) -> None:
        while self._waiting and self._send_at_once(self._waiting[0]):
            self._next()

    def close(self, code: int, reason: str) -> None:
        """Say Close."""
        leg = self._leg
        self.left()
        if leg is not None:
            leg.close(code, reason)

    # Said by the subscriber

    def fragment_received(self, fragment: Fragment) -> None:
        """A piece of what it says."""
        for event in self._commands.add(fragment):
            if isinstance(event, TokenReceived):
                self._token.renew(event.token)

    def close_received(self, close: Close) -> None:
        """It leaves."""
        self.left()

    def leg_lost(self) -> None:
        """The connection is gone."""
        self.left()

    def writing_resumed(self) -> None:
        """It reads again."""
        self._send_waiting()


class StreamSubscriber(Subscriber):
    """One that reads server-sent events, which its request's handler sends: a browser's EventSource, or curl.

    Text comes as ``data``, line by line; anything else as Base64, in events called ``binary``.

    Args:
        request: Its request.
        headers: What its answer has besides.
        beat_s: After so long without an event it gets an empty comment: what is between it and here must not think it dead.
    """

    def __init__(
        self,
        *,
        name: str,
        token: TokenWatch,
        on_end: Callable[[Listening], None],
        request: FrontRequest,
        headers: Headers,
        beat_s: float,
    ) -> None:
        super().__init__(name=name, token=token, on_end=on_end)
        self._request = request
        self._headers = headers
        self._beat_s = beat_s
        self._woken = asyncio.Event()
        self._cut: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Send until it has gone, or is told to go.

        Raises:
            ConnectionResetError: It has gone, or does not read.
            DrainingError: It had to go before it began.
        """
        if self._is_over:  # it was told to go before its answer had begun
            raise DrainingError("The hybrid connection was deleted, or the gateway stops.")
        self._token.watch(self.close)
        try:
            await self._send_all()
        finally:
            if self._cut is not None:
                self._cut.cancel()

    async def _send_all(self) -> None:
        # a proxy must neither keep the events back nor keep them
        headers = [
            ("Content-Type", "text/event-stream"),
            ("Cache-Control", "no-store"),
            ("X-Accel-Buffering", "no"),
            *self._headers,
        ]
        self._request.start_endless(headers)
        await self._request.write(b":\n\n")
        while not self._is_over:
            try:
                async with asyncio.timeout(self._beat_s):
                    await self._woken.wait()
            except TimeoutError:
                await self._request.write(b":\n\n")
            self._woken.clear()
            while self._waiting and not self._is_over:
                await self._request.write(stream_event(self._next()))
        self._request.finish()

    def take(self, ask: Ask) -> Told:
        """Keep it until it is sent."""
        told = super().take(ask)
        self._woken.set()
        return told

    def close(self, code: int, reason: str) -> None:
        """End the stream: EventSource asks anew. One that does not read is cut after CLOSE_TIMEOUT_S."""
        if not self._is_over:
            self.left()
            self._woken.set()
            self._cut = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self._request.cut)


def envelope(ask: Ask) -> bytes:
    """A published message with a line of JSON before its body."""
    assert isinstance(ask.message, Event)
    head = {"id": ask.id, "contentType": ask.message.content_type, "isText": ask.message.is_text}
    return json.dumps(head).encode() + b"\n" + (ask.body or b"")


def stream_event(ask: Ask) -> bytes:
    """A published message as a server-sent event."""
    assert isinstance(ask.message, Event)
    body = ask.body or b""
    lines = [b"id: " + ask.id.encode()]
    if ask.message.is_text:
        lines += [b"data: " + line for line in _LINE_ENDS.split(body)]
    else:
        lines += [b"event: binary", b"data: " + base64.b64encode(body)]
    return b"\n".join(lines) + b"\n\n"
