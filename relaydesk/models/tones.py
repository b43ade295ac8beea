"""What colours stand for."""

from __future__ import annotations

import enum


class Tone(enum.Enum):
    """What a colour stands for; ``views/theme.py`` has the colours."""

    PLAIN = "plain"
    QUIET = "quiet"
    ACCENT = "accent"
    GOOD = "good"
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"
