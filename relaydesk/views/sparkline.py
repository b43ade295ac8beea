"""The last minute of a row, drawn: a line over a pale ground, in the colour of the selection where the row is selected."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from ..models.rates import HISTORY_S
from ..models.tables import Cell
from .cells import CellDelegate

#: Below this many bytes a second the line stays near the ground: a keep-alive is no mountain.
_LOWEST_PEAK = 2_000.0


class SparklineDelegate(CellDelegate):
    """Draws a cell's sparkline. What a screen reader says of it is the model's ``AccessibleTextRole``."""

    def paint_content(self, painter: QPainter, area: QRect, cell: Cell, *, is_selected: bool) -> None:
        """Draw the line, over a paler ground."""
        values = cell.sparkline
        if not values:
            return
        place = QRectF(area).adjusted(8, 7, -8, -7)
        pen = self.on_highlight if is_selected else self.quiet if cell.is_faded else self.accent
        fill = QColor(pen)
        fill.setAlpha(40)
        points = line(values, place)
        corners = (QPointF(points[-1].x(), place.bottom()), QPointF(points[0].x(), place.bottom()))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawPolygon(QPolygonF([*points, *corners]))
        painter.setPen(
            QPen(pen, 1.4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
        )
        painter.drawPolyline(QPolygonF(points))
        painter.restore()


def line(values: Sequence[float], area: QRectF) -> list[QPointF]:
    """The points of the line: the newest at the right edge, a full minute from edge to edge."""
    peak = max(*values, _LOWEST_PEAK)
    step = area.width() / (HISTORY_S - 1)
    left = area.right() - step * (len(values) - 1)
    points = [
        QPointF(left + step * place, area.bottom() - area.height() * value / peak)
        for place, value in enumerate(values)
    ]
    return points if len(points) > 1 else [QPointF(area.right() - step, points[0].y()), points[0]]
