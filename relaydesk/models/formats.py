"""Numbers as people read them, in the language and with the digits of their system."""

from __future__ import annotations

import math

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale

translate = QCoreApplication.translate

_UNITS = ("kB", "MB", "GB", "TB", "PB")
_MINUTE_S = 60
_HOUR_S = 3_600
_DAY_S = 86_400


def size(count: float) -> str:
    """Bytes, in thousands as networks count: 999 B, 1.2 MB, 340 MB."""
    if count < 1_000:
        return f"{_number(max(0.0, count), 0)} B"
    value = count
    for unit in _UNITS:
        value /= 1_000
        # rounding may carry into the next unit: 999.96 kB is 1.0 MB
        if round(value, 0 if value >= 100 else 1) < 1_000 or unit == _UNITS[-1]:
            return f"{_number(value, 0 if value >= 100 else 1)} {unit}"
    raise AssertionError("the last unit takes everything")


def rate(bytes_per_s: float) -> str:
    """Bytes a second; empty for less than one, so that what is quiet looks quiet."""
    if bytes_per_s < 1:
        return ""
    return translate("Formats", "{size}/s").format(size=size(bytes_per_s))


def duration(seconds: float) -> str:
    """How long something took or lasts, in at most two units."""
    whole = max(0, round(seconds))
    if whole < _MINUTE_S:
        return translate("Formats", "{n} s").format(n=whole)
    if whole < _HOUR_S:
        minutes, rest = divmod(whole, _MINUTE_S)
        return translate("Formats", "{minutes} min {seconds:02} s").format(minutes=minutes, seconds=rest)
    if whole < _DAY_S:
        hours, rest = divmod(whole, _HOUR_S)
        return translate("Formats", "{hours} h {minutes:02} min").format(
            hours=hours, minutes=rest // _MINUTE_S
        )
    days, rest = divmod(whole, _DAY_S)
    return translate("Formats", "{days} d {hours} h").format(days=days, hours=rest // _HOUR_S)


def rough_duration(seconds: float) -> str:
    """How long something lasts, in one unit: for what is not watched to the second.

    Whole units that have passed; but what lacks less than a twentieth of one counts as full, so that a share for 8 hours has
    8 hours left at first.
    """
    whole = max(0, round(seconds))
    if whole < _MINUTE_S:
        return translate("Formats", "{n} s").format(n=whole)
    minutes, hours, days = ((whole + unit // 20) // unit for unit in (_MINUTE_S, _HOUR_S, _DAY_S))
    if minutes < _HOUR_S // _MINUTE_S and hours < 1:
        return translate("Formats", "{n} min").format(n=minutes)
    if hours < 2 * _DAY_S // _HOUR_S:
        return translate("Formats", "{n} h").format(n=hours)
    return translate("Formats", "{n} days").format(n=days)


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
    """The time of day, in the form of the system."""
    moment = QDateTime.fromMSecsSinceEpoch(round(at * 1_000))
    return moment.toString("HH:mm:ss" if seconds else "HH:mm")


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


def _number(value: float, decimals: int) -> str:
    return QLocale().toString(float(value), "f", decimals)  # an int would be another function
