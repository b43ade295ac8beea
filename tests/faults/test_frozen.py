"""F5: a listener, a gateway or a sender that is frozen, as by a sleeping computer, is left, and comes back with one gap.

Pings are quick here: half a second stands for half a minute. At full size they are what they are by default, and what is
frozen stays so for a minute at least.
"""

from __future__ import annotations

import asyncio
import dataclasses
import signal
from pathlib import Path

import pytest

from agent.config import ConnectionConfig, Credential, Deadlines
from agent.relay_loop import WorkerLoop
from agent.status import Trouble
from agent.targets import parse_target
from tests.support.agent_processes import AgentSettings, agent_process, exposing
from tests.support.agents import running_agent
from tests.support.gateway_processes import GatewayProcess, gateway_process
from tests.support.processes import LOOPBACK
from tests.support.raw_stream import RawStream
from tests.support.services import echo, service, web
from tests.support.talkers import talking
from tests.support.targets import tcp_target
from tests.support.waiting import until

FROZEN_S = 60.0

#: From the end of the frost to the next good answer.
SERVICE_S = 10.0

pytestmark = [pytest.mark.slow, pytest.mark.stress]


@dataclasses.dataclass(frozen=True)
class Pace:
    """How often there are pings, and how soon a peer that has stopped must be missed.

    Attributes:
        numbers: Settings of the gateway.
        deadlines: Settings of the agents.
        gateway_notices_s: Two pings that are not answered and the time to the first of them, and some to spare.
        agent_notices_s: A ping and the wait for its answer, and some to spare.
        bystander_s: The longest round of somebody who is not concerned.
        frozen_s: How long at least.
    """

    numbers: dict[str, float]
    deadlines: dict[str, float] | None
    gateway_notices_s: float
    agent_notices_s: float
    bystander_s: float
    frozen_s: float


@pytest.fixture
def pace(full_size: bool, monkeypatch: pytest.MonkeyPatch) -> Pace:
    if full_size:
        # who talks with somebody frozen waits for a minute and more, in one step
        monkeypatch.setattr("tests.support.raw_stream.STEP_S", 3 * FROZEN_S)
        return Pace({}, None, 95.0, 45.0, 1.0, FROZEN_S)
    deadlines = {"ping_interval_s": 0.5, "pong_timeout_s": 0.5, "handshake_s": 3.0}
    return Pace({"ping_interval_s": 0.5}, deadlines, 4.0, 4.0, 1.0, 0.0)


async def _has_been(since: float, for_s: float) -> None:
    clock = asyncio.get_running_loop().time
    await until(lambda: clock() - since >= for_s, "it was frozen for long enough", within_s=for_s + 1)


async def _ok(target: bytes) -> bytes:
    return b"ok"


async def _is_answered(gateway: GatewayProcess) -> bool:
    response = await (await gateway.http()).request("GET", "/site/", list(gateway.authorization("site")))
    return (response.status, response.body) == (200, b"ok")


async def test_a_frozen_listener_is_dropped_and_nobody_else_is_moved(tmp_path: Path, pace: Pace):
    clock = asyncio.get_running_loop().time
    async with (
        service(echo) as echoes,
        service(web(_ok)) as site,
        gateway_process(tmp_path / "data", numbers=pace.numbers) as gateway,
    ):
        for path in ("site", "frozen", "steady"):
            await gateway.create(path)
        async with (
            exposing(tmp_path / "steady", gateway, {"steady": echoes}, deadlines=pace.deadlines),
            exposing(
                tmp_path / "frozen", gateway, {"site": site, "frozen": echoes}, deadlines=pace.deadlines
            ) as frozen,
            talking(gateway, "steady", 10) as bystanders,
            talking(gateway, "frozen", 10) as streams,
        ):
            await until(lambda: all(talker.rounds for talker in streams), "data moves")
            frozen.child.send(signal.SIGSTOP)
            frozen_at = clock()
            await gateway.until_listening(1, within_s=pace.gateway_notices_s)
            await until(
                lambda: all(talker.cut_at for talker in streams),
                "the frozen streams are cut",
                within_s=pace.gateway_notices_s,
            )
            assert (await (await gateway.connecting("frozen")).refusal()).status == 404

            await _has_been(frozen_at, pace.frozen_s)
            frozen.child.send(signal.SIGCONT)
            await gateway.until_listening(3, within_s=SERVICE_S)
            assert await _is_answered(gateway)
            assert len(frozen.child.said(r"site: listening on ")) == 2, "one gap"
            assert not any(talker.cut_at for talker in bystanders)
            assert max(talker.slowest_s for talker in bystanders) < pace.bystander_s


