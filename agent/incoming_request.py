"""A relayed request that waits at a rendezvous: its head, and its body as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from hyco.errors import RemoteProtocolError
from hyco.frames import Close, Fragment, Opcode
from hyco.limits import MAX_CONTROL_MESSAGE_BYTES
from hyco.listener import BodyData, BodyEnded, ListenerExchange, RequestEvent, RequestStarted
from hyco.messages import Request

from .errors import RelayCutError
from .exchange_record import ExchangeRecord
from .message_leg import MessageLeg

MAX_WAITING_PIECES: Final = 2
"""Pieces of a request's body between the rendezvous and the local server; each is one read at most."""


class IncomingRequest:
    """A request as it comes in on its rendezvous."""

    def __init__(self, leg: MessageLeg) -> None:
        self._leg = leg
        self._exchange = ListenerExchange()
        self._text = bytearray()
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING_PIECES)
        self._is_over = False

    async def head(self) -> Request:
        """Wait for the request itself.

        Raises:
            RelayCutError: The service left.
            RemoteProtocolError: It said something else.
        """
        while True:
            for event in await self._next() or ():
                if isinstance(event, RequestStarted):
                    self._is_over = not event.request.body
                    return event.request

    async def read(self, record: ExchangeRecord) -> None:
        """Read on to the Close that ends the exchange: the body for :meth:`body`, then only whether the sender is still there.

        Raises:
            RelayCutError: The service left, or broke the rules, before the answer was whole.
        """
        while True:
            try:
                events = await self._next()
            except RemoteProtocolError as error:
                raise RelayCutError(f"the request was cut: {error}") from error
            if events is None:
                return
            for event in events:
                if isinstance(event, BodyData):
                    record.request_piece(event.data)
                    await self._pieces.put(event.data)
                elif isinstance(event, BodyEnded) and not self._is_over:
                    self._is_over = True
                    record.request_ended()
                    await self._pieces.put(b"")

    async def body(self) -> AsyncIterator[bytes]:
        """Give the body piece by piece, to its end."""
        while piece := await self._pieces.get():
            yield piece

    async def _next(self) -> list[RequestEvent] | None:
        """Give what came next; None when the service has answered our Close."""
        event = await self._leg.receive()
        if isinstance(event, Close):
            self._exchange.receive_close(event.code)
            if not self._leg.has_sent_end:
                raise RelayCutError(f"the sender left (close code {event.code})")
            return None
        if event.opcode is Opcode.BINARY:
            return self._exchange.receive_binary(event.data, event.is_last)
        return self._text_piece(event)

    def _text_piece(self, piece: Fragment) -> list[RequestEvent]:
        self._text += piece.data
        if len(self._text) > 2 * MAX_CONTROL_MESSAGE_BYTES:
            raise RemoteProtocolError("the request is too long")
        if not piece.is_last:
            return []
        text, self._text = bytes(self._text), bytearray()
        return self._exchange.receive_text(text)
