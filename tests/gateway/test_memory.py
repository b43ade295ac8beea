"""When memory is given back. How much that is, a program of its own shows: tests/faults/test_many.py."""

from __future__ import annotations

from gateway.memory import CROWD, Tide, give_back


class _Crowd:
    def __init__(self) -> None:
        self.count = 0
        self.ebbs = 0
        self.tide = Tide(lambda: self.count, self._ebb)

    def _ebb(self) -> None:
        self.ebbs += 1

    def becomes(self, *counts: int) -> int:
        """How often memory was given back on the way."""
        before = self.ebbs
        for self.count in counts:
            self.tide.look()
        return self.ebbs - before


def test_a_crowd_that_leaves_gives_memory_back_once():
    assert _Crowd().becomes(1_000, 1_000, 600, 500, 400, 300) == 1


def test_a_few_that_leave_do_not():
    assert _Crowd().becomes(CROWD - 1, 0, CROWD - 1, 0) == 0


def test_part_of_a_crowd_that_leaves_does_not():
    assert _Crowd().becomes(1_000, 501) == 0


def test_each_crowd_counts_for_itself():
    assert _Crowd().becomes(1_000, 0, 0, CROWD, CROWD, 0) == 2


def test_giving_back_can_be_done_at_any_time():
    give_back()
