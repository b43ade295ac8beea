"""*Expose a service*: the second of two clicks is on a row here.

What listens on this computer, the filter with the cursor in it, and below what was chosen the last time: through which
gateway, for whom, for how long. Nothing is asked that has an answer already.
"""

from __future__ import annotations

import dataclasses

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QDialog, QLabel, QLineEdit, QVBoxLayout, QWidget

from ..actions import ExposeRequest, Shared
from ..models import formats, problems
from ..models.texts import literal
from ..ports import ListeningPort, PortWatcher
from ..preferences import Who
from ..snapshot import Problem
from .context import Context
from .labels import GAP, MARGIN, Label, button, row
from .port_list import PortList

#: How long something is shared: what is offered. None: until it is stopped.
LIFETIMES_S = (3_600.0, 8 * 3_600.0, 24 * 3_600.0, 7 * 24 * 3_600.0, None)


class ExposeDialog(QDialog):
    """Chooses what is shared. Shown by ``open()`` or ``show()``.

    Args:
        context: What a page works with.
        ports: What listens here.
        parent: The window.
    """

    shared = Signal(object)
    """A :class:`~relaydesk.actions.Shared`: it was done."""

    def __init__(self, context: Context, ports: PortWatcher, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Expose a service"))
        self.list = PortList(context, ports)
        self.other = QLineEdit()
        self.other.setPlaceholderText(self.tr("3000, host:3000 or http://host"))
        self.other.setAccessibleName(self.tr("Other host or port"))
        self.other.setMaxLength(260)
        self.expose_other = button(self.tr("Expose &it"), context.icons, "expose")
        self.expose_other.setEnabled(False)
        self.gateway, self.who, self.lifetime = self._make_choices()
        self.note = Label(kind="bad", wraps=True)
        self.note.hide()
        close = button(self.tr("Cancel"), context.icons)
        self._lay_out(close)
        self.list.chosen.connect(self._on_chosen)
        self.other.textChanged.connect(lambda text: self.expose_other.setEnabled(bool(text.strip())))
        self.other.returnPressed.connect(self._expose_other)
        self.expose_other.clicked.connect(self._expose_other)
        close.clicked.connect(self.reject)
        self.resize(680, 520)
        self.list.setFocus()

    def _make_choices(self) -> tuple[QComboBox, QComboBox, QComboBox]:
        preferences = self._context.bridge.actions.preferences()
        gateway, who, lifetime = QComboBox(), QComboBox(), QComboBox()
        for one in self._context.bridge.actions.snapshot().gateways:
            gateway.addItem(literal(one.name, 60), one.name)
        for text, value in (
            (self.tr("Only people with the link"), Who.INVITED),
            (self.tr("Whoever has a key of the gateway"), Who.KEY),
            (self.tr("Everybody (public)"), Who.PUBLIC),
        ):
            who.addItem(text, value)
        for seconds in LIFETIMES_S:
            text = self.tr("Until I stop it") if seconds is None else formats.rough_duration(seconds)
            lifetime.addItem(text, seconds)
        # public is never what is chosen by itself
        wanted = Who.INVITED if preferences.who is Who.PUBLIC else preferences.who
        who.setCurrentIndex(max(0, who.findData(wanted)))
        gateway.setCurrentIndex(max(0, gateway.findData(preferences.gateway)))
        usual = preferences.lifetime_s
        lifetime.setCurrentIndex(LIFETIMES_S.index(usual) if usual in LIFETIMES_S else 1)
        return gateway, who, lifetime

    def _lay_out(self, close: QWidget) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(GAP)
        layout.addWidget(Label(self.tr("Running on this computer"), scale=1.2, is_bold=True))
        layout.addWidget(self.list, 1)
        named = QLabel(self.tr("Other &host or port"))
        named.setBuddy(self.other)
        choices = row()
        for text, box in (
            (self.tr("&Through"), self.gateway),
            (self.tr("&Who"), self.who),
            (self.tr("&For"), self.lifetime),
        ):
            label = QLabel(text)
            label.setBuddy(box)
            box.setAccessibleName(text.replace("&", ""))
            choices.addWidget(label)
            choices.addWidget(box, 1 if box is self.who else 0)
        layout.addLayout(row(named, self.other, self.expose_other))
        layout.addLayout(choices)
        layout.addWidget(self.note)
        layout.addLayout(row(None, close))

    # --- exposing

    def _on_chosen(self, port: ListeningPort) -> None:
        self._expose(port.target, port.default_name)

    def _expose_other(self) -> None:
        if target := self.other.text().strip():
            self._expose(target, None)

    def _expose(self, target: str, name: str | None) -> None:
        self._set_busy(is_busy=True)
        self.note.hide()
        self.list.forget_caution()
        request = ExposeRequest(
            target=target,
            name=name,
            gateway=self.gateway.currentData(),
            who=self.who.currentData(),
            lifetime_s=LIFETIMES_S[self.lifetime.currentIndex()],
        )
        bridge = self._context.bridge
        bridge.do(bridge.actions.expose(request), done=self._done, failed=self._failed)

    def _done(self, shared: Shared) -> None:
        self._remember()
        self.shared.emit(shared)
        self.accept()

    def _remember(self) -> None:
        actions = self._context.bridge.actions
        before = actions.preferences()
        who = self.who.currentData()
        after = dataclasses.replace(
            before,
            who=before.who if who is Who.PUBLIC else who,
            lifetime_s=LIFETIMES_S[self.lifetime.currentIndex()],
        )
        if after != before:
            self._context.bridge.do(actions.set_preferences(after))

    def _failed(self, problem: Problem) -> None:
        self._set_busy(is_busy=False)
        self.note.say(problems.sentence(problem, with_next_step=True))
        self.note.show()

    def _set_busy(self, *, is_busy: bool) -> None:
        self.list.set_busy(is_busy=is_busy)
        for part in (self.other, self.gateway, self.who, self.lifetime):
            part.setEnabled(not is_busy)
        self.expose_other.setEnabled(not is_busy and bool(self.other.text().strip()))
        self.setCursor(Qt.CursorShape.WaitCursor if is_busy else Qt.CursorShape.ArrowCursor)
