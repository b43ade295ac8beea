"""``python -m benchmarks.desktop``: how the window fares while its own process relays as fast as it can.

One stream goes through a gateway to the desktop's relay loop and to a program here, with the window open on Connections,
offscreen. Then a table of 500 live connections, and the window closed. Figures go to standard output as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from hyco.addresses import Endpoint
from hyco.connection_string import ConnectionString

from . import machine
from .processes import ROOT, STOP_TIMEOUT_S, BenchmarkError
from .relays import OURS, PATH, workshop
from .streams import Source, block_of
from .wire import HOST, WebSocket, upgrade_request

ROWS = 500
#: More than are in sight: what a refresh costs beyond these is what rows cost that nobody sees.
FEW_ROWS = 50
FRAME_BYTES = 65_536

#: What is to hold (issue: acceptance of the desktop): each figure's most.
BARS = {"late_p99_ms": 20.0, "refresh_max_ms": 30.0, "idle_cpu_percent": 0.5}


class Sink:
    """A program on a local port that reads whatever comes."""

    def __init__(self) -> None:
        self._server = socket.create_server((HOST, 0))
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, name="sink", daemon=True).start()

    @property
    def address(self) -> str:
        """``HOST:PORT``."""
        return f"{HOST}:{self._server.getsockname()[1]}"

    def close(self) -> None:
        """Listen no more."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for each in tuple(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._server.accept()
                self._open.add(accepted)
                threading.Thread(target=self._read, args=(accepted,), name="reader", daemon=True).start()

    def _read(self, accepted: socket.socket) -> None:
        buffer = bytearray(1_048_576)
        with accepted, contextlib.suppress(OSError):
            while accepted.recv_into(buffer):
                pass
        self._open.discard(accepted)


class Desktop:
    """The desktop's program, told what to do and asked for figures."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def tell(self, line: str) -> dict[str, float]:
        """One line to it, and its answer.

        Raises:
            BenchmarkError: It has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise BenchmarkError(f"the desktop has ended before it answered {line.partition(' ')[0]!r}")
        figures: dict[str, float] = json.loads(answer)
        return figures


@contextlib.contextmanager
def desktop(folder: Path, authority: Path) -> Iterator[Desktop]:
    """The program for the time of the block, which trusts *authority*; no keyring of the user's is touched."""
    home = {"HOME": str(folder), "DBUS_SESSION_BUS_ADDRESS": "disabled:", "QT_QPA_PLATFORM": "offscreen"}
    home["SSL_CERT_FILE"] = str(authority)
    command = [sys.executable, "-m", "benchmarks.desktop_program", str(folder)]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **home},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Desktop(process)
            assert process.stdin is not None
            process.stdin.close()
            process.wait(STOP_TIMEOUT_S)
        finally:
            process.kill()


def measure(
    *, warm_s: float, measure_s: float, idle_s: float, rows: int = ROWS, is_secure: bool = False
) -> dict[str, float]:
    """All figures; those of the timer before there was any load begin with ``quiet_``."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relaydesk-bench-")))
        shop = stack.enter_context(workshop())
        relay = stack.enter_context(shop.relay(OURS, is_secure=is_secure, cpus=None))
        sink = stack.enter_context(contextlib.closing(Sink()))
        app = stack.enter_context(desktop(folder, shop.authority))
        gateway = ConnectionString(
            endpoint=Endpoint(HOST, relay.dial.port, is_secure=is_secure),
            entity_path=PATH,
            key_name=shop.rule.name,
            key=shop.rule.primary_key,
            is_development_emulator=not is_secure,
        )
        app.tell(json.dumps({"gateway": gateway.format(), "target": sink.address}))
        quiet = app.tell(f"late {measure_s}")
        sender = stack.enter_context(contextlib.closing(WebSocket(relay.dial.open()).sock))
        end = WebSocket(sender)
        sender.sendall(upgrade_request(relay.dial.host, f"/$hc/{PATH}?sb-hc-action=connect", relay.token))
        end.read_answer()
        source = Source(end, block_of(FRAME_BYTES))
        source.start()
        try:
            app.tell(f"late {warm_s}")
            load = app.tell(f"late {measure_s}")
        finally:
            source.is_stopping = True
            with contextlib.suppress(OSError):
                sender.shutdown(socket.SHUT_RDWR)
            source.join()
        if not load["mb_per_s"]:
            raise BenchmarkError(f"nothing was relayed: {source.error}")
        table = app.tell(f"rows {rows}")
        few = app.tell(f"rows {FEW_ROWS}")
        idle = app.tell(f"idle {idle_s}")
    return {
        **{f"quiet_{name}": value for name, value in quiet.items() if name.startswith("late")},
        **load,
        **table,
        "few_rows_cpu_p50_ms": few["refresh_cpu_p50_ms"],
        **idle,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 when a measurement could not be made; whatever the figures are, they are no failure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.desktop", description="Measure the desktop's window under full load."
    )
    parser.add_argument("--quick", action="store_true", help="for a look, not for a claim")
    parser.add_argument("--tls", action="store_true", help="over TLS")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the figures go besides")
    options = parser.parse_args(arguments)
    seconds = (
        {"warm_s": 0.5, "measure_s": 2.0, "idle_s": 3.0}
        if options.quick
        else {"warm_s": 2.0, "measure_s": 15.0, "idle_s": 30.0}
    )
    company = machine.Company()
    try:
        figures = measure(**seconds, is_secure=options.tls)
    except (BenchmarkError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    described = {**machine.describe(), "other work on it": company.describe()}
    text = json.dumps({"machine": described, "settings": seconds, "bars": BARS, "figures": figures}, indent=2)
    if options.output:
        options.output.write_text(f"{text}\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
