"""The gateways: the one of this computer, and those that were added by their connection strings."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QFrame, QLineEdit, QVBoxLayout, QWidget

from ..actions import Reach
from ..models import gateways
from ..models.gateways import GatewaysModel
from ..models.states import gateway_face
from ..models.texts import literal, tooltip
from ..models.tones import Tone
from ..snapshot import BundledState, Gateway, Problem, Snapshot
from .add_gateway_dialog import AddGatewayDialog
from .context import Context, Notice
from .labels import GAP, TONE_KINDS, ElidedLabel, Label, Picture, Shrinking, button, row, set_caption
from .page import Empty, EmptyOr, LiveRates, Page
from .problem_panel import ProblemPanel
from .table import Table

#: A revealed connection string is hidden again after this time.
REVEALED_MS = 30_000


class BundledCard(QFrame):
    """The gateway that comes with RelayDesk: whether it runs, for whom, and the switch.

    Args:
        context: What a page works with.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("card")
        self._context = context
        self._gateway: Gateway | None = None
        picture = Picture(24)
        context.icons.attach(picture, "computer")
        self._state_picture = Picture(16)
        self._state = Label()
        self._text = ElidedLabel(kind="quiet")
        self.reach = QComboBox()
        self.reach.setAccessibleName(self.tr("Who reaches the gateway of this computer"))
        self.reach.addItem(self.tr("Only this computer"), Reach.THIS_COMPUTER)
        self.reach.addItem(self.tr("My network (with TLS)"), Reach.NETWORK)
        self.widen = button(self.tr("Open to my network"), context.icons, "gateways")
        self.widen.setToolTip(tooltip(self.tr("Started anew, with TLS, for whoever reaches this computer")))
        self.widen.clicked.connect(self._on_widen)
        self.switch = button(self.tr("Start"), context.icons)
        self.switch.clicked.connect(self._on_switch)
        title = Label(self.tr("Gateway on this computer"), is_bold=True)
        title.setContentsMargins(0, 0, 8, 0)
        words = QVBoxLayout()
        words.setSpacing(3)
        words.addLayout(row(title, self._state_picture, self._state, None))
        words.addWidget(self._text)
        layout = row(picture, spacing=GAP)
        layout.addLayout(words, 1)
        layout.addWidget(self.reach)
        layout.addWidget(self.widen)
        layout.addWidget(self.switch)
        layout.setContentsMargins(16, 12, 16, 12)
        self.setLayout(layout)

    def show_gateway(self, gateway: Gateway | None) -> None:
        """Show it."""
        self._gateway = gateway
        state = gateway.bundled if gateway is not None else BundledState.STOPPED
        shown = gateway or Gateway(
            name="", address="", is_secure=False, key_name="", rights=None, bundled=BundledState.STOPPED
        )
        face = gateway_face(shown)
        self._context.icons.attach(self._state_picture, face.icon, face.tone)
        self._state.say(face.word)
        self._state.set_kind(TONE_KINDS[face.tone])
        is_running = gateways.is_running(shown)
        if is_running:
            parts = (shown.address, gateways.reach_words(shown), gateways.services_words(shown.services))
            self._text.say(" · ".join(filter(None, parts)))
        else:
            self._text.say(self.tr("A relay of your own, without any account. It ends with RelayDesk."))
        self.reach.setVisible(not is_running)
        self.widen.setVisible(state is BundledState.RUNNING and shown.is_only_this_computer)
        set_caption(self.switch, self.tr("Stop") if is_running else self.tr("Start"))
        self._context.icons.attach(self.switch, "stop" if is_running else "play")
        self.switch.setEnabled(state in (BundledState.RUNNING, BundledState.STOPPED, BundledState.FAILED))
        self.switch.setVisible(state is not BundledState.ELSEWHERE)

    def _on_switch(self) -> None:
        actions = self._context.bridge.actions
        is_running = self._gateway is not None and gateways.is_running(self._gateway)
        action = actions.stop_bundled() if is_running else actions.start_bundled(self.reach.currentData())
        self.switch.setEnabled(False)
        self._context.bridge.do(action, done=lambda _: self._again(), failed=self._failed)

    def _on_widen(self) -> None:
        bridge = self._context.bridge
        self.widen.setEnabled(False)
        self.switch.setEnabled(False)
        bridge.do(
            bridge.actions.start_bundled(Reach.NETWORK), done=lambda _: self._widened(), failed=self._failed
        )

    def _widened(self) -> None:
        self._again()
        self._context.teller.tell(
            Notice(
                title=self.tr("Your network can reach what is shared here, with a link."),
                text=self.tr("Links have another address now: copy them again."),
                tone=Tone.GOOD,
            )
        )

    def _again(self) -> None:
        self.switch.setEnabled(True)
        self.widen.setEnabled(True)

    def _failed(self, problem: Problem) -> None:
        self._again()
        self._context.tell_failure(problem)


