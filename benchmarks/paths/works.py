"""What is done on a whole path, and the figures that each thing gives."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from ..peers.cast import Peer
from ..peers.tools import LISTENER, RELAY, Route
from ..processes import BenchmarkError
from ..works import Figure
from .load import Measured
from .stage import Bench


@dataclasses.dataclass(frozen=True)
class Pace:
    """How long, how often and how many.

    Attributes:
        rounds: How often everything is done.
        warm_ms: What is not counted at the start of each measurement.
        measure_ms: What is.
        idle: How many streams are held when memory is weighed.
        rates: Requests a second of the open loop, in rising order.
        sizes: Bytes of the size ladder.
        distances_ms: Round trips between the relay and the listener's side.
        streams: How many are open when a program is killed or the cable cut.
        cut_s: How long the cable is out.
        recovery_s: After which a path counts as lost for good.
    """

    rounds: int
    warm_ms: int
    measure_ms: int
    idle: Sequence[int] = (500, 5_000)
    rates: Sequence[int] = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000)
    sizes: Sequence[int] = (1, 64, 1_024, 16_384, 262_144, 4_194_304, 100_000_000)
    distances_ms: Sequence[int] = (0, 20, 80, 200)
    streams: int = 20
    cut_s: float = 3.0
    recovery_s: float = 60.0


CORE = Pace(rounds=5, warm_ms=100, measure_ms=400)
FULL = Pace(rounds=5, warm_ms=200, measure_ms=600)

#: A rate of the open loop is kept when this share of it was answered in time and the slowest hundredth in KEPT_P99_US.
KEPT_SHARE = 0.95
KEPT_P99_US = 100_000.0
_OPEN_CONNECTIONS = 256
_LOOK_S = 0.02
_ASKED_AT_ONCE = 64
_SETTLE_S = 0.5
_STREAM_TIMEOUT_S = 3.0

Measure = Callable[[Bench, Peer, Pace], dict[str, float]]


@dataclasses.dataclass(frozen=True)
class Work:
    """Something to do on a path. *figures* are what the tables show of it; the raw figures hold more."""

    name: str
    figures: tuple[Figure, ...]
    measure: Measure
    is_core: bool = False


MB_PER_S = Figure("mb_per_s", "MB/s", is_rate=True)
CPU_PER_GB = Figure("cpu_s_per_gb", "CPU s per GB")
PER_S = Figure("per_s", "per s", is_rate=True)
P50_US = Figure("p50_us", "p50 µs")
P99_US = Figure("p99_us", "p99 µs")
CPU_US = Figure("cpu_us", "CPU µs each")
RECOVERY_S = Figure("recovery_s", "s until it answers")
LOST = Figure("lost_share", "streams lost")


def cost(figure: str, role: str) -> str:
    """The name of that part of *figure* that is *role*'s."""
    return f"{figure}, {role}"


def _streams(direction: str, count: int) -> Measure:
    def measure(bench: Bench, peer: Peer, pace: Pace) -> dict[str, float]:
        return stream_on(bench, bench.route(peer), direction, count, pace)

    return measure


def stream_on(bench: Bench, route: Route, direction: str, count: int, pace: Pace) -> dict[str, float]:
    """*count* streams at full speed, ``up`` to the service or ``down`` from it."""
    command = f"stream {direction} {count} {route.entry} {pace.warm_ms} {pace.measure_ms}"
    measured = _measure(bench, route, command)
    gigabytes = measured.found["bytes"] / 1e9
    if not gigabytes:
        raise BenchmarkError("nothing came through while it was measured")
    figures = _costs(measured, "cpu_s_per_gb", 1 / gigabytes)
    return {**figures, "mb_per_s": gigabytes * 1e3 / measured.elapsed_s}


def closed_loop_on(bench: Bench, route: Route, kind: str, count: int, pace: Pace) -> dict[str, float]:
    """``pingpong``, ``connect`` or ``http``: *count* at once, each followed by the next."""
    measured = _measure(bench, route, f"{kind} {count} {route.entry} {pace.warm_ms} {pace.measure_ms}")
    found = measured.found
    if not found["count"]:
        raise BenchmarkError("nothing was answered while it was measured")
    return {
        **_costs(measured, "cpu_us", 1e6 / found["count"]),
        "per_s": found["count"] / measured.elapsed_s,
        "p50_us": found["p50_us"],
        "p99_us": found["p99_us"],
        "failures": found["failures"],
    }


