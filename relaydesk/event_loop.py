"""The event loop of the desktop: asyncio inside Qt's loop, by way of qasync.

qasync brings the sockets (Qt's notifiers; on Windows a thread that polls a completion port). Its scheduling is replaced:
it makes a QTimer of every callback, which leaves thousands behind where timeouts are cancelled, fires five per cent
late, and runs callbacks inside any nested ``exec()``, where a task that is due is lost ("Cannot enter into task").

Here the queue and the timers are those of ``asyncio.BaseEventLoop``, and a *pass* is its own ``_run_once``: everything
that is ready, once. One posted event asks Qt for a pass, and one QTimer does so when the next timer is due.

Qt must never run a loop of its own *inside* a pass: ``exec()`` of a dialog or menu, or ``processEvents()``, called from a
coroutine. Asyncio would stand still until that returns. It is found out, reported as an error, and survived: nothing
runs meanwhile, and nothing is lost. Started from a slot, outside a pass, such a loop holds nothing up.
Where a coroutine wants an answer it calls ``open()`` and awaits a future.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import logging
import math
import os
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple

# Whatever the environment says: with two bindings in one process nothing works.
os.environ["QT_API"] = "pyside6"

import qasync  # takes the binding that QT_API names when it is imported
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer

if TYPE_CHECKING:
    # qasync has no types; what is used of it here is what asyncio's own class declares
    _QasyncLoop = asyncio.BaseEventLoop
else:
    _QasyncLoop = qasync.QEventLoop

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

#: Not in asyncio's types, and there since its first version: run everything that is ready, once.
_run_what_is_ready: Callable[[asyncio.BaseEventLoop], None]
_run_what_is_ready = asyncio.BaseEventLoop._run_once  # type: ignore[attr-defined]  # noqa: SLF001 - the class derived from

_PASS: Final = QEvent.Type(QEvent.registerEventType())

#: Longer ones are set in steps, as asyncio does too: clocks of systems differ in what they can be asked for.
_LONGEST_TIMER_S: Final = 24 * 3600.0


def run(main: Coroutine[Any, Any, _T], application: QCoreApplication) -> _T:
    """Run *main* inside *application*, and end in order.

    Tasks that are left are cancelled and awaited, asynchronous generators closed, worker threads joined, notifiers and
    timers removed. Signals do not wake Qt by themselves: *main* has to call ``loop.add_signal_handler`` for them.

    Raises:
        RuntimeError: Somebody ended Qt's loop (``application.quit()``) before *main* was done. It was cancelled then.
    """
    with asyncio.Runner(loop_factory=lambda: DesktopEventLoop(application)) as runner:
        return runner.run(main)


class DesktopEventLoop(_QasyncLoop):
    """Asyncio's scheduling, qasync's sockets, Qt's waiting.

    Args:
        application: Whose ``exec()`` is the waiting. Ended by others, ``run_forever`` returns as after ``stop()``.
    """

    # as asyncio has them
    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _timer_cancelled_count: int
    _stopping: bool

    def __init__(self, application: QCoreApplication) -> None:
        self._application = application
        self._pump = _Pump(self._pass)
        self._is_in_pass = False
        self._has_reported = False
        self._fatal: BaseException | None = None
        super().__init__(application)  # type: ignore[call-arg]  # qasync's
        self._selector = _NothingToSelect()  # Qt tells of sockets; asyncio asks this in each pass

    # What qasync does in its own way, and asyncio's base better: timers, threads, errors, generators.

    run_until_complete = asyncio.BaseEventLoop.run_until_complete
    is_running = asyncio.BaseEventLoop.is_running
    time = asyncio.BaseEventLoop.time
    call_later = asyncio.BaseEventLoop.call_later
    call_soon_threadsafe = asyncio.BaseEventLoop.call_soon_threadsafe
    run_in_executor = asyncio.BaseEventLoop.run_in_executor
    set_default_executor = asyncio.BaseEventLoop.set_default_executor
    set_exception_handler = asyncio.BaseEventLoop.set_exception_handler
    default_exception_handler = asyncio.BaseEventLoop.default_exception_handler
    call_exception_handler = asyncio.BaseEventLoop.call_exception_handler
    get_debug = asyncio.BaseEventLoop.get_debug
    set_debug = asyncio.BaseEventLoop.set_debug
    if hasattr(asyncio.BaseEventLoop, "_run_forever_setup"):  # from 3.13 on
        # Windows' proactor would also read its self-pipe here, which _write_to_self below does without
        _run_forever_setup = asyncio.BaseEventLoop._run_forever_setup  # noqa: SLF001 - the class derived from
        _run_forever_cleanup = asyncio.BaseEventLoop._run_forever_cleanup  # type: ignore[attr-defined]  # noqa: SLF001

    def run_forever(self) -> None:
        """Run until ``stop()``, or until Qt's loop is ended."""
        asyncio.BaseEventLoop.run_forever(self)

    def stop(self) -> None:
        """Leave ``run_forever`` after the pass that is going on, or after the next one."""
        self._stopping = True
        self._pump.wake()

    def close(self) -> None:
        """Give everything back to the system and to Qt."""
        if not self.is_closed():
            super().close()
            self._pump.close()

    def call_soon(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Run *callback* in the next pass."""
        handle = asyncio.BaseEventLoop.call_soon(self, callback, *args, context=context)
        self._pump.wake()
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run *callback* when ``time()`` has come to *when*."""
        handle = asyncio.BaseEventLoop.call_at(self, when, callback, *args, context=context)
        if self._scheduled[0] is handle and not self._is_in_pass:
            self._set_timer()
        return handle

    def _write_to_self(self) -> None:
        """Wake up, for ``call_soon_threadsafe`` and signal handlers. From any thread."""
        self._pump.wake()

    def _run_once(self) -> None:
        """Run passes until told to stop: ``run_forever`` calls this as often as that was not the reason to return."""
        self._before_run_forever()  # type: ignore[attr-defined]  # qasync's: on Windows, starts the polling thread
        self._pump.wake()
        try:
            if self._stopping:  # told before it ran, which means: a single pass
                self._application.processEvents()
            else:
                self._application.exec()
        finally:
            self._pump.timer.stop()
            self._after_run_forever()  # type: ignore[attr-defined]  # qasync's
        self._stopping = True
        fatal, self._fatal = self._fatal, None
        if fatal is not None:
            raise fatal

    def _pass(self) -> None:
        """Run what is ready, once. Called by Qt."""
        if self._is_in_pass:
            self._report_nested_loop()
            return
        if not self.is_running():
            return
        if not (self._stopping or self._is_anything_due()):
            self._set_timer()  # a timer of whole milliseconds may come a little early
            return
        self._is_in_pass, self._has_reported = True, False
        self._pump.guard.start()
        try:
            _run_what_is_ready(self)
        except BaseException as error:  # noqa: BLE001 - Ctrl-C and SystemExit: run_forever raises it, Qt could not
            self._fatal = error
            self._stopping = True
        finally:
            self._pump.guard.stop()
            self._is_in_pass = False
        if self._stopping:
            self._application.exit()
        elif self._ready:
            self._pump.wake()
        else:
            self._set_timer()

    def _is_anything_due(self) -> bool:
        return bool(self._ready) or bool(self._scheduled and self._scheduled[0].when() <= self.time())

    def _set_timer(self) -> None:
        while self._scheduled and self._scheduled[0].cancelled():
            # as _run_once does, only sooner: a timeout that was not needed must not wake an idle program
            heapq.heappop(self._scheduled)
            self._timer_cancelled_count -= 1
        self._pump.wake_in(self._scheduled[0].when() - self.time() if self._scheduled else None)

    def _report_nested_loop(self) -> None:
        if self._stopping:  # a dialog must not keep the program from ending
            self._application.exit()
        if self._has_reported:
            return
        self._has_reported = True
        task = asyncio.current_task(self)
        log.error(
            "%s runs Qt's loop inside asyncio's (exec() or processEvents()): asyncio stands still until that returns;"
            " use open() and a future",
            "a callback" if task is None else f"task {task.get_name()!r}",
            stack_info=True,
        )


class _Pump(QObject):
    """Asks Qt for a pass: now, from any thread, or at a time.

    Attributes:
        timer: For the next timer of asyncio's.
        guard: Runs only during a pass, so that it can only fire if somebody runs Qt's loop inside the pass.
    """

    def __init__(self, run_pass: Callable[[], None]) -> None:
        super().__init__()
        self._run_pass: Callable[[], None] | None = run_pass
        self._is_posted = False
        self.timer, self.guard = QTimer(self), QTimer(self)
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        for timer in (self.timer, self.guard):
            timer.setSingleShot(True)
            timer.timeout.connect(self._run)

    def wake(self) -> None:
        """Ask for a pass. From any thread."""
        # Two threads that both post are harmless; the flag falls before the queue is read, so no call is lost.
        if not self._is_posted:
            self._is_posted = True
            QCoreApplication.postEvent(self, QEvent(_PASS))

    def wake_in(self, delay_s: float | None) -> None:
        """Ask for a pass in *delay_s*, or not at a time at all. What was asked for before no longer holds."""
        if delay_s is None:
            self.timer.stop()
        else:
            self.timer.start(math.ceil(max(0.0, min(delay_s, _LONGEST_TIMER_S)) * 1000))

    def close(self) -> None:
        """Ask for nothing any more."""
        self._run_pass = None
        self.timer.stop()
        self.guard.stop()
        QCoreApplication.removePostedEvents(self)

    def customEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's
        """Run a pass: nothing else is posted to this object."""
        self._is_posted = False
        self._run()

    def _run(self) -> None:
        if self._run_pass is not None:
            self._run_pass()


class _NothingToSelect:
    """A selector with nothing in it."""

    def select(self, timeout: float | None) -> list[Any]:
        """Give nothing, at once."""
        return []

    def close(self) -> None:
        """Do nothing."""
