"""Wait for what has no event to wait for: a buffer that fills, a leg that is paused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .raw_stream import STEP_S


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until *condition* holds."""
    async with asyncio.timeout(STEP_S):
        while not condition():  # noqa: ASYNC110 - nobody tells when it does
            await asyncio.sleep(0)
