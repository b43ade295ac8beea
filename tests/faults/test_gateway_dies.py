"""F2, and the second half of acceptance 5: the gateway is killed; its listeners come back, and it has lost nothing."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import re
from pathlib import Path

import pytest

from tests.support.agent_processes import exposing
from tests.support.gateway_processes import GatewayProcess, gateway_process
from tests.support.gateways import ROOT_RULE
from tests.support.services import service, web
from tests.support.waiting import until

LISTENERS = 200

AWAY_S = 5.0

#: Tries of one listener in a second, and those of its first half second, which are meant to come quickly.
STORM_PER_S = 5
FIRST_TRIES = 4

pytestmark = [pytest.mark.slow, pytest.mark.stress, pytest.mark.timeout(120)]


async def test_listeners_of_a_killed_gateway_come_back_without_a_storm(tmp_path: Path):
    paths = [f"relay-{number}" for number in range(LISTENERS)]
    async with service(web(_ok)) as site, gateway_process(tmp_path / "data", numbers={}) as gateway:
        for path in paths:
            await gateway.create(path)
        async with exposing(tmp_path / "agent", gateway, dict.fromkeys(paths, site)) as agent:
            assert await _answer(gateway) == (200, b"ok")
            rule = gateway.rule
            clock = asyncio.get_running_loop().time
            await gateway.child.kill()
            said_before = len(agent.child.lines)
            killed_at = clock()
            await until(lambda: clock() >= killed_at + AWAY_S, "the gateway has been away")
            tries = _tries(agent.child.lines[said_before:])
            assert len(tries) == LISTENERS, "every listener tries"
            assert max(tries.values()) <= STORM_PER_S * AWAY_S + FIRST_TRIES, "a retry storm"

            await gateway.start()
            ready_at = clock()
            await until(lambda: _is_good(gateway), "a good answer", within_s=2.0)
            assert clock() - ready_at < 2.0
            await gateway.until_listening(LISTENERS, within_s=15.0)
            assert sorted(await gateway.connections()) == sorted(paths)
            assert await gateway.rule_of(ROOT_RULE) == rule


async def test_a_killed_gateway_has_every_write_that_it_acknowledged(tmp_path: Path, full_size: bool):
    acknowledged: list[str] = []
    async with gateway_process(tmp_path / "data", numbers={}) as gateway:
        for kill in range(20 if full_size else 3):
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(_write(gateway, acknowledged, kill))
                count = len(acknowledged) + 5 + 7 * kill % 20
                await until(lambda: len(acknowledged) >= count, "writes")  # noqa: B023 - awaited here
                await gateway.child.kill()
                await writing
            await gateway.start()
            found = set(await gateway.connections())
            assert found >= set(acknowledged)
            # the one that was under way may be there or not, and is whole if it is
            assert len(found) <= len(acknowledged) + kill + 1


async def _ok(target: bytes) -> bytes:
    return b"ok"


async def _answer(gateway: GatewayProcess) -> tuple[int, bytes]:
    http = await gateway.http()
    response = await http.request("GET", "/relay-7/", list(gateway.authorization("relay-7")))
    return response.status, response.body


async def _is_good(gateway: GatewayProcess) -> bool:
    return await _answer(gateway) == (200, b"ok")


def _tries(lines: list[str]) -> collections.Counter[str]:
    """How often each listener failed to connect: its name stands before what it says."""
    # the first with its reason, the others, which say the same, as details
    said = (re.search(r"(?:INFO|DEBUG) +(?:agent\.state: )?([^:]+):.*; next try in ", line) for line in lines)
    return collections.Counter(found[1] for found in said if found is not None)


async def _write(gateway: GatewayProcess, acknowledged: list[str], kill: int) -> None:
    """Create one hybrid connection after the other until the gateway is gone."""
    with contextlib.suppress(OSError, EOFError, asyncio.IncompleteReadError):
        for number in range(1_000):
            name = f"write-{kill}-{number}"
            await gateway.create(name)
            acknowledged.append(name)
