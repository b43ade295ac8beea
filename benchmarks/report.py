"""A run as text: one table of everything, one of what is to be held. Markdown, for a terminal and for the docs alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .relays import ALL, C_FORWARDER, OURS, WEBSOCKETS
from .samples import Run, Spread
from .works import BARS, WORKS, Figure, Work

#: From this share of one processor on, the generator may have been what held a rate down.
BUSY = 0.9


def render(run: Run) -> str:
    """The whole report."""
    parts = [_machine(run), _measured(run), _held(run)]
    if run.missing:
        parts.append("\n".join(f"Missing: {name}, because {reason}." for name, reason in run.missing.items()))
    return "\n\n".join(parts) + "\n"


def _machine(run: Run) -> str:
    return "\n".join(f"* {name}: {value}" for name, value in (*run.machine.items(), ("pace", _pace(run))))


def _pace(run: Run) -> str:
    settings = run.settings
    return (
        f"{settings['rounds']:g} rounds, each figure over {settings['measure_s']:g} s after {settings['warm_s']:g} s,"
        f" {settings['pairs']:g} idle pairs"
    )


def _measured(run: Run) -> str:
    done = {sample.work for sample in run.samples}
    rows = [_row(run, work, figure) for work in WORKS if work.name in done for figure in work.figures]
    head = ("work", "figure", *ALL, f"{OURS} / {C_FORWARDER}", f"{OURS} / {WEBSOCKETS}")
    measured = table(head, rows)
    notes = "Medians, least and greatest in brackets; ratios are taken within each round. ↑: more is better, ↓: less is."
    if any("*" in cell for row in rows for cell in row):
        notes += " *: the generator was at its limit and the relay was not."
    return f"{measured}\n\n{notes}"


def _row(run: Run, work: Work, figure: Figure) -> tuple[str, ...]:
    measured = (_cell(run, work, figure, relay) for relay in ALL)
    ratios = (
        show(run.ratio(work.name, figure.name, OURS, base)) if base in work.relays else ""
        for base in (C_FORWARDER, WEBSOCKETS)
    )
    return work.name, f"{figure.text} {'↑' if figure.is_rate else '↓'}", *measured, *ratios


def _cell(run: Run, work: Work, figure: Figure, relay: str) -> str:
    if relay not in work.relays:
        return ""
    if relay in run.missing:
        return "missing"
    text = show(run.spread(work.name, figure.name, relay))
    generator = run.spread(work.name, "generator_share", relay)
    own = run.spread(work.name, "relay_share", relay)
    if figure.is_rate and generator and own and generator.median > BUSY > own.median:
        text += " *"
    return text


def _held(run: Run) -> str:
    rows = []
    for bar in BARS:
        if bar.base is None:
            found = run.spread(bar.work, bar.figure.name, OURS)
        else:
            found = run.ratio(bar.work, bar.figure.name, OURS, bar.base)
        sign = "≥" if bar.figure.is_rate else "≤"
        verdict = "not measured" if found is None else "held" if bar.is_held(found.median) else "missed"
        rows.append((bar.text, f"{sign} {bar.hold:g}", f"{bar.reach:g}", show(found), verdict))
    return table(("to hold", "hold", "reach for", "here", ""), rows)


def show(found: Spread | None) -> str:
    """``0.21 [0.2-0.25]``, three digits of each; a dash where there is nothing."""
    if found is None:
        return "-"
    return f"{_digits(found.median)} [{_digits(found.low)}-{_digits(found.high)}]"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
