"""Keyrings of every kind: one that works, one that hangs, ones that raise or give nonsense."""

from __future__ import annotations

import threading
from collections.abc import Callable

from keyring.backend import KeyringBackend
from keyring.errors import NoKeyringError, PasswordDeleteError


class MemoryKeyring(KeyringBackend):
    """A keyring for tests. The library never takes it by itself: it recommends nothing below 1."""

    priority = 0.5

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("No such password!")

    def names(self) -> set[str]:
        return {name for service, name in self.kept if service == "relaydesk"}


class LockableKeyring(MemoryKeyring):
    """Hangs while it is locked, like one that waits for its password."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = threading.Event()
        self.asked = 0
        self._count = threading.Lock()

    def get_password(self, service: str, username: str) -> str | None:
        self._wait()
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._wait()
        super().set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        self._wait()
        super().delete_password(service, username)

    def _wait(self) -> None:
        with self._count:
            self.asked += 1
        self.is_open.wait()


class FailingKeyring(MemoryKeyring):
    """Raises what a test gives it, whatever it is asked; None: works."""

    def __init__(self, error: BaseException | None) -> None:
        super().__init__()
        self.error = error

    def get_password(self, service: str, username: str) -> str | None:
        self._fail()
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._fail()
        super().set_password(service, username, password)

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


class JunkKeyring:
    """Keeps nothing, and answers everything with one value."""

    def __init__(self, value: object) -> None:
        self.value = value

    def get_password(self, service: str, username: str) -> object:
        # what it is asked at first, to see whether it answers
        return None if username == "probe" else self.value

    def set_password(self, service: str, username: str, password: str) -> object:
        return self.value

    delete_password = get_password


def no_keyring() -> Callable[[], MemoryKeyring]:
    """Finds what the library finds where there is no keyring: one that only says so."""
    return lambda: FailingKeyring(NoKeyringError("No recommended backend was available."))
