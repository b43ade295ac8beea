"""F1, F20, and the first half of acceptance 5: a listener is killed; who was with it knows at once, and nobody else notices."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.agent_processes import exposing
from tests.support.gateway_processes import GatewayProcess, gateway_process
from tests.support.raw_http import HttpResponse
from tests.support.services import echo, service, silence, web
from tests.support.talkers import talking
from tests.support.waiting import until

#: Relayed connections of the listener that is killed, requests it has not answered, and connections of another one.
STREAMS = 200
PENDING = 50
BYSTANDERS = 50

#: Of many senders to two listeners: requests in all and at one time.
REQUESTS = 1_500
AT_ONCE = 8

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


async def test_everybody_with_a_killed_listener_knows_at_once_and_the_rest_move_on(tmp_path: Path):
    async with (
        service(echo) as echoes,
        service(silence) as mute,
        service(web(_ok)) as site,
        gateway_process(tmp_path / "data", numbers={}) as gateway,
    ):
        for path in ("streams", "mute", "site", "steady"):
            await gateway.create(path)
        targets = {"streams": echoes, "mute": mute, "site": site}
        async with (
            exposing(tmp_path / "steady", gateway, {"steady": echoes}),
            exposing(tmp_path / "doomed", gateway, targets) as doomed,
            talking(gateway, "steady", BYSTANDERS) as bystanders,
            talking(gateway, "streams", STREAMS) as streams,
            asyncio.TaskGroup() as tasks,
        ):
            pending = [tasks.create_task(_request(gateway, "mute")) for _ in range(PENDING)]
            await until(lambda: all(talker.rounds for talker in streams), "data moves everywhere")
            await until(lambda: _all_asked(gateway), "requests are pending")
            rounds = [talker.rounds for talker in bystanders]

            clock = asyncio.get_running_loop().time
            killed_at = clock()
            await doomed.child.kill()
            await until(lambda: all(talker.cut_at for talker in streams), "every stream is cut")
            answers = [await request for request in pending]
            assert clock() - killed_at < 2.0
            assert max(talker.cut_at or 0.0 for talker in streams) - killed_at < 1.0
            assert [answer.status for answer in answers] == [502] * PENDING

            asked_at = clock()
            refused = await (await gateway.connecting("streams")).refusal()
            assert refused.status == 404
            assert (await _request(gateway, "site")).status in (404, 502)
            assert clock() - asked_at < 0.5, "new senders are told at once"

            await until(
                lambda: all(now.rounds > before + 3 for now, before in zip(bystanders, rounds, strict=True)),
                "the rest move on",
            )
            assert not any(talker.cut_at for talker in bystanders)

            await doomed.start()
            await gateway.until_listening(4)
            back_at = clock()
            assert (await _request(gateway, "site")).body == b"ok"
            assert clock() - back_at < 2.0


async def test_of_two_listeners_one_is_killed_and_hardly_a_request_fails(tmp_path: Path):
    """F20: at most one request in a hundred fails, and for two seconds at most."""
    async with (
        service(web(_ok)) as site,
        gateway_process(tmp_path / "data", numbers={}) as gateway,
    ):
        await gateway.create("site")
        async with (
            exposing(tmp_path / "one", gateway, {"site": site}),
            exposing(tmp_path / "two", gateway, {"site": site}) as doomed,
        ):
            failures: list[float] = []
            answered = 0
            clock = asyncio.get_running_loop().time

            async def ask() -> None:
                nonlocal answered
                while answered < REQUESTS:
                    answered += 1
                    if (await _request(gateway, "site")).status != 200:
                        failures.append(clock())

            async with asyncio.TaskGroup() as tasks:
                for _ in range(AT_ONCE):
                    tasks.create_task(ask())
                await until(lambda: answered > REQUESTS // 3, "requests are under way")
                killed_at = clock()
                await doomed.child.kill()
            assert len(failures) <= REQUESTS // 100
            assert max(failures, default=killed_at) - killed_at < 2.0


async def _ok(target: bytes) -> bytes:
    return b"ok"


async def _request(gateway: GatewayProcess, path: str) -> HttpResponse:
    return await (await gateway.http()).request("GET", f"/{path}/", list(gateway.authorization(path)))


async def _all_asked(gateway: GatewayProcess) -> bool:
    return (await gateway.status())["requests"] >= PENDING
