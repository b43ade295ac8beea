"""The desktop's loop keeps the promises of asyncio's, and those of its own about Qt."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QDialog, QMenu

from relaydesk.event_loop import DesktopEventLoop, run
from tests.support.qt_loop import application

pytestmark = pytest.mark.qt_loop


@pytest.fixture
def loop() -> Iterator[DesktopEventLoop]:
    """A loop for tests that are no coroutines."""
    with_it = DesktopEventLoop(application())
    yield with_it
    with_it.close()


def ours() -> DesktopEventLoop:
    found = asyncio.get_running_loop()
    assert isinstance(found, DesktopEventLoop)
    return found


# --- scheduling ------------------------------------------------------------------------------------------------------


async def test_callbacks_run_in_the_order_in_which_they_were_asked_for():
    seen: list[int] = []
    done = asyncio.Event()
    for number in range(100):
        ours().call_soon(seen.append, number)
    ours().call_soon(done.set)
    await done.wait()
    assert seen == list(range(100))


async def test_what_a_callback_asks_for_runs_in_the_next_pass():
    seen: list[str] = []
    done = asyncio.Event()

    def first() -> None:
        ours().call_soon(seen.append, "later")
        ours().call_soon(done.set)
        seen.append("first")

    ours().call_soon(first)
    ours().call_soon(seen.append, "second")
    await done.wait()
    assert seen == ["first", "second", "later"]


async def test_cancelled_callback_does_not_run():
    seen: list[str] = []
    ours().call_soon(seen.append, "no").cancel()
    await asyncio.sleep(0)
    assert seen == []


async def test_callback_runs_in_its_context():
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")
    context = contextvars.copy_context()
    context.run(variable.set, "given")
    seen: list[str] = []
    done = asyncio.Event()
    ours().call_soon(lambda: seen.append(variable.get()), context=context)
    ours().call_soon_threadsafe(lambda: seen.append(variable.get()), context=context)
    ours().call_later(0, lambda: (seen.append(variable.get()), done.set()), context=context)
    await done.wait()
    assert seen == ["given"] * 3


# --- timers ----------------------------------------------------------------------------------------------------------


async def test_timers_run_in_the_order_of_their_times():
    seen: list[str] = []
    done = asyncio.Event()
    now = ours().time()
    ours().call_at(now + 0.02, lambda: (seen.append("third"), done.set()))
    ours().call_at(now + 0.01, seen.append, "second")
    ours().call_at(now - 5, seen.append, "first")
    await done.wait()
    assert seen == ["first", "second", "third"]


async def test_timer_handle_tells_its_time():
    handle = ours().call_at(ours().time() + 100, print)
    assert isinstance(handle, asyncio.TimerHandle)
    assert handle.when() == pytest.approx(ours().time() + 100, abs=1)
    handle.cancel()


@pytest.mark.parametrize("delay", [0.0004, 0.003, 0.02, 0.1])
async def test_timer_is_never_early(delay: float):
    for _ in range(5):
        began = ours().time()
        await asyncio.sleep(delay)
        assert ours().time() >= began + delay


@pytest.mark.slow
async def test_long_timer_is_not_late_by_a_share_of_its_length():
    """qasync's own timers are coarse: of ten tries each would be some hundredths of a second late."""
    late = []
    for _ in range(10):
        began = ours().time()
        await asyncio.sleep(0.2)
        late.append(ours().time() - began - 0.2)
    assert min(late) < 0.005


async def test_timer_is_moved_forward_by_an_earlier_one():
    done = asyncio.Event()
    far = ours().call_later(3_600, print)
    await asyncio.sleep(0.001)  # a pass, so that Qt's timer is set to the hour
    ours().call_later(0.01, done.set)
    async with asyncio.timeout(5):
        await done.wait()
    far.cancel()


async def test_earlier_timer_is_heard_outside_a_pass():
    """A slot of Qt's asks for a timer while the loop waits for a far one."""
    done = asyncio.Event()
    far = ours().call_later(3_600, print)
    QTimer.singleShot(1, lambda: ours().call_later(0.005, done.set))
    async with asyncio.timeout(5):
        await done.wait()
    far.cancel()


