"""Pasting what was sent, and taking the port that is offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from PySide6.QtCore import Qt

from relaydesk.actions import Shared
from relaydesk.snapshot import Problem, Trouble
from relaydesk.views.connect_dialog import ConnectDialog
from relaydesk.views.qr_dialog import QrDialog, qr_code
from tests.support.fake_bridge import CONNECTION_STRING, KEY_OF_ONE

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from relaydesk.views.main_window import MainWindow
    from tests.support.fake_bridge import FakeBridge


def opened_dialog(qtbot: QtBot, window: MainWindow, text: str = "") -> ConnectDialog:
    dialog = ConnectDialog(window.context, text, window)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    qtbot.addWidget(dialog)
    dialog.open()
    qtbot.waitExposed(dialog)
    return dialog


def test_what_is_pasted_is_said_and_nothing_is_done_before_connect(
    qtbot: QtBot, window: MainWindow, bridge: FakeBridge, copied: list[str]
):
    dialog = opened_dialog(qtbot, window)
    assert not dialog.connect_.isEnabled()
    dialog.text.setPlainText(KEY_OF_ONE)
    assert "orders at gw.example" in dialog.found.text()
    assert dialog.port.value() == 5432
    assert not [one for one in bridge.asked if one[0] == "connect"]
    with qtbot.waitSignal(dialog.connected) as connected:
        qtbot.mouseClick(dialog.connect_, Qt.MouseButton.LeftButton)
    assert connected.args[0].local == "127.0.0.1:5432"
    assert copied == ["127.0.0.1:5432"]
    assert dialog.text.toPlainText() == "", "no invitation stays in a closed dialog"


def test_a_link_that_was_clicked_waits_for_a_yes(qtbot: QtBot, window: MainWindow, bridge: FakeBridge):
    dialog = opened_dialog(qtbot, window, KEY_OF_ONE)
    assert dialog.connect_.isEnabled()
    assert not [one for one in bridge.asked if one[0] == "connect"]


@pytest.mark.parametrize("text", ["hello", "x" * 20_001])
def test_what_it_is_not_is_said(qtbot: QtBot, window: MainWindow, text: str):
    dialog = opened_dialog(qtbot, window, text)
    assert dialog.found.text()
    assert not dialog.connect_.isEnabled()


def test_the_key_of_a_whole_namespace_belongs_elsewhere(qtbot: QtBot, window: MainWindow):
    dialog = opened_dialog(qtbot, window, CONNECTION_STRING)
    assert "whole namespace" in dialog.found.text()
    assert not dialog.connect_.isEnabled()


def test_one_of_several_forwards_is_chosen(qtbot: QtBot, window: MainWindow, bridge: FakeBridge):
    forwards = "LocalForward: [{RelayName: one, BindPort: 1}, {RelayName: two, BindPort: 2}]"
    dialog = opened_dialog(qtbot, window, f"AzureRelayConnectionString: {CONNECTION_STRING}\n{forwards}")
    assert [dialog.which.itemText(number) for number in range(dialog.which.count())] == ["one", "two"]
    dialog.which.setCurrentIndex(1)
    assert "two at gw.example" in dialog.found.text()
    qtbot.mouseClick(dialog.connect_, Qt.MouseButton.LeftButton)
    assert [one[1].path for one in bridge.asked if one[0] == "connect"] == ["two"]


def test_a_port_that_is_taken_can_be_changed(qtbot: QtBot, window: MainWindow, bridge: FakeBridge):
    dialog = opened_dialog(qtbot, window, KEY_OF_ONE)
    bridge.actions.refused["connect"] = Problem(
        trouble=Trouble.PORT_TAKEN, cause="another program has 127.0.0.1:5432"
    )
    qtbot.mouseClick(dialog.connect_, Qt.MouseButton.LeftButton)
    assert "another program has 127.0.0.1:5432" in dialog.found.text()
    del bridge.actions.refused["connect"]
    dialog.port.setValue(6543)
    qtbot.mouseClick(dialog.connect_, Qt.MouseButton.LeftButton)
    assert [one[2] for one in bridge.asked if one[0] == "connect"] == [5432, 6543]


def test_a_link_is_shown_as_a_qr_code_and_its_secret_is_not_written_out(qtbot: QtBot, window: MainWindow):
    shared = Shared(
        service="Shop",
        link="https://gw.example/shop?secret",
        shown_link="https://gw.example/shop?…",
        is_only_this_computer=True,
    )
    dialog = QrDialog(window.context, shared, window)
    qtbot.addWidget(dialog)
    texts = [child.text() for child in dialog.findChildren(type(window.message_bar._title))]
    assert any("?…" in text for text in texts)
    assert any("this computer only" in text for text in texts)
    assert not any("secret" in text for text in texts)
    assert qr_code("x" * 1_800, 320).width() > 250, "an invitation with a certificate fits"
