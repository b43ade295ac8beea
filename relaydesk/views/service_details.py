"""Below the table of services: the one that is selected, in full."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from agent.config import Direction

from ..models import formats, invitations
from ..models.services import expiry_words
from ..models.states import proof_words, service_face
from ..models.texts import literal
from ..snapshot import Service
from .context import Context, Notice
from .labels import GAP, TONE_KINDS, ActionButton, ElidedLabel, Label, Picture, button, card, row
from .problem_panel import ProblemPanel
from .service_actions import ServiceActions
from .table import Table


class ServiceDetails(QWidget):
    """Who may use a service, how, how long, and what is wrong with it.

    Args:
        context: What a page works with.
        actions: What can be done with it.
    """

    retry_wanted = Signal(str)

    def __init__(self, context: Context, actions: ServiceActions) -> None:
        super().__init__()
        self._context = context
        self._service: Service | None = None
        frame, layout = card()
        layout.setSpacing(GAP)
        self._picture = Picture(20)
        self._name = ElidedLabel(scale=1.25, is_bold=True)
        self._state = Label()
        # Only the first keeps its words where there is little room.
        copy = ActionButton(actions.copy_link)
        self._buttons = [
            ActionButton(action) for action in (actions.open, actions.invite, actions.pause, actions.stop)
        ]
        title = row(self._picture, self._name, self._state, copy, *self._buttons)
        title.setStretch(1, 1)
        layout.addLayout(title)
        self._problem = ProblemPanel(context, has_doctor=True)
        self._problem.retry_wanted.connect(self._retry)
        self._problem.diagnosis_wanted.connect(actions.diagnose.trigger)
        layout.addWidget(self._problem)
        columns = QHBoxLayout()
        columns.setSpacing(28)
        columns.addLayout(self._make_facts(), 3)
        columns.addWidget(self._make_invitations(), 2)
        layout.addLayout(columns, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        sheet = QWidget()
        sheet.setObjectName("sheet")
        inner = QVBoxLayout(sheet)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(frame)
        scroll.setWidget(sheet)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self.setAccessibleName(self.tr("Details"))

    def show_service(self, service: Service | None, now: float) -> None:
        """Show *service*."""
        self._service = service
        self.setVisible(service is not None)
        if service is None:
            return
        face = service_face(service)
        self._context.icons.attach(self._picture, face.icon, face.tone)
        self._name.say(service.name)
        self._state.say(face.word)
        self._state.set_kind(TONE_KINDS[face.tone])
        self._problem.show_problem(service.problem, now)
        is_shared = service.direction is Direction.LISTEN
        self._show("link", service.url or self.tr("not known yet"))
        self._show("who", self._who(service))
        self._show("local", " · ".join(filter(None, (service.local, service.process, service.project))))
        self._show("gateway", f"{service.gateway} / {service.path}")
        self._show("proof", proof_words(service), is_shown=is_shared)
        self._invited.setVisible(is_shared and not service.is_public)
        self.tick(now)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show fewer words where there is less room."""
        super().resizeEvent(event)
        letter = self.fontMetrics().averageCharWidth()
        for place, made in enumerate(self._buttons):
            made.show_words(self.width() > letter * (140 if place >= 2 else 105))

    def tick(self, now: float) -> None:
        """Count down."""
        service = self._service
        if service is None:
            return
        self._problem.tick(now)
        expires = expiry_words(service, now)
        if service.expires_at is not None and service.expires_at > now:
            expires = self.tr("{moment} · {left}").format(
                moment=formats.moment(service.expires_at, now), left=expires
            )
        self._show("expires", expires[:1].upper() + expires[1:])
        self._model.show(service, now)
        has_any = bool(service.invitations)
        self.invitations.setVisible(has_any)
        self.withdraw.setVisible(has_any)
        self._no_invitations.setVisible(not has_any)

    # --- parts

    def _make_facts(self) -> QGridLayout:
        self._facts: dict[str, tuple[Label, ElidedLabel]] = {}
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(7)
        grid.setColumnStretch(1, 1)
        titles = {
            "link": self.tr("Link"),
            "who": self.tr("Who"),
            "expires": self.tr("Ends"),
            "local": self.tr("Here"),
            "gateway": self.tr("Through"),
            "proof": self.tr("Proof"),
        }
        for line, (name, title) in enumerate(titles.items()):
            mode = Qt.TextElideMode.ElideMiddle if name == "link" else Qt.TextElideMode.ElideRight
            value = ElidedLabel(mode=mode)
            heading = Label(title, kind="quiet")
            grid.addWidget(heading, line, 0)
            grid.addWidget(value, line, 1)
            self._facts[name] = heading, value
        grid.setRowStretch(len(titles), 1)
        return grid

    def _make_invitations(self) -> QWidget:
        self._model = invitations.InvitationsModel(self)
        self.invitations = Table(
            self._context, self._model, invitations.filtered(self._model), self.tr("Invitations")
        )
        self.invitations.setMinimumHeight(90)
        self.withdraw = button(self.tr("&Withdraw"), self._context.icons, "remove")
        self.withdraw.setEnabled(False)
        self.withdraw.clicked.connect(self._on_withdraw)
        self.invitations.selected.connect(
            lambda: self.withdraw.setEnabled(self.invitations.current() is not None)
        )
        self._no_invitations = Label(
            self.tr("No invitation is out. Whoever has a key of the gateway that may send, gets in."),
            kind="quiet",
            wraps=True,
        )
        self._invited = QWidget()
        layout = QVBoxLayout(self._invited)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(Label(self.tr("Invitations"), kind="quiet"))
        layout.addWidget(self._no_invitations)
        layout.addWidget(self.invitations, 1)
        layout.addLayout(row(None, self.withdraw))
        layout.addStretch(0)
        return self._invited

    def _show(self, name: str, text: str, *, is_shown: bool = True) -> None:
        heading, value = self._facts[name]
        value.say(text)
        heading.setVisible(is_shown)
        value.setVisible(is_shown)

    def _who(self, service: Service) -> str:
        if service.direction is Direction.CONNECT:
            return self.tr("Programs on this computer")
        if service.is_public:
            return self.tr("Everybody who knows the address")
        if service.invitations:
            return self.tr("Whoever was invited")
        return self.tr("Whoever has a key that may send")

    # --- what is clicked

    def _retry(self) -> None:
        if self._service is not None:
            self.retry_wanted.emit(self._service.name)

    def _on_withdraw(self) -> None:
        invitation = self.invitations.current()
        if self._service is None or invitation is None:
            return
        name = literal(invitation.name, 60)
        self._context.bridge.do(
            self._context.bridge.actions.withdraw(self._service.name, invitation.id),
            done=lambda _: self._context.teller.tell(
                Notice(title=self.tr("The invitation {name} is worthless now.").format(name=name))
            ),
            failed=self._context.tell_failure,
        )
