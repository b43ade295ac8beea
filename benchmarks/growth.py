"""``python -m benchmarks.growth``: how the gateway's costs grow with what it holds. They should grow by a line, or not.

Three things are held, in rising numbers: relayed pairs on which nothing happens, listeners, and hybrid connections that
nobody uses. At each number: resident memory, processor time while nothing happens, and what one set-up beside them costs.
For hybrid connections also the time until a gateway that has so many is ready.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hyco.limits import MAX_LISTENERS
from hyco.sas import audience, sign

from . import machine, setups
from .processes import ROOT, BenchmarkError, allow_many_descriptors, end_in_order
from .relays import OURS, Relay, Workshop, more, workshop
from .report import show, table
from .samples import Run, Sample, Spread, spread
from .wire import HOST, RelayMeeting

PAIRS, LISTENERS, CONNECTIONS = "relayed pairs", "listeners", "hybrid connections"
RESULTS = ROOT / "benchmarks" / "results"
#: Pairs that are made before anything counts: they pay for what is needed once.
_FIRST = 50
_SETTLE_S = 0.3
_TOKEN_LIFE_S = 86_400
#: A cost that grows with a higher power of the number than this one is named: memory comes in blocks, and time is noisy.
LINEAR_POWER = 1.15


@dataclasses.dataclass(frozen=True)
class Pace:
    """How many, how often, how long; *counts* rise."""

    rounds: int
    counts: Sequence[int]
    idle_s: float
    warm_s: float
    measure_s: float


FULL = Pace(rounds=5, counts=(10, 300, 9_000), idle_s=1.0, warm_s=0.3, measure_s=1.0)
QUICK = Pace(rounds=5, counts=(10, 100, 1_000), idle_s=0.3, warm_s=0.1, measure_s=0.3)

#: By name in the raw figures: what it is in the tables, and the least of it that is more than noise.
FIGURES = {
    "rss_kib": ("memory, KiB", 256.0),
    "idle_cpu_ms_per_s": ("CPU ms per s, idle", 5.0),
    "setup_cpu_us": ("CPU µs of one set-up", 100.0),
    "start_s": ("s until it is ready", 0.1),
}


def main() -> int:
    """Exit code 1 when something could not be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth",
        description="Measure how the gateway's costs grow with what it holds.",
    )
    parser.add_argument("--quick", action="store_true", help="up to a thousand: for a look, not for a claim")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often everything is done")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the raw figures go")
    parser.add_argument(
        "--show", type=Path, metavar="FILE", help="print the tables of an earlier run, measure nothing"
    )
    options = parser.parse_args()
    if options.show:
        print(render(Run.from_json(options.show.read_text())), end="")
        return 0
    pace = QUICK if options.quick else FULL
    if options.rounds:
        pace = dataclasses.replace(pace, rounds=options.rounds)
    output = options.output or RESULTS / time.strftime("growth-%Y%m%d-%H%M%S.json")
    try:
        run = measure(pace, output)
    except (BenchmarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(render(run), end="")
    print(f"\nraw figures: {output}", file=sys.stderr)
    return 0


def measure(pace: Pace, output: Path) -> Run:
    """Grow each thing once in each round; the file is written anew after each."""
    allow_many_descriptors()
    end_in_order()
    run = Run(machine.describe(), dataclasses.asdict(pace), {}, [])
    with workshop() as shop:
        for round_ in range(pace.rounds):
            for what, grow in GROWING.items():
                samples = [Sample(round_, what, OURS, figures) for figures in grow(shop, pace)]
                run = dataclasses.replace(run, samples=[*run.samples, *samples])
                output.write_text(run.to_json())
            print(f"round {round_ + 1} of {pace.rounds} done", file=sys.stderr)
    return run


def _grow_pairs(shop: Workshop, pace: Pace) -> Iterator[dict[str, float]]:
    with (
        shop.relay(OURS, is_secure=False, cpus=None, connections=1) as relay,
        contextlib.ExitStack() as stack,
    ):
        # not on PATH: set-ups are measured there, by a listener of their own
        meeting = _listen(shop, relay, more(0))
        stack.callback(meeting.close)

        def one(_: int) -> None:
            for end in meeting.pair():
                stack.callback(end.sock.close)

        yield from _held(relay, pace, one)


def _grow_listeners(shop: Workshop, pace: Pace) -> Iterator[dict[str, float]]:
    connections = math.ceil((pace.counts[-1] + _FIRST) / MAX_LISTENERS)
    with (
        shop.relay(OURS, is_secure=False, cpus=None, connections=connections) as relay,
        contextlib.ExitStack() as stack,
    ):

        def one(number: int) -> None:
            stack.callback(_listen(shop, relay, more(number // MAX_LISTENERS)).close)

        yield from _held(relay, pace, one)


def _listen(shop: Workshop, relay: Relay, path: str) -> RelayMeeting:
    expires_at = int(time.time()) + _TOKEN_LIFE_S
    token = sign(audience(HOST, path), shop.rule.name, shop.rule.primary_key, expires_at)
    return RelayMeeting(relay.dial, path, token)


def _held(relay: Relay, pace: Pace, one: Callable[[int], None]) -> Iterator[dict[str, float]]:
    """Make the first ones, and then as many as are counted: the figures at each number, and before."""
    for number in range(_FIRST):
        one(number)
    made = 0
    for count in (0, *pace.counts):
        while made < count:
            one(_FIRST + made)
            made += 1
        yield {"count": float(count), **_figures(relay, pace)}


def _grow_connections(shop: Workshop, pace: Pace) -> Iterator[dict[str, float]]:
    for count in (0, *pace.counts):
        with shop.relay(OURS, is_secure=False, cpus=None, connections=count) as relay:
            start_s = relay.program.cpu_s()
            yield {"count": float(count), "start_s": start_s, **_figures(relay, pace)}


def _figures(relay: Relay, pace: Pace) -> dict[str, float]:
    time.sleep(_SETTLE_S)
    rss, before = relay.program.rss_bytes(), relay.program.cpu_s()
    time.sleep(pace.idle_s)
    idle_s = relay.program.cpu_s() - before
    found = setups.measure(relay, warm_s=pace.warm_s, measure_s=pace.measure_s)
    return {
        "rss_kib": rss / 1024,
        "idle_cpu_ms_per_s": idle_s / pace.idle_s * 1e3,
        "setup_cpu_us": found["cpu_us"],
    }


#: What is held, and who makes it grow.
GROWING = {PAIRS: _grow_pairs, LISTENERS: _grow_listeners, CONNECTIONS: _grow_connections}


@dataclasses.dataclass(frozen=True)
class Curve:
    """One figure by the number of what is held.

    Attributes:
        points: The figure at each number, over all rounds.
        base: The line's value at none of them.
        slope: What each adds, by least squares over the medians.
        power: With which power of the number the figure's growth grows; None where there is too little of it to tell.
    """

    points: dict[int, Spread]
    base: float
    slope: float
    power: float | None

    @property
    def is_worse_than_linear(self) -> bool:
        """Whether each one more costs more than the one before it."""
        return self.power is not None and self.power > LINEAR_POWER


def curve(run: Run, what: str, figure: str) -> Curve | None:
    """The curve of *figure*, or None where it was not measured."""
    values: dict[int, list[float]] = {}
    for sample in run.samples:
        if sample.work == what and figure in sample.figures:
            values.setdefault(int(sample.figures["count"]), []).append(sample.figures[figure])
    points = {count: found for count, seen in sorted(values.items()) if (found := spread(seen))}
    if len(points) < 3:
        return None
    counts, medians = list(points), [found.median for found in points.values()]
    mean_count, mean = sum(counts) / len(counts), sum(medians) / len(medians)
    slope = sum((c - mean_count) * (m - mean) for c, m in zip(counts, medians, strict=True)) / sum(
        (c - mean_count) ** 2 for c in counts
    )
    # Between the last two: by then what is there anyway, and noise, matter least.
    first, before, last = medians[0], medians[-2] - medians[0], medians[-1] - medians[0]
    power = None
    if before > FIGURES[figure][1] and last > 0 and first >= 0:
        power = math.log(last / before) / math.log(counts[-1] / counts[-2])
    return Curve(points, mean - slope * mean_count, slope, power)


def render(run: Run) -> str:
    """The whole report."""
    lines = [f"* {name}: {value}" for name, value in run.machine.items()]
    lines.append(f"* pace: {run.settings['rounds']:g} rounds")
    rows = []
    worse = []
    for what in GROWING:
        for figure, (text, noise) in FIGURES.items():
            found = curve(run, what, figure)
            if found is None:
                continue
            rows.append(
                (
                    what,
                    text,
                    *(show(point) for point in found.points.values()),
                    _line(found),
                    _shape(found, noise),
                )
            )
            if found.is_worse_than_linear:
                worse.append(f"{text} with the number of {what} (power {found.power:.2f})")
    counts = (0, *run.settings["counts"])
    head = ("held", "figure ↓", *(f"{count:,}" for count in counts), "line", "grows")
    verdict = (
        f"Worse than by a line: {'; '.join(worse)}." if worse else "Nothing grows faster than by a line."
    )
    return "\n".join(lines) + f"\n\n{table(head, rows)}\n\n{verdict}\n"


def _line(found: Curve) -> str:
    base = f"{found.base:,.0f}" if abs(found.base) >= 100 else f"{found.base:.3g}"
    return f"{base} {'-' if found.slope < 0 else '+'} {abs(found.slope):.3g} n"


def _shape(found: Curve, noise: float) -> str:
    if found.power is not None:
        worse = "faster than by a line, " if found.is_worse_than_linear else ""
        return f"{worse}power {found.power:.2f}"
    medians = [point.median for point in found.points.values()]
    if abs(medians[-1] - medians[0]) <= noise:
        return "hardly"
    return f"by {medians[-1] / medians[0] - 1:+.0%} in all; too little before that to tell a power"


if __name__ == "__main__":
    sys.exit(main())
