"""After a sleep, or on another network: what is open is asked whether it still is, and nothing waits."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from agent.config import ConnectionConfig, Credential, Deadlines, Direction, LocalAddress
from agent.relay_loop import WorkerLoop
from agent.status import State, Trouble
from agent.targets import parse_target
from tests.support.agents import running_agent
from tests.support.clocks import SteppedClock
from tests.support.fake_gateway import FakeGateway, Refusal
from tests.support.targets import TcpTarget, tcp_target
from tests.support.waiting import until

pytestmark = pytest.mark.allow_log_warnings("is reached without TLS")

NOON = 1_800_000_000
QUICK = Deadlines(check_s=0.2, stop_s=2.0)


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway.serving() as running:
        yield running


@pytest.fixture
async def target() -> AsyncIterator[TcpTarget]:
    async with tcp_target() as running:
        yield running


def listener(gateway: FakeGateway, target: TcpTarget, **options: object) -> ConnectionConfig:
    credential, leads_to = Credential(text=gateway.connection_string), parse_target(target.address)
    return ConnectionConfig(credential=credential, target=leads_to, name="one", **options)  # type: ignore[arg-type]


async def test_channel_that_answers_is_kept(gateway: FakeGateway, target: TcpTarget):
    async with running_agent(listener(gateway, target), deadlines=QUICK) as agent:
        channel = await gateway.listener()
        assert agent.first.round_trip_s is None
        agent.agent.check_now()
        await until(lambda: agent.first.round_trip_s is not None, "the ping is answered")
        agent.agent.check_now()
        await channel.say(**gateway.accept())
        await target.accept()
        assert gateway.attempts == 1
        assert agent.first.last_error is None


@pytest.mark.parametrize("worker", [False, True])
async def test_channel_that_is_silent_is_left_and_opened_anew(
    gateway: FakeGateway, target: TcpTarget, worker: bool
):
    loop = WorkerLoop(stop_s=5) if worker else None
    async with running_agent(listener(gateway, target), deadlines=QUICK, relay_loop=loop) as agent:
        channel = await gateway.listener()
        await channel.say(**gateway.accept())
        rendezvous, service = await gateway.rendezvous(), await target.accept()
        channel.socket.transport.pause_reading()
        agent.agent.check_now()
        again = await gateway.listener()
        await agent.until_listening()
        assert agent.first.last_error == (
            "control channel lost: the connection was cut (no answer to a ping within 0.2 s)"
        )
        assert [agent.first.listener_id] == again.query["sb-hc-id"]
        await service.send(b"goes on")
        assert await rendezvous.hear() == b"goes on"


async def test_what_waits_tries_at_once_and_soon_again(gateway: FakeGateway, target: TcpTarget):
    """The network often comes back a moment after the computer did: the delays begin anew as well."""
    gateway.refusals.extend([Refusal(404)] + [Refusal(503)] * 3)
    clock = SteppedClock()
    async with running_agent(
        listener(gateway, target), deadlines=QUICK, clock=clock, is_ready=False
    ) as agent:
        delay = await clock.next_wait()
        assert delay is not None
        assert delay >= 30
        clock.advance(1)
        agent.agent.check_now()
        for ceiling in (0, 0.25, 0.5):
            delay = await clock.next_wait()
            assert delay is not None
            assert delay <= ceiling
            clock.advance(delay)
        await agent.until_listening()


async def test_handshake_that_was_under_way_is_given_up(gateway: FakeGateway, target: TcpTarget):
    """It was begun on a network that is gone; its own deadline would be twenty seconds."""
    async with tcp_target() as silent:
        fake = FakeGateway()
        fake.port = silent.port
        async with running_agent(listener(fake, target), deadlines=QUICK, is_ready=False) as agent:
            await silent.accept()
            agent.agent.check_now()
            await silent.accept()
            assert agent.first.trouble is Trouble.GATEWAY_UNREACHABLE
            assert "did not answer in time after the computer slept" in str(agent.first.last_error)


@pytest.mark.expect_log_warnings("agent.state: .*RELAYDESK_TEST_ABSENT is not set")
async def test_local_port_that_could_not_be_served_is_tried_at_once(gateway: FakeGateway, target: TcpTarget):
    config = ConnectionConfig(
        credential=Credential(env="RELAYDESK_TEST_ABSENT"),
        direction=Direction.CONNECT,
        local=LocalAddress("127.0.0.1", 0),
        path="hc",
    )
    clock = SteppedClock()
    async with running_agent(config, clock=clock, is_ready=False) as agent:
        await clock.next_wait()
        await agent.until_state(State.WAITING)
        await clock.next_wait()
        agent.agent.check_now()
        assert await clock.next_wait() == 0


async def test_sleep_is_noticed(gateway: FakeGateway, target: TcpTarget):
    clock = SteppedClock()
    async with running_agent(listener(gateway, target), deadlines=QUICK, clock=clock) as agent:
        channel = await gateway.listener()
        channel.socket.transport.pause_reading()
        clock.advance(2)
        await agent.until_listening()
        assert gateway.attempts == 1
        clock.sleep(3_600)
        clock.advance(2)
        again = await gateway.listener()
        token = again.headers["ServiceBusAuthorization"]
        assert f"se={int(clock.now()) + 3_600}" in token
        await agent.until_listening()


async def test_token_that_ran_out_in_a_sleep_is_renewed(gateway: FakeGateway, target: TcpTarget):
    """The wait for its renewal stood still with the computer."""
    clock = SteppedClock()
    async with running_agent(listener(gateway, target), clock=clock):
        channel = await gateway.listener()
        assert await clock.next_wait() == 0.8 * 3_600
        clock.sleep(0.8 * 3_600)
        clock.advance(2)
        renewed = (await channel.hear())["renewToken"]["token"]
        assert f"se={int(clock.now()) + 3_600}" in renewed
        assert gateway.attempts == 1


@pytest.mark.parametrize("how", ["sleep", "set forward"])
async def test_share_that_ran_out_in_a_sleep_is_not_served(gateway: FakeGateway, target: TcpTarget, how: str):
    clock = SteppedClock(NOON)
    until_then = datetime.fromtimestamp(NOON + 3_600, UTC)
    async with running_agent(listener(gateway, target, until=until_then), clock=clock) as agent:
        channel = await gateway.listener()
        (clock.sleep if how == "sleep" else clock.set_forward)(3_600)
        clock.advance(2)
        assert await channel.closed() == 1000
        await agent.until_state(State.EXPIRED)


async def test_wall_clock_set_back_makes_a_share_last_no_shorter(gateway: FakeGateway, target: TcpTarget):
    clock = SteppedClock(NOON)
    config = listener(gateway, target, until=datetime.fromtimestamp(NOON + 60, UTC))
    async with running_agent(config, clock=clock) as agent:
        channel = await gateway.listener()
        clock.set_forward(-600)
        clock.advance(2)
        clock.advance(600)
        await agent.until_listening()
        await (await channel.socket.ping())
        clock.advance(60)
        await agent.until_state(State.EXPIRED)
        clock.set_forward(-600)
        clock.advance(2)
        await agent.until_listening()
        agent.apply(dataclasses.replace(config, paused=True))
        await agent.until_state(State.PAUSED)
