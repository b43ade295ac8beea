"""What is relayed, one by one: what is said of it, and cutting one of several."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator

import pytest

from agent.config import ConnectionConfig, Credential, Direction, LocalAddress
from agent.errors import CutHereError, RelayCutError
from agent.policy import Policy
from agent.relay_loop import RelayLoop, SameLoop, WorkerLoop
from agent.relayed import KEPT_S, MAX_ENDED, RelayedConnections, peer_of
from agent.status import RelayedConnection, RelayedKind
from agent.targets import parse_target
from tests.support.agents import RunningAgent, connecting, listening, running_agent
from tests.support.clocks import SteppedClock
from tests.support.fake_gateway import FakeChannel, FakeGateway
from tests.support.gateways import RunningGateway, running_gateway
from tests.support.raw_stream import End, RawStream
from tests.support.targets import TcpTarget, tcp_target
from tests.support.waiting import until

pytestmark = pytest.mark.allow_log_warnings("is reached without TLS")

SENDER = "203.0.113.7:51234"


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


def listener(gateway: FakeGateway, target: str, **options: object) -> ConnectionConfig:
    credential = Credential(text=gateway.connection_string)
    return ConnectionConfig(credential=credential, target=parse_target(target), **options)  # type: ignore[arg-type]


async def ended(agent: RunningAgent, count: int = 1) -> tuple[RelayedConnection, ...]:
    def over() -> list[RelayedConnection]:
        return [one for one in agent.agent.relayed() if one.ended_at is not None]

    await until(lambda: len(over()) >= count, f"{count} relayed connections have ended")
    return tuple(over())


# --- streams and WebSockets ------------------------------------------------------------------------------------------


async def stream(
    channel: FakeChannel, gateway: FakeGateway, target: TcpTarget
) -> tuple[FakeChannel, RawStream]:
    await channel.say(**gateway.accept())
    return await gateway.rendezvous(), await target.accept()


async def test_bytes_are_live_and_each_has_its_own(
    gateway: FakeGateway, target: TcpTarget, relay_loop: RelayLoop
):
    config = listener(gateway, target.address, name="shop")
    async with running_agent(config, relay_loop=relay_loop) as agent:
        channel = await gateway.listener()
        before = time.time()
        ends = [await stream(channel, gateway, target) for _ in range(2)]
        await ends[1][0].socket.send(b"x" * 1_000)
        assert await ends[1][1].read_exactly(1_000) == b"x" * 1_000
        await ends[1][1].send(b"y" * 500)
        assert await ends[1][0].hear() == b"y" * 500
        first, second = agent.agent.relayed()
        assert (first.id, second.id) == (1, 2)
        assert (first.bytes_received, first.bytes_sent) == (0, 0)
        assert (second.bytes_received, second.bytes_sent) == (1_000, 500), "what was said, not its frames"
        assert (second.connection, second.kind, second.peer) == ("shop", RelayedKind.STREAM, SENDER)
        assert before <= second.started_at <= time.time()
        assert (second.ended_at, second.error, second.about) == (None, None, "")
        agent.apply(dataclasses.replace(config, name="renamed"))
        assert {one.connection for one in agent.agent.relayed()} == {"renamed"}
        ends[1][1].half_close()
        assert await ends[1][0].closed() == 1000
        (over,) = await ended(agent)
        assert (over.id, over.bytes_sent, over.error) == (2, 500, None)
        ends[0][1].reset()
        over, _ = await ended(agent, 2)
        assert (over.id, "went away" in str(over.error)) == (1, True)


async def test_one_of_several_is_cut(gateway: FakeGateway, target: TcpTarget, relay_loop: RelayLoop):
    async with running_agent(listener(gateway, target.address), relay_loop=relay_loop) as agent:
        channel = await gateway.listener()
        ends = [await stream(channel, gateway, target) for _ in range(3)]
        await until(lambda: len(agent.agent.relayed()) == 3)
        assert agent.agent.cut(2)
        assert await ends[1][1].end() is End.RESET
        assert await ends[1][0].closed() is None
        (over,) = await ended(agent)
        assert (over.id, over.error) == (2, "cut from here")
        for far, service in (ends[0], ends[2]):
            await far.socket.send(b"goes on")
            assert await service.read_exactly(7) == b"goes on"
        assert not agent.agent.cut(2)
        assert not agent.agent.cut(99)
        await agent.until(lambda now: now.connections[0].traffic.open_connections == 2)
        assert agent.first.last_error is None
        assert gateway.attempts == 1


async def test_cutting_twice_is_once(gateway: FakeGateway, target: TcpTarget, relay_loop: RelayLoop):
    async with running_agent(listener(gateway, target.address), relay_loop=relay_loop) as agent:
        far, service = await stream(await gateway.listener(), gateway, target)
        await until(agent.agent.relayed)
        agent.agent.cut(1)
        agent.agent.cut(1)
        assert await service.end() is End.RESET
        assert await far.closed() is None
        assert [one.error for one in await ended(agent)] == ["cut from here"]


async def test_what_ends_with_its_service_says_so(
    gateway: FakeGateway, target: TcpTarget, relay_loop: RelayLoop
):
    config = listener(gateway, target.address)
    async with running_agent(config, relay_loop=relay_loop) as agent:
        await stream(await gateway.listener(), gateway, target)
        await until(agent.agent.relayed)
        agent.apply(dataclasses.replace(config, paused=True))
        assert [one.error for one in await ended(agent)] == ["cut: it is not served any more"]


# --- at a local port -------------------------------------------------------------------------------------------------


async def test_program_at_a_local_port_is_listed_and_cut(gateway: FakeGateway, relay_loop: RelayLoop):
    config = ConnectionConfig(
        credential=Credential(text=gateway.connection_string),
        direction=Direction.CONNECT,
        local=LocalAddress("127.0.0.1", 0),
        name="db",
    )
    async with running_agent(config, relay_loop=relay_loop) as agent:
        programs = [await RawStream.open("127.0.0.1", agent.port()) for _ in range(2)]
        fars = [await gateway.rendezvous() for _ in range(2)]
        ports = [f"127.0.0.1:{program.local_port}" for program in programs]
        assert sorted(one.peer for one in agent.agent.relayed()) == sorted(ports)
        for program in programs:
            await program.send(b"hello")
        for far in fars:
            assert await far.hear() == b"hello"
        for one in agent.agent.relayed():
            assert (one.connection, one.kind, one.bytes_sent) == ("db", RelayedKind.STREAM, 5)
        (mine,) = [one.id for one in agent.agent.relayed() if one.peer == ports[1]]
        assert agent.agent.cut(mine)
        assert await programs[1].end() is End.RESET
        over = await ended(agent)
        assert [(one.id, one.error) for one in over] == [(mine, "cut from here")]
        await programs[0].send(b"goes on")
        assert agent.first.last_error is None
        for program in programs:
            await program.close()


# --- requests --------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def shared_web_server(
    target: TcpTarget, relay_loop: RelayLoop
) -> AsyncIterator[tuple[RunningGateway, RunningAgent]]:
    async with running_gateway() as gateway:
        await gateway.create("hc", is_anonymous=True)
        config = listening(gateway, f"http://{target.address}", name="site")
        async with running_agent(config, relay_loop=relay_loop) as agent:
            yield gateway, agent


async def ask(gateway: RunningGateway, request: bytes) -> RawStream:
    sender = await RawStream.open("127.0.0.1", gateway.gateway.port)
    await sender.send(request)
    return sender


GET = b"GET /hc/a/b?secret=hunter2 HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"POST /hc/up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"


async def test_request_is_listed_without_its_query(target: TcpTarget, relay_loop: RelayLoop):
    async with shared_web_server(target, relay_loop) as (gateway, agent):
        sender = await ask(gateway, GET)
        service = await target.accept()
        await until(agent.agent.relayed)
        (live,) = agent.agent.relayed()
        assert (live.kind, live.about, live.ended_at) == (RelayedKind.REQUEST, "GET /hc/a/b", None)
        assert live.peer == f"127.0.0.1:{sender.local_port}"
        await service.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        (over,) = await ended(agent)
        assert (over.about, over.bytes_received, over.bytes_sent) == ("GET /hc/a/b 200", 0, 5)
        assert (over.id, over.connection, over.error) == (live.id, "site", None)
        await sender.close()


async def test_request_that_failed_says_why(gateway: FakeGateway, relay_loop: RelayLoop, target: TcpTarget):
    config = listener(gateway, f"http://{target.address}")
    async with running_agent(config, relay_loop=relay_loop) as agent:
        channel = await gateway.listener()
        await channel.say(**gateway.request())
        service = await target.accept()
        await service.read_some()
        await service.send(b"SSH-2.0\r\n\r\n")
        (over,) = await ended(agent)
        assert over.about == "GET /hc 502"
        assert over.error is not None


@pytest.mark.parametrize("request_text", [GET, CHUNKED], ids=["control channel", "rendezvous"])
async def test_request_that_waits_for_its_answer_is_cut_for_both_sides(
    target: TcpTarget, relay_loop: RelayLoop, request_text: bytes
):
    async with shared_web_server(target, relay_loop) as (gateway, agent):
        sender, other = await ask(gateway, request_text), await ask(gateway, GET)
        services = [await target.accept(), await target.accept()]
        await until(lambda: len(agent.agent.relayed()) == 2)
        (mine,) = [one.id for one in agent.agent.relayed() if one.peer == f"127.0.0.1:{sender.local_port}"]
        assert agent.agent.cut(mine)
        with contextlib.suppress(ConnectionResetError):
            # a reset, or the gateway's 502 where it had told the sender nothing; never the server's answer
            said = await sender.read_some()
            assert said == b"" or said.startswith(b"HTTP/1.1 502 ")
        (over,) = await ended(agent)
        assert (over.id, over.error) == (mine, "cut from here")
        await until(lambda: sum(service.has_ended for service in services) == 1, "the local server sees it")
        exchanges = await agent.exchanged()
        assert [exchange.error for exchange in exchanges] == ["cut from here"]
        assert agent.first.last_error is None
        for service in services:
            if not service.has_ended:
                await service.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        assert (await other.read_some()).startswith(b"HTTP/1.1 200 OK")
        await sender.close()
        await other.close()


async def test_answer_that_is_streamed_is_cut_for_both_sides(target: TcpTarget, relay_loop: RelayLoop):
    async with shared_web_server(target, relay_loop) as (gateway, agent):
        sender = await ask(gateway, GET)
        service = await target.accept()
        await service.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        assert (await sender.read_some()).startswith(b"HTTP/1.1 200 OK")
        await until(lambda: [one.bytes_sent for one in agent.agent.relayed()] == [9])
        (live,) = agent.agent.relayed()
        assert live.about == "GET /hc/a/b 200"
        assert agent.agent.cut(live.id)
        said, end = await sender.read_to_end()
        assert (said[-11:] in (b"data: 1\n\n\r\n", b""), end) == (True, End.RESET)
        await until(lambda: service.has_ended, "the local server sees it")
        await sender.close()


async def test_websocket_is_listed_as_one(gateway: FakeGateway, target: TcpTarget):
    async with running_gateway() as real:
        await real.create("hc")
        # the fake gateway is a WebSocket server like any other
        async with running_agent(listening(real, f"http://{gateway.host}")) as agent:
            handshake = await real.connecting("hc")
            far = await gateway.rendezvous()
            socket = await handshake.answer()
            await until(agent.agent.relayed)
            (live,) = agent.agent.relayed()
            assert live.kind is RelayedKind.WEBSOCKET
            assert agent.agent.cut(live.id)
            assert await far.closed() is None
            await socket.end()  # without a Close


async def test_cut_is_an_abort_all_the_way(target: TcpTarget, relay_loop: RelayLoop):
    """From a program at a local port, through a real gateway, to a target."""
    async with running_gateway() as gateway:
        await gateway.create("hc")
        configs = listening(gateway, target.address, name="there"), connecting(gateway, name="here")
        for cut_at in ("here", "there"):
            async with running_agent(*configs, relay_loop=relay_loop) as agent:
                program = await RawStream.open("127.0.0.1", agent.port(1))
                service = await target.accept()
                await program.send(b"hello")
                assert await service.read_exactly(5) == b"hello"
                (number,) = [one.id for one in agent.agent.relayed() if one.connection == cut_at]
                agent.agent.cut(number)
                assert await program.end() is End.RESET
                assert await service.end() is End.RESET
                await program.close()
            if isinstance(relay_loop, WorkerLoop):
                relay_loop = WorkerLoop(stop_s=5)


# --- the list itself -------------------------------------------------------------------------------------------------


@pytest.fixture
def policy() -> Policy:
    return Policy(ConnectionConfig(credential=Credential(env="KEY"), target=parse_target("1"), name="shop"))


async def test_what_has_ended_is_kept_for_a_minute(policy: Policy):
    clock = SteppedClock()
    relayed = RelayedConnections(clock)
    with relayed.relaying(policy, RelayedKind.STREAM, SENDER):
        with relayed.relaying(policy, RelayedKind.STREAM, SENDER):
            clock.advance(5)
        clock.set_forward(-3_600)
        clock.advance(KEPT_S)
        assert [one.id for one in relayed.read()] == [1, 2]
        clock.advance(0.1)
        assert [one.id for one in relayed.read()] == [1]


async def test_of_many_that_ended_the_latest_are_kept(policy: Policy):
    relayed = RelayedConnections(SteppedClock())
    for _ in range(MAX_ENDED + 5):
        with relayed.relaying(policy, RelayedKind.STREAM, SENDER):
            pass
    assert [one.id for one in relayed.read()] == list(range(6, MAX_ENDED + 6))


async def test_cut_ends_the_block_and_not_its_task(policy: Policy):
    relayed = RelayedConnections(SteppedClock())

    async def relay() -> None:
        with relayed.relaying(policy, RelayedKind.STREAM, SENDER) as entry:
            relayed.cut(entry.number)
            await asyncio.Event().wait()

    with pytest.raises(CutHereError):
        await relay()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_cancellation_is_none_of_a_cut(policy: Policy):
    relayed = RelayedConnections(SteppedClock())

    async def relay() -> None:
        with relayed.relaying(policy, RelayedKind.STREAM, SENDER):
            await asyncio.Event().wait()

    for cut_as_well in (False, True):
        task = asyncio.create_task(relay())
        await asyncio.sleep(0)
        if cut_as_well:
            assert relayed.cut(relayed.read()[-1].id)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_cut_that_comes_too_late_does_nothing(policy: Policy):
    relayed = RelayedConnections(SteppedClock())
    with relayed.relaying(policy, RelayedKind.STREAM, SENDER) as entry:
        assert relayed.cut(entry.number)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert relayed.read()[0].error is None


async def test_own_end_is_its_error(policy: Policy):
    relayed = RelayedConnections(SteppedClock())
    with pytest.raises(RelayCutError), relayed.relaying(policy, RelayedKind.STREAM, SENDER):
        raise RelayCutError("the gateway went away")
    assert relayed.read()[0].error == "the gateway went away"


@pytest.mark.parametrize(
    ("address", "port", "text"),
    [("203.0.113.7", 51_234, SENDER), ("2001:db8::7", 80, "[2001:db8::7]:80"), ("x", 0, "x"), ("", 0, "")],
)
def test_peer_is_written_as_one(address: str, port: int, text: str):
    assert peer_of(address, port) == text
