"""``python -m benchmarks.capture``: what the inspector costs the relay: the same work with capturing off and on, in turns.

A gateway, an agent and a local server run as programs of their own. Figures are processor seconds of gateway and agent
together, and of the agent alone, for each request or gigabyte; what is judged is the ratio of on to off within each round.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hyco.addresses import Endpoint
from hyco.connection_string import ConnectionString

from . import machine
from .capture_program import BIG_BYTES
from .closed_loop import Loop
from .processes import BenchmarkError, Program, running
from .relays import OURS, PATH, Relay, workshop
from .small_requests import AT_ONCE, Sender
from .wire import HOST, WebSocket, upgrade_request

#: What is to hold: the processor time of the relay, gateway and agent, with capturing on to that with it off.
MOST = 1.10

_READ_BYTES = 1_048_576


class Stage:
    """What runs."""

    def __init__(self, relay: Relay, agent: Program) -> None:
        self.relay = relay
        self.agent = agent

    def capture(self, *, is_on: bool) -> None:
        """Turn the inspector on or off; what it has is forgotten."""
        os.kill(self.agent.pid, signal.SIGUSR1 if is_on else signal.SIGUSR2)

    def weigh(self, work: Callable[[], float]) -> tuple[float, float]:
        """Do *work*, which gives how much it did; what the relay took for each of it, and the agent alone, in seconds."""
        before = self.relay.program.cpu_s(), self.agent.cpu_s()
        done = work()
        gateway_s, agent_s = self.relay.program.cpu_s() - before[0], self.agent.cpu_s() - before[1]
        if not done:
            raise BenchmarkError("nothing was relayed")
        return (gateway_s + agent_s) / done, agent_s / done


def small_requests(stage: Stage, seconds: float) -> float:
    """Small GETs, AT_ONCE at a time; how many."""
    loop = Loop()
    try:
        for _ in range(AT_ONCE):
            Sender(loop, stage.relay)
        loop.run(seconds)
        return loop.completed
    finally:
        loop.close()


def downloads(stage: Stage, seconds: float) -> float:
    """Answers of 100 MB, one after the other; how many gigabytes."""
    ends_at = time.perf_counter() + seconds
    gigabytes = 0.0
    while time.perf_counter() < ends_at:
        with contextlib.closing(stage.relay.dial.open()) as sock:
            sock.sendall(
                f"GET /{PATH}/big HTTP/1.1\r\nHost: {stage.relay.dial.host}\r\nConnection: close\r\n"
                f"ServiceBusAuthorization: {stage.relay.token}\r\n\r\n".encode()
            )
            received = _read(sock, ends_at + seconds)
            if received < BIG_BYTES:
                raise BenchmarkError(f"an answer ended after {received} bytes")
            gigabytes += BIG_BYTES / 1e9
    return gigabytes


def websocket(stage: Stage, seconds: float) -> float:
    """Messages of 64 KiB from the local server at full speed; how many gigabytes."""
    with contextlib.closing(WebSocket(stage.relay.dial.open()).sock) as sock:
        end = WebSocket(sock)
        target = f"/$hc/{PATH}/ws?sb-hc-action=connect"
        sock.sendall(upgrade_request(stage.relay.dial.host, target, stage.relay.token))
        end.read_answer()
        return _read(sock, time.perf_counter() + seconds) / 1e9


WORKS = {
    "small requests": small_requests,
    "100 MB answers": downloads,
    "WebSocket, 64 KiB messages": websocket,
}


def _read(sock: socket.socket, ends_at: float) -> int:
    buffer = bytearray(_READ_BYTES)
    received = 0
    while time.perf_counter() < ends_at and (count := sock.recv_into(buffer)):
        received += count
    return received


@contextlib.contextmanager
def staged() -> Iterator[Stage]:
    """Gateway, agent and local server for the time of the block."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relaydesk-bench-")))
        shop = stack.enter_context(workshop())
        relay = stack.enter_context(shop.relay(OURS, is_secure=False, cpus=None))
        module = [sys.executable, "-m", "benchmarks.capture_program"]
        target = stack.enter_context(running([*module, "target"], cpus=None))
        gateway = ConnectionString(
            endpoint=Endpoint(HOST, relay.dial.port, is_secure=False),
            entity_path=PATH,
            key_name=shop.rule.name,
            key=shop.rule.primary_key,
            is_development_emulator=True,
        )
        file = folder / "agent.json"
        file.touch(0o600)
        file.write_text(json.dumps({"gateway": gateway.format(), "target": f"http://{HOST}:{target.port}"}))
        yield Stage(relay, stack.enter_context(running([*module, "agent", str(file)], cpus=None)))


def measure(*, rounds: int, seconds: float) -> dict[str, dict[str, list[float]]]:
    """For each work, the figures of each round: the relay's and the agent's seconds, off and on."""
    found: dict[str, dict[str, list[float]]] = {}
    with staged() as stage:
        for name, work in WORKS.items():
            work(stage, seconds / 2)  # the first of everything
            figures = found[name] = {"relay off": [], "relay on": [], "agent off": [], "agent on": []}
            for round_ in range(rounds):
                for is_on in (True, False) if round_ % 2 else (False, True):
                    stage.capture(is_on=is_on)
                    relay_s, agent_s = stage.weigh(lambda work=work: work(stage, seconds))  # type: ignore[misc]
                    word = "on" if is_on else "off"
                    figures[f"relay {word}"].append(relay_s)
                    figures[f"agent {word}"].append(agent_s)
    return found


def render(found: dict[str, dict[str, list[float]]]) -> str:
    """The ratios, each the median of the rounds with its range."""
    lines = []
    for name, figures in found.items():
        for who in ("relay", "agent"):
            ratios = [on / off for on, off in zip(figures[f"{who} on"], figures[f"{who} off"], strict=True)]
            middle = statistics.median(ratios)
            is_held = (
                "" if who == "agent" else "  holds" if middle <= MOST else f"  does not hold: {MOST} at most"
            )
            lines.append(f"{name:30} {who}: {middle:.3f} ({min(ratios):.3f} to {max(ratios):.3f}){is_held}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when a measurement could not be made; whatever the figures are, they are no failure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.capture", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="for a look, not for a claim")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the figures go besides")
    options = parser.parse_args(arguments)
    rounds, seconds = (3, 1.0) if options.quick else (7, 3.0)
    company = machine.Company()
    try:
        found = measure(rounds=rounds, seconds=seconds)
    except (BenchmarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(render(found))
    if options.output:
        described = {**machine.describe(), "other work on it": company.describe()}
        document = {"machine": described, "rounds": rounds, "seconds": seconds, "figures": found}
        options.output.write_text(f"{json.dumps(document, indent=2)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
