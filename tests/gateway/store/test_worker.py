import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from gateway.store.worker import Worker


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    worker = Worker("test")
    worker.start()
    yield worker
    await worker.stop(timeout_s=5)


async def test_calls_run_one_after_the_other_in_one_other_thread(worker: Worker) -> None:
    order: list[int] = []
    threads: set[int] = set()

    def call(n: int) -> int:
        threads.add(threading.get_ident())
        order.append(n)
        return n

    async with asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(worker.run(lambda n=n: call(n), timeout_s=5)) for n in range(20)]
    assert [task.result() for task in calls] == order == list(range(20))
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


async def test_an_error_is_raised_where_the_result_is_awaited(worker: Worker) -> None:
    def fail() -> None:
        raise LookupError("not there")

    with pytest.raises(LookupError, match="not there"):
        await worker.run(fail, timeout_s=5)
    assert await worker.run(lambda: "works on", timeout_s=5) == "works on"


async def test_a_call_that_nobody_waits_for_any_more_is_left_out(worker: Worker) -> None:
    may_go_on = threading.Event()
    ran: list[str] = []
    first = asyncio.create_task(worker.run(lambda: may_go_on.wait(5), timeout_s=5))
    second = asyncio.create_task(worker.run(lambda: ran.append("second"), timeout_s=5))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    with pytest.raises(TimeoutError):
        await worker.run(lambda: ran.append("third"), timeout_s=0.01)
    may_go_on.set()
    assert await first
    await worker.run(lambda: ran.append("fourth"), timeout_s=5)
    assert ran == ["fourth"]


async def test_after_stopping_what_was_waiting_is_done_and_nothing_new_begins() -> None:
    worker = Worker("test")
    worker.start()
    ran: list[int] = []
    async with asyncio.TaskGroup() as tasks:
        for n in range(5):
            tasks.create_task(worker.run(lambda n=n: ran.append(n), timeout_s=5))
        await asyncio.sleep(0)
        await worker.stop(timeout_s=5)
    assert ran == list(range(5))
    with pytest.raises(RuntimeError, match="stopped"):
        await worker.run(lambda: None, timeout_s=5)
    await worker.stop(timeout_s=5)


async def test_a_call_that_hangs_holds_up_neither_stop_nor_the_end_of_the_process() -> None:
    worker = Worker("test")
    worker.start()
    may_go_on = threading.Event()
    hung = asyncio.create_task(worker.run(lambda: may_go_on.wait(5), timeout_s=0.01))
    await asyncio.sleep(0)
    await worker.stop(timeout_s=0.01)
    with pytest.raises(TimeoutError):
        await hung
    assert worker._thread.daemon
    may_go_on.set()
