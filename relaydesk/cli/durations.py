"""How people say how long: ``90s``, ``30m``, ``8h``, ``2d``, or several of them, ``1h30m``."""

from __future__ import annotations

import re
from typing import Final

from .exits import UsageError

_UNITS_S: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_WHOLE = re.compile(r"(?:[0-9]{1,6}[smhdw])+", re.IGNORECASE | re.ASCII)
_PART = re.compile(r"([0-9]+)([a-z])", re.IGNORECASE)


def parse_duration(text: str, option: str) -> float:
    """Seconds.

    Args:
        text: As the user wrote it.
        option: Where it was written, for the error.

    Raises:
        UsageError: It is no duration, or none at all.
    """
    if _WHOLE.fullmatch(text):
        seconds = float(sum(int(number) * _UNITS_S[unit.lower()] for number, unit in _PART.findall(text)))
        if seconds > 0:
            return seconds
    raise UsageError(f"{option}: {text!r} is no duration", "write it as 30m, 8h, 2d or 1h30m")
