"""Tables of rows that have an identity.

An update says only what is different: never a reset, which would lose the selection, the scroll position and the place of
a screen reader.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeVar

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)

from .texts import literal, paragraph, tooltip
from .tones import Tone

log = logging.getLogger(__name__)

#: The row itself.
ROW_ROLE: Final = Qt.ItemDataRole.UserRole + 1
#: What a column is sorted by: numbers as numbers.
SORT_ROLE: Final = Qt.ItemDataRole.UserRole + 2
#: The name of a picture, and its tone.
ICON_ROLE: Final = Qt.ItemDataRole.UserRole + 3
#: Whether a row is no longer current and shown greyed.
FADED_ROLE: Final = Qt.ItemDataRole.UserRole + 4
#: The values of a sparkline, the newest last.
SPARKLINE_ROLE: Final = Qt.ItemDataRole.UserRole + 5
#: All that is drawn of a cell, in one answer: a table of 500 live rows is drawn twice a second.
CELL_ROLE: Final = Qt.ItemDataRole.UserRole + 6

Index = QModelIndex | QPersistentModelIndex
_NO_PARENT: Final = QModelIndex()

Row = TypeVar("Row")


class Cell(NamedTuple):
    """What is drawn of a cell."""

    text: str
    icon: tuple[str, Tone] | None = None
    is_faded: bool = False
    is_number: bool = False
    sparkline: Sequence[float] | None = None
    """None where nothing happened: then there is no line."""


def no_icon(_: Any) -> tuple[str, Tone] | None:
    """A column without pictures."""
    return None


@dataclass(frozen=True, kw_only=True)
class Column(Generic[Row]):
    """One column: what it says about a row.

    Attributes:
        name: For code; never shown.
        title: For people.
        text: What the cell says.
        sort_key: What it is sorted by; None: by the text.
        icon: The picture beside the text, and its tone.
        detail: What its tooltip says; None: the text.
        spoken: What a screen reader says; None: the text.
        sparkline: The values to draw.
        is_number: Shown at the right.
        is_live: Whether it may change with every tick.
        sample: A text that should fit.
        rank: Where there is little room, the columns with the highest rank are left out first.
        stretch: How much of the room that is left over it takes.
    """

    name: str
    title: str
    text: Callable[[Row], str]
    sort_key: Callable[[Row], float] | None = None
    icon: Callable[[Row], tuple[str, Tone] | None] = no_icon
    detail: Callable[[Row], str] | None = None
    spoken: Callable[[Row], str] | None = None
    sparkline: Callable[[Row], Sequence[float]] | None = None
    is_number: bool = False
    is_live: bool = False
    sample: str = "A dozen letters"
    rank: int = 0
    stretch: int = 0


class TableModel(QAbstractTableModel, Generic[Row]):
    """Rows of one kind, in the order that they are given in.

    Args:
        columns: What is told of each row.
        key: What makes a row the same row in the next update.
        fixed: What the columns that are not live show of a row. While that stays, only the live ones are asked again:
            the table may be sorted by another one, and sorting is dear.
        is_faded: Which rows are over.
        parent: Qt's owner.
    """

    def __init__(
        self,
        columns: Sequence[Column[Row]],
        *,
        key: Callable[[Row], Hashable],
        fixed: Callable[[Row], object] = lambda row: row,
        is_faded: Callable[[Row], bool] = lambda _: False,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._key = key
        self._fixed = fixed
        self._is_faded = is_faded
        self._rows: list[Row] = []
        self._keys: list[Hashable] = []
        self._failed: set[str] = set()
        self._live = tuple(_runs([number for number, column in enumerate(self.columns) if column.is_live]))

    # --- updates

    def update(self, rows: Sequence[Row]) -> None:
        """Show *rows* from now on."""
        wanted = {self._key(row): row for row in rows}
        self._remove_all_but(wanted.keys())
        self._place(list(wanted.items()))

    def touch(self) -> None:
        """Ask for the live columns again: time has passed, or rates have changed."""
        if self._rows:
            for first, last in self._live:
                self._emit_changed(0, len(self._rows) - 1, first, last)

    def _remove_all_but(self, wanted: Any) -> None:
        stale = [number for number, key in enumerate(self._keys) if key not in wanted]
        for first, last in reversed(list(_runs(stale))):
            self.beginRemoveRows(_NO_PARENT, first, last)
            del self._rows[first : last + 1]
            del self._keys[first : last + 1]
            self.endRemoveRows()

    def _place(self, wanted: list[tuple[Hashable, Row]]) -> None:
        known = set(self._keys)
        changed: list[int] = []
        place = 0
        while place < len(wanted):
            key, row = wanted[place]
            if key not in known:
                end = place
                while end < len(wanted) and wanted[end][0] not in known:
                    end += 1
                self._insert(place, wanted[place:end])
                place = end
                continue
            if self._keys[place] != key:
                self._move(self._keys.index(key, place), place)
            before = self._rows[place]
            if before is not row:
                self._rows[place] = row
                if before != row and self._fixed(before) != self._fixed(row):
                    changed.append(place)
            place += 1
        last_column = len(self.columns) - 1
        for first, last in _runs(changed):
            self._emit_changed(first, last, 0, last_column)

    def _insert(self, place: int, new: list[tuple[Hashable, Row]]) -> None:
        self.beginInsertRows(_NO_PARENT, place, place + len(new) - 1)
        self._keys[place:place] = [key for key, _ in new]
        self._rows[place:place] = [row for _, row in new]
        self.endInsertRows()

    def _move(self, source: int, target: int) -> None:
        self.beginMoveRows(_NO_PARENT, source, source, _NO_PARENT, target)
        self._keys.insert(target, self._keys.pop(source))
        self._rows.insert(target, self._rows.pop(source))
        self.endMoveRows()

    def _emit_changed(self, first: int, last: int, left: int, right: int) -> None:
        self.dataChanged.emit(self.index(first, left), self.index(last, right))

    # --- questions

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows."""
        return tuple(self._rows)

    def row_of(self, key: Hashable) -> int | None:
        """Where the row of *key* is."""
        try:
            return self._keys.index(key)
        except ValueError:
            return None

    def row_at(self, index: Index) -> Row | None:
        """The row at an index of this model."""
        row: Row | None = self.data(index, ROW_ROLE) if index.isValid() else None
        return row

    def mapFromSource(self, index: QModelIndex) -> QModelIndex:
        """Where a table that shows the rows as they are has *index*: there. Named as Qt's proxies name it."""
        return index

    def column(self, name: str) -> int:
        """Which column has that name."""
        return next(number for number, column in enumerate(self.columns) if column.name == name)

    def rowCount(self, parent: Index = _NO_PARENT) -> int:
        """Qt's question."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _NO_PARENT) -> int:
        """Qt's question."""
        return 0 if parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Qt's question."""
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return column.title
            case Qt.ItemDataRole.TextAlignmentRole:
                return _alignment(column)
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        """Qt's question."""
        if not index.isValid():
            return None
        column, row = self.columns[index.column()], self._rows[index.row()]
        try:
            return self._answer(column, row, role)
        except Exception:
            # Qt paints a row without what is wrong with it. Handed on from within a delegate, this ends the process:
            # PySide 6.11 reads the arguments of an exception that it has already let go.
            if column.name not in self._failed:
                self._failed.add(column.name)
                log.exception("column %s cannot be shown", column.name)
            return None

    def _answer(self, column: Column[Row], row: Row, role: int) -> Any:
        if role == CELL_ROLE:
            values = column.sparkline(row) if column.sparkline else None
            line = values if values and any(values) else None
            return Cell(
                literal(column.text(row)), column.icon(row), self._is_faded(row), column.is_number, line
            )
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return literal(column.text(row))
            case Qt.ItemDataRole.TextAlignmentRole:
                return _alignment(column)
            case _ if role == ICON_ROLE:
                return column.icon(row)
            case _ if role == FADED_ROLE:
                return self._is_faded(row)
            case _ if role == SPARKLINE_ROLE:
                return column.sparkline(row) if column.sparkline else None
            case Qt.ItemDataRole.ToolTipRole:
                return tooltip((column.detail or column.text)(row))
            case Qt.ItemDataRole.AccessibleTextRole:
                return paragraph((column.spoken or column.text)(row))
            case _ if role == SORT_ROLE:
                return column.sort_key(row) if column.sort_key else column.text(row).casefold()
            case _ if role == ROW_ROLE:
                return row
        return None


