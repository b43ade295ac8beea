"""The Inspector page: what is listed, shown, sent again and taken elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from agent.captured import EditedRequest, ExchangeKind, Side
from agent.exchanges import Exchanges
from hyco.frames import Opcode, frame
from relaydesk.models import bodies
from relaydesk.models.bodies import BodyView
from relaydesk.snapshot import Problem, Trouble
from relaydesk.views.difference_dialog import DifferenceDialog
from relaydesk.views.inspector_page import InspectorPage
from relaydesk.views.main_window import MainWindow
from relaydesk.views.note_dialog import NoteDialog
from relaydesk.views.replay_dialog import ReplayDialog
from tests.support.captures import begun, ended
from tests.support.fake_bridge import FakeBridge

SECRET = ("Authorization", "Bearer s3cret")
JSON = ("Content-Type", "application/json")


@pytest.fixture
def captured(bridge: FakeBridge) -> Exchanges:
    return bridge.actions.captured


@pytest.fixture
def page(window: MainWindow) -> InspectorPage:
    window.resize(1_400, 900)
    window.navigation.choose(window.pages.index(window.inspector))
    return window.inspector


def follow(page: InspectorPage) -> None:
    """A second passes."""
    page.tick(0.0)


def dialog_of(window: MainWindow, kind: type[QDialog]) -> QDialog:
    (found,) = [one for one in window.findChildren(kind) if one.isVisible()]
    return found


def test_empty_page_says_how_to_get_the_first(page: InspectorPage):
    assert not page.splitter.isVisible()
    assert page.capture.isVisible()
    assert not page.filter.isVisible()


def test_exchanges_appear_and_the_chosen_one_is_followed(page: InspectorPage, captured: Exchanges):
    one = begun(captured, "POST", "/hc/form?token=t0p", (SECRET, JSON))
    one.request_piece(b'{"a":1}')
    one.request_ended()
    follow(page)
    page.table.choose_first()
    details = page.details
    assert details.title.text() == "POST /hc/form?token=…"
    assert details.status.text() == "Waiting"
    assert details.sides.request.body.text.toPlainText() == '{\n  "a": 1\n}'
    one.answered(503, "Busy", (JSON,))
    one.response_piece(b'["b"]')
    one.response_ended()
    one.ended("the sender left")
    follow(page)
    assert details.status.text() == "503"
    assert details.problem.text() == "the sender left"
    assert details.sides.response.body.text.toPlainText() == '[\n  "b"\n]'
    assert "503" in page.model.index(0, page.model.column("status")).data()


def test_what_is_chosen_stays_chosen_when_others_come_and_when_it_is_filtered_out(
    page: InspectorPage, captured: Exchanges
):
    first = ended(captured, "GET", "/hc/first")
    follow(page)
    page.table.choose_first()
    for number in range(5):
        ended(captured, "GET", f"/hc/{number}", status=500)
    follow(page)
    current = page.table.current()
    assert current is not None
    assert current.id == first.id
    page.filter.setText("status:5xx")
    page._on_filter()
    assert page.table.current() is None
    assert page.details.exchange is not None
    assert page.details.exchange.id == first.id
    page.filter.clear()
    page._on_filter()
    current = page.table.current()
    assert current is not None
    assert current.id == first.id


def test_filter_with_a_mistake_says_so_beside_it(page: InspectorPage, captured: Exchanges, qtbot: QtBot):
    ended(captured)
    follow(page)
    qtbot.keyClicks(page.filter, "status:many")
    qtbot.keyClick(page.filter, Qt.Key.Key_Return)
    assert page.filter_problem.isVisible()
    assert "status" in page.filter_problem.text()
    page.filter.clear()
    qtbot.keyClick(page.filter, Qt.Key.Key_Return)
    assert not page.filter_problem.isVisible()


def test_ready_made_filters_come_and_go(page: InspectorPage, captured: Exchanges):
    ended(captured, status=500)
    ended(captured)
    follow(page)
    actions = {action.text().partition("\t")[2]: action for action in page.presets.menu().actions()}
    actions["status:>=400"].trigger()
    assert page.filter.text() == "status:>=400"
    assert page.model.rowCount() == 1
    actions["status:>=400"].trigger()
    assert page.model.rowCount() == 2


def test_secret_is_shown_when_it_is_asked_for_and_not_before(page: InspectorPage, captured: Exchanges):
    ended(captured, headers=(SECRET, ("X-Plain", "1")))
    follow(page)
    page.table.choose_first()
    pane = page.details.sides.request.headers

    def value(row: int) -> str:
        return str(pane.model.index(row, 1).data())

    assert (value(0), value(1)) == ("Bearer …", "1")
    pane.table.choose(1)
    assert not pane.reveal.isEnabled()
    pane.table.choose(0)
    pane.reveal.click()
    assert value(0) == "Bearer s3cret"
    pane.reveal.click()
    assert value(0) == "Bearer …"


def test_long_body_is_read_in_pieces_and_more_on_request(
    page: InspectorPage, captured: Exchanges, bridge: FakeBridge
):
    one = begun(captured)
    one.request_ended()
    one.answered(200, "OK", (("Content-Type", "text/plain"),))
    for _ in range(20):
        one.response_piece(b"x" * 99 + b"\n" * 1 + b"y" * 9_900)
    one.response_ended()
    one.ended(None)
    follow(page)
    page.table.choose_first()
    pane = page.details.sides.response.body
    assert bridge.actions.read == [(0, bodies.FIRST_BYTES)]
    assert pane.more.isVisible()
    pane.more.click()
    assert bridge.actions.read[-1] == (0, bodies.FIRST_BYTES * 8)
    assert not pane.more.isVisible()
    follow(page)
    assert len(bridge.actions.read) == 2, "what is shown is not read again"


def test_body_that_is_not_kept_says_why(page: InspectorPage, captured: Exchanges):
    ended(captured, response=b"gone")
    captured.find(1).discard()
    follow(page)
    page.table.choose_first()
    assert "newer ones needed the room" in page.details.sides.response.body.words.text()


def png(size: int = 8) -> bytes:
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image = QImage(size, size, QImage.Format.Format_RGB32)
    image.fill(0xFF0000)
    image.save(buffer, "PNG")
    return bytes(content.data())


def test_picture_is_shown_and_so_are_its_bytes(page: InspectorPage, captured: Exchanges):
    ended(captured, response=png(), response_headers=(("Content-Type", "image/png"),))
    follow(page)
    page.table.choose_first()
    pane = page.details.sides.response.body
    assert pane.picture.pixmap().width() == 8
    pane.view.setCurrentIndex(pane.view.findData(BodyView.BYTES))
    pane.view.activated.emit(pane.view.currentIndex())
    assert pane.text.toPlainText().startswith("00000000  89 50 4e 47")


def test_what_says_it_is_a_picture_and_is_none_is_shown_as_bytes(page: InspectorPage, captured: Exchanges):
    ended(captured, response=b"<svg onload=x>", response_headers=(("Content-Type", "image/png"),))
    follow(page)
    page.table.choose_first()
    assert page.details.sides.response.body.text.toPlainText().startswith("00000000  3c 73 76")


def test_websocket_shows_its_messages(page: InspectorPage, captured: Exchanges):
    one = begun(captured, kind=ExchangeKind.WEBSOCKET)
    one.answered(101, "Switching Protocols", ())
    one.frames(Side.SENDER, memoryview(frame(Opcode.TEXT, b'{"say": "hello"}')), True)
    follow(page)
    page.table.choose_first()
    messages = page.details.messages
    assert messages.isVisible()
    assert messages.model.rowCount() == 1
    one.frames(Side.TARGET, memoryview(frame(Opcode.BINARY, b"\x00\x01")), True)
    one.frames(Side.TARGET, memoryview(frame(Opcode.CLOSE, b"\x03\xe8bye")), True)
    one.ended(None)
    follow(page)
    assert [messages.model.index(row, 4).data() for row in range(3)] == [
        '{"say": "hello"}',
        "00 01",
        "1000 bye",
    ]
    messages.table.choose(0)
    assert messages.text.toPlainText() == '{\n  "say": "hello"\n}'
    messages.table.choose(1)
    assert messages.text.toPlainText().startswith("00000000  00 01")
    assert not page.replay_button.isEnabled()


def test_replay_is_sent_and_chosen(page: InspectorPage, captured: Exchanges, bridge: FakeBridge):
    ended(captured, "POST", "/hc/a", (), b"body")
    follow(page)
    page.table.choose_first()
    page.replay_button.click()
    assert bridge.asked == [("replay", 1, None)]
    current = page.table.current()
    assert current is not None
    assert current.replay_of == 1
    assert page.compare.isEnabled()


def test_replay_that_is_refused_says_why(
    page: InspectorPage, captured: Exchanges, bridge: FakeBridge, window: MainWindow
):
    ended(captured)
    follow(page)
    page.table.choose_first()
    bridge.actions.refused["replay"] = Problem(trouble=Trouble.OTHER, cause="its body is not kept")
    page.replay_button.click()
    assert "its body is not kept" in window.message_bar.text


def test_edited_request_is_sent_and_its_answer_shown_beside_it(
    page: InspectorPage, captured: Exchanges, bridge: FakeBridge, window: MainWindow, qtbot: QtBot
):
    ended(captured, "POST", "/hc/a?token=t0p", (SECRET, JSON), b'{"a": 1}', response=b"first")
    follow(page)
    page.table.choose_first()
    page.edit_button.click()
    dialog = dialog_of(window, ReplayDialog)
    assert isinstance(dialog, ReplayDialog)
    assert dialog.headers.toPlainText() == "Authorization: Bearer …\nContent-Type: application/json"
    assert dialog.body.toPlainText() == '{"a": 1}'
    dialog.method.setText("PUT")
    dialog.body.setPlainText('{"a": 2}')
    assert not dialog.keeps_body.isChecked(), "what was typed is what is sent"
    dialog.send.click()
    (_, number, edited), *_ = bridge.asked
    assert number == 1
    assert isinstance(edited, EditedRequest)
    assert (edited.method, edited.request_target, edited.body) == ("PUT", "/hc/a?token=…", b'{"a": 2}')
    assert dialog.status.text().startswith("200 OK")
    assert dialog.answer.body.text.toPlainText() == "again"
    dialog.compare.click()
    difference = dialog_of(window, DifferenceDialog)
    assert isinstance(difference, DifferenceDialog)
    assert "+again" in difference.text.toPlainText()
    difference.accept()
    dialog.reject()


def test_request_that_is_none_is_not_sent(
    page: InspectorPage, captured: Exchanges, bridge: FakeBridge, window: MainWindow
):
    ended(captured)
    follow(page)
    page.table.choose_first()
    page.edit_button.click()
    dialog = dialog_of(window, ReplayDialog)
    assert isinstance(dialog, ReplayDialog)
    dialog.headers.setPlainText("no header")
    dialog.send.click()
    assert "Line 1" in dialog.problem.text()
    assert bridge.asked == []
    dialog.reject()


def test_body_as_it_was_captured_is_sent_as_it_was(
    page: InspectorPage, captured: Exchanges, bridge: FakeBridge, window: MainWindow
):
    ended(captured, "POST", "/hc", (), b"\x00\xff" * 10)
    follow(page)
    page.table.choose_first()
    page.edit_button.click()
    dialog = dialog_of(window, ReplayDialog)
    assert isinstance(dialog, ReplayDialog)
    assert "cannot be edited" in dialog.body_words.text()
    dialog.send.click()
    edited = bridge.asked[0][2]
    assert isinstance(edited, EditedRequest)
    assert edited.body is None
    dialog.reject()


def test_several_are_sent_one_after_the_other_and_counted(
    page: InspectorPage, captured: Exchanges, bridge: FakeBridge, window: MainWindow, qtbot: QtBot
):
    ended(captured)
    follow(page)
    page.table.choose_first()
    page.repeat.trigger()
    dialog = dialog_of(window, ReplayDialog)
    assert isinstance(dialog, ReplayDialog)
    assert dialog.times.value() == 10
    dialog.times.setValue(3)
    dialog.send.click()
    qtbot.waitUntil(dialog.send.isEnabled, timeout=10_000)
    assert [what for what, *_ in bridge.asked] == ["replay"] * 3
    assert "3 × 200" in dialog.tally.text()
    dialog.reject()


def test_answers_that_take_longer_than_the_interval_are_all_counted(
    page: InspectorPage, captured: Exchanges, bridge: FakeBridge, window: MainWindow, qtbot: QtBot
):
    ended(captured)
    follow(page)
    page.table.choose_first()
    page.repeat.trigger()
    dialog = dialog_of(window, ReplayDialog)
    assert isinstance(dialog, ReplayDialog)
    actions = bridge.actions
    actions.answers_later = True
    dialog.times.setValue(3)
    dialog.interval.setValue(0.1)
    dialog.send.click()
    qtbot.waitUntil(lambda: len(actions.unanswered) == 3, timeout=10_000)
    actions.answer()
    actions.answer()
    qtbot.waitUntil(lambda: "2 × 200" in dialog.tally.text(), timeout=10_000)
    assert not dialog.send.isEnabled()
    actions.answer()
    qtbot.waitUntil(dialog.send.isEnabled, timeout=10_000)
    assert "3 × 200" in dialog.tally.text()
    dialog.reject()


def test_several_can_be_stopped(
    page: InspectorPage, captured: Exchanges, bridge: FakeBridge, window: MainWindow, qtbot: QtBot
):
    ended(captured)
    follow(page)
    page.table.choose_first()
    page.repeat.trigger()
    dialog = dialog_of(window, ReplayDialog)
    assert isinstance(dialog, ReplayDialog)
    dialog.interval.setValue(3_600)
    dialog.send.click()
    dialog.stop.click()
    assert dialog.send.isEnabled()
    assert len(bridge.asked) == 1
    dialog.reject()


def test_pin_and_note(page: InspectorPage, captured: Exchanges, bridge: FakeBridge, window: MainWindow):
    ended(captured)
    follow(page)
    page.table.choose_first()
    page.pin.trigger()
    assert page.pin.text() == "Unpin"
    page.note.trigger()
    dialog = dialog_of(window, NoteDialog)
    assert isinstance(dialog, NoteDialog)
    dialog.text.setText("look here")
    dialog.keep.click()
    follow(page)
    assert page.details.note.text() == "look here"
    assert page.model.index(0, page.model.column("note")).data() == "pinned · look here"
    ended(captured)
    page.clear.click()
    assert page.model.rowCount() == 1
    assert [what for what, *_ in bridge.asked] == ["pin", "annotate", "clear_exchanges"]


def test_curl_line_is_copied_without_secrets_and_with_them_when_asked(
    page: InspectorPage, captured: Exchanges, window: MainWindow, copied: list[str]
):
    ended(captured, headers=(SECRET,))
    follow(page)
    page.table.choose_first()
    page.curl.trigger()
    assert "s3cret" not in copied[-1]
    assert "Secrets in it are masked." in window.message_bar.text
    window.message_bar.act.click()
    assert "s3cret" in copied[-1]


def test_what_is_listed_is_exported(page: InspectorPage, captured: Exchanges, bridge: FakeBridge):
    ended(captured, status=500)
    ended(captured)
    follow(page)
    page.filter.setText("status:500")
    page._on_filter()
    page.save("out.har")
    assert bridge.asked == [("export_har", (1,), Path("out.har"), False)]


def test_capturing_is_turned_off_and_on(page: InspectorPage, captured: Exchanges, bridge: FakeBridge):
    assert page.capture.accessibleName() == "Stop keeping"
    page.capture.click()
    assert bridge.actions.chosen.captures is False
    assert page.capture.accessibleName() == "Keep requests"
    page.capture.click()
    assert bridge.actions.chosen.captures is True


def test_request_and_answer_stand_side_by_side_or_in_turn(
    page: InspectorPage, captured: Exchanges, window: MainWindow, qapp: QApplication
):
    ended(captured, "POST", "/hc", (), b"asked", response=b"answered")
    follow(page)
    page.table.choose_first()
    sides = page.details.sides
    window.resize(1_900, 900)
    assert sides.is_side_by_side
    assert sides.request.isVisibleTo(sides)
    assert sides.response.isVisibleTo(sides)
    window.resize(720, 480)
    assert not sides.is_side_by_side
    sides.tabs.setCurrentIndex(1)
    assert sides.response.isVisibleTo(sides)
    assert not sides.request.isVisibleTo(sides)
    window.resize(1_900, 900)
    assert sides.request.isVisibleTo(sides)
    assert sides.request.body.text.toPlainText() == "asked"


def test_service_shows_its_requests(window: MainWindow, captured: Exchanges):
    ended(captured)
    window.services.table.choose("Storefront")
    window.services.actions_of_service.inspect.trigger()
    assert window.page is window.inspector
    assert window.inspector.filter.text() == 'service:"Storefront"'


@pytest.mark.parametrize("size", [0, 1])
def test_page_that_is_left_does_nothing_more(
    window: MainWindow, page: InspectorPage, captured: Exchanges, size: int
):
    for _ in range(size):
        ended(captured)
    follow(page)
    window.navigation.choose(0)
    assert not page.model._timer.isActive()


def test_keys_do_what_the_menu_does(
    page: InspectorPage, captured: Exchanges, bridge: FakeBridge, qtbot: QtBot, window: MainWindow
):
    ended(captured)
    follow(page)
    page.focus_content()
    page.table.choose_first()
    control = Qt.KeyboardModifier.ControlModifier
    qtbot.keyClick(page.table, Qt.Key.Key_R, control)
    qtbot.keyClick(page.table, Qt.Key.Key_P, control)
    assert [what for what, *_ in bridge.asked] == ["replay", "pin"]
