"""``python -m benchmarks.clustering --store URL``: what it costs one gateway to share a database and NATS.

The same three works on a gateway alone (SQLite, no fabric) and on one that could be of several (PostgreSQL, NATS), in turns; the
ratios are taken within each round. Relayed bytes cross neither of the two, so streams must not differ.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from . import machine, setups, small_requests, streams
from .clusters import clustered, shared
from .processes import BenchmarkError, allow_many_descriptors, end_in_order, processors
from .relays import OURS, Relay, workshop
from .report import show, table
from .samples import spread

Measure = Callable[[Relay, float, float], dict[str, float]]


def _stream(relay: Relay, warm_s: float, measure_s: float) -> dict[str, float]:
    found = streams.measure(relay, frame_bytes=65_536, warm_s=warm_s, measure_s=measure_s)
    return {"per_s": found["mb_per_s"], "cpu_us": found["cpu_s_per_gb"] * 1e6}


WORKS: dict[str, Measure] = {
    "relayed connections, 8 at once": lambda relay, warm_s, measure_s: setups.measure(
        relay, warm_s=warm_s, measure_s=measure_s
    ),
    "small HTTP requests, 8 at once": lambda relay, warm_s, measure_s: small_requests.measure(
        relay, warm_s=warm_s, measure_s=measure_s
    ),
    "stream, 64 KiB frames (MB)": _stream,
}


def main() -> int:
    """Measure and print; exit code 1 when a measurement could not be made."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clustering", description=__doc__)
    parser.add_argument("--store", required=True, metavar="URL", help="a PostgreSQL database for this alone")
    parser.add_argument("--rounds", type=int, default=9, metavar="N")
    options = parser.parse_args()
    try:
        print(measure(options.store, options.rounds), end="")
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def measure(store: str, rounds: int, warm_s: float = 0.4, measure_s: float = 2.0) -> str:
    """The table: median and range of each figure, and of the ratios."""
    allow_many_descriptors()
    end_in_order()
    relay_cpus, own_cpus = processors()
    if own_cpus:
        os.sched_setaffinity(0, own_cpus)
    found: dict[str, list[tuple[dict[str, float], dict[str, float], float]]] = {name: [] for name in WORKS}
    with (
        workshop() as shop,
        shared(store) as of,
        shop.relay(OURS, is_secure=False, cpus=relay_cpus) as alone,
        clustered(of, "bench", cpus=relay_cpus) as one_of_many,
    ):
        for round_ in range(rounds):
            for name, work in WORKS.items():
                order = (alone, one_of_many) if round_ % 2 else (one_of_many, alone)
                before = of.nats_cpu_s()
                figures = {relay.name: work(relay, warm_s, measure_s) for relay in order}
                nats_s = of.nats_cpu_s() - before
                found[name].append((figures[alone.name], figures[one_of_many.name], nats_s))
            print(f"round {round_ + 1} of {rounds} done", file=sys.stderr)
    rows = []
    for name, samples in found.items():
        cells = [name]
        for which in ("per_s", "cpu_us"):
            cells.append(show(spread(alone[which] for alone, _, _ in samples)))
            cells.append(show(spread(many[which] for _, many, _ in samples)))
            cells.append(show(spread(many[which] / alone[which] for alone, many, _ in samples)))
        nats_us = spread(nats_s / (many["per_s"] * (warm_s + measure_s)) * 1e6 for _, many, nats_s in samples)
        rows.append([*cells, show(nats_us)])
    head = (
        "",
        "per s: alone",
        "one of many",
        "ratio",
        "CPU µs: alone",
        "one of many",
        "ratio",
        "NATS, CPU µs",
    )
    lines = [f"* {name}: {value}" for name, value in machine.describe().items()]
    return "\n".join(lines) + f"\n* {rounds} rounds, median [least-greatest]\n\n" + table(head, rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())
