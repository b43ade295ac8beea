"""Being the program that opens ``relaydesk:`` links. Off until somebody asks for it.

Linux: a desktop entry that nobody sees in a menu, made the scheme's default by ``xdg-mime`` where that is installed (desktops
without it read the entry itself). Windows: keys below ``HKEY_CURRENT_USER``. macOS: the application bundle's Info.plist says it,
so there is nothing to do at run time.

The functions block for as long as ``xdg-mime`` takes. Source of the Windows part: "Registering an Application to a URI Scheme".
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from .own_program import window_command
from .registration import (
    RegistrationError,
    UserRegistry,
    config_home,
    data_home,
    exec_line,
    remove_file,
    translated,
    windows_line,
    write_file,
)

_SCHEME: Final = "relaydesk"
_MIME_TYPE: Final = f"x-scheme-handler/{_SCHEME}"
_ENTRY: Final = "relaydesk-links.desktop"
_KEY: Final = rf"Software\Classes\{_SCHEME}"
_COMMAND_KEY: Final = rf"{_KEY}\shell\open\command"
_TOOL_TIMEOUT_S: Final = 20.0


def register(platform: str = sys.platform) -> None:
    """Become the program that opens these links. Again is as good as once.

    Raises:
        RegistrationError: The system could not be told, or is macOS and this no bundle.
    """
    if platform == "win32":
        registry = UserRegistry()
        registry.set(_KEY, "", "URL:RelayDesk")
        registry.set(_KEY, "URL Protocol", "")
        registry.set(_COMMAND_KEY, "", _windows_command())
    elif platform == "darwin":
        if not is_registered(platform):
            raise RegistrationError(
                "on macOS links are opened by RelayDesk's application bundle, and this is not it; install that"
            )
    else:
        write_file(_entry(), _entry_content())
        _run("update-desktop-database", str(_entry().parent))
        _run("xdg-mime", "default", _ENTRY, _MIME_TYPE)


def unregister(platform: str = sys.platform) -> None:
    """Leave these links to others.

    Raises:
        RegistrationError: The system could not be told, or is macOS.
    """
    if platform == "win32":
        registry = UserRegistry()
        for key in (_COMMAND_KEY, rf"{_KEY}\shell\open", rf"{_KEY}\shell", _KEY):
            registry.remove_key(key)
    elif platform == "darwin":
        if is_registered(platform):
            raise RegistrationError("on macOS links belong to the application bundle; they go with it")
    else:
        remove_file(_entry())
        _forget_default(config_home() / "mimeapps.list")
        _run("update-desktop-database", str(_entry().parent))


def is_registered(platform: str = sys.platform) -> bool:
    """Whether these links are opened by this very program, as far as we have told the system."""
    if platform == "win32":
        return UserRegistry().get(_COMMAND_KEY, "") == _windows_command()
    if platform == "darwin":
        return bool(getattr(sys, "frozen", False))
    try:
        return _entry().read_bytes() == _entry_content()
    except OSError:
        return False


def _entry() -> Path:
    return data_home() / "applications" / _ENTRY


def _entry_content() -> bytes:
    lines = (
        "[Desktop Entry]",
        "Type=Application",
        "Name=RelayDesk",
        "Comment=Opens relaydesk: links, and asks before anything is done with one",
        f"Exec={exec_line(window_command(), field_code='%u')}",
        "Icon=relaydesk",
        "NoDisplay=true",
        "Terminal=false",
        f"MimeType={_MIME_TYPE};",
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _windows_command() -> str:
    return windows_line([*window_command(), "%1"])


def _run(tool: str, *arguments: str) -> None:
    """Run a tool of the desktop, where it is installed."""
    program = shutil.which(tool)
    if program is None:
        return
    try:
        ran = subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TOOL_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RegistrationError(f"{tool} did not work: {error}") from error
    if ran.returncode:
        said = ran.stderr.strip() or f"exit code {ran.returncode}"
        raise RegistrationError(f"{tool} did not work: {said}")


def _forget_default(associations: Path) -> None:
    """Take our entry out of the user's associations: xdg-mime only puts in. Everything else stays as it is."""
    with translated(associations):
        try:
            before = associations.read_text(encoding="utf-8", errors="surrogateescape")
        except FileNotFoundError:
            return
    lines = []
    for line in before.splitlines(keepends=True):
        key, equals, value = line.partition("=")
        if equals and key.strip() == _MIME_TYPE:
            others = [one for one in value.strip().split(";") if one and one != _ENTRY]
            line = f"{_MIME_TYPE}={';'.join(others)};\n" if others else ""  # noqa: PLW2901 - the line as it stays
        lines.append(line)
    after = "".join(lines)
    if after != before:
        write_file(associations, after.encode("utf-8", "surrogateescape"))
