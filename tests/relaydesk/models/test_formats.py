"""Numbers as people read them."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QDate, QDateTime, QLocale, QTime

from relaydesk.models import formats, health
from relaydesk.models.ports import caution_words
from relaydesk.ports import Caution
from relaydesk.snapshot import Snapshot
from tests.support.sample_snapshot import sample

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


#: 26 November 2026, 14:02:05, wherever the test runs.
AFTERNOON = QDateTime(QDate(2026, 11, 26), QTime(14, 2, 5)).toSecsSinceEpoch()


@pytest.mark.parametrize(
    ("locale", "texts"),
    [
        (
            "de_DE",
            {
                "size": "1,2 MB",
                "small": "999 B",
                "rate": "12,5 kB/s",
                "count": "1.234.567",
                "duration": "5 min 07 s",
                "days": "12 days",
                "round trip": "3,1 ms",
                "clock": "14:02:05",
                "short clock": "14:02",
                "moment": "26.11.26, 14:02",
            },
        ),
        (
            "en_US",
            {
                "size": "1.2 MB",
                "small": "999 B",
                "rate": "12.5 kB/s",
                "count": "1,234,567",
                "duration": "5 min 07 s",
                "days": "12 days",
                "round trip": "3.1 ms",
                "clock": "2:02:05 PM",
                "short clock": "2:02 PM",
                "moment": "11/26/26, 2:02 PM",
            },
        ),
        (
            "ar_EG",
            {
                "size": "١٫٢ م.ب",
                "small": "٩٩٩ B",
                "rate": "١٢٫٥ كيلوبايت/s",
                "count": "١٬٢٣٤٬٥٦٧",
                "duration": "٥ min ٠٧ s",
                "days": "١٢ days",
                "round trip": "٣٫١ ms",
                "clock": "٢:٠٢:٠٥ م",
                "short clock": "٢:٠٢ م",
                "moment": "٢٦/١١/٢٠٢٦, ٢:٠٢ م",
            },
        ),
    ],
)
def test_digits_separators_and_order_are_those_of_the_locale(locale: str, texts: dict[str, str]) -> None:
    """The words between them are the translation's, which is another matter: here there is none."""
    QLocale.setDefault(QLocale(locale))
    said = {
        "size": formats.size(1_234_567),
        "small": formats.size(999),
        "rate": formats.rate(12_500),
        "count": formats.count(1_234_567),
        "duration": formats.duration(307),
        "days": formats.rough_duration(12 * 86_400),
        "round trip": formats.round_trip(0.0031),
        "clock": formats.clock(AFTERNOON),
        "short clock": formats.clock(AFTERNOON, seconds=False),
        "moment": formats.moment(AFTERNOON, AFTERNOON + 3 * 86_400),
    }
    # spaces that do not break and marks of direction are the locale's business
    spaces = {ord(letter): " " for letter in "\u00a0\u202f"} | dict.fromkeys(map(ord, "\u200e\u200f\u061c"))
    assert {name: text.translate(spaces) for name, text in said.items()} == texts


@pytest.mark.parametrize(
    ("locale", "time"),
    [("fi_FI", "22.58.58"), ("en_GB", "22:58:58"), ("en_US", "10:58:58 PM"), ("hi_IN", "10:58:58 pm")],
)
def test_seconds_stand_where_the_locale_has_its_minutes(locale: str, time: str) -> None:
    QLocale.setDefault(QLocale(locale))
    assert formats.widest_clock().replace("\u202f", " ") == time


def test_no_size_is_written_as_a_thousand_of_the_smaller_unit() -> None:
    """Counts around each change of unit, and of decimals."""
    for power in range(3, 16):
        for count in (
            10**power - 1,
            10**power,
            10**power + 1,
            995 * 10 ** (power - 3),
            99_951 * 10 ** (power - 3),
        ):
            number = formats.size(count).split()[0].replace(",", "")
            assert 1 <= float(number) < 1_000, count


def test_counts_in_a_summary_have_the_digits_of_the_locale() -> None:
    QLocale.setDefault(QLocale("ar_EG"))
    said = health.summarise(sample())
    assert not any(digit in said for digit in "0123456789")
    assert health.connections_words(1_234) == "١٬٢٣٤ connections"
    assert health.summarise(Snapshot(at=0.0)) == "Nothing shared"


def test_every_caution_has_words() -> None:
    assert {caution_words(caution)[-1] for caution in Caution} == {"."}
