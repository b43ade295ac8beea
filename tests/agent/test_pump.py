"""Bytes between TCP and a relayed WebSocket, over sockets."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterator

import pytest

from agent.errors import RelayCutError
from agent.legs import join
from agent.pump import StreamLeg, TcpLeg
from hyco.frames import Fragment, Opcode, Ping, Pong, frame
from hyco.limits import HIGH_WATER_BYTES, READ_BUFFER_BYTES
from tests.support.leg_ends import LegEnds, ServerEnd, leg_ends
from tests.support.raw_stream import End, RawStream
from tests.support.waiting import until


@dataclasses.dataclass
class Pair:
    """A joined pair, and the test at both far ends."""

    tcp: TcpLeg
    websocket: StreamLeg
    program: RawStream
    gateway: ServerEnd
    relaying: asyncio.Task[None]


@pytest.fixture
async def ends() -> AsyncIterator[LegEnds]:
    async with leg_ends() as made:
        yield made


async def relay(ends: LegEnds, ping_interval_s: float = 60.0) -> Pair:
    tcp, program = await ends.connect(TcpLeg("the program"))
    websocket, gateway = await ends.connect(StreamLeg("the gateway", ping_interval_s))
    relaying = asyncio.create_task(join(tcp, websocket))
    return Pair(tcp, websocket, program, ServerEnd(gateway), relaying)


@pytest.fixture
async def pair(ends: LegEnds) -> AsyncIterator[Pair]:
    made = await relay(ends)
    yield made
    made.relaying.cancel()
    await asyncio.wait({made.relaying})
    if not made.relaying.cancelled():
        made.relaying.exception()


async def test_one_read_becomes_one_binary_frame(pair: Pair):
    await pair.program.send(b"hello")
    assert await pair.gateway.read() == Fragment(Opcode.BINARY, b"hello", is_first=True, is_last=True)


async def test_frames_of_any_kind_become_bytes(pair: Pair):
    await pair.gateway.stream.send(
        frame(Opcode.TEXT, b"a")
        + frame(Opcode.BINARY, b"b", fin=False)
        + frame(Opcode.PING, b"?")
        + frame(Opcode.CONTINUATION, b"", fin=False)
        + frame(Opcode.CONTINUATION, b"c")
    )
    assert await pair.program.read_exactly(3) == b"abc"
    assert await pair.gateway.read() == Pong(b"?")


async def test_each_frame_has_a_mask_of_its_own(pair: Pair):
    masks = set()
    for _ in range(20):
        await pair.program.send(b"x" * 10)
        data = await pair.gateway.stream.read_exactly(16)
        masks.add(data[2:6])
    assert len(masks) == 20


@pytest.mark.parametrize("code", [1000, 1005, 3000, 4999])
async def test_close_ends_one_direction_as_a_fin(pair: Pair, code: int):
    await pair.gateway.send(Opcode.BINARY, b"last words")
    await pair.gateway.send_close(code)
    assert await pair.program.read_to_end() == (b"last words", End.FIN)
    await pair.program.send(b"still here")
    assert isinstance(await pair.gateway.read(), Fragment)
    pair.program.half_close()
    assert (await pair.gateway.read_close()).code == 1000
    pair.gateway.stream.half_close()
    await pair.relaying


@pytest.mark.parametrize("code", [1001, 1002, 1008, 1011, 1014])
async def test_close_for_a_fault_is_a_reset(pair: Pair, code: int):
    """What arrived before it must not look like the whole."""
    await pair.gateway.send(Opcode.BINARY, b"half of it")
    assert await pair.program.read_exactly(10) == b"half of it"
    await pair.gateway.send_close(code, "TrackingId:1")
    assert await pair.program.end() is End.RESET
    with pytest.raises(RelayCutError, match=f"closed with code {code} TrackingId:1"):
        await pair.relaying


@pytest.mark.parametrize("how", ["fin", "reset"])
async def test_websocket_that_goes_without_close_is_a_reset(pair: Pair, how: str):
    await pair.gateway.send(Opcode.BINARY, b"x")
    assert await pair.program.read_exactly(1) == b"x"
    if how == "fin":
        pair.gateway.stream.half_close()
    else:
        pair.gateway.stream.reset()
    assert await pair.program.end() is End.RESET
    with pytest.raises(RelayCutError):
        await pair.relaying


async def test_reset_of_tcp_ends_the_websocket_without_close(pair: Pair):
    pair.program.reset()
    data, _ = await pair.gateway.stream.read_to_end()
    assert data == b""
    with pytest.raises(RelayCutError, match="the program went away"):
        await pair.relaying


@pytest.mark.expect_log_warnings("broke the WebSocket protocol")
@pytest.mark.parametrize(
    "broken",
    [
        b"\x82\x81\x00\x00\x00\x00x",  # masked
        b"\xc2\x00",  # a reserved bit
        b"\x83\x00",  # an unknown opcode
        b"\x80\x00",  # a continuation of nothing
        b"\x09\x00",  # a fragmented ping
        b"\x89\x7e\x00\x7e",  # a long ping
        b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff",  # a negative length
        b"\x88\x01x",  # a close of one byte
        b"\x88\x02\x03\xed",  # a close code that must not be sent
    ],
)
async def test_broken_frame_is_told_and_cuts_the_relay(pair: Pair, broken: bytes):
    await pair.gateway.stream.send(broken)
    close = await pair.gateway.read_close()
    assert close.code in (1002, 1007)
    assert await pair.program.end() is End.RESET
    pair.gateway.stream.half_close()
    with pytest.raises(RelayCutError):
        await pair.relaying


async def test_cancelling_resets_both(pair: Pair):
    pair.relaying.cancel()
    assert await pair.program.end() is End.RESET
    assert await pair.gateway.stream.end() is End.RESET


async def test_what_came_before_the_join_is_kept(ends: LegEnds):
    tcp, program = await ends.connect(TcpLeg("the program"))
    tcp.resume_reading()  # what uvloop does: it ignores a pause inside connection_made
    await program.send(b"early")
    program.half_close()
    await until(lambda: tcp.bytes_received == 5, "the early bytes")
    websocket, gateway = await ends.connect(StreamLeg("the gateway", 60))
    relaying = asyncio.create_task(join(tcp, websocket))
    end = ServerEnd(gateway)
    assert await end.read() == Fragment(Opcode.BINARY, b"early", is_first=True, is_last=True)
    assert (await end.read_close()).code == 1000
    relaying.cancel()
    await asyncio.wait({relaying})


async def test_leg_that_went_before_the_join_cuts_the_other(ends: LegEnds):
    tcp, program = await ends.connect(TcpLeg("the program"))
    websocket, gateway = await ends.connect(StreamLeg("the gateway", 60))
    tcp.reset()
    assert await program.end() is End.RESET
    with pytest.raises(RelayCutError, match="the program went away"):
        await join(tcp, websocket)
    assert await gateway.end() is End.RESET


# --- back-pressure ---------------------------------------------------------------------------------------------------

BOUND = HIGH_WATER_BYTES + 2 * READ_BUFFER_BYTES


def unsent(leg: TcpLeg | StreamLeg) -> int:
    assert leg._transport is not None
    return leg._transport.get_write_buffer_size()


async def held_back(leg: TcpLeg | StreamLeg) -> None:
    """Wait until *leg* is no longer read."""
    await until(lambda: leg.is_reading_paused, "reading stops")


@pytest.mark.slow
async def test_slow_gateway_holds_the_program_back(pair: Pair):
    """Nothing waits here but the high-water mark and one read, however much is offered."""
    pair.gateway.stream._reader._transport.pause_reading()  # type: ignore[attr-defined]
    data = os.urandom(32_000_000)
    pair.program.write(data)
    await held_back(pair.tcp)
    assert unsent(pair.websocket) <= BOUND
    assert pair.program.unsent_bytes > 1_000_000
    pair.gateway.stream._reader._transport.resume_reading()  # type: ignore[attr-defined]
    received = bytearray()
    while len(received) < len(data):
        event = await pair.gateway.read()
        assert isinstance(event, Fragment)
        assert len(event.data) <= READ_BUFFER_BYTES
        received += event.data
    assert received == data


@pytest.mark.slow
async def test_slow_program_holds_the_gateway_back(pair: Pair):
    pair.program._reader._transport.pause_reading()  # type: ignore[attr-defined]
    data = os.urandom(32_000_000)
    pair.gateway.stream.write(frame(Opcode.BINARY, data))  # one frame, never held whole
    await held_back(pair.websocket)
    assert unsent(pair.tcp) <= BOUND
    assert pair.gateway.stream.unsent_bytes > 1_000_000
    pair.program._reader._transport.resume_reading()  # type: ignore[attr-defined]
    assert await pair.program.read_exactly(len(data)) == data


async def test_pongs_that_nobody_reads_do_not_pile_up(pair: Pair):
    """A peer that pings and never reads is owed the latest pong only."""
    pair.gateway.stream._reader._transport.pause_reading()  # type: ignore[attr-defined]
    pings = b"".join(frame(Opcode.PING, b"%0125d" % number) for number in range(1_000))
    for _ in range(60):
        await pair.gateway.stream.send(pings)
    await pair.gateway.send(Opcode.BINARY, b"x")
    await pair.program.read_exactly(1)
    assert unsent(pair.websocket) <= BOUND


# --- keep-alive ------------------------------------------------------------------------------------------------------


async def test_silent_gateway_is_left_after_two_missed_pongs(ends: LegEnds):
    pair = await relay(ends, ping_interval_s=0.02)
    assert await pair.gateway.read() == Ping(b"")
    assert await pair.program.end() is End.RESET
    with pytest.raises(RelayCutError, match="no answer to 2 pings"):
        await pair.relaying


async def test_gateway_that_answers_stays(ends: LegEnds):
    pair = await relay(ends, ping_interval_s=0.02)
    for _ in range(6):
        assert await pair.gateway.read() == Ping(b"")
        await pair.gateway.send(Opcode.PONG)
    assert not pair.relaying.done()
    pair.relaying.cancel()
    await asyncio.wait({pair.relaying})


async def test_missed_pongs_do_not_count_while_the_gateway_is_not_read(ends: LegEnds):
    """A slow program is no reason to cut its relayed connection."""
    pair = await relay(ends, ping_interval_s=0.02)
    pair.program._reader._transport.pause_reading()  # type: ignore[attr-defined]
    pair.gateway.stream.write(frame(Opcode.BINARY, os.urandom(20_000_000)))
    await held_back(pair.websocket)
    pings = 0
    while pings < 6:
        pings += isinstance(await pair.gateway.read(), Ping)
    assert not pair.relaying.done()
    pair.relaying.cancel()
    await asyncio.wait({pair.relaying})
