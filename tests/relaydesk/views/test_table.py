"""A table draws what has changed, and nothing else: twice a second, with 500 rows, the rest would be most of the work."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

import shiboken6
from PySide6.QtCore import QEvent, QObject, QRect, Qt
from PySide6.QtGui import QImage, QPaintEvent
from PySide6.QtWidgets import QApplication

from relaydesk.models.connections import ConnectionsModel, filtered, totals
from relaydesk.models.rates import Rates
from relaydesk.snapshot import ConnectionKind, LiveConnection, Snapshot
from relaydesk.views.main_window import MainWindow
from relaydesk.views.table import Table

AT = 1_000_000.0


class Drawn(QObject):
    """Watches which columns of a table are drawn."""

    def __init__(self, shown: Shown) -> None:
        super().__init__(shown.table)
        self._shown = shown
        self.columns: set[str] = set()

    def eventFilter(self, _: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt calls it
        if isinstance(event, QPaintEvent):
            table, region = self._shown.table, event.region()
            for number, column in enumerate(self._shown.model.columns):
                place = QRect(table.columnViewportPosition(number), 0, table.columnWidth(number), 10_000)
                if not table.isColumnHidden(number) and region.intersects(place):
                    self.columns.add(column.name)
        return False


class Shown:
    """Forty connections, of which some are in sight."""

    def __init__(self, window: MainWindow) -> None:
        self.rates: Rates[int] = Rates()
        self.model = ConnectionsModel(window)
        self.table = Table(window.context, self.model, filtered(self.model), "Connections")
        self.table.resize(1_600, 400)
        self.table.show()
        self.connections = [
            LiveConnection(
                id=number,
                service="Shop",
                kind=ConnectionKind.STREAM,
                peer=f"203.0.113.7:{40_000 + number}",
                started_at=AT - 7_200,  # told in minutes: its age is the same for a while
            )
            for number in range(40)
        ]
        self._drawn = Drawn(self)
        self.table.viewport().installEventFilter(self._drawn)
        for later_s in (0.0, 0.5, 1.0):
            self.drawn_after(later_s)

    def drawn_after(self, later_s: float) -> set[str]:
        """Show the connections as they are, so much later; the columns that were drawn."""
        self._drawn.columns = set()
        snapshot = Snapshot(at=AT + later_s, connections=tuple(self.connections))
        self.rates.update(snapshot.at, totals(snapshot))
        self.model.show(snapshot, self.rates)
        for follows in (QEvent.Type.LayoutRequest, QEvent.Type.UpdateRequest):
            QApplication.sendPostedEvents(None, follows.value)
        return self._drawn.columns

    def is_as_it_should_be(self) -> bool:
        """Whether what is on the screen is what would be drawn anew."""
        seen = self._on_screen()
        self.table.viewport().update()
        return self._on_screen() == seen

    def _on_screen(self) -> QImage:
        for _ in range(3):  # layouts, some of which Qt puts off for a moment, end in drawing
            QApplication.processEvents()
        return self.table.screen().grabWindow(self.table.winId()).toImage()

    def change(self, number: int, **changes: object) -> None:
        self.connections[number] = dataclasses.replace(self.connections[number], **changes)


@pytest.fixture
def shown(window: MainWindow) -> Iterator[Shown]:
    made = Shown(window)
    yield made
    shiboken6.delete(
        made.table
    )  # at once, as the window is: not by a collection in the middle of the next test


def test_nothing_is_drawn_while_nothing_changes(shown: Shown):
    assert shown.drawn_after(1.5) == set()


def test_bytes_of_a_row_in_sight_are_drawn_and_what_never_changes_is_not(shown: Shown):
    shown.change(3, bytes_received=5_000_000)
    drawn = shown.drawn_after(1.5)
    assert {"received", "rate_received", "history"} <= drawn
    assert drawn.isdisjoint({"service", "from", "what", "started", "state", "sent", "rate_sent"})


def test_a_row_out_of_sight_draws_nothing(shown: Shown):
    shown.change(39, bytes_received=5_000_000)
    assert shown.drawn_after(1.5) == set()


def test_what_goes_back_to_what_it_was_is_drawn_again(shown: Shown):
    shown.change(3, bytes_sent=1_000)
    assert "rate_sent" in shown.drawn_after(1.5)
    assert "rate_sent" in shown.drawn_after(2.0), "it has become quiet"
    assert "rate_sent" not in shown.drawn_after(2.5)


def test_a_connection_that_ends_is_drawn_whole(shown: Shown):
    shown.change(3, ended_at=AT + 1.4, error="reset by the peer")
    assert {"service", "state", "age"} <= shown.drawn_after(1.5)


def test_what_scrolled_into_sight_is_drawn_when_it_changes(shown: Shown):
    shown.table.scrollToBottom()
    shown.drawn_after(1.5)
    shown.change(39, bytes_received=5_000_000)
    assert "received" in shown.drawn_after(2.0)


def test_what_was_out_of_sight_in_between_is_drawn_as_it_is(shown: Shown):
    """Qt draws by itself, too: here a column that comes back. What it drew is what the next update is compared with."""
    rate = shown.model.column("rate_sent")
    shown.table.setColumnHidden(rate, True)
    shown.change(3, bytes_sent=1_000)
    shown.drawn_after(1.5)
    shown.table.setColumnHidden(rate, False)
    assert shown.is_as_it_should_be(), "with a rate"
    shown.drawn_after(2.0)
    assert shown.is_as_it_should_be(), "quiet again"


def test_a_row_that_takes_the_place_of_another_is_drawn(shown: Shown):
    """Sorted by what changes, rows change places between two updates of one tick."""
    shown.table.sortByColumn(shown.model.column("history"), Qt.SortOrder.DescendingOrder)
    sent = dict.fromkeys(range(40), 0)
    for number, busy in enumerate((3, 7, 3, 5, 7, 7, 9, 3), start=3):
        sent[busy] += 1_000
        shown.change(busy, bytes_sent=sent[busy])
        shown.drawn_after(number / 2)
        assert shown.is_as_it_should_be(), number
