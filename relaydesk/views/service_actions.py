"""What can be done with a service: the same actions in its row's menu, by their keys, and as buttons."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction, QKeySequence

from agent.config import Direction

from ..actions import Shared
from ..models.tones import Tone
from ..snapshot import Service, ServiceState
from .context import Context, Notice


class ServiceActions(QObject):
    """The actions, enabled as the chosen service allows.

    Args:
        context: What a page works with.
        parent: Qt's owner.
    """

    invite_wanted = Signal(object)
    inspection_wanted = Signal(str)
    diagnosis_wanted = Signal(str)

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context
        self._service: Service | None = None
        self.copy_link = self._action(self.tr("Copy link"), "link", self._copy_link, "Ctrl+C")
        self.open = self._action(self.tr("Open in browser"), "open", self._open, "Return", "Enter")
        self.invite = self._action(self.tr("New invitation…"), "invite", self._invite)
        self.pause = self._action(self.tr("Pause"), "pause", self._pause, "Space")
        self.retry = self._action(self.tr("Try now"), "retry", self._retry)
        self.inspect = self._action(self.tr("Show its requests"), "inspector", self._inspect)
        self.diagnose = self._action(self.tr("Examine"), "doctor", self._diagnose)
        self.stop = self._action(self.tr("Stop sharing"), "stop", self._stop, "Del")
        self.choose(None)

    @property
    def in_order(self) -> tuple[QAction | None, ...]:
        """As a menu shows them."""
        return (
            self.copy_link,
            self.open,
            self.invite,
            None,
            self.inspect,
            self.diagnose,
            None,
            self.pause,
            self.retry,
            None,
            self.stop,
        )

    def choose(self, service: Service | None) -> None:
        """Act on *service* from now on."""
        self._service = service
        for action in self.in_order:
            if action is not None:
                action.setEnabled(service is not None)
        if service is None:
            return
        is_shared = service.direction is Direction.LISTEN
        is_active = service.state not in (ServiceState.PAUSED, ServiceState.EXPIRED)
        self.copy_link.setText(self.tr("Copy link") if is_shared else self.tr("Copy address"))
        self.open.setEnabled(service.is_web and is_active)
        self.inspect.setVisible(is_shared)
        self.invite.setVisible(is_shared and not service.is_public and not service.is_for_browsers_alone)
        self.invite.setEnabled(is_active)
        self.stop.setText(self.tr("Stop sharing") if is_shared else self.tr("Disconnect"))
        self.retry.setEnabled(
            service.state in (ServiceState.WAITING, ServiceState.PORT_CLOSED, ServiceState.STOPPED)
        )
        text, icon = {
            ServiceState.PAUSED: (self.tr("Resume"), "play"),
            ServiceState.EXPIRED: (self.tr("Share again"), "play"),
        }.get(service.state, (self.tr("Pause"), "pause"))
        if self.pause.text() != text:
            self.pause.setText(text)
            self._context.icons.attach(self.pause, icon)

    # --- what they do

    def _copy_link(self) -> None:
        service = self._service
        if service is None:
            return
        if service.direction is Direction.CONNECT:
            self._context.copy(service.local)
            self._say(self.tr("The address of {service} is on the clipboard.").format(service=service.name))
            return
        self._context.bridge.do(
            self._context.bridge.actions.link(service.name),
            done=self._copied,
            failed=self._context.tell_failure,
        )

    def _copied(self, shared: Shared) -> None:
        self._context.copy(shared.link)
        text = shared.shown_link
        if shared.is_only_this_computer:
            text = self.tr("{link} — it works on this computer only.").format(link=text)
        self._say(self.tr("The link of {service} is on the clipboard.").format(service=shared.service), text)

    def _open(self) -> None:
        service = self._service
        if service is None:
            return
        if service.direction is Direction.CONNECT:
            self._context.open_page(f"http://{service.local}/")
        elif service.is_public:
            self._context.open_page(service.url)
        else:
            self._context.bridge.do(
                self._context.bridge.actions.link(service.name),
                done=lambda shared: self._context.open_page(shared.link),
                failed=self._context.tell_failure,
            )

    def _invite(self) -> None:
        if self._service is not None:
            self.invite_wanted.emit(self._service)

    def _inspect(self) -> None:
        if self._service is not None:
            self.inspection_wanted.emit(self._service.name)

    def _diagnose(self) -> None:
        if self._service is not None:
            self.diagnosis_wanted.emit(self._service.name)

    def _pause(self) -> None:
        service = self._service
        if service is None:
            return
        actions = self._context.bridge.actions
        if service.state in (ServiceState.PAUSED, ServiceState.EXPIRED):
            action = actions.resume(service.name, actions.preferences().lifetime_s)
        else:
            action = actions.pause(service.name)
        self._context.bridge.do(action, failed=self._context.tell_failure)

    def _retry(self) -> None:
        if self._service is not None:
            self._context.bridge.do(
                self._context.bridge.actions.retry_now(self._service.name), failed=self._context.tell_failure
            )

    def _stop(self) -> None:
        service = self._service
        if service is None:
            return
        is_shared = service.direction is Direction.LISTEN
        said = (
            self.tr("{service} is no longer shared.") if is_shared else self.tr("{service} is disconnected.")
        )
        notice = Notice(
            title=said.format(service=service.name),
            tone=Tone.ACCENT,
            label=self.tr("Undo"),
            act=self._undo_stop,
        )
        self._context.bridge.do(
            self._context.bridge.actions.stop(service.name),
            done=lambda _: self._context.teller.tell(notice),
            failed=self._context.tell_failure,
        )

    def _undo_stop(self) -> None:
        self._context.bridge.do(self._context.bridge.actions.undo_stop(), failed=self._context.tell_failure)

    def _say(self, title: str, text: str = "") -> None:
        self._context.teller.tell(Notice(title=title, text=text, tone=Tone.GOOD))

    def _action(self, text: str, icon: str, act: Callable[[], None], *keys: str) -> QAction:
        action = QAction(text, self)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.triggered.connect(act)
        self._context.icons.attach(action, icon)
        return action
