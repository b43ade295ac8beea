"""One listener against a gateway that does what the test says."""

from __future__ import annotations

import asyncio
import json
import urllib.parse
from collections.abc import AsyncIterator

import pytest
from websockets.frames import Frame, Opcode

from agent.clock import Clock
from agent.config import ConnectionConfig, Credential, Deadlines
from agent.status import State, Trouble
from agent.targets import parse_target
from tests.support.agents import QUICK, RunningAgent, running_agent
from tests.support.clocks import SteppedClock
from tests.support.fake_gateway import FakeGateway, Refusal
from tests.support.targets import TcpTarget, tcp_target, unused_port
from tests.support.waiting import until

pytestmark = pytest.mark.allow_log_warnings("is reached without TLS")


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway.serving() as running:
        yield running


@pytest.fixture
async def target() -> AsyncIterator[TcpTarget]:
    async with tcp_target() as running:
        yield running


def listener(gateway: FakeGateway, target: str, **options: object) -> ConnectionConfig:
    credential = Credential(text=gateway.connection_string)
    return ConnectionConfig(credential=credential, target=parse_target(target), **options)  # type: ignore[arg-type]


@pytest.fixture
async def agent(gateway: FakeGateway, target: TcpTarget) -> AsyncIterator[RunningAgent]:
    async with running_agent(listener(gateway, target.address)) as running:
        yield running


# --- the handshake ---------------------------------------------------------------------------------------------------


async def test_handshake_is_as_the_protocol_says(agent: RunningAgent, gateway: FakeGateway):
    channel = await gateway.listener()
    assert urllib.parse.urlsplit(channel.path).path == "/$hc/hc"
    assert channel.query["sb-hc-action"] == ["listen"]
    assert len(channel.query["sb-hc-id"][0]) == 36
    assert "Sec-WebSocket-Extensions" not in channel.headers
    assert "Sec-WebSocket-Protocol" not in channel.headers
    assert channel.headers["User-Agent"].startswith("RelayDesk-Agent")
    token = channel.headers["ServiceBusAuthorization"]
    assert token.startswith("SharedAccessSignature sr=http%3A%2F%2F127.0.0.1%2Fhc&sig=")
    assert "sb-hc-token" not in channel.query


async def test_stopping_says_close(gateway: FakeGateway, target: TcpTarget):
    async with running_agent(listener(gateway, target.address)):
        channel = await gateway.listener()
        closing = asyncio.create_task(channel.closed())
    assert await closing is None or closing.result() == 1000


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_refusal_is_shown_and_retried_slowly(gateway: FakeGateway, target: TcpTarget, status: int):
    gateway.refusals.append(Refusal(status, "ExpiredToken: sig=c2VjcmV0IQ%3D%3D TrackingId:1_G2"))
    clock = SteppedClock()
    async with running_agent(listener(gateway, target.address), clock=clock, is_ready=False) as agent:
        delay = await clock.next_wait()
        assert delay is not None
        assert 30 <= delay <= 33
        status_now = agent.first
        assert status_now.state is State.WAITING
        assert status_now.last_error is not None
        assert f"{status} ExpiredToken" in status_now.last_error
        assert "TrackingId:1_G2" in status_now.last_error
        assert "c2VjcmV0" not in status_now.last_error
        assert status_now.next_try_at == clock.now() + delay
        assert (status_now.trouble, status_now.refused_status) == (Trouble.GATEWAY_REFUSED, status)
        clock.advance(delay)
        await agent.until_listening()
    assert gateway.attempts == 2


async def test_other_failures_are_retried_soon_and_then_slower(gateway: FakeGateway, target: TcpTarget):
    gateway.refusals.extend([Refusal(503)] * 6)
    clock = SteppedClock()
    async with running_agent(listener(gateway, target.address), clock=clock, is_ready=False) as agent:
        delays = []
        for _ in range(6):
            delay = await clock.next_wait()
            assert delay is not None
            delays.append(delay)
            clock.advance(delay)
        await agent.until_listening()
    assert delays[0] == 0
    assert all(delay <= ceiling for delay, ceiling in zip(delays[1:], [0.25, 0.5, 1, 1, 1], strict=True))


