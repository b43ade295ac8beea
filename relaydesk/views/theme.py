"""The window's colours: light, dark and high contrast, of our own.

Qt has no dark palette on a plain X11 and none for high contrast, so on Linux every colour is given here, on Qt's Fusion
style. Windows and macOS keep their native style and palette unless the user chose one; what we draw ourselves takes its
colours from here everywhere. ``PAIRS`` lists what is drawn on what; a test holds each to a contrast of 4.5.
"""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from string import Template
from typing import Final

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from ..assets import asset
from ..models.tones import Tone
from ..preferences import Theme as Choice


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """One set of colours, each as ``#rrggbb``."""

    name: str
    is_dark: bool
    window: str
    """Behind everything."""
    panel: str
    """The navigation and the headings of tables."""
    base: str
    """Behind tables, cards and what is typed."""
    text: str
    quiet: str
    """Text that matters less."""
    border: str
    control_border: str
    """Around what can be clicked or typed into."""
    button: str
    button_hover: str
    accent: str
    on_accent: str
    highlight: str
    """Behind what is selected."""
    on_highlight: str
    link: str
    good: str
    busy: str
    warn: str
    bad: str
    notice: str
    """Behind a message."""
    notice_warn: str
    notice_bad: str
    focus: str
    spark_fill: str

    def tone(self, tone: Tone) -> str:
        """The colour of a tone."""
        return {
            Tone.PLAIN: self.text,
            Tone.QUIET: self.quiet,
            Tone.ACCENT: self.accent,
            Tone.GOOD: self.good,
            Tone.BUSY: self.busy,
            Tone.WARN: self.warn,
            Tone.BAD: self.bad,
        }[tone]


LIGHT: Final = Scheme(
    name="light",
    is_dark=False,
    window="#f5f6f8",
    panel="#eceef2",
    base="#ffffff",
    text="#1c2027",
    quiet="#555d6b",
    border="#dde0e6",
    control_border="#858d9b",
    button="#ffffff",
    button_hover="#eef1f6",
    accent="#2b59c3",
    on_accent="#ffffff",
    highlight="#dbe5fa",
    on_highlight="#14213d",
    link="#2450b0",
    good="#17703a",
    busy="#2b59c3",
    warn="#875200",
    bad="#b3242e",
    notice="#e9effb",
    notice_warn="#fdf2dc",
    notice_bad="#fce9ea",
    focus="#2b59c3",
    spark_fill="#2b59c3",
)

DARK: Final = Scheme(
    name="dark",
    is_dark=True,
    window="#1b1e24",
    panel="#16191e",
    base="#22262d",
    text="#e8eaee",
    quiet="#a4acb9",
    border="#343a44",
    control_border="#707987",
    button="#2c313a",
    button_hover="#363c47",
    accent="#8fb0ff",
    on_accent="#10203f",
    highlight="#30446f",
    on_highlight="#f2f5fb",
    link="#9dbaff",
    good="#5fd08a",
    busy="#8fb0ff",
    warn="#f0b548",
    bad="#ff9590",
    notice="#263148",
    notice_warn="#3a3020",
    notice_bad="#432a2d",
    focus="#8fb0ff",
    spark_fill="#8fb0ff",
)

HIGH_CONTRAST: Final = Scheme(
    name="high contrast",
    is_dark=True,
    window="#000000",
    panel="#000000",
    base="#000000",
    text="#ffffff",
    quiet="#e6e6e6",
    border="#ffffff",
    control_border="#ffffff",
    button="#000000",
    button_hover="#2a2a2a",
    accent="#ffe94a",
    on_accent="#000000",
    highlight="#ffe94a",
    on_highlight="#000000",
    link="#8fd3ff",
    good="#6dff9c",
    busy="#8fd3ff",
    warn="#ffc04a",
    bad="#ff9d98",
    notice="#000000",
    notice_warn="#000000",
    notice_bad="#000000",
    focus="#8fd3ff",
    spark_fill="#000000",
)

