"""The list of listening ports as a table: what a person chooses from."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QCoreApplication,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)

from ..ports import ANOTHER_USER, Caution, ListeningPort, Reach
from .texts import literal, tooltip

translate = QCoreApplication.translate

Index = QModelIndex | QPersistentModelIndex

#: The row itself, for whoever acts on it.
PORT_ROLE = Qt.ItemDataRole.UserRole + 1


class Column(enum.IntEnum):
    """What a row says."""

    PORT = 0
    PROGRAM = 1
    PROJECT = 2
    REACH = 3
    EXPOSE = 4


def caution_words(caution: Caution) -> str:
    """Why somebody should think before sharing a port."""
    return {
        Caution.REMOTE_LOGIN: translate(
            "Ports", "Whoever reaches this port can try to log in to this computer."
        ),
        Caution.WINDOWS_RPC: translate(
            "Ports", "This port controls Windows from afar. It is not made for strangers."
        ),
        Caution.FILE_SHARING: translate(
            "Ports", "This port gives access to shared folders and printers of this computer."
        ),
        Caution.REMOTE_DESKTOP: translate(
            "Ports", "Whoever reaches this port can try to log in to this computer's desktop."
        ),
        Caution.REMOTE_MANAGEMENT: translate(
            "Ports", "This port runs commands on this computer for whoever knows a password of it."
        ),
        Caution.DOCKER: translate(
            "Ports", "Whoever reaches this port rules this computer: Docker asks for no password here."
        ),
    }[caution]


class PortsModel(QAbstractTableModel):
    """The rows, in the order of their ports."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[ListeningPort, ...] = ()

    def update(self, ports: Sequence[ListeningPort]) -> None:
        """Show *ports*. Rows that stay keep their place, and so whatever is chosen stays chosen."""
        wanted = tuple(sorted(ports, key=_key))
        for row in range(len(self._rows) - 1, -1, -1):
            if _key(self._rows[row]) not in {_key(port) for port in wanted}:
                self.beginRemoveRows(QModelIndex(), row, row)
                self._rows = self._rows[:row] + self._rows[row + 1 :]
                self.endRemoveRows()
        for row, port in enumerate(wanted):
            if row < len(self._rows) and _key(self._rows[row]) == _key(port):
                if self._rows[row] != port:
                    self._rows = (*self._rows[:row], port, *self._rows[row + 1 :])
                    self.dataChanged.emit(self.index(row, 0), self.index(row, len(Column) - 1))
                continue
            self.beginInsertRows(QModelIndex(), row, row)
            self._rows = (*self._rows[:row], port, *self._rows[row:])
            self.endInsertRows()

    def rowCount(self, parent: Index | None = None) -> int:
        """As many as there are ports."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index | None = None) -> int:
        """Those of Column."""
        return 0 if parent is not None and parent.isValid() else len(Column)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell says."""
        port = self._rows[index.row()]
        column = Column(index.column())
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(port, column)
            case Qt.ItemDataRole.ToolTipRole:
                return tooltip(caution_words(port.caution)) if port.caution is not None else None
            case Qt.ItemDataRole.TextAlignmentRole if column is Column.PORT:
                return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            case Qt.ItemDataRole.AccessibleTextRole if column is Column.EXPOSE:
                return self.tr("Expose {name}").format(name=literal(port.default_name))
            case _ if role == PORT_ROLE:
                return port
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """The name of a column."""
        if role != Qt.ItemDataRole.DisplayRole or orientation is not Qt.Orientation.Horizontal:
            return None
        return {
            Column.PORT: self.tr("Port"),
            Column.PROGRAM: self.tr("Program"),
            Column.PROJECT: self.tr("Project"),
            Column.REACH: self.tr("Listens on"),
            Column.EXPOSE: "",
        }[Column(section)]

    def _text(self, port: ListeningPort, column: Column) -> str:
        match column:
            case Column.PORT:
                return str(port.port)
            case Column.PROGRAM:
                return self.tr("another user") if port.process == ANOTHER_USER else literal(port.program)
            case Column.PROJECT:
                return literal(port.project)
            case Column.REACH:
                return {
                    Reach.LOOPBACK: self.tr("this computer"),
                    Reach.EVERYWHERE: self.tr("every network"),
                    Reach.ADDRESS: literal(port.address),
                }[port.reach]
            case Column.EXPOSE:
                return self.tr("Expose")


class PortsFilter(QSortFilterProxyModel):
    """Leaves out what is not looked for."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words: tuple[str, ...] = ()
        self._shows_hidden = False

    def look_for(self, text: str) -> None:
        """Show rows that have every word of *text*."""
        self._words = tuple(text.lower().split())
        self.invalidate()

    def show_hidden(self, is_shown: bool) -> None:
        """Show ports of the system's own range and such as have just come, too."""
        self._shows_hidden = is_shown
        self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        """Whether a row is shown."""
        port: ListeningPort = self.sourceModel().index(source_row, 0, source_parent).data(PORT_ROLE)
        if port.is_hidden and not self._shows_hidden:
            return False
        text = f"{port.port} {port.program} {port.project} {port.address}".lower()
        return all(word in text for word in self._words)


def _key(port: ListeningPort) -> tuple[int, str, int]:
    return port.port, port.address, port.pid or 0
