"""Which way an answer goes, and how a relayed request fails. The whole way is in tests/e2e/test_http.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent.config import ConnectionConfig, Credential, Deadlines
from agent.targets import parse_target
from tests.support.agents import RunningAgent, running_agent
from tests.support.fake_gateway import FakeChannel, FakeGateway
from tests.support.raw_stream import End, RawStream
from tests.support.targets import TcpTarget, tcp_target, unused_port
from tests.support.waiting import until

pytestmark = pytest.mark.allow_log_warnings("is reached without TLS")

QUICK = Deadlines(response_start_s=0.2, body_idle_s=0.2, flush_s=0.1, prompt_s=0.05, stop_s=2)


@pytest.fixture
async def gateway() -> AsyncIterator[FakeGateway]:
    async with FakeGateway.serving() as running:
        yield running


@pytest.fixture
async def target() -> AsyncIterator[TcpTarget]:
    async with tcp_target() as running:
        yield running


def config(gateway: FakeGateway, target: TcpTarget, **options: object) -> ConnectionConfig:
    return ConnectionConfig(
        credential=Credential(text=gateway.connection_string),
        target=parse_target(f"http://{target.address}"),
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture
async def agent(gateway: FakeGateway, target: TcpTarget) -> AsyncIterator[RunningAgent]:
    async with running_agent(config(gateway, target), deadlines=QUICK) as running:
        yield running


@pytest.fixture
async def channel(agent: RunningAgent, gateway: FakeGateway) -> FakeChannel:
    return await gateway.listener()


async def head_of(service: RawStream) -> list[str]:
    lines = []
    while (line := await service.read_line()) not in (b"\r\n", b""):
        lines.append(line.decode().rstrip())
    return lines


def said(head: str, body: bytes = b"") -> bytes:
    return f"HTTP/1.1 {head}\r\n\r\n".encode() + body


async def response_on(channel: FakeChannel) -> tuple[dict[str, Any], bytes | None]:
    response = (await channel.hear())["response"]
    return response, (await channel.hear()) if response["body"] else None


# --- small answers go by the control channel -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        ("200 OK\r\nContent-Length: 2", b"ok", b"ok"),
        ("200 OK\r\nTransfer-Encoding: chunked", b"2\r\nok\r\n0\r\n\r\n", b"ok"),
        ("200 OK\r\nContent-Length: 65536", b"x" * 65_536, b"x" * 65_536),
        ("200 OK\r\nContent-Length: 0", b"", None),
        ("204 No Content", b"", None),
        ("304 Not Modified\r\nContent-Length: 10", b"", None),
    ],
    ids=["length", "chunked", "64 KiB", "empty", "204", "304"],
)
async def test_small_answer_goes_by_the_control_channel(
    *,
    channel: FakeChannel,
    gateway: FakeGateway,
    target: TcpTarget,
    head: str,
    body: bytes,
    expected: bytes | None,
):
    request = gateway.request()
    await channel.say(**request)
    service = await target.accept()
    await head_of(service)
    await service.send(said(head, body))
    response, received = await response_on(channel)
    assert response["requestId"] == request["request"]["id"]
    assert response["statusCode"] == int(head[:3])
    assert response["statusDescription"] == head[4:].partition("\r")[0]
    assert not {"Content-Length", "Transfer-Encoding"} & response["responseHeaders"].keys()
    assert received == expected
    assert gateway.connections == 1


async def test_request_with_a_body_arrives_whole(
    channel: FakeChannel, gateway: FakeGateway, target: TcpTarget
):
    await channel.say(**gateway.request("POST", "/hc/x?y=1", body=True))
    await channel.socket.send(b"hello")
    service = await target.accept()
    head = await head_of(service)
    assert head[0] == "POST /x?y=1 HTTP/1.1"
    assert "Content-Length: 5" in head
    assert "X-Forwarded-For: 203.0.113.7" in head
    assert await service.read_exactly(5) == b"hello"
    await service.send(said("200 OK\r\nContent-Length: 0"))
    await channel.hear()


async def test_answers_come_as_they_are_ready(channel: FakeChannel, gateway: FakeGateway, target: TcpTarget):
    slow, quick = gateway.request(target="/hc/slow"), gateway.request(target="/hc/quick")
    await channel.say(**slow)
    first = await target.accept()
    await channel.say(**quick)
    second = await target.accept()
    await second.send(said("200 OK\r\nContent-Length: 0"))
    assert (await channel.hear())["response"]["requestId"] == quick["request"]["id"]
    await first.send(said("200 OK\r\nContent-Length: 0"))
    assert (await channel.hear())["response"]["requestId"] == slow["request"]["id"]


@pytest.mark.parametrize("options", [{"strip_prefix": False}, {"keep_host": True}])
async def test_prefix_and_host_can_be_kept(gateway: FakeGateway, target: TcpTarget, options: dict[str, bool]):
    async with running_agent(config(gateway, target, **options)):
        channel = await gateway.listener()
        await channel.say(**gateway.request(target="/hc/x"))
        head = await head_of(await target.accept())
        if "keep_host" in options:
            assert head[0] == "GET /x HTTP/1.1"
            assert "Host: ns.test" in head
        else:
            assert head[0] == "GET /hc/x HTTP/1.1"
            assert f"Host: {target.address}" in head
            assert not any(line.startswith("X-Forwarded-Prefix") for line in head)


# --- the others by a rendezvous --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 11", b"data: 1\n\n"),
        ("200 OK\r\nTransfer-Encoding: chunked", b"1\r\nx\r\n"),
        ("200 OK\r\nContent-Length: 10", b"slow"),
        ("200 OK\r\nContent-Length: 65537", b"x"),
    ],
    ids=["event stream", "chunked", "slow", "large"],
)
async def test_answer_that_is_not_soon_whole_is_streamed(
    channel: FakeChannel, gateway: FakeGateway, target: TcpTarget, head: str, body: bytes
):
    request = gateway.request()
    await channel.say(**request)
    service = await target.accept()
    await head_of(service)
    await service.send(said(head, body))
    rendezvous = await gateway.rendezvous()
    assert rendezvous.path == request["request"]["address"].removeprefix(f"ws://{gateway.host}")
    response = (await rendezvous.hear())["response"]
    assert response["body"] is True
    assert "ServiceBusAuthorization" not in rendezvous.headers


async def test_streamed_answer_is_one_message_and_ends_with_close(
    agent: RunningAgent, channel: FakeChannel, gateway: FakeGateway, target: TcpTarget
):
    await channel.say(**gateway.request())
    service = await target.accept()
    await head_of(service)
    await service.send(said("200 OK\r\nContent-Type: text/event-stream"))
    rendezvous = await gateway.rendezvous()
    await rendezvous.hear()
    pieces = rendezvous.socket.recv_streaming()
    for number in range(3):
        await service.send(b"data: %d\n\n" % number)
        assert await anext(pieces) == b"data: %d\n\n" % number
    service.half_close()
    assert [piece async for piece in pieces] == [b""]
    assert await rendezvous.closed() == 1000
    await agent.until(lambda now: not now.connections[0].traffic.open_requests)
    assert (await agent.exchanged())[0].error is None
    assert (await agent.exchanged())[0].response_bytes == 27


async def test_request_that_waits_at_a_rendezvous_is_fetched_and_answered_there(
    channel: FakeChannel, gateway: FakeGateway, target: TcpTarget
):
    await channel.say(request={"address": gateway.address("request")})
    rendezvous = await gateway.rendezvous()
    await rendezvous.say(**gateway.request("POST", body=True))

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    sending = asyncio.create_task(rendezvous.socket.send(body()))
    service = await target.accept()
    assert "Transfer-Encoding: chunked" in await head_of(service)
    assert await service.read_exactly(21) == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
    await sending
    await service.send(said("201 Created\r\nContent-Length: 2", b"ok"))
    response, received = await response_on(rendezvous)
    assert (response["statusCode"], received) == (201, b"ok")
    assert await rendezvous.closed() == 1000
    assert channel.socket.state.name == "OPEN"


async def test_body_that_is_cut_on_its_way_in_is_cut_for_the_local_server(
    channel: FakeChannel, gateway: FakeGateway, target: TcpTarget
):
    await channel.say(request={"address": gateway.address("request")})
    rendezvous = await gateway.rendezvous()
    await rendezvous.say(**gateway.request("POST", body=True))

    async def body() -> AsyncIterator[bytes]:
        yield b"one"
        await target_has_it.wait()
        rendezvous.socket.transport.abort()

    target_has_it = asyncio.Event()
    sending = asyncio.create_task(rendezvous.socket.send(body()))
    service = await target.accept()
    await head_of(service)
    assert await service.read_exactly(8) == b"3\r\none\r\n"
    target_has_it.set()
    data, _ = await service.read_to_end()
    assert data == b""
    await asyncio.wait({sending})
    sending.exception()


async def test_answer_that_is_cut_on_its_way_out_has_no_end(
    agent: RunningAgent, channel: FakeChannel, gateway: FakeGateway, target: TcpTarget
):
    await channel.say(**gateway.request())
    service = await target.accept()
    await head_of(service)
    await service.send(said("200 OK\r\nContent-Length: 100000", b"x" * 70_000))
    rendezvous = await gateway.rendezvous()
    await rendezvous.hear()
    service.reset()
    assert await rendezvous.closed() is None
    await agent.until(lambda now: now.connections[0].last_error is not None)
    assert "ended before its end" in str((await agent.exchanged())[0].error)


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_sender_that_leaves_ends_the_local_request(
    agent: RunningAgent, channel: FakeChannel, gateway: FakeGateway, target: TcpTarget, how: str
):
    await channel.say(**gateway.request())
    service = await target.accept()
    await head_of(service)
    await service.send(said("200 OK\r\nContent-Type: text/event-stream"))
    rendezvous = await gateway.rendezvous()
    await rendezvous.hear()
    if how == "close":
        await rendezvous.socket.close(1001, "sender gone")
    else:
        rendezvous.socket.transport.abort()
    assert await service.end() in (End.FIN, End.RESET)


async def test_expired_rendezvous_is_noted_and_nothing_else(
    agent: RunningAgent, channel: FakeChannel, gateway: FakeGateway, target: TcpTarget
):
    await channel.say(**gateway.request(address=gateway.address("request", query="sb-hc-statusCode=1")))
    service = await target.accept()
    await head_of(service)
    await service.send(said("200 OK\r\nContent-Type: text/event-stream"))
    await agent.until(lambda now: "the sender had gone" in str(now.connections[0].last_error))
    assert channel.socket.state.name == "OPEN"


@pytest.mark.parametrize("first", ["text", "binary", "close", "nothing"])
async def test_rendezvous_without_a_request_is_left(
    agent: RunningAgent, channel: FakeChannel, gateway: FakeGateway, target: TcpTarget, first: str
):
    await channel.say(request={"address": gateway.address("request")})
    rendezvous = await gateway.rendezvous()
    match first:
        case "text":
            await rendezvous.socket.send("junk")
        case "binary":
            await rendezvous.socket.send(b"body first")
        case "close":
            await rendezvous.socket.close(1001)
        case _:
            rendezvous.socket.transport.abort()
    await rendezvous.closed()
    await agent.until(lambda now: not now.connections[0].traffic.open_requests)
    assert target.connections == 0


# --- the local server is slow or silent (reliability F17) ------------------------------------------------------------


async def test_server_that_never_answers_is_a_504(
    channel: FakeChannel, gateway: FakeGateway, target: TcpTarget
):
    await channel.say(**gateway.request("POST"))
    service = await target.accept()
    response, body = await response_on(channel)
    assert (response["statusCode"], body) == (504, b"The target did not answer in time\n")
    await head_of(service)
    await service.end()


async def test_server_that_falls_silent_is_cut(
    agent: RunningAgent, channel: FakeChannel, gateway: FakeGateway, target: TcpTarget
):
    await channel.say(**gateway.request())
    service = await target.accept()
    await head_of(service)
    await service.send(said("200 OK\r\nContent-Length: 100", b"x"))
    rendezvous = await gateway.rendezvous()
    assert await rendezvous.closed() is None
    assert "fell silent" in str((await agent.exchanged())[0].error)


async def test_deadline_counts_from_the_last_piece_of_the_body(
    channel: FakeChannel, gateway: FakeGateway, target: TcpTarget
):
    """A long upload is no slow server."""
    await channel.say(request={"address": gateway.address("request")})
    rendezvous = await gateway.rendezvous()
    await rendezvous.say(**gateway.request("POST", body=True))

    async def body() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x"
            await asyncio.sleep(0.08)  # time itself is what is tested

    sending = asyncio.create_task(rendezvous.socket.send(body()))
    service = await target.accept()
    await head_of(service)
    while not (await service.read_some()).endswith(b"0\r\n\r\n"):
        pass
    await service.send(said("200 OK\r\nContent-Length: 0"))
    response, _ = await response_on(rendezvous)
    assert response["statusCode"] == 200
    await sending


async def test_cookies_and_header_case_survive(channel: FakeChannel, gateway: FakeGateway, target: TcpTarget):
    await channel.say(**gateway.request())
    service = await target.accept()
    await head_of(service)
    await service.send(said("200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-CaSe: 1\r\nContent-Length: 0"))
    headers = (await channel.hear())["response"]["responseHeaders"]
    assert headers["X-CaSe"] == "1"
    assert sorted(value for name, value in headers.items() if name.lower() == "set-cookie") == ["a=1", "b=2"]


async def test_answer_before_the_end_of_the_upload_is_passed_on(
    agent: RunningAgent, channel: FakeChannel, gateway: FakeGateway, target: TcpTarget
):
    """The connection to the local server, which holds half a request, is not used again."""
    await channel.say(request={"address": gateway.address("request")})
    rendezvous = await gateway.rendezvous()
    await rendezvous.say(**gateway.request("POST", body=True))
    is_answered = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"x" * 1_000
        await is_answered.wait()

    sending = asyncio.create_task(rendezvous.socket.send(body()))
    service = await target.accept()
    await head_of(service)
    await service.send(said("413 Content Too Large\r\nContent-Length: 0"))
    # the library that plays the gateway reads nothing while it sends, so the answer is heard by the agent's own word
    await until(lambda: agent.first.traffic.bytes_received == 1_000, "the upload has begun")
    data, _ = await service.read_to_end()
    assert not data.endswith(b"0\r\n\r\n")
    is_answered.set()
    response, _ = await response_on(rendezvous)
    assert response["statusCode"] == 413
    await asyncio.wait({sending})
    sending.exception()


async def test_request_that_cannot_be_spelled_is_a_400(channel: FakeChannel, gateway: FakeGateway):
    await channel.say(**gateway.request(target="no/slash"))
    response, body = await response_on(channel)
    assert (response["statusCode"], body) == (400, b"The listener cannot use the path of this request\n")


async def test_local_failure_of_a_large_request_is_answered_at_its_rendezvous(gateway: FakeGateway):
    port = await unused_port()
    config = ConnectionConfig(
        credential=Credential(text=gateway.connection_string), target=parse_target(f"http://127.0.0.1:{port}")
    )
    async with running_agent(config):
        channel = await gateway.listener()
        await channel.say(request={"address": gateway.address("request")})
        rendezvous = await gateway.rendezvous()
        await rendezvous.say(**gateway.request("POST", body=True))
        await rendezvous.socket.send(b"body")
        response, body = await response_on(rendezvous)
        assert (response["statusCode"], body) == (502, b"The listener cannot reach its target\n")
        assert await rendezvous.closed() == 1000


async def test_headers_too_long_for_any_way_back_are_a_502(
    channel: FakeChannel, gateway: FakeGateway, target: TcpTarget
):
    await channel.say(**gateway.request())
    service = await target.accept()
    await head_of(service)
    headers = "".join(f"\r\nX-{number}: {'y' * 4_000}" for number in range(17))
    await service.send(said(f"200 OK{headers}\r\nContent-Length: 0"))
    response, body = await response_on(channel)
    assert (response["statusCode"], body) == (502, b"The headers of the target's answer are too long\n")
