"""WebSocket connections: control channels, and data legs up to the point where bytes begin to flow.

A control channel is a connection of the ``websockets`` library, which pings, answers and closes by itself.

A data leg is a connection of its own, because taking an upgraded connection over from a library loses what came
right behind its 101. It is opened in two steps, so that TCP and TLS run while the target is still being dialled:
first it is connected (:func:`open_leg`), then it asks (:meth:`OpenedLeg.upgrade`). The head of the answer goes to
the library's own check of a handshake; what follows it is kept for the leg.

Redirects are never followed and extensions never offered.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import platform
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final, cast

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from hyco.addresses import hide_secrets
from hyco.close_codes import truncate_reason
from hyco.limits import MAX_CONTROL_BODY_BYTES

from .config import Deadlines
from .errors import (
    AgentError,
    ControlChannelLostError,
    GatewayRejectedError,
    GatewayUnreachableError,
    RejectedError,
)
from .network import Network, explain
from .rendezvous_addresses import WebSocketAddress
from .websocket_legs import WebSocketLeg

USER_AGENT: Final = f"RelayDesk-Agent ({platform.system()}; Python {platform.python_version()})"

TOKEN_HEADER: Final = "ServiceBusAuthorization"
"""Where a token goes: the application's own Authorization header stays untouched that way (protocol reference §2.1)."""

MAX_HEAD_BYTES: Final = 65_536
"""Of an answer to an upgrade. The library has its own limits inside this one (lines, number of headers)."""

MAX_MESSAGE_BYTES: Final = 4 * MAX_CONTROL_BODY_BYTES
"""Of one message on a control channel: well above what a gateway that keeps the rules sends."""

MAX_QUEUED_FRAMES: Final = 16
"""Received frames that wait for the listener; above it the library stops reading."""

MAX_UNSENT_BYTES: Final = 1 << 20
"""A gateway that pings and never reads would make the library pile up pongs (measured); it is left at this point."""

CLOSE_TIMEOUT_S: Final = 2.0
"""What a gateway gets to answer a Close when a listener stops."""

# The library logs every header at DEBUG, tokens among them, and every address; never from here.
_library_log = logging.getLogger(f"{__name__}.websockets")
_library_log.setLevel(logging.INFO)

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: ([^\r\n]*))?\r\n")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
MAX_REASON_CHARACTERS: Final = 1_000


def readable_reason(text: str) -> str:
    """Make a reason phrase from the network fit for a log or a window: one line, no secrets, bounded."""
    return hide_secrets(_UNPRINTABLE.sub(" ", text[:MAX_REASON_CHARACTERS])).strip()


# --- control channels ------------------------------------------------------------------------------------------------


class _ControlProtocol(ClientConnection):
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.transport.abort()