def _closed_loop(kind: str, count: int) -> Measure:
    def measure(bench: Bench, peer: Peer, pace: Pace) -> dict[str, float]:
        return closed_loop_on(bench, bench.route(peer), kind, count, pace)

    return measure


def _open_loop(bench: Bench, peer: Peer, pace: Pace) -> dict[str, float]:
    """Rising rates until one is not kept; ``knee_per_s`` is the last that was, 0 where the first was not.

    Every request has its time. One that waits for a connection is late from that time on, so that a stall shows in all
    the requests that it held up, and not only in those that were under way.
    """
    route = bench.route(peer)
    figures: dict[str, float] = {"knee_per_s": 0.0}
    for rate in pace.rates:
        where = f"{route.entry} {pace.warm_ms} {pace.measure_ms}"
        measured = _measure(bench, route, f"open {_OPEN_CONNECTIONS} {rate} {where}")
        found = measured.found
        figures[f"p50_us at {rate}"] = found["p50_us"]
        figures[f"p99_us at {rate}"] = found["p99_us"]
        figures["generator_share"] = measured.generator_share
        is_kept = (
            found["in_time"] >= KEPT_SHARE * rate * measured.elapsed_s and found["p99_us"] <= KEPT_P99_US
        )
        if not is_kept:
            break
        figures["knee_per_s"] = float(rate)
    return figures


def _ladder(bench: Bench, peer: Peer, pace: Pace) -> dict[str, float]:
    route = bench.route(peer)
    figures = {}
    for size in pace.sizes:
        measured = _measure(bench, route, f"ladder {size} {route.entry} {pace.measure_ms}")
        figures[f"p50_us of {size}"] = measured.found["p50_us"]
    return figures


def _memory(bench: Bench, peer: Peer, pace: Pace) -> dict[str, float]:
    """Resident memory of all its programs: as it is before anything crossed, and what each idle stream adds."""
    with bench.fresh(peer, streams=max(pace.idle)) as (route, _):
        base = {tool.role: tool.rss_bytes() for tool in route.tools}
        figures = {"base_mib": sum(base.values()) / 2**20}
        for count in pace.idle:
            try:
                bench.load.hold(count, route.entry)
                time.sleep(_SETTLE_S)
                held = {tool.role: tool.rss_bytes() for tool in route.tools}
            finally:
                bench.load.release()
            name = f"kib_per_stream of {count}"
            figures[name] = (sum(held.values()) - sum(base.values())) / count / 1024
            for role, rss in held.items():
                figures[cost(name, role)] = (rss - base[role]) / count / 1024
    return figures


def _recovery(role: str) -> Measure:
    """Kill the program in *role* and start it again at once, as a service manager does; so is any that ends of it."""

    def measure(bench: Bench, peer: Peer, pace: Pace) -> dict[str, float]:
        with bench.fresh(peer) as (route, _):
            tool = route.of(role)
            if tool is None:
                return {}  # there is nothing to kill, which is no failure
            with _open_streams(route, pace.streams) as streams:
                began = time.monotonic()
                tool.kill()
                tool.start_again()
                restarts = _wait_for_answer(route, began + pace.recovery_s)
                recovered = time.monotonic() - began
                return {"recovery_s": recovered, "lost_share": _lost(streams), "restarts": restarts}

    return measure


def _cut_cable(bench: Bench, peer: Peer, pace: Pace) -> dict[str, float]:
    """Nothing crosses between relay and listener for a while; ``recovery_s`` counts from when it does again."""
    with bench.fresh(peer, round_trip_ms=20) as (route, distance):
        assert distance is not None
        with _open_streams(route, pace.streams) as streams:
            distance.cut()
            time.sleep(pace.cut_s)  # what is measured is what follows
            distance.mend()
            began = time.monotonic()
            restarts = _wait_for_answer(route, began + pace.recovery_s)
            recovered = time.monotonic() - began
            return {"recovery_s": recovered, "lost_share": _lost(streams), "restarts": restarts}


def _at_distance(bench: Bench, peer: Peer, pace: Pace) -> dict[str, float]:
    figures = {}
    for round_trip_ms in pace.distances_ms:
        # A new stream is slow at first: it is warm after some round trips.
        slow = dataclasses.replace(pace, warm_ms=pace.warm_ms + 5 * round_trip_ms)
        slow = dataclasses.replace(slow, measure_ms=max(pace.measure_ms, 5 * round_trip_ms))
        with bench.fresh(peer, round_trip_ms=round_trip_ms) as (route, _):
            found: Mapping[str, float] = closed_loop_on(bench, route, "connect", 1, slow)
            figures[f"connect p50_us at {round_trip_ms} ms"] = found["p50_us"]
            found = closed_loop_on(bench, route, "pingpong", 1, slow)
            figures[f"pingpong p50_us at {round_trip_ms} ms"] = found["p50_us"]
            found = stream_on(bench, route, "down", 1, slow)
            figures[f"mb_per_s at {round_trip_ms} ms"] = found["mb_per_s"]
    return figures


