from __future__ import annotations

import pytest

from agent.backoff import Backoff
from agent.errors import AgentError, ControlChannelLostError, GatewayRejectedError, GatewayUnreachableError

LOST = GatewayUnreachableError("nobody there")


def always(value: float) -> Backoff:
    return Backoff(lambda: value)


def test_first_try_comes_at_once_and_the_ceiling_doubles_to_a_second():
    backoff = always(1.0)
    assert [backoff.next_delay(LOST, now=10.0) for _ in range(6)] == [0, 0.25, 0.5, 1, 1, 1]


def test_ceiling_rises_to_thirty_seconds_after_a_minute():
    backoff = always(1.0)
    for _ in range(4):
        backoff.next_delay(LOST, now=0.0)
    assert [backoff.next_delay(LOST, now=60.0) for _ in range(8)] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_delays_are_a_random_part_of_the_ceiling():
    """Full jitter: a thousand listeners of one gateway come back spread out."""
    chances = iter([0.5, 0.5, 0.0, 0.9])
    backoff = Backoff(lambda: next(chances))
    assert [backoff.next_delay(LOST, now=0.0) for _ in range(4)] == [0, 0.125, 0, 0.9]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refusal_waits_half_a_minute_at_once(status: int):
    error = GatewayRejectedError(status, "no")
    assert always(0.0).next_delay(error, now=0.0) == 30
    assert always(1.0).next_delay(error, now=0.0) == 33


@pytest.mark.parametrize(
    "error",
    [
        GatewayRejectedError(503, "busy"),
        ControlChannelLostError(1008, "expired"),
        ControlChannelLostError(1011, ""),
    ],
)
def test_anything_else_is_retried_at_once(error: AgentError):
    assert always(1.0).next_delay(error, now=0.0) == 0


def test_connection_that_lasted_ends_the_outage():
    backoff = always(1.0)
    for _ in range(5):
        backoff.next_delay(LOST, now=0.0)
    backoff.connection_ended(lasted_s=10.0)
    assert [backoff.next_delay(LOST, now=1_000.0) for _ in range(2)] == [0, 0.25]


def test_another_network_is_another_outage():
    backoff = always(1.0)
    for now in (0.0, 30.0, 60.0, 90.0, 120.0):
        backoff.next_delay(LOST, now=now)
    backoff.begin_again()
    assert [backoff.next_delay(LOST, now=150.0) for _ in range(4)] == [0, 0.25, 0.5, 1]


def test_connection_that_did_not_last_changes_nothing():
    backoff = always(1.0)
    for _ in range(3):
        backoff.next_delay(LOST, now=0.0)
    backoff.connection_ended(lasted_s=9.9)
    assert backoff.next_delay(LOST, now=1.0) == 1


def test_outage_keeps_its_beginning_across_a_refusal():
    backoff = always(1.0)
    backoff.next_delay(LOST, now=0.0)
    backoff.next_delay(GatewayRejectedError(404, ""), now=1.0)
    assert backoff.next_delay(LOST, now=70.0) == 0.25
    assert [backoff.next_delay(LOST, now=70.0) for _ in range(3)] == [0.5, 1, 2]
