"""Programs on the other side of a pipe, told and asked in lines of JSON.

A client program prints ``{"event": NAME, ...}`` when something happens, and answers each line ``{...}`` that it is
given with one line ``{"answer": {...}}``. A line of anything else is the event ``said`` with its ``text``. What a
program says on standard error ends the message of a test that fails because of it. Every wait has a deadline.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

#: The longest that a client may take for one step. Generous: two cores run the gateway, a JVM and a browser.
STEP_TIMEOUT_S = 40.0

_STOP_TIMEOUT_S = 10.0


class Program:
    """A running client program."""

    def __init__(self, name: str, process: subprocess.Popen[str], log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log
        self._lines: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._unread: list[dict[str, Any]] = []
        self._is_stuck = False
        self.last_said = ""
        threading.Thread(target=self._read, name=f"output of {name}", daemon=True).start()

    def ask(self, timeout_s: float = STEP_TIMEOUT_S, **command: object) -> dict[str, Any]:
        """Give it one command, and wait for the answer."""
        self.begin(**command)
        return self.finish(timeout_s)

    def begin(self, **command: object) -> None:
        """Give it one command."""
        assert self._process.stdin is not None
        assert not self._is_stuck, f"{self.name} has not answered an earlier command"
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure("is gone") from None
        self._is_stuck = True

    def finish(self, timeout_s: float = STEP_TIMEOUT_S) -> dict[str, Any]:
        """Wait for the answer to the command that was given."""
        answer = self._next({}, timeout_s)["answer"]
        self._is_stuck = False
        assert isinstance(answer, dict)
        return answer

    def event(self, name: str, timeout_s: float = STEP_TIMEOUT_S, **members: object) -> dict[str, Any]:
        """Wait for an event with these *members*. Each one is given once."""
        return self._next({"event": name, **members}, timeout_s)

    def says(self, text: str, timeout_s: float = STEP_TIMEOUT_S) -> str:
        """Wait for a line with *text* in it, and give the line. Lines before it are forgotten."""
        while text not in (line := self.event("said", timeout_s)["text"]):
            pass
        assert isinstance(line, str)
        self.last_said = line
        return line

    def has_seen(self, name: str) -> bool:
        """Tell whether the event has come and was not given yet."""
        while not self._lines.empty():
            self._keep(self._lines.get())
        return any(message.get("event") == name for message in self._unread)

    def forget(self) -> None:
        """Drop the events that were not asked for, so that the next test does not take them for its own."""
        self.has_seen("")
        self._unread.clear()

    def stop(self) -> None:
        """End it and whatever it started."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(_STOP_TIMEOUT_S)

    def kill(self) -> None:
        """End it at once, without a chance to close anything."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(_STOP_TIMEOUT_S)

    def _next(self, wanted: Mapping[str, object], timeout_s: float) -> dict[str, Any]:
        """Give the next message with all members of *wanted*; an answer where that is empty."""
        deadline = time.monotonic() + timeout_s
        while True:
            for index, message in enumerate(self._unread):
                if wanted.items() <= message.items() if wanted else "answer" in message:
                    return self._unread.pop(index)
            try:
                self._keep(self._lines.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                raise self._failure(
                    f"did not say {dict(wanted) or 'an answer'} within {timeout_s:g} s"
                ) from None

    def _keep(self, message: dict[str, Any] | None) -> None:
        if message is None:  # it has closed its output
            self._lines.put(None)  # whoever asks again is told again
            raise self._failure(f"ended with exit code {self._process.wait(_STOP_TIMEOUT_S)}")
        self._unread.append(message)

    def _failure(self, what: str) -> AssertionError:
        unread = "".join(f"\n  unread: {message}" for message in self._unread)
        said = "\n  ".join(self._log.read_text(errors="replace").splitlines()[-30:])
        return AssertionError(f"{self.name} {what}{unread}\n  its log ends with:\n  {said}")

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                try:
                    message = json.loads(line)
                except ValueError:
                    message = None
                is_ours = isinstance(message, dict)
                self._lines.put(message if is_ours else {"event": "said", "text": line.rstrip()})
        self._lines.put(None)


@contextlib.contextmanager
def running(
    name: str,
    command: Sequence[str],
    log: Path,
    environment: Mapping[str, str] | None = None,
    *,
    is_told_errors: bool = False,
) -> Iterator[Program]:
    """Run *command* for the time of the block, with *environment* added to this process's own.

    What it writes to standard error goes to the file *log*; with *is_told_errors* it comes as the event ``said``.
    """
    with log.open("a") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if is_told_errors else errors,
            text=True,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    program = Program(name, process, log)
    try:
        yield program
    finally:
        program.stop()
