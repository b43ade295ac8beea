"""Two WebSockets joined: the gateway's and a local web server's."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterator

import pytest

from agent.errors import RelayCutError
from agent.legs import join
from agent.websocket_join import JoinedLeg
from hyco.frames import Fragment, Opcode, Ping, Pong, frame
from hyco.limits import HIGH_WATER_BYTES, MAX_FRAGMENT_BYTES, READ_BUFFER_BYTES
from tests.support.leg_ends import LegEnds, ServerEnd, leg_ends
from tests.support.raw_stream import End
from tests.support.waiting import until


@dataclasses.dataclass
class Pair:
    """A joined pair, and the test at both far ends."""

    legs: tuple[JoinedLeg, JoinedLeg]
    gateway: ServerEnd
    server: ServerEnd
    relaying: asyncio.Task[None]


@pytest.fixture
async def ends() -> AsyncIterator[LegEnds]:
    async with leg_ends() as made:
        yield made


async def relay(ends: LegEnds, ping_interval_s: float = 60.0) -> Pair:
    one, gateway = await ends.connect(JoinedLeg("the gateway", ping_interval_s))
    other, server = await ends.connect(JoinedLeg("the target", ping_interval_s))
    return Pair((one, other), ServerEnd(gateway), ServerEnd(server), asyncio.create_task(join(one, other)))


@pytest.fixture
async def pair(ends: LegEnds) -> AsyncIterator[Pair]:
    made = await relay(ends)
    yield made
    made.relaying.cancel()
    await asyncio.wait({made.relaying})
    if not made.relaying.cancelled():
        made.relaying.exception()


async def test_messages_keep_their_kind_and_their_fragments(pair: Pair):
    await pair.gateway.send(Opcode.TEXT, b"te", fin=False)
    await pair.gateway.send(Opcode.CONTINUATION, b"xt")
    await pair.gateway.send(Opcode.BINARY, b"")
    assert await pair.server.read() == Fragment(Opcode.TEXT, b"te", is_first=True, is_last=False)
    assert await pair.server.read() == Fragment(Opcode.TEXT, b"xt", is_first=False, is_last=True)
    assert await pair.server.read() == Fragment(Opcode.BINARY, b"", is_first=True, is_last=True)
    await pair.server.send(Opcode.TEXT, b"back")
    assert await pair.gateway.read() == Fragment(Opcode.TEXT, b"back", is_first=True, is_last=True)


async def test_what_is_said_is_counted_without_its_frames(pair: Pair):
    counted: list[int] = []
    pair.legs[0].count = counted.append
    await pair.gateway.send(Opcode.TEXT, b"te", fin=False)
    await pair.gateway.send(Opcode.PING, b"ping")
    await pair.gateway.send(Opcode.CONTINUATION, b"x" * 100_000)
    for _ in range(2):
        await pair.server.read()
    await until(lambda: sum(counted) == 100_002, "all of it")
    assert pair.legs[0].payload_received == 100_002
    assert pair.legs[1].payload_received == 0


async def test_close_ends_one_direction_with_its_code(pair: Pair):
    await pair.gateway.send_close(4001, "my reasons")
    close = await pair.server.read_close()
    assert (close.code, close.reason) == (4001, "my reasons")
    await pair.server.send(Opcode.TEXT, b"still here")
    assert await pair.gateway.read() == Fragment(Opcode.TEXT, b"still here", is_first=True, is_last=True)
    await pair.server.send_close(1005)
    assert (await pair.gateway.read_close()).code == 1005
    pair.gateway.stream.half_close()
    pair.server.stream.half_close()
    await pair.relaying


@pytest.mark.parametrize("who", ["gateway", "server"])
@pytest.mark.parametrize("how", ["fin", "reset"])
async def test_end_without_close_is_a_cut_on_the_other_side(pair: Pair, who: str, how: str):
    gone, left = (pair.gateway, pair.server) if who == "gateway" else (pair.server, pair.gateway)
    if how == "fin":
        gone.stream.half_close()
    else:
        gone.stream.reset()
    assert await left.stream.end() is End.RESET
    with pytest.raises(RelayCutError):
        await pair.relaying


async def test_pings_belong_to_one_hop(pair: Pair):
    await pair.gateway.send(Opcode.PING, b"1")
    assert await pair.gateway.read() == Pong(b"1")
    await pair.server.send(Opcode.PONG, b"unasked")
    await pair.server.send(Opcode.TEXT, b"x")
    assert await pair.gateway.read() == Fragment(Opcode.TEXT, b"x", is_first=True, is_last=True)


async def test_pong_waits_for_the_end_of_a_frame_that_is_passing(pair: Pair):
    """A control frame inside another frame's payload would be read as payload."""
    await pair.gateway.stream.send(frame(Opcode.BINARY, b"x" * 100)[:60])
    first = await pair.server.read()
    assert isinstance(first, Fragment)
    await pair.server.send(Opcode.PING, b"now")
    await pair.server.send(Opcode.TEXT, b"seen")  # the ping before it has been seen, too
    assert isinstance(await pair.gateway.read(), Fragment)
    await pair.gateway.stream.send(b"x" * 42 + frame(Opcode.TEXT, b"next"))
    rest = first.data
    while len(rest) < 100:
        piece = await pair.server.read()
        assert isinstance(piece, Fragment)
        rest += piece.data
    assert rest == b"x" * 100
    assert await pair.server.read() == Pong(b"now")
    assert await pair.server.read() == Fragment(Opcode.TEXT, b"next", is_first=True, is_last=True)


@pytest.mark.expect_log_warnings("broke the WebSocket protocol")
async def test_broken_frame_is_told_to_who_sent_it(pair: Pair):
    await pair.server.stream.send(b"\xf2\x00")
    assert (await pair.server.read_close()).code == 1002
    assert await pair.gateway.stream.end() is End.RESET
    pair.server.stream.half_close()
    with pytest.raises(RelayCutError):
        await pair.relaying


@pytest.mark.slow
async def test_huge_frame_streams_in_pieces_and_holds_back(pair: Pair):
    pair.server.stream._reader._transport.pause_reading()  # type: ignore[attr-defined]
    data = os.urandom(24_000_000)
    pair.gateway.stream.write(frame(Opcode.BINARY, data))
    await until(lambda: pair.legs[0].is_reading_paused, "reading stops")
    transport = pair.legs[1]._transport
    assert transport is not None
    assert transport.get_write_buffer_size() <= HIGH_WATER_BYTES + 2 * READ_BUFFER_BYTES
    pair.server.stream._reader._transport.resume_reading()  # type: ignore[attr-defined]
    received = bytearray()
    while len(received) < len(data):
        piece = await pair.server.read()
        assert isinstance(piece, Fragment)
        assert len(piece.data) <= MAX_FRAGMENT_BYTES
        received += piece.data
    assert received == data


async def test_pings_go_out_on_both_and_silence_is_a_cut(ends: LegEnds):
    pair = await relay(ends, ping_interval_s=0.02)
    assert await pair.gateway.read() == Ping(b"")
    assert await pair.server.read() == Ping(b"")
    with pytest.raises(RelayCutError, match="no answer to 2 pings"):
        await pair.relaying
