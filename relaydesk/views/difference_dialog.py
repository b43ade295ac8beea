"""How one exchange differs from another, line by line: a sign before each line, and a colour that repeats it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QSyntaxHighlighter, QTextCharFormat, QTextDocument
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from ..models.tones import Tone
from .body_pane import code_field
from .context import Context
from .labels import GAP, MARGIN, Label, button, row
from .theme import Theme


class DifferenceDialog(QDialog):
    """Shows a difference. Shown by ``show()``: the window stays usable beside it.

    Args:
        context: What a page works with.
        one: The id of an exchange.
        other: That of another.
        parent: The window.
    """

    def __init__(self, context: Context, one: int, other: int, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("How {other} differs from {one}").format(one=one, other=other))
        self.words = Label(self.tr("Comparing…"), kind="quiet", wraps=True)
        self.text = code_field(self.tr("Difference"))
        self._colours = DifferenceColours(self.text.document(), context.theme)
        close = button(self.tr("Close"), context.icons)
        close.clicked.connect(self.accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(GAP)
        layout.addWidget(self.words)
        layout.addWidget(self.text, 1)
        layout.addLayout(row(None, close))
        self.resize(760, 520)
        context.bridge.do(
            context.bridge.actions.difference(one, other), done=self._took, failed=context.tell_failure
        )

    def _took(self, text: str) -> None:
        self.text.setPlainText(text)
        self.words.say(
            self.tr("Lines with − are of the first, lines with + of the second. Secrets are masked.")
            if text
            else self.tr("There is no difference.")
        )


class DifferenceColours(QSyntaxHighlighter):
    """Colours the lines of a unified difference.

    Args:
        document: The text.
        theme: The colours.
    """

    def __init__(self, document: QTextDocument, theme: Theme) -> None:
        super().__init__(document)
        self._theme = theme
        theme.changed.connect(self.rehighlight)

    def highlightBlock(self, text: str) -> None:
        """Qt's question, for each line."""
        tone = {"+": Tone.GOOD, "-": Tone.BAD, "@": Tone.QUIET}.get(text[:1])
        if tone is not None:
            form = QTextCharFormat()
            form.setForeground(self._theme.color(tone))
            self.setFormat(0, len(text), form)
