"""How this program is started once more: by the system at login and for links, and by itself for the bundled gateway.

A frozen program on Windows is two (``build.spec``): ``relaydesk.exe`` has a console, ``relaydeskw.exe`` has none. Elsewhere one is both.
An AppImage is at another place each time it runs, and a Flatpak cannot be started by its path at all: what is kept by the system names
them as the system does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_WINDOW: Final = "relaydeskw.exe"
_CONSOLE: Final = "relaydesk.exe"


def console_command(*arguments: str) -> Sequence[str]:
    """The command for a verb of the command line, run by this process while it lives. Its output can be read."""
    if not _is_frozen():
        return [sys.executable, "-m", "relaydesk", *arguments]
    return [str(_beside(Path(sys.executable), _CONSOLE)), *arguments]


def window_command(*arguments: str, environment: Mapping[str, str] = os.environ) -> Sequence[str]:
    """The command that starts the desktop, with whole paths: whoever runs it has another working directory."""
    if not _is_frozen():
        python = Path(sys.executable)
        # -P: nothing is imported from where it is started
        return [str(_beside(python, "pythonw.exe")), "-P", "-m", "relaydesk", *arguments]
    if flatpak := environment.get("FLATPAK_ID"):
        return ["flatpak", "run", flatpak, *arguments]
    if image := environment.get("APPIMAGE"):
        return [image, *arguments]
    return [str(_beside(Path(sys.executable), _WINDOW)), *arguments]


class Replacement:
    """Whether the program has been replaced on the disk since this began: by an upgrade, beneath a desktop that runs.

    A frozen program reads its modules from its own file when they are first needed, so that the old one must not go on for long.
    """

    def __init__(self, program: Path | None = None) -> None:
        self._program = program or (Path(sys.executable) if _is_frozen() else None)
        self._before = self._look()

    @property
    def is_there(self) -> bool:
        """Whether there is another program now. While there is none, a package is just being changed."""
        now = self._look()
        return now is not None and now != self._before

    def _look(self) -> tuple[int, int, int] | None:
        if self._program is None:
            return None
        try:
            found = self._program.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns


def _beside(program: Path, name: str) -> Path:
    """The program of another name in the same folder; where there is none, *program* itself."""
    other = program.with_name(name)
    return other if other.exists() else program


def _is_frozen() -> bool:
    return bool(getattr(sys, "frozen", False))
