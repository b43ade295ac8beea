"""A TCP service behind an agent is reached through a gateway: by another agent's local port, and by WebSocket."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator

import pytest

from agent.relay_loop import RelayLoop, WorkerLoop
from tests.support.agents import RunningAgent, connecting, listening, running_agent
from tests.support.gateways import RunningGateway, running_gateway
from tests.support.raw_stream import End, RawStream
from tests.support.targets import TcpTarget, tcp_target, unused_port

WITHOUT_TLS = pytest.mark.allow_log_warnings("is reached without TLS")
pytestmark = WITHOUT_TLS


@pytest.fixture
async def gateway() -> AsyncIterator[RunningGateway]:
    async with running_gateway() as running:
        await running.create("hc")
        yield running


@pytest.fixture
async def target() -> AsyncIterator[TcpTarget]:
    async with tcp_target() as running:
        yield running


@pytest.fixture(params=["same loop", "worker loop"])
async def agent(
    request: pytest.FixtureRequest, gateway: RunningGateway, target: TcpTarget
) -> AsyncIterator[RunningAgent]:
    """One agent at both ends: its local port leads through the gateway to its target."""
    loop: RelayLoop | None = WorkerLoop(stop_s=2) if request.param == "worker loop" else None
    async with running_agent(
        listening(gateway, target.address), connecting(gateway), relay_loop=loop
    ) as running:
        yield running


async def open_local(agent: RunningAgent) -> RawStream:
    return await RawStream.open("127.0.0.1", agent.port(1))


async def test_bytes_cross_in_both_directions(agent: RunningAgent, target: TcpTarget):
    program = await open_local(agent)
    await program.send(b"hello")
    service = await target.accept()
    assert await service.read_exactly(5) == b"hello"
    await service.send(b"world")
    assert await program.read_exactly(5) == b"world"
    await program.close()


async def test_service_that_speaks_first_is_heard(agent: RunningAgent, target: TcpTarget):
    program = await open_local(agent)
    service = await target.accept()
    await service.send(b"220 ready")
    assert await program.read_exactly(9) == b"220 ready"
    await program.close()


async def test_half_close_ends_one_direction_only(agent: RunningAgent, target: TcpTarget):
    program = await open_local(agent)
    await program.send(b"question")
    program.half_close()
    service = await target.accept()
    assert await service.read_to_end() == (b"question", End.FIN)
    await service.send(b"answer")
    service.half_close()
    assert await program.read_to_end() == (b"answer", End.FIN)
    status = await agent.until(lambda now: all(not c.traffic.open_connections for c in now.connections))
    assert [connection.traffic.total_connections for connection in status.connections] == [1, 1]
    await program.close()


async def test_reset_by_the_program_reaches_the_service_as_a_reset(agent: RunningAgent, target: TcpTarget):
    program = await open_local(agent)
    await program.send(b"x")
    service = await target.accept()
    assert await service.read_exactly(1) == b"x"
    program.reset()
    assert await service.end() is End.RESET
    await program.close()


async def test_reset_by_the_service_reaches_the_program_as_a_reset(agent: RunningAgent, target: TcpTarget):
    program = await open_local(agent)
    service = await target.accept()
    await program.send(b"x")
    assert await service.read_exactly(1) == b"x"
    service.reset()
    assert await program.end() is End.RESET
    await program.close()


@pytest.mark.slow
async def test_bulk_crosses_unchanged_in_both_directions_at_once(agent: RunningAgent, target: TcpTarget):
    program = await open_local(agent)
    service = await target.accept()
    up, down = os.urandom(8_000_000), os.urandom(8_000_000)

    async def send(stream: RawStream, data: bytes) -> None:
        for start in range(0, len(data), 100_003):
            await stream.send(data[start : start + 100_003])
        stream.half_close()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(send(program, up))
        tasks.create_task(send(service, down))
        at_service = tasks.create_task(service.read_to_end())
        at_program = tasks.create_task(program.read_to_end())
    for received, sent in ((at_service.result(), up), (at_program.result(), down)):
        assert received[1] is End.FIN
        assert hashlib.sha256(received[0]).digest() == hashlib.sha256(sent).digest()
    await program.close()


async def test_dead_target_is_a_reset_and_the_status_says_why(gateway: RunningGateway):
    port = await unused_port()
    async with running_agent(listening(gateway, f"127.0.0.1:{port}"), connecting(gateway)) as agent:
        program = await open_local(agent)
        assert await program.end() is End.RESET
        status = await agent.until(lambda now: all(c.last_error is not None for c in now.connections))
        listener, sender = status.connections
        assert f"cannot reach target 127.0.0.1:{port}: connection refused" in str(listener.last_error)
        assert "502 The listener cannot reach its target" in str(sender.last_error)
        assert str(port) not in str(sender.last_error)
        await program.close()


async def test_websocket_sender_gets_the_bytes_and_its_sub_protocol(
    agent: RunningAgent, gateway: RunningGateway, target: TcpTarget
):
    """Browsers fail a WebSocket that takes none of the sub-protocols they offer."""
    waiting = await gateway.connecting(headers=[("Sec-WebSocket-Protocol", "chat, binary")])
    sender = await waiting.answer()
    assert sender.subprotocol == "binary"
    await sender.send_text("text is bytes, too")
    service = await target.accept()
    assert await service.read_exactly(18) == b"text is bytes, too"
    await service.send(b"\x00\xff")
    assert (await sender.read_message()).data == b"\x00\xff"
    await service.close()


async def test_two_hundred_relayed_connections_at_once(agent: RunningAgent, target: TcpTarget):
    async def one(index: int) -> None:
        program = await open_local(agent)
        message = f"{index:04}".encode()
        await program.send(message)
        assert await program.read_exactly(4) == message
        await program.close()

    async def echo(service: RawStream) -> None:
        await service.send(await service.read_exactly(4))

    async with asyncio.TaskGroup() as tasks:
        for index in range(200):
            tasks.create_task(one(index))
        for _ in range(200):
            tasks.create_task(echo(await target.accept()))


async def test_stopping_the_agent_cuts_what_is_relayed(gateway: RunningGateway, target: TcpTarget):
    async with running_agent(listening(gateway, target.address), connecting(gateway)) as agent:
        program = await open_local(agent)
        service = await target.accept()
    assert await program.end() is End.RESET
    assert await service.end() is End.RESET
    assert agent.first.traffic.open_connections == 0
    await program.close()
