"""Sizes and times of day in lines for people; programs get numbers."""

from __future__ import annotations

import time

_UNITS = ("B", "KB", "MB", "GB", "TB")


def clock_time(now: float) -> str:
    """POSIX seconds as a time of this day, here."""
    return time.strftime("%H:%M:%S", time.localtime(now))


def size(nbytes: int) -> str:
    """So many bytes."""
    value = float(nbytes)
    for unit in _UNITS:
        if value < 1000 or unit == _UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("the last unit ends the loop")
