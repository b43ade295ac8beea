"""The WebSocket of one HTTP exchange, over a socket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from agent.errors import RelayCutError
from agent.message_leg import MessageLeg
from hyco.frames import Close, Fragment, Opcode, frame
from hyco.limits import HIGH_WATER_BYTES, READ_BUFFER_BYTES
from tests.support.leg_ends import LegEnds, ServerEnd, leg_ends
from tests.support.waiting import until


@pytest.fixture
async def ends() -> AsyncIterator[LegEnds]:
    async with leg_ends() as made:
        yield made


@pytest.fixture
async def leg_and_gateway(ends: LegEnds) -> tuple[MessageLeg, ServerEnd]:
    leg, stream = await ends.connect(MessageLeg("the gateway", 60))
    leg.start()
    return leg, ServerEnd(stream)


async def test_text_and_a_body_in_pieces_are_sent(leg_and_gateway: tuple[MessageLeg, ServerEnd]):
    leg, gateway = leg_and_gateway
    await leg.send_text("head")
    await leg.send_binary(b"one", is_first=True, is_last=False)
    await leg.send_binary(b"", is_first=False, is_last=True)
    assert await gateway.read() == Fragment(Opcode.TEXT, b"head", is_first=True, is_last=True)
    assert await gateway.read() == Fragment(Opcode.BINARY, b"one", is_first=True, is_last=False)
    assert await gateway.read() == Fragment(Opcode.BINARY, b"", is_first=False, is_last=True)
    closing = asyncio.create_task(leg.close())
    assert (await gateway.read_close()).code == 1000
    await gateway.send_close()
    gateway.stream.half_close()
    await closing


async def test_pieces_are_received_in_order_to_the_close(leg_and_gateway: tuple[MessageLeg, ServerEnd]):
    leg, gateway = leg_and_gateway
    await gateway.send(Opcode.BINARY, b"one", fin=False)
    await gateway.send(Opcode.CONTINUATION, b"two")
    await gateway.send_close(1001, "gone")
    assert [await leg.receive() for _ in range(3)] == [
        Fragment(Opcode.BINARY, b"one", is_first=True, is_last=False),
        Fragment(Opcode.BINARY, b"two", is_first=False, is_last=True),
        Close(1001, "gone"),
    ]
    with pytest.raises(RelayCutError, match="closed with code 1001 gone"):
        await leg.send_text("too late")


async def test_end_without_close_is_an_error_for_both_directions(
    leg_and_gateway: tuple[MessageLeg, ServerEnd],
):
    leg, gateway = leg_and_gateway
    receiving = asyncio.create_task(leg.receive())
    await asyncio.sleep(0)
    gateway.stream.reset()
    with pytest.raises(RelayCutError):
        await receiving
    with pytest.raises(RelayCutError):
        await leg.send_text("too late")


@pytest.mark.slow
async def test_reading_stops_while_nobody_takes(leg_and_gateway: tuple[MessageLeg, ServerEnd]):
    leg, gateway = leg_and_gateway
    data = os.urandom(16_000_000)
    gateway.stream.write(frame(Opcode.BINARY, data))
    await until(lambda: leg.is_reading_paused, "reading stops")
    assert leg._inbox_bytes <= HIGH_WATER_BYTES + READ_BUFFER_BYTES
    received = bytearray()
    while len(received) < len(data):
        piece = await leg.receive()
        assert isinstance(piece, Fragment)
        received += piece.data
    assert received == data


async def test_crumbs_are_bounded_too(leg_and_gateway: tuple[MessageLeg, ServerEnd]):
    leg, gateway = leg_and_gateway
    gateway.stream.write(
        frame(Opcode.BINARY, b"x", fin=False) + frame(Opcode.CONTINUATION, b"", fin=False) * 100
    )
    gateway.stream.write(frame(Opcode.CONTINUATION, b"y", fin=False) * 1_000_000)
    await until(lambda: leg.is_reading_paused, "reading stops")
    assert len(leg._inbox) < 100_000


async def test_sending_waits_for_a_slow_gateway(leg_and_gateway: tuple[MessageLeg, ServerEnd]):
    leg, gateway = leg_and_gateway
    gateway.stream._reader._transport.pause_reading()  # type: ignore[attr-defined]

    async def send() -> None:
        for _ in range(200):
            await leg.send_binary(b"x" * 100_000, is_first=True, is_last=True)

    sending = asyncio.create_task(send())
    await until(lambda: leg.is_writing_paused, "writing is held back")
    assert leg._transport is not None
    assert leg._transport.get_write_buffer_size() <= HIGH_WATER_BYTES + 100_100
    assert not sending.done()
    gateway.stream._reader._transport.resume_reading()  # type: ignore[attr-defined]
    received = 0
    while received < 20_000_000:
        piece = await gateway.read()
        assert isinstance(piece, Fragment)
        received += len(piece.data)
    await sending


async def test_close_waits_for_the_far_end_no_longer_than_it_has_to(
    leg_and_gateway: tuple[MessageLeg, ServerEnd], monkeypatch: pytest.MonkeyPatch
):
    leg, _ = leg_and_gateway
    monkeypatch.setattr(MessageLeg, "leave_timeout_s", 0.02)
    await leg.close()
    assert leg.is_lost