async def test_cancelled_timeouts_leave_no_timer():
    """qasync keeps a QTimer of each until it would have been due."""
    for _ in range(5_000):
        async with asyncio.timeout(60):  # noqa: ASYNC100 - it is to be cancelled at once
            pass
    in_next_pass = asyncio.Event()
    ours().call_soon(in_next_pass.set)
    await in_next_pass.wait()
    QTimer.singleShot(0, in_next_pass.set)
    in_next_pass.clear()
    await in_next_pass.wait()
    assert ours()._scheduled == []
    assert not ours()._pump.timer.isActive()


async def test_idle_loop_makes_no_pass(monkeypatch: pytest.MonkeyPatch):
    """A window that nobody looks at costs nothing: asyncio does nothing between two timers."""
    from relaydesk import event_loop

    passes: list[None] = []
    run_pass = event_loop._run_what_is_ready

    def counted(loop: asyncio.BaseEventLoop) -> None:
        passes.append(None)
        run_pass(loop)

    monkeypatch.setattr(event_loop, "_run_what_is_ready", counted)
    await asyncio.sleep(0.2)
    assert len(passes) <= 3


# --- threads ---------------------------------------------------------------------------------------------------------


async def test_calls_from_other_threads_all_arrive():
    loop = ours()
    seen: list[tuple[int, int]] = []
    done = asyncio.Event()

    def count(number: int, value: int) -> None:
        seen.append((number, value))
        if len(seen) == 4_000:
            done.set()

    def work(number: int) -> None:
        for value in range(1_000):
            loop.call_soon_threadsafe(count, number, value)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    async with asyncio.timeout(20):
        await done.wait()
    for thread in threads:
        thread.join()
    for number in range(4):
        assert [value for of, value in seen if of == number] == list(range(1_000))


async def test_call_from_a_thread_wakes_a_loop_that_waits():
    done = asyncio.Event()
    threading.Timer(0.02, ours().call_soon_threadsafe, (done.set,)).start()
    async with asyncio.timeout(5):
        await done.wait()


async def test_coroutine_threadsafe_gives_its_result_to_the_thread():
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    loop = ours()
    assert await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(answer(), loop).result(5)) == 42


async def test_thread_runs_a_subprocess():
    ran = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", "print(6*7)"], capture_output=True)
    assert ran.stdout.split() == [b"42"]


async def test_name_is_looked_up_in_a_thread():
    found = await ours().getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    assert {address[4][0] for address in found} <= {"127.0.0.1", "::1"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals between processes")
async def test_signal_handler_wakes_qt():
    done = asyncio.Event()
    ours().add_signal_handler(signal.SIGUSR1, done.set)
    try:
        threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        async with asyncio.timeout(5):
            await done.wait()
    finally:
        ours().remove_signal_handler(signal.SIGUSR1)


# --- sockets ---------------------------------------------------------------------------------------------------------


async def test_a_megabyte_comes_back():
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    sent = os.urandom(1_048_576)
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())

        async def send() -> None:
            writer.write(sent)
            await writer.drain()
            writer.write_eof()

        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            tasks.create_task(send())
            received = await reader.read(-1)
        writer.close()
        await writer.wait_closed()
    assert received == sent


async def test_connection_that_is_refused_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_closed_connections_leave_no_notifier():
    before = len(ours()._read_notifiers) + len(ours()._write_notifiers)

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(close, "127.0.0.1", 0) as server:
        for _ in range(10):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
    await asyncio.sleep(0)
    assert len(ours()._read_notifiers) + len(ours()._write_notifiers) == before


# --- tasks and errors ------------------------------------------------------------------------------------------------


async def test_failure_in_a_group_cancels_the_others():
    seen: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def fail() -> None:
        await asyncio.sleep(0.005)
        raise LookupError("it")

    async def both() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(wait())
            tasks.create_task(fail())

    with pytest.raises(ExceptionGroup) as caught:
        await both()
    assert caught.group_contains(LookupError, match="it")
    assert seen == ["cancelled"]


async def test_timeout_cancels_what_takes_too_long():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()


