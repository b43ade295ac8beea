"""The desktop's window and bridge as a program to be measured: it does what it is told on standard input, a line each.

``python -m benchmarks.desktop_program FOLDER`` reads one JSON line with ``gateway``, a connection string, and ``target``, shares
that, and says ``{"ready": true}``. Then, for each of ``late SECONDS``, ``rows COUNT`` and ``idle SECONDS``, it answers with
figures; the end of standard input ends it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# A window that nobody sees, wherever this runs.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtWidgets import QApplication

from relaydesk import event_loop
from relaydesk.actions import ExposeRequest
from relaydesk.agent_bridge import AgentBridge
from relaydesk.keystore import Keystore
from relaydesk.log_tail import LogTail
from relaydesk.ports import PortWatcher
from relaydesk.preferences import Who
from relaydesk.settings import Settings
from relaydesk.snapshot import ConnectionKind, KeystoreState, LiveConnection
from relaydesk.views.icons import Icons
from relaydesk.views.main_window import MainWindow
from relaydesk.views.theme import Theme
from relaydesk.window_memory import WindowMemory

#: Of the timer whose lateness is measured.
TIMER_MS = 10
#: How often the table of many rows is refreshed.
REFRESHES = 60
#: Between two refreshes: what Qt puts off, such as the layout of new rows, is done by then.
SETTLE_S = 0.05
#: Snapshots that a table takes to be full: the first brings its rows, the second their rates and a scroll bar, the third
#: the first lines of the last minute, in a new layout.
FILLING = 3


def main() -> None:
    """Be the desktop."""
    application = QApplication(["relaydesk-benchmark"])
    application.setQuitOnLastWindowClosed(False)
    event_loop.run(_run(application, Path(sys.argv[1])), application)


async def _run(application: QApplication, folder: Path) -> None:
    bridge = AgentBridge(
        settings=Settings(folder / "config"),
        keystore=Keystore(folder / "keys.sealed"),
        ports=PortWatcher(),
        data_folder=folder / "gateway",
        capture_folder=folder / "captures",
        log_tail=LogTail(),
    )
    theme = Theme(application)
    window = MainWindow(theme, WindowMemory(folder / "windows.json"))
    window.fill(bridge, Icons(theme))
    window.watched.connect(bridge.set_watched)
    async with asyncio.TaskGroup() as tasks:
        inside = tasks.create_task(bridge.run(), name="bridge")
        await bridge.has_begun.wait()
        told = json.loads(await _line())
        actions = bridge.actions
        await actions.unlock_keystore()
        if bridge.actions.snapshot().keystore is not KeystoreState.SYSTEM:
            await actions.choose_keystore(KeystoreState.UNTIL_QUIT)
        name = await actions.add_gateway(told["gateway"])
        request = ExposeRequest(target=told["target"], gateway=name, who=Who.KEY, lifetime_s=None)
        await actions.expose(request)
        window.show()
        window.navigation.choose(window.pages.index(window.connections))
        _say({"ready": True})
        while line := await _line():
            verb, _, argument = line.strip().partition(" ")
            match verb:
                case "late":
                    _say(await _lateness(bridge, float(argument)))
                case "rows":
                    _say(await _rows(bridge, window, int(argument)))
                case "idle":
                    _say(await _idle(bridge, window, float(argument)))
        window.finish()
        inside.cancel()


async def _lateness(bridge: AgentBridge, measure_s: float) -> dict[str, float]:
    """How late a timer of Qt's comes, in milliseconds, and what has passed meanwhile."""
    late: list[float] = []
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.setInterval(TIMER_MS)
    last = time.perf_counter()

    def fired() -> None:
        nonlocal last
        now = time.perf_counter()
        late.append(max(0.0, (now - last) * 1_000 - TIMER_MS))
        last = now

    timer.timeout.connect(fired)
    began, cpu_s, received_bytes = time.perf_counter(), time.process_time(), _received(bridge)
    timer.start()
    await asyncio.sleep(measure_s)
    timer.stop()
    elapsed_s = time.perf_counter() - began
    late.sort()
    return {
        "late_p50_ms": _part(late, 0.5),
        "late_p99_ms": _part(late, 0.99),
        "late_max_ms": late[-1] if late else measure_s * 1_000,
        "mb_per_s": (_received(bridge) - received_bytes) / elapsed_s / 1e6,
        "cpu_share": (time.process_time() - cpu_s) / elapsed_s,
    }


