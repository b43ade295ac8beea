"""Names and causes that others chose appear as they are: nothing is loaded, nothing reordered (reliability reference D3)."""

from __future__ import annotations

import dataclasses

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDialog,
    QLabel,
    QMessageBox,
    QSystemTrayIcon,
    QWidget,
)
from pytestqt.qtbot import QtBot

from relaydesk.actions import Offer, Shared
from relaydesk.ports import ListeningPort, PortWatcher
from relaydesk.ports import Reach as PortReach
from relaydesk.snapshot import LogLine, Problem, Snapshot, Trouble
from relaydesk.views.connect_dialog import ConnectDialog
from relaydesk.views.expose_dialog import ExposeDialog
from relaydesk.views.invite_dialog import InviteDialog
from relaydesk.views.main_window import MainWindow
from relaydesk.views.qr_dialog import QrDialog
from relaydesk.views.tray import Tray
from tests.support.fake_bridge import FakeBridge
from tests.support.sample_snapshot import NOW, sample

HOSTILE = (
    "<img src=file:///etc/passwd><a href='http://evil.test'>x</a>",
    "\u202egnp.exe\u202d and \u200bnothing",
    "first\nsecond\r\n\tthird\x1b[2J",
    "a & b &c",
    "y" * 100_000,
)


def poisoned(text: str) -> Snapshot:
    snapshot = sample()
    problem = Problem(trouble=Trouble.OTHER, cause=text, since=NOW, next_try_at=NOW + 5)
    return dataclasses.replace(
        snapshot,
        services=tuple(
            dataclasses.replace(
                service,
                name=f"{number}{text}",
                local=text,
                process=text,
                project=text,
                gateway=text,
                path=text,
                url=text,
                problem=problem,
                invitations=tuple(dataclasses.replace(i, name=text) for i in service.invitations),
            )
            for number, service in enumerate(snapshot.services)
        ),
        connections=tuple(
            dataclasses.replace(connection, service=text, peer=text, about=text, error=text)
            for connection in snapshot.connections
        ),
        gateways=tuple(
            dataclasses.replace(
                gateway,
                name=f"{number}{text}",
                address=text,
                key_name=text,
                path=text,
                rights=(text,),
                problem=problem,
            )
            for number, gateway in enumerate(snapshot.gateways)
        ),
        problem=problem,
    )


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE, ids=["html", "direction", "lines", "ampersand", "long"])
def test_hostile_texts_are_shown_literally(window: MainWindow, bridge: FakeBridge, text: str) -> None:
    window.resize(720, 480)
    bridge.feed(poisoned(text))
    bridge.log(LogLine(number=1, at=NOW, level=40, logger=text, text=text))
    for number, page in enumerate(window.pages):
        window.navigation.choose(number)
        window.grab()
        for label in window.findChildren(QLabel):
            assert label.textFormat() is Qt.TextFormat.PlainText or label.text() == ""
            assert len(label.text()) < 2_000
            assert "\u202e" not in label.text()
        for widget in window.findChildren(QWidget):
            tip = widget.toolTip()
            assert "<img" not in tip
            assert "<" not in tip or tip.startswith("<qt>")
        assert page.minimumSizeHint().width() <= page.width()


def assert_literal(dialog: QWidget) -> None:
    """Nothing in it is taken for rich text, reordered, or larger than a window can bear."""
    dialog.grab()
    for label in (dialog, *dialog.findChildren(QWidget)):
        tip = label.toolTip()
        assert "<" not in tip or tip.startswith("<qt>")
        assert "<img" not in tip
        assert "\u202e" not in label.accessibleName()
        assert "\u202e" not in label.windowTitle()
        assert len(label.windowTitle()) < 200
        if isinstance(label, QLabel):
            assert label.textFormat() is Qt.TextFormat.PlainText or "<" not in label.text()
            assert "\u202e" not in label.text()
            assert len(label.text()) < 2_000
        if isinstance(label, QAbstractButton | QComboBox):
            shown = label.text() if isinstance(label, QAbstractButton) else label.currentText()
            assert "\u202e" not in shown
            assert len(shown) < 300
    assert dialog.minimumSizeHint().width() < 1_200


@pytest.mark.slow
@pytest.mark.parametrize("text", HOSTILE, ids=["html", "direction", "lines", "ampersand", "long"])
def test_dialogs_show_hostile_texts_literally(
    qtbot: QtBot, window: MainWindow, bridge: FakeBridge, text: str
) -> None:
    bridge.feed(poisoned(text))
    problem = Problem(trouble=Trouble.OTHER, cause=text)
    port = ListeningPort(
        port=3000,
        address="127.0.0.1",
        reach=PortReach.LOOPBACK,
        target="127.0.0.1:3000",
        pid=1,
        process=text,
        project=text,
    )
    watcher = _Given(port)
    expose = ExposeDialog(window.context, watcher, window)
    bridge.actions.refused["expose"] = problem
    expose.other.setText("3000")
    offer = Offer(
        service=text,
        gateway=text,
        is_secure=False,
        path=text + "p",
        is_invitation=True,
        is_web=True,
        rights=(text,),
        expires_at=NOW + 60,
        suggested_port=5432,
        text=text,
    )
    bridge.actions.examine = lambda _: offer  # type: ignore[method-assign]
    connect = ConnectDialog(window.context, text[:100], window)
    bridge.actions.refused["connect"] = problem
    shared = Shared(service=text, link="https://gw.example/", shown_link=text, is_only_this_computer=True)
    dialogs: list[QDialog] = [expose, connect, QrDialog(window.context, shared, window)]
    dialogs.append(InviteDialog(window.context, poisoned(text).services[0], window))
    for dialog in dialogs:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
        qtbot.addWidget(dialog)
        dialog.open()
        qtbot.waitExposed(dialog)
        assert_literal(dialog)
    qtbot.keyClick(expose.other, Qt.Key.Key_Return)
    connect.connect_.click()
    for dialog in dialogs:
        assert_literal(dialog)
        dialog.close()


@pytest.mark.parametrize("text", HOSTILE, ids=["html", "direction", "lines", "ampersand", "long"])
def test_the_systems_tray_is_given_no_markup(
    window: MainWindow, bridge: FakeBridge, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    tray = Tray(window.context)
    bridge.feed(poisoned(text))
    tip = tray.icon.toolTip()
    assert "<" not in tip
    assert "\u202e" not in tip
    assert len(tip) < 1_000
    said: list[str] = []
    monkeypatch.setattr(Tray, "is_there", True)
    monkeypatch.setattr(QSystemTrayIcon, "supportsMessages", lambda: True)
    monkeypatch.setattr(tray.icon, "showMessage", lambda title, body, *_: said.extend((title, body)))
    tray.notify(text, text)
    tray.stop()
    assert len(said) == 2
    for shown in said:
        assert "<" not in shown
        assert "\u202e" not in shown
        assert "\n" not in shown
        assert len(shown) <= 1_000


class _Given(PortWatcher):
    def __init__(self, port: ListeningPort) -> None:
        super().__init__()
        self._given = port

    @property
    def ports(self) -> tuple[ListeningPort, ...]:
        return (self._given,)


def test_questions_are_plain_text_too(window: MainWindow) -> None:
    window.close()
    (box,) = window.findChildren(QMessageBox)
    assert box.textFormat() is Qt.TextFormat.PlainText