def _measure(bench: Bench, route: Route, command: str) -> Measured:
    return bench.load.measure(command, route.watch_cpu().read)


def _costs(measured: Measured, figure: str, each: float) -> dict[str, float]:
    costs = {cost(figure, role): cpu_s * each for role, cpu_s in measured.cpu_s.items()}
    total = math.fsum(measured.cpu_s.values())
    shares = {"tools_share": total / measured.elapsed_s, "generator_share": measured.generator_share}
    return {figure: total * each, **costs, **shares}


@contextlib.contextmanager
def _open_streams(route: Route, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        streams = []
        for _ in range(count):
            near = stack.enter_context(route.connect())
            near.settimeout(_STREAM_TIMEOUT_S)
            if near.recv(1) != b"E":
                raise BenchmarkError("a stream ended before anything happened")
            streams.append(near)
        yield streams


def _wait_for_answer(route: Route, deadline: float) -> int:
    """Wait until a new connection is answered; how many programs had to be started again for that.

    One is tried every _LOOK_S, and those before it are not given up: a path may hold one back until it works again, or
    forget it, and either must not hide when it does.
    """
    restarts = 0
    asked: list[socket.socket] = []
    try:
        while True:
            with contextlib.suppress(OSError):
                asked.append(route.connect())
            if not asked:
                time.sleep(_LOOK_S)
            for near in select.select(asked, [], [], _LOOK_S)[0] if asked else []:
                with contextlib.suppress(OSError):
                    if near.recv(1) == b"E":
                        return restarts
                asked.remove(near)
                near.close()
            while len(asked) > _ASKED_AT_ONCE:
                asked.pop(0).close()
            if time.monotonic() > deadline:
                raise BenchmarkError("it did not answer any more")
            for tool in route.tools:
                if tool.has_ended():
                    tool.start_again()
                    restarts += 1
    finally:
        for near in asked:
            near.close()


def _lost(streams: Sequence[socket.socket]) -> float:
    lost = 0
    for near in streams:
        try:
            near.sendall(b"x")
            lost += near.recv(1) != b"x"
        except OSError:
            lost += 1
    return lost / len(streams)


STREAMS = {
    "one stream down": ("down", 1),
    "one stream up": ("up", 1),
    "8 streams down": ("down", 8),
    "64 streams down": ("down", 64),
}
PINGPONG = "64 B there and back"
CONNECT_ONE, CONNECT_MANY = "new connection, one at a time", "new connection, 64 at once"
HTTP_FEW, HTTP_MANY = "HTTP, 32 connections", "HTTP, 256 connections"
OPEN_LOOP, LADDER, MEMORY, DISTANCE = "HTTP at fixed rates", "size ladder", "idle streams", "distance"
KILL_RELAY, KILL_LISTENER, CUT = "relay killed", "listener tool killed", "cable cut"

_LOOP = (PER_S, P50_US, P99_US, CPU_US)
_OUTAGE = (RECOVERY_S, LOST)

WORKS = (
    *(Work(name, (MB_PER_S, CPU_PER_GB), _streams(*how), is_core=True) for name, how in STREAMS.items()),
    Work(PINGPONG, _LOOP, _closed_loop("pingpong", 1), is_core=True),
    Work(CONNECT_ONE, _LOOP, _closed_loop("connect", 1), is_core=True),
    Work(CONNECT_MANY, _LOOP, _closed_loop("connect", 64), is_core=True),
    Work(HTTP_FEW, _LOOP, _closed_loop("http", 32), is_core=True),
    Work(HTTP_MANY, _LOOP, _closed_loop("http", 256)),
    Work(OPEN_LOOP, (Figure("knee_per_s", "requests per s kept", is_rate=True),), _open_loop),
    Work(LADDER, (), _ladder),
    Work(MEMORY, (Figure("base_mib", "MiB at rest"),), _memory),
    Work(KILL_RELAY, _OUTAGE, _recovery(RELAY)),
    Work(KILL_LISTENER, _OUTAGE, _recovery(LISTENER)),
    Work(CUT, _OUTAGE, _cut_cable),
    Work(DISTANCE, (), _at_distance),
)