async def test_unreachable_gateway_is_waited_for(gateway: FakeGateway, target: TcpTarget):
    await gateway.stop()
    async with running_agent(listener(gateway, target.address), is_ready=False) as agent:
        status = await agent.until(lambda now: now.connections[0].last_error is not None)
        assert "connection refused" in str(status.connections[0].last_error)
        assert status.connections[0].trouble is Trouble.GATEWAY_UNREACHABLE
        await gateway.start()
        status = await agent.until_listening()
        assert (status.connections[0].trouble, status.connections[0].refused_status) == (None, None)
        assert status.connections[0].last_error is not None


async def test_user_can_ask_for_the_next_try(gateway: FakeGateway, target: TcpTarget):
    gateway.refusals.append(Refusal(404))
    async with running_agent(listener(gateway, target.address), is_ready=False) as agent:
        await agent.until(lambda now: now.connections[0].state is State.WAITING)
        agent.agent.retry_now()
        await agent.until_listening()


@pytest.mark.parametrize(
    "answer",
    [
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: wrong\r\n\r\n"
        ),
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"",
    ],
    ids=["wrong accept key", "no upgrade", "not HTTP", "redirect", "long header", "nothing"],
)
async def test_gateway_that_is_none_is_an_error_and_not_followed(target: TcpTarget, answer: bytes):
    async with tcp_target() as impostor:
        fake = FakeGateway()
        fake.port = impostor.port
        clock = SteppedClock()
        async with running_agent(listener(fake, target.address), clock=clock, is_ready=False) as agent:
            stream = await impostor.accept()
            await stream.read_some()
            await stream.send(answer)
            stream.half_close()
            assert await clock.next_wait() is not None
            assert agent.first.state is State.WAITING
            assert impostor.connections == 1


# --- staying ---------------------------------------------------------------------------------------------------------


async def test_token_is_renewed_before_it_expires(gateway: FakeGateway, target: TcpTarget):
    clock = SteppedClock()
    async with running_agent(listener(gateway, target.address), clock=clock):
        channel = await gateway.listener()
        first = channel.headers["ServiceBusAuthorization"]
        for _ in range(2):
            delay = await clock.next_wait()
            assert delay == 0.8 * 3_600
            clock.advance(delay)
            renewed = (await channel.hear())["renewToken"]["token"]
            assert renewed.split("&sig=")[0] == first.split("&sig=")[0]
            expiry = int(dict(part.split("=", 1) for part in renewed.split(" ")[1].split("&"))["se"])
            assert expiry == int(clock.now()) + 3_600
    assert gateway.attempts == 1


async def test_ready_token_is_used_as_it_is_and_its_end_is_shown(gateway: FakeGateway, target: TcpTarget):
    token = "SharedAccessSignature sr=http%3A%2F%2F127.0.0.1%2Fhc&sig=c2ln&se=1893456000&skn=rule"
    text = f"Endpoint=sb://{gateway.host}/;SharedAccessSignature={token};EntityPath=hc;UseDevelopmentEmulator=true"
    config = ConnectionConfig(credential=Credential(text=text), target=parse_target(target.address))
    async with running_agent(config) as agent:
        channel = await gateway.listener()
        assert channel.headers["ServiceBusAuthorization"] == token
        assert agent.first.token_expires_at == 1_893_456_000


@pytest.mark.parametrize("code", [1001, 1008, 1011])
async def test_closed_channel_is_opened_again_at_once_with_a_new_token(
    gateway: FakeGateway, target: TcpTarget, code: int
):
    clock = SteppedClock()
    async with running_agent(listener(gateway, target.address), clock=clock) as agent:
        channel = await gateway.listener()
        assert await clock.next_wait() is not None  # the renewal
        clock.advance(60)
        await channel.socket.close(code, "recycled")
        assert await clock.next_wait() == 0
        again = await gateway.listener()
        assert again.headers["ServiceBusAuthorization"] != channel.headers["ServiceBusAuthorization"]
        assert again.query["sb-hc-id"] != channel.query["sb-hc-id"]
        assert f"closed with code {code} (recycled)" in str(agent.first.last_error)


async def test_status_says_under_which_id_it_listens_and_how_far_it_is(
    gateway: FakeGateway, target: TcpTarget
):
    quick = Deadlines(ping_interval_s=0.05)
    async with running_agent(listener(gateway, target.address), deadlines=quick) as agent:
        channel = await gateway.listener()
        assert [agent.first.listener_id] == channel.query["sb-hc-id"]
        await until(lambda: agent.first.round_trip_s is not None, "a ping is answered")
        assert 0 < (agent.first.round_trip_s or 0) < 10
        gateway.refusals.extend([Refusal(503)] * 100)
        await channel.socket.close(1011)
        await agent.until(lambda now: now.connections[0].refused_status == 503)
        assert (agent.first.listener_id, agent.first.round_trip_s) == (None, None)


