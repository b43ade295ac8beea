"""A walk of the doctor's as it is shown: each hop by its name and its state, the first fault with its advice."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import QCoreApplication

from agent.checks import Check, Fault, Outcome, Step

from .. import check_words
from ..check_words import Advice
from ..snapshot import Problem
from .states import Face
from .texts import paragraph
from .tones import Tone

translate = QCoreApplication.translate

_LOOKS = {
    Outcome.PASSED: ("check", Tone.GOOD),
    Outcome.WARNING: ("warning", Tone.WARN),
    Outcome.FAILED: ("error", Tone.BAD),
    Outcome.SKIPPED: ("tray-idle", Tone.QUIET),
}


def step_words(step: Step) -> str:
    """What a hop is called."""
    return check_words.step_words(step, translate)


def advice(fault: Fault) -> Advice:
    """What is wrong, and what to do about it."""
    return check_words.advice(fault, translate)


def face(check: Check | None, *, is_running: bool = False) -> Face:
    """How a hop went; None: it has not been tried yet."""
    if check is not None:
        return Face(check_words.outcome_words(check.outcome, translate), *_LOOKS[check.outcome])
    if is_running:
        return Face(translate("Checks", "Checking"), "tray-working", Tone.BUSY)
    return Face(translate("Checks", "Waiting"), "clock", Tone.QUIET)


def details(check: Check) -> str:
    """What was tried, and what came of it."""
    return paragraph(check_words.details(check))


class Walk:
    """The checks of one walk, as they come.

    Args:
        steps: The hops that are shown in any case; others only where something is wrong with them.
    """

    def __init__(self, steps: Collection[Step] = tuple(Step)) -> None:
        self._steps = steps
        self._checks: dict[Step, Check] = {}
        self.is_walking = False
        self.problem: Problem | None = None
        """Why it could not be walked."""

    def begin(self) -> None:
        """Walk from the beginning."""
        self._checks.clear()
        self.problem = None
        self.is_walking = True

    def take(self, check: Check) -> None:
        """Take what came of a hop."""
        self._checks[check.step] = check

    def end(self, problem: Problem | None = None) -> None:
        """Nothing more comes."""
        self.is_walking = False
        self.problem = problem

    def clear(self) -> None:
        """Forget what was found."""
        self._checks.clear()
        self.end()

    @property
    def checks(self) -> tuple[Check, ...]:
        """What was found, in order."""
        return tuple(self._checks.values())

    @property
    def rows(self) -> tuple[tuple[Step, Check | None], ...]:
        """The hops to show, in their order."""
        shown = []
        for step in Step:
            check = self._checks.get(step)
            is_wrong = check is not None and check.outcome in (Outcome.FAILED, Outcome.WARNING)
            if step in self._steps or is_wrong:
                shown.append((step, check))
        return tuple(shown)

    @property
    def running(self) -> Step | None:
        """The hop that is being tried."""
        if not self.is_walking:
            return None
        return next((step for step in Step if step in self._steps and step not in self._checks), None)

    @property
    def failures(self) -> tuple[Check, ...]:
        """The hops that failed."""
        return tuple(one for one in self._checks.values() if one.outcome is Outcome.FAILED)

    @property
    def failure(self) -> Check | None:
        """The first hop that failed: what is behind it could not be tried."""
        return next(iter(self.failures), None)

    @property
    def warning(self) -> Check | None:
        """The first hop that works and is not as it should be."""
        return next((one for one in self._checks.values() if one.outcome is Outcome.WARNING), None)
