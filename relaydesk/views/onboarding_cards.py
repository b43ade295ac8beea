"""The three cards of the first start, each a widget that shows what ``models/onboarding.py`` knows."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QGridLayout,
    QLabel,
    QLineEdit,
    QRadioButton,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ..actions import Reach
from ..models import checks, formats, problems
from ..models.onboarding import Fact, Onboarding, Way
from ..models.texts import literal
from ..models.tones import Tone
from ..ports import ListeningPort, PortWatcher
from ..snapshot import KeystoreState
from .check_list import CheckList
from .context import Context
from .labels import GAP, ElidedLabel, Label, Picture, button, clear_margins, row
from .paste_field import PasteField
from .port_list import PortList
from .qr_dialog import qr_code

translate = QCoreApplication.translate

_QR_SIDE = 190
_INDENT = 26
_ROOM = 460


class ChooseCard(QWidget):
    """*How do you want to connect?*: the ways, and a field for what was sent.

    Args:
        context: What a page works with.
        model: What is known.
    """

    keystore_wanted = Signal()

    def __init__(self, context: Context, model: Onboarding) -> None:
        super().__init__()
        self._context = context
        self._model = model
        self.ways: dict[Way, QRadioButton] = {}
        self._group = QButtonGroup(self)
        self.field = PasteField(context, self.tr("What was sent to you"))
        self.field.field.setPlaceholderText(
            self.tr(
                "Paste it as it is, or drop a file: a connection string, JSON of Azure's portal, a configuration of azbridge, an invitation"
            )
        )
        self.which = QComboBox()
        self.which.setAccessibleName(self.tr("Which of them"))
        self.facts = QGridLayout()
        self.facts.setHorizontalSpacing(GAP)
        self.facts.setVerticalSpacing(3)
        self.facts.setColumnStretch(1, 1)
        self.note = Label(wraps=True)
        self.note.setMinimumWidth(_ROOM)
        self.keystore = button(self.tr("Choose where &keys are kept…"), context.icons, "key")
        self.keystore.clicked.connect(self.keystore_wanted)
        self.reaches: dict[Reach, QRadioButton] = {}
        self._paste = QWidget()
        pasting = QVBoxLayout(self._paste)
        clear_margins(pasting, 4)
        pasting.addWidget(self.field)
        pasting.addWidget(self.which)
        pasting.addLayout(self.facts)
        self._here = self._make_reaches()
        self._indented = (self._paste, self._here)
        layout = QVBoxLayout(self)
        clear_margins(layout, 6)
        self._add(
            layout,
            Way.PASTE,
            self.tr("&Paste a connection string"),
            self.tr("You have a namespace of Azure Relay, or the key of somebody's gateway."),
        )
        self._add(
            layout,
            Way.HERE,
            self.tr("Use this computer as a &gateway"),
            self.tr("No account is needed, and no internet: for trying things out, or for your own network."),
        )
        self._add(
            layout,
            Way.INVITATION,
            self.tr("I have an &invitation"),
            self.tr("Somebody shares a service with you, and it becomes a port of this computer."),
        )
        layout.addSpacing(4)
        layout.addWidget(self._paste)
        layout.addWidget(self._here)
        layout.addWidget(self.note)
        layout.addLayout(row(self.keystore, None))
        layout.addStretch(1)
        self.field.changed.connect(self._on_text)
        self.field.unreadable.connect(self._on_unreadable)
        self.which.currentIndexChanged.connect(model.choose_offer)

    def _add(self, layout: QVBoxLayout, way: Way, title: str, explanation: str) -> None:
        choice = QRadioButton(title)
        choice.setAccessibleName(title.replace("&", ""))
        choice.setAccessibleDescription(explanation)
        choice.toggled.connect(lambda is_on: self._model.choose_way(way) if is_on else None)
        text = Label(explanation, kind="quiet", wraps=True)
        text.setContentsMargins(_INDENT, 0, 0, 0)
        text.setMinimumWidth(_ROOM)
        self._group.addButton(choice)
        self.ways[way] = choice
        layout.addWidget(choice)
        layout.addWidget(text)

    def _make_reaches(self) -> QWidget:
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(_INDENT, 0, 0, 0)
        layout.setSpacing(6)
        group = QButtonGroup(holder)
        for reach, title in (
            (Reach.THIS_COMPUTER, self.tr("For &this computer alone: to try things out")),
            (Reach.NETWORK, self.tr("For my &network, with TLS: whoever reaches this computer, with a link")),
        ):
            choice = QRadioButton(title)
            choice.setAccessibleName(title.replace("&", ""))
            choice.toggled.connect(
                lambda is_on, reach=reach: self._model.choose_reach(reach) if is_on else None
            )
            group.addButton(choice)
            layout.addWidget(choice)
            self.reaches[reach] = choice
        self.reaches[Reach.THIS_COMPUTER].setChecked(True)
        return holder

    def focus_first(self) -> None:
        """Let the keys work here."""
        self.ways[self._model.way].setFocus(Qt.FocusReason.OtherFocusReason)

    def refresh(self) -> None:
        """Show what is known."""
        model = self._model
        with QSignalBlocker(self._group):
            self.ways[model.way].setChecked(True)
        is_here = model.way is Way.HERE
        self._paste.setVisible(not is_here)
        self._here.setVisible(is_here)
        self._show_offers()
        for part in (*self.ways.values(), self._paste, self._here):
            part.setEnabled(not model.is_busy)
        state = model.wanted_keystore
        self.keystore.setVisible(state is not None)
        self.keystore.setText(
            self.tr("&Try the keyring again")
            if state is KeystoreState.LOCKED
            else self.tr("Choose where &keys are kept…")
            if state is KeystoreState.UNDECIDED
            else self.tr("&Unlock keys…")
        )
        self.keystore.setAccessibleName(self.keystore.text().replace("&", ""))
        if model.is_busy:
            self.note.tell(
                self.tr("Starting the gateway…") if is_here else self.tr("Putting the key into the keystore…")
            )
        elif model.problem is not None:
            is_reading = model.offer is None and not is_here
            text = problems.cause(model.problem) if is_reading else problems.sentence(model.problem)
            self.note.tell(text[:1].upper() + text[1:], "bad")
        else:
            self.note.tell("")
        self.note.setVisible(bool(self.note.text()))

    def _show_offers(self) -> None:
        model = self._model
        with QSignalBlocker(self.which):
            self.which.clear()
            for offer in model.offers:
                self.which.addItem(" → ".join(filter(None, (literal(offer.service, 60), offer.target))))
            if model.offer is not None:
                self.which.setCurrentIndex(model.offers.index(model.offer))
        self.which.setVisible(len(model.offers) > 1)
        while (item := self.facts.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for line, (fact, text) in enumerate(model.facts.items()):
            self.facts.addWidget(Label(self._name(fact), kind="quiet"), line, 0)
            self.facts.addWidget(ElidedLabel(text), line, 1)

    def _name(self, fact: Fact) -> str:
        if fact is Fact.PATH and self._model.offer is not None and self._model.offer.is_invitation:
            return self.tr("Service")
        return {
            Fact.GATEWAY: self.tr("Namespace"),
            Fact.PATH: self.tr("Path"),
            Fact.KEY: self.tr("Key"),
            Fact.RIGHTS: self.tr("It allows"),
            Fact.TARGET: self.tr("Leads to"),
        }[fact]

    def _on_text(self) -> None:
        self._model.paste(self.field.text)
        self.field.set_masked(self._model.masked)

    def _on_unreadable(self) -> None:
        self.note.tell(self.tr("That file is no short text."), "bad")
        self.note.show()


class CheckCard(QWidget):
    """*Check*: every hop on the way, as it is tried.

    Args:
        context: What a page works with.
        model: What is known.
    """

    def __init__(self, context: Context, model: Onboarding) -> None:
        super().__init__()
        self._context = context
        self._model = model
        self.summary = Label(is_bold=True, wraps=True)
        self.fix = Label(wraps=True)
        self.fix.setMinimumWidth(_ROOM)  # or it asks for the height that it would have as a narrow column
        self.again = button(self.tr("&Try again"), context.icons, "retry")
        self.again.clicked.connect(model.check)
        self.hops = CheckList(context)
        words = QVBoxLayout()
        words.setSpacing(3)
        words.addWidget(self.summary)
        words.addWidget(self.fix)
        top = row(spacing=GAP)
        top.addLayout(words, 1)
        top.addWidget(self.again, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        clear_margins(layout, GAP)
        layout.addLayout(top)
        layout.addWidget(self.hops, 1)

    def focus_first(self) -> None:
        """Let the keys work here."""
        self.hops.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def said(self) -> str:
        """What it comes to, in words."""
        return " ".join(filter(None, (self.summary.text(), self.fix.text())))

    def refresh(self) -> None:
        """Show what is known."""
        model = self._model
        self.hops.show_walk(model.rows, model.running)
        self.again.setVisible(not model.is_checking)
        self._sum_up()

    def _sum_up(self) -> None:
        model = self._model
        if model.is_checking:
            self.summary.tell(self.tr("Trying the way to the gateway…"))
            self.fix.tell("")
        elif model.problem is not None:
            words = problems.explain(model.problem)
            self.summary.tell(words.title, "bad")
            self.fix.tell(" ".join(filter(None, (problems.cause(model.problem), words.next_step))))
        elif (failure := model.failure) is not None and failure.fault is not None:
            words_of = checks.advice(failure.fault)
            self.summary.tell(words_of.title, "warn" if model.is_passed else "bad")
            self.fix.tell(words_of.fix)
        else:
            self.summary.tell(self.tr("The way is clear."), "good")
            self.fix.tell("")
        self.fix.setVisible(bool(self.fix.text()))


class ShareCard(QWidget):
    """*Share something*, or bring what was shared to a local port; then the link, and the first who comes.

    Args:
        context: What a page works with.
        model: What is known.
        ports: What listens here.
    """

    request_wanted = Signal(object)
    """Show this :class:`~relaydesk.snapshot.LiveConnection` in the window."""

    def __init__(self, context: Context, model: Onboarding, ports: PortWatcher) -> None:
        super().__init__()
        self._context = context
        self._model = model
        self._shown_link = ""
        self.list = PortList(context, ports)
        self.demo = button(self.tr("Share the &demo page"), context.icons, "services")
        self.other = QLineEdit()
        self.other.setPlaceholderText(self.tr("3000, host:3000 or http://host"))
        self.other.setAccessibleName(self.tr("Other host or port"))
        self.other.setMaxLength(260)
        self.share_other = button(self.tr("Share &it"), context.icons, "expose")
        self.port = QSpinBox()
        self.port.setRange(1, 65_535)
        self.port.setAccessibleName(self.tr("Local port"))
        self.connect_ = button(self.tr("&Connect"), context.icons, "connect", kind="primary")
        self.note = Label(kind="bad", wraps=True)
        self.starts_at_login = QCheckBox(self.tr("Start RelayDesk at &login"))
        self.starts_at_login.setAccessibleName(self.tr("Start RelayDesk at login"))
        self.stack = QStackedWidget()
        self.stack.addWidget(self._make_share())
        self.stack.addWidget(self._make_connect())
        self.stack.addWidget(self._make_result())
        layout = QVBoxLayout(self)
        clear_margins(layout, GAP)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.note)
        layout.addWidget(self.starts_at_login)
        self.list.chosen.connect(self._on_chosen)
        self.demo.clicked.connect(model.share_demo)
        self.other.textChanged.connect(lambda _: self.refresh())
        self.other.returnPressed.connect(self._share_other)
        self.share_other.clicked.connect(self._share_other)
        self.connect_.clicked.connect(lambda: self._model.connect_to(self.port.value()))

    def _make_share(self) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        clear_margins(layout, 8)
        nothing = Label(self.tr("Nothing to share yet? RelayDesk has a page of its own."), kind="quiet")
        layout.addWidget(self.list, 1)
        named = QLabel(self.tr("Other &host or port"))
        named.setBuddy(self.other)
        layout.addLayout(row(named, self.other, self.share_other))
        layout.addLayout(row(nothing, None, self.demo))
        return page

    def _make_connect(self) -> QWidget:
        page = QWidget()
        self._offered = Label(wraps=True)
        form = QFormLayout()
        form.addRow(self.tr("On this computer, at &port"), self.port)
        layout = QVBoxLayout(page)
        clear_margins(layout, GAP)
        layout.addWidget(self._offered)
        layout.addLayout(form)
        layout.addLayout(row(self.connect_, None))
        layout.addStretch(1)
        return page

    def _make_result(self) -> QWidget:
        page = QWidget()
        self.qr = QLabel()
        self.qr.setAccessibleName(self.tr("The link as a QR code"))
        self._done = Label(scale=1.15, is_bold=True, wraps=True)
        self.link = QLineEdit()
        self.link.setReadOnly(True)
        self.link.setProperty("kind", "value")
        self.link.setAccessibleName(self.tr("Link"))
        self.copy = button(self.tr("&Copy link"), self._context.icons, "copy")
        self.open = button(self.tr("&Open"), self._context.icons, "open")
        self._only_here = Label(
            self.tr(
                "The gateway is on this computer and serves this computer only: the link works nowhere else."
            ),
            kind="warn",
            wraps=True,
        )
        self._waiting = Picture(18)
        self.seen = Label(wraps=True)
        self.show_request = button(self.tr("&Show it"), self._context.icons, "request")
        words = QVBoxLayout()
        words.setSpacing(10)
        words.addWidget(self._done)
        words.addWidget(self.link)
        words.addLayout(row(self.copy, self.open, None))
        words.addWidget(self._only_here)
        words.addSpacing(8)
        first = row(spacing=8)
        first.addWidget(self._waiting, 0, Qt.AlignmentFlag.AlignVCenter)
        first.addWidget(self.seen, 1)
        first.addWidget(self.show_request)
        words.addLayout(first)
        words.addStretch(1)
        layout = row(spacing=20)
        layout.addWidget(self.qr, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(words, 1)
        page.setLayout(layout)
        self.copy.clicked.connect(self._on_copy)
        self.open.clicked.connect(self._on_open)
        self.show_request.clicked.connect(self._on_show_request)
        return page

    def focus_first(self) -> None:
        """Let the keys work here."""
        first = {0: self.list, 1: self.port, 2: self.copy}[self.stack.currentIndex()]
        first.setFocus(Qt.FocusReason.OtherFocusReason)

    def begin(self) -> None:
        """The card is entered: what was pasted may say what is meant to be shared, or where."""
        model = self._model
        if model.brings_here and model.offer is not None:
            self.port.setValue(model.offer.suggested_port)
            self._offered.say(
                self.tr("{service} at {gateway} becomes a port of this computer.").format(
                    service=literal(model.offer.service, 60), gateway=literal(model.offer.gateway, 80)
                )
            )
        elif model.suggested_target and not self.other.text():
            self.other.setText(model.suggested_target)

    def refresh(self) -> None:
        """Show what is known."""
        model = self._model
        is_done = model.shared is not None or model.service is not None
        place = 2 if is_done else 1 if model.brings_here else 0
        if place != self.stack.currentIndex():
            self.stack.setCurrentIndex(place)
            if self.isVisible():
                self.focus_first()
        self.list.set_busy(is_busy=model.is_busy)
        for part in (self.demo, self.other, self.port, self.connect_):
            part.setEnabled(not model.is_busy)
        self.share_other.setEnabled(not model.is_busy and bool(self.other.text().strip()))
        self.note.say("" if model.problem is None else problems.sentence(model.problem, with_next_step=True))
        self.note.setVisible(bool(self.note.text()))
        if is_done:
            self._show_result()

    def _show_result(self) -> None:
        model = self._model
        if model.shared is not None:
            shared = model.shared
            self._done.say(
                self.tr("{service} is shared – the link is on the clipboard").format(
                    service=literal(shared.service, 60)
                )
            )
            self.link.setText(literal(shared.shown_link, 400))
            self.link.setCursorPosition(0)
            self.open.setVisible(shared.link.startswith(("http://", "https://")))
            self._only_here.setVisible(shared.is_only_this_computer)
            if self._shown_link != shared.link:
                self._shown_link = shared.link
                self.qr.setPixmap(qr_code(shared.link, _QR_SIDE))
                self._context.copy(shared.link)
        elif model.service is not None:
            service = model.service
            self._done.say(
                self.tr("{service} is on this computer – its address is on the clipboard").format(
                    service=literal(service.name, 60)
                )
            )
            self.link.setText(service.local)
            self.link.setAccessibleName(self.tr("Address"))
            self.copy.setText(self.tr("&Copy address"))
            self.copy.setAccessibleName(self.tr("Copy address"))
            self.open.setVisible(service.is_web)
            self._only_here.hide()
            self.qr.hide()
            if self._shown_link != service.local:
                self._shown_link = service.local
                self._context.copy(service.local)
        self._show_first()

    def _show_first(self) -> None:
        request = self._model.request
        self.show_request.setVisible(request is not None)
        if request is None:
            self._context.icons.attach(self._waiting, "clock", Tone.BUSY)
            waits = (
                self.tr("Waiting for the first request: open the link.")
                if self._model.shared is not None
                else self.tr("Waiting for the first connection: open the address with your program.")
            )
            self.seen.tell(waits)
            return
        self._context.icons.attach(self._waiting, "check", Tone.GOOD)
        what = literal(request.about, 120) or self.tr("A connection, {size} so far").format(
            size=formats.size(request.bytes_received + request.bytes_sent)
        )
        come = self.tr("Somebody has come: {what}").format(what=what)
        self.seen.tell(come, "good")

    def _on_chosen(self, port: ListeningPort) -> None:
        self._model.share(port.target, port.default_name)

    def _share_other(self) -> None:
        if target := self.other.text().strip():
            self._model.share(target)

    def _on_copy(self) -> None:
        self._context.copy(self._shown_link)

    def _on_open(self) -> None:
        link = self._shown_link
        self._context.open_page(link if "://" in link else f"http://{link}/")

    def _on_show_request(self) -> None:
        if self._model.request is not None:
            self.request_wanted.emit(self._model.request)
