"""The icon in the tray and its menu: the state in one shape, and everything that is done often.

A plain menu, at most two levels deep and without widgets, because hosts draw it themselves; nothing is here that the
window does not have. Where there is no tray yet, it is looked for again: panels start after us.
"""

from __future__ import annotations

import sys
import time

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QAction, QIcon
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from agent.config import Direction

from ..actions import Shared
from ..models import health
from ..models.states import service_face
from ..models.texts import caption, literal, unmarked
from ..models.tones import Tone
from ..snapshot import Problem, Service, ServiceState, Snapshot
from .context import Context
from .icons import tray_icon

#: More services than these are behind *More…*.
MAX_SERVICES = 6
#: How often a tray is looked for while there is none.
LOOK_MS = 3_000
#: The icon changes no faster: a connection that comes and goes must not flicker.
_CALM_MS = 1_000

_AT_REST = (ServiceState.PAUSED, ServiceState.EXPIRED)


class Tray(QObject):
    """The icon, for as long as the program runs.

    Args:
        context: What a page works with.
        parent: Qt's owner.
    """

    window_wanted = Signal()
    expose_wanted = Signal()
    connect_wanted = Signal()
    settings_wanted = Signal()
    quit_wanted = Signal()
    service_wanted = Signal(str)
    """Show a service in the window."""
    connections_wanted = Signal(str)
    """Show the connections of a service."""
    shared = Signal(object)
    """A link was put on the clipboard: a :class:`~relaydesk.actions.Shared`."""
    appeared = Signal()
    """There is a tray now."""

    def __init__(self, context: Context, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._snapshot = Snapshot(at=0.0)
        self._shown: tuple[str, Tone, bool] | None = None
        self._items: dict[str, _ServiceMenu] = {}
        self.menu = QMenu()
        self.icon = QSystemTrayIcon()
        self.icon.activated.connect(self._activated)
        self._make_menu()
        self.icon.setContextMenu(self.menu)
        self.menu.aboutToShow.connect(self._refresh)
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(_CALM_MS)
        self._calm.timeout.connect(self._show_icon)
        self._look = QTimer(self)
        self._look.setInterval(LOOK_MS)
        self._look.timeout.connect(self._look_for_tray)
        context.theme.changed.connect(self._recolour)
        context.bridge.snapshot_changed.connect(self.take)
        self.take(context.bridge.actions.snapshot())

    def start(self) -> bool:
        """Show the icon, or look for a tray until there is one; whether there is."""
        if self.is_there:
            self.icon.show()
            return True
        self._look.start()
        return False

    def stop(self) -> None:
        """Take the icon away."""
        self._look.stop()
        self._calm.stop()
        self.icon.hide()

    @property
    def is_there(self) -> bool:
        """Whether there is a tray. The icon's own isVisible() says yes without one."""
        return QSystemTrayIcon.isSystemTrayAvailable()

    def notify(self, title: str, text: str) -> None:
        """Show a notification of the system's."""
        if self.is_there and QSystemTrayIcon.supportsMessages():
            said = (unmarked(literal(title, 120)), unmarked(literal(text, 400)))
            self.icon.showMessage(*said, self.icon.icon(), 10_000)

    def _look_for_tray(self) -> None:
        if self.is_there:
            self._look.stop()
            self.icon.show()
            self.appeared.emit()

    # --- the icon

    def take(self, snapshot: Snapshot) -> None:
        """Show *snapshot*, within a second."""
        self._snapshot = snapshot
        if not self._calm.isActive():
            self._show_icon()
            self._calm.start()

    def _show_icon(self) -> None:
        glance = health.glance(self._snapshot, now=time.time())
        wanted = (glance.face.icon, glance.face.tone, glance.has_public)
        if wanted != self._shown:
            self._shown = wanted
            self.icon.setIcon(self._picture(*wanted))
        tooltip = unmarked(f"RelayDesk – {glance.tooltip}")
        if tooltip != self.icon.toolTip():
            self.icon.setToolTip(tooltip)
        if not self.menu.isVisible():
            self._refresh()

    def _picture(self, name: str, tone: Tone, has_badge: bool) -> QIcon:
        picture = tray_icon(name, self._context.theme.scheme.tone(tone), has_badge=has_badge)
        picture.setIsMask(sys.platform == "darwin")  # there, the menu bar gives it its colour
        return picture

    def _recolour(self) -> None:
        self._shown = None
        self._show_icon()

    # --- the menu

    def _make_menu(self) -> None:
        self._status = self.menu.addAction("RelayDesk")
        self._status.setEnabled(False)
        self.menu.addSeparator()
        self._add(self.tr("Expose a service…"), self.expose_wanted.emit)
        self._again = self.menu.addMenu(self.tr("Share again"))
        self._before_services = self.menu.addSeparator()
        self._more = self._add(self.tr("More…"), self.window_wanted.emit)
        self._after_services = self.menu.addSeparator()
        self._add(self.tr("Connect to a shared service…"), self.connect_wanted.emit)
        self._pause = self._add(self.tr("Pause all"), self._pause_or_resume)
        self.menu.addSeparator()
        self._add(self.tr("Open RelayDesk"), self.window_wanted.emit)
        self._add(self.tr("Settings…"), self.settings_wanted.emit)
        self._add(self.tr("Quit"), self.quit_wanted.emit)

    def _add(self, text: str, act: object) -> QAction:
        action = self.menu.addAction(text)
        action.triggered.connect(act)
        return action

    def _refresh(self) -> None:
        """Bring the menu up to date in place: actions are replaced only where the services are others."""
        snapshot = self._snapshot
        self._status.setText(caption(f"RelayDesk – {health.summarise(snapshot)}"))
        active = [one for one in snapshot.services if one.state is not ServiceState.EXPIRED]
        shown = active[:MAX_SERVICES]
        names = [one.name for one in shown]
        if list(self._items) != names:
            for item in self._items.values():
                self.menu.removeAction(item.menu.menuAction())
                item.deleteLater()
            self._items = {one.name: _ServiceMenu(self, self._context, one.name) for one in shown}
            for item in self._items.values():
                self.menu.insertMenu(self._more, item.menu)
        for one in shown:
            self._items[one.name].show(one)
        self._more.setVisible(len(active) > MAX_SERVICES)
        self._after_services.setVisible(bool(active))
        self._show_again([one.name for one in snapshot.services if one.state is ServiceState.EXPIRED][:5])
        is_all_paused = bool(active) and all(one.state is ServiceState.PAUSED for one in active)
        self._pause.setText(self.tr("Resume all") if is_all_paused else self.tr("Pause all"))
        self._pause.setEnabled(bool(active))

    def _show_again(self, names: list[str]) -> None:
        self._again.menuAction().setVisible(bool(names))
        if [action.data() for action in self._again.actions()] == names:
            return
        self._again.clear()
        for name in names:
            action = self._again.addAction(caption(name))
            action.setData(name)
            action.triggered.connect(lambda _=False, name=name: self._share_again(name))

    def _share_again(self, name: str) -> None:
        bridge = self._context.bridge
        lifetime_s = bridge.actions.preferences().lifetime_s
        bridge.do(
            bridge.actions.resume(name, lifetime_s), done=lambda _: self.copy_link(name), failed=self.failed
        )

    def copy_link(self, name: str) -> None:
        """Put the link of a service on the clipboard."""
        bridge = self._context.bridge

        def copied(shared: Shared) -> None:
            self._context.copy(shared.link)
            self.shared.emit(shared)

        bridge.do(bridge.actions.link(name), done=copied, failed=self.failed)

    def failed(self, problem: Problem) -> None:
        """Say that something did not work: in the window, which is where it can be read at leisure."""
        self._context.tell_failure(problem)
        self.window_wanted.emit()

    def _pause_or_resume(self) -> None:
        bridge = self._context.bridge
        active = [one for one in self._snapshot.services if one.state is not ServiceState.EXPIRED]
        is_all_paused = bool(active) and all(one.state is ServiceState.PAUSED for one in active)
        bridge.do(
            bridge.actions.resume_all() if is_all_paused else bridge.actions.pause_all(), failed=self.failed
        )

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        # GNOME and macOS open the menu for any click and do not tell of it
        if reason in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self.window_wanted.emit()


class _ServiceMenu(QObject):
    """One service in the menu."""

    def __init__(self, tray: Tray, context: Context, name: str) -> None:
        super().__init__(tray)
        self._tray = tray
        self._context = context
        self._name = name
        self._service: Service | None = None
        self.menu = QMenu(caption(name), tray.menu)
        self._copy = self._add(self.tr("Copy link"), self._on_copy)
        self._open = self._add(self.tr("Open"), self._on_open)
        self._connections = self._add(
            self.tr("Show connections"), lambda: tray.connections_wanted.emit(self._name)
        )
        self._why = self._add(self.tr("Why?"), lambda: tray.service_wanted.emit(self._name))
        self._pause = self._add(self.tr("Pause"), self._on_pause)
        self._stop = self._add(self.tr("Stop sharing"), self._on_stop)

    def show(self, service: Service) -> None:
        """Say how it is, and offer what can be done."""
        self._service = service
        face = service_face(service)
        port = service.local.rpartition(":")[2].strip("/")
        parts = [literal(service.name, 40), f":{port}"]
        if service.state is ServiceState.ONLINE and service.traffic.open_connections:
            parts.append(health.connections_words(service.traffic.open_connections))
        elif service.state is not ServiceState.ONLINE or service.problem is not None:
            parts.append(face.word)
        self.menu.setTitle(caption("  ".join(parts)))
        self.menu.menuAction().setIcon(self._context.icons.icon(face.icon, face.tone))
        is_shared = service.direction is Direction.LISTEN
        is_active = service.state not in _AT_REST
        self._copy.setText(self.tr("Copy link") if is_shared else self.tr("Copy address"))
        self._open.setVisible(service.is_web)
        self._open.setEnabled(is_active)
        self._why.setVisible(service.problem is not None)
        self._pause.setText(self.tr("Resume") if service.state is ServiceState.PAUSED else self.tr("Pause"))
        self._stop.setText(self.tr("Stop sharing") if is_shared else self.tr("Disconnect"))

    def _add(self, text: str, act: object) -> QAction:
        action = self.menu.addAction(text)
        action.triggered.connect(act)
        return action

    def _on_copy(self) -> None:
        service = self._service
        if service is None:
            return
        if service.direction is Direction.CONNECT:
            self._context.copy(service.local)
        else:
            self._tray.copy_link(service.name)

    def _on_open(self) -> None:
        service = self._service
        if service is None:
            return
        if service.direction is Direction.CONNECT:
            self._context.open_page(f"http://{service.local}/")
        elif service.is_public:
            self._context.open_page(service.url)
        else:
            bridge = self._context.bridge
            bridge.do(
                bridge.actions.link(service.name),
                done=lambda shared: self._context.open_page(shared.link),
                failed=self._tray.failed,
            )

    def _on_pause(self) -> None:
        service = self._service
        if service is None:
            return
        bridge = self._context.bridge
        is_paused = service.state is ServiceState.PAUSED
        action = (
            bridge.actions.resume(service.name, bridge.actions.preferences().lifetime_s)
            if is_paused
            else bridge.actions.pause(service.name)
        )
        bridge.do(action, failed=self._tray.failed)

    def _on_stop(self) -> None:
        if self._service is not None:
            self._context.bridge.do(
                self._context.bridge.actions.stop(self._service.name), failed=self._tray.failed
            )
