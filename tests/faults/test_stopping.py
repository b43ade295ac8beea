"""F3: gateway and agent told to stop finish what they have begun, refuse what is new, and end well."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.support.agent_processes import exposing
from tests.support.gateway_processes import GatewayProcess, gateway_process
from tests.support.raw_http import HttpResponse
from tests.support.raw_stream import RawStream
from tests.support.services import service
from tests.support.waiting import until

REQUESTS = 20

#: Longer than what crosses on a control channel: half of the answers stream.
LONG_BYTES = 500_000

pytestmark = pytest.mark.slow


class _Patient:
    """A web service that answers no request before it is told to; the answers are long and short in turn."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()

    async def talk(self, stream: RawStream) -> None:
        while await stream.read_line():
            while await stream.read_line() not in (b"\r\n", b""):
                pass
            self.asked += 1
            body = b"a" * (LONG_BYTES if self.asked % 2 else 10)
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            # the long ones have begun to stream when the stop comes, the short ones have not
            begun = len(answer) // 2 if len(body) == LONG_BYTES else 0
            await stream.send(answer[:begun])
            await self.may_answer.wait()
            await stream.send(answer[begun:])


async def _request(gateway: GatewayProcess, body: bytes | None = None) -> HttpResponse:
    method = "GET" if body is None else "POST"
    return await (await gateway.http()).request(method, "/site/", list(gateway.authorization("site")), body)


def _check_whole(answers: list[HttpResponse]) -> None:
    assert [answer.status for answer in answers] == [200] * REQUESTS
    assert not any(answer.is_cut for answer in answers)
    assert sorted({len(answer.body) for answer in answers}) == [10, LONG_BYTES]


async def test_a_gateway_that_stops_finishes_requests_and_refuses_new_ones(tmp_path: Path):
    site = _Patient()
    async with (
        service(site.talk) as target,
        gateway_process(tmp_path / "data", numbers={}) as gateway,
    ):
        await gateway.create("site")
        async with exposing(tmp_path / "agent", gateway, {"site": target}):
            async with asyncio.TaskGroup() as tasks:
                pending = [tasks.create_task(_request(gateway)) for _ in range(REQUESTS)]
                await until(lambda: site.asked == REQUESTS, "every request has arrived")
                waiting = await gateway.http()  # a connection from before, for a request after
                gateway.child.send(signal.SIGTERM)
                await gateway.child.says("stopping: no new work")
                assert (await gateway.admin("GET", "/readyz")).status == 503
                assert (await _request(gateway)).status == 503
                assert (await (await gateway.connecting("site")).refusal()).status == 503
                assert (await (await gateway.listening("site")).refusal()).status == 503
                assert await waiting.stream.read_some() == b"", "an idle connection is closed"
                assert not any(request.done() for request in pending)
                site.may_answer.set()
            _check_whole([request.result() for request in pending])
            assert await gateway.child.ended() == 0


async def test_an_agent_that_stops_finishes_requests_and_takes_no_new_ones(tmp_path: Path):
    site = _Patient()
    async with (
        service(site.talk) as target,
        gateway_process(tmp_path / "data", numbers={}) as gateway,
    ):
        await gateway.create("site")
        async with exposing(tmp_path / "agent", gateway, {"site": target}) as agent:
            async with asyncio.TaskGroup() as tasks:
                pending = [tasks.create_task(_request(gateway)) for _ in range(REQUESTS)]
                await until(lambda: site.asked == REQUESTS, "every request has arrived")
                agent.child.send(signal.SIGTERM)
                await agent.child.says("stopping: no new work")
                assert (await _request(gateway)).status == 503
                assert (await _request(gateway, body=b"a" * LONG_BYTES)).status == 503
                assert (await (await gateway.connecting("site")).refusal()).status == 503
                assert site.asked == REQUESTS
                assert not any(request.done() for request in pending)
                site.may_answer.set()
            _check_whole([request.result() for request in pending])
            assert await agent.child.ended() == 0


@pytest.mark.parametrize("program", ["gateway", "agent"])
async def test_a_second_signal_cuts_what_is_left(tmp_path: Path, program: str):
    site = _Patient()
    async with (
        service(site.talk) as target,
        gateway_process(tmp_path / "data", numbers={}) as gateway,
    ):
        await gateway.create("site")
        async with exposing(tmp_path / "agent", gateway, {"site": target}) as agent:
            stopped = gateway.child if program == "gateway" else agent.child
            async with asyncio.TaskGroup() as tasks:
                pending = [tasks.create_task(_request_or_end(gateway)) for _ in range(REQUESTS)]
                await until(lambda: site.asked == REQUESTS, "every request has arrived")
                stopped.send(signal.SIGTERM)
                await stopped.says("stopping: no new work")
                stopped.send(signal.SIGTERM)
                assert await stopped.ended(within_s=6.0) == 0
            answers = [request.result() for request in pending]
            # nothing of it may look like the whole answer
            assert all(answer is None or answer.is_cut or answer.status >= 500 for answer in answers)


async def _request_or_end(gateway: GatewayProcess) -> HttpResponse | None:
    try:
        return await _request(gateway)
    except (EOFError, ConnectionResetError):
        return None
