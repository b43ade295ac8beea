"""The seam in the loop that it is made for: Qt's, with the agent's bytes on a worker thread."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from agent.clock import Clock
from relaydesk.actions import ExposeRequest, Shared
from relaydesk.agent_bridge import AgentBridge
from relaydesk.keystore import Keystore
from relaydesk.log_tail import LogTail
from relaydesk.ports import PortWatcher
from relaydesk.settings import Settings
from relaydesk.snapshot import Problem, ServiceState, Snapshot, Trouble
from tests.support.clocks import SteppedClock
from tests.support.desks import connection_string
from tests.support.gateways import running_gateway
from tests.support.keyrings import MemoryKeyring
from tests.support.raw_stream import RawStream
from tests.support.targets import tcp_target
from tests.support.waiting import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.qt_loop,
    pytest.mark.allow_log_warnings("is reached without TLS"),
]


class Shown:
    """What a window would have shown."""

    def __init__(self, bridge: AgentBridge) -> None:
        self.snapshots: list[Snapshot] = []
        bridge.snapshot_changed.connect(self.snapshots.append)

    @property
    def last(self) -> Snapshot:
        return self.snapshots[-1] if self.snapshots else Snapshot(at=0.0)

    def is_in(self, state: ServiceState) -> bool:
        return any(service.state is state for service in self.last.services)


@contextlib.asynccontextmanager
async def running_bridge(folder: Path, clock: Clock | None = None) -> AsyncIterator[AgentBridge]:
    assert QApplication.instance() is not None
    bridge = AgentBridge(
        settings=Settings(folder / "config"),
        keystore=Keystore(folder / "keys.sealed", find_backend=MemoryKeyring),
        ports=PortWatcher(),
        data_folder=folder / "gateway",
        capture_folder=folder / "captures",
        log_tail=LogTail(),
        clock=clock,
        bundled_port=0,
    )
    async with asyncio.TaskGroup() as tasks:
        inside = tasks.create_task(bridge.run(), name="bridge")
        await bridge.has_begun.wait()
        try:
            yield bridge
        finally:
            inside.cancel()


async def test_a_click_becomes_a_share_and_what_follows_is_shown(tmp_path: Path):
    async with running_gateway() as gateway, tcp_target() as target, running_bridge(tmp_path) as bridge:
        shown = Shown(bridge)
        bridge.set_watched(True)
        await bridge.actions.add_gateway(await connection_string(gateway))
        done: list[Shared] = []
        failed: list[Problem] = []
        bridge.do(
            bridge.actions.expose(ExposeRequest(target=target.address, name="Database")),
            done=done.append,
            failed=failed.append,
        )
        await until(lambda: done or failed, "the action has ended")
        assert failed == []
        assert done[0].service == "Database"
        await until(lambda: shown.is_in(ServiceState.ONLINE), "it is shown online")
        invited = await bridge.actions.invite("Database", "Ann", 3600)
        offer = bridge.actions.examine(invited.link)
        service = await bridge.actions.connect(offer, offer.suggested_port)
        for _ in range(target.connections):
            await target.accept()
        host, _, port = service.local.rpartition(":")
        stream = await RawStream.open(host, int(port))
        far = await target.accept()
        payload = bytes(range(256)) * 4_000
        await stream.send(payload)
        assert await far.read_exactly(len(payload)) == payload
        await until(
            lambda: any(one.bytes_received >= len(payload) for one in shown.last.connections),
            "bytes alone are shown while a window looks",
        )
        await stream.close()


async def test_an_action_that_fails_says_why_and_the_bridge_goes_on(tmp_path: Path):
    async with running_bridge(tmp_path) as bridge:
        failed: list[Problem] = []
        bridge.do(bridge.actions.stop("nothing"), failed=failed.append)
        bridge.do(bridge.actions.expose(ExposeRequest(target="not a target")), failed=failed.append)
        await until(lambda: len(failed) == 2, "both have failed")
        assert [problem.trouble for problem in failed] == [Trouble.CONFIG, Trouble.CONFIG]
        assert all(problem.cause for problem in failed)


async def test_nothing_is_published_while_nothing_changes(tmp_path: Path):
    """A closed window costs nothing, and one that is open repaints nothing that is the same."""
    async with running_bridge(tmp_path) as bridge:
        await bridge.actions.unlock_keystore()  # the first look at it is done
        shown = Shown(bridge)
        began = bridge.actions.snapshot().at
        bridge.set_watched(True)
        await until(lambda: bridge.actions.snapshot().at - began > 2.0)
        assert len(shown.snapshots) <= 1
        bridge.set_watched(False)


async def test_waking_up_is_told(tmp_path: Path):
    clock = SteppedClock()
    async with running_bridge(tmp_path, clock=clock) as bridge:
        woken: list[bool] = []
        bridge.woke_up.connect(lambda: woken.append(True))
        await until(lambda: clock.looks, "the agent has looked at the clocks once")
        clock.sleep(600)
        await until(lambda: clock.advance(2.0) or woken, "it is noticed")


class _Breaks(Clock):
    """Fails once, where the agent looks at the clocks."""

    has_to_fail = False

    async def look_in(self, seconds: float | None, wake: asyncio.Event | None = None) -> None:
        while not self.has_to_fail:
            await self.wait(0.02)
        self.has_to_fail = False
        raise LookupError("a bug")


@pytest.mark.expect_log_warnings("the agent ended unexpectedly; it is started again in 0.5 s")
async def test_an_agent_that_ends_is_said_and_started_again(tmp_path: Path):
    clock = _Breaks()
    async with (
        running_gateway() as gateway,
        tcp_target() as target,
        running_bridge(tmp_path, clock=clock) as bridge,
    ):
        shown = Shown(bridge)
        bridge.set_watched(True)
        await bridge.actions.add_gateway(await connection_string(gateway))
        await bridge.actions.expose(ExposeRequest(target=target.address, name="Database"))
        await until(lambda: shown.is_in(ServiceState.ONLINE), "it is shown online")
        clock.has_to_fail = True
        await until(lambda: bridge.actions.snapshot().problem, "it is said")
        problem = bridge.actions.snapshot().problem
        assert problem is not None
        assert "ended unexpectedly" in problem.cause
        assert bridge.actions.snapshot().services[0].state is not ServiceState.ONLINE
        assert problem.next_try_at is not None
        await until(lambda: bridge.actions.snapshot().problem is None, "it is started again")
        await until(
            lambda: shown.last.at > problem.next_try_at and shown.is_in(ServiceState.ONLINE), "it is back"
        )


async def test_an_action_after_the_end_is_dropped(tmp_path: Path):
    async with running_bridge(tmp_path) as bridge:
        pass
    action = bridge.actions.pause_all()
    bridge.do(action, done=pytest.fail, failed=pytest.fail)
    assert inspect.getcoroutinestate(action) == inspect.CORO_CLOSED, "it was given up, and waits for nothing"
