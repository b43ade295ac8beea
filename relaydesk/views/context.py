"""What every page of the window works with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

from ..models import problems
from ..models.tones import Tone
from ..snapshot import Problem
from .bridge import Bridge
from .icons import Icons
from .theme import Theme


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something to tell, in the message bar: that an action was done, or why it was not.

    Attributes:
        title: What happened.
        text: More of it.
        tone: How serious it is.
        label: What the button says; without one there is no button.
        act: What the button does.
        icon: The button's picture.
        other_label: What a second button says; it stands before the first.
        other_act: What that does.
        other_icon: Its picture.
    """

    title: str
    text: str = ""
    tone: Tone = Tone.ACCENT
    label: str = ""
    act: Callable[[], None] | None = None
    icon: str = "undo"
    other_label: str = ""
    other_act: Callable[[], None] | None = None
    other_icon: str = "qr"


class Teller(Protocol):
    """Shows notices."""

    def tell(self, notice: Notice) -> None:
        """Show *notice* until it is read, dismissed or followed by another."""


def open_in_browser(address: str) -> None:
    """Show a web page. Nothing but a web page is opened, whatever a snapshot says."""
    url = QUrl(address)
    if url.isValid() and url.scheme() in ("http", "https"):
        QDesktopServices.openUrl(url)


def to_clipboard(text: str) -> None:
    """Put *text* on the clipboard."""
    QGuiApplication.clipboard().setText(text)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a page gets.

    Attributes:
        bridge: To the desktop.
        theme: The colours.
        icons: The pictures.
        teller: The message bar.
        open_page: Shows a web page.
        copy: Puts a text on the clipboard.
        clock: The time, POSIX seconds.
    """

    bridge: Bridge
    theme: Theme
    icons: Icons
    teller: Teller
    open_page: Callable[[str], None] = open_in_browser
    copy: Callable[[str], None] = to_clipboard
    clock: Callable[[], float] = time.time

    def tell_failure(self, problem: Problem) -> None:
        """Say why an action could not be done."""
        words = problems.explain(problem)
        cause = problems.cause(problem)
        self.teller.tell(
            Notice(
                title=words.title,
                text=" ".join(filter(None, (cause, words.next_step))),
                tone=Tone.BAD,
            )
        )
