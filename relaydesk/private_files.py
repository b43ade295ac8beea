"""Files that only their owner may read, written whole or not at all.

The gateway keeps its secrets by the same rules in ``gateway/private_files.py``, and knows why. The desktop may not import the
gateway, and ``hyco``, which both may import, does no I/O: so this is the part of it that the desktop needs, and it puts
damaged files aside besides.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Far more than settings, keys and history need.
MAX_FILE_BYTES = 1_048_576

_PRIVATE_MODE = 0o600
_FOLDER_MODE = 0o700
#: How many files of one name can have been put aside.
_MAX_ASIDE = 1_000
# Not on every system: never follow a symbolic link, never wait for a planted named pipe.
_NO_FOLLOW = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


class PrivateFileError(Exception):
    """A file or folder cannot be used; the text says which, why, and what helps."""


def ensure_private_folder(path: Path) -> None:
    """Make a folder for the owner alone, or check that nobody else can put anything into an existing one.

    Raises:
        PrivateFileError: It cannot be made, is no folder, is somebody else's, or others can write to it.
    """
    with _translated(path):
        try:
            path.mkdir(mode=_FOLDER_MODE, parents=True)
            path.chmod(_FOLDER_MODE)  # whatever the umask left of it
        except FileExistsError:
            found = path.stat()
            if not stat.S_ISDIR(found.st_mode):
                raise PrivateFileError(f"{path} is not a folder") from None
            _check_owner(path, found)
            if sys.platform != "win32" and found.st_mode & 0o022:
                raise PrivateFileError(
                    f"others can write to the folder {path}; make it yours alone: chmod go-w {path}"
                ) from None


def read_private(path: Path) -> bytes | None:
    """The content of a file that only its owner can read; None without one.

    Raises:
        PrivateFileError: It is a link, somebody else's, open to others, not a file, or too large.
    """
    with _translated(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            _check_private(path, os.fstat(descriptor))
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise PrivateFileError(f"{path} has more than {MAX_FILE_BYTES} bytes")
        return content


def write_private(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Put a file in place for its owner alone: whoever reads it sees all of the old or all of the new one.

    What is there under that name is replaced, never written through: not even if it is a link.

    Raises:
        PrivateFileError: It cannot be written; then what was there is still there.
    """
    with _translated(path):
        # unguessable, and refused if it exists: nothing planted can be opened instead
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, _PRIVATE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                if sys.platform != "win32":
                    os.fchmod(descriptor, _PRIVATE_MODE)  # whatever the umask left of it
                for piece in (content,) if isinstance(content, bytes) else content:
                    file.write(piece)
                file.flush()
                os.fsync(descriptor)
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        _sync_folder(path.parent)


def put_aside(path: Path, why: str = "damaged") -> Path:
    """Rename a file that cannot be used, so that neither is it lost nor anything older; its new name.

    Raises:
        PrivateFileError: It cannot be renamed.
    """
    with _translated(path):
        for number in range(1, _MAX_ASIDE + 1):
            aside = path.with_name(f"{path.name}.{why}-{number}")
            try:
                # taken first, because a rename would replace what is there
                os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, _PRIVATE_MODE))
            except FileExistsError:
                continue
            try:
                path.replace(aside)
            except OSError:
                aside.unlink()
                raise
            _sync_folder(path.parent)
            return aside
        raise PrivateFileError(f"{_MAX_ASIDE} files named {path.name}.{why} have been put aside; remove some")


def _check_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise PrivateFileError(f"{path} is not a plain file")
    _check_owner(path, found)
    if sys.platform != "win32":  # there, a user's folders are closed to others by inheritance
        if found.st_mode & 0o077:
            raise PrivateFileError(
                f"others can read or write {path}; if it was never theirs to see: chmod 600 {path}"
            )
        if found.st_nlink > 1:
            raise PrivateFileError(f"{path} has a second name elsewhere (a hard link); remove one of them")


def _check_owner(path: Path, found: os.stat_result) -> None:
    if sys.platform != "win32" and found.st_uid != os.geteuid():
        raise PrivateFileError(f"{path} belongs to another user")


def _sync_folder(folder: Path) -> None:
    """Make a new name survive a power cut. Windows has no such call and needs none."""
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be used: {error.strerror or error}") from error
