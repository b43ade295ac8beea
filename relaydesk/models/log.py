"""The log: the last 5,000 lines, taken in batches, the oldest leaving as new ones come."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QModelIndex,
    QObject,
    QSortFilterProxyModel,
    Qt,
)

from ..snapshot import LogLine
from . import formats
from .tables import CELL_ROLE, ROW_ROLE, Cell, Index
from .texts import literal, paragraph, tooltip
from .tones import Tone

translate = QCoreApplication.translate

#: How many lines are kept.
LOG_LINES: Final = 5_000

_COLUMNS: Final = ("time", "level", "logger", "text")
_NO_PARENT: Final = QModelIndex()


def level_words(level: int) -> str:
    """How much a line matters."""
    if level >= logging.ERROR:
        return translate("Log", "Error")
    if level >= logging.WARNING:
        return translate("Log", "Warning")
    if level >= logging.INFO:
        return translate("Log", "Info")
    return translate("Log", "Detail")


def _level_icon(level: int) -> tuple[str, Tone] | None:
    if level >= logging.ERROR:
        return "error", Tone.BAD
    if level >= logging.WARNING:
        return "warning", Tone.WARN
    return None


class LogModel(QAbstractTableModel):
    """The last lines. ``take`` only keeps them; ``flush`` shows them, and costs nothing while nobody looks."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lines: list[LogLine] = []
        self._fresh: deque[LogLine] = deque(maxlen=LOG_LINES)

    @property
    def lines(self) -> tuple[LogLine, ...]:
        """What is shown."""
        return tuple(self._lines)

    @property
    def waiting(self) -> int:
        """How many lines were taken and are not shown yet."""
        return len(self._fresh)

    def take(self, lines: Iterable[LogLine]) -> None:
        """Keep *lines* until ``flush``."""
        self._fresh.extend(lines)

    def flush(self) -> None:
        """Show what was taken since the last time."""
        newest = self._lines[-1].number if self._lines else -1
        new = [line for line in self._fresh if line.number > newest]
        self._fresh.clear()
        if not new:
            return
        surplus = min(len(self._lines), len(self._lines) + len(new) - LOG_LINES)
        if surplus > 0:
            self.beginRemoveRows(_NO_PARENT, 0, surplus - 1)
            del self._lines[:surplus]
            self.endRemoveRows()
        first = len(self._lines)
        self.beginInsertRows(_NO_PARENT, first, first + len(new) - 1)
        self._lines += new
        self.endInsertRows()

    def rowCount(self, parent: Index = _NO_PARENT) -> int:
        """Qt's question."""
        return 0 if parent.isValid() else len(self._lines)

    def columnCount(self, parent: Index = _NO_PARENT) -> int:
        """Qt's question."""
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Qt's question."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.AccessibleTextRole:
                return (
                    translate("Log", "Time"),
                    translate("Log", "Level"),
                    translate("Log", "From"),
                    translate("Log", "Message"),
                )[section]
            case Qt.ItemDataRole.TextAlignmentRole:
                return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        """Qt's question."""
        if not index.isValid():
            return None
        line, name = self._lines[index.row()], _COLUMNS[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return literal(_cell(line, name), 500)
            case Qt.ItemDataRole.AccessibleTextRole:
                return paragraph(_cell(line, name))
            case Qt.ItemDataRole.ToolTipRole if name in ("text", "logger"):
                return tooltip(_cell(line, name))
            case _ if role == CELL_ROLE:
                return Cell(
                    literal(_cell(line, name), 500), _level_icon(line.level) if name == "level" else None
                )
            case _ if role == ROW_ROLE:
                return line
        return None


def _cell(line: LogLine, name: str) -> str:
    match name:
        case "time":
            return formats.clock(line.at)
        case "level":
            return level_words(line.level)
        case "logger":
            return line.logger
    return line.text


def as_text(line: LogLine) -> str:
    """A line as it is copied."""
    return "  ".join(_cell(line, name) for name in _COLUMNS)


class LogFilter(QSortFilterProxyModel):
    """Lines of at least one level that hold every word of a filter."""

    def __init__(self, source: LogModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._source = source
        self._level = 0
        self._words: tuple[str, ...] = ()
        self._start = ""
        self.setSourceModel(source)

    def set_service(self, name: str) -> None:
        """Show the lines about that service alone; empty: all of them."""
        self._start = f"{name}: " if name else ""
        self.invalidate()

    def set_level(self, level: int) -> None:
        """Leave out what matters less than *level*."""
        self._level = level
        self.invalidate()

    def set_filter(self, text: str) -> None:
        """Show the lines that hold every word of *text*."""
        self._words = tuple(text.casefold().split())
        self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        """Qt's question."""
        line: LogLine = self._source.data(self._source.index(source_row, 0), ROW_ROLE)
        if line.level < self._level or not line.text.startswith(self._start):
            return False
        haystack = f"{line.logger} {line.text}".casefold() if self._words else ""
        return all(word in haystack for word in self._words)
