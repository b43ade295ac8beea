"""The desk's inspector, with a real agent, a real gateway and a real local server."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from agent.captured import CapturedExchange, EditedRequest, Side
from agent.checks import Check, Outcome, Step
from relaydesk.actions import ActionError, ExposeRequest
from relaydesk.check_report import Examined
from relaydesk.preferences import Who
from relaydesk.snapshot import Trouble
from tests.support.desks import RunningDesk, running_desk
from tests.support.targets import web_target
from tests.support.waiting import until

pytestmark = pytest.mark.allow_log_warnings("is reached without TLS")


async def echo(request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"got " + await request.content.read())


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[RunningDesk]:
    async with running_desk(tmp_path) as running:
        yield running


async def ask(url: str, body: bytes = b"hello") -> bytes:
    async with aiohttp.ClientSession() as client, client.post(url, data=body) as response:
        return await response.read()


async def over(desk: RunningDesk, number: int) -> CapturedExchange:
    def found() -> CapturedExchange | None:
        one = desk.actions.exchange(number)
        return one if one is not None and one.is_over else None

    return await until(found, f"exchange {number} is over")  # type: ignore[return-value]


async def test_request_is_captured_sent_again_and_taken_elsewhere(desk: RunningDesk, tmp_path: Path):
    async with web_target(echo) as site:
        shared = await desk.actions.expose(ExposeRequest(target=f"http://{site}", name="web", who=Who.PUBLIC))
        assert await ask(shared.link) == b"got hello"
        one = await over(desk, 1)
        assert (one.service, one.method, one.status) == ("web", "POST", 200)
        assert await desk.actions.exchange_body(1, Side.SENDER) == b"hello"
        again = await over(desk, await desk.actions.replay(1))
        assert await desk.actions.exchange_body(again.id, Side.TARGET) == b"got hello"
        edited = EditedRequest(method="PUT", request_target=one.request_target, body=b"other")
        third = await over(desk, await desk.actions.replay(1, edited))
        assert "+got other" in await desk.actions.difference(1, third.id)
        assert "--data-raw hello" in await desk.actions.curl(1)
        assert await desk.actions.export_har([1, third.id, 99], tmp_path / "x.har") == 2
        assert len(json.loads((tmp_path / "x.har").read_text())["log"]["entries"]) == 2
        assert await desk.actions.save_body(1, Side.TARGET, tmp_path / "body") == 9
        assert (tmp_path / "body").read_bytes() == b"got hello"


async def test_capturing_follows_the_preference(desk: RunningDesk):
    async with web_target(echo) as site:
        shared = await desk.actions.expose(ExposeRequest(target=f"http://{site}", name="web", who=Who.PUBLIC))
        off = dataclasses.replace(desk.actions.preferences(), captures=False)
        await desk.actions.set_preferences(off)
        assert desk.actions.exchanges().is_capturing is False
        assert await ask(shared.link) == b"got hello"
        assert desk.actions.exchanges().changed == ()
        await desk.actions.set_preferences(dataclasses.replace(off, captures=True))
        await ask(shared.link)
        assert (await over(desk, 1)).status == 200


async def test_what_cannot_be_done_says_why(desk: RunningDesk, tmp_path: Path):
    with pytest.raises(ActionError) as raised:
        await desk.actions.replay(9)
    assert "exchange 9" in raised.value.problem.cause
    with pytest.raises(ActionError):
        await desk.actions.curl(9)
    with pytest.raises(ActionError) as raised:
        await desk.actions.export_har([], tmp_path / "absent" / "x.har")
    assert raised.value.problem.trouble is Trouble.DISK


async def test_service_is_diagnosed_as_it_is_served(desk: RunningDesk, tmp_path: Path):
    async with web_target(echo) as site:
        await desk.actions.expose(ExposeRequest(target=f"http://{site}", name="web", who=Who.PUBLIC))
        found: list[Check] = []
        await desk.actions.diagnose("web", found.append)
    assert [check.step for check in found] == list(Step)
    assert {check.outcome for check in found} <= {Outcome.PASSED, Outcome.SKIPPED}
    await desk.actions.save_report(tmp_path / "report.txt", [Examined("web", tuple(found))])
    assert "End to end" in (tmp_path / "report.txt").read_text()
    with pytest.raises(ActionError):
        await desk.actions.diagnose("nothing", found.append)
