"""``python -m benchmarks``: measure, keep the raw figures, print the tables."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from . import machine, report
from .processes import ROOT, BenchmarkError, allow_many_descriptors, end_in_order, processors
from .relays import Relay, Workshop, workshop
from .samples import Run, Sample
from .wire import check_relays
from .works import FULL, QUICK, WORKS, Pace, Work

RESULTS = ROOT / "benchmarks" / "results"


def main() -> int:
    """Exit code 1 when a measurement could not be made; whatever the figures are, they are no failure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure the gateway beside other relays."
    )
    parser.add_argument("--quick", action="store_true", help="short cells: for a look, not for a claim")
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="how often everything is done (at least 5 for a claim)"
    )
    parser.add_argument("--only", action="append", metavar="TEXT", help="only works with TEXT in their names")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the raw figures go")
    parser.add_argument(
        "--show", type=Path, metavar="FILE", help="print the tables of an earlier run, measure nothing"
    )
    options = parser.parse_args()
    if options.show:
        print(report.render(Run.from_json(options.show.read_text())), end="")
        return 0
    pace = QUICK if options.quick else FULL
    if options.rounds:
        pace = dataclasses.replace(pace, rounds=options.rounds)
    works = [work for work in WORKS if any(text in work.name for text in options.only or [""])]
    output = options.output or RESULTS / time.strftime("%Y%m%d-%H%M%S.json")
    try:
        run = measure(works, pace, output)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(report.render(run), end="")
    print(f"\nraw figures: {output}", file=sys.stderr)
    return 0


def measure(works: Sequence[Work], pace: Pace, output: Path) -> Run:
    """Do every work once in each round, one relay after the other; the file is written anew after each round."""
    allow_many_descriptors()
    end_in_order()
    relay_cpus, own_cpus = processors()
    if own_cpus:
        os.sched_setaffinity(0, own_cpus)
    started = time.monotonic()
    company = machine.Company()
    with workshop() as shop:
        run = Run(machine.describe(), dataclasses.asdict(pace), shop.missing, [])
        samples: list[Sample] = []
        for round_ in range(pace.rounds):
            samples += _round(shop, works, pace, round_, relay_cpus)
            found = {**run.machine, "other work on it": company.describe()}
            run = dataclasses.replace(run, machine=found, samples=samples)
            output.write_text(run.to_json())
            print(
                f"round {round_ + 1} of {pace.rounds} done, {time.monotonic() - started:.0f} s",
                file=sys.stderr,
            )
    return run


def _round(
    shop: Workshop, works: Sequence[Work], pace: Pace, round_: int, cpus: set[int] | None
) -> list[Sample]:
    """All relays are up for the whole round; one that has nothing to do costs the others nothing."""
    samples = []
    with contextlib.ExitStack() as stack:
        up: dict[tuple[str, bool], Relay] = {}
        for work in works:
            for name in work.relays:
                if name in shop.missing:
                    continue
                key = name, work.is_secure
                if work.needs_fresh:
                    with shop.relay(name, is_secure=work.is_secure, cpus=cpus) as relay:
                        figures = _measure(relay, work, pace)
                else:
                    if key not in up:
                        up[key] = stack.enter_context(shop.relay(name, is_secure=work.is_secure, cpus=cpus))
                        with contextlib.closing(up[key].meeting()) as meeting:
                            check_relays(meeting, seed=round_)
                    figures = _measure(up[key], work, pace)
                samples.append(Sample(round_, work.name, name, figures))
    return samples


def _measure(relay: Relay, work: Work, pace: Pace) -> dict[str, float]:
    try:
        return work.measure(relay, pace)
    except (BenchmarkError, OSError) as error:
        raise BenchmarkError(f"{work.name}, {relay.name}: {error}{relay.program.last_words()}") from error


if __name__ == "__main__":
    sys.exit(main())
