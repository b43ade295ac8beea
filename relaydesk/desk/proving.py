"""Whether senders get through, which an open connection to the gateway does not say: a request of our own says it.

Each shared service is tried when its listener connects, every few minutes while it stays connected, and soon again after a
failure. What was learnt by one control channel says nothing about the next.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable
from typing import Final

from agent.clock import Clock
from agent.config import Direction
from agent.probe import Failed, Impossible, ProbeResult, Proven
from agent.status import AgentStatus, State

from ..snapshot import Proof
from .engine import Engine

log = logging.getLogger(__name__)

#: Between two probes of a service that is well.
EVERY_S: Final = 300.0
#: Between a failed probe and the second one that confirms it.
BELIEVE_S: Final = 1.0
#: After one that failed.
AGAIN_S: Final = 15.0


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What is known of the whole way to one service.

    Attributes:
        listener_id: The control channel by which it was learnt.
    """

    listener_id: str
    proof: Proof
    round_trip_s: float | None = None
    reason: str = ""
    at: float = 0.0


class Prover:
    """Tries the whole way to every service that listens.

    Args:
        engine: The agent.
        clock: For the intervals.
        on_change: Called after every finding.
        is_wanted: Whether to begin with services that connect now.
    """

    def __init__(
        self, engine: Engine, clock: Clock, on_change: Callable[[], object], is_wanted: Callable[[], bool]
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._on_change = on_change
        self._findings: dict[str, Finding] = {}
        self._wake: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_wanted = is_wanted

    def finding(self, name: str, listener_id: str | None) -> Finding | None:
        """What is known of the service, as long as it is connected as when that was learnt."""
        found = self._findings.get(name)
        return found if found is not None and found.listener_id == listener_id else None

    def again(self) -> None:
        """Try every service now."""
        for wake in self._wake.values():
            wake.set()

    async def run(self) -> None:
        """Follow the agent's state until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            async for status in self._engine.changes():
                self._follow(status, tasks)

    def _follow(self, status: AgentStatus, tasks: asyncio.TaskGroup) -> None:
        listening = {
            one.name: one.listener_id
            for one in status.connections
            if one.direction is Direction.LISTEN and one.state is State.LISTENING and one.listener_id
        }
        for name, task in tuple(self._tasks.items()):
            if task.done() or task.get_name() != _task_name(name, listening.get(name)):
                task.cancel()
                del self._tasks[name]
                self._wake.pop(name, None)
        known = {one.name for one in status.connections}
        for name in self._findings.keys() - known:
            del self._findings[name]
        for name, listener_id in listening.items():
            if name not in self._tasks and self._is_wanted():
                self._wake[name] = wake = asyncio.Event()
                self._tasks[name] = tasks.create_task(
                    self._keep_proving(name, listener_id, wake), name=_task_name(name, listener_id)
                )

    async def _keep_proving(self, name: str, listener_id: str, wake: asyncio.Event) -> None:
        while True:
            wake.clear()
            result = await self._engine.probe(name)
            if isinstance(result, Failed):
                # once is not believed: most often it was the listener that just went, which is said elsewhere
                await self._clock.wait(BELIEVE_S)
                if not self._is_connected(name, listener_id):
                    return
                result = await self._engine.probe(name)
            finding = self._finding_of(listener_id, result)
            before = self._findings.get(name)
            self._findings[name] = finding
            if finding.proof is Proof.FAILED and (before is None or before.proof is not Proof.FAILED):
                log.warning("%s: senders do not get through: %s", name, finding.reason)
            self._on_change()
            await self._clock.wait(AGAIN_S if finding.proof is Proof.FAILED else EVERY_S, wake)

    def _is_connected(self, name: str, listener_id: str) -> bool:
        return any(
            one.name == name and one.listener_id == listener_id for one in self._engine.snapshot().connections
        )

    def _finding_of(self, listener_id: str, result: ProbeResult) -> Finding:
        now = self._clock.now()
        match result:
            case Proven(round_trip_s):
                return Finding(listener_id, Proof.PROVEN, round_trip_s, at=now)
            case Impossible(reason):
                return Finding(listener_id, Proof.IMPOSSIBLE, reason=reason, at=now)
            case Failed(reason):
                return Finding(listener_id, Proof.FAILED, reason=reason, at=now)


def _task_name(name: str, listener_id: str | None) -> str:
    return f"proof of {name} by {listener_id}"
