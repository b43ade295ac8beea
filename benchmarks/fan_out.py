"""``python -m benchmarks.fan_out --store URL``: an event to 25 subscribers at three gateways, one of whom may not read.

How long it takes to each, and what the one changes for the others. Events are published one after the other at a steady pace at one gateway, each with the moment of its publication in it. In turns, the
25th subscriber reads, or is frozen: its socket takes a few KiB and nothing more. All of them and the publisher are one process.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import statistics
import struct
import sys
import time
from typing import cast

from hyco.frames import Fragment, FrameReader, Opcode, frame

from . import machine
from .clusters import EVENTS, clustered, options, shared
from .processes import BenchmarkError, end_in_order
from .relays import Relay
from .report import show, table
from .samples import Spread, spread
from .wire import HOST, MASK, upgrade_request

NODES = 3
SUBSCRIBERS = 25
EVENTS_EACH = 1_000
EVENT_BYTES = 4_096
PER_S = 125.0
#: By how much one that does not read may change the p99 of the others.
HOLD = 1.2
_HEAD = struct.Struct("!Id")


class Subscriber(asyncio.Protocol):
    """Notes, of each event, its number and how long it took."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.heard: list[tuple[int, float]] = []
        self.last = -1
        """The number after which it has heard all."""
        self.has_all = asyncio.Event()
        self.is_open = asyncio.Event()
        self._reader = FrameReader(is_masked=False)
        self._head: bytes | None = b""
        self._pieces = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take a head, then frames."""
        if self._head is not None:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                raise BenchmarkError(f"a subscriber was refused: {head!r}")
            self._head = None
            self.is_open.set()
        now = time.perf_counter()
        for event in self._reader.feed(memoryview(data)):
            if isinstance(event, Fragment):
                self._pieces += event.data
                if not event.is_last:
                    continue
                number, began = _HEAD.unpack_from(self._pieces)
                self._pieces.clear()
                self.heard.append((number, now - began))
                if number == self.last:
                    self.has_all.set()


async def _open(relay: Relay, action: str, *, is_narrow: bool = False) -> Subscriber:
    sock = socket.socket()
    if is_narrow:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, (HOST, relay.dial.port))
    _, made = await loop.create_connection(Subscriber, sock=sock)
    assert made.transport is not None
    target = f"/$hc/{EVENTS}?sb-hc-action={action}"
    made.transport.write(upgrade_request(relay.dial.host, target, relay.token))
    async with asyncio.timeout(20):
        await made.is_open.wait()
    return made


async def one_pass(relays: list[Relay], *, is_frozen: bool, count: int = EVENTS_EACH) -> dict[str, float]:
    """Publish *count* events; the latencies of the 24 that read, and what the last of them missed."""
    subscribers = [
        await _open(
            relays[number % len(relays)], "subscribe", is_narrow=is_frozen and number == SUBSCRIBERS - 1
        )
        for number in range(SUBSCRIBERS)
    ]
    publisher = await _open(relays[0], "connect")
    assert publisher.transport is not None
    last = subscribers[-1]
    assert last.transport is not None
    if is_frozen:
        last.transport.pause_reading()
    reading = subscribers[:-1]
    for one in reading:
        one.last = count - 1
    loop = asyncio.get_running_loop()
    next_at = loop.time()
    for number in range(count):
        await asyncio.sleep(max(0.0, next_at - loop.time()))
        next_at += 1 / PER_S
        body = _HEAD.pack(number, time.perf_counter()).ljust(EVENT_BYTES, b".")
        publisher.transport.write(frame(Opcode.BINARY, body, mask=MASK))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10):
            for one in reading:
                await one.has_all.wait()
    numbers = list(range(count))
    for one in reading:
        if [number for number, _ in one.heard] != numbers:
            raise BenchmarkError(f"a subscriber heard {len(one.heard)} of {count}, or in another order")
    for one in (*subscribers, publisher):
        if one.transport is not None:
            one.transport.abort()
    took = sorted(seconds for one in reading for _, seconds in one.heard)
    return {
        "p50_ms": statistics.median(took) * 1e3,
        "p99_ms": took[int(len(took) * 0.99)] * 1e3,
        "last_heard": float(len(last.heard)),
    }


async def _rounds(
    relays: list[Relay], rounds: int, count: int
) -> list[tuple[dict[str, float], dict[str, float]]]:
    found = []
    await one_pass(relays, is_frozen=False, count=50)
    for round_ in range(rounds):
        passes = {}
        for is_frozen in (False, True) if round_ % 2 else (True, False):
            passes[is_frozen] = await one_pass(relays, is_frozen=is_frozen, count=count)
            await asyncio.sleep(0.3)  # the slots of those who left are free
        found.append((passes[False], passes[True]))
        print(f"round {round_ + 1} of {rounds} done", file=sys.stderr)
    return found


def main() -> int:
    """Measure and print; exit code 1 when a measurement could not be made."""
    asked = options("fan_out", __doc__)
    count = 50 if asked.quick else EVENTS_EACH
    end_in_order()
    try:
        with shared(asked.store) as of, contextlib.ExitStack() as stack:
            relays = [stack.enter_context(clustered(of, f"g{number}", cpus=None)) for number in range(NODES)]
            found = asyncio.run(_rounds(relays, asked.rounds, count))
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    rows = [
        (
            name,
            show(_of(found, 0, key)),
            show(_of(found, 1, key)),
            show(spread(b[key] / a[key] for a, b in found)),
        )
        for key, name in (("p50_ms", "p50, ms"), ("p99_ms", "p99, ms"), ("last_heard", "heard by the 25th"))
    ]
    lines = [f"* {name}: {value}" for name, value in machine.describe().items()]
    lines.append(f"* {asked.rounds} rounds of {count} events of {EVENT_BYTES} bytes, {PER_S:g} a second")
    print("\n".join(lines) + "\n\n" + table(("", "all read", "one is frozen", "ratio"), rows))
    ratio = spread(frozen["p99_ms"] / reading["p99_ms"] for reading, frozen in found)
    assert ratio is not None
    print(
        f"\nThe others' p99, frozen to reading: to hold {HOLD}: {'held' if ratio.median <= HOLD else 'missed'}"
    )
    return 0


def _of(found: list[tuple[dict[str, float], dict[str, float]]], which: int, key: str) -> Spread | None:
    return spread(passes[which][key] for passes in found)


if __name__ == "__main__":
    sys.exit(main())
