"""``python -m benchmarks.paths``: measure ours and the peers on whole paths, keep the raw figures, print the tables."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from .. import machine
from ..peers.cast import PEERS, Peer
from ..peers.installing import PeerMissingError, versions
from ..processes import ROOT, BenchmarkError, allow_many_descriptors, end_in_order
from ..relays import workshop
from ..samples import Failure, Run, Sample
from . import report
from .load import Programs
from .stage import Bench
from .works import CORE, FULL, WORKS, Pace, Work

RESULTS = ROOT / "benchmarks" / "results"


def main() -> int:
    """Exit code 1 when nothing can be measured here; a peer that is missing or fails is told, and no failure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.paths", description="Measure whole paths, ours beside other people's."
    )
    parser.add_argument("--full", action="store_true", help="all works, longer: two hours")
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="how often everything is done (at least 5 for a claim)"
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="TEXT",
        help="only works with TEXT in their names, from all of them",
    )
    parser.add_argument(
        "--peers", action="append", metavar="TEXT", help="only peers with TEXT in their names"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the raw figures go")
    parser.add_argument(
        "--show", type=Path, metavar="FILE", help="print the tables of an earlier run, measure nothing"
    )
    options = parser.parse_args()
    if options.show:
        print(report.render(Run.from_json(options.show.read_text())), end="")
        return 0
    pace = FULL if options.full else CORE
    if options.rounds:
        pace = dataclasses.replace(pace, rounds=options.rounds)
    works = [work for work in WORKS if options.full or options.only or work.is_core]
    works = [work for work in works if any(text in work.name for text in options.only or [""])]
    peers = [peer for peer in PEERS if any(text in peer.name for text in options.peers or [""])]
    output = options.output or RESULTS / time.strftime("paths-%Y%m%d-%H%M%S.json")
    try:
        run = measure(peers, works, pace, output)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(report.render(run), end="")
    print(f"\nraw figures: {output}", file=sys.stderr)
    return 0


def measure(peers: Sequence[Peer], works: Sequence[Work], pace: Pace, output: Path) -> Run:
    """Do every work once in each round, one peer after the other; the file is written anew after each work.

    Raises:
        BenchmarkError: There is no load to measure with.
    """
    allow_many_descriptors()
    end_in_order()
    started = time.monotonic()
    company = machine.Company()
    found = {
        **machine.describe(),
        "peers": versions(),
        "load": "one C program at both ends, on the same processors",
    }
    run = Run(found, dataclasses.asdict(pace), {}, [])
    with workshop() as shop, tempfile.TemporaryDirectory() as folder:
        programs = Programs(Path(folder))
        for round_ in range(pace.rounds):
            with contextlib.ExitStack() as stack:
                # A load of its own for each round: whatever a failed work left behind in it is gone.
                bench = Bench(shop, programs, stack.enter_context(programs.load()))
                stack.callback(bench.close)
                for work in works:
                    run = _do(bench, work, peers, round_, run)
                    output.write_text(run.to_json())
            # Only now that all of a round's programs have ended, their time is known to be ours.
            run = dataclasses.replace(run, machine={**found, "other work on it": company.describe()})
            output.write_text(run.to_json())
            elapsed_s = time.monotonic() - started
            print(f"round {round_ + 1} of {pace.rounds} done, {elapsed_s:.0f} s", file=sys.stderr)
    return run


def _do(bench: Bench, work: Work, peers: Sequence[Peer], round_: int, run: Run) -> Run:
    pace = Pace(**run.settings)
    missing, samples, failures = dict(run.missing), list(run.samples), list(run.failures)
    for peer in peers:
        if peer.name in missing:
            continue
        try:
            figures = work.measure(bench, peer, pace)
            samples.append(Sample(round_, work.name, peer.name, figures))
        except PeerMissingError as error:
            if peer.no_distance == str(error):
                failures.append(Failure(round_, work.name, peer.name, str(error)))
            else:
                missing[peer.name] = str(error)
        except (BenchmarkError, OSError, subprocess.SubprocessError, psutil.Error) as error:
            print(f"{work.name}, {peer.name}: {error}", file=sys.stderr)
            failures.append(Failure(round_, work.name, peer.name, str(error).splitlines()[0]))
            bench.drop(peer)
    return dataclasses.replace(run, missing=missing, samples=samples, failures=failures)


if __name__ == "__main__":
    sys.exit(main())
