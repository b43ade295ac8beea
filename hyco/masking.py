"""Masking payloads (RFC 6455 section 5.3): the same four bytes over and over, by exclusive or."""

from __future__ import annotations

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without the compiled part: same function, in Python
    from websockets.utils import apply_mask

__all__ = ["apply_mask"]
