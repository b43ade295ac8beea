"""One peer's programs as a whole path: started in order, found ready, weighed, killed, started again, ended."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from ..processes import ROOT, START_TIMEOUT_S, BenchmarkError, cpu_s, last_words

#: The three places of a path. A peer may lack one, or have two in one program.
RELAY, LISTENER, SENDER = "relay", "listener tool", "sender tool"

#: Has the system end a program as soon as we are gone, however that happens: a peer that is left over would be measured
#: in place of the next one. It becomes the program, so nothing of it is seen in the figures.
_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--") if shutil.which("setpriv") else ()
#: Most end within a tenth of it. What is ended is thrown away: ours would wait for relayed connections that are left.
_STOP_TIMEOUT_S = 2.0
_LOOK_S = 0.01
_ANSWER_TIMEOUT_S = 2.0
_CHECK_BYTES = 1_000_000
_CHECK_TIMEOUT_S = 10.0


@dataclasses.dataclass(frozen=True)
class Command:
    """How one program of a peer is started.

    Attributes:
        role: Its place in the path.
        arguments: What to run.
        environment: What it finds in its environment besides ours; secrets come in here, and never in arguments.
        port: The port that it listens on once it is ready; None when only the whole path shows that.
    """

    role: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    port: int | None = None


class Tool:
    """One running program of a path, with whatever it started itself."""

    def __init__(self, command: Command, log: IO[bytes]) -> None:
        self._command = command
        self._log = log
        self._process = self._start()

    @property
    def role(self) -> str:
        """Its place in the path."""
        return self._command.role

    def pids(self) -> list[int]:
        """The program and its children, as they are now."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self._process.pid)
            return [process.pid, *(child.pid for child in process.children(recursive=True))]
        return []

    def rss_bytes(self) -> int:
        """Resident memory of all of them."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += psutil.Process(pid).memory_info().rss
        return total

    def has_ended(self) -> bool:
        """Whether the program is gone by itself."""
        return self._process.poll() is not None

    def wait_until_ready(self) -> None:
        """Wait until it listens, if it listens anywhere.

        Raises:
            BenchmarkError: It ended, or does not listen after START_TIMEOUT_S.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._command.port is not None:
            if self.has_ended():
                raise BenchmarkError(f"the {self.role} ended at once{self.last_words()}")
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self._command.port), _ANSWER_TIMEOUT_S).close()
                return
            if time.monotonic() > deadline:
                raise BenchmarkError(
                    f"the {self.role} does not listen after {START_TIMEOUT_S:g} s{self.last_words()}"
                )
            time.sleep(_LOOK_S)

    def kill(self) -> None:
        """End it and its children as a power cut would."""
        for pid in reversed(self.pids()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def start_again(self) -> None:
        """Start it once more, by the same command: it must have ended."""
        self._process = self._start()

    def stop(self) -> None:
        """Ask it to end, and see that it does, and its children with it."""
        family = self.pids()
        if not self.has_ended():
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in family[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def last_words(self) -> str:
        """What it said last: most often why it failed."""
        return last_words(self._log)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*_WITH_US, *self._command.arguments],
            cwd=ROOT,
            env={**os.environ, **self._command.environment},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )


