"""From counters that only grow to rates, and the last minute of them, for every row of a table.

Snapshots come twice a second at most, not at all while nothing changes, and rarely while no window is open. So time is
an argument, what passed between two of them is spread evenly over the seconds between, and a gap that nobody watched
is a gap: nothing is shown for it that was not measured.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

#: How many seconds a sparkline shows.
HISTORY_S = 60

#: A longer silence was not watched: what passed in it says nothing about any one second of it.
LONGEST_STEP_S = 10.0

Key = TypeVar("Key", bound=Hashable)


class Totals(NamedTuple):
    """What has passed since the start."""

    received: int
    sent: int


class Rate(NamedTuple):
    """Bytes a second, each way."""

    received: float
    sent: float

    @property
    def both(self) -> float:
        """Both ways together."""
        return self.received + self.sent


NO_RATE = Rate(0.0, 0.0)


@dataclass(slots=True)
class _Row:
    totals: Totals
    at: float
    rate: Rate = NO_RATE
    second: int = 0
    """The second that the last bucket is for."""
    buckets: deque[float] = field(default_factory=lambda: deque(maxlen=HISTORY_S))

    def add(self, totals: Totals, now: float) -> None:
        step = now - self.at
        if step <= 0:
            return
        received, sent = totals.received - self.totals.received, totals.sent - self.totals.sent
        has_restarted = received < 0 or sent < 0
        if step > LONGEST_STEP_S or has_restarted:
            self.rate = NO_RATE
            self.buckets.clear()
            self.second = math.floor(now)
        else:
            self.rate = Rate(received / step, sent / step)
            self._spread(received + sent, self.at, now)
        self.totals, self.at = totals, now

    def _spread(self, amount: int, begin: float, end: float) -> None:
        if not self.buckets:
            self.buckets.append(0.0)
            self.second = math.floor(begin)
        share = amount / (end - begin)
        position = begin
        while position < end:
            if math.floor(position) > self.second:
                self.second += 1
                self.buckets.append(0.0)
                continue
            edge = min(end, self.second + 1.0)
            self.buckets[-1] += share * (edge - position)
            position = edge


class Rates(Generic[Key]):
    """Rates by row. A row that is not in an update is forgotten."""

    def __init__(self) -> None:
        self._rows: dict[Key, _Row] = {}
        self._at = -math.inf

    @property
    def at(self) -> float:
        """When it was last updated."""
        return self._at

    def update(self, now: float, totals: Mapping[Key, Totals]) -> None:
        """Take the counters of all rows at *now*. The first of a row tells nothing yet."""
        self._at = now
        for key in self._rows.keys() - totals.keys():
            del self._rows[key]
        for key, total in totals.items():
            row = self._rows.get(key)
            if row is None:
                self._rows[key] = _Row(total, now, second=math.floor(now))
            else:
                row.add(total, now)

    def rate(self, key: Key) -> Rate:
        """Of the time between the last two updates."""
        row = self._rows.get(key)
        return row.rate if row else NO_RATE

    def history(self, key: Key) -> tuple[float, ...]:
        """Bytes of each of the last seconds, both ways together, the newest last; at most sixty."""
        row = self._rows.get(key)
        return tuple(row.buckets) if row else ()

    def total(self) -> Rate:
        """Of all rows together."""
        return Rate(
            sum(row.rate.received for row in self._rows.values()),
            sum(row.rate.sent for row in self._rows.values()),
        )
