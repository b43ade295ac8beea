"""The real desktop as a process with a home of its own, told what to do (``desktop_driver``)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .processes import PYTHON, ROOT

#: Far longer than any step takes, a keyring's deadline and a gateway's start included.
STEP_S = 40.0

#: What the program promises for its end (relaydesk.agent_bridge.STOP_S), and the end of an interpreter on a busy machine.
END_S = 25.0

#: Shell commands that open a fresh keyring in a D-Bus session.
UNLOCK = 'printf "%s\\n" "$PASSWORD" | gnome-keyring-daemon --unlock --components=secrets >/dev/null; '


class RefusedError(AssertionError):
    """An action was refused: trouble and cause."""

    def __init__(self, trouble: str, cause: str) -> None:
        super().__init__(f"{trouble}: {cause}")
        self.trouble = trouble
        self.cause = cause


@dataclass
class Home:
    """A user's home, that outlives processes."""

    folder: Path
    runtime: Path

    @classmethod
    def below(cls, folder: Path) -> Home:
        home = cls(folder / "home", folder / "run")
        for each in (home.folder, home.runtime):
            each.mkdir(mode=0o700)
        return home

    @property
    def config(self) -> Path:
        return self.folder / ".config" / "relaydesk"

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL") if key in os.environ}
        return {
            **kept,
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
            "QT_QPA_PLATFORM": "offscreen",
            "PYTHONPATH": str(ROOT),
            "PASSWORD": "of the session",
            "PYTHON": sys.executable,
        }

    def files(self) -> dict[Path, bytes]:
        """Everything that is written below it."""
        found = (path for folder in (self.folder, self.runtime / "relaydesk") for path in folder.rglob("*"))
        return {path: path.read_bytes() for path in found if path.is_file() and not path.is_symlink()}

    def log(self) -> str:
        return "".join(
            content.decode(errors="replace")
            for path, content in self.files().items()
            if "relaydesk.log" in path.name
        )


class DrivenDesktop:
    """A desktop that runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, do: str, **arguments: object) -> Any:  # noqa: ANN401 - whatever JSON it gives
        """Have something done.

        Raises:
            RefusedError: The action was refused.
        """
        self.tell(do, **arguments)
        answer = await self.hear()
        if "failed" in answer:
            raise RefusedError(*answer["failed"])
        return answer["gave"]

    def tell(self, do: str, **arguments: object) -> None:
        """Have something done, and do not wait for it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")

    async def hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        async with asyncio.timeout(STEP_S):
            line = await self._process.stdout.readline()
        assert line, "the desktop has ended"
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def until(self, condition: Any, what: str, do: str = "state") -> Any:  # noqa: ANN401 - a test's own
        """Ask until the answer is so."""
        seen = None
        try:
            async with asyncio.timeout(STEP_S):
                while True:
                    seen = await self.ask(do)
                    if condition(seen):
                        return seen
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"not within {STEP_S:g} s: {what}; last seen: {seen}") from None

    async def quit(self) -> None:
        """End it in order.

        Raises:
            AssertionError: It did not end in time, or not well.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(b'{"do": "quit"}\n')
        try:
            async with asyncio.timeout(END_S):
                code = await self._process.wait()
        except TimeoutError:
            raise AssertionError(f"it had not ended after {END_S:g} s") from None
        assert code == 0, f"it ended with {code}"

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@contextlib.asynccontextmanager
async def driven_desktop(
    home: Home,
    *,
    session: str | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    prefix: Sequence[str] = (),
) -> AsyncIterator[DrivenDesktop]:
    """Run it for the time of the block; it is ended in order at its end.

    Args:
        home: Whose.
        session: Shell commands that prepare a D-Bus session for it; None: there is no D-Bus at all.
        environment: What it finds besides.
        cwd: Its working directory.
        prefix: What it is run by.
    """
    said = home.runtime.parent / f"said-{len(list(home.runtime.parent.glob('said-*')))}"
    command = [*prefix, PYTHON, "-P", "-m", "tests.support.desktop_driver"]
    variables = {**home.environment, **(environment or {})}
    if session is not None:
        command = ["dbus-run-session", "--", "sh", "-c", f'{session}"$@"', "sh", *command]
        variables.pop("DBUS_SESSION_BUS_ADDRESS")
    with said.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env=variables,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=2**24,
        )
    running = DrivenDesktop(process)
    try:
        await running.hear()
        yield running
        if process.returncode is None:
            await running.quit()
    except BaseException as error:
        await running.kill()
        error.add_note(f"the desktop said:\n{said.read_text(errors='replace')[-4000:]}\n{home.log()[-4000:]}")
        raise
