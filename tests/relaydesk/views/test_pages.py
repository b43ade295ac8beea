"""What is clicked on each page, and what is asked for by it."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from relaydesk.actions import Reach
from relaydesk.models import services
from relaydesk.preferences import DEFAULT_LIFETIME_S
from relaydesk.snapshot import BundledState, KeystoreState, Problem, ServiceState, Snapshot, Trouble
from relaydesk.views.add_gateway_dialog import AddGatewayDialog
from relaydesk.views.invite_dialog import InviteDialog
from relaydesk.views.main_window import MainWindow
from tests.support.fake_bridge import CONNECTION_STRING, FakeBridge
from tests.support.sample_snapshot import NOW, log_lines, minute, sample

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def press(window: MainWindow, qtbot: QtBot) -> Callable[..., None]:
    """Press a key in the table of services."""
    window.services.table.choose("Storefront")
    window.services.table.setFocus()

    def press(key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        qtbot.keyClick(window.services.table, key, modifiers)

    return press


def change(bridge: FakeBridge, name: str, **changes: object) -> None:
    snapshot = sample()
    services = tuple(
        dataclasses.replace(service, **changes) if service.name == name else service  # type: ignore[arg-type]
        for service in snapshot.services
    )
    bridge.feed(dataclasses.replace(snapshot, services=services))


# --- services


def test_without_services_the_two_ways_in_are_offered(
    window: MainWindow, bridge: FakeBridge, qtbot: QtBot
) -> None:
    bridge.feed(Snapshot(at=NOW))
    assert window.services.stack.currentIndex() == 0
    large = list(window.services.stack.widget(0).findChildren(QPushButton))
    with qtbot.waitSignal(window.expose_wanted):
        large[0].click()
    with qtbot.waitSignal(window.connect_wanted):
        large[1].click()


def test_ctrl_c_copies_the_link_and_shows_it_without_its_secret(
    window: MainWindow, bridge: FakeBridge, copied: list[str], press: Callable[..., None]
) -> None:
    press(Qt.Key.Key_C, CTRL)
    assert bridge.asked == [("link", "Storefront")]
    assert copied == ["https://gw.example/Storefront?relaydesk-invitation=0123456789abcdef"]
    assert "0123456789abcdef" not in window.message_bar.text
    assert "The link of Storefront is on the clipboard." in window.message_bar.text


def test_enter_opens_the_link(opened: list[str], press: Callable[..., None]) -> None:
    press(Qt.Key.Key_Return)
    assert len(opened) == 1


def test_what_is_no_web_page_is_not_opened(
    window: MainWindow, opened: list[str], press: Callable[..., None]
) -> None:
    window.services.table.choose("Orders DB")
    press(Qt.Key.Key_Return)
    assert opened == []


def test_what_was_brought_here_is_copied_as_its_local_address(
    window: MainWindow, bridge: FakeBridge, copied: list[str], opened: list[str], press: Callable[..., None]
) -> None:
    window.services.table.choose("Staging API")
    press(Qt.Key.Key_C, CTRL)
    press(Qt.Key.Key_Return)
    assert (copied, opened) == (["127.0.0.1:9443"], ["http://127.0.0.1:9443/"])
    assert bridge.asked == []


def test_space_pauses_and_resumes(window: MainWindow, bridge: FakeBridge, press: Callable[..., None]) -> None:
    press(Qt.Key.Key_Space)
    change(bridge, "Storefront", state=ServiceState.PAUSED)
    press(Qt.Key.Key_Space)
    assert bridge.asked == [("pause", "Storefront"), ("resume", "Storefront", DEFAULT_LIFETIME_S)]


def test_delete_stops_and_can_be_undone(
    window: MainWindow, bridge: FakeBridge, press: Callable[..., None]
) -> None:
    press(Qt.Key.Key_Delete)
    assert window.message_bar.text == "Storefront is no longer shared."
    assert window.message_bar.act.text() == "Undo"
    window.message_bar.act.click()
    assert bridge.asked == [("stop", "Storefront"), ("undo_stop",)]


def test_a_refused_stop_says_nothing_of_success(
    window: MainWindow, bridge: FakeBridge, press: Callable[..., None]
) -> None:
    bridge.actions.refused["stop"] = Problem(trouble=Trouble.DISK, cause="no space left on device")
    press(Qt.Key.Key_Delete)
    assert "no space left on device" in window.message_bar.text
    assert "no longer shared" not in window.message_bar.text


def test_the_selection_stays_with_its_service(window: MainWindow, bridge: FakeBridge) -> None:
    window.services.table.choose("Grafana")
    snapshot = sample()
    bridge.feed(dataclasses.replace(snapshot, services=snapshot.services[2:]))
    current = window.services.table.current()
    assert current is not None
    assert current.name == "Grafana"


def test_an_invitation_is_withdrawn(window: MainWindow, bridge: FakeBridge) -> None:
    window.services.table.choose("Storefront")
    details = window.services.details
    assert not details.withdraw.isEnabled()
    details.invitations.choose("i2")
    details.withdraw.click()
    assert bridge.asked == [("withdraw", "Storefront", "i2")]


def test_an_invitation_is_made_by_name(window: MainWindow, bridge: FakeBridge, copied: list[str]) -> None:
    window.services.table.choose("Storefront")
    window.services.actions_of_service.invite.trigger()
    (dialog,) = window.findChildren(InviteDialog)
    assert not dialog.make.isEnabled()
    dialog.name.setText("  Ada ")
    dialog.make.click()
    assert bridge.asked == [("invite", "Storefront", "Ada", 8 * 3_600.0)]
    assert len(copied) == 1
    assert not dialog.isVisible()


def test_a_refused_invitation_leaves_the_dialog_open(window: MainWindow, bridge: FakeBridge) -> None:
    bridge.actions.refused["invite"] = Problem(trouble=Trouble.MISSING_RIGHT, cause="Send is missing")
    window.services.actions_of_service.choose(sample().services[0])
    window.services.actions_of_service.invite.trigger()
    (dialog,) = window.findChildren(InviteDialog)
    dialog.name.setText("Ada")
    dialog.make.click()
    assert dialog.isVisible()
    assert "Send is missing" in dialog.problem.text()


def test_everything_is_paused_and_resumed(window: MainWindow, bridge: FakeBridge) -> None:
    (button,) = [b for b in window.services.findChildren(QPushButton) if b.accessibleName() == "Pause all"]
    button.click()
    snapshot = sample()
    paused = tuple(dataclasses.replace(service, state=ServiceState.PAUSED) for service in snapshot.services)
    bridge.feed(dataclasses.replace(snapshot, services=paused))
    assert button.accessibleName() == "Resume all"
    button.click()
    assert bridge.asked == [("pause_all",), ("resume_all",)]


# --- connections


def test_a_connection_is_cut_and_one_that_ended_is_not(window: MainWindow, bridge: FakeBridge) -> None:
    window.navigation.choose(window.pages.index(window.connections))
    page = window.connections
    page.table.choose(105)
    assert not page.cut.isEnabled()
    page.table.choose(101)
    page.cut.click()
    assert bridge.asked == [("cut", 101)]


def test_connections_are_filtered(window: MainWindow) -> None:
    window.navigation.choose(window.pages.index(window.connections))
    window.connections.filter.setText("storefront 503")
    assert window.connections.proxy.rowCount() == 1


def test_the_connections_of_a_service_are_shown(window: MainWindow) -> None:
    window.show_connections_of("Orders DB")
    assert window.page is window.connections
    assert window.connections.proxy.rowCount() == 1


# --- gateways


def test_a_connection_string_is_shown_when_asked_for_and_hidden_again(
    window: MainWindow, bridge: FakeBridge, qtbot: QtBot
) -> None:
    window.navigation.choose(window.pages.index(window.gateways))
    page = window.gateways
    page.table.choose("contoso")
    assert not page.details.is_revealed
    page.details.reveal.click()
    assert page.details.string.text() == CONNECTION_STRING
    window.navigation.choose(0)
    window.navigation.choose(window.pages.index(window.gateways))
    assert page.details.string.text() == ""
    page.details.reveal.click()
    page.table.choose("workshop")
    assert page.details.string.text() == ""
    page.details.reveal.click()
    window.hide()
    assert page.details.string.text() == ""


def test_a_connection_string_that_comes_late_is_not_shown_below_another_name(
    window: MainWindow, bridge: FakeBridge
) -> None:
    window.navigation.choose(window.pages.index(window.gateways))
    page = window.gateways
    page.table.choose("contoso")
    bridge.is_held = True
    page.details.reveal.click()
    page.table.choose("workshop")
    bridge.release()
    assert page.details.string.text() == ""


def test_a_connection_string_is_hidden_after_a_while(window: MainWindow) -> None:
    window.navigation.choose(window.pages.index(window.gateways))
    details = window.gateways.details
    details.reveal.click()
    assert details.is_revealed
    details.hide_again.timeout.emit()
    assert not details.is_revealed


def test_only_a_gateway_that_is_not_in_use_can_be_removed(window: MainWindow, bridge: FakeBridge) -> None:
    window.navigation.choose(window.pages.index(window.gateways))
    page = window.gateways
    page.table.choose("contoso")
    assert not page.details.remove.isEnabled()
    page.table.choose("workshop")
    page.details.remove.click()
    assert bridge.asked == [("remove_gateway", "workshop")]


def test_the_bundled_gateway_is_stopped_and_started_with_a_reach(
    window: MainWindow, bridge: FakeBridge
) -> None:
    window.navigation.choose(window.pages.index(window.gateways))
    card = window.gateways.bundled
    card.switch.click()
    snapshot = sample()
    stopped = dataclasses.replace(snapshot.gateways[0], bundled=BundledState.STOPPED)
    bridge.feed(dataclasses.replace(snapshot, gateways=(stopped,)))
    card.reach.setCurrentIndex(1)
    card.switch.click()
    assert bridge.asked == [("stop_bundled",), ("start_bundled", Reach.NETWORK)]


def test_the_bundled_gateway_is_opened_to_the_network_while_it_runs(
    window: MainWindow, bridge: FakeBridge
) -> None:
    """A newcomer's first link works on this computer only, and nothing but stopping the gateway led further."""
    window.navigation.choose(window.pages.index(window.gateways))
    card = window.gateways.bundled
    assert card.widen.isHidden()
    snapshot = sample()
    narrow = dataclasses.replace(snapshot.gateways[0], is_only_this_computer=True)
    bridge.feed(dataclasses.replace(snapshot, gateways=(narrow,)))
    assert not card.widen.isHidden()
    card.widen.click()
    assert bridge.asked == [("start_bundled", Reach.NETWORK)]


