"""A problem in full: what, why, since when, what happens next, and what can be done."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from ..models import problems
from ..models.tones import Tone
from ..snapshot import Problem
from .context import Context
from .labels import Label, Picture, button, set_property


class ProblemPanel(QFrame):
    """Shows one problem, with *Try now* where that makes sense.

    Args:
        context: What a page works with.
        has_doctor: Whether what it is about can be examined.
    """

    retry_wanted = Signal()
    diagnosis_wanted = Signal()

    def __init__(self, context: Context, *, has_doctor: bool = False) -> None:
        super().__init__()
        self._problem: Problem | None = None
        self.setObjectName("message")
        set_property(self, "tone", "warn")
        picture = Picture(20)
        context.icons.attach(picture, "warning", Tone.WARN)
        self._title = Label(is_bold=True, wraps=True)
        self._explanation = Label(wraps=True)
        self._cause = Label(kind="quiet", wraps=True)
        self._cause.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._next_step = Label(wraps=True)
        self._times = Label(kind="quiet", wraps=True)
        self.retry = button(self.tr("Try &now"), context.icons, "retry")
        self.retry.clicked.connect(self.retry_wanted)
        self.diagnose = button(self.tr("E&xamine"), context.icons, "doctor")
        self.diagnose.clicked.connect(self.diagnosis_wanted)
        self.diagnose.setVisible(has_doctor)
        words = QVBoxLayout()
        words.setSpacing(3)
        for label in (self._title, self._explanation, self._cause, self._next_step, self._times):
            words.addWidget(label)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(10)
        layout.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(words, 1)
        layout.addWidget(self.diagnose, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.retry, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_problem(self, problem: Problem | None, now: float) -> None:
        """Show *problem*, or nothing."""
        self._problem = problem
        self.setVisible(problem is not None)
        if problem is None:
            return
        words = problems.explain(problem)
        self._title.say(words.title)
        self._explanation.say(words.explanation)
        cause = problems.cause(problem)
        self._cause.say(self.tr("It said: {cause}").format(cause=cause) if cause else "")
        self._cause.setVisible(bool(cause))
        self._next_step.say(words.next_step)
        self.retry.setVisible(problems.can_be_retried(problem))
        self.setAccessibleName(words.title)
        self.setAccessibleDescription(f"{words.explanation} {cause} {words.next_step}")
        self.tick(now)

    def tick(self, now: float) -> None:
        """Count down."""
        if self._problem is None:
            return
        times = filter(None, (problems.since(self._problem, now), problems.waits(self._problem, now)))
        text = " · ".join(times)
        self._times.say(text[:1].upper() + text[1:])
        self._times.setVisible(bool(text))
