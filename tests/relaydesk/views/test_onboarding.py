"""The cards of the first start, clicked and typed through."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from PySide6.QtCore import QMimeData, Qt, QUrl

from agent.checks import Fault, Step
from relaydesk.actions import Reach
from relaydesk.models.onboarding import Card, Way
from relaydesk.preferences import Preferences
from relaydesk.snapshot import ConnectionKind, KeystoreState, LiveConnection, Problem, Trouble
from relaydesk.views.keystore_dialog import KeystoreDialog
from relaydesk.views.onboarding import OnboardingDialog
from tests.support.fake_bridge import CONNECTION_STRING, KEY_OF_ONE
from tests.support.sample_checks import all_good, failed_at
from tests.support.sample_ports import SamplePorts

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from relaydesk.views.main_window import MainWindow
    from tests.support.fake_bridge import FakeBridge

SECRET = "bm90IGEgcmVhbCBrZXk="


@pytest.fixture
def dialog(qtbot: QtBot, window: MainWindow, bridge: FakeBridge) -> OnboardingDialog:
    bridge.actions.checks = all_good()
    made = OnboardingDialog(window.context, SamplePorts(), window)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    qtbot.addWidget(made)
    made.open()
    qtbot.waitExposed(made)
    return made


def paste(dialog: OnboardingDialog, text: str) -> None:
    data = QMimeData()
    data.setText(text)
    dialog.choose.field.field.insertFromMimeData(data)


def facts(dialog: OnboardingDialog) -> list[str]:
    grid = dialog.choose.facts
    items = (grid.itemAtPosition(line, 1) for line in range(grid.rowCount()))
    return [item.widget().accessibleName() for item in items if item is not None]


def click(qtbot: QtBot, button: object) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def a_request(service: str) -> LiveConnection:
    return LiveConnection(
        id=77, service=service, kind=ConnectionKind.REQUEST, peer="::1", about="GET / 200", started_at=9e9
    )


def test_what_is_pasted_is_hidden_at_once_and_shown_on_request(qtbot: QtBot, dialog: OnboardingDialog):
    assert not dialog.next.isEnabled()
    paste(dialog, f"Hi Ann, {CONNECTION_STRING}")
    field = dialog.choose.field
    assert SECRET not in field.field.toPlainText()
    assert facts(dialog) == ["gw.example", "any: it is for the namespace", "desk", "not known"]
    click(qtbot, field.reveal)
    assert SECRET in field.field.toPlainText()
    click(qtbot, field.reveal)
    assert SECRET not in field.field.toPlainText()
    assert dialog.next.isEnabled()


def test_what_is_typed_stays_seen_until_the_field_is_left(qtbot: QtBot, dialog: OnboardingDialog):
    field = dialog.choose.field
    field.field.setFocus()
    qtbot.keyClicks(field.field, CONNECTION_STRING)
    assert SECRET in field.field.toPlainText()
    qtbot.keyClick(field.field, Qt.Key.Key_Tab)
    assert SECRET not in field.field.toPlainText()
    click(qtbot, field.change)
    assert field.text == ""
    assert not dialog.next.isEnabled()
    assert facts(dialog) == []


def test_a_file_is_dropped(qtbot: QtBot, dialog: OnboardingDialog, tmp_path: Path):
    good, bad = tmp_path / "keys.json", tmp_path / "picture.png"
    good.write_text(f'{{"primaryConnectionString": "{KEY_OF_ONE}"}}', encoding="utf-16")
    bad.write_bytes(b"\x89PNG\xff")
    for path, expected in ((bad, []), (good, ["gw.example", "orders", "desk", "not known"])):
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        assert dialog.choose.field.field.canInsertFromMimeData(data)
        dialog.choose.field.field.insertFromMimeData(data)
        assert facts(dialog) == expected
        if path is bad:
            assert "no short text" in dialog.choose.note.text()


def test_what_cannot_be_read_is_said_and_stays_seen(dialog: OnboardingDialog):
    paste(dialog, "hello")
    assert dialog.choose.note.text().startswith("This is neither a connection string")
    assert dialog.choose.field.field.toPlainText() == "hello"


def test_from_a_connection_string_to_the_first_request(
    qtbot: QtBot, dialog: OnboardingDialog, bridge: FakeBridge, copied: list[str]
):
    paste(dialog, CONNECTION_STRING)
    click(qtbot, dialog.next)
    assert dialog.check.said == "The way is clear."
    assert dialog.next.hasFocus(), "Enter goes on"
    qtbot.keyClick(dialog.next, Qt.Key.Key_Return)
    assert dialog.model.card is Card.SHARE
    rows = dialog.share.list
    assert rows.filter.hasFocus()
    qtbot.keyClicks(rows.filter, "3000")
    qtbot.keyClick(rows.filter, Qt.Key.Key_Return)
    assert dialog.share.link.text().startswith("https://gw.example/storefront")
    assert "secret" not in dialog.share.link.text()
    assert copied == ["https://gw.example/storefront?relaydesk-invitation=0123456789abcdef"]
    assert not dialog.share.qr.pixmap().isNull()
    assert "Waiting for the first request" in dialog.share.seen.text()
    assert not dialog.share.show_request.isVisible()
    with qtbot.waitSignal(dialog.request_seen) as seen:
        bridge.feed(dataclasses.replace(bridge.actions.current, connections=(a_request("storefront"),)))
    assert seen.args == [a_request("storefront")]
    assert "GET / 200" in dialog.share.seen.text()
    with qtbot.waitSignal(dialog.request_wanted):
        click(qtbot, dialog.share.show_request)
    assert not dialog.isVisible()


def test_the_cause_of_what_fails_is_said_with_what_to_do(
    qtbot: QtBot, dialog: OnboardingDialog, bridge: FakeBridge
):
    bridge.actions.checks = failed_at(Step.TOKEN, Fault.KEY_REJECTED, "401: signature")
    paste(dialog, CONNECTION_STRING)
    click(qtbot, dialog.next)
    assert "does not accept the key" in dialog.check.said
    assert "Copy the connection string again" in dialog.check.said
    assert not dialog.next.isEnabled()
    bridge.actions.checks = all_good()
    click(qtbot, dialog.check.again)
    assert dialog.next.isEnabled()
    click(qtbot, dialog.back)
    assert dialog.model.card is Card.CHOOSE


def test_this_computer_becomes_a_gateway_and_shares_the_demo_page(
    qtbot: QtBot, dialog: OnboardingDialog, bridge: FakeBridge
):
    dialog.choose.ways[Way.HERE].setChecked(True)
    assert not dialog.choose.field.isVisible()
    dialog.choose.reaches[Reach.NETWORK].setChecked(True)
    click(qtbot, dialog.next)
    assert ("start_bundled", Reach.NETWORK) in bridge.asked
    click(qtbot, dialog.next)
    click(qtbot, dialog.share.demo)
    assert "Demo page is shared" in dialog.share._done.text()


def test_another_host_or_port_is_shared(qtbot: QtBot, dialog: OnboardingDialog):
    dialog.share.other.setText("3000")
    paste(dialog, CONNECTION_STRING)
    click(qtbot, dialog.next)
    click(qtbot, dialog.next)
    assert dialog.share.share_other.isEnabled()
    qtbot.keyClick(dialog.share.other, Qt.Key.Key_Return)
    assert dialog.model.waits_for == "3000"


def test_what_only_sends_is_brought_to_a_port(
    qtbot: QtBot, dialog: OnboardingDialog, bridge: FakeBridge, copied: list[str]
):
    dialog.choose.ways[Way.INVITATION].setChecked(True)
    paste(dialog, KEY_OF_ONE.replace("desk", "defaultSender"))
    click(qtbot, dialog.next)
    click(qtbot, dialog.next)
    assert dialog.title.text() == "Use it here"
    assert dialog.share.port.value() == 5432
    dialog.share.port.setValue(6543)
    click(qtbot, dialog.share.connect_)
    assert copied == ["127.0.0.1:6543"]
    assert "first connection" in dialog.share.seen.text()
    bridge.feed(dataclasses.replace(bridge.actions.current, connections=(a_request("orders"),)))
    assert "Somebody has come" in dialog.share.seen.text()


def test_one_of_several_is_chosen(dialog: OnboardingDialog):
    forwards = "RemoteForward: [{RelayName: a, HostPort: 80}, {RelayName: b, Host: db, HostPort: 5432}]"
    paste(dialog, f"AzureRelayConnectionString: {CONNECTION_STRING}\n{forwards}")
    assert dialog.choose.which.isVisible()
    dialog.choose.which.setCurrentIndex(1)
    assert facts(dialog) == ["gw.example", "b", "desk", "not known", "db:5432"]


def test_without_a_keyring_the_choice_is_asked_for_and_it_goes_on(
    qtbot: QtBot, dialog: OnboardingDialog, bridge: FakeBridge
):
    bridge.feed(dataclasses.replace(bridge.actions.current, keystore=KeystoreState.UNDECIDED))
    bridge.actions.refused["add_gateway"] = Problem(
        trouble=Trouble.KEYSTORE_LOCKED, cause="there is no keyring"
    )
    paste(dialog, CONNECTION_STRING)
    assert not dialog.choose.keystore.isVisible()
    click(qtbot, dialog.next)
    assert "there is no keyring" in dialog.choose.note.text()
    click(qtbot, dialog.choose.keystore)
    (asks,) = dialog.findChildren(KeystoreDialog)
    asks.until_quit.setChecked(True)
    del bridge.actions.refused["add_gateway"]
    click(qtbot, asks.ok)
    assert ("choose_keystore", KeystoreState.UNTIL_QUIT, None) in bridge.asked
    assert dialog.model.card is Card.CHECK


@pytest.mark.parametrize("is_by_key", [True, False])
def test_it_can_be_skipped_and_is_not_shown_again(
    qtbot: QtBot, dialog: OnboardingDialog, bridge: FakeBridge, is_by_key: bool
):
    paste(dialog, CONNECTION_STRING)
    if is_by_key:
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    else:
        click(qtbot, dialog.skip)
    assert not dialog.isVisible()
    assert bridge.actions.chosen == Preferences(was_welcomed=True)
    assert dialog.choose.field.text == ""
    assert SECRET not in dialog.choose.field.field.toPlainText()


def test_start_at_login_is_off_until_it_is_wanted(qtbot: QtBot, dialog: OnboardingDialog, bridge: FakeBridge):
    assert not dialog.share.starts_at_login.isChecked()
    dialog.share.starts_at_login.setChecked(True)
    with qtbot.waitSignal(dialog.preferences_changed) as changed:
        dialog.reject()
    assert changed.args == [Preferences(was_welcomed=True, starts_at_login=True)]


def test_the_window_offers_it_again_from_its_pages(qtbot: QtBot, window: MainWindow):
    for page in (window.services, window.gateways, window.settings):
        with qtbot.waitSignal(window.first_steps_wanted):
            page.first_steps_wanted.emit()


def test_it_fits_a_small_screen(qtbot: QtBot, dialog: OnboardingDialog):
    paste(dialog, CONNECTION_STRING)
    sizes = [dialog.minimumSizeHint()]
    for _ in range(2):
        click(qtbot, dialog.next)
        sizes.append(dialog.minimumSizeHint())
    assert all(size.width() <= 720 and size.height() <= 480 for size in sizes)
