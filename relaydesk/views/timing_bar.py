"""Where the time of an exchange went: a bar in proportion, and the same in words below it."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from agent.captured import CapturedExchange, Phase, phases

from ..models import exchange_words
from ..models.tones import Tone
from .labels import ElidedLabel, clear_margins
from .theme import Theme

_TONES = {
    Phase.ADMISSION: Tone.QUIET,
    Phase.CONNECT: Tone.WARN,
    Phase.TARGET: Tone.ACCENT,
    Phase.RENDEZVOUS: Tone.QUIET,
    Phase.BODY: Tone.GOOD,
}


class TimingBar(QWidget):
    """Shows the phases of an exchange.

    Args:
        theme: The colours.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._bar = _Bar(theme)
        self.words = ElidedLabel(kind="quiet")
        layout = QVBoxLayout(self)
        clear_margins(layout, 3)
        layout.addWidget(self._bar)
        layout.addWidget(self.words)

    def show_exchange(self, exchange: CapturedExchange | None) -> None:
        """Show the phases of *exchange*."""
        self._bar.parts = () if exchange is None else phases(exchange.timing)
        self._bar.update()
        self.words.say("" if exchange is None else exchange_words.timing_words(exchange))


class _Bar(QWidget):
    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.parts: tuple[tuple[Phase, float, float], ...] = ()
        self.setFixedHeight(8)
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw each phase as long as it was; one that was short is a line at least."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._theme.scheme.border))
        painter.drawRoundedRect(QRectF(self.rect()), 3, 3)
        whole = self.parts[-1][2] if self.parts else 0.0
        is_mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        for phase, start, end in self.parts if whole > 0 else ():
            left, width = self.width() * start / whole, max(1.5, self.width() * (end - start) / whole)
            if is_mirrored:
                left = self.width() - left - width
            painter.setBrush(self._theme.color(_TONES[phase]))
            painter.drawRoundedRect(QRectF(left, 0, width, self.height()), 2, 2)
        painter.end()
