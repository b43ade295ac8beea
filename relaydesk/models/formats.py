"""Numbers, times and sizes as people read them: by ``QLocale``, and so with the digits and the order of their language.

``language.py`` says which locale that is. What is part of an address, a port or a status, is no number and stays as it is.
"""

from __future__ import annotations

import math
import re

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale, QTime

translate = QCoreApplication.translate

_LARGEST = 10**15
_MINUTE_S = 60
_HOUR_S = 3_600
_DAY_S = 86_400

#: The minutes of a time format, and what stands before them.
_MINUTES = re.compile(r"(\W?)mm")


def size(count: float) -> str:
    """Bytes, in thousands as networks count: 999 B, 1.2 MB, 340 MB."""
    if count < 1_000:
        return translate("Formats", "{n} B").format(n=_number(max(0.0, count), 0))
    unit = 1_000
    # rounding may carry into the next unit: 999.96 kB is 1.0 MB
    while _rounded(count / unit) >= 1_000 and unit < _LARGEST:
        unit *= 1_000
    decimals = 0 if count / unit >= 100 else 1
    shown = round(_rounded(count / unit) * unit)
    return QLocale().formattedDataSize(shown, decimals, QLocale.DataSizeFormat.DataSizeSIFormat)


def _rounded(value: float) -> float:
    return round(value, 0 if value >= 100 else 1)


def rate(bytes_per_s: float) -> str:
    """Bytes a second; empty for less than one, so that what is quiet looks quiet."""
    if bytes_per_s < 1:
        return ""
    return translate("Formats", "{size}/s").format(size=size(bytes_per_s))


def duration(seconds: float) -> str:
    """How long something took or lasts, in at most two units."""
    whole = max(0, round(seconds))
    if whole < _MINUTE_S:
        return translate("Formats", "{n} s").format(n=count(whole))
    if whole < _HOUR_S:
        minutes, rest = divmod(whole, _MINUTE_S)
        return translate("Formats", "{minutes} min {seconds} s").format(
            minutes=count(minutes), seconds=_two_digits(rest)
        )
    if whole < _DAY_S:
        hours, rest = divmod(whole, _HOUR_S)
        return translate("Formats", "{hours} h {minutes} min").format(
            hours=count(hours), minutes=_two_digits(rest // _MINUTE_S)
        )
    days, rest = divmod(whole, _DAY_S)
    return translate("Formats", "{days} d {hours} h").format(days=count(days), hours=count(rest // _HOUR_S))


def rough_duration(seconds: float) -> str:
    """How long something lasts, in one unit: for what is not watched to the second.

    Whole units that have passed; but what lacks less than a twentieth of one counts as full, so that a share for 8 hours has
    8 hours left at first.
    """
    whole = max(0, round(seconds))
    if whole < _MINUTE_S:
        return translate("Formats", "{n} s").format(n=count(whole))
    minutes, hours, days = ((whole + unit // 20) // unit for unit in (_MINUTE_S, _HOUR_S, _DAY_S))
    if minutes < _HOUR_S // _MINUTE_S and hours < 1:
        return translate("Formats", "{n} min").format(n=count(minutes))
    if hours < 2 * _DAY_S // _HOUR_S:
        return translate("Formats", "{n} h").format(n=count(hours))
    return translate("Formats", "%Ln days", "", days)


def countdown(at: float, now: float) -> str:
    """How long until *at*: "in 6 s", or "now" when it has come."""
    left = math.ceil(at - now)
    if left <= 0:
        return translate("Formats", "now")
    return translate("Formats", "in {duration}").format(duration=duration(left))


def ago(at: float, now: float) -> str:
    """How long since *at*: "for 12 s"."""
    return translate("Formats", "for {duration}").format(duration=rough_duration(now - at))


def round_trip(seconds: float | None) -> str:
    """The time of a probe, in milliseconds; empty where there was none."""
    if seconds is None:
        return ""
    return translate("Formats", "{n} ms").format(n=_number(seconds * 1_000, 0 if seconds >= 0.01 else 1))


def clock(at: float, *, seconds: bool = True) -> str:
    """The time of day, in the form of the locale."""
    return _time(QDateTime.fromMSecsSinceEpoch(round(at * 1_000)).time(), seconds=seconds)


def widest_clock() -> str:
    """A time of day that takes as much room as any."""
    return _time(QTime(22, 58, 58), seconds=True)


def _time(time: QTime, *, seconds: bool) -> str:
    # locales have a form with seconds, but it names the time zone, too
    form = QLocale().timeFormat(QLocale.FormatType.ShortFormat)
    return QLocale().toString(time, _MINUTES.sub(r"\1mm\1ss", form) if seconds else form)


def moment(at: float, now: float) -> str:
    """A time of day; with its date where that is another one."""
    then, today = (QDateTime.fromMSecsSinceEpoch(round(time * 1_000)) for time in (at, now))
    if then.date() == today.date():
        return clock(at, seconds=False)
    date = QLocale().toString(then.date(), QLocale.FormatType.ShortFormat)
    return translate("Formats", "{date}, {time}").format(date=date, time=clock(at, seconds=False))


def count(number: int) -> str:
    """A number with the separators of the language."""
    return QLocale().toString(number)


def _two_digits(number: int) -> str:
    return count(number).rjust(2, QLocale().zeroDigit())


def _number(value: float, decimals: int) -> str:
    return QLocale().toString(float(value), "f", decimals)  # an int would be another function


def took(seconds: float | None) -> str:
    """How long an answer took: milliseconds, then seconds with a digit, then as any duration; empty where it goes on."""
    if seconds is None:
        return ""
    if seconds < 1:
        return translate("Formats", "{n} ms").format(n=_number(seconds * 1_000, 0 if seconds >= 0.01 else 1))
    if seconds < _MINUTE_S:
        return translate("Formats", "{n} s").format(n=_number(seconds, 1))
    return duration(seconds)
