"""A page of the window: a title, what it is about in a line, what can be done, and its content."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from ..models.rates import Rates
from ..models.tones import Tone
from ..snapshot import Snapshot
from .context import Context
from .labels import GAP, MARGIN, ElidedLabel, Label, Picture, row


class Page(QWidget):
    """What every page is.

    Args:
        context: What it works with.
        title: What it is called.
    """

    def __init__(self, context: Context, title: str) -> None:
        super().__init__()
        self.context = context
        self.title = title
        self.setAccessibleName(title)
        self._subtitle = ElidedLabel(kind="quiet")
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(Label(title, scale=1.55, is_bold=True))
        words.addWidget(self._subtitle)
        self.tools = QHBoxLayout()
        self.tools.setSpacing(8)
        header = QHBoxLayout()
        header.setSpacing(GAP)
        header.addLayout(words, 1)
        header.addLayout(self.tools)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(MARGIN, MARGIN - 4, MARGIN, MARGIN)
        self.body.setSpacing(GAP)
        self.body.addLayout(header)

    def describe(self, text: str) -> None:
        """What the page is about at the moment."""
        self._subtitle.say(text)

    def show_snapshot(self, snapshot: Snapshot, rates: LiveRates) -> None:
        """Show a state. Called for the page that is seen, and for no other."""

    def tick(self, now: float) -> None:
        """A second has passed, and this page is seen."""

    def leave(self) -> None:
        """The page is not seen any more."""

    def focus_filter(self) -> None:
        """Let the user type a filter."""

    def focus_content(self) -> None:
        """Let the keys work on what the page is about."""


class LiveRates:
    """The rates that all pages share: they go on whichever page is seen."""

    def __init__(self) -> None:
        self.services: Rates[str] = Rates()
        self.connections: Rates[int] = Rates()


def filter_field(text: str, name: str) -> QLineEdit:
    """A field to type a filter into."""
    field = QLineEdit()
    field.setPlaceholderText(text)
    field.setAccessibleName(name)
    field.setClearButtonEnabled(True)
    field.setMinimumWidth(90)
    field.setMaximumWidth(260)
    field.setMaxLength(200)
    return field


class Empty(QWidget):
    """What is seen where there is nothing yet: what could be here, and how to get it.

    Args:
        context: What a page works with.
        icon: A picture.
        title: What there is not.
        text: What would be here.
        buttons: What to do about it.
    """

    def __init__(
        self, context: Context, icon: str, title: str, text: str, buttons: tuple[QWidget, ...] = ()
    ) -> None:
        super().__init__()
        picture = Picture(48)
        context.icons.attach(picture, icon, Tone.QUIET)
        heading = Label(title, scale=1.3, is_bold=True)
        heading.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        explanation = Label(text, kind="quiet", wraps=True)
        explanation.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        explanation.setFixedWidth(explanation.fontMetrics().averageCharWidth() * 64)
        layout = QVBoxLayout(self)
        layout.setSpacing(GAP)
        layout.addStretch(2)
        layout.addWidget(picture, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(heading)
        layout.addLayout(row(None, explanation, None))
        if buttons:
            line = QHBoxLayout()
            line.setSpacing(GAP)
            line.addStretch(1)
            for button in buttons:
                line.addWidget(button)
            line.addStretch(1)
            layout.addSpacing(4)
            layout.addLayout(line)
        layout.addStretch(3)


class EmptyOr(QStackedWidget):
    """Either of two widgets: what there is, or that there is nothing."""

    def __init__(self, empty: QWidget, content: QWidget) -> None:
        super().__init__()
        self.addWidget(empty)
        self.addWidget(content)

    def show_content(self, has_content: bool) -> None:
        """Show what there is, or that there is nothing."""
        self.setCurrentIndex(1 if has_content else 0)
