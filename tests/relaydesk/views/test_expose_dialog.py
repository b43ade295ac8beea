"""Two clicks: what listens here, and *Expose* on a row."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from PySide6.QtCore import Qt

from relaydesk.models.ports import Column
from relaydesk.ports import Attention, ListeningPort, PortWatcher, Reach
from relaydesk.preferences import Preferences, Who
from relaydesk.snapshot import Problem, Trouble
from relaydesk.views.expose_dialog import LIFETIMES_S, ExposeDialog

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from relaydesk.views.main_window import MainWindow
    from tests.support.fake_bridge import FakeBridge


def listening(port: int, **more: object) -> ListeningPort:
    made = ListeningPort(
        port=port,
        address="127.0.0.1",
        reach=Reach.LOOPBACK,
        target=f"127.0.0.1:{port}",
        pid=port,
        process="node",
        project="storefront",
    )
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


class Watched(PortWatcher):
    """A list that the test gives."""

    def __init__(self, *ports: ListeningPort) -> None:
        super().__init__()
        self.given = ports

    @property
    def ports(self) -> tuple[ListeningPort, ...]:
        return self.given


PORTS = (
    listening(3000),
    listening(5432, process="postgres", project=""),
    listening(45_001, process="chrome", project="", is_ephemeral=True),
    listening(22, process="sshd", project=""),
)


@pytest.fixture
def dialog(qtbot: QtBot, window: MainWindow) -> ExposeDialog:
    made = ExposeDialog(window.context, Watched(*PORTS), window)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    qtbot.addWidget(made)
    made.open()
    qtbot.waitExposed(made)
    return made


def rows(dialog: ExposeDialog) -> list[str]:
    return [dialog.list.rows.index(row, Column.PORT).data() for row in range(dialog.list.rows.rowCount())]


def click(qtbot: QtBot, dialog: ExposeDialog, row: int) -> None:
    rect = dialog.list.table.visualRect(dialog.list.rows.index(row, Column.EXPOSE))
    qtbot.mouseClick(dialog.list.table.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())


def test_a_click_on_a_row_shares_it(qtbot: QtBot, dialog: ExposeDialog, bridge: FakeBridge):
    assert rows(dialog) == ["22", "3000", "5432"], "ports of the system's own range are not offered at first"
    with qtbot.waitSignal(dialog.shared) as shared:
        click(qtbot, dialog, 1)
    (asked,) = [one for one in bridge.asked if one[0] == "expose"]
    request = asked[1]
    assert (request.target, request.name, request.who) == ("127.0.0.1:3000", "storefront", Who.INVITED)
    assert request.lifetime_s == 8 * 3600
    assert shared.args[0].service == "storefront"
    assert not dialog.isVisible()


def test_the_filter_has_the_cursor_and_enter_shares(qtbot: QtBot, dialog: ExposeDialog, bridge: FakeBridge):
    assert dialog.focusWidget() is dialog.list.filter
    qtbot.keyClicks(dialog.list.filter, "post")
    assert rows(dialog) == ["5432"]
    qtbot.keyClick(dialog.list.filter, Qt.Key.Key_Return)
    assert [one[1].target for one in bridge.asked if one[0] == "expose"] == ["127.0.0.1:5432"]


def test_what_is_hidden_can_be_shown(dialog: ExposeDialog):
    dialog.list.hidden.setChecked(True)
    assert "45001" in rows(dialog)


def test_a_dangerous_port_is_asked_about_once_more(qtbot: QtBot, dialog: ExposeDialog, bridge: FakeBridge):
    click(qtbot, dialog, 0)
    assert not [one for one in bridge.asked if one[0] == "expose"]
    assert "log in" in dialog.list.caution.text()
    qtbot.mouseClick(dialog.list.anyway, Qt.MouseButton.LeftButton)
    assert [one[1].target for one in bridge.asked if one[0] == "expose"] == ["127.0.0.1:22"]


def test_another_host_or_port_can_be_given(qtbot: QtBot, dialog: ExposeDialog, bridge: FakeBridge):
    assert not dialog.expose_other.isEnabled()
    qtbot.keyClicks(dialog.other, "http://printer:80")
    qtbot.mouseClick(dialog.expose_other, Qt.MouseButton.LeftButton)
    assert [one[1].target for one in bridge.asked if one[0] == "expose"] == ["http://printer:80"]


def test_why_it_did_not_work_is_said_where_it_was_asked(
    qtbot: QtBot, dialog: ExposeDialog, bridge: FakeBridge
):
    bridge.actions.refused["expose"] = Problem(
        trouble=Trouble.MISSING_RIGHT, cause="the key of contoso lacks the right Manage"
    )
    click(qtbot, dialog, 1)
    assert dialog.isVisible()
    assert "lacks the right Manage" in dialog.note.text()
    assert dialog.list.table.isEnabled(), "it can be tried again"


def test_what_was_chosen_is_remembered_but_never_public(
    qtbot: QtBot, dialog: ExposeDialog, bridge: FakeBridge, window: MainWindow
):
    dialog.who.setCurrentIndex(dialog.who.findData(Who.PUBLIC))
    dialog.lifetime.setCurrentIndex(LIFETIMES_S.index(None))
    click(qtbot, dialog, 1)
    assert bridge.actions.chosen == Preferences(lifetime_s=None), "public is chosen each time"
    again = ExposeDialog(window.context, Watched(), window)
    qtbot.addWidget(again)
    assert again.who.currentData() is Who.INVITED
    assert again.lifetime.currentData() is None


def test_it_looks_often_only_while_it_is_seen(qtbot: QtBot, window: MainWindow):
    ports = Watched(*PORTS)
    dialog = ExposeDialog(window.context, ports, window)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, on=False)
    qtbot.addWidget(dialog)
    assert ports.attention is Attention.NOBODY
    dialog.open()
    assert ports.attention is Attention.WATCHED
    ports.given = (listening(8000),)
    qtbot.waitUntil(lambda: rows(dialog) == ["8000"])
    dialog.reject()
    assert ports.attention is Attention.NOBODY
