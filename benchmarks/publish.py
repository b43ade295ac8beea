"""``python -m benchmarks.publish``: put runs into docs/performance.md, with their tables and plots.

A run that is given becomes the reference run of its kind; those of the other kinds stay as they are. Whatever stands
between two marks in the page is written anew from the reference runs: nothing there is to be changed by hand.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from . import growth, plots, report
from .paths import report as path_report
from .paths import works
from .peers.cast import OURS, OURS_PURE, OURS_TLS, PEERS
from .processes import ROOT
from .samples import Run

PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images" / "performance"
#: Fewer say too little about how far figures reach.
LEAST_ROUNDS = 5
RESULTS = ROOT / "benchmarks" / "results"


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of run: its mark in the page, its reference run, its tables and its plots by file name."""

    mark: str
    reference: str
    render: Callable[[Run], str]
    draw: Callable[[Run], Mapping[str, str]]


def _no_plots(_: Run) -> Mapping[str, str]:
    return {}


_BARS = (
    ("stream-down", "one stream down", works.MB_PER_S, "One stream down, MB per second (more is better)"),
    (
        "stream-cost",
        "one stream down",
        works.CPU_PER_GB,
        "CPU seconds of all programs per GB (less is better)",
    ),
    ("streams-64", "64 streams down", works.MB_PER_S, "64 streams down, MB per second (more is better)"),
    ("pingpong", works.PINGPONG, works.P50_US, "64 bytes there and back, µs at the median (less is better)"),
    ("connect", works.CONNECT_MANY, works.PER_S, "New connections per second, 64 at once (more is better)"),
    ("http", works.HTTP_FEW, works.PER_S, "HTTP requests per second, 32 connections (more is better)"),
)
_CURVES = (
    (
        "open-loop",
        works.OPEN_LOOP,
        "p99_us at ",
        "HTTP at fixed rates: p99, µs (less is better)",
        "requests per second",
    ),
    (
        "ladder",
        works.LADDER,
        "p50_us of ",
        "So many bytes there, one back: µs at the median (less is better)",
        "bytes",
    ),
    (
        "distance-connect",
        works.DISTANCE,
        "connect p50_us at ",
        "New connection and a byte: µs at the median (less is better)",
        "round trip, ms",
    ),
    (
        "distance-stream",
        works.DISTANCE,
        "mb_per_s at ",
        "One stream down, MB per second (more is better)",
        "round trip, ms",
    ),
)


def _draw_paths(run: Run) -> Mapping[str, str]:
    names = [peer.name for peer in PEERS]
    drawn = {}
    for file, work, figure, title in _BARS:
        found = [
            (name, spread, name in {OURS, OURS_PURE, OURS_TLS})
            for name in names
            if (spread := run.spread(work, figure.name, name))
        ]
        if found:
            drawn[f"{file}.svg"] = plots.bars(title, found)
    for file, work, prefix, title, x_title in _CURVES:
        figures = path_report.numbers(run, work, prefix)
        lines = {}
        for name in names:
            at = {figure: run.spread(work, figure, name) for figure in figures}
            points = [
                (float(figure.removeprefix(prefix).split()[0]), spread.median)
                for figure, spread in at.items()
                if spread
            ]
            if points:
                lines[name] = points
        if lines:
            drawn[f"{file}.svg"] = plots.curves(title, x_title, lines)
    return drawn


def _draw_growth(run: Run) -> Mapping[str, str]:
    drawn = {}
    for figure, (text, _) in growth.FIGURES.items():
        lines = {}
        for what in (growth.PAIRS, growth.LISTENERS, growth.CONNECTIONS):
            curve = growth.curve(run, what, figure)
            if curve is not None:
                lines[what] = [(float(count), found.median) for count, found in curve.points.items()]
        if lines and figure != "idle_cpu_ms_per_s":  # which is next to nothing, and noise
            file = f"growth-{figure.replace('_', '-')}.svg"
            drawn[file] = plots.curves(
                f"Gateway: {text} (less is better)", "how many of them it holds", lines, is_linear=True
            )
    return drawn


KINDS = {
    "gateway": Kind("gateway", "reference.json", report.render, _no_plots),
    "paths": Kind("paths", "reference-paths.json", path_report.render, _draw_paths),
    "growth": Kind("growth", "reference-growth.json", growth.render, _draw_growth),
}


def section(kind: Kind, run: Run, images: str = "images/performance") -> str:
    """What stands in the page for *run*: its tables, and its plots under them."""
    plotted = [f"![{_alt(svg)}]({images}/{file})" for file, svg in kind.draw(run).items()]
    return "\n\n".join([kind.render(run).rstrip("\n"), *plotted]) + "\n"


def _alt(svg: str) -> str:
    """The plot's own title."""
    return svg.split('font-weight="bold">', 1)[1].split("<", 1)[0]


def put(page: str, mark: str, text: str) -> str:
    """*page* with *text* between the two marks of that name.

    Raises:
        ValueError: The page lacks them.
    """
    begin, end = f"<!-- begin {mark} -->\n", f"<!-- end {mark} -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no marks for {mark}: {begin.strip()} and {end}")
    return f"{before}{begin}{text}{end}{after}"


def main() -> int:
    """Exit code 1 when a file cannot be used; nothing is changed then."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.publish", description="Put runs into docs/performance.md."
    )
    for name in KINDS:
        parser.add_argument(
            f"--{name}",
            type=Path,
            nargs="+",
            metavar="FILE",
            help=f"the new reference run of {name}; of several files, the later ones add works or redo them",
        )
    options = vars(parser.parse_args())
    page = PAGE.read_text()
    plotted: dict[str, str] = {}
    new: dict[Path, str] = {}
    try:
        for name, kind in KINDS.items():
            given: list[Path] | None = options[name]
            reference = RESULTS / kind.reference
            if not given and not reference.exists():
                continue
            runs = [Run.from_json(file.read_text()) for file in given or [reference]]
            run = functools.reduce(Run.joined, runs)
            if run.settings["rounds"] < LEAST_ROUNDS:
                print(
                    f"error: {name} has fewer than {LEAST_ROUNDS} rounds: a look, not a claim",
                    file=sys.stderr,
                )
                return 1
            page = put(page, kind.mark, section(kind, run))
            plotted.update(kind.draw(run))
            new[reference] = run.to_json()
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for reference, text in new.items():
        reference.write_text(text)
    IMAGES.mkdir(parents=True, exist_ok=True)
    for old in IMAGES.glob("*.svg"):
        if old.name not in plotted:
            old.unlink()
    for file, svg in plotted.items():
        (IMAGES / file).write_text(svg)
    PAGE.write_text(page)
    print(f"{PAGE.relative_to(ROOT)} and {len(plotted)} plots are up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
