"""Where relayed bytes move: on the caller's own loop, or on one worker thread with a loop of its own.

Headless there is one loop, and work handed over simply runs there. In the desktop the caller's loop is Qt's,
where an open menu or a repaint would hold bytes up and bulk would make the window stutter; there the work runs
on a plain asyncio loop in a thread. The rest of the agent does not know which: it awaits ``run``.

Only frozen values cross. A socket, a leg or an HTTP session is made on the relay loop and never leaves it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, TypeVarTuple

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_Arguments = TypeVarTuple("_Arguments")


class RelayLoop(Protocol):
    """Runs coroutines where relayed bytes move."""

    async def run(self, function: Callable[[*_Arguments], Coroutine[Any, Any, _T]], *args: *_Arguments) -> _T:
        """Run ``function(*args)`` and give its result or its exception.

        Cancelling this cancels the work, and waits (bounded) until it has ended.
        """
        ...

    async def call_back(
        self, function: Callable[[*_Arguments], Coroutine[Any, Any, _T]], *args: *_Arguments
    ) -> _T:
        """From the relay loop: run ``function(*args)`` where ``run`` was called from."""
        ...

    def tell(self, callback: Callable[[*_Arguments], object], *args: *_Arguments) -> None:
        """From the relay loop: have ``callback(*args)`` called where ``run`` was called from, and do not wait."""
        ...

    async def __aenter__(self) -> Self:
        """Begin; the loop that enters is the one that awaits."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancel what still runs, and wait (bounded) for it to end."""
        ...


class SameLoop:
    """The caller's loop is the relay loop."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    async def run(self, function: Callable[[*_Arguments], Coroutine[Any, Any, _T]], *args: *_Arguments) -> _T:
        """Run ``function(*args)`` here."""
        return await function(*args)

    async def call_back(
        self, function: Callable[[*_Arguments], Coroutine[Any, Any, _T]], *args: *_Arguments
    ) -> _T:
        """Run ``function(*args)`` here."""
        return await function(*args)

    def tell(self, callback: Callable[[*_Arguments], object], *args: *_Arguments) -> None:
        """Call ``callback(*args)``."""
        callback(*args)


class WorkerLoop:
    """A worker thread with a plain asyncio loop is the relay loop.

    Args:
        stop_s: What cancelled work gets to end in order, before it is left behind.
    """

    def __init__(self, stop_s: float) -> None:
        self._stop_s = stop_s
        self._thread: threading.Thread | None = None
        self._caller: asyncio.AbstractEventLoop | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._has_ended: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        caller = self._caller = asyncio.get_running_loop()
        has_started: asyncio.Future[None] = caller.create_future()
        self._has_ended = caller.create_future()
        ended = self._has_ended

        async def serve() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            _tell(caller, _settle, has_started, lambda: has_started.set_result(None))
            await self._stop.wait()

        def main() -> None:
            try:
                asyncio.run(serve())  # what still runs in the end is cancelled and awaited
            finally:
                _tell(caller, _settle, ended, lambda: ended.set_result(None))

        self._thread = threading.Thread(target=main, name="relay loop", daemon=True)
        self._thread.start()
        try:
            await asyncio.shield(has_started)
        except asyncio.CancelledError:
            await (
                has_started
            )  # a thread that is being started cannot be stopped, and takes no time to speak of
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._loop is not None
        assert self._stop is not None
        assert self._has_ended is not None
        _tell(self._loop, self._stop.set)
        done, _ = await asyncio.wait({self._has_ended}, timeout=self._stop_s)
        if done and self._thread is not None:
            self._thread.join()  # its last steps; nothing in them waits
        else:
            log.error("the relay loop did not end within %s s; it is left behind", self._stop_s)

    async def run(self, function: Callable[[*_Arguments], Coroutine[Any, Any, _T]], *args: *_Arguments) -> _T:
        """Run ``function(*args)`` on the worker's loop."""
        assert self._loop is not None, "used outside its `async with`"
        return await _run_on(self._loop, self._stop_s, function, *args)

    async def call_back(
        self, function: Callable[[*_Arguments], Coroutine[Any, Any, _T]], *args: *_Arguments
    ) -> _T:
        """Run ``function(*args)`` on the loop that entered."""
        assert self._caller is not None, "used outside its `async with`"
        return await _run_on(self._caller, self._stop_s, function, *args)

    def tell(self, callback: Callable[[*_Arguments], object], *args: *_Arguments) -> None:
        """Have ``callback(*args)`` called on the loop that entered."""
        assert self._caller is not None, "used outside its `async with`"
        _tell(self._caller, callback, *args)


async def _run_on(
    loop: asyncio.AbstractEventLoop,
    stop_s: float,
    function: Callable[[*_Arguments], Coroutine[Any, Any, _T]],
    *args: *_Arguments,
) -> _T:
    """Run ``function(*args)`` on *loop*, which another thread runs."""
    here = asyncio.get_running_loop()
    outcome: asyncio.Future[_T] = here.create_future()
    task: asyncio.Task[None] | None = None

    async def work() -> None:
        try:
            result = await function(*args)
        except asyncio.CancelledError:
            _tell(here, _settle, outcome, outcome.cancel)
            raise
        except BaseException as error:  # noqa: BLE001 - it is raised again where the caller waits
            failure = error
            _tell(here, _settle, outcome, lambda: outcome.set_exception(failure))
        else:
            _tell(here, _settle, outcome, lambda: outcome.set_result(result))

    def start() -> None:
        nonlocal task
        name = f"handed over: {getattr(function, '__qualname__', function)}"
        task = loop.create_task(work(), name=name)

    def stop() -> None:
        if task is not None:
            task.cancel()

    loop.call_soon_threadsafe(start)
    try:
        return await asyncio.shield(outcome)
    except asyncio.CancelledError:
        _tell(loop, stop)
        done, _ = await asyncio.wait({outcome}, timeout=stop_s)
        if done and not outcome.cancelled():
            outcome.exception()  # it ended on its own in the same moment; the caller no longer asks how
        raise


def _settle(future: asyncio.Future[Any], how: Callable[[], object]) -> None:
    """Settle *future* unless nobody waits for it any more."""
    if not future.done():
        how()


def _tell(
    loop: asyncio.AbstractEventLoop, callback: Callable[[*_Arguments], object], *args: *_Arguments
) -> None:
    """Run *callback* on *loop*; a loop that has been closed no longer wants to know."""
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError as error:
        log.debug("a loop ended before it could be told: %s", error)
