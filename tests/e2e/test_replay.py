"""A captured request is sent to the local server again: the same bytes, or edited ones."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from agent.captured import CapturedExchange, EditedRequest, Side
from agent.exchanges import ExchangeGoneError, Exchanges
from agent.masks import masked
from agent.relay_loop import RelayLoop, WorkerLoop
from agent.replay import ReplayError
from agent.status import State
from agent.supervisor import MAX_REPLAYS
from tests.support.agents import RunningAgent, listening, running_agent
from tests.support.captures import over
from tests.support.gateways import RunningGateway, running_gateway
from tests.support.targets import unused_port, web_target
from tests.support.waiting import until

pytestmark = pytest.mark.allow_log_warnings("is reached without TLS")


class Site:
    """A local server that remembers what it was asked, and holds its answers back while it is told to."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.gate: asyncio.Event | None = None

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        body = await request.content.read()
        self.asked.append(
            {
                "method": request.method,
                "target": request.raw_path,
                "headers": [(k.decode(), v.decode()) for k, v in request.raw_headers],
                "sha256": hashlib.sha256(body).hexdigest(),
                "size": len(body),
                "is_chunked": request.headers.get("Transfer-Encoding") == "chunked",
            }
        )
        if self.gate is not None:
            await self.gate.wait()
        return web.Response(text=f"answer {len(self.asked)}", headers={"X-Count": str(len(self.asked))})


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
async def address(site: Site) -> AsyncIterator[str]:
    async with web_target(site) as made:
        yield made


@pytest.fixture
async def gateway() -> AsyncIterator[RunningGateway]:
    async with running_gateway() as running:
        await running.create("hc", is_anonymous=True)
        yield running


@pytest.fixture(params=["same loop", "worker loop"])
async def agent(
    request: pytest.FixtureRequest, gateway: RunningGateway, address: str, captures: Exchanges
) -> AsyncIterator[RunningAgent]:
    loop: RelayLoop | None = WorkerLoop(stop_s=2) if request.param == "worker loop" else None
    async with running_agent(
        listening(gateway, f"http://{address}"), relay_loop=loop, captures=captures
    ) as running:
        yield running


def edited(one: CapturedExchange, **changes: object) -> EditedRequest:
    """What an editor begins with, changed."""
    return dataclasses.replace(
        EditedRequest(method=one.method, request_target=one.request_target, headers=one.request_headers),
        **changes,  # type: ignore[arg-type]
    )


async def test_server_is_asked_the_same_again(
    agent: RunningAgent, gateway: RunningGateway, captures: Exchanges, site: Site
):
    await gateway.ask("POST", "/hc/form?a=1&b=%2F", [("X-Own", "1"), ("Cookie", "id=secret")], b"name=value")
    first = await over(captures, 1)
    number = agent.agent.replay(1)
    again = await over(captures, number)
    assert site.asked[0] == site.asked[1]
    assert (again.replay_of, again.status, again.error, again.peer) == (1, 200, None, "")
    assert (again.method, again.request_target, again.request_headers) == (
        first.method,
        first.request_target,
        first.request_headers,
    )
    assert captures.body(number, Side.SENDER, 0, 100) == b"name=value"
    assert captures.body(number, Side.TARGET, 0, 100) == b"answer 2"
    assert agent.first.traffic.total_requests == 1


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_two_megabytes_are_sent_again_byte_for_byte(
    *, agent: RunningAgent, gateway: RunningGateway, captures: Exchanges, site: Site, framing: str
):
    body = os.urandom(2_000_000)
    client = await gateway.http()
    if framing == "length":
        await client.send("PUT", "/hc/upload", (), body)
    else:
        await client.send_head("PUT", "/hc/upload", [("Transfer-Encoding", "chunked")])
        for start in range(0, len(body), 50_000):
            piece = body[start : start + 50_000]
            client.stream.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        client.stream.write(b"0\r\n\r\n")
    assert (await client.read_response()).status == 200
    await over(captures, 1)
    number = agent.agent.replay(1)
    again = await over(captures, number)
    assert (again.status, again.error, again.request_body.size) == (200, None, len(body))
    assert site.asked[0] == site.asked[1]
    assert site.asked[1]["sha256"] == hashlib.sha256(body).hexdigest()
    assert captures.body(number, Side.SENDER, 1_999_990, 100) == body[-10:]


@pytest.mark.parametrize("size", [0, 5, 2_000_000])
async def test_edited_request_is_sent_in_its_place(
    *, agent: RunningAgent, gateway: RunningGateway, captures: Exchanges, site: Site, size: int
):
    await gateway.ask("POST", "/hc/old", [("X-Old", "1")], b"old")
    one = await over(captures, 1)
    body = os.urandom(size)
    change = edited(
        one,
        method="PATCH",
        request_target="/hc/new?q=ü",
        headers=(("X-New", "2"), ("Content-Length", "3"), ("Transfer-Encoding", "chunked")),
        body=body,
    )
    number = agent.agent.replay(1, change)
    again = await over(captures, number)
    assert again.error is None
    asked = site.asked[1]
    assert (asked["method"], asked["target"], asked["size"]) == ("PATCH", "/new?q=%C3%BC", size)
    assert asked["sha256"] == hashlib.sha256(body).hexdigest()
    names = [name for name, _ in asked["headers"]]
    assert "X-New" in names
    assert "X-Old" not in names
    assert names.count("Content-Length") + names.count("Transfer-Encoding") == 1


