"""Without eyes, and without a mouse."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtWidgets import QAbstractScrollArea, QDialog, QRadioButton, QWidget
from pytestqt.qtbot import QtBot

from relaydesk.snapshot import KeystoreState, ServiceState
from relaydesk.views import message_bar, services_page
from relaydesk.views.add_gateway_dialog import AddGatewayDialog
from relaydesk.views.difference_dialog import DifferenceDialog
from relaydesk.views.invite_dialog import InviteDialog
from relaydesk.views.keystore_dialog import KeystoreDialog
from relaydesk.views.main_window import MainWindow
from relaydesk.views.note_dialog import NoteDialog
from relaydesk.views.onboarding import OnboardingDialog
from relaydesk.views.replay_dialog import ReplayDialog
from tests.support.captures import ended
from tests.support.fake_bridge import CONNECTION_STRING, FakeBridge
from tests.support.sample_checks import all_good
from tests.support.sample_ports import SamplePorts
from tests.support.sample_snapshot import log_lines, sample

INTERACTIVE = {
    QAccessible.Role.PushButton,
    QAccessible.Role.ButtonMenu,
    QAccessible.Role.CheckBox,
    QAccessible.Role.RadioButton,
    QAccessible.Role.ComboBox,
    QAccessible.Role.EditableText,
    QAccessible.Role.List,
    QAccessible.Role.ListItem,
    QAccessible.Role.Table,
    QAccessible.Role.PageTab,
    QAccessible.Role.Slider,
    QAccessible.Role.SpinBox,
}


@pytest.fixture(autouse=True)
def _accessible() -> Iterator[None]:
    QAccessible.setActive(True)
    yield
    QAccessible.setActive(False)


def walk(interface: QAccessibleInterface, path: str = "") -> Iterator[tuple[str, QAccessibleInterface]]:
    here = f"{path}/{interface.role().name}:{interface.text(QAccessible.Text.Name)[:30]}"
    yield here, interface
    if interface.role() is QAccessible.Role.Table:
        return  # its cells are the model's, and tested there
    for number in range(interface.childCount()):
        child = interface.child(number)
        if child is not None and child.isValid():
            yield from walk(child, here)


def nameless(widget: QWidget) -> list[str]:
    root = QAccessible.queryAccessibleInterface(widget)
    return [
        path
        for path, interface in walk(root)
        if interface.role() in INTERACTIVE
        and not interface.state().invisible  # type: ignore[attr-defined] # a bit field the stubs leave out
        and not interface.text(QAccessible.Text.Name)
        # parts of a widget that has a name: a combo box's list, an edit field's own buttons
        and "/ComboBox:" not in path.rpartition("/")[0]
        and "/EditableText:" not in path.rpartition("/")[0]
    ]


@pytest.mark.parametrize("number", range(7))
def test_everything_that_can_be_used_has_a_name(window: MainWindow, bridge: FakeBridge, number: int) -> None:
    bridge.log(*log_lines())
    ended(bridge.actions.captured, "POST", body=b"body", response=b"answer")
    window.navigation.choose(number)
    window.inspector.table.choose_first()
    assert nameless(window) == []


@pytest.mark.parametrize(
    "kind", ["gateway", "invitation", "sealed", "undecided", "replay", "difference", "note"]
)
def test_everything_in_a_dialog_has_a_name(window: MainWindow, bridge: FakeBridge, kind: str) -> None:
    context = window.context
    one = ended(bridge.actions.captured, "POST", body=b"body", response=b"answer").freeze()
    made: QDialog = {
        "gateway": lambda: AddGatewayDialog(context, window),
        "invitation": lambda: InviteDialog(context, sample().services[0], window),
        "sealed": lambda: KeystoreDialog(context, KeystoreState.SEALED_FILE_CLOSED, window),
        "undecided": lambda: KeystoreDialog(context, KeystoreState.UNDECIDED, window),
        "replay": lambda: ReplayDialog(context, one, window),
        "difference": lambda: DifferenceDialog(context, one.id, one.id, window),
        "note": lambda: NoteDialog(context, one, window),
    }[kind]()
    made.open()
    assert nameless(made) == []
    made.reject()


def test_everything_on_the_cards_of_the_first_start_has_a_name_and_is_reached(
    window: MainWindow, bridge: FakeBridge, qtbot: QtBot
) -> None:
    bridge.actions.checks = all_good()
    dialog = OnboardingDialog(window.context, SamplePorts(), window)
    dialog.open()
    dialog.activateWindow()
    for step in ("choose", "pasted", "check", "share", "done"):
        if step == "pasted":
            dialog.choose.field.set_text(CONNECTION_STRING)
        elif step in ("check", "share"):
            dialog.next.click()
        elif step == "done":
            dialog.share.demo.click()
        assert nameless(dialog) == [], step
        wanted = tabbed(dialog)
        assert (
            wanted - reachable_from(dialog.skip if step != "done" else dialog.next, dialog, qtbot) == set()
        ), step
    dialog.reject()


def tabbed(window: QWidget) -> set[QWidget]:
    """What the key Tab should reach."""
    return {
        widget
        for widget in window.findChildren(QWidget)
        if widget.isVisible()
        and widget.isEnabled()
        and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not isinstance(widget.parent(), QAbstractScrollArea)
        and widget.focusProxy() is None
        and not (isinstance(widget, QRadioButton) and not widget.isChecked())  # by the arrow keys
    }


def reachable_from(first: QWidget, window: QWidget, qtbot: QtBot) -> set[QWidget]:
    found: list[QWidget] = []
    first.setFocus()
    while (widget := window.focusWidget()) is not None and widget not in found:
        found.append(widget)
        qtbot.keyClick(widget, Qt.Key.Key_Tab)
        assert len(found) < 100
    return set(found)


def test_the_walk_finds_what_has_no_name(qtbot: QtBot) -> None:
    from PySide6.QtWidgets import QToolButton

    button = QToolButton()
    qtbot.addWidget(button)
    button.show()
    assert len(nameless(button)) == 1


def reachable(window: MainWindow, qtbot: QtBot) -> set[QWidget]:
    found: list[QWidget] = []
    window.navigation.list.setFocus()
    while (widget := window.focusWidget()) is not None and widget not in found:
        found.append(widget)
        qtbot.keyClick(widget, Qt.Key.Key_Tab)
        assert len(found) < 100
    return set(found)


@pytest.mark.parametrize("number", range(7))
def test_tab_reaches_everything_that_can_be_used(
    window: MainWindow, bridge: FakeBridge, qtbot: QtBot, number: int
) -> None:
    bridge.log(*log_lines())
    window.navigation.choose(number)
    wanted = {
        widget
        for widget in window.findChildren(QWidget)
        if widget.isVisible()
        and widget.isEnabled()
        and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not isinstance(widget.parent(), QAbstractScrollArea)
        and widget.focusProxy() is None
    }
    assert len(wanted) > 4
    assert wanted - reachable(window, qtbot) == set()


def test_a_change_of_state_is_announced(
    window: MainWindow, bridge: FakeBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(services_page, "announce", lambda _, text: said.append(text))
    snapshot = sample()
    first = dataclasses.replace(snapshot.services[0], state=ServiceState.PORT_CLOSED)
    bridge.feed(dataclasses.replace(snapshot, services=(first, *snapshot.services[1:])))
    bridge.feed(dataclasses.replace(snapshot, services=(first, *snapshot.services[1:])))
    assert [text for text in said if text] == ["Storefront: Port closed"]


def test_an_announcement_reaches_the_screen_reader(window: MainWindow) -> None:
    message_bar.announce(window, "Storefront: Port closed")  # Qt would warn, and the test fail
