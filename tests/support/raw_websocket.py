"""A WebSocket peer for tests: frames written and read one by one, with nothing from `hyco.frames`.

It sends any frame, also wrong ones, and shows every frame that arrives with all its bits. Nothing is answered by itself
but by `read_message`, which answers pings as every client does.

Source: RFC 6455 sections 4 and 5.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from .raw_http import HttpResponse, RawHttp, request_head
from .raw_stream import End, RawStream

Headers = Collection[tuple[str, str]]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

#: Not random, so that what goes over the wire is the same in every run; not zero, so that masking shows.
MASK = b"\x37\xfa\x21\x3d"


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = MASK,
    length: int | None = None,
    length_bytes: int | None = None,
) -> bytes:
    """A frame as a client sends it.

    Args:
        opcode: Any from 0 to 15.
        payload: Before masking.
        fin: The FIN bit.
        rsv: The three reserved bits: 4, 2, 1.
        mask: Four bytes; None for an unmasked frame.
        length: What the header says, if not the truth.
        length_bytes: 0, 2 or 8: where the length is written, if not in the shortest form.
    """
    said = len(payload) if length is None else length
    if length_bytes is None:
        length_bytes = 0 if said < 126 else 2 if said < 65_536 else 8
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    masked = 0x80 if mask is not None else 0
    if length_bytes == 0:
        head += bytes([masked | said])
    elif length_bytes == 2:
        head += bytes([masked | 126]) + said.to_bytes(2, "big")
    else:
        head += bytes([masked | 127]) + said.to_bytes(8, "big")
    return head + (mask + apply_mask(payload, mask) if mask is not None else payload)


def apply_mask(data: bytes, mask: bytes) -> bytes:
    """Mask or unmask: RFC 6455 section 5.3."""
    repeated = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(data), "big")


def close_payload(code: int | None, reason: str = "") -> bytes:
    """What a Close frame carries; nothing for no code."""
    return b"" if code is None else code.to_bytes(2, "big") + reason.encode()


def accept_key(key: str) -> str:
    """The answer to a Sec-WebSocket-Key: RFC 6455 section 4.2.2."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()


@dataclass(frozen=True)
class Frame:
    """A frame as it arrived."""

    fin: bool
    rsv: int
    opcode: int
    is_masked: bool
    payload: bytes

    @property
    def code(self) -> int | None:
        """The code of a Close frame; None for an empty one."""
        assert self.opcode == CLOSE, self
        return int.from_bytes(self.payload[:2], "big") if self.payload else None

    @property
    def reason(self) -> str:
        """The reason of a Close frame."""
        assert self.opcode == CLOSE, self
        return self.payload[2:].decode()


@dataclass(frozen=True)
class Message:
    """A whole message, with the sizes of the frames it came in."""

    opcode: int
    data: bytes
    frame_sizes: tuple[int, ...]

    @property
    def text(self) -> str:
        """The text of a text message."""
        assert self.opcode == TEXT, self
        return self.data.decode()


class UpgradeRefusedError(Exception):
    """The handshake was answered with something else than 101."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__(response.line)
        self.response = response


class Handshake:
    """An upgrade that was asked for and is not answered yet."""

    def __init__(self, stream: RawStream, key: str) -> None:
        self.stream = stream
        self._key = key
        self._http = RawHttp(stream, "")

    @classmethod
    async def send(cls, stream: RawStream, target: str, headers: Headers) -> Self:
        """Ask for it; *headers* are all of the request's."""
        keys = [value for name, value in headers if name.lower() == "sec-websocket-key"]
        await stream.send(request_head("GET", target, headers))
        return cls(stream, keys[0] if keys else "")

    async def answer(self) -> RawWebSocket:
        """The 101, checked as the strictest client, .NET, does (protocol reference §3.1).

        Raises:
            UpgradeRefusedError: It is something else.
            EOFError: The connection ended without an answer.
        """
        response = await self._http.read_head()
        if response.status != 101:
            await self._http.read_body(response)
            raise UpgradeRefusedError(response)
        assert response.line.startswith("HTTP/1.1 101 "), response.line
        assert response.values("upgrade") == ["websocket"], response.headers
        # without regard to case, as .NET compares: nginx writes its own
        assert [value.lower() for value in response.values("connection")] == ["upgrade"], response.headers
        assert response.values("sec-websocket-accept") == [accept_key(self._key)], response.headers
        return RawWebSocket(self.stream, response)

    async def refusal(self) -> HttpResponse:
        """The answer, which has to be anything but 101."""
        try:
            await self.answer()
        except UpgradeRefusedError as refused:
            return refused.response
        raise AssertionError("the handshake was answered with 101")


