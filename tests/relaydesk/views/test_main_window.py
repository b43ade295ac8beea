"""The window as a whole: what it costs, how it is left, what its keys do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from relaydesk.preferences import CloseChoice, Preferences
from relaydesk.preferences import Theme as Choice
from relaydesk.snapshot import KeystoreState, Problem, Snapshot, Trouble
from relaydesk.views.keystore_dialog import KeystoreDialog
from relaydesk.views.main_window import NARROW_BELOW, SMALLEST, MainWindow
from relaydesk.views.theme import DARK, Theme
from tests.support.captures import ended
from tests.support.fake_bridge import FakeBridge, FakeMemory
from tests.support.sample_snapshot import NOW, log_lines, minute, sample

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def test_a_hidden_window_does_no_work(window: MainWindow, bridge: FakeBridge) -> None:
    window.hide()
    shown = window.services.model.rows
    bridge.feed(Snapshot(at=NOW + 1))
    bridge.log(*log_lines())
    assert window.services.model.rows == shown
    assert window.log.model.rowCount() == 0
    assert not window.is_awake


def test_whether_it_is_watched_is_told(window: MainWindow) -> None:
    told: list[bool] = []
    window.watched.connect(told.append)
    window.hide()
    window.show()
    assert told == [False, True]


def test_a_window_that_comes_back_shows_the_latest(window: MainWindow, bridge: FakeBridge) -> None:
    window.hide()
    bridge.feed(Snapshot(at=NOW + 1, services=sample().services[:2]))
    window.show()
    assert [service.name for service in window.services.model.rows] == ["Storefront", "Orders DB"]


def test_a_minimised_window_does_no_work(window: MainWindow, qtbot: QtBot) -> None:
    window.showMinimized()
    qtbot.waitUntil(lambda: not window.is_awake)
    window.showNormal()
    qtbot.waitUntil(lambda: window.is_awake)


def test_only_the_page_that_is_seen_is_kept_up_to_date(window: MainWindow, bridge: FakeBridge) -> None:
    assert window.connections.model.rowCount() == 0
    bridge.feed(sample())
    assert window.connections.model.rowCount() == 0
    window.navigation.choose(window.pages.index(window.connections))
    assert window.connections.model.rowCount() == 9


def test_rates_go_on_while_another_page_is_seen(window: MainWindow, bridge: FakeBridge) -> None:
    for snapshot in minute(NOW + 100):
        bridge.feed(snapshot)
    window.navigation.choose(window.pages.index(window.connections))
    model = window.connections.model
    row = model.row_of(101)
    assert row is not None
    assert str(model.index(row, model.column("rate_sent")).data()).endswith("/s")


@pytest.mark.parametrize("number", range(7))
def test_ctrl_and_a_number_opens_a_page(window: MainWindow, qtbot: QtBot, number: int) -> None:
    qtbot.keyClick(window, Qt.Key(Qt.Key.Key_1.value + number), CTRL)
    assert window.page is window.pages[number]
    assert window.navigation.list.currentRow() == number


def test_keys_ask_for_what_others_build(window: MainWindow, qtbot: QtBot) -> None:
    for signal, key, modifiers in (
        (window.expose_wanted, Qt.Key.Key_E, CTRL),
        (window.connect_wanted, Qt.Key.Key_V, CTRL | SHIFT),
        (window.quit_wanted, Qt.Key.Key_Q, CTRL),
    ):
        with qtbot.waitSignal(signal):
            qtbot.keyClick(window, key, modifiers)


def test_ctrl_comma_opens_settings_and_f5_tries_again(
    window: MainWindow, qtbot: QtBot, bridge: FakeBridge
) -> None:
    qtbot.keyClick(window, Qt.Key.Key_Comma, CTRL)
    assert window.page is window.settings
    qtbot.keyClick(window, Qt.Key.Key_F5)
    assert bridge.asked == [("retry_now", None)]


@pytest.mark.parametrize("name", ["services", "connections", "inspector", "log"])
def test_ctrl_f_goes_to_the_filter(window: MainWindow, bridge: FakeBridge, qtbot: QtBot, name: str) -> None:
    bridge_lines = log_lines()
    window.log.take(bridge_lines)
    ended(bridge.actions.captured)
    window.navigation.choose(window.pages.index(getattr(window, name)))
    qtbot.keyClick(window, Qt.Key.Key_F, CTRL)
    assert window.focusWidget() is window.page.filter  # type: ignore[attr-defined] # these have one


def test_a_narrow_window_has_icons_alone(window: MainWindow) -> None:
    window.resize(NARROW_BELOW + 100, 700)
    assert not window.navigation.is_narrow
    wide = window.navigation.width()
    window.resize(NARROW_BELOW - 1, 700)
    assert window.navigation.is_narrow
    assert window.navigation.width() < wide
    assert window.minimumSize() == SMALLEST


def test_the_window_is_as_it_was_left(make_window: Callable[[], MainWindow], memory: FakeMemory) -> None:
    first = make_window()
    first.show()
    first.resize(790, 600)  # the screen of the platform plugin `offscreen` is 800 wide
    first.finish()
    assert set(memory.kept) == {"window", "services", "inspector"}
    second = make_window()
    assert (second.width(), second.height()) == (790, 600)


@pytest.mark.parametrize("state", [b"", b"\x00" * 40, b"nonsense"])
def test_a_broken_memory_is_no_harm(
    make_window: Callable[[], MainWindow], memory: FakeMemory, state: bytes
) -> None:
    memory.kept = {"window": state, "services": state, "inspector": state}
    assert make_window().width() >= SMALLEST.width()


def buttons(box: QMessageBox) -> dict[str, QPushButton]:
    return {button.text().replace("&", ""): button for button in box.findChildren(QPushButton)}


def test_closing_asks_the_first_time_and_remembers(window: MainWindow, bridge: FakeBridge) -> None:
    window.close()
    assert window.isVisible()
    (box,) = window.findChildren(QMessageBox)
    buttons(box)["Keep running"].click()
    assert not window.isVisible()
    assert bridge.actions.chosen.close is CloseChoice.KEEP
    window.show()
    window.close()
    assert not window.isVisible()


def test_closing_may_quit(window: MainWindow, bridge: FakeBridge, qtbot: QtBot) -> None:
    bridge.actions.chosen = Preferences(close=CloseChoice.QUIT)
    with qtbot.waitSignal(window.quit_wanted):
        window.close()
    assert window.isVisible()  # whoever hears it ends the program


def test_what_is_wrong_is_said_above_every_page(window: MainWindow, bridge: FakeBridge) -> None:
    assert window.message_bar.text.startswith("Grafana: The local service does not answer")
    assert "Next try in 6 s" in window.message_bar.text
    window.message_bar.act.click()
    assert bridge.asked == [("retry_now", "Grafana")]
    window.navigation.choose(window.pages.index(window.connections))
    window.message_bar.details.click()
    assert window.page is window.services
    current = window.services.table.current()
    assert current is not None
    assert current.name == "Grafana"


def test_a_dismissed_problem_stays_away_until_it_is_another(window: MainWindow, bridge: FakeBridge) -> None:
    window.message_bar.dismiss.click()
    later = dataclasses.replace(sample(), at=NOW + 1)
    bridge.feed(later)
    assert window.message_bar.isHidden()
    disk = Problem(trouble=Trouble.DISK, cause="no space left on device")
    bridge.feed(dataclasses.replace(later, at=NOW + 2, problem=disk))
    assert "no space left on device" in window.message_bar.text


def test_a_refused_action_is_said_with_its_cause(
    window: MainWindow, bridge: FakeBridge, qtbot: QtBot
) -> None:
    bridge.actions.refused["retry_now"] = Problem(
        trouble=Trouble.GATEWAY_REFUSED, cause="SubCode=40101", status=401
    )
    qtbot.keyClick(window, Qt.Key.Key_F5)
    assert window.message_bar.text.startswith("The gateway does not accept the key SubCode=40101")


def test_a_locked_keyring_is_said_and_asked_again(window: MainWindow, bridge: FakeBridge) -> None:
    bridge.feed(dataclasses.replace(sample(), keystore=KeystoreState.LOCKED))
    assert "locked" in window.message_bar.text
    window.message_bar.act.click()
    assert bridge.asked == [("unlock_keystore", None)]


def test_a_sealed_file_wants_its_passphrase(window: MainWindow, bridge: FakeBridge) -> None:
    bridge.feed(dataclasses.replace(sample(), keystore=KeystoreState.SEALED_FILE_CLOSED))
    window.message_bar.act.click()
    (dialog,) = window.findChildren(KeystoreDialog)
    dialog.passphrase.setText("wrong")
    dialog.ok.click()
    assert dialog.isVisible()
    assert "not the passphrase" in dialog.problem.text()
    dialog.passphrase.setText("right")
    dialog.ok.click()
    assert not dialog.isVisible()
    assert dialog.passphrase.text() == ""


def test_without_a_keyring_the_user_chooses(window: MainWindow, bridge: FakeBridge) -> None:
    bridge.feed(dataclasses.replace(sample(), keystore=KeystoreState.UNDECIDED))
    window.message_bar.act.click()
    (dialog,) = window.findChildren(KeystoreDialog)
    dialog.passphrase.setText("long enough")
    dialog.again.setText("another one")
    assert not dialog.ok.isEnabled()
    dialog.again.setText("long enough")
    dialog.ok.click()
    assert bridge.asked == [("choose_keystore", KeystoreState.SEALED_FILE, "long enough")]


def test_the_chosen_colours_are_in_effect_at_once(
    window: MainWindow, bridge: FakeBridge, theme: Theme
) -> None:
    window.navigation.choose(window.pages.index(window.settings))
    choice = window.settings.choices["theme"]
    choice.setCurrentIndex(choice.findData(Choice.DARK))
    choice.activated.emit(choice.currentIndex())
    assert theme.scheme is DARK
    assert bridge.actions.chosen.theme is Choice.DARK
