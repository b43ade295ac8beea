"""Other settings while the agent runs: what is served as before goes on, and nothing else."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.config import AgentConfig, ConnectionConfig, Credential, Direction, LocalAddress, NetworkConfig
from agent.errors import ConfigError
from agent.relay_loop import RelayLoop, SameLoop, WorkerLoop
from agent.status import State
from agent.supervisor import Agent
from agent.targets import parse_target
from tests.support.agents import QUICK, running_agent
from tests.support.clocks import SteppedClock
from tests.support.fake_gateway import FakeChannel, FakeGateway
from tests.support.raw_stream import End, RawStream
from tests.support.targets import TcpTarget, tcp_target
from tests.support.waiting import until

pytestmark = pytest.mark.allow_log_warnings("is reached without TLS")

NOON = 1_800_000_000


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway.serving() as running:
        yield running


@pytest.fixture
async def target() -> AsyncIterator[TcpTarget]:
    async with tcp_target() as running:
        yield running


@pytest.fixture(params=["same loop", "worker"])
def relay_loop(request: pytest.FixtureRequest) -> RelayLoop:
    return SameLoop() if request.param == "same loop" else WorkerLoop(stop_s=5)


def listener(
    gateway: FakeGateway, target: TcpTarget, name: str = "one", **options: object
) -> ConnectionConfig:
    credential, leads_to = Credential(text=gateway.connection_string), parse_target(target.address)
    return ConnectionConfig(credential=credential, target=leads_to, name=name, **options)  # type: ignore[arg-type]


def local(gateway: FakeGateway, port: int = 0, **options: object) -> ConnectionConfig:
    given = {"credential": Credential(text=gateway.connection_string), **options}
    return ConnectionConfig(direction=Direction.CONNECT, local=LocalAddress("127.0.0.1", port), **given)  # type: ignore[arg-type]


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class Relayed:
    """A relayed connection through the fake gateway, and both its ends."""

    def __init__(self, far: FakeChannel, service: RawStream) -> None:
        self.far = far
        self.service = service

    @classmethod
    async def through(cls, channel: FakeChannel, gateway: FakeGateway, target: TcpTarget) -> Relayed:
        await channel.say(**gateway.accept())
        relayed = cls(await gateway.rendezvous(), await target.accept())
        await relayed.moves(b"first")
        return relayed

    async def moves(self, data: bytes) -> None:
        await self.far.socket.send(data)
        assert await self.service.read_exactly(len(data)) == data
        await self.service.send(data[::-1])
        assert await self.far.hear() == data[::-1]

    async def is_cut(self) -> None:
        assert await self.service.end() is End.RESET
        assert await self.far.closed() is None


# --- which ones go on ------------------------------------------------------------------------------------------------


async def test_what_is_served_as_before_goes_on_untouched(
    gateway: FakeGateway, target: TcpTarget, relay_loop: RelayLoop
):
    one = listener(gateway, target)
    async with running_agent(one, relay_loop=relay_loop) as agent:
        relayed = await Relayed.through(await gateway.listener(), gateway, target)
        since = agent.first.since
        agent.apply(local(gateway, name="new"), dataclasses.replace(one, name="renamed", until=at(4e9)))
        status = agent.agent.snapshot()
        assert [connection.name for connection in status.connections] == ["new", "renamed"]
        await agent.until_listening()
        await relayed.moves(b"still the same connection")
        now = agent.agent.snapshot().connections[1]
        assert (now.since, now.traffic.open_connections) == (since, 1)
        assert gateway.attempts == 1


async def test_removed_one_leaves_in_order_and_is_cut(
    gateway: FakeGateway, target: TcpTarget, relay_loop: RelayLoop
):
    one = listener(gateway, target)
    async with running_agent(one, listener(gateway, target, "two"), relay_loop=relay_loop) as agent:
        channels = [await gateway.listener(), await gateway.listener()]
        relayed = [await Relayed.through(channel, gateway, target) for channel in channels]
        gone, kept = (0, 1) if agent.agent.snapshot().connections[0].name == "two" else (1, 0)
        agent.apply(one)
        codes = [asyncio.create_task(channel.closed()) for channel in channels]
        (ended,), (others,) = await asyncio.wait(codes, return_when=asyncio.FIRST_COMPLETED)
        assert ended.result() == 1000
        others.cancel()
        gone = codes.index(ended)
        kept = 1 - gone
        await relayed[gone].is_cut()
        await relayed[kept].moves(b"goes on")
        assert [c.name for c in agent.agent.snapshot().connections] == ["one"]
        assert gateway.attempts == 2


async def test_another_target_is_another_connection(gateway: FakeGateway, target: TcpTarget):
    async with tcp_target() as elsewhere, running_agent(listener(gateway, target)) as agent:
        relayed = await Relayed.through(await gateway.listener(), gateway, target)
        agent.apply(listener(gateway, elsewhere))
        await relayed.is_cut()
        again = await gateway.listener()
        await agent.until_listening()
        await Relayed.through(again, gateway, elsewhere)


async def test_of_two_that_serve_the_same_each_goes_on_under_its_name(
    gateway: FakeGateway, target: TcpTarget
):
    one, two = listener(gateway, target, "one"), listener(gateway, target, "two")
    async with running_agent(one, two) as agent:
        before = {c.name: c.listener_id for c in agent.agent.snapshot().connections}
        agent.apply(two, one, dataclasses.replace(one, name="three"))
        await agent.until_listening()
        after = {c.name: c.listener_id for c in agent.agent.snapshot().connections}
        assert after["one"] == before["one"]
        assert after["two"] == before["two"]
        assert list(after) == ["two", "one", "three"]
        assert gateway.attempts == 3


@pytest.mark.parametrize("what", ["deadlines", "network"])
async def test_other_deadlines_or_another_network_start_everything_anew(
    gateway: FakeGateway, target: TcpTarget, what: str
):
    async with running_agent(listener(gateway, target)) as agent:
        relayed = await Relayed.through(await gateway.listener(), gateway, target)
        changes = {
            "deadlines": dataclasses.replace(QUICK, ping_interval_s=29.0),
            "network": NetworkConfig(),
        }
        agent.agent.apply(dataclasses.replace(agent.config, **{what: changes[what]}))  # type: ignore[arg-type]
        await relayed.is_cut()
        await gateway.listener()
        await agent.until_listening()


async def test_certificates_that_cannot_be_used_change_nothing(
    gateway: FakeGateway, target: TcpTarget, tmp_path: Path
):
    async with running_agent(listener(gateway, target)) as agent:
        relayed = await Relayed.through(await gateway.listener(), gateway, target)
        with pytest.raises(ConfigError, match="ca_file"):
            agent.agent.apply(AgentConfig(network=NetworkConfig(ca_file=tmp_path / "absent.pem")))
        await relayed.moves(b"goes on")
        assert agent.first.state is State.LISTENING


async def test_settings_before_the_start_are_what_it_begins_with(gateway: FakeGateway, target: TcpTarget):
    agent = Agent(AgentConfig(connections=(local(gateway, name="never"),)))
    agent.apply(
        AgentConfig(
            connections=(listener(gateway, target),), network=NetworkConfig(proxy="none"), deadlines=QUICK
        )
    )
    running = asyncio.create_task(agent.run())
    await gateway.listener()
    assert [connection.name for connection in agent.snapshot().connections] == ["one"]
    running.cancel()
    await asyncio.wait({running})


async def test_without_connections_it_waits_for_some(gateway: FakeGateway, target: TcpTarget):
    async with running_agent() as agent:
        agent.apply(listener(gateway, target))
        await agent.until_listening()
        agent.apply()
        assert agent.agent.snapshot().connections == ()


async def test_port_is_bound_when_whoever_had_it_gave_it_back(gateway: FakeGateway, relay_loop: RelayLoop):
    async with running_agent(local(gateway), relay_loop=relay_loop) as agent:
        port = agent.port()
        agent.apply(local(gateway, port))
        await agent.until(lambda now: now.connections[0].last_error is not None or agent.port() == port)
        # the first one still had it: it was not configured with this number, so nobody could know
        agent.apply()
        agent.apply(local(gateway, port, max_connections=5))
        await agent.until_listening()
        for count in range(6, 12):
            agent.apply(local(gateway, port, max_connections=count))
        await agent.until_listening()
        stream = await RawStream.open("127.0.0.1", port)
        await gateway.rendezvous()
        await stream.close()


async def test_one_that_is_taken_away_before_it_began_holds_nobody_up(gateway: FakeGateway):
    async with running_agent() as agent:
        agent.apply(local(gateway, 1, max_connections=1))
        agent.apply(local(gateway, 1, max_connections=2))
        agent.apply(local(gateway))
        await agent.until_listening()


# --- failures stay where they are --------------------------------------------------------------------------------------


@pytest.mark.expect_log_warnings("ended unexpectedly")
async def test_bug_in_one_ends_neither_the_others_nor_itself_for_ever(
    gateway: FakeGateway, target: TcpTarget
):
    is_broken = True

    async def keystore(name: str) -> str | None:
        if is_broken:
            raise LookupError(name)
        return gateway.connection_string

    odd = dataclasses.replace(listener(gateway, target, "odd"), credential=Credential(keystore="x"))
    config = AgentConfig(
        connections=(odd, listener(gateway, target, "other")), network=NetworkConfig(proxy="none")
    )
    agent = Agent(config, keystore=keystore)
    running = asyncio.create_task(agent.run())
    await gateway.listener()

    def states() -> list[State]:
        return [connection.state for connection in agent.snapshot().connections]

    await until(lambda: states() == [State.WAITING, State.LISTENING])
    is_broken = False
    agent.retry_now()
    await until(lambda: states() == [State.LISTENING, State.LISTENING])
    running.cancel()
    await asyncio.wait({running})


# --- paused, and until -----------------------------------------------------------------------------------------------


async def test_pause_closes_the_channel_cuts_what_is_open_and_ends(
    gateway: FakeGateway, target: TcpTarget, relay_loop: RelayLoop
):
    one, other = listener(gateway, target), listener(gateway, target, "other", max_connections=3)
    async with running_agent(one, relay_loop=relay_loop) as agent:
        channel = await gateway.listener()
        relayed = await Relayed.through(channel, gateway, target)
        agent.apply(one, other)
        untouched = await Relayed.through(await gateway.listener(), gateway, target)
        agent.apply(dataclasses.replace(one, paused=True), other)
        assert await channel.closed() == 1000
        await relayed.is_cut()
        await agent.until_state(State.PAUSED, State.LISTENING)
        assert (agent.first.last_error, agent.first.traffic.total_connections) == (None, 1)
        await untouched.moves(b"not mine")
        agent.apply(one, other)
        again = await gateway.listener()
        await agent.until_listening()
        await Relayed.through(again, gateway, target)
        assert agent.first.traffic.total_connections == 2


async def test_pause_gives_the_local_port_back(gateway: FakeGateway, relay_loop: RelayLoop):
    async with running_agent(local(gateway), relay_loop=relay_loop) as agent:
        port = agent.port()
        stream = await RawStream.open("127.0.0.1", port)
        far = await gateway.rendezvous()
        agent.apply(local(gateway, paused=True))
        await agent.until_state(State.PAUSED)
        assert await stream.end() is End.RESET
        assert await far.closed() is None
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        agent.apply(local(gateway))
        await agent.until_listening()


async def test_paused_from_the_beginning_asks_nobody(gateway: FakeGateway, target: TcpTarget):
    paused = listener(gateway, target, paused=True)
    async with running_agent(paused, is_ready=False) as agent:
        await agent.until_state(State.PAUSED)
        agent.agent.retry_now()
        assert gateway.attempts == 0
        agent.apply(dataclasses.replace(paused, paused=False))
        await agent.until_listening()


async def test_pause_while_it_waits_for_the_next_try(gateway: FakeGateway, target: TcpTarget):
    await gateway.stop()
    one = listener(gateway, target)
    async with running_agent(one, is_ready=False) as agent:
        await agent.until_state(State.WAITING)
        agent.apply(dataclasses.replace(one, paused=True))
        await agent.until_state(State.PAUSED)
        await gateway.start()
        agent.apply(one)
        await agent.until_listening()


async def test_share_ends_at_its_moment(gateway: FakeGateway, target: TcpTarget, relay_loop: RelayLoop):
    clock = SteppedClock(NOON)
    one = listener(gateway, target, until=at(NOON + 60))
    async with running_agent(one, relay_loop=relay_loop, clock=clock) as agent:
        channel = await gateway.listener()
        relayed = await Relayed.through(channel, gateway, target)
        clock.advance(59)
        await relayed.moves(b"not yet")
        assert agent.first.state is State.LISTENING
        clock.advance(1)
        assert await channel.closed() == 1000
        await relayed.is_cut()
        await agent.until_state(State.EXPIRED)
        agent.apply(dataclasses.replace(one, until=at(NOON + 3_600)))
        await gateway.listener()
        await agent.until_listening()


async def test_longer_share_is_not_interrupted(gateway: FakeGateway, target: TcpTarget):
    clock = SteppedClock(NOON)
    one = listener(gateway, target, until=at(NOON + 60))
    async with running_agent(one, clock=clock) as agent:
        relayed = await Relayed.through(await gateway.listener(), gateway, target)
        agent.apply(dataclasses.replace(one, until=at(NOON + 120)))
        clock.advance(90)
        await relayed.moves(b"still shared")
        agent.apply(dataclasses.replace(one, until=None))
        clock.advance(1_000)
        await relayed.moves(b"still shared")
        assert gateway.attempts == 1


async def test_share_that_was_over_at_the_start_is_never_served(gateway: FakeGateway, target: TcpTarget):
    clock = SteppedClock(NOON)
    over = listener(gateway, target, until=at(NOON))
    async with running_agent(over, clock=clock, is_ready=False) as agent:
        await agent.until_state(State.EXPIRED)
    assert gateway.attempts == 0


async def test_pause_expires_as_well(gateway: FakeGateway, target: TcpTarget):
    clock = SteppedClock(NOON)
    paused = listener(gateway, target, paused=True, until=at(NOON + 60))
    async with running_agent(paused, clock=clock, is_ready=False) as agent:
        await agent.until_state(State.PAUSED)
        clock.advance(60)
        await agent.until_state(State.EXPIRED)


async def test_draining_does_not_wait_for_what_is_paused(gateway: FakeGateway, target: TcpTarget):
    async with running_agent(listener(gateway, target, paused=True), is_ready=False) as agent:
        await agent.until_state(State.PAUSED)
        await agent.agent.drain()


async def test_pause_looks_like_nothing_else_on_the_way(gateway: FakeGateway, target: TcpTarget):
    one = listener(gateway, target)
    async with running_agent(one) as agent:
        seen = []
        agent.apply(dataclasses.replace(one, paused=True))
        async for status in agent.agent.changes():
            seen.append(status.connections[0].state)
            if seen[-1] is State.PAUSED:
                break
    assert set(seen) == {State.LISTENING, State.PAUSED}


async def test_draining_ends_when_what_is_drained_is_paused(gateway: FakeGateway, target: TcpTarget):
    one = dataclasses.replace(listener(gateway, target), target=parse_target(f"http://{target.address}"))
    async with running_agent(one) as agent:
        channel = await gateway.listener()
        await channel.say(**gateway.request())
        await target.accept()
        draining = asyncio.create_task(agent.agent.drain())
        await asyncio.sleep(0)
        agent.apply(dataclasses.replace(one, paused=True))
        await draining
