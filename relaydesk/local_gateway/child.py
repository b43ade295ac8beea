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
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

import platformdirs

from gateway.config import DEFAULT_PORT

from .errors import LocalGatewayError

#: From its start to its ready line. It takes under a second; a cold disk and a virus scanner take their time.
START_TIMEOUT_S: Final = 30.0

#: How long it may take to stop before it is killed.
STOP_TIMEOUT_S: Final = 5.0

LOOPBACK: Final = "127.0.0.1"

#: Never handed on to a child (reliability reference P2).
_SECRET_VARIABLES = ("RELAYDESK_CONNECTION_STRING",)


@dataclass(frozen=True, slots=True)
class BundledGateway:
    """A child that is ready: where senders and listeners connect, where the admin API is, who it is."""

    url: str
    admin: str
    pid: int
    _process: subprocess.Popen[bytes] = field(repr=False)

    async def ended(self) -> NoReturn:
        """Wait until it ends by itself, which it should not.

        Cancelling leaves a thread that waits for it; that ends with the child, so with the block that runs it.

        Raises:
            LocalGatewayError: It has.
        """
        code = await asyncio.to_thread(self._process.wait)
        raise LocalGatewayError(f"the bundled gateway (process {self.pid}) ended unexpectedly", code)


def default_data_folder() -> Path:
    """Where the gateway of this user keeps its things unless it is told another place."""
    return platformdirs.user_data_path("relaydesk", appauthor=False) / "gateway"


@contextlib.asynccontextmanager
async def running_gateway(data_folder: Path, *, port: int | None = None) -> AsyncIterator[BundledGateway]:
    """Run a gateway for this computer alone, on loopback, while the block is open.

    Args:
        data_folder: Where it keeps its things.
        port: Where it listens; None for the usual port, so that links stay the same from day to day, or any other
            one where somebody has that.

    Raises:
        LocalGatewayError: It did not start.
    """
    process = _start(data_folder, port)
    try:
        yield await _ready(process)
    finally:
        await asyncio.to_thread(_end, process)


def serve_command(*arguments: str) -> Sequence[str]:
    """The command line that runs ``relaydesk gateway serve`` with the same program as this one."""
    # frozen: the program holds the command line itself
    program = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "relaydesk"]
    return [*program, "gateway", "serve", *arguments]


def _start(data_folder: Path, port: int | None) -> subprocess.Popen[bytes]:
    command = serve_command(
        "--json",
        "--with-parent",
        *(["--or-any-port"] if port is None else []),
        "--bind",
        f"{LOOPBACK}:{DEFAULT_PORT if port is None else port}",
        "--admin-bind",
        f"{LOOPBACK}:0",
        "--data",
        str(data_folder.absolute()),
    )
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_environment(),
        # `-m` looks into the working directory first: let that be the place we were loaded from ourselves
        cwd=Path(__file__).resolve().parents[2],
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def _environment() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _SECRET_VARIABLES}


async def _ready(process: subprocess.Popen[bytes]) -> BundledGateway:
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
        raise LocalGatewayError("the bundled gateway did not start", code)
    try:
        said = json.loads(line)
        return BundledGateway(url=said["url"], admin=said["admin"], pid=said["pid"], _process=process)
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
