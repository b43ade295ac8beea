"""One HTTP exchange over a rendezvous: the request goes out on its WebSocket, the response comes in."""

from __future__ import annotations

import asyncio
import collections
import contextlib
from collections.abc import Iterator

from hyco.close_codes import INTERNAL_ERROR, NORMAL
from hyco.errors import RemoteProtocolError
from hyco.frames import Close, Fragment, Opcode
from hyco.limits import HIGH_WATER_BYTES, MAX_CONTROL_MESSAGE_BYTES, MAX_FRAGMENT_BYTES
from hyco.messages import Request, Response, encode
from hyco.service import BodyData, BodyEnded, ResponseStarted, ServiceExchange

from .assembler import MessageAssembler
from .errors import ListenerLostError
from .legs import Keepalive, MessageLeg


class Exchange:
    """The owner of a rendezvous leg: response and body, read by one task, held back when it is slow.

    Nothing of a body is kept but what is on its way: at most HIGH_WATER_BYTES and one read.
    """

    def __init__(self, buffer: memoryview, keepalive: Keepalive) -> None:
        self.leg = MessageLeg(buffer, keepalive, self)
        self._machine = ServiceExchange()
        self._text = MessageAssembler(text_limit=MAX_CONTROL_MESSAGE_BYTES, binary_limit=0)
        #: The head of the response; fails with ListenerLostError where the rendezvous ends without one.
        self.response: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._chunks: collections.deque[bytes] = collections.deque()
        self._waiting_bytes = 0
        self._is_complete = False
        self._error: ListenerLostError | None = None
        self._changed = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    # Towards the listener

    def send_request(self, request: Request) -> None:
        """Say what is asked for; the body follows by send_body."""
        self.leg.send_text(encode(request))

    async def send_body(self, data: bytes, *, is_first: bool, is_last: bool) -> None:
        """Send a piece of the body; waits while the listener is slow to take it.

        Raises:
            ListenerLostError: It is gone.
        """
        if self.leg.is_lost:
            raise ListenerLostError
        for start in range(0, len(data) or 1, MAX_FRAGMENT_BYTES):
            piece = data[start : start + MAX_FRAGMENT_BYTES]
            ends = is_last and start + MAX_FRAGMENT_BYTES >= len(data)
            self.leg.send_fragment(piece, is_first=is_first and start == 0, is_last=ends)
        if self.leg.is_writing_paused:
            self._writable.clear()
            await self._writable.wait()
        if self.leg.is_lost:
            raise ListenerLostError

    # From the listener

    async def read(self) -> bytes:
        """The next bytes of the body; empty at its end.

        Raises:
            ListenerLostError: It was cut short.
        """
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._is_complete:
                return b""
            self._changed.clear()
            await self._changed.wait()
        chunk = self._chunks.popleft()
        self._waiting_bytes -= len(chunk)
        if self._waiting_bytes <= HIGH_WATER_BYTES // 2:
            self.leg.resume_reading()
        return chunk

    def finish(self) -> None:
        """The exchange is over; a listener that has not closed by itself is closed now."""
        self.leg.close(NORMAL, "")

    def give_up(self) -> None:
        """The sender is gone, or the response cannot be used."""
        if not self._is_complete and not self.leg.is_lost:
            self.leg.hang_up()
        else:
            self.leg.close(INTERNAL_ERROR, "")

    # The leg's side

    def fragment_received(self, fragment: Fragment) -> None:
        """A piece of the response or of its body."""
        with self._failing():
            if fragment.opcode is Opcode.TEXT:
                text = self._text.add(fragment)
                if isinstance(text, str):
                    self._apply(self._machine.receive_text(text))
            else:
                self._apply(self._machine.receive_binary(fragment.data, is_last=fragment.is_last))

    def close_received(self, close: Close) -> None:
        """A normal close ends a body (Java never sends a final frame); any other cuts it short."""
        with self._failing():
            self._apply(self._machine.receive_close(close.code))

    def leg_lost(self) -> None:
        """The connection is gone; before the end of the body that is a cut."""
        with contextlib.suppress(RemoteProtocolError), self._failing():
            self._apply(self._machine.connection_lost())
        if not self.response.done():
            self._fail("The listener's rendezvous ended without a response.")
        self._writable.set()
        self._changed.set()

    def writing_resumed(self) -> None:
        """The listener takes bytes again."""
        self._writable.set()

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """What breaks the protocol ends the exchange as well as the leg."""
        try:
            yield
        except RemoteProtocolError as error:
            self._fail(f"The listener broke the protocol: {error}.")
            raise

    def _apply(self, events: list[ResponseStarted | BodyData | BodyEnded]) -> None:
        for event in events:
            match event:
                case ResponseStarted():
                    if not self.response.done():
                        self.response.set_result(event.response)
                case BodyData():
                    self._chunks.append(event.data)
                    self._waiting_bytes += len(event.data)
                    if self._waiting_bytes > HIGH_WATER_BYTES:
                        self.leg.pause_reading()
                case BodyEnded():
                    self._is_complete = True
        self._changed.set()

    def _fail(self, text: str) -> None:
        if self._is_complete or self._error is not None:
            return
        self._error = ListenerLostError(text)
        if not self.response.done():
            self.response.set_exception(self._error)
            self.response.exception()  # looked at, whether or not somebody still waits
        self._changed.set()
