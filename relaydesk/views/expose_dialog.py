"""*Expose a service*: the second of two clicks is on a row here.

What listens on this computer, the filter with the cursor in it, and below what was chosen the last time: through which
gateway, for whom, for how long. Nothing is asked that has an answer already.
"""

from __future__ import annotations

import dataclasses

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QHideEvent, QKeyEvent, QPainter, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionButton,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ..actions import ExposeRequest, Shared, Who
from ..models import formats, problems
from ..models.ports import PORT_ROLE, Column, PortsFilter, PortsModel
from ..models.texts import literal
from ..ports import Attention, ListeningPort, PortWatcher
from ..snapshot import Problem
from .context import Context
from .labels import GAP, MARGIN, Label, button, row

Index = QModelIndex | QPersistentModelIndex

#: How long something is shared: what is offered. None: until it is stopped.
LIFETIMES_S = (3_600.0, 8 * 3_600.0, 24 * 3_600.0, 7 * 24 * 3_600.0, None)

_LOOK_MS = 400


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
        self._ports = ports
        self._seen: tuple[ListeningPort, ...] | None = None
        self._cautioned: ListeningPort | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Expose a service"))
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(self.tr("Filter by port, program or project"))
        self.filter.setAccessibleName(self.tr("Filter"))
        self.filter.setClearButtonEnabled(True)
        self.filter.setMaxLength(100)
        self.model = PortsModel(self)
        self.rows = PortsFilter(self)
        self.rows.setSourceModel(self.model)
        self.table = self._make_table()
        self.empty = Label(
            self.tr("Nothing else listens on this computer. Start your service, or give its port below."),
            kind="quiet",
            wraps=True,
        )
        self.hidden = QCheckBox(self.tr("Show system and short-&lived ports"))
        self.hidden.setAccessibleName(self.tr("Show system and short-lived ports"))
        self.other = QLineEdit()
        self.other.setPlaceholderText(self.tr("3000, host:3000 or http://host"))
        self.other.setAccessibleName(self.tr("Other host or port"))
        self.other.setMaxLength(260)
        self.expose_other = button(self.tr("Expose &it"), context.icons, "expose")
        self.expose_other.setEnabled(False)
        self.gateway, self.who, self.lifetime = self._make_choices()
        self.note = Label(kind="bad", wraps=True)
        self.note.hide()
        self.anyway = button(self.tr("Expose it &anyway"), context.icons, "warning")
        self.anyway.hide()
        close = button(self.tr("Cancel"), context.icons)
        self._lay_out(close)
        self.filter.textChanged.connect(self._look_for)
        self.hidden.toggled.connect(self.rows.show_hidden)
        self.hidden.toggled.connect(self._show_count)
        self.table.clicked.connect(self._on_clicked)
        self.table.activated.connect(self._on_activated)
        self.other.textChanged.connect(lambda text: self.expose_other.setEnabled(bool(text.strip())))
        self.other.returnPressed.connect(self._expose_other)
        self.expose_other.clicked.connect(self._expose_other)
        self.anyway.clicked.connect(self._expose_anyway)
        close.clicked.connect(self.reject)
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look)
        self.filter.installEventFilter(self)
        self.resize(680, 520)
        self.filter.setFocus()

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.rows)
        table.setAccessibleName(self.tr("Running on this computer"))
        table.setItemDelegateForColumn(Column.EXPOSE, _ExposeButton(table))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setMouseTracking(True)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(max(34, table.fontMetrics().height() + 16))
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setStretchLastSection(False)
        for column in Column:
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(Column.PROJECT, QHeaderView.ResizeMode.Stretch)
        return table

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
        layout.addWidget(self.filter)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.empty)
        layout.addLayout(row(self.hidden, None))
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
        layout.addLayout(row(self.anyway, None, close))

    # --- what listens

    def showEvent(self, event: QShowEvent) -> None:
        """Look often while somebody chooses."""
        super().showEvent(event)
        self._ports.attention = Attention.WATCHED
        self._timer.start()
        self._look()

    def hideEvent(self, event: QHideEvent) -> None:
        """Do not look any more."""
        super().hideEvent(event)
        self._ports.attention = Attention.NOBODY
        self._timer.stop()

    def _look(self) -> None:
        ports = self._ports.ports
        if ports is self._seen:
            return
        self._seen = ports
        self.model.update([port for port in ports if not port.is_shadowed])
        self._show_count()

    def _look_for(self, text: str) -> None:
        self.rows.look_for(text)
        self._show_count()
        if self.rows.rowCount() and not self.table.currentIndex().isValid():
            self.table.selectRow(0)

    def _show_count(self) -> None:
        is_empty = self.rows.rowCount() == 0
        self.empty.setVisible(is_empty)
        self.table.setVisible(not is_empty)
        hidden = sum(port.is_hidden for port in self._seen or ())
        text = self.tr("Show system and short-&lived ports")
        self.hidden.setText(f"{text} ({formats.count(hidden)})" if hidden else text)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the arrow keys and Enter in the filter act on the list."""
        if watched is self.filter and isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up) and self.rows.rowCount():
                self.table.setFocus()
                if not self.table.currentIndex().isValid():
                    self.table.selectRow(0)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                index = self.table.currentIndex()
                if not index.isValid() and self.rows.rowCount() == 1:
                    index = self.rows.index(0, 0)
                if index.isValid():
                    self._on_activated(index)
                return True
        return super().eventFilter(watched, event)

    # --- exposing

    def _on_clicked(self, index: QModelIndex) -> None:
        if index.column() == Column.EXPOSE:
            self._on_activated(index)

    def _on_activated(self, index: QModelIndex) -> None:
        port: ListeningPort = index.data(PORT_ROLE)
        if port.caution is not None:
            self._cautioned = port
            self.note.say(
                self.tr("{why} Share it only with people you trust.").format(why=port.caution.value)
            )
            self.note.show()
            self.anyway.show()
            self.anyway.setFocus()
            return
        self._expose(port.target, port.default_name)

    def _expose_anyway(self) -> None:
        if self._cautioned is not None:
            self._expose(self._cautioned.target, self._cautioned.default_name)

    def _expose_other(self) -> None:
        if target := self.other.text().strip():
            self._expose(target, None)

    def _expose(self, target: str, name: str | None) -> None:
        self._set_busy(is_busy=True)
        self.note.hide()
        self.anyway.hide()
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
        for part in (self.table, self.filter, self.other, self.gateway, self.who, self.lifetime, self.anyway):
            part.setEnabled(not is_busy)
        self.expose_other.setEnabled(not is_busy and bool(self.other.text().strip()))
        self.setCursor(Qt.CursorShape.WaitCursor if is_busy else Qt.CursorShape.ArrowCursor)


class _ExposeButton(QStyledItemDelegate):
    """Draws the last column as a button; the view tells of the click."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw the row's ground, and the button on it."""
        self.initStyleOption(option, index)
        text, option.text = option.text, ""
        style = option.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, option.widget)
        made = QStyleOptionButton()
        made.rect = self._rect(option.rect, self.sizeHint(option, index))
        made.text = text
        made.palette = option.palette
        made.fontMetrics = option.fontMetrics
        made.state = QStyle.StateFlag.State_Enabled | QStyle.StateFlag.State_Raised
        if option.state & QStyle.StateFlag.State_MouseOver:
            made.state |= QStyle.StateFlag.State_MouseOver
        style.drawControl(QStyle.ControlElement.CE_PushButton, made, painter, _plain_button(option.widget))

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Room for the word."""
        text = str(index.data() or "")
        return QSize(option.fontMetrics.horizontalAdvance(text) + 44, option.fontMetrics.height() + 14)

    @staticmethod
    def _rect(cell: QRect, wanted: QSize) -> QRect:
        height = min(cell.height() - 6, wanted.height())
        return QRect(cell.left() + 4, cell.top() + (cell.height() - height) // 2, cell.width() - 10, height)


def _plain_button(view: QWidget) -> QWidget:
    """A button that is never shown, so that the style sheet knows what is drawn."""
    found = view.findChild(QPushButton, "drawn")
    if found is None:
        found = QPushButton(view)
        found.setObjectName("drawn")
        found.hide()
    return found
