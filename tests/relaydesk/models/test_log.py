"""The log keeps the last lines, and costs nothing while nobody looks."""

from __future__ import annotations

import logging

from relaydesk.models.log import LOG_LINES, LogFilter, LogModel, as_text
from relaydesk.snapshot import LogLine


def lines(first: int, count: int, level: int = logging.INFO) -> list[LogLine]:
    return [
        LogLine(number=number, at=0.0, level=level, logger="agent", text=f"line {number}")
        for number in range(first, first + count)
    ]


def test_lines_are_shown_when_asked_for() -> None:
    model = LogModel()
    model.take(lines(0, 3))
    assert (model.rowCount(), model.waiting) == (0, 3)
    model.flush()
    assert (model.rowCount(), model.waiting) == (3, 0)


def test_the_oldest_leave_as_new_ones_come() -> None:
    model = LogModel()
    model.take(lines(0, LOG_LINES))
    model.flush()
    model.take(lines(LOG_LINES, 10))
    model.flush()
    assert model.rowCount() == LOG_LINES
    assert model.lines[0].number == 10
    assert model.lines[-1].number == LOG_LINES + 9


def test_more_than_fit_at_once_are_bounded() -> None:
    model = LogModel()
    model.take(lines(0, 3 * LOG_LINES))
    assert model.waiting == LOG_LINES
    model.flush()
    assert model.rowCount() == LOG_LINES
    assert model.lines[0].number == 2 * LOG_LINES


def test_a_line_that_comes_twice_is_shown_once() -> None:
    model = LogModel()
    model.take(lines(0, 5))
    model.flush()
    model.take(lines(3, 4))
    model.flush()
    assert [line.number for line in model.lines] == list(range(7))


def test_level_and_words_are_filtered_together() -> None:
    model = LogModel()
    model.take([*lines(0, 2), *lines(2, 1, logging.WARNING), *lines(3, 1, logging.DEBUG)])
    model.flush()
    proxy = LogFilter(model)
    proxy.set_level(logging.WARNING)
    assert proxy.rowCount() == 1
    proxy.set_level(logging.INFO)
    proxy.set_filter("LINE 1")
    assert proxy.rowCount() == 1


def test_a_hostile_line_stays_a_line() -> None:
    model = LogModel()
    model.take([LogLine(number=0, at=0.0, level=20, logger="a", text="<b>x</b>\r\n\u202e" + "z" * 100_000)])
    model.flush()
    shown = model.index(0, 3).data()
    assert shown.startswith("<b>x</b>\\r\\n\\u202e")
    assert len(shown) < 800
    assert as_text(model.lines[0]).count("\u202e") == 1
