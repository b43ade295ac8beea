"""The gateway as a process: its loop, its signals, its ready line."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from .binding import SHORTAGES
from .config import GatewayConfig
from .server import Gateway

log = logging.getLogger(__name__)

#: How often a lasting shortage is said.
SHORTAGE_EVERY_S = 60.0


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The fastest event loop there is here: uvloop's where it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - optional, and absent on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop


def run(config: GatewayConfig, on_ready: Callable[[Gateway], None]) -> None:
    """Serve until SIGTERM or SIGINT, drain, stop. A second signal skips the drain.

    *on_ready* is called once, when everything is bound.

    Raises:
        GatewayError: It cannot start.
    """
    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        runner.run(serve(config, on_ready))


async def serve(config: GatewayConfig, on_ready: Callable[[Gateway], None]) -> None:
    """As run(), on the running loop."""
    signals = _Signals()
    asyncio.get_running_loop().set_exception_handler(_ShortOfResources())
    with signals.caught():
        async with Gateway(config).serving() as gateway:
            on_ready(gateway)
            await signals.wait()
            await _unless(signals, gateway.give_notice())
            gateway.turn_away()  # before it is said, so that who reads it can rely on it
            log.info("stopping: no new work, at most %g s for what is going on", config.drain_s)
            await _unless(signals, gateway.drain())
    log.info("stopped")


async def _unless(signals: _Signals, work: Coroutine[object, object, None]) -> None:
    """Do *work*, or give it up at the next signal."""
    async with asyncio.TaskGroup() as tasks:
        job = tasks.create_task(work, name="drain")
        impatience = tasks.create_task(signals.wait(), name="second signal")
        await asyncio.wait((job, impatience), return_when=asyncio.FIRST_COMPLETED)
        job.cancel()
        impatience.cancel()


class _ShortOfResources:
    """The loop's exception handler: says once in a while that there is no descriptor left for new connections.

    asyncio's own loop reports that for each connection of the backlog again, every second, with a traceback (measured:
    4,000 such reports in two seconds). uvloop waits without a word.
    """

    def __init__(self) -> None:
        self._said_at = -math.inf

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in SHORTAGES:
            loop.default_exception_handler(context)
        elif loop.time() - self._said_at >= SHORTAGE_EVERY_S:
            self._said_at = loop.time()
            log.error("new connections have to wait: %s (descriptors: see ulimit -n)", error.strerror)


class _Signals:
    """SIGTERM and SIGINT, one wait() each."""

    def __init__(self) -> None:
        self._arrived = asyncio.Semaphore(0)

    async def wait(self) -> None:
        """Until the next one."""
        await self._arrived.acquire()

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        """While open, signals end a wait() and not the process."""
        loop = asyncio.get_running_loop()
        # a shell starts jobs in the background with SIGINT ignored: the terminal's Ctrl-C is not for them
        is_ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        names = (signal.SIGTERM,) if is_ignored else (signal.SIGTERM, signal.SIGINT)
        if sys.platform == "win32":
            before = {
                name: signal.signal(name, lambda *_: loop.call_soon_threadsafe(self._arrived.release))
                for name in names
            }
            try:
                yield
            finally:
                for name, handler in before.items():
                    signal.signal(name, handler)
        else:
            for name in names:
                loop.add_signal_handler(name, self._arrived.release)
            try:
                yield
            finally:
                for name in names:
                    loop.remove_signal_handler(name)
