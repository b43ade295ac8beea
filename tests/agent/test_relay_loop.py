from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from agent.relay_loop import RelayLoop, SameLoop, WorkerLoop
from tests.support.waiting import until


@pytest.fixture(params=["same loop", "worker"])
async def relay_loop(request: pytest.FixtureRequest) -> AsyncIterator[RelayLoop]:
    loop: RelayLoop = SameLoop() if request.param == "same loop" else WorkerLoop(stop_s=5)
    async with loop:
        yield loop


async def add(one: int, other: int) -> int:
    await asyncio.sleep(0)
    return one + other


async def test_result_comes_back(relay_loop: RelayLoop):
    assert await relay_loop.run(add, 1, 2) == 3


async def test_exception_comes_back(relay_loop: RelayLoop):
    async def fail() -> None:
        raise LookupError("inside")

    with pytest.raises(LookupError, match="inside"):
        await relay_loop.run(fail)


async def test_cancelling_the_wait_cancels_the_work_and_waits_for_its_end(relay_loop: RelayLoop):
    has_begun = threading.Event()
    events: list[str] = []

    async def work() -> None:
        has_begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            events.append("cleaned up")

    waiting = asyncio.create_task(relay_loop.run(work))
    await until(has_begun.is_set, "the work has begun")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert events == ["cleaned up"]


async def test_many_run_at_once(relay_loop: RelayLoop):
    arrived = 0
    all_here = asyncio.Event()

    async def meet() -> int:
        nonlocal arrived
        arrived += 1
        if arrived == 20:
            all_here.set()
        await all_here.wait()
        return arrived

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(relay_loop.run(meet)) for _ in range(20)]
    assert [task.result() for task in running] == [20] * 20


async def test_work_of_the_worker_runs_in_another_thread():
    async def thread() -> str:
        return threading.current_thread().name

    async with WorkerLoop(stop_s=5) as loop:
        assert await loop.run(thread) == "relay loop"
    assert await SameLoop().run(thread) == threading.current_thread().name


async def test_leaving_the_worker_cancels_what_runs_and_ends_its_thread():
    ended = threading.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with WorkerLoop(stop_s=5) as loop:
        waiting = asyncio.create_task(loop.run(work))
        await loop.run(asyncio.sleep, 0)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()
    assert "relay loop" not in {thread.name for thread in threading.enumerate() if thread.is_alive()}


@pytest.mark.expect_log_warnings("did not end within")
async def test_work_that_does_not_end_is_left_behind():
    let_go = threading.Event()

    async def stubborn() -> None:
        let_go.wait()  # holds the worker's loop itself

    loop = WorkerLoop(stop_s=0.05)
    async with loop:
        waiting = asyncio.create_task(loop.run(stubborn))
        await asyncio.sleep(0)
    let_go.set()
    await waiting


async def test_a_worker_whose_start_is_given_up_leaves_no_thread():
    """As when the desktop is quit in its first moment."""
    before = set(threading.enumerate())

    async def enter() -> None:
        async with WorkerLoop(stop_s=5):
            pytest.fail("it was given up before")

    task = asyncio.create_task(enter())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert set(threading.enumerate()) <= before
