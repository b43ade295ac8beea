"""The gateway of this computer, kept running for as long as it is wanted.

It is a child of this program. Where the user runs one already (``relaydesk gateway serve``), that one is used and left
alone. A child that dies is started again, after delays that grow, and why it died is shown meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

from agent.clock import Clock

from ..actions import Reach
from ..local_gateway.child import BundledGateway, running_gateway
from ..local_gateway.errors import LocalGatewayError
from ..local_gateway.finding import is_running, running_ports
from ..snapshot import BundledState, Problem, Trouble

log = logging.getLogger(__name__)

#: Between a gateway's death and the next start; the last one for ever. One that ran for a minute starts the row anew.
RESTART_DELAYS_S: Final = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
LASTED_S: Final = 60.0


class Bundled:
    """The gateway of this computer.

    Args:
        data_folder: Where it keeps its things.
        clock: For the delays.
        on_change: Called after every change of state.
        port: Where it listens; None for the usual one.
    """

    def __init__(
        self, data_folder: Path, clock: Clock, on_change: Callable[[], object], *, port: int | None = None
    ) -> None:
        self.data_folder = data_folder
        self._clock = clock
        self._on_change = on_change
        self._port = port
        self._tasks: asyncio.TaskGroup | None = None
        self._task: asyncio.Task[None] | None = None
        self._has_settled = asyncio.Event()
        self.state = BundledState.STOPPED
        self.reach = Reach.THIS_COMPUTER
        self.running: BundledGateway | None = None
        self.problem: Problem | None = None
        self.ports: frozenset[int] = frozenset()
        """Where it listens, itself and its administration; empty while that is not known."""

    @property
    def serves(self) -> bool:
        """Whether it can be used now."""
        return self.state in (BundledState.RUNNING, BundledState.ELSEWHERE)

    async def run(self) -> None:
        """Own the child until cancelled; then it has ended."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                await asyncio.Event().wait()
            finally:
                self._tasks = None

    async def start(self, reach: Reach) -> None:
        """Have it run, and wait until it does; where it runs for others than *reach*, it is started anew.

        Raises:
            LocalGatewayError: It did not start. It is not tried again by itself.
        """
        if self.state is BundledState.RUNNING and reach is not self.reach:
            await self.stop()
        if self.serves:
            return
        if self._task is None or self._task.done():
            assert self._tasks is not None, "used before run()"
            self.reach = reach
            self._has_settled.clear()
            self._enter(BundledState.STARTING)
            self._task = self._tasks.create_task(self._keep(), name="bundled gateway")
        await self._has_settled.wait()
        if not self.serves:
            cause = self.problem.cause if self.problem else "the gateway of this computer did not start"
            await self.stop()
            raise LocalGatewayError(cause)

    async def stop(self) -> None:
        """Have it end; one that somebody else started is left alone."""
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task})
        self._enter(BundledState.STOPPED)

    async def _keep(self) -> None:
        deaths = 0
        while True:
            began = self._clock.monotonic()
            cause = await self._until_it_ended()
            log.warning("%s", cause)
            lasted_s = self._clock.monotonic() - began
            deaths = 0 if lasted_s >= LASTED_S else deaths
            delay_s = RESTART_DELAYS_S[min(deaths, len(RESTART_DELAYS_S) - 1)]
            deaths += 1
            now = self._clock.now()
            self._enter(
                BundledState.FAILED,
                Problem(
                    trouble=Trouble.GATEWAY_UNREACHABLE,
                    cause=cause,
                    since=now,
                    next_try_at=now + delay_s,
                ),
            )
            await self._clock.wait(delay_s)
            self._enter(BundledState.STARTING, self.problem)

    async def _until_it_ended(self) -> str:
        """Run it, or use the one that runs; why it did not start, or has ended."""
        try:
            await self._run_once()
        except LocalGatewayError as error:
            return str(error)
        except OSError as error:  # no process could be made, or no folder
            return f"the gateway of this computer cannot be run: {error.strerror or error}"

    async def _run_once(self) -> NoReturn:
        """Raise LocalGatewayError where it did not start, and when it has ended."""
        if await asyncio.to_thread(is_running, self.data_folder):
            self._enter(BundledState.ELSEWHERE)
            self.ports = await running_ports(self.data_folder)
            try:
                while await asyncio.to_thread(is_running, self.data_folder):
                    await self._clock.wait(2.0)
            finally:
                self.ports = frozenset()
            raise LocalGatewayError("the gateway that somebody else had started has ended")
        host = None if self.reach is Reach.THIS_COMPUTER else await asyncio.to_thread(network_host)
        async with running_gateway(
            self.data_folder, port=self._port, network_host=host, on_line=self._heard
        ) as running:
            self.running = running
            self.ports = frozenset(filter(None, (urlsplit(running.url).port, urlsplit(running.admin).port)))
            self._enter(BundledState.RUNNING)
            try:
                await running.ended()
            finally:
                self.running, self.ports = None, frozenset()

    def _heard(self, line: str) -> None:
        log.info("gateway: %s", line)

    def _enter(self, state: BundledState, problem: Problem | None = None) -> None:
        self.state, self.problem = state, problem
        if state is not BundledState.STARTING:
            self._has_settled.set()
        self._on_change()


def network_host() -> str:
    """The address by which other computers most likely reach this one. May block for a moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # connecting a datagram socket sends nothing: the system only says by which of its addresses it would go
            probe.connect(("192.0.2.1", 9))
            address = str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
    return address
