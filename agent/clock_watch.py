"""Notice that the computer slept, or that its wall clock was set. Pure: the clock is given.

A computer that sleeps stops the clock by which waits are measured (on Linux and macOS), so a connection that died meanwhile
looks as young as before. Another clock that went on says so: that of the time since the start, where the system has one, else
the wall clock. On Windows all of them go on; there, a look that comes much too late says it. So does a process that was
stopped, or a loop that was blocked: whoever is not there for that long had better look whether the others still are.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from .clock import Clock

LOOK_S: Final = 2.0
"""Between two looks."""

SLEPT_S: Final = 4.0
"""A difference above this is a sleep; clocks that are kept in step by a time server differ by milliseconds."""

SET_S: Final = 0.5
"""A wall clock that moved by more than this against the others was set, or went on while the computer slept."""


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What has happened since the look before."""

    has_slept: bool
    was_set: bool


class ClockWatch:
    """Compares the clocks of one computer from look to look; the looks are LOOK_S apart."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._before = self._read()

    def look(self) -> Seen:
        """Say what has happened since the last look."""
        before, self._before = self._before, self._read()
        wall_s, boot_s, waited_s = (now - then for now, then in zip(self._before, before, strict=True))
        ahead_s = max(wall_s - waited_s, boot_s - waited_s, waited_s - LOOK_S)
        return Seen(has_slept=ahead_s > SLEPT_S, was_set=abs(wall_s - waited_s) > SET_S)

    def _read(self) -> tuple[float, float, float]:
        return self._clock.now(), self._clock.since_boot(), self._clock.monotonic()
