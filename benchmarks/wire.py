"""The load generator's side of the wire: plain blocking sockets, requests and frames made beforehand.

Nothing here waits on an event loop or takes a message apart that it does not need: the generator must not be what is
measured. Frames are taken apart only to learn where a rendezvous is, and to see that a relay really relays.
"""

from __future__ import annotations

import json
import random
import socket
import ssl
import uuid
from typing import Any, Protocol, cast

from hyco.frames import Close, Fragment, FrameReader, Opcode, Ping, frame

from .processes import BenchmarkError

HOST = "127.0.0.1"
#: Nothing that is measured waits so long; a relay that does not answer must not stop the whole run.
TIMEOUT_S = 20.0
#: Every frame's mask. Any but zero costs a relay the same.
MASK = b"\x9c\x35\xe1\x7a"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # of RFC 6455; a relay has no use for another one each time

_READ_BYTES = 65_536


def upgrade_request(host: str, target: str, token: str | None) -> bytes:
    """A WebSocket handshake for *target*, with *token* as Microsoft's SDKs send it."""
    authorization = "" if token is None else f"ServiceBusAuthorization: {token}\r\n"
    return (
        f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{authorization}\r\n"
    ).encode()


def target_of(url: str) -> str:
    """The path and query of a rendezvous address."""
    return "/" + url.split("://", 1)[1].split("/", 1)[1]


class Dial:
    """How to connect to one relay."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.port = port
        self.context = context
        self.host = f"{HOST}:{port}"

    def open(self) -> socket.socket:
        """A connected socket, over TLS where the relay wants it."""
        sock = socket.create_connection((HOST, self.port), TIMEOUT_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock if self.context is None else self.context.wrap_socket(sock, server_hostname="localhost")


class WebSocket:
    """A WebSocket on a blocking socket, with what came behind its 101."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.early = b""

    def read_answer(self) -> None:
        """Wait for the 101.

        Raises:
            BenchmarkError: Another answer came, or none.
        """
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.sock.recv(_READ_BYTES)
            if not piece:
                raise BenchmarkError(f"the relay ended the handshake: {data!r}")
            data += piece
        head, _, self.early = data.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101 "):
            raise BenchmarkError(f"the relay refused the handshake: {data!r}")

    def read(self) -> bytes:
        """What arrived: at least one byte, but at the end."""
        if self.early:
            data, self.early = self.early, b""
            return data
        return self.sock.recv(_READ_BYTES)


class ControlChannel:
    """What a listener is told, taken from the bytes of its control channel."""

    def __init__(self) -> None:
        self._reader = FrameReader(is_masked=False)
        self._text = bytearray()

    def feed(self, data: bytes) -> tuple[list[dict[str, Any]], bytes]:
        """The messages in *data*, and the pongs that are owed."""
        messages: list[dict[str, Any]] = []
        owed = b""
        for event in self._reader.feed(data):
            if isinstance(event, Fragment) and event.opcode is Opcode.TEXT:
                self._text += event.data
                if event.is_last:
                    messages.append(json.loads(self._text))
                    self._text.clear()
            elif isinstance(event, Ping):
                owed += frame(Opcode.PONG, event.payload, mask=MASK)
            elif isinstance(event, Close):
                raise BenchmarkError(f"the relay closed the control channel: {event.code} {event.reason}")
        return messages, owed


class Meeting(Protocol):
    """A way to get relayed connections."""

    def pair(self) -> tuple[WebSocket, WebSocket]:
        """A sender's end and a listener's."""

    def close(self) -> None:
        """Leave. The pairs live on, or not, as the relay sees fit."""


class RelayMeeting:
    """Pairs as the protocol makes them: a listener with a control channel, and senders."""

    def __init__(self, dial: Dial, name: str, token: str) -> None:
        self._dial = dial
        self._name = name
        self._token = token
        self._told: list[dict[str, Any]] = []
        self._channel = ControlChannel()
        self._control = self._ask(f"/$hc/{name}?sb-hc-action=listen&sb-hc-id={uuid.uuid4()}", token)
        self._control.read_answer()

    def _ask(self, target: str, token: str | None) -> WebSocket:
        websocket = WebSocket(self._dial.open())
        websocket.sock.sendall(upgrade_request(self._dial.host, target, token))
        return websocket

    def _next_accept(self) -> str:
        while not self._told:
            data = self._control.read()
            if not data:
                raise BenchmarkError("the relay ended the control channel")
            told, owed = self._channel.feed(data)
            self._told += told
            if owed:
                self._control.sock.sendall(owed)
        return cast("str", self._told.pop(0)["accept"]["address"])

    def pair(self) -> tuple[WebSocket, WebSocket]:
        """A relayed connection."""
        sender = self._ask(f"/$hc/{self._name}?sb-hc-action=connect&sb-hc-id={uuid.uuid4()}", self._token)
        listener = self._ask(target_of(self._next_accept()), None)
        listener.read_answer()
        sender.read_answer()
        return sender, listener

    def close(self) -> None:
        """End the control channel."""
        self._control.sock.close()


class ForwarderMeeting:
    """Pairs as the C forwarder makes them: of two connections with the same target."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dial

    def pair(self) -> tuple[WebSocket, WebSocket]:
        """Two connections that it joined."""
        request = upgrade_request(self._dial.host, f"/{uuid.uuid4()}", None)
        ends = WebSocket(self._dial.open()), WebSocket(self._dial.open())
        for end in ends:
            end.sock.sendall(request)
        for end in ends:
            end.read_answer()
        return ends

    def close(self) -> None:
        """Nothing is open."""


def check_relays(meeting: Meeting, *, seed: int) -> None:
    """See that frames of many sizes arrive whole and unchanged, in both directions of a new pair.

    Raises:
        BenchmarkError: They do not.
    """
    chance = random.Random(seed)
    ends = meeting.pair()
    payloads = [chance.randbytes(size) for size in (0, 1, 125, 126, 1_000, 65_535, 65_536, 200_001)]
    for source, sink in (ends, ends[::-1]):
        reader = FrameReader(is_masked=False)
        for payload in payloads:
            source.sock.sendall(frame(Opcode.BINARY, payload, mask=chance.randbytes(4)))
            got = bytearray()
            is_whole = False
            while not is_whole:
                data = sink.read()
                if not data:
                    raise BenchmarkError("the relay ended a connection it should relay")
                for event in reader.feed(data):
                    if isinstance(event, Fragment):
                        got += event.data
                        is_whole = event.is_last
            if got != payload:
                raise BenchmarkError(f"a relayed frame of {len(payload)} bytes came out changed")
    for end in ends:
        end.sock.close()
