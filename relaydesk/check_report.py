"""A walk of the doctor's as a text that may be sent to somebody: no key, no token, no invitation is in it."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.checks import Check, Outcome
from hyco.frames import IS_COMPILED
from hyco.redaction import one_line

from . import __version__, check_words
from .build_facts import build_facts


@dataclass(frozen=True, slots=True)
class Examined:
    """What was examined, and what was found."""

    name: str
    checks: tuple[Check, ...]
    problem: str = ""
    """Why it could not be walked."""

    @property
    def failure(self) -> Check | None:
        """The first hop that failed."""
        return next((check for check in self.checks if check.outcome is Outcome.FAILED), None)


def frame_loop() -> str:
    """Which inner loop forwards frames here: what runs is not seen otherwise, and the one in Python takes longer."""
    return "compiled" if IS_COMPILED else "Python (the compiled one was not built, or RELAYDESK_PURE is set)"


def lines_of(checks: Iterable[Check]) -> list[str]:
    """A line for each hop, with the advice below one that has a fault."""
    lines = []
    for check in checks:
        took = "" if check.took_s is None else f" ({check.took_s * 1000:.0f} ms)"
        word = check_words.outcome_words(check.outcome)
        lines.append(
            f"{word:<10}{check_words.step_words(check.step)}: {check_words.details(check)}{took}".rstrip()
        )
        if check.fault is not None:
            advice = check_words.advice(check.fault)
            lines.append(f"{'':10}{advice.title}. {advice.fix}")
    return lines


def report(examined: Sequence[Examined], at: float) -> str:
    """The text.

    Args:
        examined: What was examined.
        at: When, POSIX seconds.
    """
    lines = [
        f"RelayDesk {__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"build: {build_facts()}",
        f"frame loop: {frame_loop()}",
        time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(at)),
    ]
    for one in examined:
        lines += ["", one_line(one.name), "-" * len(one_line(one.name)), *lines_of(one.checks)]
        if one.problem:
            lines.append(one_line(one.problem))
    return "\n".join(one_line(line) for line in lines) + "\n"
