"""Labels, buttons and frames as this window uses them. Text is text: nothing in it is ever taken for HTML."""

from __future__ import annotations

import re

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QAction, QFont, QIcon, QKeySequence, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ..models.texts import caption, literal, paragraph, tooltip
from ..models.tones import Tone
from .icons import Icons

_LONG_WORD = re.compile(r"(\S{40})(?=\S)")

#: Room around a page, and between its parts.
MARGIN = 20
GAP = 12


class Label(QLabel):
    """Plain text.

    Args:
        text: What it says.
        kind: ``quiet``, ``good``, ``warn``, ``bad``, or nothing.
        wraps: Whether it takes several lines.
        scale: Its size beside that of the system's font, which it follows.
        is_bold: Whether it stands out.
    """

    def __init__(
        self,
        text: str = "",
        *,
        kind: str = "",
        wraps: bool = False,
        scale: float = 1.0,
        is_bold: bool = False,
    ) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._scale, self._is_bold = scale, is_bold
        if kind:
            self.setProperty("kind", kind)
        if wraps:
            self.setWordWrap(True)
            policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
            policy.setHeightForWidth(True)
            self.setSizePolicy(policy)
        self._follow_font()
        self.say(text)

    def say(self, text: str) -> None:
        """Show *text* from now on."""
        shown = paragraph(text)
        if self.wordWrap():
            # Where there is no space to wrap at, the label would be as wide as the word.
            shown = _LONG_WORD.sub("\\1\u200b", shown)
        if shown != self.text():
            self.setText(shown)

    def tell(self, text: str, kind: str = "") -> None:
        """Show *text* from now on, in the colour of its kind."""
        self.set_kind(kind)
        self.say(text)

    def set_kind(self, kind: str) -> None:
        """Change the colour."""
        set_property(self, "kind", kind)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the system's font."""
        if event.type() is QEvent.Type.ApplicationFontChange:
            self._follow_font()
        super().changeEvent(event)

    def _follow_font(self) -> None:
        if self._scale == 1.0 and not self._is_bold:
            return
        font = QApplication.font()
        font.setPointSizeF(font.pointSizeF() * self._scale)
        font.setWeight(QFont.Weight.DemiBold if self._is_bold else QFont.Weight.Normal)
        self.setFont(font)


class ElidedLabel(Label):
    """One line that ends, or is cut in the middle, where there is no more room; its tooltip has the whole."""

    def __init__(
        self,
        text: str = "",
        *,
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
        kind: str = "",
        **style: float,
    ) -> None:
        self._whole = ""
        self._mode = mode
        super().__init__(kind=kind, scale=style.get("scale", 1.0), is_bold=bool(style.get("is_bold", False)))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.say(text)

    def say(self, text: str) -> None:
        """Show *text* from now on."""
        whole = literal(text, 500)
        if whole == self._whole:
            return
        self._whole = whole
        self.setToolTip(tooltip(whole))
        self.setAccessibleName(whole)
        self._elide()
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Room for the whole."""
        margins = self.contentsMargins()
        width = self.fontMetrics().horizontalAdvance(self._whole) + 2 + margins.left() + margins.right()
        return QSize(width, self.fontMetrics().height())

    def minimumSizeHint(self) -> QSize:
        """A few letters will do."""
        return QSize(
            min(self.fontMetrics().averageCharWidth() * 6, self.sizeHint().width()),
            self.fontMetrics().height(),
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut anew."""
        super().resizeEvent(event)
        self._elide()

    def changeEvent(self, event: QEvent) -> None:
        """Cut anew in another font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.ApplicationFontChange):
            self._elide()

    def _elide(self) -> None:
        self.setText(
            self.fontMetrics().elidedText(self._whole, self._mode, max(self.contentsRect().width(), 0))
        )


class Picture(QWidget):
    """An icon of one size."""

    def __init__(self, size: int = 20) -> None:
        super().__init__()
        self._icon = QIcon()
        self.setFixedSize(size, size)

    def setIcon(self, icon: QIcon) -> None:
        """Show another one. Named like Qt's, so that ``Icons`` can give it one."""
        self._icon = icon
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it, as sharp as the screen is."""
        painter = QPainter(self)
        self._icon.paint(painter, self.rect())
        painter.end()


def button(text: str, icons: Icons, icon: str = "", *, kind: str = "") -> QPushButton:
    """A button with words.

    Args:
        text: What it says; "&" marks its key.
        icons: Where pictures come from.
        icon: Its picture.
        kind: ``primary`` for the one thing to do here, ``plain`` for what should not stand out.
    """
    made = QPushButton(text)
    made.setAccessibleName(text.replace("&", ""))
    made.setAutoDefault(False)
    if kind:
        made.setProperty("kind", kind)
    if icon and kind == "primary":
        icons.on_accent(made, icon)
    elif icon:
        icons.attach(made, icon)
    return made


def tool_button(name: str, icons: Icons, icon: str, *, kind: str = "plain") -> QToolButton:
    """A button with a picture alone; *name* is its tooltip, and what a screen reader says."""
    made = QToolButton()
    made.setProperty("kind", kind)
    made.setToolTip(tooltip(name))
    made.setAccessibleName(name)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    icons.attach(made, icon)
    return made


def set_caption(target: QPushButton, text: str) -> None:
    """Let a button say *text*, whoever that came from."""
    target.setText(caption(text))
    target.setAccessibleName(literal(text))


def card(*, margin: int = 16) -> tuple[QFrame, QVBoxLayout]:
    """A frame with its own ground, and its layout."""
    frame = QFrame()
    frame.setObjectName("card")
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(8)
    return frame, layout


def row(*parts: QWidget | None, spacing: int = 8) -> QHBoxLayout:
    """Widgets side by side; None is the room between."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for part in parts:
        if part is None:
            layout.addStretch(1)
        else:
            layout.addWidget(part)
    return layout