class ControlConnection:
    """An open control channel. One coroutine receives, any number send."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._sending = asyncio.Lock()

    async def receive(self) -> str | bytes:
        """Wait for the next message.

        Raises:
            ControlChannelLostError: The channel has ended.
        """
        try:
            return await self._connection.recv()
        except ConnectionClosed as error:
            raise _lost(error) from error

    async def send(self, text: str, body: bytes | None = None) -> None:
        """Send a message and the body that belongs to it, with nothing between them (protocol reference §3.2).

        A gateway that does not read makes this wait until the missing pongs end the channel.

        Raises:
            ControlChannelLostError: The channel has ended.
        """
        try:
            async with self._sending:
                await self._connection.send(text)
                if body is not None:
                    await self._connection.send(body)
        except ConnectionClosed as error:
            raise _lost(error) from error

    async def check(self, timeout_s: float) -> None:
        """Ask whether the gateway is still there.

        Raises:
            ControlChannelLostError: It does not answer in time, or the channel has ended.
        """
        try:
            async with asyncio.timeout(timeout_s):
                answered = await self._connection.ping()
                await asyncio.wait(
                    (cast("asyncio.Future[float]", answered),)
                )  # cancelled, it would upset the library
                await answered
        except TimeoutError as error:
            raise ControlChannelLostError(None, f"no answer to a ping within {timeout_s:g} s") from error
        except ConnectionClosed as error:
            raise _lost(error) from error

    def round_trip_s(self) -> float | None:
        """Give how long the last ping and its answer took; None before there was one."""
        return self._connection.latency or None

    async def close(self, code: int, reason: str) -> None:
        """Say why this side ends the channel, and wait (bounded) for the answer."""
        await self._connection.close(code, truncate_reason(reason))


def _lost(error: ConnectionClosed) -> ControlChannelLostError:
    if error.rcvd is not None:
        return ControlChannelLostError(error.rcvd.code, readable_reason(error.rcvd.reason))
    return ControlChannelLostError(None, error.sent.reason if error.sent is not None else "")


@contextlib.asynccontextmanager
async def open_control(
    address: WebSocketAddress, headers: Iterable[tuple[str, str]], network: Network, deadlines: Deadlines
) -> AsyncIterator[ControlConnection]:
    """Open a control channel for the time of the block. Where the block is cancelled, it is closed in order, bounded.

    Raises:
        GatewayRejectedError: The gateway answered with another status than 101.
        GatewayUnreachableError: It did not answer, or with something else than a WebSocket handshake.
    """
    connection = _ControlProtocol(
        ClientProtocol(_uri(address), max_size=MAX_MESSAGE_BYTES, logger=_library_log),
        ping_interval=deadlines.ping_interval_s,
        ping_timeout=deadlines.pong_timeout_s,
        close_timeout=CLOSE_TIMEOUT_S,
        max_queue=MAX_QUEUED_FRAMES,
    )
    where = f"{address.host}:{address.port}"
    transport: asyncio.Transport | None = None
    try:
        try:
            async with asyncio.timeout(deadlines.handshake_s):
                transport, _ = await network.connect(
                    connection, address.host, address.port, is_secure=address.is_secure
                )
                await connection.handshake(list(headers), USER_AGENT)
        except InvalidStatus as error:
            response = error.response
            raise GatewayRejectedError(
                response.status_code, readable_reason(response.reason_phrase)
            ) from error
        except ConnectionClosed as error:  # before the request was even sent
            raise GatewayUnreachableError(f"{where} ended the connection before the handshake") from error
        except InvalidHandshake as error:
            raise GatewayUnreachableError(
                f"{where} did not complete the WebSocket handshake: {error}"
            ) from error
        except TimeoutError as error:
            raise GatewayUnreachableError(
                f"{where} did not complete the WebSocket handshake in time"
            ) from error
        connection.start_keepalive()
        try:
            yield ControlConnection(connection)
        except asyncio.CancelledError:
            await _say_goodbye(connection)
            raise
        await connection.close()
    finally:
        if transport is not None:
            transport.abort()


async def _say_goodbye(connection: ClientConnection) -> None:
    """Close in order, in a task that has been cancelled: the gateway then knows at once that nobody listens here."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await connection.close()


def _uri(address: WebSocketAddress) -> WebSocketURI:
    path, _, query = address.request_target.partition("?")
    return WebSocketURI(address.is_secure, address.host, address.port, path, query)


# --- data legs -------------------------------------------------------------------------------------------------------


class HandshakeProtocol(asyncio.Protocol):
    """A connection until the head of the answer to its upgrade has been read."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.received = bytearray()
        self.is_lost = False
        self.error: Exception | None = None
        self._changed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; nothing is sent yet."""
        transport = cast("asyncio.Transport", transport)  # not an isinstance: uvloop's are no subclass
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Keep what comes, and stop reading behind the head."""
        assert self.transport is not None
        self.received += data
        if self.head_length or len(self.received) > MAX_HEAD_BYTES:
            self.transport.pause_reading()
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake whoever waits for the head."""
        self.is_lost = True
        self.error = exc
        self._changed.set()

    @property
    def head_length(self) -> int:
        """Bytes up to and with the empty line; 0 while it has not come."""
        return self.received.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in self.received else 0

    async def wait_for_head(self) -> bytes | None:
        """Wait for the head and give it; None when the connection ended before, or the head is too long."""
        while not (length := self.head_length):
            if self.is_lost or len(self.received) > MAX_HEAD_BYTES:
                return None
            self._changed.clear()
            await self._changed.wait()
        return bytes(self.received[:length])