async def test_trouble_stays_while_it_is_tried_again(gateway: FakeGateway, target: TcpTarget):
    """A state that is shown must not flicker at every try."""
    gateway.refusals.append(Refusal(503))
    clock = SteppedClock()
    async with running_agent(listener(gateway, target.address), clock=clock, is_ready=False) as agent:
        seen = []
        async for status in agent.agent.changes():
            now = status.connections[0]
            seen.append((now.state, now.trouble))
            if now.state is State.LISTENING:
                break
    assert (State.CONNECTING, Trouble.GATEWAY_REFUSED) in seen
    assert seen[-1] == (State.LISTENING, None)


async def test_gateway_that_drops_at_once_is_not_asked_without_pause(gateway: FakeGateway, target: TcpTarget):
    clock = SteppedClock()
    async with running_agent(listener(gateway, target.address), clock=clock, is_ready=False):
        delays = []
        for _ in range(5):
            channel = await gateway.listener()
            assert await clock.next_wait() == 0.8 * 3_600
            await channel.socket.close(1011)
            delay = await clock.next_wait()
            assert delay is not None
            delays.append(delay)
            clock.advance(delay)
    assert delays[0] == 0
    assert all(delay > 0 for delay in delays[1:])


async def test_gateway_restart_brings_the_listener_back(gateway: FakeGateway, target: TcpTarget):
    async with running_agent(listener(gateway, target.address)) as agent:
        await gateway.listener()
        await gateway.stop()
        await agent.until(lambda now: now.connections[0].state is not State.LISTENING)
        await gateway.start()
        await gateway.listener()
        await agent.until_listening()


async def test_silent_gateway_is_left(gateway: FakeGateway, target: TcpTarget):
    """A peer that vanished sends no end: only the missing pongs show it (reliability F4b)."""
    deadlines = Deadlines(ping_interval_s=0.05, pong_timeout_s=0.05)
    async with running_agent(listener(gateway, target.address), deadlines=deadlines):
        channel = await gateway.listener()
        channel.socket.transport.pause_reading()
        await gateway.listener()


async def test_gateway_that_pings_and_never_reads_is_left(gateway: FakeGateway, target: TcpTarget):
    """Measured in the library: pongs that nobody reads pile up without end."""
    async with running_agent(listener(gateway, target.address)):
        channel = await gateway.listener()
        channel.socket.transport.pause_reading()
        ping = Frame(Opcode.PING, b"x" * 125).serialize(mask=False) * 1_000
        again = asyncio.create_task(gateway.listener())
        while not again.done():
            if not channel.socket.transport.is_closing():
                channel.socket.transport.write(ping)
            await asyncio.sleep(0)


# --- what a gateway may say ------------------------------------------------------------------------------------------


async def test_unknown_messages_and_stray_bodies_are_ignored(
    agent: RunningAgent, gateway: FakeGateway, target: TcpTarget
):
    channel = await gateway.listener()
    await channel.say(injectFault={"x": 1})
    await channel.socket.send(b"stray")
    await channel.say(**gateway.accept())
    await target.accept()
    assert gateway.attempts == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        '{"accept": {}}',
        '{"accept": 5}',
        '{"request": {"address": 1}}',
        '{"accept":' * 5_000,
    ],
)
async def test_broken_message_ends_the_channel_and_the_listener_comes_back(
    agent: RunningAgent, gateway: FakeGateway, text: str
):
    channel = await gateway.listener()
    await channel.socket.send(text)
    assert await channel.closed() in (1002, 1007)
    await gateway.listener()
    await agent.until_listening()


async def test_message_longer_than_any_rule_allows_ends_the_channel(
    agent: RunningAgent, gateway: FakeGateway
):
    channel = await gateway.listener()
    await channel.socket.send("x" * 1_000_000)
    assert await channel.closed() == 1009
    await gateway.listener()


async def test_relayed_connection_outlives_its_control_channel(
    agent: RunningAgent, gateway: FakeGateway, target: TcpTarget
):
    channel = await gateway.listener()
    await channel.say(**gateway.accept())
    rendezvous, service = await gateway.rendezvous(), await target.accept()
    await channel.socket.close(1011)
    await gateway.listener()
    await service.send(b"still here")
    assert await rendezvous.hear() == b"still here"


