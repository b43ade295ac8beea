"""The desktop as a program: builds everything in order, and takes it down in order.

Start, after ``opening`` has seen to it that this is the only one and has shown the window's frame: logging; its language; the bridge
with agent and desk; the window's pages; the tray; the local socket. End: no new work; the window remembers how it was left; agent
and desk stop, bounded; then the event loop is left. Nothing here decides anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

import platformdirs
from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtNetwork import QNetworkInformation
from PySide6.QtWidgets import QApplication, QDialog

from agent.clock import Clock
from agent.network import Network

from . import __version__, autostart, event_loop, instance, ipc, language
from .actions import Shared
from .agent_bridge import STOP_S, AgentBridge
from .build_facts import build_facts
from .control import Desktop
from .keystore import Keystore
from .local_gateway.child import default_data_folder
from .log_file import LogFile
from .log_tail import LogTail
from .logs import OWN_LOGGERS, RedactingFilter
from .models.texts import literal
from .models.tones import Tone
from .notifications import Notifications
from .own_program import Replacement
from .ports import PortWatcher
from .preferences import Language, Preferences
from .registration import RegistrationError
from .settings import Settings
from .settings_file import SettingsError
from .snapshot import ConnectionKind, LiveConnection, Service, Snapshot
from .start import NAME, Start
from .updates.channel import Channel
from .updates.manifest import UpdateError
from .updates.watch import UpdateWatch
from .views.connect_dialog import ConnectDialog
from .views.context import Notice
from .views.expose_dialog import ExposeDialog
from .views.icons import Icons
from .views.main_window import MainWindow
from .views.onboarding import OnboardingDialog
from .views.qr_dialog import QrDialog
from .views.theme import Theme
from .views.tray import Tray

log = logging.getLogger(__name__)

#: How often what changes with the time alone is looked at.
_LOOK_MS: Final = 5_000


def run(application: QApplication, window: MainWindow, theme: Theme, claim: ipc.Claim, start: Start) -> None:
    """Be the desktop until it is ended.

    Args:
        application: Qt's.
        window: Its frame, shown already or not.
        theme: Its colours.
        claim: Of being the only one.
        start: What it was started for.
    """
    with _logging(platformdirs.user_log_path(NAME, appauthor=False)) as tail:
        app = _Application(application, window, theme, tail)
        log.info("RelayDesk %s", __version__)
        event_loop.run(app.run(claim, start), application)


class _Application(QObject):
    """Everything, for as long as it runs."""

    def __init__(self, application: QApplication, window: MainWindow, theme: Theme, tail: LogTail) -> None:
        super().__init__()
        config = platformdirs.user_config_path(NAME, appauthor=False)
        self._is_over = asyncio.Event()
        self._login: tuple[bool, bool] | None = None
        self._alone: set[QDialog] = set()
        self._replacement = Replacement()
        self._was_replaced = False
        self.settings = Settings(config)
        language.install(application, _language(self.settings))  # before anything has a text
        self._is_first_start = not any(file.exists() for file in self.settings.files)
        # the bridge is made below, and asked later
        self.ports = PortWatcher(
            own_pids=lambda: self.bridge.own_pids(),  # noqa: PLW0108
            own_ports=lambda: self.bridge.own_ports(),  # noqa: PLW0108
        )
        self.bridge = AgentBridge(
            settings=self.settings,
            keystore=Keystore(config / "keys.sealed"),
            ports=self.ports,
            data_folder=default_data_folder(),
            capture_folder=platformdirs.user_cache_path(NAME, appauthor=False) / "captures",
            log_tail=tail,
        )
        self.updates = UpdateWatch(
            build_facts(),
            Channel(self._network),
            Clock(),
            state=platformdirs.user_state_path(NAME, appauthor=False) / "updates.json",
            downloads=platformdirs.user_downloads_path,
            is_wanted=lambda: self.bridge.actions.preferences().looks_for_updates,
        )
        self.theme = theme
        self.icons = Icons(theme)
        agent_file, desktop_file = self.settings.files
        self.window = window
        window.fill(
            self.bridge,
            self.icons,
            files=((self.tr("Services"), agent_file), (self.tr("Desktop"), desktop_file)),
            updates=self.updates,
            has_tray=lambda: self.tray.is_there,
        )
        self.tray = Tray(self.window.context)
        self.notifications = Notifications(time.time())
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._wire()

    def _wire(self) -> None:
        for source in (self.window, self.tray):
            source.expose_wanted.connect(self.expose)
            source.connect_wanted.connect(self.connect_to)
            source.quit_wanted.connect(self.quit)
        self.window.first_steps_wanted.connect(self.welcome)
        self.window.watched.connect(self.bridge.set_watched)
        self.tray.window_wanted.connect(self.show)
        self.tray.settings_wanted.connect(self._show_settings)
        self.tray.service_wanted.connect(self._show_service)
        self.tray.connections_wanted.connect(self._show_connections)
        self.tray.shared.connect(self._say_shared)
        self.window.settings.changed.connect(self._use)
        self.updates.on_found = self._say_found
        self._timer.timeout.connect(self._look)
        self.bridge.snapshot_changed.connect(self._notify)
        self.bridge.woke_up.connect(lambda: self.notifications.woke_up(time.time()))
        if QNetworkInformation.loadDefaultBackend():
            network = QNetworkInformation.instance()
            network.reachabilityChanged.connect(lambda _: self.bridge.network_changed())

    async def run(self, claim: ipc.Claim, start: Start) -> None:
        """Run until somebody quits; then everything has ended in order."""
        async with asyncio.TaskGroup() as tasks, _signals(self.quit):
            inside = tasks.create_task(self.bridge.run(), name="bridge")
            desktop = Desktop(actions=self.bridge.actions, show=self._show_as, open=self.open, quit=self.quit)
            looking = tasks.create_task(self.updates.run(), name="new versions")
            door = tasks.create_task(instance.serve(claim, desktop), name="local socket")
            await self.bridge.has_begun.wait()  # what is clicked from here on finds somebody to do it
            preferences = self.bridge.actions.preferences()
            self.theme.apply(preferences.theme)
            has_tray = self.tray.start()
            if not start.is_hidden or not has_tray:
                self.show()
            if start.link:
                self.open(start.link)
            elif self._is_first_start and self.window.isVisible():
                self.welcome()
            self._timer.start()
            await self._is_over.wait()
            log.info("ending")
            door.cancel()
            looking.cancel()
            self._timer.stop()
            self.tray.stop()
            self.window.finish()
            inside.cancel()
            _, late = await asyncio.wait({inside}, timeout=STOP_S)
            if late:
                log.error("the agent did not stop within %g s; it is left behind", STOP_S)

    def quit(self) -> None:
        """End the program, in order."""
        self._is_over.set()

    # Windows

    def show(self) -> None:
        """Bring the window to the front."""
        window = self.window
        window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
        window.show()
        window.raise_()
        window.activateWindow()

    def _show_as(self, activation: str | None) -> None:
        """The same, for another start: on Wayland, only its token lets a window come to the front."""
        if activation:
            os.environ["XDG_ACTIVATION_TOKEN"] = activation
        self.show()

    def _show_settings(self) -> None:
        self.show()
        self.window.navigation.choose(self.window.pages.index(self.window.settings))

    def _show_service(self, name: str) -> None:
        self.show()
        self.window.show_service(name)

    def _show_connections(self, name: str) -> None:
        self.show()
        self.window.show_connections_of(name)

    def expose(self) -> None:
        """Ask what to share."""
        dialog = ExposeDialog(self.window.context, self.ports, self._parent())
        dialog.shared.connect(self._say_shared)
        self._open_dialog(dialog)

    def welcome(self) -> None:
        """Show the cards of the first start."""
        self.show()
        dialog = OnboardingDialog(self.window.context, self.ports, self.window)
        dialog.preferences_changed.connect(self._use)
        dialog.request_wanted.connect(self._show_request)
        dialog.open()

    def _show_request(self, request: LiveConnection) -> None:
        """Show the first that came: requests in full, also those in a stream; another stream in the list of connections."""
        if request.kind is ConnectionKind.REQUEST or request.about:
            self.show()
            self.window.show_inspector(request.service)
        else:
            self._show_connections(request.service)

    def connect_to(self) -> None:
        """Ask for an invitation; what is on the clipboard is not looked at before somebody pastes it."""
        self.open("")

    def open(self, text: str) -> None:
        """Show what an invitation, a link or a connection string offers, and ask."""
        dialog = ConnectDialog(self.window.context, text, self._parent())
        dialog.connected.connect(self._say_connected)
        self._open_dialog(dialog)

    def _parent(self) -> MainWindow | None:
        return self.window if self.window.isVisible() else None

    def _open_dialog(self, dialog: ExposeDialog | ConnectDialog | QrDialog) -> None:
        if dialog.parent() is None:
            # without a window there is no parent to hold it, and Python would delete it at once
            self._alone.add(dialog)
            dialog.finished.connect(lambda _: self._alone.discard(dialog))
            dialog.show()
            dialog.raise_()
            dialog.activateWindow()
        else:
            dialog.open()

    # What is told

    def _say_shared(self, shared: Shared) -> None:
        self.window.context.copy(shared.link)
        title = self.tr("{service} is shared – the link is on the clipboard").format(
            service=literal(shared.service, 60)
        )
        text = shared.shown_link
        if shared.is_only_this_computer:
            text = self.tr("{link} – on this computer only: Gateways can open it to your network").format(
                link=text
            )
        self.window.message_bar.tell(
            Notice(
                title=title,
                text=text,
                tone=Tone.GOOD,
                label=self.tr("Undo"),
                act=lambda: self._stop(shared.service),
                other_label=self.tr("QR code"),
                other_act=lambda: self._show_qr(shared),
            )
        )
        if not self.window.isVisible():
            self.tray.notify(title, text)

    def _network(self) -> Network:
        try:
            return Network(self.settings.load_agent().network)
        except SettingsError as error:
            raise UpdateError(str(error)) from error

    def _say_found(self, version: str) -> None:
        title = self.tr("RelayDesk {version} is there").format(version=literal(version, 40))
        self.window.message_bar.tell(
            Notice(title=title, label=self.tr("Settings"), act=self._show_settings, icon="settings")
        )
        if not self.window.isVisible():
            self.tray.notify(title, "")

    def _stop(self, service: str) -> None:
        self.bridge.do(self.bridge.actions.stop(service), failed=self.window.context.tell_failure)

    def _say_connected(self, service: Service) -> None:
        title = self.tr("{service} is at {address} – the address is on the clipboard").format(
            service=literal(service.name, 60), address=service.local
        )
        self.window.message_bar.tell(Notice(title=title, tone=Tone.GOOD))
        if not self.window.isVisible():
            self.tray.notify(title, "")

    def _show_qr(self, shared: Shared) -> None:
        self._open_dialog(QrDialog(self.window.context, shared, self._parent()))

    def _look(self) -> None:
        if not self._was_replaced and self._replacement.is_there:
            self._was_replaced = True
            log.info("the program was replaced: it should be started again")
            self.window.message_bar.tell(
                Notice(
                    title=self.tr("RelayDesk was updated"),
                    text=self.tr(
                        "Start it again to use the new version. What is shared comes back by itself."
                    ),
                    label=self.tr("Quit"),
                    act=self.quit,
                    icon="stop",
                )
            )
        self._notify(self.bridge.actions.snapshot())

    def _notify(self, snapshot: Snapshot) -> None:
        said = self.notifications.look(snapshot, self.bridge.actions.preferences(), time.time())
        if said is not None:
            self.tray.notify(said.title, said.text)

    def _use(self, preferences: Preferences) -> None:
        self.updates.preference_changed()
        wanted = preferences.starts_at_login, preferences.starts_hidden
        if wanted == self._login:
            return
        self._login = wanted
        try:
            if preferences.starts_at_login:
                autostart.enable(is_hidden=preferences.starts_hidden)
            else:
                autostart.disable()
        except RegistrationError as error:
            log.warning("start at login could not be changed: %s", error)


def _language(settings: Settings) -> Language:
    try:
        return settings.load_desktop().preferences.language
    except SettingsError:
        return Language.SYSTEM  # the desk reads them, too, and says what is wrong


@contextlib.contextmanager
def _logging(folder: Path) -> Iterator[LogTail]:
    """Log to a file that is replaced when it is full, and keep the last lines for the window; never a secret."""
    tail = LogTail()
    handlers: list[logging.Handler] = [tail]
    # a full disk, a folder that is not ours: the window has the log all the same
    with contextlib.suppress(OSError):
        file = LogFile(folder / f"{NAME}.log")
        file.addFilter(RedactingFilter())
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        handlers.append(file)
    root = logging.getLogger()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        yield tail
    finally:
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


@contextlib.asynccontextmanager
async def _signals(stop: Callable[[], None]) -> AsyncIterator[None]:
    """End in order at SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    if sys.platform == "win32":
        yield
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
