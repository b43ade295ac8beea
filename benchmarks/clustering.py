"""``python -m benchmarks.clustering --store URL``: what it costs one gateway to share a database and NATS.

The same three works on a gateway alone (SQLite, no fabric) and on one that could be of several (PostgreSQL, NATS), in turns; the
ratios are taken within each round. Relayed bytes cross neither of the two, so streams must not differ. Besides, what a thousand
listeners take there, and an event to 25 subscribers.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable

from hyco.frames import Opcode, frame

from . import machine, setups, small_requests, streams
from .clusters import EVENTS, HELD, Shared, clustered, options, shared
from .processes import BenchmarkError, allow_many_descriptors, end_in_order, processors
from .relays import OURS, Relay, workshop
from .report import show, table
from .samples import spread
from .wire import MASK, upgrade_request

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


def _listeners(relay: Relay, of: Shared) -> str:
    """A thousand of them, on forty hybrid connections."""
    time.sleep(0.5)
    rss, nats_rss = relay.program.rss_bytes(), of.nats_rss_bytes()
    cpu, nats_cpu = relay.program.cpu_s(), of.nats_cpu_s()
    began = time.perf_counter()
    opened = [_opened(relay, f"/$hc/{path}?sb-hc-action=listen") for path in HELD for _ in range(25)]
    took = time.perf_counter() - began
    count = len(opened)
    cells = [
        f"{(relay.program.rss_bytes() - rss) / count / 1024:.1f} KiB",
        f"{(relay.program.cpu_s() - cpu) / count * 1e6:.0f} µs",
        f"{(of.nats_rss_bytes() - nats_rss) / count / 1024:.1f} KiB",
        f"{(of.nats_cpu_s() - nats_cpu) / count * 1e6:.0f} µs",
        f"{count / took:.0f} per s, one after the other",
    ]
    for sock in opened:
        sock.close()
    return table(("a listener", "CPU", "at NATS", "CPU at NATS", "they come"), [cells])


def _events(relay: Relay, of: Shared, count: int = 2_000) -> str:
    """An event of 1 KiB to 25 subscribers at one gateway, as fast as its publisher's WebSocket is read."""
    subscribers = [_opened(relay, f"/$hc/{EVENTS}?sb-hc-action=subscribe") for _ in range(25)]
    publisher = _opened(relay, f"/$hc/{EVENTS}?sb-hc-action=connect")
    one = frame(Opcode.BINARY, bytes(1_024), mask=MASK)
    each = len(frame(Opcode.BINARY, bytes(1_024)))

    def read(sock: socket.socket) -> None:
        left = count * each
        while left > 0:
            left -= len(sock.recv(1 << 16))

    readers = [threading.Thread(target=read, args=(sock,)) for sock in subscribers]
    for reader in readers:
        reader.start()
    cpu, nats_cpu, began = relay.program.cpu_s(), of.nats_cpu_s(), time.perf_counter()
    for _ in range(count):
        publisher.sendall(one)
    for reader in readers:
        reader.join()
    took = time.perf_counter() - began
    cells = [
        f"{count / took:.0f}",
        f"{(relay.program.cpu_s() - cpu) / count * 1e6:.0f} µs",
        f"{(relay.program.cpu_s() - cpu) / count / 25 * 1e6:.1f} µs",
        f"{(of.nats_cpu_s() - nats_cpu) / count * 1e6:.0f} µs",
    ]
    for sock in (*subscribers, publisher):
        sock.close()
    return table(("events per s to 25", "CPU an event", "CPU a delivery", "CPU an event at NATS"), [cells])


def _opened(relay: Relay, target: str) -> socket.socket:
    sock = relay.dial.open()
    sock.sendall(upgrade_request(relay.dial.host, target, relay.token))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    if not head.startswith(b"HTTP/1.1 101 "):
        raise BenchmarkError(f"refused: {head!r}")
    return sock


def main() -> int:
    """Measure and print; exit code 1 when a measurement could not be made."""
    found = options("clustering", __doc__)
    pace = {"warm_s": 0.1, "measure_s": 0.2} if found.quick else {}
    try:
        print(measure(found.store, found.rounds, **pace), end="")
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
        more_tables = [_listeners(one_of_many, of), _events(one_of_many, of)]
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
    lines.append(f"* {rounds} rounds, median [least-greatest]")
    return "\n\n".join(["\n".join(lines), table(head, rows), *more_tables]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
