"""What listens on this computer, to choose from: a filter with the cursor in it, and a button on each row.

A port that lets somebody into this computer is asked about once more, here, whoever shows the list.
"""

from __future__ import annotations

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
    QHeaderView,
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

from ..models import formats
from ..models.ports import PORT_ROLE, Column, PortsFilter, PortsModel, caution_words
from ..ports import Attention, ListeningPort, PortWatcher
from .context import Context
from .labels import GAP, Label, button, clear_margins, row

Index = QModelIndex | QPersistentModelIndex

_LOOK_MS = 400


class PortList(QWidget):
    """Offers ports.

    Args:
        context: What a page works with.
        ports: What listens here.
    """

    chosen = Signal(object)
    """A :class:`~relaydesk.ports.ListeningPort`, after a question where one is due."""

    def __init__(self, context: Context, ports: PortWatcher) -> None:
        super().__init__()
        self._ports = ports
        self._seen: tuple[ListeningPort, ...] | None = None
        self._cautioned: ListeningPort | None = None
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
        self.caution = Label(kind="bad", wraps=True)
        self.caution.hide()
        self.anyway = button(self.tr("Expose it &anyway"), context.icons, "warning")
        self.anyway.hide()
        layout = QVBoxLayout(self)
        clear_margins(layout, GAP)
        layout.addWidget(self.filter)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.empty)
        layout.addLayout(row(self.hidden, None))
        layout.addWidget(self.caution)
        layout.addLayout(row(self.anyway, None))
        self.filter.textChanged.connect(self._look_for)
        self.hidden.toggled.connect(self.rows.show_hidden)
        self.hidden.toggled.connect(self._show_count)
        self.table.clicked.connect(self._on_clicked)
        self.table.activated.connect(self._on_activated)
        self.anyway.clicked.connect(self._expose_anyway)
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look)
        self.filter.installEventFilter(self)
        self.setFocusProxy(self.filter)

    def forget_caution(self) -> None:
        """The question is answered, or something else was chosen."""
        self._cautioned = None
        self.caution.hide()
        self.anyway.hide()

    def set_busy(self, *, is_busy: bool) -> None:
        """Take no choice while one is being done."""
        for part in (self.table, self.filter, self.anyway):
            part.setEnabled(not is_busy)

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.rows)
        table.setAccessibleName(self.tr("Running on this computer"))
        table.setItemDelegateForColumn(Column.EXPOSE, _ExposeButton(table))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setTabKeyNavigation(False)  # or nothing behind it is reached
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

    # --- choosing

    def _on_clicked(self, index: QModelIndex) -> None:
        if index.column() == Column.EXPOSE:
            self._on_activated(index)

    def _on_activated(self, index: QModelIndex) -> None:
        port: ListeningPort = index.data(PORT_ROLE)
        self.forget_caution()
        if port.caution is None:
            self.chosen.emit(port)
            return
        self._cautioned = port
        self.caution.say(
            self.tr("{why} Share it only with people you trust.").format(why=caution_words(port.caution))
        )
        self.caution.show()
        self.anyway.show()
        self.anyway.setFocus()

    def _expose_anyway(self) -> None:
        port = self._cautioned
        self.forget_caution()
        if port is not None:
            self.chosen.emit(port)


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
