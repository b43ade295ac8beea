"""The hops of a walk, each with its state, as they are tried: for the first start and for the Doctor page."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from agent.checks import Check, Step

from ..models import checks
from .context import Context
from .labels import TONE_KINDS, Label, Picture, row


class CheckList(QScrollArea):
    """Shows hops.

    Args:
        context: What a page works with.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._hops: dict[Step, _Hop] = {}
        sheet = QWidget()
        sheet.setObjectName("sheet")
        self._list = QVBoxLayout(sheet)
        self._list.setContentsMargins(0, 0, 6, 0)
        self._list.setSpacing(6)
        self._list.addStretch(1)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("Checks"))
        self.setWidget(sheet)

    def show_walk(self, rows: Sequence[tuple[Step, Check | None]], running: Step | None) -> None:
        """Show these hops, and which of them is being tried."""
        for place, (step, check) in enumerate(rows):
            hop = self._hops.get(step)
            if hop is None:
                hop = self._hops[step] = _Hop(self._context)
                self._list.insertWidget(place, hop)
            hop.show_check(step, check, is_running=step is running)
        for step, hop in self._hops.items():
            hop.setVisible(any(step is one for one, _ in rows))


class _Hop(QWidget):
    """One hop: a shape, its name, a word, and what was found."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._icons = context.icons
        self._picture = Picture(18)
        self._name = Label(is_bold=True)
        self._word = Label()
        self._text = Label(kind="quiet", wraps=True)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addLayout(row(self._name, self._word, None))
        words.addWidget(self._text)
        layout = row(spacing=10)
        layout.addWidget(self._picture, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(words, 1)
        self.setLayout(layout)

    def show_check(self, step: Step, check: Check | None, *, is_running: bool) -> None:
        """Show how it went."""
        face = checks.face(check, is_running=is_running)
        self._icons.attach(self._picture, face.icon, face.tone)
        self._name.say(checks.step_words(step))
        self._word.tell(face.word, TONE_KINDS[face.tone])
        text = "" if check is None else checks.details(check)
        self._text.say(text)
        self._text.setVisible(bool(text))
        self.setAccessibleName(f"{checks.step_words(step)}: {face.word}")
