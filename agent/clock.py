"""The clocks of the agent, and waiting, in one place that a test can step.

Token expiry follows the wall clock, because the gateway's does; durations follow one that never goes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import time


class Clock:
    """The computer's own clocks."""

    def now(self) -> float:
        """Give the wall clock, in POSIX seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Give seconds of a clock that never goes back."""
        return time.monotonic()

    async def wait(self, seconds: float | None, wake: asyncio.Event | None = None) -> None:
        """Wait for *seconds* (None: without end), or until *wake* is set."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await (wake or asyncio.Event()).wait()

    async def look_in(self, seconds: float | None, wake: asyncio.Event | None = None) -> None:
        """Wait as :meth:`wait` does, only to look at something again: nothing happens because the time has passed."""
        await self.wait(seconds, wake)
