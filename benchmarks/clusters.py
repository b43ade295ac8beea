"""Gateways that share a database and NATS, for the benchmarks of what that costs."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from gateway.config import GatewayConfig
from gateway.directory import Directory
from gateway.editor import Editor
from gateway.entities import Kind
from gateway.store.postgresql import PostgresStore
from hyco.sas import Rule, audience, sign

from .processes import START_TIMEOUT_S, STOP_TIMEOUT_S, BenchmarkError, cpu_s, running
from .relays import PATH, Relay, more
from .wire import HOST, Dial

#: The hybrid connection of kind event.
EVENTS = "bench-events"
#: Hybrid connections that may have 25 listeners each.
HELD = tuple(more(number) for number in range(40))
_TOKEN_LIFE_S = 86_400


def options(module: str, description: str | None) -> argparse.Namespace:
    """What the command line of one of these benchmarks says."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=description)
    parser.add_argument("--store", required=True, metavar="URL", help="a PostgreSQL database for this alone")
    parser.add_argument("--rounds", type=int, default=9, metavar="N")
    parser.add_argument("--quick", action="store_true", help="one short round: for a look, not for a claim")
    found = parser.parse_args()
    if found.quick:
        found.rounds = 1
    return found


@dataclass(frozen=True)
class Shared:
    """What the gateways share. *store* is the URL of a database that is theirs alone."""

    store: str
    nats_url: str
    nats_pid: int
    rule: Rule

    def nats_rss_bytes(self) -> int:
        """Memory of NATS."""
        return int(psutil.Process(self.nats_pid).memory_info().rss)

    def nats_cpu_s(self) -> float:
        """Time that NATS has taken of the processor."""
        return cpu_s(self.nats_pid)


@contextlib.contextmanager
def shared(store: str) -> Iterator[Shared]:
    """Run NATS, and prepare the database at *store*; its password is in PGPASSWORD or a password file."""
    program = shutil.which("nats-server")
    if program is None:
        raise BenchmarkError("nats-server is missing: install Debian's nats-server")
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [program, "-a", HOST, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _until_it_listens(process, port)
        yield Shared(store, f"nats://{HOST}:{port}", process.pid, asyncio.run(_prepared(store)))
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)


def _until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            socket.create_connection((HOST, port), 1).close()
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchmarkError("nats-server does not start") from error
            time.sleep(0.02)
        else:
            return


async def _prepared(url: str) -> Rule:
    store = PostgresStore(url)
    await store.open()
    try:
        directory = Directory(store, GatewayConfig(data_folder=Path()))
        await directory.load()
        namespace = directory.namespaces()[0]
        for name in (PATH, *HELD):
            await Editor(directory).put_connection(namespace.name, name)
        await Editor(directory).put_connection(namespace.name, EVENTS, kind=Kind.EVENT)
        return namespace.rules[0]
    finally:
        await store.close()


@contextlib.contextmanager
def clustered(of: Shared, name: str, *, cpus: set[int] | None) -> Iterator[Relay]:
    """Run one of the gateways."""
    token = sign(audience(HOST, ""), of.rule.name, of.rule.primary_key, int(time.time()) + _TOKEN_LIFE_S)
    with tempfile.TemporaryDirectory(prefix="relaydesk-bench-") as data:
        command = [
            *(sys.executable, "-m", "gateway", "--data", f"{data}/data"),
            *("--bind", f"{HOST}:0", "--admin-bind", f"{HOST}:0", "--node-name", name),
            *("--store", of.store, "--fabric", of.nats_url),
        ]
        with running(command, cpus=cpus) as program:
            yield Relay(name, program, Dial(program.port), token)
