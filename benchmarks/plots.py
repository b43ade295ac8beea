"""Two kinds of plots as SVG, for the documents: bars with their ranges, and curves. Text only, so that a diff shows what changed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from .samples import Spread

_WIDTH = 760
_FONT = 'font-family="sans-serif" font-size="12"'
_INK, _FAINT, _OURS, _OTHER = "#222", "#ccc", "#0072b2", "#9aa5ad"
#: Told apart by people who see colours differently, too (Okabe and Ito); curves also differ by their dashes.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c6d31")
_DASHES = ("", "7 3", "2 3", "9 3 2 3")


def bars(title: str, rows: Sequence[tuple[str, Spread, bool]]) -> str:
    """A bar for each row's median, with a line from its least value to its greatest; those of ours stand out.

    Args:
        title: What it shows, its unit, and which way is better.
        rows: Label, figure, whether it is ours.
    """
    left, right, row_height, top = 190, 90, 22, 40
    most = max((found.high for _, found, _ in rows), default=0) or 1.0
    height = top + row_height * len(rows) + 10
    scale = (_WIDTH - left - right) / most
    parts = [f'<text x="10" y="22" font-weight="bold">{escape(title)}</text>']
    for at, (label, found, is_ours) in enumerate(rows):
        y = top + at * row_height
        least, greatest = left + found.low * scale, left + found.high * scale
        fill = _OURS if is_ours else _OTHER
        weight = ' font-weight="bold"' if is_ours else ""
        parts += [
            f'<text x="{left - 8}" y="{y + 13}" text-anchor="end"{weight}>{escape(label)}</text>',
            f'<rect x="{left}" y="{y + 2}" width="{found.median * scale:.1f}" height="14" fill="{fill}"/>',
            f'<path d="M{least:.1f} {y + 9}H{greatest:.1f}" stroke="{_INK}" stroke-width="1.5"/>',
            f'<text x="{greatest + 6:.1f}" y="{y + 13}">{_short(found.median)}</text>',
        ]
    return _svg(height, parts)


def curves(
    title: str, x_title: str, lines: Mapping[str, Sequence[tuple[float, float]]], *, is_linear: bool = False
) -> str:
    """A curve for each name through its points.

    Both axes are logarithmic, and points that are not above zero are left out; or both begin at zero.

    Args:
        title: What goes upwards, its unit, and which way is better.
        x_title: What goes to the right.
        lines: Points of each curve, from left to right.
        is_linear: Whether a straight line is to look like one.
    """
    drawn = {
        name: points
        for name, given in lines.items()
        if (points := [(x, y) for x, y in given if is_linear or (x > 0 and y > 0)])
    }
    left, right, top, bottom, height = 70, 190, 40, 45, 380
    xs = [x for points in drawn.values() for x, _ in points] or [1.0]
    ys = [y for points in drawn.values() for _, y in points] or [1.0]
    axis = _LinearAxis if is_linear else _LogarithmicAxis
    across = axis(min(xs), max(xs), left, _WIDTH - right)
    up = axis(min(ys), max(ys), height - bottom, top)
    parts = [
        f'<text x="10" y="22" font-weight="bold">{escape(title)}</text>',
        f'<text x="{(left + _WIDTH - right) / 2}" y="{height - 8}" text-anchor="middle">{escape(x_title)}</text>',
    ]
    parts += [
        f'<text x="{across.at(value):.1f}" y="{height - bottom + 18}" text-anchor="middle">{_short(value)}</text>'
        for value in (across.marks() if is_linear else sorted(set(xs)))
    ]
    for value in up.marks():
        y = up.at(value)
        parts += [
            f'<line x1="{left}" x2="{_WIDTH - right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_FAINT}"/>',
            f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>',
        ]
    for at, (name, points) in enumerate(drawn.items()):
        colour = _COLOURS[at % len(_COLOURS)]
        dashes = _DASHES[at // len(_COLOURS) % len(_DASHES)]
        path = " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in points)
        stroke = f'stroke="{colour}" stroke-width="{3 if name.startswith("RelayDesk") else 1.5}" stroke-dasharray="{dashes}"'
        y = top + 18 * at
        parts += [
            f'<polyline points="{path}" fill="none" {stroke}/>',
            *(
                f'<circle cx="{across.at(x):.1f}" cy="{up.at(y):.1f}" r="2.5" fill="{colour}"/>'
                for x, y in points
            ),
            f'<line x1="{_WIDTH - right + 12}" x2="{_WIDTH - right + 40}" y1="{y}" y2="{y}" {stroke}/>',
            f'<text x="{_WIDTH - right + 46}" y="{y + 4}">{escape(name)}</text>',
        ]
    return _svg(max(height, top + 18 * len(drawn) + 10), parts)


class _LogarithmicAxis:
    """From values to places, by their logarithms."""

    def __init__(self, low: float, high: float, begin: float, end: float) -> None:
        self._low, self._high = low, high if high > low else low * 10
        self._begin, self._end = begin, end

    def at(self, value: float) -> float:
        share = math.log(value / self._low) / math.log(self._high / self._low)
        return self._begin + share * (self._end - self._begin)

    def marks(self) -> list[float]:
        """The powers of ten that it has; where they are few, their doubles and fivefolds too."""
        powers = range(math.floor(math.log10(self._low)), math.ceil(math.log10(self._high)) + 1)
        for steps in ((1,), (1, 2, 5)):
            found = [step * 10.0**power for power in powers for step in steps]
            found = [value for value in found if self._low <= value <= self._high]
            if len(found) > 2:
                return found
        return [self._low, self._high]


class _LinearAxis:
    """From values to places, from zero on."""

    def __init__(self, _: float, high: float, begin: float, end: float) -> None:
        self._high = high or 1.0
        self._begin, self._end = begin, end

    def at(self, value: float) -> float:
        return self._begin + value / self._high * (self._end - self._begin)

    def marks(self) -> list[float]:
        """Three to seven round numbers."""
        power = 10.0 ** math.floor(math.log10(self._high))
        step = next(step for step in (power / 5, power / 2, power, 2 * power) if self._high / step <= 6)
        return [count * step for count in range(int(self._high / step) + 1)]


def _short(value: float) -> str:
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _svg(height: int, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'{_FONT} fill="{_INK}">\n<rect width="{_WIDTH}" height="{height}" fill="#fff"/>\n{body}\n</svg>\n'
    )
