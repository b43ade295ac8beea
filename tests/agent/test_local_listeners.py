"""A remote hybrid connection at a local port, against a scripted gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.config import ConnectionConfig, Credential, Direction, LocalAddress
from agent.status import State, Trouble
from hyco.limits import READ_BUFFER_BYTES
from tests.support.agents import RunningAgent, running_agent
from tests.support.fake_gateway import FakeGateway, Refusal
from tests.support.raw_stream import End, RawStream
from tests.support.targets import tcp_target

pytestmark = pytest.mark.allow_log_warnings("is reached without TLS")


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway.serving() as running:
        yield running


def config(gateway: FakeGateway, port: int = 0, **options: object) -> ConnectionConfig:
    given = {"credential": Credential(text=gateway.connection_string), **options}
    return ConnectionConfig(direction=Direction.CONNECT, local=LocalAddress("127.0.0.1", port), **given)  # type: ignore[arg-type]


@pytest.fixture
async def agent(gateway: FakeGateway) -> AsyncIterator[RunningAgent]:
    async with running_agent(config(gateway)) as running:
        yield running


async def program(agent: RunningAgent) -> RawStream:
    return await RawStream.open("127.0.0.1", agent.port())


async def test_connection_is_marked_as_a_byte_stream(agent: RunningAgent, gateway: FakeGateway):
    stream = await program(agent)
    far = await gateway.rendezvous()
    assert far.headers["Relay-Stream"] == "1"
    assert far.query["sb-hc-action"] == ["connect"]
    await stream.send(b"sent before the relay stood")
    assert await far.hear() == b"sent before the relay stood"
    await stream.close()


async def test_program_is_not_read_before_the_relay_stands(gateway: FakeGateway):
    async with tcp_target() as silent:
        fake = FakeGateway()
        fake.port = silent.port
        async with running_agent(config(fake)) as agent:
            stream = await program(agent)
            await silent.accept()
            stream.write(b"x" * 50_000_000)
            for _ in range(200):  # enough turns of the loop to read it all, if it were read
                await asyncio.sleep(0)
            assert stream.unsent_bytes > 1_000_000
            # one read at most: some loops ignore a pause inside connection_made
            assert agent.first.traffic.bytes_sent <= READ_BUFFER_BYTES
            await stream.close()


async def test_refusal_resets_the_program_and_shows_in_the_status(agent: RunningAgent, gateway: FakeGateway):
    await gateway.stop()
    stream = await program(agent)
    assert await stream.end() is End.RESET
    status = await agent.until(lambda now: now.connections[0].last_error is not None)
    assert "connection refused" in str(status.connections[0].last_error)
    assert status.connections[0].state is State.LISTENING
    await stream.close()


async def test_more_programs_than_allowed_are_reset(gateway: FakeGateway):
    async with running_agent(config(gateway, max_connections=1)) as agent:
        first = await program(agent)
        await gateway.rendezvous()
        second = await program(agent)
        assert await second.end() is End.RESET
        await first.close()
        await second.close()


@pytest.mark.expect_log_warnings("another program has it")
async def test_port_that_is_taken_is_said_and_can_be_tried_again(gateway: FakeGateway):
    async with tcp_target() as other, running_agent(config(gateway, other.port), is_ready=False) as agent:
        status = await agent.until(lambda now: now.connections[0].last_error is not None)
        assert status.connections[0].state is State.STOPPED
        assert status.connections[0].trouble is Trouble.PORT_TAKEN
        assert f"cannot bind 127.0.0.1:{other.port}: another program has it" in str(
            status.connections[0].last_error
        )


@pytest.mark.expect_log_warnings("it is not an address of this computer")
@pytest.mark.allow_log_warnings("asyncio: error while attempting to bind")  # Python 3.13's own
async def test_foreign_address_is_said(gateway: FakeGateway):
    elsewhere = ConnectionConfig(
        credential=Credential(text=gateway.connection_string),
        direction=Direction.CONNECT,
        local=LocalAddress("203.0.113.1", 0),
    )
    async with running_agent(elsewhere, is_ready=False) as agent:
        await agent.until(
            lambda now: (
                now.connections[0].state is State.STOPPED and now.connections[0].last_error is not None
            )
        )


@pytest.mark.expect_log_warnings("agent.state: .*No such file.*; next try in")
async def test_credential_that_is_not_there_yet_is_waited_for(gateway: FakeGateway, tmp_path: Path):
    file = tmp_path / "hc.key"
    async with running_agent(config(gateway, credential=Credential(file=file)), is_ready=False) as agent:
        await agent.until(lambda now: "No such file" in str(now.connections[0].last_error))
        assert agent.first.trouble is Trouble.CREDENTIAL
        file.write_text(gateway.connection_string)
        file.chmod(0o600)
        agent.agent.retry_now()
        await agent.until_listening()


async def test_sender_without_a_key_connects_anonymously(gateway: FakeGateway):
    anonymous = ConnectionConfig(
        credential=Credential(gateway=f"ws://{gateway.host}"),
        path="hc",
        direction=Direction.CONNECT,
        local=LocalAddress("127.0.0.1", 0),
    )
    async with running_agent(anonymous) as agent:
        stream = await program(agent)
        assert "ServiceBusAuthorization" not in (await gateway.rendezvous()).headers
        await stream.close()


async def test_stopping_frees_the_port(gateway: FakeGateway):
    async with running_agent(config(gateway)) as agent:
        port = agent.port()
        stream = await program(agent)
        far = await gateway.rendezvous()
    assert await stream.end() is End.RESET
    assert await far.closed() is None
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    assert Refusal(1).status == 1
