"""The line of the last minute."""

from __future__ import annotations

from PySide6.QtCore import QRectF

from relaydesk.views.sparkline import line

AREA = QRectF(0, 0, 590, 100)


def test_the_newest_value_is_at_the_right_edge() -> None:
    points = line((0.0, 50_000.0, 100_000.0), AREA)
    assert [point.x() for point in points] == [570.0, 580.0, 590.0]
    assert [point.y() for point in points] == [100.0, 50.0, 0.0]


def test_a_full_minute_goes_from_edge_to_edge() -> None:
    points = line((1.0,) * 60, AREA)
    assert abs(points[0].x()) < 0.001
    assert points[-1].x() == 590.0


def test_a_keep_alive_is_no_mountain() -> None:
    assert line((0.0, 20.0), AREA)[1].y() > 98


def test_a_single_value_is_a_line_too() -> None:
    assert len(line((5.0,), AREA)) == 2