class RawWebSocket:
    """A WebSocket after its 101, seen from the client's side."""

    def __init__(self, stream: RawStream, response: HttpResponse) -> None:
        self.stream = stream
        self.response = response

    @property
    def subprotocol(self) -> str | None:
        """What the gateway named as the chosen sub-protocol."""
        return self.response.header("sec-websocket-protocol")

    # Writing

    async def send_frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True) -> None:
        """Send one frame that is right in all but perhaps its place."""
        await self.stream.send(frame(opcode, payload, fin=fin))

    async def send_text(self, text: str) -> None:
        """Send a text message in one frame."""
        await self.send_frame(TEXT, text.encode())

    async def send_binary(self, data: bytes) -> None:
        """Send a binary message in one frame."""
        await self.send_frame(BINARY, data)

    async def send_close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a Close frame and leave the connection open."""
        await self.send_frame(CLOSE, close_payload(code, reason))

    # Reading

    async def read_frame(self) -> Frame:
        """The next frame, whatever it is.

        Raises:
            asyncio.IncompleteReadError: The connection ended.
            ConnectionResetError: It was reset.
        """
        first, second = await self.stream.read_exactly(2)
        length = second & 0x7F
        if length == 126:
            length = int.from_bytes(await self.stream.read_exactly(2), "big")
            assert length > 125, "a length in more bytes than it needs"
        elif length == 127:
            length = int.from_bytes(await self.stream.read_exactly(8), "big")
            assert length > 65_535, "a length in more bytes than it needs"
        mask = await self.stream.read_exactly(4) if second & 0x80 else None
        payload = await self.stream.read_exactly(length)
        if mask is not None:
            payload = apply_mask(payload, mask)
        return Frame(
            fin=bool(first & 0x80),
            rsv=first >> 4 & 0x7,
            opcode=first & 0xF,
            is_masked=mask is not None,
            payload=payload,
        )

    async def read_frame_but_pings(self) -> Frame:
        """The next frame that is no ping or pong; pings are answered."""
        while True:
            received = await self.read_frame()
            if received.opcode == PING:
                await self.send_frame(PONG, received.payload)
            elif received.opcode != PONG:
                return received

    async def read_message(self) -> Message:
        """The next whole message. Pings are answered and pongs skipped, between its frames as well.

        Raises:
            AssertionError: A Close frame, or a frame that is out of place, came instead.
        """
        pieces: list[bytes] = []
        opcode = CONTINUATION
        while True:
            received = await self.read_frame_but_pings()
            assert received.rsv == 0, received
            assert not received.is_masked, "a server's frames are not masked"
            if pieces:
                assert received.opcode == CONTINUATION, received
            else:
                assert received.opcode in (TEXT, BINARY), received
                opcode = received.opcode
            pieces.append(received.payload)
            if received.fin:
                return Message(opcode, b"".join(pieces), tuple(map(len, pieces)))

    async def read_close(self) -> Frame:
        """The Close frame, which has to be the next one."""
        received = await self.read_frame_but_pings()
        assert received.opcode == CLOSE, received
        return received

    async def read_until_close(self) -> Frame:
        """The Close frame, after whatever comes before it."""
        while (received := await self.read_frame_but_pings()).opcode != CLOSE:
            pass
        return received

    async def end(self) -> End:
        """How the connection ended, with nothing but pings and pongs before that: no Close, no data."""
        try:
            received = await self.read_frame_but_pings()
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise AssertionError(f"the connection ended inside a frame: {error.partial!r}") from error
            return End.FIN
        except ConnectionResetError:
            return End.RESET
        raise AssertionError(f"expected the end of the connection, got {received}")

    async def close(self, code: int | None = 1000, reason: str = "") -> Frame:
        """The whole closing handshake, begun here: returns the peer's Close when its TCP has ended too."""
        await self.send_close(code, reason)
        answer = await self.read_until_close()
        assert await self.end() is End.FIN
        return answer

    async def barrier(self) -> list[Frame]:
        """Wait until the peer has handled everything sent so far: a ping of our own is answered in order.

        Returns:
            The data frames that came before that.

        Raises:
            AssertionError: A Close frame came before that.
        """
        nonce = os.urandom(8)
        await self.send_frame(PING, nonce)
        data = []
        while True:
            received = await self.read_frame()
            if received.opcode == PING:
                await self.send_frame(PONG, received.payload)
            elif received.opcode != PONG:
                assert received.opcode != CLOSE, received
                data.append(received)
            elif received.payload == nonce:
                return data


def upgrade_headers(host: str, extra: Headers = ()) -> list[tuple[str, str]]:
    """The headers of a handshake with a fresh key, as SDKs send them; *extra* come behind."""
    return [
        ("Host", host),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", base64.b64encode(os.urandom(16)).decode()),
        ("Sec-WebSocket-Version", "13"),
        *extra,
    ]
