"""A local web server behind an agent is reached through a gateway, by HTTP and by WebSocket."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator

import pytest
from aiohttp import WSMsgType, web

from agent.relay_loop import RelayLoop, WorkerLoop
from tests.support.agents import RunningAgent, listening, running_agent
from tests.support.gateways import RunningGateway, running_gateway
from tests.support.raw_stream import End
from tests.support.targets import TcpTarget, tcp_target, unused_port, web_target

pytestmark = pytest.mark.allow_log_warnings("is reached without TLS")


async def serve(request: web.Request) -> web.StreamResponse:
    """A small web site."""
    match request.path:
        case "/":
            return web.Response(text="home")
        case "/echo":
            body = await request.read()
            return web.Response(body=body, headers={"X-Digest": hashlib.sha256(body).hexdigest()})
        case "/headers":
            return web.json_response([[name, value] for name, value in request.headers.items()])
        case "/target":
            return web.Response(text=request.raw_path)
        case "/cookies":
            response = web.Response(text="ok")
            response.set_cookie("a", "1", expires="Thu, 01 Jan 2037 00:00:00 GMT")
            response.set_cookie("b", "2")
            response.set_cookie("c", "3")
            return response
        case "/redirect":
            raise web.HTTPFound("http://elsewhere.test/")
        case "/gzip":
            return web.Response(body=b"not really gzip", headers={"Content-Encoding": "gzip"})
        case "/nothing":
            return web.Response(status=204)
        case "/teapot":
            return web.Response(status=418, reason="I'm a teapot", text="short and stout")
        case "/bytes":
            return web.Response(body=os.urandom(int(request.query["n"])))
        case "/ws":
            return await echo_websocket(request)
    raise web.HTTPNotFound


async def echo_websocket(request: web.Request) -> web.StreamResponse:
    socket = web.WebSocketResponse(protocols=("chat",))
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            if message.data == "close":
                await socket.close(code=4001, message=b"as you wish")
            else:
                await socket.send_str(f"{request.raw_path} {message.data}")
        elif message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


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
    request: pytest.FixtureRequest, gateway: RunningGateway, site: str
) -> AsyncIterator[RunningAgent]:
    loop: RelayLoop | None = WorkerLoop(stop_s=2) if request.param == "worker loop" else None
    async with running_agent(listening(gateway, f"http://{site}"), relay_loop=loop) as running:
        yield running


async def test_page_is_answered_and_the_relayed_request_noted(agent: RunningAgent, gateway: RunningGateway):
    response = await gateway.ask("GET", "/hc?key=secret")
    assert (response.status, response.body) == (200, b"home")
    assert response.header("Via") is not None
    assert [(e.method, e.path, e.status, e.response_bytes, e.error) for e in await agent.exchanged()] == [
        ("GET", "/hc", 200, 4, None)
    ]
    assert agent.first.traffic.total_requests == 1


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 1_000_000])
async def test_body_of_any_size_comes_back_unchanged(agent: RunningAgent, gateway: RunningGateway, size: int):
    body = os.urandom(size)
    response = await gateway.ask("POST", "/hc/echo", (), body)
    assert response.status == 200
    assert response.body == body
    assert response.header("X-Digest") == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize(
    "target",
    [
        "/hc/target?a=b&&c=%2F%2f+d&",
        "/hc/target?x=%C3%BC%20y",
        "/hc/target?q=a=b=c&sb-hc-x",
    ],
)
async def test_query_arrives_byte_for_byte(agent: RunningAgent, gateway: RunningGateway, target: str):
    response = await gateway.ask("GET", target)
    assert response.body.decode() == target.removeprefix("/hc")


async def test_local_server_is_told_where_the_request_comes_from(
    agent: RunningAgent, gateway: RunningGateway, site: str
):
    import json

    response = await gateway.ask(
        "GET", "/HC/headers", [("X-Forwarded-Proto", "made up"), ("Authorization", "Basic own")]
    )
    headers = dict(json.loads(response.body))
    assert headers["Host"] == site
    assert headers["X-Forwarded-Host"] == gateway.host
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert headers["X-Forwarded-Proto"] == "http"
    assert headers["X-Forwarded-Prefix"] == "/hc"
    assert headers["Authorization"] == "Basic own"
    assert not {"Accept", "Accept-Encoding", "User-Agent"} & headers.keys()


async def test_sent_cookies_stay_several(agent: RunningAgent, gateway: RunningGateway):
    response = await gateway.ask("GET", "/hc/cookies")
    assert response.values("Set-Cookie") == [
        "a=1; expires=Thu, 01 Jan 2037 00:00:00 GMT; Path=/",
        "b=2; Path=/",
        "c=3; Path=/",
    ]


async def test_redirect_is_passed_on_and_not_followed(agent: RunningAgent, gateway: RunningGateway):
    response = await gateway.ask("GET", "/hc/redirect")
    assert (response.status, response.header("Location")) == (302, "http://elsewhere.test/")


async def test_compressed_body_is_not_touched(agent: RunningAgent, gateway: RunningGateway):
    response = await gateway.ask("GET", "/hc/gzip")
    assert (response.header("Content-Encoding"), response.body) == ("gzip", b"not really gzip")


@pytest.mark.parametrize(
    ("method", "target", "status", "body"),
    [
        ("HEAD", "/hc", 200, b""),
        ("GET", "/hc/nothing", 204, b""),
        ("DELETE", "/hc/teapot", 418, b"short and stout"),
        ("OPTIONS", "/hc/absent", 404, b"404: Not Found"),
    ],
)
async def test_methods_and_statuses_pass(
    *, agent: RunningAgent, gateway: RunningGateway, method: str, target: str, status: int, body: bytes
):
    response = await gateway.ask(method, target)
    assert (response.status, response.body) == (status, body)


async def test_many_requests_at_once(agent: RunningAgent, gateway: RunningGateway):
    async def one(size: int) -> None:
        response = await gateway.ask("GET", f"/hc/bytes?n={size}")
        assert len(response.body) == size

    async with asyncio.TaskGroup() as tasks:
        for index in range(60):
            tasks.create_task(one(index * 2_000))
    assert len(await agent.exchanged(60)) == 60


async def test_websocket_sender_is_joined_to_the_local_endpoint(agent: RunningAgent, gateway: RunningGateway):
    waiting = await gateway.connecting(
        "hc/ws", query="room=1", headers=[("Sec-WebSocket-Protocol", "other, chat")]
    )
    sender = await waiting.answer()
    assert sender.subprotocol == "chat"
    await sender.send_text("hello")
    assert (await sender.read_message()).text == "/ws?room=1 hello"
    data = os.urandom(300_000)
    await sender.send_binary(data)
    assert (await sender.read_message()).data == data
    await sender.send_text("close")
    close = await sender.read_until_close()
    assert (close.code, close.reason) == (4001, "as you wish")
    await sender.send_close(4001)
    await sender.end()


async def test_websocket_that_the_local_server_refuses_is_refused_alike(
    agent: RunningAgent, gateway: RunningGateway
):
    waiting = await gateway.connecting("hc/absent")
    response = await waiting.refusal()
    assert (response.status, response.reason) == (404, "Not Found")


async def test_byte_stream_to_a_web_server_is_refused_saying_why(
    agent: RunningAgent, gateway: RunningGateway
):
    waiting = await gateway.connecting(headers=[("Relay-Stream", "1")])
    response = await waiting.refusal()
    assert response.status == 400
    assert "leads to a web server" in response.reason


async def test_stream_target_takes_requests_too(gateway: RunningGateway, site: str):
    async with running_agent(listening(gateway, site)):
        response = await gateway.ask("GET", "/hc")
        assert response.body == b"home"


async def test_server_sent_event_arrives_before_the_next_is_written(gateway: RunningGateway):
    next_event = asyncio.Event()

    async def events(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for number in range(3):
            await response.write(f"data: {number}\n\n".encode())
            await next_event.wait()
            next_event.clear()
        return response

    async with web_target(events) as site, running_agent(listening(gateway, f"http://{site}")):
        client = await gateway.http()
        await client.send("GET", "/hc")
        head = await client.read_head()
        assert head.header("Content-Type") == "text/event-stream"
        for number in range(3):
            assert await client.read_chunk() == f"data: {number}\n\n".encode()
            next_event.set()
        assert await client.read_chunk() == b""


async def test_upload_is_streamed(gateway: RunningGateway):
    """The local server has the first piece before the sender sends the second."""
    got: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(request: web.Request) -> web.StreamResponse:
        async for piece in request.content.iter_any():
            await got.put(piece)
        return web.Response(text="done")

    async with web_target(take) as site, running_agent(listening(gateway, f"http://{site}")):
        client = await gateway.http()
        await client.send_head("POST", "/hc", [("Transfer-Encoding", "chunked")])
        for piece in (b"one", b"two"):
            client.stream.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            async with asyncio.timeout(5):
                assert await got.get() == piece
        client.stream.write(b"0\r\n\r\n")
        response = await client.read_response()
        assert (response.status, response.body) == (200, b"done")


# --- a target that misbehaves (reliability F16, F17) -----------------------------------------------------------------


@pytest.fixture
async def raw() -> AsyncIterator[TcpTarget]:
    async with tcp_target() as running:
        yield running


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"", 502),
        (b"\x00\x01garbage\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", 502),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", 502),
        (
            b"HTTP/1.1 200 OK\r\n"
            + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 4_000) for i in range(20))
            + b"\r\n",
            502,
        ),
    ],
    ids=["closes", "garbage", "long header", "short body", "many headers"],
)
async def test_target_that_speaks_no_http_is_a_502_without_detail(
    gateway: RunningGateway, raw: TcpTarget, said: bytes, status: int
):
    async with running_agent(listening(gateway, f"http://{raw.address}")) as agent:

        async def misbehave() -> None:
            while True:  # a request that changes nothing is tried twice
                service = await raw.accept()
                await service.read_some()
                await service.send(said)
                service.half_close()

        target = asyncio.create_task(misbehave())
        response = await gateway.ask("GET", "/hc")
        target.cancel()
        assert response.status == status
        assert response.header("Via") is not None
        assert str(raw.port) not in response.body.decode()
        assert (await agent.exchanged())[0].error is not None


async def test_dead_target_is_a_502_without_detail(gateway: RunningGateway):
    port = await unused_port()
    async with running_agent(listening(gateway, f"http://127.0.0.1:{port}")) as agent:
        response = await gateway.ask("GET", "/hc")
        assert (response.status, response.reason) == (502, "The listener cannot reach its target")
        assert str(port) not in response.body.decode()
        assert "connection refused" in str((await agent.exchanged())[0].error)


@pytest.mark.parametrize("framing", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
async def test_answer_cut_short_is_seen_as_cut(gateway: RunningGateway, raw: TcpTarget, framing: str):
    async with running_agent(listening(gateway, f"http://{raw.address}")):
        client = await gateway.http()
        await client.send("GET", "/hc")
        service = await raw.accept()
        await service.read_some()
        part = b"x" * 100_000
        body = part if framing.startswith("Content") else b"%x\r\n%s\r\n" % (len(part), part)
        await service.send(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode() + body)
        head = await client.read_head()
        assert head.status == 200
        await client.read_chunk()
        service.reset()
        rest, _ = await client.stream.read_to_end()
        assert not rest.endswith(b"0\r\n\r\n")


async def test_upload_cut_short_is_seen_as_cut_by_the_local_server(gateway: RunningGateway, raw: TcpTarget):
    async with running_agent(listening(gateway, f"http://{raw.address}")):
        client = await gateway.http()
        await client.send_head("POST", "/hc", [("Content-Length", "1000000")])
        client.stream.write(b"y" * 300_000)
        service = await raw.accept()
        await service.read_some()
        client.stream.reset()
        received, _ = await service.read_to_end()
        assert not received.endswith(b"0\r\n\r\n")


async def test_sender_that_leaves_ends_the_local_request(gateway: RunningGateway, raw: TcpTarget):
    async with running_agent(listening(gateway, f"http://{raw.address}")) as agent:
        client = await gateway.http()
        await client.send("GET", "/hc")
        service = await raw.accept()
        await service.read_some()
        await service.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await client.read_head()
        client.stream.reset()
        assert (await service.read_to_end())[1] in (End.FIN, End.RESET)
        await agent.until(lambda now: not now.connections[0].traffic.open_requests)


@pytest.mark.parametrize(
    "request_target", ["@evil.test:1/x", "//evil.test/x", "/../../x", "/http://evil.test/"]
)
async def test_request_target_never_leads_elsewhere(
    gateway: RunningGateway, raw: TcpTarget, request_target: str
):
    async with running_agent(listening(gateway, f"http://{raw.address}")):
        client = await gateway.http()
        await client.send("GET", f"/hc{request_target}")
        async with asyncio.timeout(5):
            answer = asyncio.create_task(client.read_response())
            accepted = asyncio.create_task(raw.accept())
            done, pending = await asyncio.wait({answer, accepted}, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
        if accepted in done:
            line = (await accepted.result().read_line()).decode()
            assert line.startswith("GET /")
        else:
            assert answer.result().status in (400, 401, 404)
