"""Numbers as people read them."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QLocale

from relaydesk.models import formats

pytestmark = pytest.mark.usefixtures("english")


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (99_949, "99.9 kB"),
        (340_000_000, "340 MB"),
        (999_960, "1.0 MB"),
        (7_100_000_000_000, "7.1 TB"),
        (-5, "0 B"),
    ],
)
def test_sizes_have_two_or_three_digits(count: int, text: str) -> None:
    assert formats.size(count) == text


def test_the_decimal_point_is_that_of_the_language() -> None:
    QLocale.setDefault(QLocale(QLocale.Language.German, QLocale.Country.Germany))
    assert formats.size(1_200_000) == "1,2 MB"


def test_what_is_quiet_looks_quiet() -> None:
    assert formats.rate(0.4) == ""
    assert formats.rate(1_200_000.0) == "1.2 MB/s"


@pytest.mark.parametrize(
    ("seconds", "text", "rough"),
    [
        (0, "0 s", "0 s"),
        (59.4, "59 s", "59 s"),
        (61, "1 min 01 s", "1 min"),
        (3_599, "59 min 59 s", "1 h"),
        (5_400, "1 h 30 min", "1 h"),
        (28_790, "7 h 59 min", "8 h"),
        (28_000, "7 h 46 min", "7 h"),
        (604_790, "6 d 23 h", "7 days"),
        (90_000, "1 d 1 h", "25 h"),
        (259_200, "3 d 0 h", "3 days"),
        (-3, "0 s", "0 s"),
    ],
)
def test_durations(seconds: float, text: str, rough: str) -> None:
    assert formats.duration(seconds) == text
    assert formats.rough_duration(seconds) == rough


def test_a_countdown_never_says_zero() -> None:
    """ "in 0 s" is what a stuck window says."""
    assert formats.countdown(106.0, 100.0) == "in 6 s"
    assert formats.countdown(100.2, 100.0) == "in 1 s"
    assert formats.countdown(100.0, 100.0) == "now"
    assert formats.countdown(90.0, 100.0) == "now"


def test_round_trips_are_milliseconds() -> None:
    assert formats.round_trip(None) == ""
    assert formats.round_trip(0.0421) == "42 ms"
    assert formats.round_trip(0.0031) == "3.1 ms"


def test_another_day_is_named() -> None:
    noon = 1_795_608_000.0
    assert ":" in formats.moment(noon, noon + 60)
    assert formats.moment(noon - 5 * 86_400, noon) != formats.moment(noon, noon)
    assert "," in formats.moment(noon - 5 * 86_400, noon)
