"""A remote hybrid connection at a local port, against a scripted gateway."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.config import ConnectionConfig, Credential, Direction, LocalAddress
from agent.invitation import Invitation, new_id, sign_token
from agent.status import State, Trouble
from hyco.addresses import Endpoint
from hyco.limits import READ_BUFFER_BYTES
from tests.support.agents import RunningAgent, running_agent
from tests.support.clocks import SteppedClock
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


def invited(gateway: FakeGateway, ends_at: int) -> ConnectionConfig:
    endpoint = Endpoint("127.0.0.1", gateway.port, is_secure=False)
    token = sign_token(endpoint, "hc", rule_name="r", key="a2V5", expires_at=ends_at)
    id_ = new_id(b"0123456789abcdef")
    invitation = Invitation(endpoint=endpoint, path="hc", name="Ann", token=token, id=id_)
    return config(gateway, credential=Credential(text=invitation.text()))


@pytest.mark.parametrize("status", [401, 403])
async def test_invitation_that_was_withdrawn_is_the_trouble_until_it_is_taken_again(
    gateway: FakeGateway, status: int
):
    clock = SteppedClock()
    async with running_agent(invited(gateway, int(clock.now()) + 60), clock=clock) as agent:
        gateway.sender_refusals.append(Refusal(status, "The invitation was withdrawn"))
        stream = await program(agent)
        assert await stream.end() is End.RESET
        now = await agent.until(lambda now: now.connections[0].trouble is not None)
        assert now.connections[0].trouble is Trouble.INVITATION
        assert now.connections[0].state is State.LISTENING, "the port stays: it may be taken again"
        assert "withdrawn" in str(now.connections[0].last_error)
        assert now.connections[0].traffic.refused_connections == 1
        await stream.close()
        stream = await program(agent)
        await gateway.rendezvous()
        await agent.until(lambda now: now.connections[0].trouble is None)
        await stream.close()


async def test_key_that_is_refused_is_the_trouble(agent: RunningAgent, gateway: FakeGateway):
    gateway.sender_refusals.append(Refusal(401, "The key is another one"))
    stream = await program(agent)
    assert await stream.end() is End.RESET
    now = await agent.until(lambda now: now.connections[0].trouble is not None)
    assert now.connections[0].trouble is Trouble.GATEWAY_REFUSED
    assert now.connections[0].refused_status == 401
    await stream.close()


async def test_other_refusals_say_nothing_of_the_invitation(gateway: FakeGateway):
    clock = SteppedClock()
    async with running_agent(invited(gateway, int(clock.now()) + 60), clock=clock) as agent:
        gateway.sender_refusals.append(Refusal(404, "Nobody listens"))
        stream = await program(agent)
        assert await stream.end() is End.RESET
        now = await agent.until(lambda now: now.connections[0].last_error is not None)
        assert now.connections[0].trouble is None
        await stream.close()


async def test_invitation_that_ends_meanwhile_is_the_trouble(gateway: FakeGateway):
    clock = SteppedClock()
    async with running_agent(invited(gateway, int(clock.now()) + 60), clock=clock) as agent:
        clock.set_forward(61)
        stream = await program(agent)
        assert await stream.end() is End.RESET
        now = await agent.until(lambda now: now.connections[0].trouble is Trouble.INVITATION)
        assert "ended on" in str(now.connections[0].last_error)
        await stream.close()


async def test_more_programs_than_allowed_are_reset(gateway: FakeGateway):
    async with running_agent(config(gateway, max_connections=1)) as agent:
        first = await program(agent)
        await gateway.rendezvous()
        second = await program(agent)
        assert await second.end() is End.RESET
        await first.close()
        await second.close()


@pytest.mark.expect_log_warnings("another program has it; next try in 10")
async def test_port_that_is_taken_is_said_and_bound_when_it_is_free(gateway: FakeGateway):
    clock = SteppedClock()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        async with running_agent(config(gateway, port), is_ready=False, clock=clock) as agent:
            await agent.until_state(State.WAITING)
            stands = agent.first
            assert stands.trouble is Trouble.PORT_TAKEN
            assert stands.next_try_at == clock.now() + 10
            assert f"cannot bind 127.0.0.1:{port}: another program has it" in str(stands.last_error)
            clock.advance(10)
            await agent.until(lambda now: now.connections[0].next_try_at == clock.now() + 10)
            assert agent.first.since == stands.since, "it has waited all the time"
            other.close()
            clock.advance(10)
            await agent.until_listening()
            assert agent.first.trouble is None


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
