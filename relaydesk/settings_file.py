"""One settings file in TOML: read whole, changed in place with its comments kept, replaced in one step.

Nothing that somebody wrote is ever lost: a file that cannot be read is kept aside under another name before a new one
takes its place, and a file that was changed by hand since it was read is read again before it is changed here.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

import tomlkit
from tomlkit.exceptions import TOMLKitError

from .private_files import PrivateFileError, ensure_private_folder, put_aside, write_private

#: A settings file larger than this is something else.
MAX_BYTES: Final = 1 << 20


class SettingsError(Exception):
    """A settings file cannot be read, or cannot be written. The text is one sentence without its full stop."""


class SettingsFile:
    """The file at *path*, which need not be there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int] | None = None

    def read(self) -> tomlkit.TOMLDocument:
        """What the file says; an empty document where there is none.

        Raises:
            SettingsError: It cannot be read, or is no TOML.
        """
        self._seen = self._stamp()
        try:
            with self.path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return tomlkit.document()
        except OSError as error:
            raise SettingsError(f"cannot read {self.path}: {error.strerror or error}") from error
        if len(content) > MAX_BYTES:
            raise SettingsError(f"{self.path} is larger than {MAX_BYTES} bytes")
        try:
            return tomlkit.parse(content.decode("utf-8-sig"))  # some editors put a mark in front
        except UnicodeDecodeError as error:
            raise SettingsError(f"{self.path} is not UTF-8") from error
        except (TOMLKitError, RecursionError) as error:
            raise SettingsError(f"{self.path} is not TOML: {error}") from error

    def has_changed(self) -> bool:
        """Whether somebody else wrote the file since it was last read or written here."""
        return self._stamp() != self._seen

    def write(self, document: tomlkit.TOMLDocument) -> None:
        """Replace the file, in one step, readable by its owner alone.

        Raises:
            SettingsError: It cannot be written; what was there is still there.
        """
        # where the file is a link (people keep their settings elsewhere and link to them), what it leads to is replaced
        path = Path(os.path.realpath(self.path))
        try:
            ensure_private_folder(path.parent)
            write_private(path, document.as_string().encode())
        except PrivateFileError as error:
            raise SettingsError(f"cannot write {self.path}: {error}") from error
        self._seen = self._stamp()

    def keep_aside(self) -> Path:
        """Move a file that cannot be read out of the way, and say where it is now.

        Raises:
            SettingsError: It cannot be moved.
        """
        try:
            return put_aside(self.path, "broken")
        except PrivateFileError as error:
            raise SettingsError(f"cannot move {self.path} aside: {error}") from error

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return (status.st_mtime_ns, status.st_size) if stat.S_ISREG(status.st_mode) else None
