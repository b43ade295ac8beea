"""The clocks of the agent, and waiting, in one place that a test can step.

Token expiry follows the wall clock, because the gateway's does; durations follow one that never goes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
import time
from collections.abc import Callable

_Reading = Callable[[], float]

# A clock that goes on while the computer sleeps; time.monotonic() stands still on Linux and macOS.
if sys.platform == "win32":
    _goes_on: _Reading = time.monotonic
elif sys.platform == "darwin":
    _goes_on: _Reading = functools.partial(time.clock_gettime, time.CLOCK_MONOTONIC)
else:
    _goes_on: _Reading = functools.partial(time.clock_gettime, time.CLOCK_BOOTTIME)


class Clock:
    """The computer's own clocks."""

    def now(self) -> float:
        """Give the wall clock, in POSIX seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Give seconds of a clock that never goes back."""
        return time.monotonic()

    def since_boot(self) -> float:
        """Give seconds of a clock that goes on while the computer sleeps."""
        return _goes_on()

    async def wait(self, seconds: float | None, wake: asyncio.Event | None = None) -> None:
        """Wait for *seconds* (None: without end), or until *wake* is set."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await (wake or asyncio.Event()).wait()

    async def look_in(self, seconds: float | None, wake: asyncio.Event | None = None) -> None:
        """Wait as :meth:`wait` does, only to look at something again: nothing happens because the time has passed."""
        await self.wait(seconds, wake)