class Route:
    """A peer that is up: its near end is *entry*, a port of 127.0.0.1, and what is sent there arrives at the target."""

    def __init__(self, name: str, entry: int, tools: Sequence[Tool]) -> None:
        self.name = name
        self.entry = entry
        self.tools = tools

    def of(self, role: str) -> Tool | None:
        """The program in that place; the nearest to it where one has two places."""
        return next((tool for tool in self.tools if role in tool.role), None)

    def watch_cpu(self) -> Clocks:
        """Clocks of every program, for what comes now; children that are born later are not counted."""
        return Clocks({tool.role: tool.pids() for tool in self.tools})

    def last_words(self) -> str:
        """What each of its programs said last."""
        return "".join(f"\n{tool.role}{tool.last_words()}" for tool in self.tools if tool.last_words())

    def answers(self) -> bool:
        """Whether a byte comes back through a new connection."""
        with contextlib.suppress(OSError), self.connect() as near:
            return near.recv(1) == b"E"
        return False

    def connect(self) -> socket.socket:
        """A new connection that asks for its bytes back; the first one is under way.

        Raises:
            OSError: There is nobody at the near end.
        """
        near = socket.create_connection(("127.0.0.1", self.entry), _ANSWER_TIMEOUT_S)
        try:
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            near.sendall(b"E")
        except OSError:
            near.close()
            raise
        return near

    def wait_until_ready(self) -> None:
        """Wait until a byte comes back through the whole path, and then see that many do, unchanged.

        Raises:
            BenchmarkError: A program ended, none came in START_TIMEOUT_S, or they came back changed.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.answers():
            if any(tool.has_ended() for tool in self.tools):
                raise BenchmarkError(f"a program of it ended{self.last_words()}")
            if time.monotonic() > deadline:
                raise BenchmarkError(f"nothing comes through after {START_TIMEOUT_S:g} s{self.last_words()}")
            time.sleep(_LOOK_S)
        self._check()

    def _check(self) -> None:
        sent = os.urandom(_CHECK_BYTES)
        received = bytearray()
        try:
            with self.connect() as near:
                near.settimeout(_CHECK_TIMEOUT_S)
                while len(received) < len(sent) + 1:
                    # Less is under way at any time than the smallest socket buffer takes, so neither side waits.
                    begin = max(0, len(received) - 1)
                    near.sendall(sent[begin : begin + 16_384])
                    expected = min(len(sent), begin + 16_384) + 1
                    while len(received) < expected:
                        data = near.recv(65_536)
                        if not data:
                            raise BenchmarkError(
                                f"a stream ended after {len(received)} bytes{self.last_words()}"
                            )
                        received += data
        except TimeoutError:
            raise BenchmarkError(f"a stream stopped after {len(received)} bytes{self.last_words()}") from None
        if bytes(received) != b"E" + sent:
            raise BenchmarkError("bytes came back changed")


class Clocks:
    """How much processor time each of some programs has had."""

    def __init__(self, pids: Mapping[str, Sequence[int]]) -> None:
        self._pids = pids

    def read(self) -> dict[str, float]:
        """Seconds so far, by role."""
        return {
            role: sum(cpu_s(pid) for pid in pids if psutil.pid_exists(pid))
            for role, pids in self._pids.items()
        }


@contextlib.contextmanager
def up(name: str, entry: int, commands: Sequence[Command]) -> Iterator[Route]:
    """Start *commands*, each as soon as the one before it is ready, until the block is left.

    Raises:
        BenchmarkError: A program did not start, or nothing comes through.
    """
    tools: list[Tool] = []
    with contextlib.ExitStack() as stack:
        for command in commands:
            if command.port is not None and _is_taken(command.port):
                raise BenchmarkError(f"port {command.port} of the {command.role} is taken by another program")
            log = stack.enter_context(tempfile.TemporaryFile())
            try:
                tool = Tool(command, log)
            except OSError as error:
                raise BenchmarkError(f"the {command.role} cannot be started: {error}") from error
            stack.callback(tool.stop)
            tools.append(tool)
            tool.wait_until_ready()
        route = Route(name, entry, tools)
        route.wait_until_ready()
        yield route


def _is_taken(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), _ANSWER_TIMEOUT_S).close()
        return True
    return False


def free_ports(count: int) -> list[int]:
    """So many different ports of 127.0.0.1 that nobody has now, all below those that the system hands out by itself."""
    found: list[int] = []
    first, last = 10_000, _ephemeral_from()
    with contextlib.ExitStack() as stack:
        while len(found) < count:
            port = first + int.from_bytes(os.urandom(4)) % (last - first)
            with contextlib.suppress(OSError):
                held = stack.enter_context(socket.socket())
                held.bind(("127.0.0.1", port))
                found.append(port)
    return found


def _ephemeral_from() -> int:
    with contextlib.suppress(OSError):
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    return 32_768
