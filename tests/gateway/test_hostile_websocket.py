"""Malformed WebSocket handshakes and frames at every WebSocket door, next to a bystander who must not notice (B2).

Source: reliability reference §2, row B2; RFC 6455.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.support.gateways import RunningGateway
from tests.support.raw_http import RawHttp
from tests.support.raw_relay import RawListener
from tests.support.raw_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    RawWebSocket,
    close_payload,
    frame,
    upgrade_headers,
)

RELAYED = ("sender", "rendezvous")
DOORS = (*RELAYED, "control channel", "request rendezvous")
HANDSHAKES = ("listen", "connect", "accept", "request")


@dataclass
class Bystander:
    """A relayed connection of another hybrid connection, and its listener."""

    listener: RawListener
    sender: RawWebSocket
    far: RawWebSocket

    @classmethod
    async def start(cls, relay: RunningGateway) -> Bystander:
        """Connect it."""
        await relay.create("bystander")
        listener = await relay.listen("bystander")
        return cls(listener, *await relay.pair(listener, "bystander"))

    async def check(self, relay: RunningGateway) -> None:
        """Fail if anything of it was disturbed: the old connection, or the making of a new one."""
        assert await self.far.barrier() == []
        assert await self.sender.barrier() == []
        await self.sender.send_text("still here?")
        assert (await self.far.read_message()).text == "still here?"
        near, far = await relay.pair(self.listener, "bystander")
        await far.send_binary(b"and new ones, too")
        assert (await near.read_message()).data == b"and new ones, too"


@pytest.fixture
async def bystander(relay: RunningGateway) -> Bystander:
    return await Bystander.start(relay)


class Door:
    """A way in, for one hostile peer after the other."""

    def __init__(self, relay: RunningGateway, name: str, listener: RawListener) -> None:
        self._relay = relay
        self._name = name
        self._listener = listener

    @classmethod
    async def find(cls, relay: RunningGateway, name: str) -> Door:
        """The door *name* of the hybrid connection ``open``."""
        return cls(relay, name, await relay.listen("open"))

    async def enter(self) -> RawWebSocket:
        """A WebSocket that has come in here."""
        if self._name == "control channel":
            return (await self._relay.listen("hc")).socket
        if self._name == "request rendezvous":
            await (await self._relay.http()).send("GET", "/open")
            return await self._listener.rendezvous((await self._listener.expect("request")).address)
        waiting = await self._relay.connecting("open", token=None)
        far = await self._listener.accept()
        sender = await waiting.answer()
        return sender if self._name == "sender" else far


# --- frames --------------------------------------------------------------------------------------------------------------

#: What is sent, and the codes that may come back.
BREACHES: dict[str, tuple[bytes, set[int]]] = {
    **{f"reserved bits {rsv} in text": (frame(TEXT, b"x", rsv=rsv), {1002}) for rsv in (1, 2, 3, 4, 7)},
    **{f"reserved bits {rsv} in a ping": (frame(PING, b"x", rsv=rsv), {1002}) for rsv in (1, 4)},
    "reserved bits in a close": (frame(CLOSE, close_payload(1000), rsv=2), {1002}),
    "reserved bits in a continuation": (
        frame(TEXT, b"x", fin=False) + frame(CONTINUATION, b"x", rsv=4),
        {1002},
    ),
    **{f"opcode {opcode:x}": (frame(opcode, b"x"), {1002}) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "unmasked text": (frame(TEXT, b"{}", mask=None), {1002}),
    "unmasked ping": (frame(PING, b"x", mask=None), {1002}),
    "unmasked close": (frame(CLOSE, close_payload(1000), mask=None), {1002}),
    "unmasked empty": (frame(BINARY, b"", mask=None), {1002}),
    "unmasked after a masked one": (
        frame(PING, b"x") + frame(TEXT, b"{}", fin=False) + frame(CONTINUATION, b"", mask=None),
        {1002},
    ),
    "ping of 126 bytes": (frame(PING, b"x" * 126), {1002}),
    "pong of 65536 bytes": (frame(PONG, b"x" * 65_536), {1002}),
    "close of 126 bytes": (frame(CLOSE, close_payload(1000, "x" * 124)), {1002}),
    "ping with a two byte length": (frame(PING, b"x", length_bytes=2), {1002}),
    "ping in fragments": (frame(PING, b"x", fin=False) + frame(CONTINUATION, b"y"), {1002}),
    "close in fragments": (frame(CLOSE, close_payload(1000), fin=False), {1002}),
    "continuation of nothing": (frame(CONTINUATION, b"x"), {1002}),
    "last continuation of nothing": (frame(CONTINUATION, b"", fin=True), {1002}),
    "text inside text": (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), {1002}),
    "binary inside text": (frame(TEXT, b"x", fin=False) + frame(BINARY, b"y", fin=False), {1002}),
    "length of 2^63": (frame(BINARY, b"", length=1 << 63, length_bytes=8), {1002, 1009}),
    "length of 2^64-1": (frame(BINARY, b"", length=(1 << 64) - 1, length_bytes=8), {1002, 1009}),
    "length 5 in two bytes": (frame(TEXT, b"{}   ", length_bytes=2), {1002}),
    "length 5 in eight bytes": (frame(TEXT, b"{}   ", length_bytes=8), {1002}),
    "length 126 in eight bytes": (frame(TEXT, b" " * 126, length_bytes=8), {1002}),
    **{
        f"close code {code}": (frame(CLOSE, close_payload(code)), {1002})
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535)
    },
    "close of one byte": (frame(CLOSE, b"\x03"), {1002}),
    "close with half a character": (frame(CLOSE, b"\x03\xe8\xc3"), {1002, 1007}),
    "close with a surrogate": (frame(CLOSE, b"\x03\xe8\xed\xa0\x80"), {1002, 1007}),
    "HTTP instead of frames": (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", {1002}),
    "zeros": (bytes(100), {1002}),
    "all bits set": (b"\xff" * 100, {1002}),
}


@pytest.mark.parametrize("door", DOORS)
async def test_a_breach_ends_its_own_connection_with_its_code_and_nobody_else_notices(
    relay: RunningGateway, bystander: Bystander, subtests: pytest.Subtests, door: str
):
    way_in = await Door.find(relay, door)
    for breach, (sent, codes) in BREACHES.items():
        with subtests.test(breach):
            socket = await way_in.enter()
            await socket.stream.send(sent)
            closed = await socket.read_until_close()
            assert closed.code in codes, closed
            assert not closed.is_masked
            assert len(closed.payload) <= 125
            await socket.end()
            await bystander.check(relay)


@pytest.mark.parametrize("door", ["control channel", "request rendezvous"])
@pytest.mark.parametrize(
    ("sent", "codes"),
    [
        (frame(TEXT, b"\xff\xfe"), {1007}),
        (frame(TEXT, b'{"a": "\xed\xa0\x80"}'), {1007}),
        (frame(TEXT, b"\xc3", fin=False) + frame(CONTINUATION, b""), {1007}),
        (frame(TEXT, b" " * 70_000), {1009}),
        (frame(TEXT, b" " * 40_000, fin=False) + frame(CONTINUATION, b" " * 40_000), {1009}),
        (frame(TEXT, b"x", length=1 << 40)[:-1] + b" " * 200_000, {1009}),
        (b"".join(frame(TEXT if n == 0 else CONTINUATION, b"  ", fin=False) for n in range(40_000)), {1009}),
    ],
    ids=[
        "text that is not UTF-8",
        "text with a surrogate",
        "text with half a character",
        "text too long",
        "text too long in two",
        "text of a terabyte",
        "text in 40000 pieces",
    ],
)
async def test_texts_that_the_gateway_reads_are_bounded_and_utf_8(
    relay: RunningGateway, bystander: Bystander, door: str, sent: bytes, codes: set[int]
):
    socket = await (await Door.find(relay, door)).enter()
    await socket.stream.send(sent)
    assert (await socket.read_until_close()).code in codes
    await socket.end()
    await bystander.check(relay)


async def test_a_binary_message_nobody_announced_is_not_collected(
    relay: RunningGateway, bystander: Bystander
):
    socket = await (await Door.find(relay, "control channel")).enter()
    for number in range(64):
        socket.stream.write(frame(CONTINUATION if number else BINARY, bytes(1 << 20), fin=False))
    assert (await socket.read_until_close()).code in (1002, 1009)
    await socket.end()
    await bystander.check(relay)


@pytest.mark.parametrize("door", DOORS)
async def test_a_frame_that_stops_in_the_middle_harms_nobody(
    relay: RunningGateway, bystander: Bystander, door: str
):
    whole = frame(TEXT, b"x" * 300)
    way_in = await Door.find(relay, door)
    for size in range(1, 12):
        socket = await way_in.enter()
        await socket.stream.send(whole[:size])
        await bystander.check(relay)
        socket.stream.reset()


@pytest.mark.parametrize("door", DOORS)
async def test_frames_that_arrive_byte_by_byte_are_whole(
    relay: RunningGateway, bystander: Bystander, door: str
):
    socket = await (await Door.find(relay, door)).enter()
    for byte in frame(PING, b"slowly"):
        await socket.stream.send(bytes([byte]))
        assert (await relay.ask("GET", "/hc")).status == 401
    answer = await socket.read_frame()
    assert (answer.opcode, answer.payload) == (PONG, b"slowly")


@pytest.mark.parametrize("door", DOORS)
async def test_random_frames_harm_nobody(relay: RunningGateway, bystander: Bystander, door: str):
    chance = random.Random(f"frames at the {door}")
    way_in = await Door.find(relay, door)
    for _ in range(100):
        socket = await way_in.enter()
        for _ in range(chance.randrange(1, 6)):
            payload = chance.randbytes(chance.choice((0, 1, 2, 125, 126, 300, 70_000)))
            opcode = chance.choice((0, 1, 2, 8, 9, 10, chance.randrange(16)))
            mask = chance.choice((b"\1\2\3\4", b"\0\0\0\0", b"\1\2\3\4", None))
            rsv = chance.choice((0, 0, 0, chance.randrange(8)))
            sent = frame(opcode, payload, fin=chance.random() < 0.7, rsv=rsv, mask=mask)
            await socket.stream.send(
                sent if chance.random() < 0.9 else sent[: chance.randrange(len(sent) + 1)]
            )
        assert (await relay.ask("GET", "/hc")).status == 401  # the gateway has seen all of it
        socket.stream.reset()
    await bystander.check(relay)


@pytest.mark.parametrize("door", DOORS)
async def test_random_bytes_harm_nobody(relay: RunningGateway, bystander: Bystander, door: str):
    chance = random.Random(f"bytes at the {door}")
    way_in = await Door.find(relay, door)
    for _ in range(50):
        socket = await way_in.enter()
        await socket.stream.send(chance.randbytes(chance.randrange(1, 5_000)))
        assert (await relay.ask("GET", "/hc")).status == 401
        socket.stream.reset()
    await bystander.check(relay)


# --- handshakes ------------------------------------------------------------------------------------------------------------


def _without(name: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: [line for line in lines if not line.lower().startswith(f"{name}:")]


def _with(name: str, *values: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: [*_without(name.lower())(lines), *(f"{name}: {value}" for value in values)]


def _line(old: str, new: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: [lines[0].replace(old, new), *lines[1:]]


KEY = "dGhlIHNhbXBsZSBub25jZQ=="

#: What is done to a good handshake, as lines; each of these must not get a 101.
SPOILED: dict[str, Callable[[list[str]], list[str]]] = {
    "no Upgrade": _without("upgrade"),
    "Upgrade to h2c": _with("Upgrade", "h2c"),
    "empty Upgrade": _with("Upgrade", ""),
    "no Connection": _without("connection"),
    "Connection: close": _with("Connection", "close"),
    "Connection without upgrade": _with("Connection", "keep-alive"),
    "no key": _without("sec-websocket-key"),
    "empty key": _with("Sec-WebSocket-Key", ""),
    "key of 15 bytes": _with("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAA"),
    "key of 17 bytes": _with("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAAA="),
    "key that is no base64": _with("Sec-WebSocket-Key", "!" * 24),
    "key with a space": _with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub2 5jZQ=="),
    "two keys": _with("Sec-WebSocket-Key", KEY, KEY),
    "no version": _without("sec-websocket-version"),
    "version 0": _with("Sec-WebSocket-Version", "0"),
    "version 8": _with("Sec-WebSocket-Version", "8"),
    "version 14": _with("Sec-WebSocket-Version", "14"),
    "version that is no number": _with("Sec-WebSocket-Version", "thirteen"),
    "two versions": _with("Sec-WebSocket-Version", "13", "8"),
    "POST": _line("GET ", "POST "),
    "HEAD": _line("GET ", "HEAD "),
    "OPTIONS": _line("GET ", "OPTIONS "),
    "lower-case method": _line("GET ", "get "),
    "unknown method": _line("GET ", "UPGRADE "),
    "HTTP/1.0": _line("HTTP/1.1", "HTTP/1.0"),
    "HTTP/0.9": _line(" HTTP/1.1", ""),
    "HTTP/2.0": _line("HTTP/1.1", "HTTP/2.0"),
    "HTTP/1.2": _line("HTTP/1.1", "HTTP/1.2"),
    "HTTP/11.1": _line("HTTP/1.1", "HTTP/11.1"),
    "no Host": _without("host"),
    "two Hosts": _with("Host", "a", "b"),
    "a body": _with("Content-Length", "5"),
    "a chunked body": _with("Transfer-Encoding", "chunked"),
    "two lengths": _with("Content-Length", "0", "5"),
    "space before the colon": lambda lines: [*lines, "X-A : b"],
    "no colon": lambda lines: [*lines, "X-A"],
    "empty name": lambda lines: [*lines, ": b"],
    "folded line": lambda lines: [*lines, "X-A: b", " folded"],
    "NUL in a value": lambda lines: [*lines, "X-A: b\0c"],
    "NUL in a name": lambda lines: [*lines, "X\0A: b"],
    "carriage return in a value": lambda lines: [*lines, "X-A: b\rc"],
    "escape in a name": lambda lines: [*lines, "X\x1b[31m: b"],
    "too many headers": lambda lines: [*lines, *(f"X-{number}: {'v' * 90}" for number in range(500))],
    "one long header": lambda lines: [*lines, "X-A: " + "v" * 40_000],
    "space in the target": _line("/open", "/op en"),
    "NUL in the target": _line("/open", "/op\0en"),
    "encoded NUL in the path": _line("/open", "/open/%00"),
    "bad escape in the path": _line("/open", "/open/%zz"),
    "not UTF-8 in the path": _line("/open", "/open/%ff%fe"),
    "dots in the path": _line("/open", "/hc/../open"),
    "encoded dots in the path": _line("/open", "/hc/%2e%2e/open"),
    "backslash in the path": _line("/open", "/hc\\..\\open"),
    "absolute target": _line("/$hc", "http://evil.example/$hc"),
    "target without a slash": _line("/$hc", "$hc"),
    "long target": _line("/open?", "/open/" + "a" * 20_000 + "?"),
    "unknown action": _line("sb-hc-action=", "sb-hc-action=x"),
}


async def good_handshake(relay: RunningGateway, action: str, listener: RawListener) -> list[str]:
    """The lines of a handshake that would get its 101 from the door *action*; *listener* is the one of ``open``."""
    if action in ("listen", "connect"):
        target = f"/$hc/open?sb-hc-action={action}"
    else:
        if action == "accept":
            await relay.connecting("open", token=None)
        else:
            await (await relay.http()).send("GET", "/open")
        target = (await listener.read_command()).address.removeprefix(f"ws://{relay.host}")
    headers = upgrade_headers(relay.host, [("ServiceBusAuthorization", relay.token("open"))])
    return [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]


async def speak(relay: RunningGateway, lines: list[str]) -> RawHttp:
    http = await relay.http()
    await http.stream.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    return http


@pytest.mark.parametrize("action", HANDSHAKES)
async def test_the_handshake_that_the_others_are_made_of_is_good(relay: RunningGateway, action: str):
    listener = await relay.listen("open")
    http = await speak(relay, await good_handshake(relay, action, listener))
    if action == "connect":
        await listener.accept()
    assert (await http.read_head()).status == 101


@pytest.mark.parametrize("action", HANDSHAKES)
async def test_a_spoiled_handshake_is_refused_and_nobody_else_notices(
    relay: RunningGateway, bystander: Bystander, subtests: pytest.Subtests, action: str
):
    for fault, spoil in SPOILED.items():
        with subtests.test(fault):
            listener = await relay.listen("open")
            http = await speak(relay, spoil(await good_handshake(relay, action, listener)))
            try:
                response = await http.read_response("HEAD" if fault == "HEAD" else "GET")
            except EOFError:
                pass  # closed without an answer
            else:
                assert 400 <= response.status < 600, response.line
                assert "SharedAccessSignature" not in response.line
            await bystander.check(relay)
            await listener.close()


@pytest.mark.parametrize(
    "change",
    [
        _with("Upgrade", "WebSocket"),
        _with("Upgrade", "h2c, websocket"),
        _with("Connection", "keep-alive, Upgrade"),
        _with("Connection", "UPGRADE"),
        _with("connection", "keep-alive", "upgrade"),
        _with("SEC-WEBSOCKET-KEY", KEY),
        _with(
            "Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"
        ),
        _with("Content-Length", "0"),
        _with("Origin", "https://evil.example"),
    ],
)
async def test_an_unusual_but_right_handshake_is_taken(
    relay: RunningGateway, change: Callable[[list[str]], list[str]]
):
    lines = await good_handshake(relay, "listen", await relay.listen("open"))
    assert (await (await speak(relay, change(lines))).read_head()).status == 101


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x05\x01\x00",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"\0" * 1_000,
        b"\xff" * 1_000,
        b"A" * 100_000,
        b"\r\n" * 50_000,
        b"GET",
        b"GET /open\r\n\r\n",
        b" GET /open HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /öpen HTTP/1.1\r\nHost: h\r\n\r\n".encode(),
    ],
)
async def test_other_protocols_get_an_answer_or_the_end(
    relay: RunningGateway, bystander: Bystander, sent: bytes
):
    http = await relay.http()
    await http.stream.send(sent)
    http.stream.half_close()
    answer, _ = await http.stream.read_to_end()
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")), answer[:100]
    await bystander.check(relay)


async def test_random_handshakes_harm_nobody(relay: RunningGateway, bystander: Bystander):
    """Good ones in which a few bytes were changed, doubled or lost."""
    chance = random.Random("handshakes")
    lines = await good_handshake(relay, "listen", await relay.listen("open"))
    good = ("\r\n".join(lines) + "\r\n\r\n").encode()
    for _ in range(200):
        spoiled = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(spoiled))
            match chance.randrange(3):
                case 0:
                    spoiled[place] = chance.randrange(256)
                case 1:
                    del spoiled[place : place + chance.randrange(1, 20)]
                case _:
                    spoiled[place:place] = spoiled[place : place + chance.randrange(1, 20)]
        http = await relay.http()
        await http.stream.send(bytes(spoiled))
        http.stream.half_close()
        answer, _ = await http.stream.read_to_end()
        assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    await bystander.check(relay)


# --- bytes behind a handshake that is not answered yet -----------------------------------------------------------------------


async def test_what_a_sender_says_before_its_101_is_not_passed_on_before_it(relay: RunningGateway):
    """A client of RFC 6455 waits. One that does not gets its bytes through after the 101, or none."""
    listener = await relay.listen("open")
    waiting = await relay.connecting("open", token=None)
    await waiting.stream.send(frame(TEXT, b"too early"))
    accept = await listener.expect("accept")
    assert "too early" not in accept.text
    far = await listener.rendezvous(accept.address)
    sender = await waiting.answer()
    assert (await far.read_message()).text == "too early"
    await sender.send_text("in time")
    assert (await far.read_message()).text == "in time"


async def test_what_is_said_behind_a_refused_handshake_is_not_a_request(relay: RunningGateway):
    listener = await relay.listen("open")
    lines = await good_handshake(relay, "connect", listener)
    refused = _line("/open", "/nowhere")(lines)
    smuggled = ["GET /open/smuggled HTTP/1.1", f"Host: {relay.host}"]
    http = await relay.http()
    await http.stream.send(("\r\n".join([*refused, "", *smuggled]) + "\r\n\r\n").encode())
    assert (await http.read_response()).status == 401
    rest, _ = await http.stream.read_to_end()
    assert b"200" not in rest
    await listener.close()


async def test_a_sender_that_floods_before_its_101_is_held_back(relay: RunningGateway, bystander: Bystander):
    await relay.listen("open")
    waiting = await relay.connecting("open", token=None)
    waiting.stream.write(frame(BINARY, bytes(64 << 20)))
    for _ in range(20):
        await bystander.check(relay)
    assert waiting.stream.unsent_bytes > 40 << 20
    waiting.stream.reset()


async def test_a_listener_that_is_taken_apart_by_resets_leaves_no_task_behind(relay: RunningGateway):
    """The fixtures fail a test that leaves a task; here every connection ends in the middle of something."""
    listener = await relay.listen("open")
    for _ in range(20):
        waiting = await relay.connecting("open", token=None)
        address = (await listener.expect("accept")).address
        coming = await listener.come(address)
        waiting.stream.reset()
        coming.stream.reset()
    async with asyncio.timeout(5):
        assert (await relay.ask("GET", "/hc")).status == 401