def test_what_passed_a_while_ago_is_not_said_to_pass_now(window: MainWindow, bridge: FakeBridge) -> None:
    for snapshot in minute(NOW + 120):
        bridge.feed(snapshot)
    assert "/s" in window.services._subtitle.text()
    quiet = NOW + 125
    window._rates.services.update(quiet, services.totals(snapshot))
    window.services.tick(quiet)
    assert "/s" not in window.services._subtitle.text()


def test_a_missing_keyring_is_said_without_a_warning(window: MainWindow, bridge: FakeBridge) -> None:
    """It is the first thing that a newcomer without a keyring sees, and what most want works without one."""
    bridge.feed(Snapshot(at=NOW, keystore=KeystoreState.UNDECIDED))
    assert "Sharing from this computer needs none" in window.message_bar._text.text()


def test_a_pasted_connection_string_is_read_before_it_is_added(
    window: MainWindow, bridge: FakeBridge
) -> None:
    window.gateways.add()
    (dialog,) = window.findChildren(AddGatewayDialog)
    dialog.text.setPlainText("no such thing")
    assert not dialog.add.isEnabled()
    assert "neither a connection string" in dialog.found.text()
    dialog.text.setPlainText(CONNECTION_STRING.replace("desk", "RootManageSharedAccessKey"))
    assert dialog.found.text() == "gw.example · the key allows: Listen, Send, Manage"
    dialog.text.setPlainText(f"Here it is:\n{CONNECTION_STRING}\nBob")
    dialog.add.click()
    assert bridge.asked[-1] == ("add_gateway", CONNECTION_STRING, None)
    assert dialog.text.toPlainText() == ""


