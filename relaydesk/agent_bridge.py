"""The seam between Qt and the agent: the one module that knows both.

It runs the agent and the desk in the Qt event loop, the agent's bytes on a worker thread. A click becomes a task that
this owns; what changes becomes one snapshot, a frozen value, at a pace that a window can show. Whoever is closed costs
nothing: without a window only changes of state are published, for the tray, and no more than one a second.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

from PySide6.QtCore import QObject, Signal

from agent.clock import Clock
from agent.config import AgentConfig, Deadlines
from agent.exchanges import Exchanges
from agent.relay_loop import RelayLoop, WorkerLoop
from agent.supervisor import Agent

from .actions import ActionError, Actions
from .desk.desk import Desk
from .desk.failures import problem_of
from .keystore import Keystore
from .log_tail import LogTail
from .ports import PortWatcher
from .settings import Settings
from .snapshot import Problem, Snapshot, Trouble

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Between two snapshots while a window shows them: twice a second is what eyes follow.
WATCHED_S: Final = 0.5
#: For the tray alone.
UNWATCHED_S: Final = 1.0
#: Between an unexpected end of the agent's and its next start; the last one for ever.
RESTART_DELAYS_S: Final = (0.5, 2.0, 10.0, 30.0)
#: What the agent and the desk get to end in order when the program is left.
STOP_S: Final = 10.0


class AgentBridge(QObject):
    """What views talk to. See :class:`relaydesk.views.bridge.Bridge`.

    Args:
        settings: The settings files.
        keystore: Where keys are kept.
        ports: What listens on this computer.
        data_folder: Of the gateway of this computer.
        capture_folder: For what the inspector keeps while the program runs.
        log_tail: The last lines of the log.
        clock: The computer's own where it is not given.
        relay_loop: Where bytes move; a worker thread where it is not given.
        bundled_port: Where the gateway of this computer listens; None for the usual one.
    """

    snapshot_changed = Signal(object)
    """A :class:`~relaydesk.snapshot.Snapshot`."""
    log_lines = Signal(object)
    """New ones: a tuple of :class:`~relaydesk.snapshot.LogLine`."""
    woke_up = Signal()
    """The computer has slept."""

    def __init__(
        self,
        *,
        settings: Settings,
        keystore: Keystore,
        ports: PortWatcher,
        data_folder: Path,
        capture_folder: Path,
        log_tail: LogTail,
        clock: Clock | None = None,
        relay_loop: RelayLoop | None = None,
        bundled_port: int | None = None,
    ) -> None:
        super().__init__()
        self._clock = clock or Clock()
        self._log_tail = log_tail
        self._has_changed = asyncio.Event()
        self.has_begun = asyncio.Event()
        """Actions are done from then on; those that come before are dropped."""
        self._is_watched = False
        self._tasks: asyncio.TaskGroup | None = None
        self._shown: Snapshot | None = None
        self._exchanges = Exchanges(capture_folder, self._clock)
        self._agent = Agent(
            AgentConfig(),
            relay_loop=relay_loop or WorkerLoop(Deadlines().stop_s),
            keystore=self._fetch,
            exchanges=self._exchanges,
            on_wake=self._woke_up,
            clock=self._clock,
        )
        self._desk = Desk(
            engine=self._agent,
            settings=settings,
            keystore=keystore,
            ports=ports,
            data_folder=data_folder,
            clock=self._clock,
            exchanges=self._exchanges,
            on_change=self._has_changed.set,
            log_text=log_tail.text,
            bundled_port=bundled_port,
        )

    @property
    def actions(self) -> Actions:
        """What can be asked for."""
        return self._desk

    def own_ports(self) -> Collection[int]:
        """The ports of RelayDesk itself, to be offered to nobody."""
        return self._desk.own_ports()

    def own_pids(self) -> Collection[int]:
        """The processes of RelayDesk besides this one."""
        return self._desk.own_pids()

    def do(
        self,
        action: Coroutine[Any, Any, T],
        *,
        done: Callable[[T], None] | None = None,
        failed: Callable[[Problem], None] | None = None,
    ) -> None:
        """Run *action* as a task of this bridge's; how it ended is told in the Qt event loop."""
        if self._tasks is None:
            action.close()
            log.debug("an action came before the start or after the end, and was dropped")
            return
        self._tasks.create_task(
            _acted(action, done, failed), name=f"action {getattr(action, '__qualname__', action)}"
        )

    def set_watched(self, is_watched: bool) -> None:
        """Say whether a window shows what is published."""
        self._is_watched = is_watched
        self._has_changed.set()

    def network_changed(self) -> None:
        """Say that the network is another one."""
        self._desk.network_changed()

    async def run(self) -> None:
        """Be the desktop's inside until cancelled; then everything has ended, or STOP_S have passed."""
        self._exchanges.begin()
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                tasks.create_task(self._keep_the_agent(), name="agent")
                tasks.create_task(self._desk.run(), name="desk")
                tasks.create_task(self._follow(), name="agent's state")
                tasks.create_task(self._publish(), name="snapshots")
                self.has_begun.set()
        finally:
            self._tasks = None
            self._exchanges.close()

    async def _keep_the_agent(self) -> None:
        """Run the agent, and start it again after a bug in it has ended it: the window stays and says so meanwhile."""
        for delay_s in itertools.chain(RESTART_DELAYS_S, itertools.repeat(RESTART_DELAYS_S[-1])):
            try:
                await self._agent.run()
            except Exception as error:
                log.exception("the agent ended unexpectedly; it is started again in %g s", delay_s)
                self._desk.agent_ended(error, self._clock.now() + delay_s)
            await self._clock.wait(delay_s)
            self._desk.agent_begins()

    def _woke_up(self) -> None:
        self._desk.woke_up()
        self.woke_up.emit()

    async def _fetch(self, name: str) -> str | None:
        return await self._desk.keys.fetch(name)

    async def _follow(self) -> None:
        async for _ in self._agent.changes():
            self._has_changed.set()

    async def _publish(self) -> None:
        while True:
            if self._is_watched:
                # bytes alone are no change, and are what a window is watched for
                await self._clock.wait(WATCHED_S, None)
            else:
                await self._has_changed.wait()
            self._has_changed.clear()
            if lines := self._log_tail.take():
                self.log_lines.emit(lines)
            snapshot = self._desk.snapshot()
            if self._shown is None or _differs(snapshot, self._shown):
                self._shown = snapshot
                self.snapshot_changed.emit(snapshot)
            if not self._is_watched:
                await self._clock.wait(UNWATCHED_S)


def _differs(one: Snapshot, other: Snapshot) -> bool:
    return (
        one.health,
        one.services,
        one.connections,
        one.gateways,
        one.keystore,
        one.problem,
    ) != (other.health, other.services, other.connections, other.gateways, other.keystore, other.problem)


async def _acted(
    action: Coroutine[Any, Any, T],
    done: Callable[[T], None] | None,
    failed: Callable[[Problem], None] | None,
) -> None:
    """A task's outermost edge: what one click asked for must not end the others."""
    try:
        result = await action
    except ActionError as error:
        log.info("not done: %s", error.problem.cause)
        _tell(failed, error.problem)
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            log.exception("an action failed unexpectedly")
            problem = Problem(trouble=Trouble.OTHER, cause=f"{type(error).__name__}; the log has more")
        _tell(failed, problem)
    else:
        _tell(done, result)


def _tell(whom: Callable[[T], None] | None, what: T) -> None:
    if whom is None:
        return
    try:
        whom(what)
    except RuntimeError as error:  # the view that asked has been deleted by Qt since
        log.debug("nobody is there to be told: %s", error)
