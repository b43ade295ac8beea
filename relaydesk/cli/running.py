"""Running what goes on until it is told to stop: signals, the loop, and an agent whose state is told as it changes."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol

from agent.status import AgentStatus
from agent.supervisor import Agent


class Watcher(Protocol):
    """Who is told what an agent does."""

    def status(self, status: AgentStatus) -> None:
        """Its state has changed."""

    def draining(self, open_requests: int) -> None:
        """It takes nothing new, and answers these before it ends."""


def run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run *work* to its end, or until SIGTERM asks for an orderly end, which is none of its failures.

    Raises:
        KeyboardInterrupt: Ctrl-C; *work* was cancelled and has unwound.
    """
    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        runner.run(_stoppable(work))


async def _stoppable(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.current_task()
    assert task is not None
    is_told = False

    def stop() -> None:
        nonlocal is_told
        is_told = True
        task.cancel()

    with _on_sigterm(stop):
        try:
            await work
        except asyncio.CancelledError:
            if not is_told:
                raise
            task.uncancel()


@contextlib.contextmanager
def _on_sigterm(stop: Callable[[], None]) -> Iterator[None]:
    """Call *stop* on the running loop when SIGTERM comes."""
    loop = asyncio.get_running_loop()
    if sys.platform == "win32":
        before = signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(stop))
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
    else:
        loop.add_signal_handler(signal.SIGTERM, stop)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGTERM)


async def run_agent(
    agent: Agent, watcher: Watcher, *, during: Coroutine[Any, Any, None] | None = None, drain_s: float = 0.0
) -> None:
    """Run *agent* until cancelled, telling *watcher* each change; what the watcher raises ends it.

    Args:
        agent: Not running yet.
        watcher: Called on this loop.
        during: Where it is given, the agent runs only as long as this does.
        drain_s: When cancelled, how long requests that have been taken may be answered. A second time skips that.

    Raises:
        Exception: What any of them raised: the first of it, alone.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            started = (
                tasks.create_task(agent.run(), name="agent"),
                tasks.create_task(_watch(agent, watcher), name="status"),
            )
            try:
                await (during or asyncio.Event().wait())
            except asyncio.CancelledError:
                if not any(task.done() for task in started):  # else one has failed, and that is why
                    await _drain(agent, watcher, drain_s)
                raise
            for task in started:
                task.cancel()
    except BaseExceptionGroup as group:
        # what follows the first happened while the rest was being cancelled
        raise _first(group) from None


async def _drain(agent: Agent, watcher: Watcher, drain_s: float) -> None:
    open_requests = sum(one.traffic.open_requests for one in agent.snapshot().connections)
    if not open_requests or not drain_s:
        return
    agent.turn_away()  # before it is said
    watcher.draining(open_requests)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(drain_s):
            await agent.drain()


async def _watch(agent: Agent, watcher: Watcher) -> None:
    async for status in agent.changes():
        watcher.status(status)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Give uvloop's loop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
