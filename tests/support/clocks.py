"""A clock that stands still until the test moves it."""

from __future__ import annotations

import asyncio

from agent.clock import Clock

from .raw_stream import STEP_S


class SteppedClock(Clock):
    """Time for an agent under test. Nobody waits in it for real."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._monotonic = 1_000.0
        self._since_boot = 1_000.0
        self.looks = 0
        """How often somebody who only looks again has begun to wait."""
        self._sleepers: dict[asyncio.Event, float] = {}
        self._waits: asyncio.Queue[float | None] = asyncio.Queue()

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def since_boot(self) -> float:
        return self._since_boot

    async def wait(self, seconds: float | None, wake: asyncio.Event | None = None) -> None:
        self._waits.put_nowait(seconds)
        await self._wait(seconds, wake)

    async def look_in(self, seconds: float | None, wake: asyncio.Event | None = None) -> None:
        self.looks += 1
        await self._wait(seconds, wake)

    async def _wait(self, seconds: float | None, wake: asyncio.Event | None) -> None:
        due = asyncio.Event()
        if seconds is not None:
            self._sleepers[due] = self._monotonic + seconds
        if seconds == 0:
            due.set()
        waiting = [asyncio.create_task(event.wait()) for event in (due, wake) if event is not None]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._sleepers.pop(due, None)
            for task in waiting:
                task.cancel()

    async def next_wait(self) -> float | None:
        """How long the next wait that somebody begins will be; who only looks again is not counted."""
        async with asyncio.timeout(STEP_S):
            return await self._waits.get()

    def advance(self, seconds: float) -> None:
        """Let time pass, and wake whoever waited for it."""
        self._now += seconds
        self._since_boot += seconds
        self._monotonic += seconds
        for due, until in self._sleepers.items():
            if until <= self._monotonic:
                due.set()

    def set_forward(self, seconds: float) -> None:
        """Move the wall clock alone, as its owner or a time server does; back with a negative number. Wakes nobody."""
        self._now += seconds

    def sleep(self, seconds: float) -> None:
        """Let the computer sleep: the clock that durations are measured with stands still. Wakes nobody."""
        self._now += seconds
        self._since_boot += seconds