async def test_rendezvous_carries_no_token_and_the_address_as_it_is(
    agent: RunningAgent, gateway: FakeGateway, target: TcpTarget
):
    channel = await gateway.listener()
    address = gateway.address(path="hc/x%2Fy", query="a=%2f&&b=c=d")
    await channel.say(**gateway.accept(address))
    rendezvous = await gateway.rendezvous()
    assert rendezvous.path == address.removeprefix(f"ws://{gateway.host}")
    assert "ServiceBusAuthorization" not in rendezvous.headers
    assert "Authorization" not in rendezvous.headers


async def test_dead_target_is_a_rejection_with_a_plain_reason(gateway: FakeGateway):
    port = await unused_port()
    async with running_agent(listener(gateway, f"127.0.0.1:{port}")) as agent:
        channel = await gateway.listener()
        await channel.say(**gateway.accept())
        assert await gateway.rejection() == (502, "The listener cannot reach its target")
        await agent.until(lambda now: now.connections[0].traffic.refused_connections == 1)


async def test_more_senders_than_allowed_are_refused(gateway: FakeGateway, target: TcpTarget):
    async with running_agent(listener(gateway, target.address, max_connections=2)) as agent:
        channel = await gateway.listener()
        for _ in range(2):
            await channel.say(**gateway.accept())
            await target.accept()
        await channel.say(**gateway.accept())
        status, reason = await gateway.rejection()
        assert status == 503
        assert "as many relayed connections" in reason
        (await gateway.rendezvous()).socket.transport.abort()
        await agent.until(lambda now: now.connections[0].traffic.open_connections == 1)
        await channel.say(**gateway.accept())
        await target.accept()


async def test_flood_of_offers_opens_a_bounded_number_of_connections(gateway: FakeGateway, target: TcpTarget):
    async with running_agent(listener(gateway, target.address, max_connections=5)):
        channel = await gateway.listener()
        for _ in range(500):
            await channel.say(**gateway.accept())
        pong = await channel.socket.ping()
        await pong
        assert target.connections <= 5
        await channel.say(**gateway.request())
        assert gateway.attempts == 1


async def test_more_requests_than_allowed_are_answered_503(gateway: FakeGateway, target: TcpTarget):
    async with running_agent(listener(gateway, f"http://{target.address}", max_requests=1)):
        channel = await gateway.listener()
        await channel.say(**gateway.request())
        await target.accept()
        second = gateway.request()
        await channel.say(**second)
        response = (await channel.hear())["response"]
        assert (response["requestId"], response["statusCode"]) == (second["request"]["id"], 503)
        assert await channel.hear() == b"The listener has too much to do\n"


async def test_cancelling_leaves_nothing_open(gateway: FakeGateway, target: TcpTarget):
    async with running_agent(listener(gateway, target.address)):
        channel = await gateway.listener()
        await channel.say(**gateway.accept())
        rendezvous, service = await gateway.rendezvous(), await target.accept()
        await channel.say(**gateway.accept(gateway.address(path="hc/2")))
        other = await gateway.rendezvous()
    assert await rendezvous.closed() is None
    assert await other.closed() is None
    await service.end()


# --- secrets (reliability P1) ----------------------------------------------------------------------------------------


async def test_nothing_secret_is_logged(
    gateway: FakeGateway, target: TcpTarget, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG")
    async with running_agent(listener(gateway, target.address)) as agent:
        channel = await gateway.listener()
        await channel.say(**gateway.accept(Authorization="Bearer eyJhbGciOi.eyJzdWIi.c2ln"))
        (await gateway.rendezvous()).socket.transport.abort()
        await channel.say(**gateway.request("POST", "/hc?password=hunter2"))
        await target.accept()
        (await target.accept()).reset()
        await channel.hear()
        shown = json.dumps([str(agent.agent.snapshot()), *map(str, agent.exchanges)])
    # the library that plays the gateway logs under "websockets.server"
    text = shown + "".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("websockets.server")
    )
    for secret in ("a2V5", "hunter2", "5ec2e7", "eyJhbGciOi", "sig="):
        assert secret not in text


def test_clock_of_the_computer_goes_on():
    clock = Clock()
    assert clock.now() > 1_700_000_000
    assert clock.monotonic() <= clock.monotonic()
    assert QUICK.accept_s == 20