class OpenedLeg:
    """A connection that is ready to ask for its upgrade. Whoever opened it closes it.

    Args:
        protocol: Its connection.
        address: Where it leads.
        who: What the far end is called in errors.
        rejected: Raised when it answers with another status than 101.
        failed: Raised when it does not answer as a WebSocket server.
    """

    def __init__(
        self,
        protocol: HandshakeProtocol,
        address: WebSocketAddress,
        *,
        who: str = "the gateway",
        rejected: type[RejectedError] = GatewayRejectedError,
        failed: type[AgentError] = GatewayUnreachableError,
    ) -> None:
        self._protocol = protocol
        self._address = address
        self._who = who
        self._rejected = rejected
        self._failed = failed
        self._is_taken = False

    async def upgrade(
        self,
        leg: WebSocketLeg,
        request_target: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        subprotocols: Sequence[str] = (),
    ) -> str | None:
        """Ask for *request_target* and make *leg* the protocol of the connection; it has yet to be started.

        Returns:
            The sub-protocol that was chosen.

        Raises:
            RejectedError: Answered with another status; of the kind that was asked for.
            AgentError: Not answered as a WebSocket server does; of the kind that was asked for.
        """
        protocol, transport = self._protocol, self._protocol.transport
        assert transport is not None
        offered = [Subprotocol(name) for name in subprotocols] or None
        handshake = ClientProtocol(_uri(self._address), subprotocols=offered, logger=_library_log)
        request = handshake.connect()
        request.path = request_target
        for name, value in headers:
            if name.lower() == "host":
                del request.headers["Host"]
            request.headers[name] = value
        request.headers.setdefault("User-Agent", USER_AGENT)
        if protocol.received:
            raise self._failed(f"{self._who} spoke before it was asked")
        if not transport.is_closing():
            transport.write(request.serialize())
        head = await protocol.wait_for_head()
        if head is None:
            why = explain(protocol.error) if protocol.error else "the connection ended"
            raise self._failed(f"{self._who} did not answer the WebSocket upgrade: {why}")
        status = _STATUS_LINE.match(head)
        if status is None:
            raise self._failed(f"{self._who} did not answer the WebSocket upgrade with HTTP/1.1")
        if int(status[1]) != 101:
            raise self._rejected(int(status[1]), readable_reason((status[2] or b"").decode("latin-1")))
        handshake.receive_data(head)
        if handshake.handshake_exc is not None:
            raise self._failed(
                f"{self._who} answered the WebSocket upgrade wrongly: {handshake.handshake_exc}"
            )
        self._is_taken = True
        leg.take_over(transport, bytes(protocol.received[len(head) :]))
        if protocol.is_lost:
            leg.connection_lost(protocol.error)
        return handshake.subprotocol

    def close(self) -> None:
        """End the connection, unless a leg has taken it over."""
        if not self._is_taken and self._protocol.transport is not None:
            self._protocol.transport.abort()


async def open_leg(address: WebSocketAddress, network: Network) -> OpenedLeg:
    """Connect to *address*, TLS included, and ask for nothing yet. The caller sets the deadline.

    Raises:
        GatewayUnreachableError: It cannot be reached.
    """
    protocol = HandshakeProtocol()
    await network.connect(protocol, address.host, address.port, is_secure=address.is_secure)
    return OpenedLeg(protocol, address)