class GatewayDetails(QFrame):
    """The selected gateway: its problem, and its connection string for whoever asks.

    Args:
        context: What a page works with.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("card")
        self._context = context
        self._gateway: Gateway | None = None
        self._title = ElidedLabel(scale=1.25, is_bold=True)
        self._facts = ElidedLabel(kind="quiet")
        self.reveal = button("", context.icons, "eye")
        self.reveal.clicked.connect(self._on_reveal)
        self.copy = button(self.tr("Copy connection string"), context.icons, "copy")
        self.copy.clicked.connect(self._on_copy)
        self.remove = button(self.tr("&Remove"), context.icons, "remove")
        self.remove.clicked.connect(self._on_remove)
        self.string = QLineEdit()
        self.string.setReadOnly(True)
        self.string.setAccessibleName(self.tr("Connection string"))
        self._warning = Label(
            self.tr(
                "Whoever has this string can do all that its key allows. It is hidden again in half a minute."
            ),
            kind="quiet",
            wraps=True,
        )
        self._problem = ProblemPanel(context)
        self._problem.retry_wanted.connect(self._on_retry)
        self.hide_again = QTimer(self)
        self.hide_again.setSingleShot(True)
        self.hide_again.setInterval(REVEALED_MS)
        self.hide_again.timeout.connect(self.conceal)
        self._shrinking = Shrinking(110, self.reveal, self.copy, self.remove)
        header = row(self._title, self.reveal, self.copy, self.remove)
        header.setStretch(0, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addLayout(header)
        layout.addWidget(self._facts)
        layout.addWidget(self._problem)
        layout.addWidget(self.string)
        layout.addWidget(self._warning)
        self.conceal()

    def show_gateway(self, gateway: Gateway | None, now: float) -> None:
        """Show *gateway*."""
        if (gateway and gateway.name) != (self._gateway and self._gateway.name):
            self.conceal()
        self._gateway = gateway
        self.setVisible(gateway is not None)
        if gateway is None:
            return
        self._title.say(gateway.name)
        key = gateways.key_words(gateway)
        parts = (
            gateways.address_words(gateway),
            self.tr("key {name}").format(name=key) if key else "",
            self.tr("allows {rights}").format(rights=gateways.rights_words(gateway.rights)),
            self.tr("only for the path {path}").format(path=gateway.path) if gateway.path else "",
            gateways.services_words(gateway.services),
        )
        self._facts.say(" · ".join(filter(None, parts)))
        self._problem.show_problem(gateway.problem, now)
        self.remove.setVisible(gateway.bundled is None)
        self.remove.setEnabled(gateway.services == 0)

    def tick(self, now: float) -> None:
        """Count down."""
        self._problem.tick(now)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show fewer words where there is less room."""
        super().resizeEvent(event)
        self._shrinking.fit(self)

    @property
    def is_revealed(self) -> bool:
        """Whether a connection string can be read on the screen."""
        return not self.string.isHidden()

    def conceal(self) -> None:
        """Hide the connection string, and forget it."""
        self.hide_again.stop()
        self.string.clear()
        self.string.hide()
        self._warning.hide()
        self._shrinking.say(self.reveal, self.tr("Show connection string"))
        self._context.icons.attach(self.reveal, "eye")

    # --- what is clicked

    def _on_reveal(self) -> None:
        if self.is_revealed:
            self.conceal()
        elif self._gateway is not None:
            name = self._gateway.name
            self._context.bridge.do(
                self._context.bridge.actions.gateway_connection_string(name),
                done=lambda text: self._show_string(name, text),
                failed=self._context.tell_failure,
            )

    def _show_string(self, name: str, text: str) -> None:
        # It may come late: not below another gateway's name, and not where nobody looks.
        if self._gateway is None or self._gateway.name != name or not self.isVisible():
            return
        self.string.setText(text)
        self.string.setCursorPosition(0)
        self.string.show()
        self._warning.show()
        self._shrinking.say(self.reveal, self.tr("Hide connection string"))
        self._context.icons.attach(self.reveal, "eye-off")
        self.hide_again.start()

    def _on_copy(self) -> None:
        if self._gateway is not None:
            self._context.bridge.do(
                self._context.bridge.actions.gateway_connection_string(self._gateway.name),
                done=self._copied,
                failed=self._context.tell_failure,
            )

    def _copied(self, text: str) -> None:
        self._context.copy(text)
        self._context.teller.tell(
            Notice(
                title=self.tr("The connection string is on the clipboard."),
                text=self.tr("It holds a key: paste it only where it belongs."),
                tone=Tone.GOOD,
            )
        )

    def _on_remove(self) -> None:
        gateway = self._gateway
        if gateway is None:
            return
        name = literal(gateway.name, 60)
        self._context.bridge.do(
            self._context.bridge.actions.remove_gateway(gateway.name),
            done=lambda _: self._context.teller.tell(
                Notice(title=self.tr("The gateway {name} and its key are forgotten.").format(name=name))
            ),
            failed=self._context.tell_failure,
        )

    def _on_retry(self) -> None:
        self._context.bridge.do(self._context.bridge.actions.retry_now(), failed=self._context.tell_failure)


