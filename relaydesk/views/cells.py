"""How a cell of our tables is drawn: a picture in its tone, a line of text, quiet where a row is over.

Everything is drawn here, from one answer of the model. Asking it role by role and leaving the drawing to the style took nearly
twice the CPU (500 live rows, seventeen of them in sight: 40 ms against 22), twice a second.
"""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRect, Qt
from PySide6.QtGui import QColor, QFontMetrics, QIcon, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from ..models.tables import CELL_ROLE, Cell
from .icons import Icons
from .theme import Theme

_ICON_SIZE = 16
_PADDING = 9
_GAP = 6

_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
#: As a number: Python's flags take longer to be combined than Qt to draw a line.
_SELECTED = QStyle.StateFlag.State_Selected.value


class _Widths(dict[str, int]):
    """How wide plain letters and digits are, so that most texts need not be laid out twice to see whether they fit."""

    def __init__(self, metrics: QFontMetrics) -> None:
        super().__init__()
        self.metrics = QFontMetrics(metrics)

    def __missing__(self, letter: str) -> int:
        self[letter] = width = self.metrics.horizontalAdvance(letter)
        return width

    def of(self, text: str) -> int | None:
        """How wide *text* is; None for other scripts than ours, which join their letters and have to be laid out."""
        return sum(map(self.__getitem__, text)) if text.isascii() else None


class CellDelegate(QStyledItemDelegate):
    """Draws the cells of a table.

    Args:
        theme: The colours.
        icons: The pictures.
        parent: Qt's owner.
    """

    def __init__(self, theme: Theme, icons: Icons, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icons = icons
        self._widths: _Widths | None = None
        #: What each cell showed when it was last drawn, by row and column of the model that is shown.
        self.drawn: dict[tuple[int, int], Cell | None] = {}
        self._read_colors()
        theme.changed.connect(self._read_colors)

    def _read_colors(self) -> None:
        scheme = self._theme.scheme
        self.text, self.quiet, self.border = (QColor(c) for c in (scheme.text, scheme.quiet, scheme.border))
        self.accent = QColor(scheme.accent)
        self.highlight, self.on_highlight = QColor(scheme.highlight), QColor(scheme.on_highlight)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Draw a cell."""
        cell: Cell | None = index.data(CELL_ROLE)
        self.drawn[index.row(), index.column()] = cell
        area: QRect = option.rect
        is_selected = bool(option.state.value & _SELECTED)
        if is_selected:
            painter.fillRect(area, self.highlight)
        # a third of what a line takes
        painter.fillRect(area.left(), area.bottom(), area.width(), 1, self.border)
        if cell is not None:
            self.paint_content(painter, area, cell, is_selected=is_selected)

    def paint_content(self, painter: QPainter, area: QRect, cell: Cell, *, is_selected: bool) -> None:
        """Draw picture and text."""
        place = area.adjusted(_PADDING, 0, -_PADDING, 0)
        if cell.icon is not None:
            mode = QIcon.Mode.Selected if is_selected else QIcon.Mode.Normal
            top = area.center().y() - _ICON_SIZE // 2 + 1
            spot = QRect(place.left(), top, _ICON_SIZE, _ICON_SIZE)
            self._icons.icon(*cell.icon).paint(painter, spot, Qt.AlignmentFlag.AlignCenter, mode)
            place.setLeft(place.left() + _ICON_SIZE + _GAP)
        if not cell.text:
            return
        # by its own letters, not by the window's: a path is read from the left in every language
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        painter.setPen(self.on_highlight if is_selected else self.quiet if cell.is_faded else self.text)
        text, metrics = cell.text, painter.fontMetrics()
        if self._widths is None or self._widths.metrics != metrics:
            self._widths = _Widths(metrics)
        width = self._widths.of(text)
        if width is not None and width < place.width():
            # drawn where it belongs, without Qt laying it out to find that place
            x = place.left()
            if cell.is_number:  # to the pixel: letters in a row take a little more or less than each alone
                x = place.right() - metrics.horizontalAdvance(text) + 1
            painter.drawText(
                x, place.top() + (place.height() + metrics.ascent() - metrics.descent()) // 2, text
            )
            return
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(place, _RIGHT if cell.is_number else _LEFT, text)
