"""The first page: every service, and the selected one in full below."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter

from ..models import health, services
from ..models.services import ServicesModel
from ..models.states import service_face
from ..snapshot import Service, Snapshot
from .context import Context
from .invite_dialog import InviteDialog
from .labels import Shrinking, button
from .message_bar import announce
from .page import Empty, EmptyOr, LiveRates, Page, filter_field
from .service_actions import ServiceActions
from .service_details import ServiceDetails
from .table import Table


class ServicesPage(Page):
    """Services, and what can be done with them.

    Args:
        context: What a page works with.
    """

    expose_wanted = Signal()
    connect_wanted = Signal()
    retry_wanted = Signal(str)
    first_steps_wanted = Signal()
    inspection_wanted = Signal(str)
    diagnosis_wanted = Signal(str)

    def __init__(self, context: Context) -> None:
        super().__init__(context, QCoreApplication.translate("Pages", "Services"))
        self._faces: dict[str, str] = {}
        self._is_running = True
        self.actions_of_service = ServiceActions(context, self)
        self.actions_of_service.invite_wanted.connect(self._invite)
        self.actions_of_service.inspection_wanted.connect(self.inspection_wanted)
        self.actions_of_service.diagnosis_wanted.connect(self.diagnosis_wanted)
        self.filter = filter_field(self.tr("Filter"), self.tr("Filter services"))
        self._pause_all = button("", context.icons, kind="plain")
        self._pause_all.clicked.connect(self._on_pause_all)
        connect = button(self.tr("Connect to…"), context.icons, "connect")
        expose = button(self.tr("Expose a service…"), context.icons, "expose", kind="primary")
        for widget in (self.filter, self._pause_all, connect, expose):
            self.tools.addWidget(widget)
        self._shrinking = Shrinking(120, self._pause_all, connect)
        self._header_buttons = (self.filter, self._pause_all, connect, expose)
        self.model = ServicesModel(self)
        self.proxy = services.filtered(self.model)
        self.table = Table(context, self.model, self.proxy, self.tr("Services"))
        self.table.offer(self.actions_of_service.in_order)
        self.details = ServiceDetails(context, self.actions_of_service)
        self.details.retry_wanted.connect(self.retry_wanted)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(12)
        self.splitter.addWidget(self.table)
        self.splitter.addWidget(self.details)
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 2)
        self.table.setMinimumHeight(110)
        self.details.setMinimumHeight(120)
        first = button(self.tr("Expose a service…"), context.icons, "expose", kind="primary")
        second = button(self.tr("Connect to…"), context.icons, "connect")
        third = button(self.tr("First steps…"), context.icons, "info")
        third.clicked.connect(self.first_steps_wanted)
        for large in (first, second, third):
            large.setMinimumHeight(44)
        empty = Empty(
            context,
            "services",
            self.tr("Nothing is shared yet"),
            self.tr(
                "Share a port of this computer with somebody, or bring a service that was shared with you to this computer. "
                "Nothing is reachable from outside until you say so."
            ),
            (first, second, third),
        )
        self.stack = EmptyOr(empty, self.splitter)
        self.body.addWidget(self.stack, 1)
        for one in (expose, first):
            one.clicked.connect(self.expose_wanted)
        for one in (connect, second):
            one.clicked.connect(self.connect_wanted)
        self.filter.textChanged.connect(self.proxy.set_filter)
        self.table.selected.connect(self._show_details)
        self._snapshot = Snapshot(at=0.0)
        self._rates = LiveRates()

    def focus_content(self) -> None:
        """Let the keys work on the table."""
        self.table.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def show_snapshot(self, snapshot: Snapshot, rates: LiveRates) -> None:
        """Show the services."""
        self._snapshot = snapshot
        self._rates = rates
        self.model.show(snapshot, rates.services)
        has_services = bool(snapshot.services)
        self.stack.show_content(has_services)
        for widget in self._header_buttons:
            widget.setVisible(has_services)
        is_running = any(service.state not in services.AT_REST for service in snapshot.services)
        self._is_running = is_running
        self._name_pause_all()
        self._describe()
        self.table.choose_first()
        self._show_details()
        self._announce_changes(snapshot)

    def tick(self, now: float) -> None:
        """Count down."""
        self._describe()
        self.model.tick(now)
        self.details.tick(now)

    def _describe(self) -> None:
        # with the rates of now: what passed at the last snapshot does so no more where nothing has changed since
        is_empty = not self._snapshot.services
        self.describe("" if is_empty else health.summarise(self._snapshot, self._rates.services.total()))

    def focus_filter(self) -> None:
        """Let the user type a filter."""
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    def choose(self, service: str) -> None:
        """Select a service by its name, whatever is filtered."""
        if not self.table.choose(service):
            self.filter.clear()
            self.table.choose(service)

    def _show_details(self) -> None:
        service = self.table.current()
        self.actions_of_service.choose(service)
        self.details.show_service(service, max(self._snapshot.at, self.context.clock()))

    def _announce_changes(self, snapshot: Snapshot) -> None:
        faces = {service.name: service_face(service).word for service in snapshot.services}
        changed = [f"{name}: {word}" for name, word in faces.items() if self._faces.get(name, word) != word]
        self._faces = faces
        announce(self, ". ".join(changed))

    def _invite(self, service: Service) -> None:
        InviteDialog(self.context, service, self.window()).open()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show fewer words where there is less room."""
        super().resizeEvent(event)
        self._shrinking.fit(self)

    def _name_pause_all(self) -> None:
        text = self.tr("Pause all") if self._is_running else self.tr("Resume all")
        self._shrinking.say(self._pause_all, text)
        self.context.icons.attach(self._pause_all, "pause" if self._is_running else "play")

    def _on_pause_all(self) -> None:
        actions = self.context.bridge.actions
        action = actions.pause_all() if self._is_running else actions.resume_all()
        self.context.bridge.do(action, failed=self.context.tell_failure)
