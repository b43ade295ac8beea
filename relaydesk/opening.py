"""The desktop's first moments: be the only one, or hand over what this one was started for; then a window, and then the rest.

The frame of the window is on the screen before anything large is loaded (the agent, the pages), which takes most of a second: until
then nobody knew whether the click on the icon had been one. What is imported here, or by what is imported here, is what somebody
waits for: a test holds it to a few modules.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import platformdirs
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from . import __version__, ipc
from .preferences import Theme as Choice
from .start import NAME, Start, parse_start
from .views.icons import application_icon
from .views.main_window import MainWindow
from .views.theme import Theme
from .window_memory import WindowMemory

#: How long the system may take to put the frame on the screen before all else goes on without it.
_FRAME_MS: Final = 300


def main(arguments: Sequence[str]) -> int:
    """Be the desktop, or hand over to the one that runs; the exit code."""
    start = parse_start(arguments) or Start()
    try:
        claim = ipc.become_desktop(start.request, ipc.default_place())
    except ipc.IpcError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - there is no window to say it in
        return 1
    if claim is None:
        return 0
    with claim:
        application = make_application()
        theme, window = make_frame(application)
        if not start.is_hidden:
            _show(window)
        from .app import run  # noqa: PLC0415 - see above

        run(application, window, theme, claim, start)
    return 0


def make_application() -> QApplication:
    """Qt's application, by the names that panels and screen readers call it."""
    QApplication.setApplicationName("RelayDesk")
    QApplication.setApplicationDisplayName("RelayDesk")
    QApplication.setApplicationVersion(__version__)
    # which entry of the menus a window belongs to; a Flatpak's has the name of the whole package
    QApplication.setDesktopFileName(os.environ.get("FLATPAK_ID") or NAME)
    application = QApplication([NAME])
    application.setQuitOnLastWindowClosed(False)
    application.setWindowIcon(application_icon())
    return application


def make_frame(application: QApplication) -> tuple[Theme, MainWindow]:
    """The colours that the user chose, and the window, empty, where it was the last time."""
    theme = Theme(application)
    theme.apply(_chosen_theme(platformdirs.user_config_path(NAME, appauthor=False) / "desktop.toml"))
    memory = WindowMemory(platformdirs.user_state_path(NAME, appauthor=False) / "windows.json")
    return theme, MainWindow(theme, memory)


def _chosen_theme(file: Path) -> Choice:
    try:
        return Choice(tomllib.loads(file.read_text(encoding="utf-8"))["preferences"]["theme"])
    except (OSError, ValueError, LookupError, TypeError):
        return Choice.SYSTEM  # the file is read again, in full, by who says what is wrong with it


def _show(window: MainWindow) -> None:
    """Show the frame, and have it drawn. Clicks and keys wait until there is something to click at."""
    window.show()
    deadline = QTimer()
    deadline.setSingleShot(True)
    deadline.start(_FRAME_MS)
    handle = window.windowHandle()
    waiting = QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents
    while not handle.isExposed() and deadline.isActive():
        QApplication.processEvents(waiting | QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    QApplication.processEvents(waiting)
