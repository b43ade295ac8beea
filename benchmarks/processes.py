"""Programs under measurement: started, found ready, pinned to a processor, weighed, ended."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0

_READY = re.compile(rb"^ready: listening on 127\.0\.0\.1:(\d+)", re.MULTILINE)


class BenchmarkError(Exception):
    """A measurement could not be made; the text says why."""


class Program:
    """One running relay: its process and the port of 127.0.0.1 that it serves."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, errors: IO[bytes]) -> None:
        self._process = process
        self._errors = errors
        self.port = port

    @property
    def pid(self) -> int:
        """The process to be weighed; none of the relays has children."""
        return self._process.pid

    def cpu_s(self) -> float:
        """User and system time so far, of all its threads, in seconds."""
        return cpu_s(self.pid)

    def rss_bytes(self) -> int:
        """Resident memory."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def last_words(self) -> str:
        """What it said last on its standard error: most often why it failed."""
        return last_words(self._errors)

    def stop(self) -> None:
        """Ask it to end, and see that it does."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextlib.contextmanager
def running(
    command: Sequence[str], *, cpus: set[int] | None, environment: Mapping[str, str] | None = None
) -> Iterator[Program]:
    """Run *command* until the block is left; it must print ``ready: listening on 127.0.0.1:PORT``.

    *cpus* are the processors it may use; None leaves that to the system. *environment* is added to ours.

    Raises:
        BenchmarkError: It ended, or was not ready in START_TIMEOUT_S.
    """
    with tempfile.TemporaryFile() as errors:
        found = {**os.environ, **(environment or {})}
        process = subprocess.Popen(command, cwd=ROOT, env=found, stdout=subprocess.PIPE, stderr=errors)
        if cpus:
            os.sched_setaffinity(process.pid, cpus)
        try:
            port = _ready_port(process)
        except BenchmarkError as error:
            process.kill()
            process.wait()
            raise BenchmarkError(f"{error}{last_words(errors)}") from None
        program = Program(process, port, errors)
        try:
            yield program
        finally:
            program.stop()


def last_words(errors: IO[bytes]) -> str:
    """The end of what was written to *errors*, behind a word of introduction; empty when nothing was."""
    errors.seek(0)
    said = errors.read().decode(errors="replace").strip()
    return f"; it said last:\n{said[-2000:]}" if said else ""


def _ready_port(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    deadline = time.monotonic() + START_TIMEOUT_S
    said = b""
    while (left_s := deadline - time.monotonic()) > 0:
        if not select.select([process.stdout], [], [], left_s)[0]:
            break
        data = os.read(process.stdout.fileno(), 4096)
        if not data:
            raise BenchmarkError(f"{process.args!r} ended before it was ready")
        said += data
        if match := _READY.search(said):
            return int(match[1])
    raise BenchmarkError(f"{process.args!r} was not ready within {START_TIMEOUT_S:g} s")


def cpu_s(pid: int) -> float:
    """User and system time of process *pid*, in seconds: to the nanosecond on Linux, else to the system's tick.

    Threads that ended are not counted on Linux; no relay here starts any for its work.
    """
    try:
        return (
            sum(
                int((task / "schedstat").read_text().split()[0])
                for task in Path(f"/proc/{pid}/task").iterdir()
            )
            / 1e9
        )
    except FileNotFoundError:
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)


def end_in_order() -> None:
    """From now on SIGTERM ends this program as an exception does: whatever it started is ended first."""

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)


def processors() -> tuple[set[int] | None, set[int] | None]:
    """The processors for the relay and for the generator, apart where there are two; (None, None) where they cannot be."""
    if not hasattr(os, "sched_setaffinity"):
        return None, None
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        return None, None
    return {usable[0]}, {usable[1]}


def allow_many_descriptors() -> None:
    """Raise this process's soft limit of open files to its hard one; programs it starts inherit that."""
    try:
        import resource  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
