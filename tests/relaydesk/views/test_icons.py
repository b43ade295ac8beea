"""Pictures: each is one, states differ by shape, and they follow the theme."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QSize
from PySide6.QtGui import QIcon, QImage
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

import relaydesk
from relaydesk.assets import asset
from relaydesk.models.states import health_face
from relaydesk.preferences import Theme as Choice
from relaydesk.snapshot import Health
from relaydesk.views.icons import SIZES, Icons, application_icon, render, tray_icon
from relaydesk.views.theme import Theme

NAMES = sorted(path.stem for path in asset("icons").glob("*.svg"))


def shape(image: QImage) -> bytes:
    """Where there is something, whatever its colour."""
    return bytes(image.convertToFormat(QImage.Format.Format_Alpha8).constBits())


@pytest.mark.parametrize("name", NAMES)
def test_every_picture_can_be_drawn(qapp: object, name: str) -> None:
    assert any(shape(render(name, 24, "#123456")))


def test_every_picture_that_is_asked_for_is_there() -> None:
    """A name that is mistyped would only be found by whoever opens that page."""
    folder = Path(relaydesk.__file__).parent
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for part in ("views", "models")
        for path in (folder / part).glob("*.py")
    )
    asked = set(re.findall(r'(?:attach|on_accent)\([\w.]+, "([a-z-]+)"', text))
    asked |= set(re.findall(r'context\.icons, "([a-z-]+)"', text))
    asked |= set(re.findall(r'Face\([^"]*"[^"]*", ?"[^"]*"\), "([a-z-]+)"', text))
    assert len(asked) > 15
    assert asked <= set(NAMES)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("has_badge", [False, True])
def test_the_states_of_the_tray_differ_by_shape(qapp: object, size: int, has_badge: bool) -> None:
    shapes = [
        shape(render(health_face(state).icon, size, "#000000", has_badge=has_badge)) for state in Health
    ]
    assert len(set(shapes)) == len(Health)


@pytest.mark.parametrize("state", Health)
def test_the_badge_is_seen_on_every_state(qapp: object, state: Health) -> None:
    name = health_face(state).icon
    for size in SIZES:
        without, with_badge = (shape(render(name, size, "#000000", has_badge=has)) for has in (False, True))
        differing = sum(abs(a - b) > 64 for a, b in zip(without, with_badge, strict=True))
        assert differing >= size * size / 40


def test_a_tray_gets_every_size_it_may_ask_for(qapp: object) -> None:
    assert {
        size.width() for size in tray_icon("tray-online", "#17703a", has_badge=True).availableSizes()
    } == set(SIZES)
    assert QSize(256, 256) in application_icon().availableSizes()


def test_pictures_follow_the_theme(qtbot: QtBot, theme: Theme, icons: Icons) -> None:
    button = QPushButton()
    qtbot.addWidget(button)
    icons.attach(button, "copy")
    light = button.icon().pixmap(24).toImage()
    theme.apply(Choice.DARK)
    assert button.icon().pixmap(24).toImage() != light


def test_a_widget_that_is_gone_is_forgotten(theme: Theme, icons: Icons) -> None:
    button = QPushButton()
    icons.attach(button, "copy")
    shiboken6.delete(button)
    theme.apply(Choice.DARK)


def test_a_selected_row_has_its_own_colour(icons: Icons, theme: Theme) -> None:
    theme.apply(Choice.HIGH_CONTRAST)
    icon = icons.icon("tray-online")
    normal, selected = (
        icon.pixmap(QSize(24, 24), mode).toImage() for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected)
    )
    assert normal.pixelColor(12, 12).name() != selected.pixelColor(12, 12).name()
