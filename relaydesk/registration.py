"""What telling the system about RelayDesk is made of: small files, lines of desktop entries, Windows' registry.

``links.py`` and ``autostart.py`` tell it; only because somebody asked for it, and so that it can be taken back.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


class RegistrationError(Exception):
    """The system could not be told; the text is one sentence."""


def exec_line(command: Sequence[str], *, field_code: str = "") -> str:
    """The value of Exec in a desktop entry that runs *command*, and then what *field_code* stands for (``%u``).

    Source: Desktop Entry Specification, "The Exec key".
    """
    quoted = [_quoted(argument) for argument in command]
    return " ".join([*quoted, field_code] if field_code else quoted)


def _quoted(argument: str) -> str:
    if any(character in argument for character in "\n\r\t"):
        raise RegistrationError(f"a desktop entry cannot run {argument!r}")
    for character in ("\\", '"', "`", "$"):
        argument = argument.replace(character, f"\\{character}")
    # quoting is inside a string value, which has escapes of its own
    return '"' + argument.replace("\\", "\\\\").replace("%", "%%") + '"'


def windows_line(command: Sequence[str]) -> str:
    """*command* as the registry has it: each word in quotes, whatever the user's folder is called.

    The installer writes the same (packaging/windows/relaydesk.nsi), so that each knows what the other has registered.
    """
    return " ".join(f'"{word}"' for word in command)


def write_file(path: Path, content: bytes) -> None:
    """Write a small file whole, or leave what was there.

    Raises:
        RegistrationError: It cannot be written.
    """
    with translated(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
                file.write(content)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def remove_file(path: Path) -> None:
    """Remove a file; none is as good.

    Raises:
        RegistrationError: It cannot be removed.
    """
    with translated(path):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def translated(what: object) -> Iterator[None]:
    """Turn the system's errors about *what* into ours."""
    try:
        yield
    except OSError as error:
        raise RegistrationError(f"cannot change {what}: {error.strerror or error}") from error


class UserRegistry:
    r"""Texts below ``HKEY_CURRENT_USER`` of Windows."""

    def __init__(self) -> None:
        # by name: its types exist on Windows alone
        self._winreg: Any = importlib.import_module("winreg")

    def get(self, key: str, name: str) -> str | None:
        """A value; None where there is none, or no text."""
        try:
            with self._winreg.OpenKey(self._winreg.HKEY_CURRENT_USER, key) as opened:
                value = self._winreg.QueryValueEx(opened, name)[0]
        except FileNotFoundError:
            return None
        return value if isinstance(value, str) else None

    def set(self, key: str, name: str, value: str) -> None:
        """Set a value; the key is made."""
        with (
            translated(f"the registry key {key}"),
            self._winreg.CreateKeyEx(
                self._winreg.HKEY_CURRENT_USER, key, 0, self._winreg.KEY_SET_VALUE
            ) as opened,
        ):
            self._winreg.SetValueEx(opened, name, 0, self._winreg.REG_SZ, value)

    def remove(self, key: str, name: str) -> None:
        """Remove a value; none is as good."""
        with (
            translated(f"the registry key {key}"),
            contextlib.suppress(FileNotFoundError),
            self._winreg.OpenKey(
                self._winreg.HKEY_CURRENT_USER, key, 0, self._winreg.KEY_SET_VALUE
            ) as opened,
        ):
            self._winreg.DeleteValue(opened, name)

    def remove_key(self, key: str) -> None:
        """Remove a key that has no keys below; none is as good."""
        with translated(f"the registry key {key}"), contextlib.suppress(FileNotFoundError):
            self._winreg.DeleteKey(self._winreg.HKEY_CURRENT_USER, key)


def config_home() -> Path:
    """Where programs of this user keep settings, on Linux."""
    return _xdg("XDG_CONFIG_HOME", ".config")


def data_home() -> Path:
    """Where programs of this user keep data, on Linux."""
    return _xdg("XDG_DATA_HOME", ".local/share")


def _xdg(variable: str, otherwise: str) -> Path:
    # a relative path is to be ignored (XDG Base Directory Specification)
    said = Path(os.environ.get(variable, ""))
    return said if said.is_absolute() else Path.home() / otherwise
