"""F5: a listener, a gateway or a sender that is frozen, as by a sleeping computer, is left, and comes back with one gap.

Pings are quick here: half a second stands for half a minute.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.support.agent_processes import AgentSettings, agent_process, exposing
from tests.support.gateway_processes import GatewayProcess, gateway_process
from tests.support.processes import LOOPBACK
from tests.support.raw_stream import RawStream
from tests.support.services import echo, service, web
from tests.support.talkers import talking
from tests.support.targets import tcp_target
from tests.support.waiting import until

QUICK_PINGS = {"ping_interval_s": 0.5}
QUICK_DEADLINES = {"ping_interval_s": 0.5, "pong_timeout_s": 0.5, "handshake_s": 3.0}

#: Two pings that are not answered, and half a ping to spare, thrice over for a busy machine.
NOTICED_S = 4.0

pytestmark = pytest.mark.slow


async def _ok(target: bytes) -> bytes:
    return b"ok"


async def _is_answered(gateway: GatewayProcess) -> bool:
    response = await (await gateway.http()).request("GET", "/site/", list(gateway.authorization("site")))
    return (response.status, response.body) == (200, b"ok")


async def test_a_frozen_listener_is_dropped_and_nobody_else_is_moved(tmp_path: Path):
    async with (
        service(echo) as echoes,
        service(web(_ok)) as site,
        gateway_process(tmp_path / "data", numbers=QUICK_PINGS) as gateway,
    ):
        for path in ("site", "frozen", "steady"):
            await gateway.create(path)
        async with (
            exposing(tmp_path / "steady", gateway, {"steady": echoes}, deadlines=QUICK_DEADLINES),
            exposing(
                tmp_path / "frozen", gateway, {"site": site, "frozen": echoes}, deadlines=QUICK_DEADLINES
            ) as frozen,
            talking(gateway, "steady", 10) as bystanders,
            talking(gateway, "frozen", 10) as streams,
        ):
            await until(lambda: all(talker.rounds for talker in streams), "data moves")
            frozen.child.send(signal.SIGSTOP)
            await gateway.until_listening(1, within_s=NOTICED_S)
            await until(lambda: all(talker.cut_at for talker in streams), "the frozen streams are cut")
            assert (await (await gateway.connecting("frozen")).refusal()).status == 404

            frozen.child.send(signal.SIGCONT)
            await gateway.until_listening(3, within_s=NOTICED_S)
            assert await _is_answered(gateway)
            assert len(frozen.child.said(r"site: listening on ")) == 2, "one gap"
            assert not any(talker.cut_at for talker in bystanders)
            assert max(talker.slowest_s for talker in bystanders) < NOTICED_S / 4


async def test_listeners_of_a_frozen_gateway_notice_and_come_back(tmp_path: Path):
    async with (
        service(web(_ok)) as site,
        gateway_process(tmp_path / "data", numbers=QUICK_PINGS) as gateway,
    ):
        await gateway.create("site")
        async with exposing(tmp_path / "agent", gateway, {"site": site}, deadlines=QUICK_DEADLINES) as agent:
            assert await _is_answered(gateway)
            gateway.child.send(signal.SIGSTOP)
            await agent.child.says("next try in", within_s=NOTICED_S)
            gateway.child.send(signal.SIGCONT)
            # what the old channel left behind goes as well: no second listener is left
            await gateway.until_listening(1, within_s=NOTICED_S)
            await until(lambda: _is_answered(gateway), "a good answer", within_s=NOTICED_S)
            assert (await gateway.status())["listeners"] == 1


async def test_a_frozen_sender_is_cut_for_its_listener(tmp_path: Path):
    async with (
        tcp_target() as target,
        gateway_process(tmp_path / "data", numbers=QUICK_PINGS) as gateway,
    ):
        await gateway.create("tcp")
        settings = await AgentSettings(tmp_path / "sender", gateway).bring("tcp")
        async with (
            exposing(tmp_path / "agent", gateway, {"tcp": target.address}),
            agent_process(settings.write(deadlines=QUICK_DEADLINES), gateway.secrets) as sender,
        ):
            port = await sender.local_port("tcp")
            local = await RawStream.open(LOOPBACK, port)
            await local.send(b"before")
            far = await target.accept()
            assert await far.read_exactly(6) == b"before"

            sender.child.send(signal.SIGSTOP)
            with pytest.raises(ConnectionResetError):
                async with asyncio.timeout(NOTICED_S):
                    await far.read_some()

            sender.child.send(signal.SIGCONT)
            with pytest.raises(ConnectionResetError):
                await local.read_some()
            again = await RawStream.open(LOOPBACK, port)
            await again.send(b"after")
            assert await (await target.accept()).read_exactly(5) == b"after"
            await local.close()
            await again.close()
