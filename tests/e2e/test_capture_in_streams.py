"""HTTP that crosses as a byte stream, from a local port to a TCP target, is captured at both of its ends."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from agent.captured import CapturedExchange, EditedRequest, Side
from agent.curl import command_line
from agent.exchanges import Exchanges
from agent.relay_loop import RelayLoop, WorkerLoop
from tests.support.agents import RunningAgent, connecting, listening, running_agent
from tests.support.captures import over
from tests.support.gateways import RunningGateway, running_gateway
from tests.support.raw_stream import End, RawStream
from tests.support.targets import tcp_target, web_target
from tests.support.waiting import until

pytestmark = pytest.mark.allow_log_warnings("is reached without TLS")

BODY = os.urandom(2_000_000)


async def serve(request: web.Request) -> web.StreamResponse:
    body = await request.content.read()
    assert "X-Forwarded-For" not in request.headers, "nobody adds anything within a stream"
    return web.Response(body=body[::-1], headers={"X-Host": request.host, "X-Asked": request.raw_path})


@pytest.fixture
async def gateway() -> AsyncIterator[RunningGateway]:
    async with running_gateway() as running:
        await running.create("hc")
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
        listening(gateway, site, name="shared"),
        connecting(gateway, name="brought"),
        relay_loop=loop,
        captures=captures,
    ) as running:
        yield running


async def both_over(captures: Exchanges, count: int = 1) -> dict[str, list[CapturedExchange]]:
    """What was captured at each end, once there are *count* at each and all are over."""

    def found() -> dict[str, list[CapturedExchange]]:
        ends: dict[str, list[CapturedExchange]] = {"shared": [], "brought": []}
        for one in captures.changes().changed:
            ends[one.service].append(one)
        is_there = all(len(ones) == count and all(one.is_over for one in ones) for ones in ends.values())
        return ends if is_there else {}

    return await until(found, "both ends have captured it")


def sha256(captures: Exchanges, one: CapturedExchange, side: Side) -> str:
    return hashlib.sha256(captures.body(one.id, side, 0, 1 << 23)).hexdigest()


async def ask(port: int, method: str, path: str, **options: object) -> bytes:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://127.0.0.1:{port}{path}", **options) as response,  # type: ignore[arg-type]
    ):
        assert response.status == 200
        return await response.read()


async def test_request_is_seen_at_both_ends_as_it_was(agent: RunningAgent, captures: Exchanges):
    port = agent.port(1)
    secret = {"Authorization": "Bearer of-a-secret"}
    assert await ask(port, "POST", "/a?b=1", data=io.BytesIO(BODY), headers=secret) == BODY[::-1]
    ends = await both_over(captures)
    for (one,) in ends.values():
        assert (one.method, one.request_target, one.status, one.error) == ("POST", "/a?b=1", 200, None)
        assert dict(one.request_headers)["Host"] == f"127.0.0.1:{port}"
        assert dict(one.response_headers)["X-Asked"] == "/a?b=1"
        assert sha256(captures, one, Side.SENDER) == hashlib.sha256(BODY).hexdigest()
        assert sha256(captures, one, Side.TARGET) == hashlib.sha256(BODY[::-1]).hexdigest()
        assert "of-a-secret" not in repr(one)
    assert ends["brought"][0].target == f"127.0.0.1:{port}"
    assert ends["brought"][0].origin == f"http://127.0.0.1:{port}"
    assert ends["shared"][0].target == agent.first.leads_to
    line = command_line(captures.find(ends["brought"][0].id), reveals_secrets=False)
    assert f"http://127.0.0.1:{port}/a?b=1" in line
    assert "of-a-secret" not in line


async def test_connections_say_what_they_are_about(agent: RunningAgent, captures: Exchanges):
    await ask(agent.port(1), "GET", "/page?key=value")
    await both_over(captures)
    about = {(one.connection, one.about) for one in agent.agent.relayed()}
    assert about == {("shared", "GET /page 200"), ("brought", "GET /page 200")}


@pytest.mark.parametrize("end", ["shared", "brought"])
async def test_replay_asks_what_its_end_led_to(agent: RunningAgent, captures: Exchanges, end: str):
    """The listener's goes to the local server; the other one's through the local port once more, to both ends."""
    await ask(agent.port(1), "POST", "/a", data=b"first")
    (one,) = (await both_over(captures))[end]
    edited = EditedRequest(
        method=one.method, request_target="/b", headers=one.request_headers, body=b"second"
    )
    number = agent.agent.replay(one.id, edited)
    again = await over(captures, number)
    assert (again.status, again.error, again.replay_of) == (200, None, one.id)
    assert captures.body(number, Side.TARGET, 0, 100) == b"dnoces"
    assert dict(again.response_headers)["X-Host"] == dict(one.request_headers)["Host"]
    asked_again = [seen for seen in captures.changes().changed if seen.request_target == "/b"]
    assert len(asked_again) == (1 if end == "shared" else 3)


async def test_requests_on_one_connection_are_told_apart(agent: RunningAgent, captures: Exchanges):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        for number in range(5):
            async with session.request(
                "HEAD" if number == 4 else "GET", f"http://127.0.0.1:{agent.port(1)}/{number}"
            ) as response:
                await response.read()
    ends = await both_over(captures, 5)
    for ones in ends.values():
        assert [one.request_target for one in sorted(ones, key=lambda one: one.id)] == [
            f"/{number}" for number in range(5)
        ]
    assert len(agent.agent.relayed()) == 2, "one connection, at both ends"


async def test_what_is_no_http_is_relayed_and_not_captured(gateway: RunningGateway, captures: Exchanges):
    async with (
        tcp_target() as target,
        running_agent(listening(gateway, target.address), connecting(gateway), captures=captures) as agent,
    ):
        program = await RawStream.open("127.0.0.1", agent.port(1))
        await program.send(b"SSH-2.0-test\r\n")
        service = await target.accept()
        assert await service.read_line() == b"SSH-2.0-test\r\n"
        await service.send(BODY)
        assert await program.read_exactly(len(BODY)) == BODY
        program.half_close()
        assert await service.end() is End.FIN
        await service.close()
        await program.close()
    assert captures.changes().changed == ()


async def test_answer_that_is_cut_is_seen_as_cut_at_both_ends(gateway: RunningGateway, captures: Exchanges):
    async with (
        tcp_target() as target,
        running_agent(
            listening(gateway, target.address, name="shared"),
            connecting(gateway, name="brought"),
            captures=captures,
        ) as agent,
    ):
        program = await RawStream.open("127.0.0.1", agent.port(1))
        await program.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        service = await target.accept()
        while await service.read_line() != b"\r\n":
            pass
        half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
        await service.send(half)
        assert await program.read_exactly(len(half)) == half
        service.reset()
        ends = await both_over(captures)
        await program.close()
    for (one,) in ends.values():
        assert one.status == 200
        assert one.error is not None
        assert "went away" in one.error
        assert not one.response_body.is_whole
