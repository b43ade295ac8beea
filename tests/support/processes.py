"""Programs as processes of their own: started, found ready, listened to, weighed, and ended by their id."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import psutil
import pytest

if sys.platform == "win32":
    pytest.skip("these tests need the signals and file modes of POSIX", allow_module_level=True)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a script that ran the tests in the background; children would inherit that, and no test could interrupt them
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"

#: From a start to the ready line, on a busy machine.
START_S = 30.0

#: What a program gets to end by itself, before it is killed and the test fails.
END_S = 15.0

PYTHON = sys.executable


def need_program(name: str) -> str:
    """The path of an installed program; the test is skipped where there is none, saying which."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def free_port(host: str = LOOPBACK) -> int:
    """A TCP port that nobody listens on, for programs that cannot be asked which one they took."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


class Child:
    """A running program. Standard output and standard error come as one list of lines."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.lines: list[str] = []
        self._process = process
        self._has_said = asyncio.Event()
        self._has_ended = asyncio.Event()
        self._input_of_reader = process.stdout

    # What it says

    async def says(self, pattern: str, *, within_s: float = START_S, after: int = 0) -> re.Match[str]:
        """Wait for a line that *pattern* is found in; *after* leaves out so many lines from the start.

        Raises:
            AssertionError: It ended, or the time passed, without such a line.
        """
        seen = after
        try:
            async with asyncio.timeout(within_s):
                while True:
                    has_ended = self._has_ended.is_set()
                    while seen < len(self.lines):
                        if match := re.search(pattern, self.lines[seen]):
                            return match
                        seen += 1
                    assert not has_ended, f"{self.name} ended without saying {pattern!r}:\n{self.tail}"
                    self._has_said.clear()
                    await self._has_said.wait()
        except TimeoutError:
            raise AssertionError(
                f"{self.name} did not say {pattern!r} within {within_s:g} s:\n{self.tail}"
            ) from None

    def said(self, pattern: str) -> list[re.Match[str]]:
        """Every line so far in which *pattern* is found."""
        return [match for line in self.lines if (match := re.search(pattern, line))]

    @property
    def tail(self) -> str:
        """Its last lines, for people."""
        return "\n".join(f"    {line}" for line in self.lines[-25:])

    def explain(self, error: BaseException) -> None:
        """Add to *error* what it said last."""
        error.add_note(f"the last that {self.name} said:\n{self.tail}")

    async def read(self) -> None:
        """Collect what it says until it has ended."""
        assert self._input_of_reader is not None
        rest = b""
        while data := await self._input_of_reader.read(65_536):
            *lines, rest = (rest + data).split(b"\n")
            self.lines += [line.decode("utf-8", "backslashreplace").rstrip("\r") for line in lines]
            self._has_said.set()
        if rest:
            self.lines.append(rest.decode("utf-8", "backslashreplace"))
        await self._process.wait()
        self._has_ended.set()
        self._has_said.set()

    # What it is and what it holds

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not been seen to end."""
        return self._process.returncode is None

    @property
    def rss_bytes(self) -> int:
        """Resident memory."""
        return int(psutil.Process(self.pid).memory_info().rss)

    @property
    def descriptors(self) -> int:
        """Open file descriptors."""
        return int(psutil.Process(self.pid).num_fds())

    def family(self) -> list[psutil.Process]:
        """Its process and all processes below it."""
        own = psutil.Process(self.pid)
        return [own, *own.children(recursive=True)]

    # How it ends

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self._process.returncode is None:
            # Not by the object's own send_signal: it looks first whether the process has ended, and takes the exit code of one
            # that just has from asyncio, which then warns of a process that it does not know.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def ended(self, *, within_s: float = END_S) -> int:
        """Wait for its end; gives the exit code, negative for a signal."""
        try:
            async with asyncio.timeout(within_s):
                await self._has_ended.wait()
        except TimeoutError:
            raise AssertionError(f"{self.name} did not end within {within_s:g} s:\n{self.tail}") from None
        assert self._process.returncode is not None
        return self._process.returncode

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.is_running:
            self.send(signal.SIGKILL)
        await self.ended()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end in order and give the exit code; killed where it does not.

        Raises:
            AssertionError: It had to be killed.
        """
        if self.is_running:
            self.send(signal.SIGCONT)  # a test may have frozen it
            self.send(number)
        try:
            return await self.ended()
        except AssertionError:
            await self.kill()
            raise


@contextlib.asynccontextmanager
async def child(
    name: str,
    *command: str | Path,
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    umask: int = -1,
    stop_by: signal.Signals = signal.SIGTERM,
) -> AsyncIterator[Child]:
    """Run *command* for the time of the block.

    Args:
        name: What failures call it.
        command: Program and arguments.
        cwd: Its working directory.
        environment: What it finds besides this process's own environment.
        umask: Its file mode mask.
        stop_by: What asks it to end.
    """
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=cwd,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        umask=umask,
    )
    running = Child(name, process)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(running.read(), name=f"output of {name}")
        try:
            yield running
        except BaseException as error:
            await running.kill()
            running.explain(error)
            raise
        else:
            await running.stop(stop_by)


async def run(*command: str | Path, stdin: bytes = b"", within_s: float = 60.0) -> bytes:
    """Run *command* to its end and give what it wrote to standard output.

    Raises:
        AssertionError: It failed, or took too long.
    """
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within_s):
            out, errors = await process.communicate(stdin)
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise AssertionError(f"{command[0]} took more than {within_s:g} s") from None
    assert process.returncode == 0, f"{command[0]} failed: {errors.decode(errors='replace')[-2000:]}"
    return out
