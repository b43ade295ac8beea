"""Pictures from ``resources/icons``, in the colours of the theme.

Each file is one shape in ``currentColor``. It is rendered at the sizes that docks, trays and tables ask for, in the colour
of a tone, and for a selected row in that row's colour.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Final, Protocol

from PySide6.QtCore import QByteArray, QObject, QRectF, Qt
from PySide6.QtGui import QIcon, QImage, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from ..assets import asset
from ..models.tones import Tone
from .theme import HIGH_CONTRAST, Theme

#: The sizes that StatusNotifier hosts, Windows and our own views pick from; 40 is 20 at 200 %.
SIZES: Final = (16, 20, 22, 24, 32, 40, 48, 64)

BADGE: Final = "badge-public"


class TakesIcon(Protocol):
    """A button, an action, a window."""

    def setIcon(self, icon: QIcon, /) -> None:
        """Qt's way to give it one."""


class Icons(QObject):
    """Gives icons, and gives them anew when the theme has changed.

    Args:
        theme: The colours.
        parent: Qt's owner.
    """

    def __init__(self, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._cache: dict[tuple[str, Tone], QIcon] = {}
        self._refresh: dict[int, Callable[[], None]] = {}
        theme.changed.connect(self._renew)

    def icon(self, name: str, tone: Tone = Tone.PLAIN) -> QIcon:
        """The picture *name* in the colour of *tone*."""
        known = self._cache.get((name, tone))
        if known is None:
            scheme = self._theme.scheme
            # A selected row is pale where it can be, so that tones stay; where it is not, its own colour is used.
            is_own = tone in (Tone.PLAIN, Tone.QUIET) or scheme is HIGH_CONTRAST
            selected = scheme.on_highlight if is_own else scheme.tone(tone)
            known = self._cache[name, tone] = make_icon(name, scheme.tone(tone), selected, scheme.quiet)
        return known

    def attach(self, target: TakesIcon, name: str, tone: Tone = Tone.PLAIN) -> None:
        """Give *target*, a QObject, the picture from now on."""
        assert isinstance(target, QObject)
        key = id(target)
        if key not in self._refresh:
            target.destroyed.connect(lambda: self._refresh.pop(key, None))
        self._refresh[key] = lambda: target.setIcon(self.icon(name, tone))
        target.setIcon(self.icon(name, tone))

    def on_accent(self, target: TakesIcon, name: str) -> None:
        """Give *target*, a button in the accent's colour, the picture from now on."""
        assert isinstance(target, QObject)
        key = id(target)

        def refresh() -> None:
            scheme = self._theme.scheme
            target.setIcon(make_icon(name, scheme.on_accent, scheme.on_accent, scheme.quiet))

        if key not in self._refresh:
            target.destroyed.connect(lambda: self._refresh.pop(key, None))
        self._refresh[key] = refresh
        refresh()

    def _renew(self) -> None:
        self._cache.clear()
        for refresh in tuple(self._refresh.values()):
            refresh()


def make_icon(name: str, color: str, selected: str, disabled: str, *, has_badge: bool = False) -> QIcon:
    """An icon with every size, in a colour for each of Qt's modes."""
    icon = QIcon()
    modes = {
        QIcon.Mode.Normal: color,
        QIcon.Mode.Selected: selected,
        QIcon.Mode.Disabled: disabled,
    }
    for mode, chosen in modes.items():
        for size in SIZES:
            icon.addPixmap(QPixmap.fromImage(render(name, size, chosen, has_badge=has_badge)), mode)
    return icon


def tray_icon(name: str, color: str, *, has_badge: bool) -> QIcon:
    """The icon of the tray: a state, with the badge of public shares or without."""
    icon = QIcon()
    for size in SIZES:
        icon.addPixmap(QPixmap.fromImage(render(name, size, color, has_badge=has_badge)))
    return icon


def application_icon() -> QIcon:
    """The program's own icon, in its own colours."""
    icon = QIcon()
    for size in (*SIZES, 128, 256):
        icon.addPixmap(QPixmap.fromImage(render("relaydesk", size, "")))
    return icon


@lru_cache(maxsize=4_096)
def render(name: str, size: int, color: str, *, has_badge: bool = False) -> QImage:
    """The picture *name* in *color*, *size* pixels wide and high; with a badge cut into its corner. Not to be painted on."""
    image = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    area = QRectF(0, 0, size, size)
    _renderer(name, color).render(painter, area)
    if has_badge:
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_DestinationOut)
        _renderer(f"{BADGE}-halo", color).render(painter, area)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceOver)
        _renderer(BADGE, color).render(painter, area)
    painter.end()
    return image


def _renderer(name: str, color: str) -> QSvgRenderer:
    renderer = QSvgRenderer(QByteArray(_source(name).replace("currentColor", color).encode()))
    if not renderer.isValid():
        raise ValueError(f"resources/icons/{name}.svg is not a picture")
    return renderer


@cache
def _source(name: str) -> str:
    return asset("icons", f"{name}.svg").read_text(encoding="utf-8")
