"""Starting when the user logs in. Off until somebody asks for it.

Linux: an entry in the autostart folder. Windows: a value of the Run key. macOS: a launch agent, which launchd reads at the
next login.
"""

from __future__ import annotations

import plistlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .own_program import window_command
from .registration import (
    UserRegistry,
    config_home,
    exec_line,
    remove_file,
    windows_line,
    write_file,
)
from .start import HIDDEN

_RUN_KEY: Final = r"Software\Microsoft\Windows\CurrentVersion\Run"
_RUN_VALUE: Final = "RelayDesk"
_LABEL: Final = "relaydesk.desktop"


def enable(*, is_hidden: bool, platform: str = sys.platform) -> None:
    """Start at login from now on; *is_hidden*: in the tray. Again is as good as once, and the last one counts.

    Raises:
        RegistrationError: The system could not be told.
    """
    command = window_command(*([HIDDEN] if is_hidden else []))
    if platform == "win32":
        UserRegistry().set(_RUN_KEY, _RUN_VALUE, windows_line(command))
    elif platform == "darwin":
        write_file(_agent(), _agent_content(command))
    else:
        write_file(_entry(), _entry_content(command))


def disable(platform: str = sys.platform) -> None:
    """Do not start at login.

    Raises:
        RegistrationError: The system could not be told.
    """
    if platform == "win32":
        UserRegistry().remove(_RUN_KEY, _RUN_VALUE)
    else:
        remove_file(_agent() if platform == "darwin" else _entry())


def is_enabled(platform: str = sys.platform) -> bool:
    """Whether it starts at login, this program or another copy of it."""
    if platform == "win32":
        return UserRegistry().get(_RUN_KEY, _RUN_VALUE) is not None
    if platform == "darwin":
        return _agent().exists()
    try:
        lines = _entry().read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    # how desktops switch an entry off themselves
    return not {"Hidden=true", "X-GNOME-Autostart-enabled=false"} & {line.strip() for line in lines}


def _entry() -> Path:
    return config_home() / "autostart" / "relaydesk.desktop"


def _entry_content(command: Sequence[str]) -> bytes:
    lines = (
        "[Desktop Entry]",
        "Type=Application",
        "Name=RelayDesk",
        "Comment=Shares services of this computer",
        f"Exec={exec_line(command)}",
        "Icon=relaydesk",
        "Terminal=false",
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _agent() -> Path:
    return Path.home() / "Library" / "LaunchAgents" / f"{_LABEL}.plist"


def _agent_content(command: Sequence[str]) -> bytes:
    return plistlib.dumps(
        {
            "Label": _LABEL,
            "ProgramArguments": list(command),
            "RunAtLoad": True,
            "LimitLoadToSessionType": "Aqua",  # with a screen
            "ProcessType": "Interactive",
        }
    )
