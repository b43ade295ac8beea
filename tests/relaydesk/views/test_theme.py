"""Every colour can be read on what is behind it."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from relaydesk.models.tones import Tone
from relaydesk.preferences import Theme as Choice
from relaydesk.views.theme import (
    DARK,
    HIGH_CONTRAST,
    LIGHT,
    PAIRS,
    SCHEMES,
    SIGNS,
    Scheme,
    Theme,
    palette,
    style_sheet,
)


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2)."""

    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    made = QColor(color)
    red, green, blue = (linear(value) for value in (made.redF(), made.greenF(), made.blueF()))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(front: str, back: str) -> float:
    bright, dark = sorted((luminance(front), luminance(back)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_is_measured_as_it_is_defined() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("pair", PAIRS, ids="-on-".join)
def test_text_is_readable(scheme: Scheme, pair: tuple[str, str]) -> None:
    front, back = (getattr(scheme, name) for name in pair)
    assert contrast(front, back) >= (7.0 if scheme is HIGH_CONTRAST else 4.5)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("pair", SIGNS, ids="-on-".join)
def test_what_can_be_used_is_seen(scheme: Scheme, pair: tuple[str, str]) -> None:
    front, back = (getattr(scheme, name) for name in pair)
    assert contrast(front, back) >= 3.0


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("tone", Tone)
def test_states_keep_their_colour_in_a_selected_row(scheme: Scheme, tone: Tone) -> None:
    """Where they would not be seen, the row's own colour is used (icons.py)."""
    assert contrast(scheme.tone(tone), scheme.highlight) >= 3.0


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_what_cannot_be_used_now_can_be_read(scheme: Scheme) -> None:
    made = palette(scheme)
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
        assert contrast(made.color(QPalette.ColorGroup.Disabled, role).name(), scheme.window) >= 4.5


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_the_style_sheet_fixes_no_size_of_text(scheme: Scheme) -> None:
    """Text follows the system's font."""
    assert "font" not in style_sheet(scheme)


@pytest.mark.parametrize(
    ("choice", "scheme"), [(Choice.LIGHT, LIGHT), (Choice.DARK, DARK), (Choice.HIGH_CONTRAST, HIGH_CONTRAST)]
)
def test_a_chosen_palette_is_used(qapp: QApplication, theme: Theme, choice: Choice, scheme: Scheme) -> None:
    theme.apply(Choice.LIGHT if choice is Choice.DARK else Choice.DARK)
    heard: list[bool] = []
    theme.changed.connect(lambda: heard.append(True))
    theme.apply(choice)
    theme.apply(choice)
    assert theme.scheme is scheme
    assert qapp.palette().color(QPalette.ColorRole.Window).name() == scheme.window
    assert heard == [True]


def test_the_systems_wish_is_followed_where_nothing_was_chosen(theme: Theme) -> None:
    theme.apply(Choice.DARK)
    theme.apply(Choice.SYSTEM)
    assert theme.scheme is LIGHT  # the platform plugin `offscreen` wishes for nothing