def _received(bridge: AgentBridge) -> int:
    return sum(service.traffic.bytes_received for service in bridge.actions.snapshot().services)


async def _rows(bridge: AgentBridge, window: MainWindow, count: int) -> dict[str, float]:
    """How long a refresh of a table of *count* live connections takes, painting included, in milliseconds.

    Processor time is told apart, with what the window does by itself in SETTLE_S after it: on a machine that does other
    work, that is what can be compared.
    """
    snapshot = bridge.actions.snapshot()
    took: list[float] = []
    cpu: list[float] = []
    for number in range(FILLING + REFRESHES):
        moved = dataclasses.replace(
            snapshot,
            at=snapshot.at + number * 0.5,
            connections=tuple(_connection(index, number, snapshot.at) for index in range(count)),
        )
        gc.collect()  # what this benchmark leaves is not the window's
        began, cpu_began = time.perf_counter(), time.thread_time()
        bridge.snapshot_changed.emit(moved)
        # all that follows: layouts, up to the window's, and painting
        for follows in (QEvent.Type.LayoutRequest, QEvent.Type.UpdateRequest):
            QApplication.sendPostedEvents(None, follows)
        took.append((time.perf_counter() - began) * 1_000)
        # the bridge's own snapshot knows nothing of these rows: shown in between, it would empty the table, and the next
        # refresh would fill it anew (measured: twice in twenty, 45 to 60 ms each, which no refresh takes)
        bridge.blockSignals(True)
        await asyncio.sleep(SETTLE_S)
        bridge.blockSignals(False)
        cpu.append((time.thread_time() - cpu_began) * 1_000)
    assert window.connections.model.rowCount() == count
    steady, work = sorted(took[FILLING:]), sorted(cpu[FILLING:])
    return {
        "refresh_p50_ms": _part(steady, 0.5),
        "refresh_max_ms": steady[-1],
        "refresh_cpu_p50_ms": _part(work, 0.5),
        "refresh_cpu_max_ms": work[-1],
        "fill_ms": took[0],
        "fill_next_ms": max(took[1:FILLING]),
    }


def _connection(index: int, number: int, at: float) -> LiveConnection:
    return LiveConnection(
        id=1_000_000 + index,
        service=f"service {index % 7}",
        kind=(ConnectionKind.STREAM, ConnectionKind.WEBSOCKET, ConnectionKind.REQUEST)[index % 3],
        peer=f"203.0.113.{index % 250}:{40_000 + index}",
        about="GET /products/sofa 200" if index % 3 == 2 else "",
        started_at=at - index,
        bytes_received=index * 1_000 + number * (index + 1) * 977,
        bytes_sent=index * 500 + number * (index + 1) * 389,
    )


async def _idle(bridge: AgentBridge, window: MainWindow, measure_s: float) -> dict[str, float]:
    """Which part of a processor this process takes with its window closed."""
    window.hide()
    bridge.set_watched(False)
    await asyncio.sleep(min(2.0, measure_s))  # what was going on has ended
    began, cpu_s = time.perf_counter(), time.process_time()
    await asyncio.sleep(measure_s)
    return {"idle_cpu_percent": (time.process_time() - cpu_s) / (time.perf_counter() - began) * 100}


def _part(values: Sequence[float], part: float) -> float:
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0.0


async def _line() -> str:
    return await asyncio.to_thread(sys.stdin.readline)


def _say(what: dict[str, float]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