def test_a_huge_paste_is_refused(window: MainWindow) -> None:
    window.gateways.add()
    (dialog,) = window.findChildren(AddGatewayDialog)
    dialog.text.setPlainText("Endpoint=" + "x" * 100_000)
    assert not dialog.add.isEnabled()
    assert "copy less of it" in dialog.found.text()


# --- log


def test_the_log_is_filtered_copied_and_paused(
    window: MainWindow, bridge: FakeBridge, copied: list[str]
) -> None:
    window.navigation.choose(window.pages.index(window.log))
    bridge.log(*log_lines())
    page = window.log
    assert page.proxy.rowCount() == 12
    page.level.setCurrentIndex(page.level.findData(logging.WARNING))
    assert page.proxy.rowCount() == 3
    page.filter.setText("grafana")
    page.copy_lines()
    assert copied[0].endswith("Grafana: cannot reach target 127.0.0.1:3100: connection refused")
    page.pause.click()
    bridge.log(*(dataclasses.replace(line, number=line.number + 100) for line in log_lines()))
    assert page.model.rowCount() == 12
    page.pause.click()
    assert page.model.rowCount() == 24


def test_the_log_is_saved(window: MainWindow, bridge: FakeBridge) -> None:
    window.log.save("somewhere.log")
    assert [action[0] for action in bridge.asked] == ["save_log"]


# --- settings


def test_every_preference_can_be_set(window: MainWindow, bridge: FakeBridge) -> None:
    window.navigation.choose(window.pages.index(window.settings))
    fields = {field.name for field in dataclasses.fields(bridge.actions.chosen)}
    # the last one where a copy knows where to look: test_update_panel.py
    assert fields - {"was_welcomed", "looks_for_updates"} == {
        *window.settings.checks,
        *window.settings.choices,
    }
    for name, box in window.settings.checks.items():
        before = getattr(bridge.actions.chosen, name)
        box.click()
        assert getattr(bridge.actions.chosen, name) is not before


def test_a_preference_that_could_not_be_kept_goes_back(window: MainWindow, bridge: FakeBridge) -> None:
    window.navigation.choose(window.pages.index(window.settings))
    bridge.actions.refused["set_preferences"] = Problem(trouble=Trouble.DISK, cause="read-only file system")
    box = window.settings.checks["has_probes"]
    box.click()
    assert box.isChecked()
    assert "read-only file system" in window.message_bar.text


def test_a_lifetime_from_the_file_that_is_not_offered_is_shown(
    window: MainWindow, bridge: FakeBridge
) -> None:
    bridge.actions.chosen = dataclasses.replace(bridge.actions.chosen, lifetime_s=600.0)
    window.navigation.choose(window.pages.index(window.settings))
    assert window.settings.choices["lifetime_s"].currentText() == "10 min"
    assert bridge.asked == []
