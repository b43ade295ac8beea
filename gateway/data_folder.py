"""The folder in which a gateway keeps everything: its store, its admin token, its certificates.

One gateway at a time uses a folder. Commands of the same user find the running one through it: the lock says that there
is one, a small file where its admin API is, and the token opens that.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from .config import HostPort, parse_host_port
from .errors import ConfigError, DataFolderError
from .private_files import (
    check_private,
    ensure_folder,
    exists,
    names_in,
    open_private,
    read_private,
    write_whole,
)

#: Random bytes behind the admin token.
ADMIN_TOKEN_BYTES = 32

#: The shortest admin token that an operator may bring along.
MIN_ADMIN_TOKEN_LENGTH = 32

# Before a gateway that starts believes that another one has its folder.
_LOOKER_PAUSES_S = (0.01, 0.02, 0.05, 0.1)

# What may lie in a folder before a gateway first has it: what an operator brings along, and what a file system puts there.
_EXPECTED_NAMES = frozenset(
    {"admin-token", "admin-address", "gateway.lock", "last-address", "tls", "lost+found"}
)

# Windows locks bytes and lets nobody read them; what is written about the process stands before.
_LOCKED_BYTE = 4_096

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_patiently(descriptor: int) -> None:
    """As _lock(); somebody who only looks whether there is a gateway has the lock for a moment."""
    for pause_s in _LOOKER_PAUSES_S:
        try:
            _lock(descriptor)
        except OSError:
            time.sleep(pause_s)
        else:
            return
    _lock(descriptor)


def default_data_folder() -> Path:
    """Where the gateway of this user keeps its things unless it is told another place."""
    return platformdirs.user_data_path("relaydesk", appauthor=False) / "gateway"


class DataFolder:
    """A gateway's folder. Nothing is touched before the first method is called."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store_file = path / "gateway.db"
        self.tls_folder = path / "tls"
        self.admin_token_file = path / "admin-token"
        self._lock_file = path / "gateway.lock"
        self._admin_address_file = path / "admin-address"
        self._shared_store_file = path / "shared-store"

    @contextmanager
    def locked(self, *, has_store: bool = True) -> Iterator[None]:
        """Have the folder for oneself; it is made if there is none, and with *has_store* the store's file with it.

        Raises:
            DataFolderError: Another gateway has it, it is not safe to use, or it is there for something else.
        """
        self._check_is_no_others()
        ensure_folder(self.path)
        descriptor = open_private(self._lock_file)
        try:
            self._take(descriptor)
            if has_store:
                self._prepare_store()
            yield
            self._admin_address_file.unlink(missing_ok=True)
        finally:
            # Closing unlocks. The file stays: removing it would let two gateways lock two files of one name.
            os.close(descriptor)

    def has_data(self) -> bool:
        """Whether a gateway has kept anything here.

        Raises:
            DataFolderError: The folder cannot be read.
        """
        return exists(self.store_file) or exists(self._shared_store_file)

    def note_shared_store(self, url: str) -> None:
        """Leave word that entities are in the database at *url*, and not here. Called with the lock held.

        Raises:
            DataFolderError: It cannot be written.
        """
        write_whole(self._shared_store_file, f"{url}\n".encode())

    def shared_store(self) -> str | None:
        """The database in which the gateway that had this folder last kept its entities; None where they are here.

        Raises:
            DataFolderError: The folder cannot be read.
        """
        content = read_private(self._shared_store_file)
        return None if content is None else content.decode("utf-8", "replace").strip()

    def note_admin_address(self, address: HostPort) -> None:
        """Leave word for commands where the admin API is. Called with the lock held.

        Raises:
            DataFolderError: It cannot be written.
        """
        write_whole(self._admin_address_file, f"{address}\n".encode())

    def running_admin_address(self) -> HostPort | None:
        """Where the admin API of the gateway is that has this folder; None when none has.

        Raises:
            DataFolderError: One has it but does not say where yet, or the folder cannot be read.
        """
        if not exists(self._lock_file):
            return None
        descriptor = open_private(self._lock_file)
        try:
            _lock(descriptor)
        except OSError:
            return self._noted_admin_address()
        finally:
            os.close(descriptor)
        return None

    def admin_token(self) -> str:
        """The token of the admin API; made if there is none.

        Raises:
            DataFolderError: It cannot be read or made, others can read it, or it is too short to be one.
        """
        content = read_private(self.admin_token_file)
        if content is None:
            token = secrets.token_urlsafe(ADMIN_TOKEN_BYTES)
            write_whole(self.admin_token_file, f"{token}\n".encode())
            return token
        try:
            token = content.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise DataFolderError(f"{self.admin_token_file} holds no token") from error
        if len(token) < MIN_ADMIN_TOKEN_LENGTH or not token.isprintable() or " " in token:
            raise DataFolderError(
                f"{self.admin_token_file} holds no token of at least {MIN_ADMIN_TOKEN_LENGTH} characters;"
                " remove the file, and a new one is made"
            )
        return token

    def _check_is_no_others(self) -> None:
        names = names_in(self.path)
        if names & {self.store_file.name, self._lock_file.name}:
            return
        others = sorted(names - _EXPECTED_NAMES)
        if others:
            raise DataFolderError(
                f"the folder {self.path} has other things in it ({others[0]}{', ...' if others[1:] else ''}) and no"
                " gateway's data; give one that is empty, or does not exist yet"
            )

    def _take(self, descriptor: int) -> None:
        try:
            _lock_patiently(descriptor)
        except OSError as error:
            holder = (
                os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() if os.name == "posix" else ""
            )
            who = f" (process {holder})" if holder.isdigit() else ""
            raise DataFolderError(
                f"another gateway{who} is using the data folder {self.path}; stop it, or give this one a folder of its own"
            ) from error
        # What an earlier gateway left does not hold any more.
        self._admin_address_file.unlink(missing_ok=True)
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f"{os.getpid()}\n".encode())

    def _prepare_store(self) -> None:
        """Make the store's file, or check what is there: SQLite gives its side files the mode of this one."""
        os.close(open_private(self.store_file))
        for suffix in ("-wal", "-shm"):
            path = self.store_file.with_name(self.store_file.name + suffix)
            if path.is_symlink() or path.exists():
                check_private(path, path.lstat())

    def _noted_admin_address(self) -> HostPort:
        content = read_private(self._admin_address_file)
        if content is None:
            raise DataFolderError(f"the gateway with the data folder {self.path} is starting; try again")
        try:
            return parse_host_port(content.decode("utf-8", "replace"))
        except ConfigError as error:
            raise DataFolderError(f"{self._admin_address_file} holds no address: {error}") from error
