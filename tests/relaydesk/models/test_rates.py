"""Rates are what was measured, and nothing else."""

from __future__ import annotations

import pytest

from relaydesk.models.rates import HISTORY_S, NO_RATE, Rates, Totals


def fed(*steps: tuple[float, int, int]) -> Rates[str]:
    rates: Rates[str] = Rates()
    for now, received, sent in steps:
        rates.update(now, {"a": Totals(received, sent)})
    return rates


def test_the_first_update_tells_no_rate() -> None:
    rates = fed((100.0, 5_000_000, 9))
    assert rates.rate("a") == NO_RATE
    assert rates.history("a") == ()


def test_a_rate_is_of_the_time_between_two_updates() -> None:
    assert fed((100.0, 0, 0), (100.5, 1_000, 500)).rate("a") == (2_000.0, 1_000.0)


def test_one_bucket_a_second_whatever_the_pace_of_updates() -> None:
    rates = fed((100.0, 0, 0), (100.5, 100, 0), (101.0, 200, 0), (101.5, 250, 0), (102.0, 300, 0))
    assert rates.history("a") == pytest.approx((200.0, 100.0))


def test_what_passed_over_several_seconds_is_spread_over_them() -> None:
    assert fed((100.5, 0, 0), (103.5, 300, 0)).history("a") == pytest.approx((50.0, 100.0, 100.0, 50.0))


def test_nothing_changing_is_a_rate_of_nothing() -> None:
    """No snapshot comes then; the window's clock asks for the same counters again."""
    rates = fed((100.0, 0, 0), (101.0, 900, 0), (102.0, 900, 0), (103.0, 900, 0))
    assert rates.rate("a") == NO_RATE
    assert rates.history("a") == pytest.approx((900.0, 0.0, 0.0))


def test_a_minute_is_kept() -> None:
    rates = fed(*((float(second), second * 10, 0) for second in range(100)))
    assert rates.history("a") == pytest.approx((10.0,) * HISTORY_S)


def test_a_gap_that_nobody_watched_shows_nothing() -> None:
    """The window was hidden for an hour: what passed then is no rate of now."""
    rates = fed((100.0, 0, 0), (101.0, 10, 0), (3_700.0, 10_000_000, 0))
    assert rates.rate("a") == NO_RATE
    assert rates.history("a") == ()


def test_a_counter_that_fell_is_a_new_start() -> None:
    rates = fed((100.0, 5_000, 5_000), (101.0, 10, 0), (102.0, 20, 0))
    assert rates.rate("a") == (10.0, 0.0)
    assert all(value >= 0 for value in rates.history("a"))


def test_time_that_stands_or_goes_back_changes_nothing() -> None:
    rates = fed((100.0, 0, 0), (101.0, 10, 0), (101.0, 99, 0), (50.0, 99, 0))
    assert rates.rate("a") == (10.0, 0.0)


def test_rows_that_are_gone_are_forgotten() -> None:
    rates = fed((100.0, 0, 0), (101.0, 10, 0))
    rates.update(102.0, {"b": Totals(0, 0)})
    assert rates.rate("a") == NO_RATE
    assert rates.history("a") == ()


def test_the_total_is_of_all_rows() -> None:
    rates: Rates[str] = Rates()
    rates.update(0.0, {"a": Totals(0, 0), "b": Totals(0, 0)})
    rates.update(1.0, {"a": Totals(10, 1), "b": Totals(20, 2)})
    assert rates.total() == (30.0, 3.0)