class GatewaysPage(Page):
    """All gateways.

    Args:
        context: What a page works with.
    """

    first_steps_wanted = Signal()
    """The cards of the first start are to be shown."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, QCoreApplication.translate("Pages", "Gateways"))
        add = button(self.tr("&Add…"), context.icons, "add", kind="primary")
        add.clicked.connect(self.add)
        first_steps = button(self.tr("&First steps…"), context.icons, "info")
        first_steps.clicked.connect(self.first_steps_wanted)
        self.tools.addWidget(first_steps)
        self.tools.addWidget(add)
        self.bundled = BundledCard(context)
        self.body.addWidget(self.bundled)
        self.model = GatewaysModel(self)
        self.proxy = gateways.filtered(self.model)
        self.table = Table(context, self.model, self.proxy, self.tr("Gateways"))
        self.details = GatewayDetails(context)
        self.table.selected.connect(self._show_details)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.details)
        empty = Empty(
            context,
            "gateways",
            self.tr("No other gateway yet"),
            self.tr(
                "Add one with its connection string: a namespace of Azure Relay, or a gateway that somebody runs."
            ),
        )
        self.stack = EmptyOr(empty, content)
        self.body.addWidget(self.stack, 1)
        self._now = 0.0

    def focus_content(self) -> None:
        """Let the keys work on the table."""
        self.table.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def show_snapshot(self, snapshot: Snapshot, rates: LiveRates) -> None:
        """Show the gateways."""
        self._now = snapshot.at
        bundled = next((gateway for gateway in snapshot.gateways if gateway.bundled is not None), None)
        self.bundled.show_gateway(bundled)
        self.model.show(snapshot)
        self.stack.show_content(bool(snapshot.gateways))
        self.describe(self.tr("Where services are shared: yours and those that were added"))
        self.table.choose_first()
        self._show_details()

    def tick(self, now: float) -> None:
        """Count down."""
        self._now = now
        self.details.tick(now)

    def leave(self) -> None:
        """Leave no key on a page that nobody looks at."""
        self.details.conceal()

    def add(self) -> None:
        """Ask for a connection string."""
        AddGatewayDialog(self.context, self.window()).open()

    def _show_details(self) -> None:
        self.details.show_gateway(self.table.current(), self._now)