def set_property(widget: QWidget, name: str, value: str) -> None:
    """Change a property that the style sheet asks for."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def clear_margins(layout: QLayout, spacing: int = GAP) -> None:
    """No room around, *spacing* between."""
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)


TONE_KINDS = {
    Tone.PLAIN: "",
    Tone.QUIET: "quiet",
    Tone.ACCENT: "",
    Tone.GOOD: "good",
    Tone.BUSY: "",
    Tone.WARN: "warn",
    Tone.BAD: "bad",
}


class Shrinking:
    """Buttons that show their pictures alone where there is little room; their words stay as tooltips and names.

    Args:
        letters: How many letters wide the place must be for words.
        buttons: Each with a picture.
    """

    def __init__(self, letters: int, *buttons: QPushButton) -> None:
        self._letters = letters
        self._words = {made: made.text() for made in buttons}
        self._is_narrow = False

    def say(self, made: QPushButton, text: str) -> None:
        """Let a button say something else."""
        self._words[made] = text
        made.setAccessibleName(text.replace("&", ""))
        self._show(made)

    def fit(self, place: QWidget) -> None:
        """Look how much room *place* has."""
        is_narrow = place.width() < place.fontMetrics().averageCharWidth() * self._letters
        if is_narrow != self._is_narrow:
            self._is_narrow = is_narrow
            for made in self._words:
                self._show(made)

    def _show(self, made: QPushButton) -> None:
        words = self._words[made]
        made.setText("" if self._is_narrow else words)
        made.setToolTip(words.replace("&", "") if self._is_narrow else "")


class ActionButton(QPushButton):
    """A button that does what an action does, and is called and enabled like it.

    Args:
        action: What it does.
        has_words: Whether it shows words beside the picture.
    """

    def __init__(self, action: QAction, *, has_words: bool = True) -> None:
        super().__init__()
        self._action = action
        self._has_words = has_words
        self.setAutoDefault(False)
        self.clicked.connect(action.trigger)
        action.changed.connect(self._follow)
        self._follow()

    def show_words(self, has_words: bool) -> None:
        """Show words beside the picture, or the picture alone."""
        self._has_words = has_words
        self._follow()

    def _follow(self) -> None:
        text = self._action.text()
        keys = self._action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        self.setText(text if self._has_words else "")
        self.setIcon(self._action.icon())
        self.setEnabled(self._action.isEnabled())
        self.setVisible(self._action.isVisible())
        self.setAccessibleName(text)
        self.setToolTip(f"{text} ({keys})" if keys else text)
