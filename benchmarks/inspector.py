"""``python -m benchmarks.inspector``: how the Inspector page fares with all the exchanges that it keeps.

Offscreen, with the real list behind the real page. How long a filter takes from the last key to its answer, before and after
texts are prepared; and how late a timer of 10 ms comes while the list is scrolled: alone, and while a hundred new exchanges come
each second (``busy_``).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("QT_API", "pyside6")

from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication

from agent.access import AccessPolicy
from agent.clock import Clock
from agent.config import ConnectionConfig, Credential, Deadlines, NetworkConfig
from agent.counters import Counters
from agent.exchanges import MAX_EXCHANGES, Exchanges
from agent.network import Network
from agent.policy import Policy
from agent.relayed import RelayedConnections
from agent.route import Route
from agent.targets import parse_target
from hyco.addresses import parse_endpoint
from hyco.messages import RemoteEndpoint
from relaydesk.desk.inspecting import Inspector
from relaydesk.preferences import Preferences
from relaydesk.snapshot import Snapshot
from relaydesk.views.context import Context, Notice
from relaydesk.views.icons import Icons
from relaydesk.views.inspector_page import InspectorPage
from relaydesk.views.page import LiveRates
from relaydesk.views.theme import Theme

from . import machine

#: What is to hold (issue: acceptance of the inspector).
BARS = {"filter_ms": 100.0, "late_p99_ms": 20.0}

_HEADERS = tuple((f"X-Header-{number}", "some value of the usual length") for number in range(10))
_FILTERS = (
    "status:5xx",
    "path:/api/item/77 word",
    "header:accept:json",
    "method:get -is:replay size:>1k",
    "zzz",
)
_SENDER = RemoteEndpoint(address="203.0.113.7", port=50_000)


class _Actions(Inspector):
    def preferences(self) -> Preferences:
        return Preferences()


class _Bridge(QObject):
    snapshot_changed = Signal(object)
    log_lines = Signal(object)

    def __init__(self, actions: _Actions) -> None:
        super().__init__()
        self.actions = actions

    def do(
        self,
        action: Coroutine[Any, Any, Any],
        *,
        done: Callable[[Any], None] | None = None,
        failed: Callable[[Any], None] | None = None,
    ) -> None:
        action.close()  # bodies are read by a loop that is not here


class _Nobody:
    def tell(self, notice: Notice) -> None:
        pass


def _route() -> Route:
    config = ConnectionConfig(
        name="web", credential=Credential(keystore="none"), target=parse_target("http://127.0.0.1:3000")
    )
    return Route(
        config=config,
        policy=Policy(config),
        gateway=parse_endpoint("https://relay.test/"),
        path="web",
        network=Network(NetworkConfig(proxy="none")),
        deadlines=Deadlines(),
        counters=Counters(lambda: None),
        relayed=RelayedConnections(Clock()),
        access=AccessPolicy(None, time.time),
    )


def _add(exchanges: Exchanges, route: Route, number: int) -> None:
    one = exchanges.capture(
        route,
        method="POST" if number % 5 == 0 else "GET",
        request_target=f"/web/api/item/{number}?word={number % 100}",
        headers=(("Accept", "application/json"), *_HEADERS),
        remote=_SENDER,
    )
    assert one is not None
    one.request_ended()
    one.asked()
    one.answered(500 if number % 10 == 0 else 200, "", _HEADERS)
    one.response_piece(b"x" * 1_500)
    one.response_ended()
    one.ended(None)


def measure(seconds: float) -> dict[str, float]:
    """All figures, in milliseconds."""
    application = QApplication.instance() or QApplication(["relaydesk-benchmark"])
    assert isinstance(application, QApplication)
    with tempfile.TemporaryDirectory(prefix="relaydesk-bench-") as folder:
        exchanges = Exchanges(Path(folder) / "captures")
        route = _route()
        for number in range(MAX_EXCHANGES):
            _add(exchanges, route, number)
        theme = Theme(application)
        actions = _Actions(exchanges, None)  # type: ignore[arg-type]  # nothing is sent again here
        context = Context(
            bridge=_Bridge(actions),  # type: ignore[arg-type]  # as much of one as a page needs
            theme=theme,
            icons=Icons(theme),
            teller=_Nobody(),
        )
        page = InspectorPage(context)
        page.resize(1_200, 700)
        page.show()
        began = time.perf_counter()
        page.show_snapshot(Snapshot(at=0.0), LiveRates())
        application.processEvents()
        shown_ms = (time.perf_counter() - began) * 1_000
        first = _filter(application, page, "status:5xx word")
        _idle(4.0)  # texts are prepared meanwhile
        found = {text: [] for text in _FILTERS}
        for _ in range(5):
            for text in _FILTERS:
                found[text].append(_filter(application, page, text))
                _filter(application, page, "")
        late = _scroll(page, lambda _: None, seconds)
        busy = _scroll(page, lambda number: _add(exchanges, route, number), seconds)
        page.leave()
        return {
            "shown_ms": shown_ms,
            "first_filter_ms": first,
            "filter_ms": max(statistics.median(times) for times in found.values()),
            **{f"filter_ms {text}": statistics.median(times) for text, times in found.items()},
            "late_p50_ms": late[len(late) // 2],
            "late_p99_ms": late[int(len(late) * 0.99)],
            "late_max_ms": late[-1],
            "busy_late_p50_ms": busy[len(busy) // 2],
            "busy_late_p99_ms": busy[int(len(busy) * 0.99)],
            "busy_late_max_ms": busy[-1],
        }


def _filter(application: QApplication, page: InspectorPage, text: str) -> float:
    """From the last key to the answer, drawn."""
    began = time.perf_counter()
    problem = page.model.set_filter(text)
    assert not problem, problem
    while page.model.is_answering:
        application.processEvents()
    application.processEvents()
    return (time.perf_counter() - began) * 1_000


def _idle(seconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(round(seconds * 1_000), loop.quit)
    loop.exec()


def _scroll(page: InspectorPage, add: Callable[[int], None], seconds: float) -> list[float]:
    """How late a timer of 10 ms came, in order of size, while the list was scrolled and others came."""
    bar = page.table.verticalScrollBar()
    late: list[float] = []
    last = time.perf_counter()
    step = 0

    def look() -> None:
        nonlocal last, step
        now = time.perf_counter()
        late.append(max(0.0, (now - last) * 1_000 - 10))
        last = now
        step += 1
        add(MAX_EXCHANGES + step)
        bar.setValue((bar.value() + 173) % max(bar.maximum(), 1))
        if step % 50 == 0:
            page.tick(0.0)

    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.setInterval(10)
    timer.timeout.connect(look)
    timer.start()
    _idle(seconds)
    timer.stop()
    return sorted(late[5:])


def main(arguments: Sequence[str] | None = None) -> int:
    """Whatever the figures are, they are no failure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.inspector", description="Measure the Inspector page."
    )
    parser.add_argument("--quick", action="store_true", help="for a look, not for a claim")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the figures go besides")
    options = parser.parse_args(arguments)
    company = machine.Company()
    figures = measure(3.0 if options.quick else 15.0)
    described = {**machine.describe(), "other work on it": company.describe()}
    text = json.dumps({"machine": described, "bars": BARS, "figures": figures}, indent=2)
    if options.output:
        options.output.write_text(f"{text}\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
