"""The main window: navigation at the left, pages in the middle, messages above them.

It is made in two steps. The frame needs Qt, the colours and how it was left the last time: it can be on the screen before anything
else of the program is loaded. ``fill`` puts the rest into it.

A window that is hidden or minimised does no work: it is not connected to the snapshots then, and starts with the latest one
when it is shown again. Of the pages, only the one that is seen is kept up to date.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QHideEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QMessageBox, QStackedWidget, QVBoxLayout, QWidget

from ..preferences import CloseChoice, Preferences
from .icons import application_icon
from .theme import Theme

if TYPE_CHECKING:
    from ..snapshot import Snapshot
    from ..updates.watch import UpdateWatch
    from .bridge import Bridge, WindowMemory
    from .icons import Icons
    from .page import Page

#: Narrower than this, the navigation shows icons alone.
NARROW_BELOW = 900
SMALLEST = QSize(720, 480)
USUAL = QSize(1180, 720)

#: With no snapshot for this long nothing has changed, and the clock alone moves on.
_QUIET_S = 1.5

_GEOMETRY = "window"
_SPLITTER = "services"
_INSPECTOR_SPLITTER = "inspector"


class MainWindow(QMainWindow):
    """The window.

    Args:
        theme: The colours.
        memory: How it was left the last time.
    """

    expose_wanted = Signal()
    connect_wanted = Signal()
    quit_wanted = Signal()
    first_steps_wanted = Signal()
    watched = Signal(bool)
    """Whether somebody sees what is published: the bridge may be slower for the tray alone."""

    def __init__(self, theme: Theme, memory: WindowMemory) -> None:
        super().__init__()
        self._theme = theme
        self._memory = memory
        self._is_filled = False
        self._is_awake = False
        self._is_over = False
        self.setWindowTitle("RelayDesk")
        self.setWindowIcon(application_icon())
        self.setMinimumSize(SMALLEST)
        geometry = memory.recall(_GEOMETRY)
        if geometry is None or not self.restoreGeometry(QByteArray(geometry)):
            self.resize(USUAL)

    def fill(
        self,
        bridge: Bridge,
        icons: Icons,
        *,
        files: Sequence[tuple[str, Path]] = (),
        updates: UpdateWatch | None = None,
        has_tray: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.time,
        open_page: Callable[[str], None] | None = None,
        copy: Callable[[str], None] | None = None,
    ) -> None:
        """Put everything into it; it follows what happens from then on, whenever it is seen.

        Args:
            bridge: To the desktop.
            icons: The pictures.
            files: The settings files, by what is in them, for the page of settings.
            updates: What looks for new versions; None: nothing does.
            has_tray: Whether there is a tray from which a hidden window can be opened again.
            clock: The time, POSIX seconds.
            open_page: Shows a web page; None: in the browser.
            copy: Puts a text on the clipboard; None: on the system's.
        """
        from ..snapshot import Snapshot
        from .connections_page import ConnectionsPage
        from .context import Context, open_in_browser, to_clipboard
        from .doctor_page import DoctorPage
        from .gateways_page import GatewaysPage
        from .inspector_page import InspectorPage
        from .log_page import LogPage
        from .message_bar import MessageBar
        from .navigation import Navigation
        from .page import LiveRates
        from .services_page import ServicesPage
        from .settings_page import SettingsPage

        self._bridge = bridge
        self._has_tray = has_tray
        self._clock = clock
        self._rates = LiveRates()
        self._snapshot = Snapshot(at=0.0)
        self.message_bar = MessageBar(icons)
        self.context = Context(
            bridge=bridge,
            theme=self._theme,
            icons=icons,
            teller=self.message_bar,
            open_page=open_page or open_in_browser,
            copy=copy or to_clipboard,
            clock=clock,
        )
        self.services = ServicesPage(self.context)
        self.connections = ConnectionsPage(self.context)
        self.inspector = InspectorPage(self.context)
        self.gateways = GatewaysPage(self.context)
        self.log = LogPage(self.context)
        self.doctor = DoctorPage(self.context)
        self.settings = SettingsPage(self.context, files, updates)
        self.pages: tuple[Page, ...] = (
            self.services,
            self.connections,
            self.inspector,
            self.gateways,
            self.log,
            self.doctor,
            self.settings,
        )
        names = ("services", "connections", "inspector", "gateways", "log", "doctor", "settings")
        self.navigation = Navigation(
            self._theme,
            icons,
            tuple((name, page.title) for name, page in zip(names, self.pages, strict=True)),
        )
        self.stack = QStackedWidget()
        for page in self.pages:
            self.stack.addWidget(page)
        self._lay_out()
        self._connect()
        self._bind_keys()
        self._timer = QTimer(self)
        self._timer.setInterval(1_000)
        self._timer.timeout.connect(self._tick)
        self.navigation.choose(0)
        self.navigation.list.setFocus()
        self._restore()
        self._is_filled = True
        self._fit()
        if self.isVisible() and not self.isMinimized():
            self._wake()

    def _lay_out(self) -> None:
        centre = QWidget()
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.message_bar)
        right.addWidget(self.stack, 1)
        layout = QHBoxLayout(centre)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.navigation)
        layout.addLayout(right, 1)
        self.setCentralWidget(centre)
        # The navigation first, then the page; within each, as it was made.
        QWidget.setTabOrder(self.navigation.list, self.message_bar)

    def _connect(self) -> None:
        self.navigation.page_wanted.connect(self._show_page)
        self.services.expose_wanted.connect(self.expose_wanted)
        self.services.connect_wanted.connect(self.connect_wanted)
        self.services.retry_wanted.connect(self._retry)
        self.services.diagnosis_wanted.connect(self.examine)
        self.services.inspection_wanted.connect(self.show_inspector)
        self.doctor.expose_wanted.connect(self.expose_wanted)
        for page in (self.services, self.gateways, self.settings):
            page.first_steps_wanted.connect(self.first_steps_wanted)
        self.message_bar.retry_wanted.connect(self._retry)
        self.message_bar.service_wanted.connect(self.show_service)
        self.message_bar.unlock_wanted.connect(self._unlock)
        self.settings.unlock_wanted.connect(self._unlock)
        self.settings.changed.connect(self._use_preferences)
        # Lines are only kept while nobody looks; no widget hears of them.
        self._bridge.log_lines.connect(self.log.take)

    def _bind_keys(self) -> None:
        for keys, act in {
            "Ctrl+E": self.expose_wanted.emit,
            "Ctrl+Shift+V": self.connect_wanted.emit,
            "Ctrl+F": self._focus_filter,
            "Ctrl+,": lambda: self._go(self.pages.index(self.settings)),
            "F5": lambda: self._retry(""),
            "Ctrl+Q": self.quit_wanted.emit,
            "Ctrl+W": self.close,
        }.items():
            self._bind(keys, act)
        for number in range(len(self.pages)):
            self._bind(f"Ctrl+{number + 1}", partial(self._go, number))

    def _bind(self, keys: str, act: Callable[[], object]) -> None:
        shortcut = QShortcut(QKeySequence(keys), self)
        shortcut.activated.connect(act)

    # --- what is shown

    @property
    def page(self) -> Page:
        """The page that is seen."""
        return self.pages[self.stack.currentIndex()]

    def show_service(self, name: str) -> None:
        """Show a service, in full."""
        self.navigation.choose(self.pages.index(self.services))
        self.services.choose(name)

    def show_connections_of(self, name: str) -> None:
        """Show the connections of a service."""
        self.connections.filter.setText(name)
        self.navigation.choose(self.pages.index(self.connections))

    def examine(self, service: str) -> None:
        """Have the doctor examine a service."""
        self.navigation.choose(self.pages.index(self.doctor))
        self.doctor.examine_service(service)

    def show_inspector(self, service: str = "") -> None:
        """Show what was relayed over HTTP, of one service or of all."""
        self.navigation.choose(self.pages.index(self.inspector))
        if service:
            self.inspector.show_service(service)
            self.inspector.table.choose_first()

    def _show_page(self, number: int) -> None:
        if number < 0:
            return
        if number != self.stack.currentIndex():
            self.page.leave()
        self.stack.setCurrentIndex(number)
        if self._is_awake:
            self.page.show_snapshot(self._snapshot, self._rates)

    def _take(self, snapshot: Snapshot) -> None:
        from ..models import connections, health, services

        self._snapshot = snapshot
        self._rates.services.update(snapshot.at, services.totals(snapshot))
        self._rates.connections.update(snapshot.at, connections.totals(snapshot))
        live = sum(connection.ended_at is None for connection in snapshot.connections)
        for page, count in (
            (self.services, len(snapshot.services)),
            (self.connections, live),
            (self.gateways, len(snapshot.gateways)),
        ):
            self.navigation.show_count(self.pages.index(page), count)
        self.navigation.show_glance(health.glance(snapshot, self._rates.services.total()))
        self.message_bar.show_snapshot(snapshot)
        self.page.show_snapshot(snapshot, self._rates)

    def _tick(self) -> None:
        from ..models import connections, health, services

        now = self._clock()
        if now - self._rates.services.at > _QUIET_S:
            self._rates.services.update(now, services.totals(self._snapshot))
            self._rates.connections.update(now, connections.totals(self._snapshot))
            self.navigation.show_glance(health.glance(self._snapshot, self._rates.services.total(), now=now))
        self.message_bar.tick(now)
        self.page.tick(now)

    # --- awake while it is seen

    def showEvent(self, event: QShowEvent) -> None:
        """Start with the latest snapshot."""
        super().showEvent(event)
        self._wake()

    def hideEvent(self, event: QHideEvent) -> None:
        """Do nothing while it is hidden."""
        super().hideEvent(event)
        self._sleep()

    def changeEvent(self, event: QEvent) -> None:
        """Do nothing while it is minimised."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.WindowStateChange and self.isVisible():
            if self.isMinimized():
                self._sleep()
            else:
                self._wake()

    def _wake(self) -> None:
        if self._is_awake or self._is_over or not self._is_filled:
            return
        self._is_awake = True
        self.watched.emit(True)
        self._bridge.snapshot_changed.connect(self._take)
        self._take(self._bridge.actions.snapshot())
        self._timer.start()

    def _sleep(self) -> None:
        if not self._is_awake:
            return
        self._is_awake = False
        self.watched.emit(False)
        self._bridge.snapshot_changed.disconnect(self._take)
        self._timer.stop()
        self.page.leave()
        self._remember()

    @property
    def is_awake(self) -> bool:
        """Whether it follows what happens."""
        return self._is_awake

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the page its room."""
        super().resizeEvent(event)
        if self._is_filled:
            self._fit()

    def _fit(self) -> None:
        is_narrow = self.width() < NARROW_BELOW
        if is_narrow != self.navigation.is_narrow:
            self.navigation.set_narrow(is_narrow)

    # --- how it is left

    def closeEvent(self, event: QCloseEvent) -> None:
        """Do what the user chose that closing does; ask the first time."""
        if self._is_over:
            event.accept()
            return
        event.ignore()
        if not self._is_filled:  # nobody is there yet who could end the program in order
            return
        match self._bridge.actions.preferences().close:
            case CloseChoice.KEEP:
                self.hide()
            case CloseChoice.QUIT:
                self.quit_wanted.emit()
            case CloseChoice.ASK:
                self._ask()

    def finish(self) -> None:
        """Remember how it was left, and close without a question: the program ends."""
        if self._is_over:
            return
        self._sleep()
        if self._is_filled:
            self._remember()
            self._bridge.log_lines.disconnect(self.log.take)
        self._is_over = True
        self.close()

    def _ask(self) -> None:
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setWindowTitle(self.tr("Close the window"))
        box.setText(self.tr("Shall RelayDesk go on without its window?"))
        box.setInformativeText(
            self.tr("What is shared stays reachable. The icon in the tray opens the window again.")
            if self._has_tray()
            else self.tr(
                "What is shared stays reachable. Start RelayDesk again to see the window: there is no tray here."
            )
        )
        keep = box.addButton(self.tr("&Keep running"), QMessageBox.ButtonRole.AcceptRole)
        end = box.addButton(self.tr("&Quit"), QMessageBox.ButtonRole.DestructiveRole)
        cancel = box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(keep)
        box.setEscapeButton(cancel)
        keep.clicked.connect(lambda: self._close_as(CloseChoice.KEEP))
        end.clicked.connect(lambda: self._close_as(CloseChoice.QUIT))
        box.open()

    def _close_as(self, choice: CloseChoice) -> None:
        preferences = dataclasses.replace(self._bridge.actions.preferences(), close=choice)
        self._bridge.do(self._bridge.actions.set_preferences(preferences), failed=self.context.tell_failure)
        if choice is CloseChoice.KEEP:
            self.hide()
        else:
            self.quit_wanted.emit()

    def _remember(self) -> None:
        self._memory.keep(_GEOMETRY, bytes(self.saveGeometry().data()))
        self._memory.keep(_SPLITTER, bytes(self.services.splitter.saveState().data()))
        self._memory.keep(_INSPECTOR_SPLITTER, bytes(self.inspector.splitter.saveState().data()))

    def _restore(self) -> None:
        splitter = self._memory.recall(_SPLITTER)
        if splitter is None or not self.services.splitter.restoreState(QByteArray(splitter)):
            self.services.splitter.setSizes([300, 300])
        inspector = self._memory.recall(_INSPECTOR_SPLITTER)
        if inspector is None or not self.inspector.splitter.restoreState(QByteArray(inspector)):
            self.inspector.splitter.setSizes([260, 340])

    # --- what is asked for

    def _retry(self, service: str) -> None:
        self._bridge.do(self._bridge.actions.retry_now(service or None), failed=self.context.tell_failure)

    def _unlock(self) -> None:
        from ..snapshot import KeystoreState
        from .keystore_dialog import KeystoreDialog

        state = self._snapshot.keystore
        if state in (KeystoreState.SEALED_FILE_CLOSED, KeystoreState.UNDECIDED):
            KeystoreDialog(self.context, state, self).open()
        else:
            self._bridge.do(self._bridge.actions.unlock_keystore(), failed=self.context.tell_failure)

    def _use_preferences(self, preferences: Preferences) -> None:
        self._theme.apply(preferences.theme)

    def _go(self, number: int) -> None:
        self.navigation.choose(number)
        self.page.focus_content()

    def _focus_filter(self) -> None:
        self.page.focus_filter()