async def test_marks_of_an_edited_request_stand_for_what_was_captured(
    agent: RunningAgent, gateway: RunningGateway, captures: Exchanges, site: Site
):
    await gateway.ask("GET", "/hc/p?token=t0p", [("Authorization", "Bearer s3cret"), ("Cookie", "a=1; b=2")])
    one = await over(captures, 1)
    shown = masked(one)
    change = edited(shown, headers=(*shown.request_headers, ("X-Added", "1")))
    await over(captures, agent.agent.replay(1, change))
    assert site.asked[1]["target"] == "/p?token=t0p"
    headers = dict(site.asked[1]["headers"])
    assert (headers["Authorization"], headers["Cookie"]) == ("Bearer s3cret", "a=1; b=2")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"method": "TWO WORDS"}, "the method"),
        ({"request_target": "http://elsewhere/"}, "slash"),
        ({"headers": (("Bad Name", "x"),)}, "Bad Name"),
        ({"headers": (("X", "line\nbreak"),)}, "the value of X"),
        ({"headers": (("X-Api-Key", "…"),)}, "X-Api-Key"),
    ],
)
async def test_edited_request_that_is_none_says_why_and_nothing_is_sent(
    *,
    agent: RunningAgent,
    gateway: RunningGateway,
    captures: Exchanges,
    site: Site,
    change: dict[str, object],
    why: str,
):
    await gateway.ask("GET", "/hc")
    one = await over(captures, 1)
    with pytest.raises(ReplayError, match=why):
        agent.agent.replay(1, edited(one, **change))
    assert len(site.asked) == 1
    assert captures.get(2) is None


async def test_works_while_capturing_is_off_and_the_service_paused(
    agent: RunningAgent, gateway: RunningGateway, captures: Exchanges, site: Site
):
    await gateway.ask("GET", "/hc")
    await over(captures, 1)
    captures.is_capturing = False
    agent.apply(*(dataclasses.replace(one, paused=True) for one in agent.config.connections))
    await agent.until_state(State.PAUSED)
    assert (await over(captures, agent.agent.replay(1))).status == 200
    agent.apply()
    assert (await over(captures, agent.agent.replay(1))).status == 200
    assert len(site.asked) == 3


async def test_goes_where_the_service_leads_now(
    agent: RunningAgent, gateway: RunningGateway, captures: Exchanges, site: Site
):
    await gateway.ask("GET", "/hc")
    await over(captures, 1)
    other = Site()
    async with web_target(other) as address:
        (one,) = agent.config.connections
        (there,) = (listening(gateway, f"http://{address}"),)
        agent.apply(dataclasses.replace(one, target=there.target))
        await over(captures, agent.agent.replay(1))
    assert (len(site.asked), len(other.asked)) == (1, 1)


async def test_server_that_is_gone_is_said_in_the_exchange(gateway: RunningGateway, captures: Exchanges):
    port = await unused_port()
    async with running_agent(listening(gateway, f"http://127.0.0.1:{port}"), captures=captures) as agent:
        await gateway.ask("GET", "/hc")
        await over(captures, 1)
        again = await over(captures, agent.agent.replay(1))
    assert again.status == 0
    assert "connection refused" in str(again.error)


async def test_what_cannot_be_sent_again_says_why(
    agent: RunningAgent, gateway: RunningGateway, captures: Exchanges
):
    with pytest.raises(ExchangeGoneError):
        agent.agent.replay(7)
    await (await gateway.connecting("hc/ws")).refusal()
    await over(captures, 1)
    with pytest.raises(ReplayError, match="WebSocket"):
        agent.agent.replay(1)
    await gateway.ask("POST", "/hc", (), b"x" * 100)
    one = await over(captures, 2)
    captures.find(2).discard()
    with pytest.raises(ReplayError, match="needed the room"):
        agent.agent.replay(2)
    number = agent.agent.replay(2, edited(one, body=b"another"))
    assert (await over(captures, number)).status == 200


async def test_no_more_than_so_many_at_one_time(
    agent: RunningAgent, gateway: RunningGateway, captures: Exchanges, site: Site
):
    await gateway.ask("GET", "/hc")
    await over(captures, 1)
    site.gate = asyncio.Event()
    numbers = [agent.agent.replay(1) for _ in range(MAX_REPLAYS)]
    with pytest.raises(ReplayError, match="wait"):
        agent.agent.replay(1)
    site.gate.set()
    for number in numbers:
        assert (await over(captures, number)).error is None
    await until(
        lambda: not any("replay" in task.get_name() for task in asyncio.all_tasks()), "all have ended"
    )
    assert (await over(captures, agent.agent.replay(1))).error is None


async def test_one_that_is_under_way_when_the_agent_ends_is_cut(
    gateway: RunningGateway, captures: Exchanges, site: Site, address: str
):
    async with running_agent(listening(gateway, f"http://{address}"), captures=captures) as agent:
        await gateway.ask("GET", "/hc")
        await over(captures, 1)
        site.gate = asyncio.Event()
        number = agent.agent.replay(1)
        await until(lambda: len(site.asked) == 2, "it has arrived")
    again = await over(captures, number)
    assert "cut" in str(again.error)
    site.gate.set()
