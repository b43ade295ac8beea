"""The roles of Hybrid Connections for tests: a listener and a WebSocket sender, byte for byte.

They always dial the gateway under test; the address that a listener is given decides target and Host.

Source: protocol reference §3, §4, §6.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from .raw_http import HttpResponse
from .raw_stream import RawStream
from .raw_websocket import BINARY, TEXT, Frame, Handshake, RawWebSocket, frame, upgrade_headers

Headers = Collection[tuple[str, str]]


class Dial:
    """How to get to the gateway; closes in the end whatever was opened through it.

    With *tls* the connections are to the server *name*; *source* is the local address they come from.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        name: str = "",
        source: str | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self._tls = tls
        self._name = name
        self._source = source
        self._opened: list[RawStream] = []

    async def open(self) -> RawStream:
        """A connection to it."""
        stream = await RawStream.open(
            self.host, self.port, tls=self._tls, name=self._name, source=self._source
        )
        self._opened.append(stream)
        return stream

    async def close(self) -> None:
        """Drop every connection."""
        for stream in self._opened:
            await stream.close()


@dataclass(frozen=True)
class Command:
    """One JSON command of the gateway with the binary message that belongs to it."""

    name: str
    fields: dict[str, Any]
    text: str
    body: bytes | None

    @property
    def id(self) -> str:
        """Its ``id``."""
        value = self.fields["id"]
        assert isinstance(value, str)
        return value

    @property
    def address(self) -> str:
        """Its rendezvous address."""
        value = self.fields["address"]
        assert isinstance(value, str)
        return value


def response_text(request_id: str, **fields: object) -> str:
    """A ``response`` command in Java's order of fields; what is given by name replaces or adds."""
    return json.dumps({"response": {"requestId": request_id, **fields}})


class RawListener:
    """A control channel, seen from its listener."""

    def __init__(self, socket: RawWebSocket, dial: Dial) -> None:
        self.socket = socket
        self.dial = dial
        self._opened: list[RawStream] = []

    async def read_command(self) -> Command:
        """The next command, with its body when it says that there is one, and nothing between the two (§3.2)."""
        message = await self.socket.read_message()
        assert message.opcode == TEXT, message
        document = json.loads(message.text)
        assert len(document) == 1, f"a command has one key: {message.text}"
        [(name, fields)] = document.items()
        body = None
        if fields.get("body") is True:
            received = await self.socket.read_message()
            assert received.opcode == BINARY, received
            body = received.data
        return Command(name, fields, message.text, body)

    async def expect(self, name: str) -> Command:
        """The next command, which has to be *name*."""
        command = await self.read_command()
        assert command.name == name, command
        return command

    async def answer(
        self,
        request: Command,
        status: int | str = 200,
        body: bytes | None = None,
        *,
        reason: str | None = None,
        headers: dict[str, Any] | None = None,
    ) -> None:
        """Answer *request* on the control channel: text and binary in one go. *body* None: ``body: false``."""
        fields: dict[str, object] = {"body": body is not None, "statusCode": status}
        if reason is not None:
            fields["statusDescription"] = reason
        fields["responseHeaders"] = headers or {}
        sent = frame(TEXT, response_text(request.id, **fields).encode())
        await self.socket.stream.send(sent if body is None else sent + frame(BINARY, body))

    async def renew(self, token: str) -> None:
        """Send a new token."""
        await self.socket.send_text(json.dumps({"renewToken": {"token": token}}))

    async def rendezvous(self, address: str, headers: Headers = ()) -> RawWebSocket:
        """Open *address* as it is.

        Raises:
            UpgradeRefusedError: It is not answered with 101.
        """
        return await (await self.come(address, headers)).answer()

    async def come(self, address: str, headers: Headers = (), *, by: RawStream | None = None) -> Handshake:
        """Ask for *address*, without waiting for the answer; on the connection *by*, where there is one already."""
        parts = urlsplit(address)
        stream = by or await self.dial.open()
        self._opened.append(stream)
        target = address.removeprefix(f"{parts.scheme}://{parts.netloc}")
        return await Handshake.send(stream, target, upgrade_headers(parts.netloc, headers))

    async def accept(self, headers: Headers = ()) -> RawWebSocket:
        """Take the sender that is announced next."""
        return await self.rendezvous((await self.expect("accept")).address, headers)

    async def reject(
        self, address: str, status: int | str, text: str, *, prefix: str = "sb-hc-", space: str = "%20"
    ) -> HttpResponse:
        """Refuse a sender: the answer to the listener.

        Args:
            address: The rendezvous address of the ``accept``.
            status: For ``statusCode``.
            text: For ``statusDescription``.
            prefix: In front of both names: Node leaves it out.
            space: How a space is written: ``+`` by .NET and Java, ``%20`` by Node.
        """
        encoded = quote_plus(text) if space == "+" else quote(text, safe="")
        url = f"{address}&{prefix}statusCode={status}&{prefix}statusDescription={encoded}"
        return await (await self.come(url)).refusal()

    async def close(self, code: int | None = 1000, reason: str = "") -> Frame:
        """Leave with the closing handshake; afterwards the gateway has forgotten this listener."""
        return await self.socket.close(code, reason)

    async def disconnect(self) -> None:
        """Drop everything this listener has opened."""
        for stream in (self.socket.stream, *self._opened):
            await stream.close()