async def test_error_in_a_callback_goes_to_the_handler_and_the_rest_goes_on():
    contexts: list[dict[str, object]] = []
    seen: list[str] = []

    def fail() -> None:
        raise LookupError("it")

    ours().set_exception_handler(lambda _, context: contexts.append(context))
    ours().call_soon(fail)
    ours().call_soon(seen.append, "next")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert seen == ["next"]
    (context,) = contexts
    assert isinstance(context["exception"], LookupError)


@pytest.mark.expect_log_warnings(r"(?s)asyncio: Exception in callback .*LookupError")
async def test_error_without_a_handler_is_logged():
    def fail() -> None:
        raise LookupError("it")

    ours().call_soon(fail)
    await asyncio.sleep(0)
    await asyncio.sleep(0)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_programs_leaves_the_loop(loop: DesktopEventLoop, kind: type[BaseException]):
    def leave() -> None:
        raise kind

    seen: list[str] = []
    loop.call_soon(leave)
    loop.call_soon(seen.append, "kept")
    with pytest.raises(kind):
        loop.run_forever()
    loop.run_until_complete(asyncio.sleep(0))
    assert seen == ["kept"]


# --- start and stop --------------------------------------------------------------------------------------------------


def test_result_and_error_come_out(loop: DesktopEventLoop):
    async def give() -> int:
        return 42

    async def fail() -> None:
        raise LookupError("it")

    assert loop.run_until_complete(give()) == 42
    with pytest.raises(LookupError, match="it"):
        loop.run_until_complete(fail())


def test_stop_lets_the_pass_end(loop: DesktopEventLoop):
    seen: list[str] = []
    loop.call_soon(loop.stop)
    loop.call_soon(seen.append, "same pass")
    loop.call_soon(lambda: loop.call_soon(seen.append, "next run"))
    loop.run_forever()
    assert seen == ["same pass"]
    loop.stop()
    loop.run_forever()
    assert seen == ["same pass", "next run"]


def test_stop_before_a_run_is_one_pass(loop: DesktopEventLoop):
    seen: list[str] = []
    loop.call_soon(seen.append, "ran")
    loop.stop()
    loop.run_forever()
    assert seen == ["ran"]


def test_stop_from_a_slot_runs_what_was_ready(loop: DesktopEventLoop):
    seen: list[str] = []

    def slot() -> None:
        loop.call_soon(seen.append, "ready")
        loop.stop()

    QTimer.singleShot(0, slot)
    loop.run_forever()
    assert seen == ["ready"]


def test_nothing_runs_between_two_runs(loop: DesktopEventLoop):
    seen: list[str] = []
    loop.call_soon(seen.append, "ran")
    application().processEvents()
    assert seen == []
    loop.run_until_complete(asyncio.sleep(0))
    assert seen == ["ran"]


def test_loop_of_qt_that_is_ended_ends_the_run():
    """Quitting the application goes one way, whoever asks for it."""
    seen: list[str] = []

    async def main() -> None:
        QTimer.singleShot(0, application().quit)
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("unwound")

    with pytest.raises(RuntimeError, match="stopped before Future completed"):
        run(main(), application())
    assert seen == ["unwound"]


def test_end_is_in_order():
    """Left tasks unwind, generators are closed, threads joined, notifiers and timers gone."""
    seen: list[str] = []
    loops: list[weakref.ref[DesktopEventLoop]] = []
    pumps = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            seen.append("generator")

    async def wait() -> None:
        try:
            await asyncio.sleep(3_600)
        finally:
            await asyncio.sleep(0)
            seen.append("task")

    kept = []

    async def main() -> None:
        loop = ours()
        loops.append(weakref.ref(loop))
        pumps.append(loop._pump)
        generator = numbers()
        kept.append(generator)
        assert await anext(generator) == 1
        kept.append(asyncio.create_task(wait()))
        await asyncio.to_thread(seen.append, "thread")
        loop.call_later(3_600, seen.append, "never")

    run(main(), application())
    assert seen == ["thread", "task", "generator"]
    assert not pumps[0].timer.isActive()
    kept.clear()
    gc.collect()
    assert loops[0]() is None


def test_closed_loop_takes_nothing():
    loop = DesktopEventLoop(application())
    loop.close()
    loop.close()
    for ask in (loop.call_soon, loop.call_soon_threadsafe):
        with pytest.raises(RuntimeError, match="closed"):
            ask(print)
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_later(1, print)


