"""The list of the inspector as a model: incremental, filtered, sorted."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from agent.captured import ExchangeKind
from agent.exchanges import Exchanges
from relaydesk.models.exchange_words import way_words
from relaydesk.models.exchanges import ExchangesModel, mark_words, spoken_status, status_face
from relaydesk.models.tones import Tone
from tests.support.captures import a_route, begun, ended
from tests.support.clocks import SteppedClock


class Listed:
    """A model that follows a list."""

    def __init__(self, exchanges: Exchanges) -> None:
        self.exchanges = exchanges
        self.model = ExchangesModel()
        self.tester = QAbstractItemModelTester(
            self.model, QAbstractItemModelTester.FailureReportingMode.Fatal
        )
        self._version = 0

    def follow(self) -> list[int]:
        changes = self.exchanges.changes(self._version)
        self._version = changes.version
        self.model.take(changes)
        return self.shown

    @property
    def shown(self) -> list[int]:
        return [row.id for row in self.model.rows]

    def cell(self, number: int, column: str) -> str:
        place = self.model.row_of(number)
        assert place is not None
        return str(self.model.index(place, self.model.column(column)).data())


@pytest.fixture
def listed(qapp: QApplication, tmp_path: Path) -> Listed:
    return Listed(Exchanges(tmp_path / "captures", SteppedClock(), max_exchanges=50))


def test_newest_is_first_and_each_change_is_told_by_itself(listed: Listed):
    one, two = ended(listed.exchanges), begun(listed.exchanges)
    listed.follow()
    told: list[tuple[str, int, int]] = []
    listed.model.rowsInserted.connect(lambda _, first, last: told.append(("in", first, last)))
    listed.model.rowsRemoved.connect(lambda _, first, last: told.append(("out", first, last)))
    listed.model.dataChanged.connect(lambda first, last: told.append(("new", first.row(), last.row())))
    listed.model.modelReset.connect(lambda: told.append(("reset", 0, 0)))
    three, four = begun(listed.exchanges), ended(listed.exchanges)
    two.answered(200, "OK", ())
    two.ended(None)
    assert listed.follow() == [four.id, three.id, two.id, one.id]
    listed.exchanges.pin(four.id, is_pinned=True)
    listed.exchanges.clear()
    assert listed.follow() == [four.id]
    assert ("reset", 0, 0) not in told
    assert ("new", 0, 0) in told
    assert ("in", 0, 1) in told


def test_who_was_away_for_long_gets_the_list_anew(listed: Listed):
    ended(listed.exchanges)
    listed.follow()
    for _ in range(300):
        ended(listed.exchanges)
    assert listed.follow() == list(range(301, 251, -1))


def test_filter_shows_what_it_asks_for_and_follows_changes(listed: Listed):
    ended(listed.exchanges, "GET", "/hc/a", status=500)
    ended(listed.exchanges, "GET", "/hc/b")
    listed.follow()
    assert listed.model.set_filter("status:5xx") == ""
    assert listed.shown == [1]
    slow = begun(listed.exchanges, "POST", "/hc/c")
    ended(listed.exchanges, "GET", "/hc/d", status=503)
    assert listed.follow() == [4, 1]
    slow.answered(502, "Bad", ())
    assert listed.follow() == [4, 3, 1], "it came among them later, in its place"
    slow.answered(200, "OK", ())
    assert listed.follow() == [4, 1]
    assert listed.model.count == 4
    listed.model.set_filter("")
    assert listed.shown == [4, 3, 2, 1]


def test_filter_that_is_none_says_why_and_changes_nothing(listed: Listed):
    ended(listed.exchanges)
    listed.follow()
    assert "status" in listed.model.set_filter("status:many")
    assert listed.shown == [1]


def test_secrets_are_neither_shown_nor_found(listed: Listed):
    ended(listed.exchanges, "GET", "/hc?token=s3cret", (("Authorization", "Bearer s3cret"),))
    listed.follow()
    assert listed.cell(1, "path") == "/hc?token=…"
    listed.model.set_filter("s3cret")
    assert listed.shown == []


@pytest.mark.parametrize(
    ("column", "order", "shown"),
    [
        ("took", Qt.SortOrder.AscendingOrder, [2, 1, 3]),
        ("status", Qt.SortOrder.DescendingOrder, [2, 1, 3]),
        ("method", Qt.SortOrder.AscendingOrder, [3, 1, 2]),
        ("started", Qt.SortOrder.AscendingOrder, [1, 2, 3]),
        ("started", Qt.SortOrder.DescendingOrder, [3, 2, 1]),
    ],
)
def test_it_is_sorted_by_any_column(listed: Listed, column: str, order: Qt.SortOrder, shown: list[int]):
    clock = listed.exchanges.clock
    assert isinstance(clock, SteppedClock)
    one = begun(listed.exchanges, "GET")
    clock.advance(1)
    one.answered(200, "OK", ())
    one.ended(None)
    ended(listed.exchanges, "POST", status=500)
    begun(listed.exchanges, "DELETE")
    listed.follow()
    listed.model.sort(listed.model.column(column), order)
    assert listed.shown == shown
    ended(listed.exchanges, "PATCH", status=300)
    assert set(listed.follow()) == {1, 2, 3, 4}
    listed.model.sort(-1)
    assert listed.shown == [4, 3, 2, 1]


def test_ten_thousand_are_filtered_in_slices_while_the_loop_turns(
    qapp: QApplication, qtbot: QtBot, tmp_path: Path
):
    listed = Listed(Exchanges(tmp_path / "captures", SteppedClock()))
    route = a_route()
    for number in range(10_000):
        ended(
            listed.exchanges,
            "GET",
            f"/hc/page/{number}?q=word",
            (("Accept", "text/html"),),
            status=500 if number % 10 == 0 else 200,
            route=route,
        )
    with qtbot.waitSignal(listed.model.answered, timeout=30_000):
        listed.follow()
    with qtbot.waitSignal(listed.model.answered, timeout=30_000):
        listed.model.set_filter("status:5xx header:accept:html word")
        assert listed.model.is_answering, "not all of them at once"
    assert len(listed.shown) == 1_000
    with qtbot.waitSignal(listed.model.answered, timeout=30_000):
        listed.model.set_filter("status:5xx word path:/page/77")
        listed.model.set_filter("path:/page/7770")
    assert listed.shown == [7_771]


def test_face_of_each_state(tmp_path: Path):
    exchanges = Exchanges(tmp_path / "captures", SteppedClock())
    waiting = begun(exchanges)
    failed = ended(exchanges, status=0, error="connection refused")
    silent = begun(exchanges)
    silent.ended(None)
    socket = begun(exchanges, kind=ExchangeKind.WEBSOCKET)
    socket.answered(101, "Switching Protocols", ())
    faces = [
        (waiting, "Waiting", Tone.BUSY),
        (failed, "Failed", Tone.BAD),
        (silent, "No answer", Tone.BAD),
        (socket, "Open", Tone.GOOD),
        (ended(exchanges), "200", Tone.GOOD),
        (ended(exchanges, status=404), "404", Tone.WARN),
        (ended(exchanges, status=503), "503", Tone.BAD),
        (ended(exchanges, error="cut"), "200", Tone.BAD),
    ]
    for one, word, tone in faces:
        face = status_face(one.freeze())
        assert (face.word, face.tone) == (word, tone)
    assert spoken_status(failed.freeze()) == "Failed connection refused"
    exchanges.pin(waiting.id, is_pinned=True)
    exchanges.annotate(waiting.id, "look")
    assert mark_words(waiting.freeze()) == "pinned · look"
    assert mark_words(begun(exchanges, replay_of=1).freeze()) == "replay of 1"


@pytest.mark.parametrize(
    ("target", "is_stream", "replay_of", "said"),
    [
        (
            "http://127.0.0.1:3000",
            False,
            None,
            "From 203.0.113.7:51234 through https://relay.test → http://127.0.0.1:3000",
        ),
        # what crossed as a byte stream was asked of the target, whatever carried it
        ("127.0.0.1:3000", True, None, "From 203.0.113.7:51234 → 127.0.0.1:3000"),
        ("http://127.0.0.1:3000", False, 7, "Sent again from here (replay of 7) → http://127.0.0.1:3000"),
    ],
)
def test_the_way_of_an_exchange_in_words(
    tmp_path: Path, target: str, is_stream: bool, replay_of: int | None, said: str
):
    exchanges = Exchanges(tmp_path / "captures", SteppedClock(), max_exchanges=5)
    route = dataclasses.replace(a_route(target), is_stream=is_stream)
    capture = begun(exchanges, route=route, replay_of=replay_of)
    one = exchanges.get(capture.id)
    assert one is not None
    assert way_words(one) == said
