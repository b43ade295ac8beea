"""The load at both ends of a path, and distance in the middle of one: two programs in C, told what to do by lines.

They are in C so that they are not what is measured: on one processor they move more than any relay here takes. How busy
the load's busiest thread was is told with every figure all the same.
"""

from __future__ import annotations

import contextlib
import json
import platform
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from ..processes import ROOT, START_TIMEOUT_S, BenchmarkError, last_words

#: What the program itself waits for is bounded by a minute; this is for one that hangs.
_ANSWER_TIMEOUT_S = 120.0
_LOAD, _DELAY = "path_load", "delay"


class Programs:
    """The two programs, built into *folder*.

    Raises:
        BenchmarkError: They cannot be built here.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if platform.system() != "Linux":
            raise BenchmarkError("whole paths are measured by a program that needs Linux's epoll")
        if compiler is None:
            raise BenchmarkError("there is no C compiler (cc); on Debian, apt-get install gcc libc6-dev")
        self._folder = folder
        for name in (_LOAD, _DELAY):
            source = ROOT / "benchmarks" / f"{name}.c"
            command = [compiler, "-O2", "-pthread", "-o", str(folder / name), str(source)]
            built = subprocess.run(command, capture_output=True, text=True, check=False)
            if built.returncode:
                raise BenchmarkError(f"cc failed: {built.stderr.strip()[:500]}")

    @contextlib.contextmanager
    def load(self) -> Iterator[Load]:
        """The load, until the block is left."""
        with _listening([str(self._folder / _LOAD)]) as program:
            yield Load(program)

    @contextlib.contextmanager
    def distance(self, port: int, round_trip_ms: float) -> Iterator[Distance]:
        """A port that leads to *port*, so far away, until the block is left."""
        with _listening([str(self._folder / _DELAY), str(port), str(round_trip_ms)]) as program:
            yield Distance(program)


class _Listening:
    """A program that says on which port it listens, and takes lines."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self.process = process
        self._errors = errors
        self.port = int(self.line(START_TIMEOUT_S).rsplit(":", 1)[1])

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except OSError as error:
            raise BenchmarkError(f"{self.process.args!r} has ended{last_words(self._errors)}") from error

    def line(self, timeout_s: float) -> str:
        # unbuffered, so that a line is not kept back by the one before it
        assert self.process.stdout is not None
        said = bytearray()
        deadline = time.monotonic() + timeout_s
        while not said.endswith(b"\n"):
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not select.select([self.process.stdout], [], [], left_s)[0]:
                raise BenchmarkError(f"{self.process.args!r} says nothing for {timeout_s:g} s")
            byte = self.process.stdout.read(1)
            if not byte:
                raise BenchmarkError(f"{self.process.args!r} has ended{last_words(self._errors)}")
            said += byte
        return said.decode().strip()


@contextlib.contextmanager
def _listening(command: list[str]) -> Iterator[_Listening]:
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
        try:
            yield _Listening(process, errors)
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


class Load:
    """The service at the far end, on *port*, and the clients at the near one."""

    def __init__(self, program: _Listening) -> None:
        self._program = program
        self.port = program.port

    def measure(self, command: str, read: Callable[[], dict[str, float]]) -> Measured:
        """Do *command*; *read* is called as what is measured begins and as it ends.

        Raises:
            BenchmarkError: It could not be done; the text says why.
        """
        self._program.say(command)
        before: dict[str, float] = {}
        after: dict[str, float] = {}
        threads_before: list[float] = []
        threads_after: list[float] = []
        while True:
            line = self._program.line(_ANSWER_TIMEOUT_S)
            if line == "begin":
                before, threads_before = read(), self._threads_s()
            elif line == "end":
                after, threads_after = read(), self._threads_s()
            else:
                break
        found = json.loads(line)
        if "error" in found:
            raise BenchmarkError(found["error"])
        cpu_s = {role: after[role] - before[role] for role in after}
        busiest_s = max((b - a for a, b in zip(threads_before, threads_after, strict=True)), default=0.0)
        elapsed_s = found.get("elapsed_ns", 0) / 1e9
        return Measured(found, cpu_s, elapsed_s, busiest_s / elapsed_s if elapsed_s else 0.0)

    def hold(self, count: int, port: int) -> None:
        """Open *count* streams and keep them until release is called.

        Raises:
            BenchmarkError: Not all of them came through.
        """
        self.measure(f"idle {count} {port}", dict)

    def release(self) -> None:
        """Close what hold opened."""
        self.measure("release", dict)

    def _threads_s(self) -> list[float]:
        tasks = sorted(Path(f"/proc/{self._program.process.pid}/task").iterdir())
        return [int((task / "schedstat").read_text().split()[0]) / 1e9 for task in tasks]


class Measured:
    """What one command found.

    Attributes:
        found: What the load says.
        cpu_s: What each program took meanwhile, by role.
        elapsed_s: How long it was measured.
        generator_share: How much of one processor the load's busiest thread had.
    """

    def __init__(
        self, found: dict[str, float], cpu_s: dict[str, float], elapsed_s: float, generator_share: float
    ) -> None:
        self.found = found
        self.cpu_s = cpu_s
        self.elapsed_s = elapsed_s
        self.generator_share = generator_share


class Distance:
    """What lies between two programs; *port* is the near end of it."""

    def __init__(self, program: _Listening) -> None:
        self._program = program
        self.port = program.port

    def cut(self) -> None:
        """Pull out the cable: nothing crosses any more, and nobody is told."""
        self._tell("cut")

    def mend(self) -> None:
        """Put it back: what was under way arrives now."""
        self._tell("mend")

    def _tell(self, word: str) -> None:
        self._program.say(word)
        self._program.line(_ANSWER_TIMEOUT_S)
