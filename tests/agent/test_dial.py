"""Targets with TLS: verified, unless the settings say otherwise."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest
import trustme
from aiohttp import WSMsgType, web

from agent.config import ConnectionConfig, Credential
from agent.dial import dial_stream, dial_websocket, target_tls
from agent.errors import TargetRejectedError, TargetUnreachableError
from agent.targets import parse_target
from agent.websocket_join import JoinedLeg
from tests.support.agents import running_agent
from tests.support.fake_gateway import FakeGateway
from tests.support.targets import TcpTarget, tcp_target, unused_port

pytestmark = pytest.mark.allow_log_warnings("is reached without TLS")


async def handle(request: web.Request) -> web.StreamResponse:
    if "Upgrade" not in request.headers:
        return web.Response(text="secret page")
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data.upper())
    return socket


@pytest.fixture
async def site() -> AsyncIterator[str]:
    """A web server with a certificate that nobody trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.0)
    await runner.setup()
    server = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await server.start()
    yield f"https://127.0.0.1:{server.port}"
    await runner.cleanup()


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway.serving() as running:
        yield running


def config(gateway: FakeGateway, target: str, *, insecure_target: bool) -> ConnectionConfig:
    return ConnectionConfig(
        credential=Credential(text=gateway.connection_string),
        target=parse_target(target),
        insecure_target=insecure_target,
    )


async def test_certificate_of_a_target_is_verified(gateway: FakeGateway, site: str):
    async with running_agent(config(gateway, site, insecure_target=False)) as agent:
        channel = await gateway.listener()
        await channel.say(**gateway.request())
        assert (await channel.hear())["response"]["statusCode"] == 502
        assert await channel.hear() == b"The listener cannot reach its target\n"
        assert "certificate" in str((await agent.exchanged())[0].error)
        await channel.say(**gateway.accept())
        assert await gateway.rejection() == (502, "The listener cannot reach its target")
        await agent.until(lambda now: "not trusted" in str(now.connections[0].last_error))


@pytest.mark.expect_log_warnings("is not verified", "is reached without TLS")
async def test_target_can_be_trusted_without_proof(gateway: FakeGateway, site: str):
    async with running_agent(config(gateway, site, insecure_target=True)):
        channel = await gateway.listener()
        await channel.say(**gateway.request())
        assert (await channel.hear())["response"]["statusCode"] == 200
        assert await channel.hear() == b"secret page"
        await channel.say(**gateway.accept())
        sender = await gateway.rendezvous()
        await sender.socket.send("hello")
        assert await sender.socket.recv() == "HELLO"
        await sender.socket.close()


def test_only_targets_with_tls_need_a_context():
    credential = Credential(env="X")
    assert target_tls(ConnectionConfig(credential=credential, target=parse_target("http://a"))) is None
    assert target_tls(ConnectionConfig(credential=credential, target=parse_target("3000"))) is None
    strict = target_tls(ConnectionConfig(credential=credential, target=parse_target("https://a")))
    assert strict is not None
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)


# --- targets that do not behave --------------------------------------------------------------------------------------


@pytest.fixture
async def raw() -> AsyncIterator[TcpTarget]:
    async with tcp_target() as running:
        yield running


async def dial(address: str) -> str | None:
    return await dial_websocket(
        JoinedLeg("the target", 60),
        parse_target(f"http://{address}"),
        "/",
        tls=None,
        headers=(),
        subprotocols=(),
        timeout_s=0.2,
    )


async def test_dead_port_is_said_with_its_name():
    port = await unused_port()
    with pytest.raises(
        TargetUnreachableError, match=f"cannot reach target 127.0.0.1:{port}: connection refused"
    ):
        await dial_stream(parse_target(f"127.0.0.1:{port}"), 2)
    with pytest.raises(TargetUnreachableError, match="connection refused"):
        await dial(f"127.0.0.1:{port}")


async def test_target_that_never_answers_is_given_up(raw: TcpTarget):
    with pytest.raises(TargetUnreachableError, match="did not answer within"):
        await dial(raw.address)
    await (await raw.accept()).read_to_end()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", TargetUnreachableError),
        (b"SSH-2.0-x\r\n\r\n", TargetUnreachableError),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", TargetUnreachableError),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", TargetRejectedError),
        (b"HTTP/1.1 302 Found\r\nLocation: http://evil.test/\r\n\r\n", TargetRejectedError),
    ],
)
async def test_target_that_takes_no_websocket_is_an_error(
    raw: TcpTarget, answer: bytes, error: type[Exception]
):
    dialling = asyncio.create_task(dial(raw.address))
    stream = await raw.accept()
    await stream.read_some()
    await stream.send(answer)
    stream.half_close()
    with pytest.raises(error):
        await dialling
