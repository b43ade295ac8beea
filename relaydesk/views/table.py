"""A table: rows are selected whole, columns fit the window, the least important ones leave first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QAccessible, QAction, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView

from ..models.tables import CELL_ROLE, Column, FilterModel, TableModel, no_icon
from .cells import CellDelegate
from .context import Context
from .sparkline import SparklineDelegate

Row = TypeVar("Row")

#: Beside the letters of a cell: its padding; and beside its picture.
_CELL_PADDING = 20
_PICTURE_WIDTH = 22


def calm(view: QTableView) -> None:
    """What every table of ours has in common."""
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    view.setShowGrid(False)
    view.setWordWrap(False)
    view.setTabKeyNavigation(False)  # Tab leaves the table; the arrows move in it
    view.setCornerButtonEnabled(False)
    view.verticalHeader().hide()
    view.horizontalHeader().setHighlightSections(False)
    view.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    view.horizontalHeader().setFocusPolicy(Qt.FocusPolicy.NoFocus)
    view.horizontalHeader().setMinimumSectionSize(24)
    fit_rows(view)


def fit_rows(view: QTableView) -> None:
    """Let the rows follow the font."""
    header = view.verticalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    header.setMinimumSectionSize(1)
    header.setDefaultSectionSize(view.fontMetrics().height() + 16)


class Table(QTableView, Generic[Row]):
    """Shows a :class:`~relaydesk.models.tables.TableModel` through its filter.

    Args:
        context: What a page works with.
        source: The rows.
        proxy: The rows, sorted and filtered; *source* again where that does both itself.
        name: What a screen reader calls it.
    """

    selected = Signal()
    """Another row, or none, is selected."""

    def __init__(
        self, context: Context, source: TableModel[Row], proxy: FilterModel[Row] | TableModel[Row], name: str
    ) -> None:
        super().__init__()
        self._source = source
        self._proxy = proxy
        self._menu_actions: list[QAction | None] = []
        self.setAccessibleName(name)
        self.setModel(proxy)
        calm(self)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSortingEnabled(True)
        self.horizontalHeader().setSortIndicatorClearable(True)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self._cells = CellDelegate(context.theme, context.icons, self)
        self._sparklines = SparklineDelegate(context.theme, context.icons, self)
        self._sparklines.drawn = self._cells.drawn
        self.setItemDelegate(self._cells)
        for number, column in enumerate(source.columns):
            if column.sparkline is not None:
                self.setItemDelegateForColumn(number, self._sparklines)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._open_menu)
        # Once: the selection model stays for as long as the model does.
        self.selectionModel().selectionChanged.connect(self._say_selected)
        proxy.rowsRemoved.connect(self._say_selected)

    # --- rows

    def current(self) -> Row | None:
        """The selected row."""
        indexes = self.selectionModel().selectedRows()
        return self._proxy.row_at(indexes[0]) if indexes else None

    def choose(self, key: object) -> bool:
        """Select the row of *key*; whether it is there."""
        place = self._source.row_of(key)
        if place is None:
            return False
        index = self._proxy.mapFromSource(self._source.index(place, 0))
        if not index.isValid():
            return False
        self.setCurrentIndex(index)
        self.selectRow(index.row())
        return True

    def choose_first(self) -> None:
        """Select the first row where none is selected."""
        if self._proxy.rowCount() and not self.selectionModel().hasSelection():
            self.setCurrentIndex(self._proxy.index(0, 0))
            self.selectRow(0)

    def _say_selected(self, *_: object) -> None:
        self.selected.emit()

    # --- what can be done with a row

    def offer(self, actions: Sequence[QAction | None]) -> None:
        """Offer *actions* in the row's menu and by their keys; None is a line between."""
        self._menu_actions = list(actions)
        for action in actions:
            if action is not None:
                action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
                self.addAction(action)

    def _open_menu(self, place: QPoint) -> None:
        if not self.indexAt(place).isValid() or not self._menu_actions:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for action in self._menu_actions:
            if action is None:
                menu.addSeparator()
            elif action.isVisible():
                menu.addAction(action)
        menu.popup(self.viewport().mapToGlobal(place))

    # --- columns

    def dataChanged(
        self,
        first: QModelIndex | QPersistentModelIndex,
        last: QModelIndex | QPersistentModelIndex,
        roles: Sequence[int] = (),
    ) -> None:
        """Draw the columns that have changed, and not the whole table, as Qt would: most of a refresh is drawing."""
        if QAccessible.isActive():
            super().dataChanged(first, last, roles)  # which tells screen readers, too
            return
        top, bottom = self._rows_in_sight()
        is_all = first.row() <= top and last.row() >= bottom
        for number in range(first.column(), last.column() + 1):
            if self.isColumnHidden(number):
                continue
            # most of what may change with time has not; a few rows alone are not worth a look at all in sight
            if not is_all or self._differs_from_what_is_drawn(number, top, bottom):
                left, width = self.columnViewportPosition(number), self.columnWidth(number)
                self.viewport().update(left, 0, width, self.viewport().height())

    def _rows_in_sight(self) -> tuple[int, int]:
        """The first and the last of them; the last is -1 where there is none."""
        last = self._proxy.rowCount() - 1
        top, bottom = self.rowAt(0), self.rowAt(self.viewport().height() - 1)
        return max(top, 0), last if bottom < 0 else bottom

    def _differs_from_what_is_drawn(self, column: int, top: int, bottom: int) -> bool:
        drawn = self._cells.drawn
        return any(
            (row, column) not in drawn or drawn[row, column] != self._proxy.index(row, column).data(CELL_ROLE)
            for row in range(top, bottom + 1)
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the columns."""
        super().resizeEvent(event)
        self.fit_columns()

    def changeEvent(self, event: QEvent) -> None:
        """Fit rows and columns to another font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            fit_rows(self)
            self.fit_columns()

    def fit_columns(self) -> None:
        """Leave out the columns there is no room for, and share what is left over."""
        columns = self._source.columns
        widths = [self._wanted_width(column) for column in columns]
        room = self.viewport().width()
        shown = set(range(len(columns)))
        while sum(widths[number] for number in shown) > room and len(shown) > 1:
            last = max(shown, key=lambda number: (columns[number].rank, number))
            if columns[last].rank == 0:
                break  # these always stay, narrower than they should be
            shown.remove(last)
        self._spread(widths, shown, room)
        for number in range(len(columns)):
            self.setColumnHidden(number, number not in shown)
            if number in shown:
                self.setColumnWidth(number, widths[number])

    def _wanted_width(self, column: Column[Row]) -> int:
        measure = self.fontMetrics().horizontalAdvance
        picture = _PICTURE_WIDTH if column.icon is not no_icon else 0
        return max(measure(column.sample) + picture, measure(column.title)) + _CELL_PADDING

    def _spread(self, widths: list[int], shown: set[int], room: int) -> None:
        spare = room - sum(widths[number] for number in shown)
        columns = self._source.columns
        if spare < 0:
            for number in shown:
                widths[number] = widths[number] * room // (room - spare)
            return
        shares = {number: columns[number].stretch for number in sorted(shown) if columns[number].stretch}
        whole = sum(shares.values())
        for number, share in shares.items():
            widths[number] += spare * share // whole
