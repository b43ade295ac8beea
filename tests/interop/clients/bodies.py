"""The bodies of tests: a pattern whose period (251) fits no power of two, so that a lost or doubled block shows."""

from __future__ import annotations

import hashlib

_PERIOD = bytes(range(251))


def pattern(count: int) -> bytes:
    """Give *count* bytes."""
    return (_PERIOD * (count // len(_PERIOD) + 1))[:count]


def text(count: int) -> str:
    """Give *count* characters, of one, two and three bytes in UTF-8."""
    return ("aä€" * (count // 3 + 1))[:count]


def sha256(data: bytes) -> str:
    """Give the digest by which bodies are compared."""
    return hashlib.sha256(data).hexdigest()