async def test_listeners_of_a_frozen_gateway_notice_and_come_back(tmp_path: Path, pace: Pace):
    clock = asyncio.get_running_loop().time
    async with (
        service(web(_ok)) as site,
        gateway_process(tmp_path / "data", numbers=pace.numbers) as gateway,
    ):
        await gateway.create("site")
        async with exposing(tmp_path / "agent", gateway, {"site": site}, deadlines=pace.deadlines) as agent:
            assert await _is_answered(gateway)
            gateway.child.send(signal.SIGSTOP)
            frozen_at = clock()
            await agent.child.says("next try in", within_s=pace.agent_notices_s)
            await _has_been(frozen_at, pace.frozen_s)
            gateway.child.send(signal.SIGCONT)
            # what the old channel left behind goes as well: no second listener is left
            await gateway.until_listening(1, within_s=SERVICE_S)
            await until(lambda: _is_answered(gateway), "a good answer", within_s=SERVICE_S)
            assert (await gateway.status())["listeners"] == 1


@pytest.mark.allow_log_warnings("is reached without TLS")
@pytest.mark.parametrize("worker", [False, True])
async def test_a_frozen_gateway_is_left_soon_after_somebody_has_a_look(
    tmp_path: Path, worker: bool, pace: Pace
):
    """As a window does when the network changes; the deadlines are those that everybody has, but for the look's own."""
    relay_loop = WorkerLoop(stop_s=5) if worker else None
    async with (
        service(web(_ok)) as site,
        gateway_process(tmp_path / "data", numbers=pace.numbers) as gateway,
    ):
        await gateway.create("site")
        config = ConnectionConfig(
            credential=Credential(text=await gateway.connection_string("site")), target=parse_target(site)
        )
        async with running_agent(config, deadlines=Deadlines(check_s=0.5), relay_loop=relay_loop) as agent:
            assert await _is_answered(gateway)
            before = agent.first.listener_id
            gateway.child.send(signal.SIGSTOP)
            agent.agent.check_now()
            await agent.until(lambda now: now.connections[0].trouble is Trouble.CHANNEL_LOST)
            gateway.child.send(signal.SIGCONT)
            async with asyncio.timeout(pace.agent_notices_s):
                await agent.until_listening()
            assert agent.first.listener_id not in (before, None)
            await until(lambda: _is_answered(gateway), "a good answer", within_s=pace.gateway_notices_s)
            await gateway.until_listening(1, within_s=pace.gateway_notices_s)


async def test_a_frozen_sender_is_cut_for_its_listener(tmp_path: Path, pace: Pace):
    async with (
        tcp_target() as target,
        gateway_process(tmp_path / "data", numbers=pace.numbers) as gateway,
    ):
        await gateway.create("tcp")
        settings = await AgentSettings(tmp_path / "sender", gateway).bring("tcp")
        async with (
            exposing(tmp_path / "agent", gateway, {"tcp": target.address}),
            agent_process(settings.write(deadlines=pace.deadlines), gateway.secrets) as sender,
        ):
            port = await sender.local_port("tcp")
            local = await RawStream.open(LOOPBACK, port)
            await local.send(b"before")
            far = await target.accept()
            assert await far.read_exactly(6) == b"before"

            sender.child.send(signal.SIGSTOP)
            await until(lambda: far.has_ended, "the target is cut", within_s=pace.gateway_notices_s)
            with pytest.raises(ConnectionResetError):
                await far.read_some()

            sender.child.send(signal.SIGCONT)
            with pytest.raises(ConnectionResetError):
                await local.read_some()
            again = await RawStream.open(LOOPBACK, port)
            await again.send(b"after")
            assert await (await target.accept()).read_exactly(5) == b"after"
            await local.close()
            await again.close()
