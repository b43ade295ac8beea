"""Pings for every leg, by one task instead of one timer for each.

Legs are dealt over SLICES groups, and the groups take turns, so that ten thousand idle legs are a steady trickle of
pings and not a burst every half minute.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .legs import Leg

SLICES = 15


class Pinger:
    """Calls each leg's tick() once every *interval_s*."""

    def __init__(self, *, interval_s: float, missed_pongs: int, write_stall_timeout_s: float) -> None:
        self._interval_s = interval_s
        self._missed_pongs = missed_pongs
        self._write_stall_timeout_s = write_stall_timeout_s
        self._slices: list[set[Leg]] = [set() for _ in range(SLICES)]
        self._group_of: dict[Leg, set[Leg]] = {}
        self._next = 0
        self._is_empty = asyncio.Event()

    def __len__(self) -> int:
        """How many legs there are."""
        return len(self._group_of)

    def add(self, leg: Leg) -> None:
        """Ping *leg* from now on; the first time after one interval."""
        # the group that has just had its turn comes around last
        group = self._slices[(self._next - 1) % SLICES]
        group.add(leg)
        self._group_of[leg] = group

    def remove(self, leg: Leg) -> None:
        """Stop pinging *leg*."""
        group = self._group_of.pop(leg, None)
        if group is None:
            return
        group.discard(leg)
        if not group:
            group.clear()  # a set keeps the room of its fullest moment, but for this
        if not self._group_of:
            self._group_of = {}  # and so does a dictionary
            self._is_empty.set()

    async def run(self) -> None:
        """Ping until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._interval_s / SLICES)
            group = self._slices[self._next]
            self._next = (self._next + 1) % SLICES
            now = loop.time()
            for leg in tuple(group):
                leg.tick(
                    now,
                    missed_pongs_allowed=self._missed_pongs,
                    write_stall_timeout_s=self._write_stall_timeout_s,
                )

    async def hang_up_all(self, timeout_s: float) -> None:
        """Close every leg, without a Close frame but for those that have sent one, and wait until they are gone."""
        for leg in self._legs():
            leg.hang_up()
        self._is_empty.clear()
        if len(self):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._is_empty.wait()
        for leg in self._legs():
            leg.abort()

    def _legs(self) -> list[Leg]:
        return list(self._group_of)
