"""The first start: three cards from nothing to somebody's first request. It can be skipped, and shown again later."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ..models.onboarding import Card, Onboarding
from ..ports import PortWatcher
from ..snapshot import KeystoreState, LiveConnection, Snapshot
from .context import Context
from .keystore_dialog import KeystoreDialog
from .labels import GAP, MARGIN, Label, button, row, set_caption
from .message_bar import announce
from .onboarding_cards import CheckCard, ChooseCard, ShareCard

_WIDTH, _HEIGHT = 700, 470


class OnboardingDialog(QDialog):
    """The cards. Shown by ``open()`` or ``show()``.

    Args:
        context: What a page works with.
        ports: What listens here.
        parent: The window.
    """

    request_seen = Signal(object)
    """A :class:`~relaydesk.snapshot.LiveConnection`: somebody has come for the first time."""
    request_wanted = Signal(object)
    """The same, to be shown in the window: somebody asked to see it."""
    preferences_changed = Signal(object)
    """The :class:`~relaydesk.actions.Preferences` that are in effect now."""

    def __init__(self, context: Context, ports: PortWatcher, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._said = ""
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Welcome to RelayDesk"))
        self.model = Onboarding(context.bridge, self)
        self.title = Label(scale=1.4, is_bold=True)
        self.progress = Label(kind="quiet")
        self.choose = ChooseCard(context, self.model)
        self.check = CheckCard(context, self.model)
        self.share = ShareCard(context, self.model, ports)
        self.share.starts_at_login.setChecked(context.bridge.actions.preferences().starts_at_login)
        self.stack = QStackedWidget()
        for card in (self.choose, self.check, self.share):
            self.stack.addWidget(card)
        self.skip = button(self.tr("S&kip"), context.icons, kind="plain")
        self.back = button(self.tr("&Back"), context.icons)
        self.next = button(self.tr("&Next"), context.icons, kind="primary")
        self.next.setDefault(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN - 4, MARGIN, MARGIN - 4)
        layout.setSpacing(GAP)
        layout.addLayout(row(self.title, None, self.progress))
        layout.addWidget(self.stack, 1)
        layout.addLayout(row(self.skip, None, self.back, self.next))
        self.resize(_WIDTH, _HEIGHT)
        self.skip.clicked.connect(self.reject)
        self.back.clicked.connect(self.model.go_back)
        self.next.clicked.connect(self._on_next)
        self.choose.keystore_wanted.connect(self._on_keystore)
        self.share.request_wanted.connect(self._on_request_wanted)
        self.model.changed.connect(self._refresh)
        self.model.request_seen.connect(self._on_request_seen)
        self.model.preferences_changed.connect(self.preferences_changed)
        context.bridge.snapshot_changed.connect(self._take)
        self._give_room()
        self._refresh()
        self.choose.focus_first()

    @property
    def _card(self) -> ChooseCard | CheckCard | ShareCard:
        return (self.choose, self.check, self.share)[self.model.card]

    def _refresh(self) -> None:
        model = self.model
        is_new = self.stack.currentIndex() != model.card
        if is_new and model.card is Card.SHARE:
            self.share.begin()
        self._card.refresh()
        self.title.say(self._title())
        self.progress.say(self.tr("Step {n} of 3").format(n=model.card + 1))
        is_done = model.waits_for is not None
        self.skip.setVisible(not is_done)
        self.back.setVisible(model.card is not Card.CHOOSE and not is_done)
        self.back.setEnabled(not model.is_busy)
        self.next.setVisible(model.card is not Card.SHARE or is_done)
        self.next.setEnabled(model.can_go_on)
        has_failed = model.card is Card.CHECK and model.is_passed and model.failure is not None
        set_caption(
            self.next,
            self.tr("Done") if is_done else self.tr("Go on anyway") if has_failed else self.tr("Next"),
        )
        if is_new:
            self._give_room()
            self.stack.setCurrentIndex(model.card)
            self._card.focus_first()
            self._tell(self.title.text())
        if model.card is Card.CHECK and not model.is_checking:
            self._tell(self.check.said)
            if model.is_passed and not self.next.hasFocus():
                self.next.setFocus(Qt.FocusReason.OtherFocusReason)

    def _give_room(self) -> None:
        """Cards that are not seen need no room."""
        for card in (self.choose, self.check, self.share):
            policy = QSizePolicy.Policy.Preferred if card is self._card else QSizePolicy.Policy.Ignored
            card.setSizePolicy(policy, policy)

    def _title(self) -> str:
        match self.model.card:
            case Card.CHOOSE:
                return self.tr("How do you want to connect?")
            case Card.CHECK:
                return self.tr("Check")
            case Card.SHARE:
                return self.tr("Use it here") if self.model.brings_here else self.tr("Share something")

    def _tell(self, text: str) -> None:
        """Let a screen reader say what changed, once."""
        if text != self._said:
            self._said = text
            announce(self, text)

    def _take(self, snapshot: Snapshot) -> None:
        self.model.show_snapshot(snapshot)

    def _on_next(self) -> None:
        if self.model.waits_for is not None:
            self.accept()
        else:
            self.model.go_on()

    def _on_keystore(self) -> None:
        state = self.model.wanted_keystore
        if state is None:
            return
        if state is KeystoreState.LOCKED:
            self.model.unlock()
            return
        dialog = KeystoreDialog(self._context, state, self)
        dialog.accepted.connect(self.model.again)
        dialog.open()

    def _on_request_seen(self, request: LiveConnection) -> None:
        self._tell(self.share.seen.text())
        self.request_seen.emit(request)

    def _on_request_wanted(self, request: LiveConnection) -> None:
        self.request_wanted.emit(request)
        self.accept()

    def done(self, result: int) -> None:
        """Remember that it was seen, and leave no secret in a widget that is closed."""
        self.model.finish(starts_at_login=self.share.starts_at_login.isChecked())
        self.choose.field.forget()
        super().done(result)
