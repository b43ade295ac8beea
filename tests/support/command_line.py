"""The command line as a user runs it: programs of their own, with a home of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .processes import LOOPBACK, PYTHON, ROOT, START_S, Child, child

#: What no run may inherit from whoever runs the tests.
_FOREIGN = (
    "RELAYDESK_CONNECTION_STRING",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "ALL_PROXY",
    "https_proxy",
    "http_proxy",
)


@dataclass(frozen=True)
class Ran:
    """What a verb left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the verb gives
        """Its standard output, which must be one JSON value and nothing else."""
        return json.loads(self.out)


class Verb:
    """A verb that goes on until it is told to stop, started with ``--json``."""

    def __init__(self, process: Child) -> None:
        self.process = process

    async def event(self, name: str, *, after: int = 0) -> Mapping[str, Any]:
        """Wait for an event of this name; *after* leaves out so many lines from the start."""
        found = await self.process.says(rf'^{{"event": "{name}"', after=after)
        event: Mapping[str, Any] = json.loads(found.string)
        return event

    @property
    def lines(self) -> int:
        """How many it has said so far."""
        return len(self.process.lines)


class CommandLine:
    """Runs verbs.

    Args:
        home: An empty folder: settings and data of this user are below it.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "data" / "relaydesk" / "gateway"
        self._environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        self._environment |= {"HOME": str(home), "XDG_DATA_HOME": str(home / "data")}

    @property
    def environment(self) -> dict[str, str]:
        """What a program of this user finds."""
        return dict(self._environment)

    async def run(
        self,
        *arguments: str | Path,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        umask: int = -1,
    ) -> Ran:
        """Run a verb to its end."""
        process = await asyncio.create_subprocess_exec(
            *(PYTHON, "-m", "relaydesk", *map(str, arguments)),
            cwd=ROOT,
            env={**self._environment, **(environment or {})},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            umask=umask,
        )
        try:
            async with asyncio.timeout(START_S):
                out, err = await process.communicate(stdin)
        except TimeoutError:
            process.kill()
            out, err = await process.communicate()
            raise AssertionError(f"{arguments} did not end: {out!r} {err!r}") from None
        assert process.returncode is not None
        return Ran(process.returncode, out.decode(), err.decode())

    @contextlib.asynccontextmanager
    async def start(
        self, *arguments: str | Path, environment: Mapping[str, str] | None = None, umask: int = -1
    ) -> AsyncIterator[Verb]:
        """Run a verb for the time of the block, with ``--json``."""
        command = (PYTHON, "-m", "relaydesk", *map(str, arguments), "--json")
        given = {**self._environment, **(environment or {})}
        async with child(f"relaydesk {arguments[0]}", *command, environment=given, umask=umask) as process:
            yield Verb(process)

    @contextlib.asynccontextmanager
    async def serving(self, *arguments: str | Path, umask: int = -1) -> AsyncIterator[tuple[Verb, str]]:
        """Run ``gateway serve`` on free ports; gives it and its URL."""
        options = ("--bind", f"{LOOPBACK}:0", "--admin-bind", f"{LOOPBACK}:0", *arguments)
        async with self.start("gateway", "serve", *options, umask=umask) as verb:
            yield verb, (await verb.event("ready"))["url"]

    def key_file(self, text: str, name: str = "key") -> Path:
        """Put a connection string into a file of this user alone."""
        path = self.home / name
        path.touch(mode=0o600)
        path.write_text(text.strip(), encoding="utf-8")
        return path
