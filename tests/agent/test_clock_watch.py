from __future__ import annotations

import time

import pytest

from agent.clock import Clock
from agent.clock_watch import LOOK_S, ClockWatch, Seen
from tests.support.clocks import SteppedClock

QUIET = Seen(has_slept=False, was_set=False)


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def watch(clock: SteppedClock) -> ClockWatch:
    return ClockWatch(clock)


def test_time_that_passes_is_nothing(clock: SteppedClock, watch: ClockWatch):
    for _ in range(3):
        clock.advance(LOOK_S + 0.3)
        assert watch.look() == QUIET


def test_sleep_is_seen_once(clock: SteppedClock, watch: ClockWatch):
    clock.sleep(600)
    clock.advance(LOOK_S)
    assert watch.look() == Seen(has_slept=True, was_set=True)
    clock.advance(LOOK_S)
    assert watch.look() == QUIET


@pytest.mark.parametrize("seconds", [3_600, -3_600, 0.6, -0.6])
def test_wall_clock_that_was_set_is_seen(clock: SteppedClock, watch: ClockWatch, seconds: float):
    """Forward by much, it cannot be told from a sleep without a clock that goes on: better to look once too often."""
    clock.set_forward(seconds)
    clock.advance(LOOK_S)
    assert watch.look() == Seen(has_slept=seconds > 4, was_set=True)


def test_wall_clock_that_is_kept_in_step_is_nothing(clock: SteppedClock, watch: ClockWatch):
    clock.set_forward(0.05)
    clock.advance(LOOK_S)
    assert watch.look() == QUIET


def test_sleep_with_a_wall_clock_set_back_meanwhile_is_seen(clock: SteppedClock, watch: ClockWatch):
    clock.sleep(600)
    clock.set_forward(-600)
    clock.advance(LOOK_S)
    assert watch.look() == Seen(has_slept=True, was_set=False)


def test_look_that_comes_much_too_late_is_a_sleep(clock: SteppedClock, watch: ClockWatch):
    """On Windows every clock goes on."""
    clock.advance(LOOK_S + 60)
    assert watch.look() == Seen(has_slept=True, was_set=False)


def test_clocks_of_the_computer_agree():
    clock = Clock()
    watch = ClockWatch(clock)
    began = clock.since_boot(), time.monotonic()
    assert watch.look() == QUIET
    assert clock.since_boot() - began[0] == pytest.approx(time.monotonic() - began[1], abs=0.1)
