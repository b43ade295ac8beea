"""When memory is given back. How much that is, a program of its own shows: tests/faults/test_many.py."""

from __future__ import annotations

import gc
import weakref

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


def test_a_crowd_that_leaves_gives_memory_back_at_once_and_when_no_more_leave():
    crowd = _Crowd()
    assert crowd.becomes(1_000, 1_000, 600, 500) == 1
    assert crowd.becomes(450, 400) == 0
    assert crowd.becomes(400) == 1
    assert crowd.becomes(400, 390, 390) == 0


def test_the_last_few_of_a_crowd_are_given_back_as_well():
    """They were less than a crowd since the last time: what they had held stayed, and all around it."""
    crowd = _Crowd()
    assert crowd.becomes(1_000, CROWD - 1) == 1
    assert crowd.becomes(0) == 0
    assert crowd.becomes(0) == 1
    assert crowd.becomes(0, 0) == 0


def test_a_new_crowd_ends_the_wait_for_the_last_of_the_one_before():
    assert _Crowd().becomes(1_000, 0, 2_000) == 2


def test_a_few_that_leave_do_not():
    assert _Crowd().becomes(CROWD - 1, 0, CROWD - 1, 0) == 0


def test_part_of_a_crowd_that_leaves_does_not():
    assert _Crowd().becomes(1_000, 501) == 0


def test_each_crowd_counts_for_itself():
    assert _Crowd().becomes(1_000, 0, 0, CROWD, CROWD, 0, 0) == 4


def test_what_only_refers_to_itself_is_gone_once_memory_is_given_back():
    class Circle:
        pass

    circle = Circle()
    circle.itself = circle
    left = weakref.ref(circle)
    gc.disable()  # else it may have gone before
    try:
        del circle
        assert left() is not None
        give_back()
        assert left() is None
    finally:
        gc.enable()
