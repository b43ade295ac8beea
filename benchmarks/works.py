"""The works that are measured, who does them, and which ratios and bounds are to hold (design, "Numbers to hold")."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from . import idle_pairs, setups, small_requests, streams
from .relays import ALL, C_FORWARDER, OURS, WEBSOCKETS, Relay


@dataclasses.dataclass(frozen=True)
class Pace:
    """How long and how often. Times in seconds."""

    rounds: int
    warm_s: float
    measure_s: float
    pairs: int


FULL = Pace(rounds=7, warm_s=0.4, measure_s=1.2, pairs=1_000)
QUICK = Pace(rounds=5, warm_s=0.15, measure_s=0.4, pairs=150)


@dataclasses.dataclass(frozen=True)
class Figure:
    """One number that a work gives.

    Attributes:
        name: In the samples.
        text: In the table, with its unit.
        is_rate: Whether more is better, and the generator may have been the limit.
    """

    name: str
    text: str
    is_rate: bool = False


@dataclasses.dataclass(frozen=True)
class Work:
    """Something to do, and who does it.

    *needs_fresh*: the relay must not have done anything before.
    """

    name: str
    figures: tuple[Figure, ...]
    measure: Callable[[Relay, Pace], dict[str, float]]
    relays: tuple[str, ...] = (OURS, WEBSOCKETS, C_FORWARDER)
    is_secure: bool = False
    needs_fresh: bool = False


SIZES = {"64 B": 64, "1 KiB": 1024, "16 KiB": 16 * 1024, "64 KiB": 64 * 1024, "1 MiB": 1024 * 1024}
_WITH_TOKENS = (OURS, WEBSOCKETS)

CPU_PER_GB = Figure("cpu_s_per_gb", "CPU s per GB")
SETUPS_PER_S = Figure("per_s", "set-ups per s", is_rate=True)
CPU_US = Figure("cpu_us", "CPU µs each")
KIB_PER_PAIR = Figure("kib_per_pair", "KiB per pair")


def _stream(size: str, *, is_secure: bool = False) -> Work:
    frame_bytes = SIZES[size]

    def measure(relay: Relay, pace: Pace) -> dict[str, float]:
        return streams.measure(relay, frame_bytes=frame_bytes, warm_s=pace.warm_s, measure_s=pace.measure_s)

    figures = (CPU_PER_GB, Figure("mb_per_s", "MB per s", is_rate=True))
    if is_secure:
        return Work(f"stream, {size} frames, TLS", figures, measure, _WITH_TOKENS, is_secure=True)
    return Work(f"stream, {size} frames", figures, measure, ALL)


def _closed_loop(
    name: str,
    rate: Figure,
    loop: Callable[..., dict[str, float]],
    relays: tuple[str, ...],
    *,
    is_secure: bool = False,
) -> Work:
    def measure(relay: Relay, pace: Pace) -> dict[str, float]:
        return loop(relay, warm_s=pace.warm_s, measure_s=pace.measure_s)

    return Work(name, (rate, CPU_US), measure, relays, is_secure=is_secure)


def _idle(name: str, relays: tuple[str, ...], *, is_secure: bool = False) -> Work:
    def measure(relay: Relay, pace: Pace) -> dict[str, float]:
        return idle_pairs.measure(relay, pairs=pace.pairs)

    return Work(name, (KIB_PER_PAIR,), measure, relays, is_secure=is_secure, needs_fresh=True)


_SETUPS = "relayed connections, 8 at once"
_REQUESTS_PER_S = Figure("per_s", "requests per s", is_rate=True)

WORKS = (
    *(_stream(size) for size in SIZES),
    _stream("1 KiB", is_secure=True),
    _stream("64 KiB", is_secure=True),
    _closed_loop(_SETUPS, SETUPS_PER_S, setups.measure, _WITH_TOKENS),
    _closed_loop(f"{_SETUPS}, TLS", SETUPS_PER_S, setups.measure, _WITH_TOKENS, is_secure=True),
    _closed_loop("small HTTP requests, 8 at once", _REQUESTS_PER_S, small_requests.measure, (OURS,)),
    _closed_loop(
        "small HTTP requests, 8 at once, TLS",
        _REQUESTS_PER_S,
        small_requests.measure,
        (OURS,),
        is_secure=True,
    ),
    _idle("idle pairs", (OURS, WEBSOCKETS, C_FORWARDER)),
    _idle("idle pairs, TLS", _WITH_TOKENS, is_secure=True),
)


@dataclasses.dataclass(frozen=True)
class Bar:
    """A figure of the gateway's, or its ratio to that of *base*, that is to be held.

    *hold* and *reach* are upper bounds, or lower ones where the figure is a rate.
    """

    text: str
    work: str
    figure: Figure
    base: str | None
    hold: float
    reach: float

    def is_held(self, median: float) -> bool:
        """Whether *median* is on the right side of *hold*."""
        return median >= self.hold if self.figure.is_rate else median <= self.hold


# Set-ups are judged twice: what a second gives depends on whoever else is on the machine, what a set-up costs does less.
BARS = (
    Bar(
        "CPU per GB to the C forwarder, 64 KiB frames",
        "stream, 64 KiB frames",
        CPU_PER_GB,
        C_FORWARDER,
        2,
        1.3,
    ),
    Bar("the same, 1 KiB frames", "stream, 1 KiB frames", CPU_PER_GB, C_FORWARDER, 7, 2),
    Bar("the same, 64 B frames", "stream, 64 B frames", CPU_PER_GB, C_FORWARDER, 20, 2),
    Bar("set-ups per s to websockets", _SETUPS, SETUPS_PER_S, WEBSOCKETS, 2, 4),
    Bar("CPU per set-up to websockets", _SETUPS, CPU_US, WEBSOCKETS, 1 / 2, 1 / 4),
    Bar("KiB per idle pair", "idle pairs", KIB_PER_PAIR, None, 10, 5),
    Bar("KiB per idle pair, TLS", "idle pairs, TLS", KIB_PER_PAIR, None, 150, 60),
)
