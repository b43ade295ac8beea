"""What is relayed through a real gateway is captured as it was, and costs nobody anything."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from aiohttp import WSMsgType, web

from agent.captured import ExchangeKind, MessageKind, Phase, Side, phases
from agent.exchanges import Exchanges
from agent.relay_loop import RelayLoop, WorkerLoop
from tests.support.agents import RunningAgent, listening, running_agent
from tests.support.captures import over
from tests.support.gateways import RunningGateway, running_gateway
from tests.support.targets import tcp_target, unused_port, web_target
from tests.support.waiting import until

pytestmark = pytest.mark.allow_log_warnings("is reached without TLS")


async def serve(request: web.Request) -> web.StreamResponse:
    match request.path:
        case "/echo":
            return web.Response(body=await request.content.read(), headers={"X-Method": request.method})
        case "/pieces":
            response = web.StreamResponse()
            await response.prepare(request)
            for number in range(3):
                await response.write(b"%d" % number)
            return response
        case "/ws":
            socket = web.WebSocketResponse(protocols=("chat",))
            await socket.prepare(request)
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await socket.send_str(message.data.upper())
                else:
                    await socket.send_bytes(message.data[::-1])
            return socket
    raise web.HTTPNotFound


@pytest.fixture
async def gateway() -> AsyncIterator[RunningGateway]:
    async with running_gateway() as running:
        await running.create("hc", is_anonymous=True)
        yield running


@pytest.fixture
async def site() -> AsyncIterator[str]:
    async with web_target(serve) as address:
        yield address


@pytest.fixture(params=["same loop", "worker loop"])
async def agent(
    request: pytest.FixtureRequest, gateway: RunningGateway, site: str, captures: Exchanges
) -> AsyncIterator[RunningAgent]:
    loop: RelayLoop | None = WorkerLoop(stop_s=2) if request.param == "worker loop" else None
    async with running_agent(
        listening(gateway, f"http://{site}"), relay_loop=loop, captures=captures
    ) as running:
        yield running


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 300_000, 3_000_000])
async def test_both_bodies_are_captured_whole(
    agent: RunningAgent, gateway: RunningGateway, captures: Exchanges, size: int
):
    body = os.urandom(size)
    await gateway.ask("POST", "/hc/echo?a=1", [("X-Of-The-Sender", "yes")], body)
    one = await over(captures)
    assert (one.kind, one.method, one.request_target, one.status, one.error) == (
        ExchangeKind.HTTP,
        "POST",
        "/hc/echo?a=1",
        200,
        None,
    )
    assert ("X-Of-The-Sender", "yes") in one.request_headers
    assert ("X-Method", "POST") in one.response_headers
    assert one.peer.startswith("127.0.0.1")
    for side, state in ((Side.SENDER, one.request_body), (Side.TARGET, one.response_body)):
        assert (state.size, state.kept, state.is_whole, state.lost) == (size, size, True, None)
        assert captures.body(1, side, 0, size) == body
    seen = [phase for phase, _, _ in phases(one.timing)]
    assert seen[0] is Phase.ADMISSION
    assert Phase.TARGET in seen
    assert seen[-1] is Phase.BODY


async def test_new_connection_to_the_local_server_is_told_from_one_that_is_used_again(
    agent: RunningAgent, gateway: RunningGateway, captures: Exchanges
):
    for _ in range(2):
        await gateway.ask("GET", "/hc/echo")
    first, second = await over(captures, 1), await over(captures, 2)
    assert first.timing.connected_s is not None
    assert second.timing.connected_s is None


async def test_chunked_upload_and_streamed_answer_are_captured_whole(
    agent: RunningAgent, gateway: RunningGateway, captures: Exchanges
):
    client = await gateway.http()
    await client.send_head("PUT", "/hc/pieces", [("Transfer-Encoding", "chunked")])
    client.stream.write(b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
    assert (await client.read_response()).body == b"012"
    one = await over(captures)
    assert captures.body(1, Side.SENDER, 0, 100) == b"abcdefg"
    assert captures.body(1, Side.TARGET, 0, 100) == b"012"
    assert (one.request_body.is_whole, one.response_body.is_whole) == (True, True)


async def test_websocket_is_captured_with_both_directions(
    agent: RunningAgent, gateway: RunningGateway, captures: Exchanges
):
    waiting = await gateway.connecting(
        "hc/ws", query="room=1", headers=[("Sec-WebSocket-Protocol", "other, chat")]
    )
    sender = await waiting.answer()
    await sender.send_text("hello")
    assert (await sender.read_message()).text == "HELLO"
    data = os.urandom(300_000)
    await sender.send_binary(data)
    assert (await sender.read_message()).data == data[::-1]
    await sender.close(4_001, "bye")
    one = await over(captures)
    assert (one.kind, one.method, one.request_target, one.status, one.reason) == (
        ExchangeKind.WEBSOCKET,
        "GET",
        "/hc/ws?room=1",
        101,
        "Switching Protocols",
    )
    assert one.response_headers == (("Sec-WebSocket-Protocol", "chat"),)
    messages = captures.messages(1, None, 100).messages
    assert [(m.side, m.kind) for m in messages] == [
        (Side.SENDER, MessageKind.TEXT),
        (Side.TARGET, MessageKind.TEXT),
        (Side.SENDER, MessageKind.BINARY),
        (Side.TARGET, MessageKind.BINARY),
        (Side.SENDER, MessageKind.CLOSE),
        (Side.TARGET, MessageKind.CLOSE),
    ]
    payloads = [captures.message(1, m, 1 << 20) for m in messages]
    assert payloads[:4] == [b"hello", b"HELLO", data, data[::-1]]
    assert payloads[4] == (4_001).to_bytes(2, "big") + b"bye"


async def test_websocket_that_the_local_server_refuses_is_captured_with_its_answer(
    agent: RunningAgent, gateway: RunningGateway, captures: Exchanges
):
    waiting = await gateway.connecting("hc/absent")
    await waiting.refusal()
    one = await over(captures)
    assert (one.kind, one.status, one.reason) == (ExchangeKind.WEBSOCKET, 404, "Not Found")
    assert "404" in str(one.error)


async def test_failure_is_captured_with_what_the_sender_saw(gateway: RunningGateway, captures: Exchanges):
    port = await unused_port()
    async with running_agent(listening(gateway, f"http://127.0.0.1:{port}"), captures=captures):
        response = await gateway.ask("GET", "/hc")
        one = await over(captures)
    assert (one.status, one.reason) == (502, response.reason)
    assert captures.body(1, Side.TARGET, 0, 1_000) == response.body
    assert "connection refused" in str(one.error)


async def test_answer_that_is_cut_is_captured_as_far_as_it_came(gateway: RunningGateway, captures: Exchanges):
    async with (
        tcp_target() as target,
        running_agent(listening(gateway, f"http://{target.address}"), captures=captures),
    ):
        client = await gateway.http()
        await client.send("GET", "/hc")
        service = await target.accept()
        await service.read_some()
        await service.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100_000)
        await until(lambda: captures.find(1).response.size == 100_000, "so much has been passed on")
        service.half_close()
        one = await over(captures)
    assert (one.status, one.response_body.is_whole) == (200, False)
    assert one.response_body.size == one.response_body.kept == 100_000
    assert one.error == "The target's answer ended before its end"


async def test_cut_from_here_is_captured_as_that(gateway: RunningGateway, captures: Exchanges):
    has_come, is_over = asyncio.Event(), asyncio.Event()

    async def never(_: web.Request) -> web.StreamResponse:
        has_come.set()
        await is_over.wait()
        return web.Response()

    async with (
        web_target(never) as site,
        running_agent(listening(gateway, f"http://{site}"), captures=captures) as agent,
    ):
        client = await gateway.http()
        await client.send("GET", "/hc")
        await has_come.wait()
        assert agent.agent.cut(agent.agent.relayed()[0].id)
        one = await over(captures)
        is_over.set()
    assert one.error == "cut from here"
    assert one.status == 0


async def test_byte_streams_are_nobodys_to_look_at(gateway: RunningGateway, captures: Exchanges):
    async with (
        tcp_target() as target,
        running_agent(listening(gateway, target.address), captures=captures),
    ):
        sender = await (await gateway.connecting()).answer()
        service = await target.accept()
        await sender.send_binary(b"private")
        await service.read_some()
        assert captures.changes().changed == ()


async def test_nothing_is_captured_while_it_is_off(
    agent: RunningAgent, gateway: RunningGateway, captures: Exchanges
):
    captures.is_capturing = False
    assert (await gateway.ask("GET", "/hc/echo")).status == 200
    assert captures.changes().changed == ()
