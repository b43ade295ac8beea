"""relaydesk/blocking.py: what blocks is waited for no longer than its deadline, and holds nothing up."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from relaydesk.blocking import NoAnswerError, Outcome, call_blocking
from tests.support.processes import ROOT
from tests.support.waiting import until


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


async def test_gives_what_the_function_returns_in_a_daemon_thread():
    thread = await call_blocking(threading.current_thread, name="test", deadline_s=10)
    assert (thread.name, thread.daemon) == ("test", True)


@pytest.mark.parametrize("error", [ValueError("x"), TimeoutError("its own")])
async def test_raises_what_the_function_raises(error: Exception):
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        await call_blocking(fail, name="test", deadline_s=10)
    assert raised.value is error


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_nothing_raised_in_the_thread_ends_the_loop(error: BaseException):
    def fail() -> None:
        raise error

    with pytest.raises(RuntimeError, match=f"{type(error).__name__} in the thread test"):
        await call_blocking(fail, name="test", deadline_s=10)


async def test_after_the_deadline_the_end_is_still_told(gate: threading.Event):
    ends: list[Outcome[bool]] = []
    with pytest.raises(NoAnswerError, match=r"no answer within 0\.01 s"):
        await call_blocking(gate.wait, name="test", deadline_s=0.01, on_end=ends.append)
    assert ends == []
    gate.set()
    assert await until(lambda: ends) == [Outcome((True,))]


async def test_cancelling_does_not_wait_for_the_thread(gate: threading.Event):
    ends: list[Outcome[bool]] = []
    call = asyncio.create_task(call_blocking(gate.wait, name="test", deadline_s=10, on_end=ends.append))
    await asyncio.sleep(0)
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call
    assert call.cancelled()
    gate.set()
    assert await until(lambda: ends) == [Outcome((True,))]


async def test_says_so_when_there_can_be_no_more_threads(monkeypatch: pytest.MonkeyPatch):
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    ends: list[Outcome[bool]] = []
    with pytest.raises(RuntimeError, match="can't start"):
        await call_blocking(lambda: True, name="test", deadline_s=10, on_end=ends.append)
    assert len(ends) == 1


HANGING = """
import asyncio, threading
from relaydesk.blocking import NoAnswerError, call_blocking
async def main():
    try:
        await call_blocking(threading.Event().wait, name="hangs", deadline_s=0.01)
    except NoAnswerError as error:
        print(error)
asyncio.run(main())
"""


@pytest.mark.slow
def test_a_program_ends_while_a_call_hangs():
    ended = subprocess.run(
        [sys.executable, "-c", HANGING], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "no answer within 0.01 s\n", "")