SCHEMES: Final = (LIGHT, DARK, HIGH_CONTRAST)

#: Text, or a sign that stands for text, on what is behind it.
PAIRS: Final = (
    *((front, back) for front in ("text", "quiet") for back in ("window", "panel", "base", "button")),
    *(
        (tone, back)
        for tone in ("good", "busy", "warn", "bad", "accent", "link")
        for back in ("window", "base")
    ),
    ("accent", "panel"),
    ("text", "button_hover"),
    ("text", "notice"),
    ("quiet", "notice"),
    ("busy", "notice"),
    ("text", "notice_warn"),
    ("quiet", "notice_warn"),
    ("warn", "notice_warn"),
    ("text", "notice_bad"),
    ("quiet", "notice_bad"),
    ("bad", "notice_bad"),
    ("on_highlight", "highlight"),
    ("on_accent", "accent"),
    *((tone, "panel") for tone in ("good", "busy", "warn", "bad")),
)

#: What is no text but must be seen: borders of what can be used, and the focus.
SIGNS: Final = (
    ("control_border", "base"),
    ("control_border", "window"),
    ("focus", "base"),
    ("focus", "window"),
)


class Theme(QObject):
    """The colours in effect. Whoever draws asks it, and draws anew when it has changed.

    Args:
        application: Whose palette is set.
        parent: Qt's owner.
    """

    changed = Signal()

    def __init__(self, application: QApplication, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._application = application
        self._hints = application.styleHints()
        self._native_style = application.style().objectName()
        self._native_palette = application.palette()
        self._style = self._native_style
        self._shown: tuple[Scheme, bool] | None = None
        self._choice = Choice.SYSTEM
        self.scheme = LIGHT
        # Kept: what is asked for only in passing is deleted with its Python object.
        self._accessibility = self._hints.accessibility()
        self._hints.colorSchemeChanged.connect(self._follow_system)
        self._accessibility.contrastPreferenceChanged.connect(self._follow_system)

    def apply(self, choice: Choice) -> None:
        """Use the palette that was chosen."""
        self._choice = choice
        self._show(self._scheme())

    def color(self, tone: Tone) -> QColor:
        """The colour of a tone."""
        return QColor(self.scheme.tone(tone))

    def _follow_system(self) -> None:
        if self._choice is Choice.SYSTEM:
            self._show(self._scheme())

    def _scheme(self) -> Scheme:
        match self._choice:
            case Choice.LIGHT:
                return LIGHT
            case Choice.DARK:
                return DARK
            case Choice.HIGH_CONTRAST:
                return HIGH_CONTRAST
            case Choice.SYSTEM:
                if self._accessibility.contrastPreference() is Qt.ContrastPreference.HighContrast:
                    return HIGH_CONTRAST
                return DARK if self._hints.colorScheme() is Qt.ColorScheme.Dark else LIGHT

    def _show(self, scheme: Scheme) -> None:
        is_native_look = is_native() and self._choice is Choice.SYSTEM and scheme is not HIGH_CONTRAST
        if (scheme, is_native_look) == self._shown:
            return  # every widget is polished anew by each of the calls below
        self._shown = (scheme, is_native_look)
        self.scheme = scheme
        style = self._native_style if is_native_look else "fusion"
        if style != self._style:
            self._style = style
            self._application.setStyle(style)
        self._application.setPalette(self._native_palette if is_native_look else palette(scheme))
        self._application.setStyleSheet(style_sheet(scheme))
        self.changed.emit()


def is_native() -> bool:
    """Whether Qt has a style of the system's own."""
    return sys.platform in ("win32", "darwin")


def palette(scheme: Scheme) -> QPalette:
    """Qt's palette for a scheme."""
    made = QPalette()
    role = QPalette.ColorRole
    for target, color in {
        role.Window: scheme.window,
        role.WindowText: scheme.text,
        role.Base: scheme.base,
        role.AlternateBase: scheme.window,
        role.ToolTipBase: scheme.base,
        role.ToolTipText: scheme.text,
        role.Text: scheme.text,
        role.PlaceholderText: scheme.quiet,
        role.Button: scheme.button,
        role.ButtonText: scheme.text,
        role.BrightText: scheme.bad,
        role.Link: scheme.link,
        role.LinkVisited: scheme.link,
        role.Highlight: scheme.highlight,
        role.HighlightedText: scheme.on_highlight,
        role.Accent: scheme.accent,
        role.Light: scheme.base,
        role.Midlight: scheme.border,
        role.Mid: scheme.border,
        role.Dark: scheme.control_border,
        role.Shadow: scheme.border,
    }.items():
        made.setColor(target, QColor(color))
    for target in (role.WindowText, role.Text, role.ButtonText):
        # Quiet, not faint: what cannot be used now can still be read.
        made.setColor(QPalette.ColorGroup.Disabled, target, QColor(scheme.quiet))
    return made


def style_sheet(scheme: Scheme) -> str:
    """What a palette cannot say: flat buttons, quiet tables, the navigation, messages."""
    # A style sheet takes pictures from files alone, so these two exist once for each scheme.
    mark = scheme.name.replace(" ", "-")
    pictures = {name: asset("icons", f"{name}-{mark}.svg").as_posix() for name in ("arrow", "tick")}
    return _SHEET.substitute(dataclasses.asdict(scheme) | pictures)


# Sizes of text never stand here: they follow the system's font.
_SHEET: Final = Template("""
QToolTip { color: $text; background: $base; border: 1px solid $control_border; padding: 3px; }

QPushButton, QToolButton[kind="button"] {
    color: $text; background: $button; border: 1px solid $control_border; border-radius: 6px; padding: 5px 12px;
}
QPushButton:hover, QToolButton[kind="button"]:hover { background: $button_hover; }
QPushButton:pressed, QToolButton[kind="button"]:pressed { background: $highlight; color: $on_highlight; }
QPushButton:focus, QToolButton[kind="button"]:focus { border: 2px solid $focus; padding: 4px 11px; }
QPushButton:disabled, QToolButton[kind="button"]:disabled {
    color: $quiet; background: transparent; border: 1px solid $border;
}
QToolButton[kind="button"]:checked { background: $highlight; color: $on_highlight; }
QPushButton[kind="primary"] { color: $on_accent; background: $accent; border: 1px solid $accent; }
QPushButton[kind="primary"]:hover { background: $accent; border: 1px solid $text; }
QPushButton[kind="primary"]:focus { border: 2px solid $text; }
QPushButton[kind="primary"]:disabled { color: $quiet; background: transparent; border: 1px solid $border; }
QPushButton[kind="plain"], QToolButton[kind="plain"] {
    background: transparent; border: 1px solid transparent; border-radius: 6px; padding: 4px 8px; color: $text;
}
QPushButton[kind="plain"]:hover, QToolButton[kind="plain"]:hover { background: $button_hover; }
QPushButton[kind="plain"]:focus, QToolButton[kind="plain"]:focus {
    border: 2px solid $focus; padding: 3px 7px;
}

QLineEdit, QPlainTextEdit {
    color: $text; background: $base; border: 1px solid $control_border; border-radius: 6px; padding: 5px 8px;
    selection-background-color: $highlight; selection-color: $on_highlight;
}
QLineEdit:focus, QPlainTextEdit:focus { border: 2px solid $focus; padding: 4px 7px; }
QLineEdit[kind="value"] { border: 1px solid transparent; background: transparent; padding: 1px 2px; }
QLineEdit[kind="value"]:focus { border: 1px solid $focus; }

QComboBox {
    color: $text; background: $button; border: 1px solid $control_border; border-radius: 6px; padding: 5px 8px;
}
QComboBox:hover { background: $button_hover; }
QComboBox:focus { border: 2px solid $focus; padding: 4px 7px; }
QComboBox:disabled { color: $quiet; border: 1px solid $border; }
QComboBox::drop-down { border: 0; width: 26px; }
QComboBox::down-arrow { image: url("$arrow"); width: 16px; height: 16px; }
QComboBox QAbstractItemView {
    color: $text; background: $base; border: 1px solid $control_border; outline: 0;
    selection-background-color: $highlight; selection-color: $on_highlight;
}
QCheckBox, QRadioButton { spacing: 8px; }
QCheckBox::indicator, QRadioButton::indicator {
    width: 14px; height: 14px; background: $base; border: 1px solid $control_border;
}
QCheckBox::indicator { border-radius: 4px; }
QRadioButton::indicator { border-radius: 8px; }
QCheckBox::indicator:checked { background: $accent; border: 1px solid $accent; image: url("$tick"); }
QRadioButton::indicator:checked {
    background: qradialgradient(cx: 0.5, cy: 0.5, radius: 0.5, fx: 0.5, fy: 0.5,
        stop: 0 $accent, stop: 0.55 $accent, stop: 0.65 $base, stop: 1 $base);
    border: 1px solid $accent;
}
QCheckBox::indicator:focus, QRadioButton::indicator:focus { border: 2px solid $focus; width: 12px; height: 12px; }
QTableView {
    background: $base; color: $text; border: 1px solid $border; border-radius: 8px; outline: 0; gridline-color: $border;
}
QTableView:focus { border: 1px solid $focus; }
QTableView::item { padding: 0 8px; border: 0; border-bottom: 1px solid $border; }
QTableView::item:selected { background: $highlight; color: $on_highlight; }
QHeaderView { background: transparent; border: 0; }
QHeaderView::section {
    background: transparent; color: $quiet; border: 0; border-bottom: 1px solid $border; padding: 6px 9px;
}
QTableCornerButton::section { background: $base; border: 0; }

QFrame#card { background: $base; border: 1px solid $border; border-radius: 8px; }
QFrame#navigation { background: $panel; border: 0; border-right: 1px solid $border; }
QListView#pages { background: transparent; border: 0; outline: 0; }
QFrame#message { background: $notice; border: 1px solid $border; border-radius: 8px; }
QFrame#message[tone="warn"] { background: $notice_warn; border: 1px solid $warn; }
QFrame#message[tone="bad"] { background: $notice_bad; border: 1px solid $bad; }
QLabel[kind="quiet"] { color: $quiet; }
QLabel[kind="good"] { color: $good; }
QLabel[kind="warn"] { color: $warn; }
QLabel[kind="bad"] { color: $bad; }
QTabWidget::pane { border: 0; }
QTabBar { background: transparent; qproperty-drawBase: 0; }
QTabBar::tab {
    color: $quiet; background: transparent; border: 0; border-bottom: 2px solid transparent; padding: 5px 4px; margin: 0 10px 4px 0;
}
QTabBar::tab:hover { color: $text; }
QTabBar::tab:selected { color: $text; border-bottom: 2px solid $accent; }
QTabBar::tab:focus { color: $link; }
QSplitter::handle { background: transparent; }
QScrollArea { background: transparent; border: 0; }
QScrollArea > QWidget > QWidget#sheet { background: transparent; }
QMenu { background: $base; color: $text; border: 1px solid $control_border; padding: 4px; }
QMenu::item { padding: 5px 24px 5px 10px; border-radius: 4px; }
QMenu::item:selected { background: $highlight; color: $on_highlight; }
QMenu::item:disabled { color: $quiet; }
QMenu::separator { height: 1px; background: $border; margin: 4px 6px; }
QMenu::icon { padding-left: 8px; }

QScrollBar:vertical { background: transparent; width: 11px; margin: 0; border: 0; }
QScrollBar:horizontal { background: transparent; height: 11px; margin: 0; border: 0; }
QScrollBar::handle { background: $control_border; border-radius: 3px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
""")