def test_binding_is_pinned_whatever_the_environment_says():
    code = "import relaydesk.event_loop, qasync; print(qasync.QtModuleName)"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"QT_API": "pyqt5"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout, ran.returncode) == ("PySide6\n", 0), ran.stderr


# --- Qt's loop inside asyncio's --------------------------------------------------------------------------------------


def exec_dialog(and_then: Callable[[], None]) -> None:
    dialog = QDialog()
    QTimer.singleShot(30, lambda: (and_then(), dialog.reject()))
    dialog.exec()


def exec_menu(and_then: Callable[[], None]) -> None:
    menu = QMenu()
    menu.addAction("x")
    QTimer.singleShot(30, lambda: (and_then(), menu.close()))
    menu.exec()


def exec_loop(and_then: Callable[[], None]) -> None:
    inner = QEventLoop()
    QTimer.singleShot(30, lambda: (and_then(), inner.quit()))
    inner.exec()


@pytest.mark.expect_log_warnings(r"relaydesk\.event_loop: task 'the culprit' runs Qt's loop inside asyncio's")
@pytest.mark.parametrize("nested", [exec_dialog, exec_menu, exec_loop])
async def test_exec_in_a_coroutine_is_reported_and_the_others_survive_it(
    nested: Callable[[Callable[[], None]], None],
):
    """Under qasync alone the ticker would get "Cannot enter into task" and hang for ever."""
    ticks: list[float] = []
    has_ticked = asyncio.Event()
    during: list[int] = []
    loop = ours()

    async def tick() -> None:
        while True:
            await asyncio.sleep(0.001)
            ticks.append(loop.time())
            has_ticked.set()

    async def culprit() -> None:
        before = len(ticks)
        threading.Timer(0.005, loop.call_soon_threadsafe, (from_thread.set,)).start()
        nested(lambda: during.append(len(ticks) - before))

    from_thread = asyncio.Event()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        ticker = tasks.create_task(tick(), name="ticker")
        await has_ticked.wait()
        await tasks.create_task(culprit(), name="the culprit")
        has_ticked.clear()
        await has_ticked.wait()
        await from_thread.wait()
        ticker.cancel()
    assert during == [0]  # held back: nothing of asyncio's ran inside


@pytest.mark.expect_log_warnings(r"relaydesk\.event_loop: a callback runs Qt's loop")
async def test_exec_in_a_callback_is_reported_although_nothing_else_happens():
    done = asyncio.Event()
    ours().call_soon(lambda: (exec_loop(lambda: None), done.set()))
    await done.wait()


@pytest.mark.expect_log_warnings(r"task 'the culprit' runs Qt's loop")
async def test_process_events_in_a_coroutine_is_reported():
    async def culprit() -> None:
        application().processEvents()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(culprit(), name="the culprit")


async def test_exec_from_a_slot_holds_nothing_up():
    """A context menu that the user opened: asyncio goes on, in Qt's inner loop."""
    ticks = 0
    during: list[int] = []
    done = asyncio.Event()

    async def tick() -> None:
        nonlocal ticks
        while not done.is_set():
            await asyncio.sleep(0.001)
            ticks += 1

    def slot() -> None:
        before = ticks
        exec_menu(lambda: during.append(ticks - before))
        done.set()

    QTimer.singleShot(0, slot)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(tick())
    assert during[0] > 0


@pytest.mark.expect_log_warnings("runs Qt's loop")
def test_stop_ends_a_dialog_that_a_coroutine_waits_in(loop: DesktopEventLoop):
    """The program can be quit while a dialog is open, even one that should not be."""

    async def culprit() -> None:
        QTimer.singleShot(5, loop.stop)
        QDialog().exec()

    async def main() -> None:
        await culprit()
        await asyncio.Event().wait()

    task = loop.create_task(main())
    loop.run_forever()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)


async def test_dialog_is_opened_and_awaited():
    """How it is done instead."""
    dialog = QDialog()
    answer: asyncio.Future[int] = ours().create_future()
    dialog.finished.connect(answer.set_result)
    dialog.open()
    QTimer.singleShot(5, dialog.accept)
    async with asyncio.timeout(5):
        assert await answer == QDialog.DialogCode.Accepted.value
