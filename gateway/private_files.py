"""Files that only their owner may read, written whole or not at all.

Modes are set explicitly, so no umask opens them. Links that somebody planted in place are not followed: symbolic ones are
refused or replaced, and a file with a second hard link is refused. On Windows the folder's access list does all this;
there the checks of owner and mode do not apply.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import DataFolderError

#: Keys, tokens and certificates are far smaller.
MAX_FILE_BYTES = 1_048_576

PRIVATE_MODE = 0o600
PUBLIC_MODE = 0o644
_FOLDER_MODE = 0o700
_IS_POSIX = os.name == "posix"
# Not on every system: never follow a symbolic link, never wait for a planted named pipe.
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def exists(path: Path) -> bool:
    """Whether there is anything of that name, be it a link that leads nowhere.

    Raises:
        DataFolderError: The folder around it may not be looked into.
    """
    with _translated(path):
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True


def names_in(folder: Path) -> frozenset[str]:
    """What is in *folder*; nothing where there is no such folder.

    Raises:
        DataFolderError: It may not be looked into.
    """
    with _translated(folder):
        try:
            return frozenset(path.name for path in folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()


def ensure_folder(path: Path) -> None:
    """Make a folder for the owner alone, or check that nobody else can look or put anything into an existing one.

    Raises:
        DataFolderError: It cannot be made, is no folder, is somebody else's, or others can read or write it.
    """
    with _translated(path):
        try:
            path.mkdir(mode=_FOLDER_MODE, parents=True)
            path.chmod(_FOLDER_MODE)  # whatever the umask left of it
        except FileExistsError:
            found = path.stat()
            if not stat.S_ISDIR(found.st_mode):
                raise DataFolderError(f"{path} is not a folder") from None
            _check_owner(path, found)
            if _IS_POSIX and found.st_mode & 0o066:
                can = "write to" if found.st_mode & 0o022 else "read"
                raise DataFolderError(
                    f"others can {can} the folder {path}; make it yours alone: chmod go-rwx {path}"
                ) from None


def read_private(path: Path) -> bytes | None:
    """The content of a file that only its owner can read; None without one.

    Raises:
        DataFolderError: It is a link, somebody else's, readable by others, not a file, or too large.
    """
    with _translated(path):
        try:
            descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            check_private(path, os.fstat(descriptor))
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise DataFolderError(f"{path} has more than {MAX_FILE_BYTES} bytes")
        return content


def write_whole(path: Path, content: bytes, *, mode: int = PRIVATE_MODE) -> None:
    """Put a file in place, so that a reader, or whoever comes after a crash, sees all of the old or all of the new one.

    What is there under that name is replaced, never written through: not even if it is a link.

    Raises:
        DataFolderError: It cannot be written.
    """
    with _translated(path):
        # unguessable, and refused if it exists: nothing planted can be opened instead
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, PRIVATE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                _set_mode(descriptor, mode)
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        _sync_folder(path.parent)


def open_private(path: Path) -> int:
    """Open a file for reading and writing, made for its owner alone if there is none; returns the descriptor.

    Raises:
        DataFolderError: What is there is a link, somebody else's, open to others, or not a file.
    """
    with _translated(path):
        flags = os.O_RDWR | _NO_FOLLOW
        try:
            descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
            _set_mode(descriptor, PRIVATE_MODE)
        except FileExistsError:
            descriptor = os.open(path, flags)
        try:
            check_private(path, os.fstat(descriptor))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def check_private(path: Path, found: os.stat_result) -> None:
    """Refuse *found*, the state of the file at *path*, unless it is a plain file of this user alone.

    Raises:
        DataFolderError: It is not.
    """
    if not stat.S_ISREG(found.st_mode):
        raise DataFolderError(f"{path} is not a plain file")
    _check_owner(path, found)
    if _IS_POSIX and found.st_mode & 0o077:
        raise DataFolderError(
            f"others can read or write {path}; if it was never theirs to see: chmod 600 {path}"
        )
    if _IS_POSIX and found.st_nlink > 1:
        raise DataFolderError(f"{path} has a second name elsewhere (a hard link); remove one of them")


def _check_owner(path: Path, found: os.stat_result) -> None:
    if _IS_POSIX and found.st_uid != os.geteuid():
        raise DataFolderError(f"{path} belongs to another user")


def _set_mode(descriptor: int, mode: int) -> None:
    if _IS_POSIX:
        os.fchmod(descriptor, mode)


def _sync_folder(folder: Path) -> None:
    """Make a new name survive a power cut. Windows has no such call and needs none."""
    if _IS_POSIX:
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
        raise DataFolderError(f"{path} cannot be used: {error.strerror or error}") from error
