"""The sender's side against a scripted gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from agent.clock import Clock
from agent.config import Deadlines, NetworkConfig
from agent.credentials import Access
from agent.errors import ConfigError, GatewayRejectedError, GatewayUnreachableError, RelayCutError
from agent.network import Network
from agent.pump import StreamLeg
from agent.sender import connect, send_request
from hyco.addresses import Endpoint
from hyco.connection_string import parse
from tests.support.fake_gateway import FakeGateway
from tests.support.targets import TcpTarget, tcp_target, unused_port, web_target

NETWORK = Network(NetworkConfig(proxy="none"))


def access_to(address: str, *, with_key: bool = True) -> Access:
    host, _, port = address.rpartition(":")
    secret = parse(
        f"Endpoint=sb://{address}/;SharedAccessKeyName=r;SharedAccessKey=a2V5;UseDevelopmentEmulator=true"
    )
    return Access(Endpoint(host, int(port), is_secure=False), "a/hc", secret if with_key else None)


# --- WebSockets ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway.serving() as running:
        yield running


async def test_connect_says_who_it_is_and_where_it_wants_to_go(gateway: FakeGateway):
    leg = StreamLeg("the gateway", 60)
    chosen = await connect(
        leg,
        access_to(gateway.host),
        NETWORK,
        Deadlines(),
        Clock(),
        suffix="x",
        query="y=1",
        headers=[("X-Own", "1")],
    )
    far = await gateway.rendezvous()
    assert chosen is None
    assert far.path.startswith("/$hc/a/hc/x?y=1&sb-hc-action=connect&sb-hc-id=")
    assert far.headers["ServiceBusAuthorization"].startswith(
        "SharedAccessSignature sr=http%3A%2F%2F127.0.0.1%2Fa%2Fhc&"
    )
    assert far.headers["X-Own"] == "1"
    leg.reset()


async def test_connect_without_a_key_sends_no_token(gateway: FakeGateway):
    leg = StreamLeg("the gateway", 60)
    await connect(leg, access_to(gateway.host, with_key=False), NETWORK, Deadlines(), Clock())
    assert "ServiceBusAuthorization" not in (await gateway.rendezvous()).headers
    leg.reset()


@pytest.fixture
async def raw() -> AsyncIterator[TcpTarget]:
    async with tcp_target() as running:
        yield running


async def test_refusal_carries_status_and_reason(raw: TcpTarget):
    connecting = asyncio.create_task(
        connect(StreamLeg("the gateway", 60), access_to(raw.address), NETWORK, Deadlines(), Clock())
    )
    stream = await raw.accept()
    await stream.read_some()
    await stream.send(
        b"HTTP/1.1 404 There are no listeners connected for the endpoint. TrackingId:1_G2\r\n"
        b"Content-Length: 9\r\n\r\nnot heard"
    )
    with pytest.raises(GatewayRejectedError) as raised:
        await connecting
    assert raised.value.status == 404
    assert raised.value.reason == "There are no listeners connected for the endpoint. TrackingId:1_G2"


async def test_bytes_right_behind_the_101_are_not_lost(raw: TcpTarget):
    """They come in the same segment as the handshake when a listener speaks first."""
    from hyco.frames import Opcode, frame
    from hyco.handshake import accept_key

    heard = bytearray()

    class Leg(StreamLeg):
        def _pass_on(self, parts: list[bytes]) -> None:
            heard.extend(b"".join(parts))

    leg = Leg("the gateway", 60)
    connecting = asyncio.create_task(connect(leg, access_to(raw.address), NETWORK, Deadlines(), Clock()))
    stream = await raw.accept()
    head = (await stream.read_some()).decode()
    key = next(line.split(": ")[1] for line in head.split("\r\n") if line.startswith("Sec-WebSocket-Key"))
    await stream.send(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode()
        + frame(Opcode.BINARY, b"early")
    )
    await connecting
    leg.start()
    assert heard == b"early"
    leg.reset()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"\r\n\r\n",
        b"HTTP/1.1 101 x\r\n" + b"A: b\r\n" * 20_000,
    ],
    ids=["nothing", "no upgrade", "other version", "empty", "endless"],
)
async def test_what_is_no_handshake_is_an_error(raw: TcpTarget, answer: bytes):
    connecting = asyncio.create_task(
        connect(StreamLeg("the gateway", 60), access_to(raw.address), NETWORK, Deadlines(), Clock())
    )
    stream = await raw.accept()
    await stream.read_some()
    await stream.send(answer)
    stream.half_close()
    with pytest.raises(GatewayUnreachableError):
        await connecting


async def test_gateway_that_does_not_answer_is_given_up(raw: TcpTarget):
    deadlines = Deadlines(connect_s=0.05)
    with pytest.raises(GatewayUnreachableError, match="did not answer in time"):
        await connect(StreamLeg("the gateway", 60), access_to(raw.address), NETWORK, deadlines, Clock())
    await (await raw.accept()).read_to_end()


# --- HTTP ------------------------------------------------------------------------------------------------------------


async def relayed(request: web.Request) -> web.StreamResponse:
    """What a relay answers."""
    if request.path == "/a/hc/none":
        return web.Response(status=404, reason="There are no listeners. TrackingId:1_G2")
    if request.path == "/a/hc/error":
        return web.Response(status=500, reason="Own error", headers={"Via": "1.1 ns"}, text="own")
    body = await request.read()
    shown = f"{request.method} {request.raw_path} {body.decode()}"
    return web.Response(
        text=shown, headers={"Via": "1.1 ns", "X-Token": request.headers.get("ServiceBusAuthorization", "")}
    )


@pytest.fixture
async def relay() -> AsyncIterator[str]:
    async with web_target(relayed) as address:
        yield address


async def test_request_is_sent_with_its_token(relay: str):
    async with send_request(
        access_to(relay),
        NETWORK,
        Deadlines(),
        Clock(),
        method="PUT",
        suffix="x y",
        query="a=%2f&&b",
        body=b"hello",
    ) as response:
        assert response.status == 200
        assert b"".join([piece async for piece in response]) == b"PUT /a/hc/x%20y?a=%2f&&b hello"
        assert dict(response.headers)["X-Token"].startswith("SharedAccessSignature ")


async def test_request_body_can_be_streamed(relay: str):
    async def body() -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"

    async with send_request(
        access_to(relay), NETWORK, Deadlines(), Clock(), method="POST", body=body()
    ) as response:
        assert b"".join([piece async for piece in response]) == b"POST /a/hc one two"


async def test_relays_own_refusal_is_an_error_and_the_listeners_answer_is_not(relay: str):
    with pytest.raises(GatewayRejectedError) as raised:
        async with send_request(access_to(relay), NETWORK, Deadlines(), Clock(), suffix="none"):
            pass
    assert (raised.value.status, raised.value.reason) == (404, "There are no listeners. TrackingId:1_G2")
    async with send_request(access_to(relay), NETWORK, Deadlines(), Clock(), suffix="error") as response:
        assert (response.status, response.reason) == (500, "Own error")


async def test_answer_that_is_cut_is_an_error(raw: TcpTarget):
    async def ask() -> bytes:
        async with send_request(access_to(raw.address), NETWORK, Deadlines(), Clock()) as response:
            return b"".join([piece async for piece in response])

    asking = asyncio.create_task(ask())
    stream = await raw.accept()
    await stream.read_some()
    await stream.send(b"HTTP/1.1 200 OK\r\nVia: 1.1 ns\r\nContent-Length: 10\r\n\r\nhalf")
    stream.half_close()
    with pytest.raises(RelayCutError, match="cut short"):
        await asking


async def test_unreachable_gateway_is_said():
    port = await unused_port()
    with pytest.raises(GatewayUnreachableError, match="connection refused"):
        async with send_request(access_to(f"127.0.0.1:{port}"), NETWORK, Deadlines(), Clock()):
            pass


async def test_requests_cannot_take_a_socks_proxy():
    network = Network(NetworkConfig(proxy="socks5://127.0.0.1:1"))
    access = Access(Endpoint("gw.example.net", 443, is_secure=True), "hc", None)
    with pytest.raises(ConfigError, match="http:// proxy"):
        async with send_request(access, network, Deadlines(), Clock()):
            pass
