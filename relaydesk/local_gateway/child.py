"""The bundled gateway: a child process that serves this computer for as long as its parent lives.

It is told to stop by the end of its standard input. The system closes that pipe whatever way the parent ends, SIGKILL
and crashes included, on every system alike; so no gateway is ever left behind. It runs in a session of its own: Ctrl-C
at the parent's terminal must not take it away while the parent still winds up.

The child is given no secret: neither on its command line nor in its environment. Parent and child share the data
folder, which only this user can read.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from gateway import data_folder as gateway_folder
from gateway.config import DEFAULT_PORT
from gateway.errors import GatewayError

from ..own_program import console_command
from .errors import LocalGatewayError
from .last_address import last_address

#: From its start to its ready line. It takes under a second; a cold disk and a virus scanner take their time.
START_TIMEOUT_S: Final = 30.0

#: How long it may take to stop before it is killed.
STOP_TIMEOUT_S: Final = 5.0

LOOPBACK: Final = "127.0.0.1"

#: Of its standard error, at most so much is taken as one line.
_MAX_LINE_BYTES: Final = 8_192

#: Never handed on to a child (reliability reference P2).
_SECRET_VARIABLES = ("RELAYDESK_CONNECTION_STRING",)


@dataclass(frozen=True, slots=True)
class BundledGateway:
    """A child that is ready: where senders and listeners connect, where the admin API is, who it is.

    Attributes:
        ca: The authority of its certificate, where it speaks TLS.
    """

    url: str
    admin: str
    pid: int
    ca: Path | None
    _process: subprocess.Popen[bytes] = field(repr=False)

    async def ended(self) -> NoReturn:
        """Wait until it ends by itself, which it should not.

        Cancelling leaves a thread that waits for it; that ends with the child, so with the block that runs it.

        Raises:
            LocalGatewayError: It has.
        """
        code = await asyncio.to_thread(self._process.wait)
        raise LocalGatewayError(f"the bundled gateway (process {self.pid}) ended unexpectedly", code)


#: Where the gateway of this user keeps its things unless it is told another place.
default_data_folder = gateway_folder.default_data_folder


@contextlib.asynccontextmanager
async def running_gateway(
    data_folder: Path,
    *,
    port: int | None = None,
    network_host: str | None = None,
    is_secure: bool = False,
    on_line: Callable[[str], object] | None = None,
) -> AsyncIterator[BundledGateway]:
    """Run a gateway while the block is open: for this computer alone, on loopback, or for the network.

    Args:
        data_folder: Where it keeps its things.
        port: Where it listens; None for the port that it had the last time, so that links stay the same from day to day, at
            first the usual one; or, on loopback, any other where somebody has that.
        network_host: The name or address by which other computers reach this one. It then listens on every address, with
            TLS and a certificate of its own.
        is_secure: Speak TLS on loopback, too.
        on_line: Called, from a thread of its own, with what the child says on standard error; without it, that goes where
            this program's goes.

    Raises:
        LocalGatewayError: It did not start.
    """
    where = _where(
        port, network_host, await asyncio.to_thread(_port_before, data_folder), is_secure=is_secure
    )
    process = _start(data_folder, where, is_heard=on_line is not None)
    try:
        errors = None if on_line is None else _Errors(process, on_line)
        yield await _ready(process, errors)
    finally:
        await asyncio.to_thread(_end, process)


def serve_command(*arguments: str) -> Sequence[str]:
    """The command line that runs ``relaydesk gateway serve`` with the same program as this one."""
    return console_command("gateway", "serve", *arguments)


def _port_before(data_folder: Path) -> int | None:
    """Where it listened on loopback when it last ran. Blocks."""
    with contextlib.suppress(GatewayError):  # it says itself what is wrong with its folder
        before = last_address(data_folder)
        if before is not None and before.host == LOOPBACK:
            return before.port
    return None


def _where(
    port: int | None, network_host: str | None, port_before: int | None, *, is_secure: bool
) -> Sequence[str]:
    """The options that say where it listens."""
    number = DEFAULT_PORT if port is None else port
    if network_host is None:
        number = port_before if port is None and port_before is not None else number
        any_port = ["--or-any-port"] if port is None else []
        tls = ["--tls-self-signed"] if is_secure else []
        return [*any_port, *tls, "--bind", f"{LOOPBACK}:{number}"]
    host = f"[{network_host}]" if ":" in network_host else network_host
    return ["--bind", f"0.0.0.0:{number}", "--tls-self-signed", "--public-url", f"https://{host}:{number}"]


def _start(data_folder: Path, where: Sequence[str], *, is_heard: bool) -> subprocess.Popen[bytes]:
    command = serve_command(
        "--json",
        "--with-parent",
        *where,
        "--admin-bind",
        f"{LOOPBACK}:0",
        "--data",
        str(data_folder.absolute()),
    )
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if is_heard else None,
        env=_environment(),
        # `-m` looks into the working directory first: let that be the place we were loaded from ourselves
        cwd=Path(__file__).resolve().parents[2],
        start_new_session=True,
        # Windows: no Ctrl-C of ours, and no console window of its own beneath a desktop that has none
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        | getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )


class _Errors:
    """Takes what a child says on standard error, so that its pipe is never full."""

    def __init__(self, process: subprocess.Popen[bytes], on_line: Callable[[str], object]) -> None:
        assert process.stderr is not None
        self._pipe = process.stderr
        self._on_line = on_line
        self._last = ""
        self._thread = threading.Thread(target=self._listen, name="bundled gateway", daemon=True)
        self._thread.start()

    def last(self) -> str:
        """The last line of a child that has ended. Blocks for a moment."""
        self._thread.join(STOP_TIMEOUT_S)
        return self._last

    def _listen(self) -> None:
        with self._pipe as pipe:
            while line := pipe.readline(_MAX_LINE_BYTES):
                self._last = line.decode("utf-8", "replace").rstrip()
                self._on_line(self._last)


def _environment() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _SECRET_VARIABLES}


async def _ready(process: subprocess.Popen[bytes], errors: _Errors | None) -> BundledGateway:
    """Wait for the ready line."""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            # in a thread, because the loop of a window may know nothing of processes
            line = await asyncio.to_thread(process.stdout.readline)
    except TimeoutError as error:
        process.kill()  # which also ends the thread's wait
        msg = f"the bundled gateway was not ready within {START_TIMEOUT_S:g} s"
        raise LocalGatewayError(msg) from error
    if not line:
        code = await asyncio.to_thread(process.wait)
        why = "" if errors is None else (await asyncio.to_thread(errors.last)).removeprefix("error: ")
        raise LocalGatewayError(f"the bundled gateway did not start{why and ': '}{why}", code)
    try:
        ready = json.loads(line)
        return BundledGateway(
            url=ready["url"],
            admin=ready["admin"],
            pid=ready["pid"],
            ca=Path(ready["ca"]) if ready["ca"] else None,
            _process=process,
        )
    except (ValueError, KeyError, TypeError) as error:
        msg = "the bundled gateway said something else than that it is ready"
        raise LocalGatewayError(msg) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the child in order, and by force if that takes too long; leave no zombie and no open pipe. Blocks."""
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdout:
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