class FilterModel(QSortFilterProxyModel, Generic[Row]):
    """Sorted as the user clicks, and only the rows that hold every word of a filter.

    Args:
        source: What is sorted and filtered.
        haystack: The text of a row that is searched.
        parent: Qt's owner.
    """

    def __init__(
        self, source: TableModel[Row], haystack: Callable[[Row], str], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._words: tuple[str, ...] = ()
        self._haystack = haystack
        self._source = source
        self._keys: list[Any] | None = None
        self.setSortRole(SORT_ROLE)
        # Before Qt's own connections to the same signals, which sort at once.
        source.dataChanged.connect(self._forget_keys)
        source.rowsInserted.connect(self._forget_keys)
        source.rowsRemoved.connect(self._forget_keys)
        source.rowsMoved.connect(self._forget_keys)
        self.setSourceModel(source)

    @property
    def is_filtering(self) -> bool:
        """Whether anything is asked for."""
        return bool(self._words)

    def set_filter(self, text: str) -> None:
        """Show the rows that hold every word of *text*."""
        words = tuple(text.casefold().split())
        if words != self._words:
            self._words = words
            self.invalidate()

    def row_at(self, index: Index) -> Row | None:
        """The row behind an index of this model."""
        row: Row | None = self.data(index, ROW_ROLE) if index.isValid() else None
        return row

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column."""
        self._forget_keys()
        super().sort(column, order)

    def _forget_keys(self, *_: object) -> None:
        self._keys = None

    def lessThan(self, left: Index, right: Index) -> bool:
        """Qt's question, some thousand times for each sorting: each row is asked for its key only once."""
        if self._keys is None:
            column = left.column()
            rows = range(self._source.rowCount())
            self._keys = [self._source.data(self._source.index(row, column), SORT_ROLE) for row in rows]
        return bool(self._keys[left.row()] < self._keys[right.row()])

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        """Qt's question."""
        if not self._words:
            return True
        row: Row = self._source.data(self._source.index(source_row, 0), ROW_ROLE)
        haystack = self._haystack(row).casefold()
        return all(word in haystack for word in self._words)


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of neighbours in *numbers*, which rise."""
    first = last = -2
    for number in numbers:
        if number != last + 1:
            if last >= 0:
                yield first, last
            first = number
        last = number
    if last >= 0:
        yield first, last


def _alignment(column: Column[Any]) -> int:
    side = Qt.AlignmentFlag.AlignRight if column.is_number else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)
