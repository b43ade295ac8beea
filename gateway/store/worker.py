"""One thread in which blocking calls run one after the other, for a loop that must never block."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

_Result = TypeVar("_Result")

_Job = tuple["Future[Any]", Callable[[], Any]]


class Worker:
    """Runs calls in a thread of its own, in the order they were made.

    The thread is a daemon and not an executor's: a disk that hangs must not hold up the end of the process.
    A call whose caller stopped waiting before its turn came is left out.
    """

    def __init__(self, name: str) -> None:
        # Not bounded by itself: each caller waits for its own call, and leaves the queue when it gives up.
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._is_stopped = False

    def start(self) -> None:
        """Begin. Once only."""
        self._thread.start()

    async def run(self, call: Callable[[], _Result], *, timeout_s: float) -> _Result:
        """Run *call* in the thread and give its result.

        Raises:
            TimeoutError: It was not done in time. If it had begun, it goes on: what it does is unknown.
            RuntimeError: The worker has been stopped.
        """
        if self._is_stopped:
            raise RuntimeError("the worker has been stopped")
        future: Future[_Result] = Future()
        self._jobs.put((future, call))
        async with asyncio.timeout(timeout_s):
            return await asyncio.wrap_future(future)

    def post(self, call: Callable[[], object]) -> None:
        """Run *call* behind everything that was asked for before, for nobody who waits: its outcome is not seen."""
        if not self._is_stopped:
            self._jobs.put((Future(), call))

    async def stop(self, *, timeout_s: float) -> None:
        """Finish what was begun or is waiting, and end the thread. One that hangs is left behind after *timeout_s*."""
        if self._is_stopped:
            return
        done: Future[None] = Future()
        self._jobs.put((done, lambda: None))
        self._jobs.put(None)
        self._is_stopped = True
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await asyncio.wrap_future(done)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, call = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
                future.set_exception(error)
            else:
                future.set_result(result)
            del job, future, call  # a result must not live until the next call
