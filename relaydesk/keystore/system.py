"""The system's keyring, made predictable. It alone knows the library.

Everything here blocks, and may do so for ever: it belongs into a thread that can be left behind. Whatever a backend raises or
returns comes out as text, None or KeystoreError, never as anything else.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TypeVar

from hyco.redaction import hide_secrets

from ..snapshot import KeystoreState
from .errors import KeystoreClosedError, KeystoreError

T = TypeVar("T")

SERVICE = "relaydesk"

#: What is looked up to see whether the keyring answers; nothing is ever kept under it.
PROBE_NAME = "probe"

#: A connection string has at most a few hundred characters; more than this is none of ours.
MAX_ANSWER_LENGTH = 65_536

_MAX_CAUSE_LENGTH = 200
_MAX_DUPLICATES = 8

#: Exceptions that mean a password was asked for and not given. By name: some belong to libraries of one system alone.
_LOCKED = {"KeyringLocked", "InitError", "LockedException", "PromptDismissedException"}


class Backend(Protocol):
    """What is used of a backend of ``keyring``. Nothing is believed of what it returns."""

    def get_password(self, service: str, username: str, /) -> object:
        """Look a password up."""
        ...

    def set_password(self, service: str, username: str, password: str, /) -> object:
        """Keep a password."""
        ...

    def delete_password(self, service: str, username: str, /) -> object:
        """Forget a password."""
        ...


def find_backend() -> Backend:
    """The keyring of this system, or the one that its user has configured for ``keyring``.

    Backends that the library does not recommend, among them plain files, are never taken by themselves.

    Raises:
        KeystoreClosedError: There is none.
    """
    try:
        # they come with the window, not with a server; and loading them asks the session bus
        import keyring.backend  # noqa: PLC0415
        import keyring.core  # noqa: PLC0415
        from keyring.backends import fail, null  # noqa: PLC0415

        with suppress(KeyError):  # there is nothing to forget yet
            # asked once and remembered by the library, whatever has been started since
            keyring.backend.get_all_keyring.reset()
        keyring.core.init_backend(limit=keyring.core.recommended)
        backend: Backend = keyring.core.get_keyring()
    except Exception as error:  # noqa: BLE001  backends are other people's code, and run as they are looked for
        raise _absent(f"no keyring of this system can be used: {_describe(error)}") from None
    if isinstance(backend, fail.Keyring | null.Keyring):
        raise _absent("this system has no keyring")
    return backend


class SystemKeyring:
    """Keys in the system's keyring, one entry each."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def probe(self) -> None:
        """Look whether it answers: this is where a locked one asks for its password."""
        self._read(PROBE_NAME)

    def get(self, name: str) -> str | None:
        """The key of a name; None without one."""
        value = self._read(name)
        if value is None:
            return None
        if not isinstance(value, str) or len(value) > MAX_ANSWER_LENGTH or not is_text(value):
            raise KeystoreError(f"the system's keyring gave something for {name!r} that is no key")
        return value

    def set(self, name: str, secret: str, is_wanted: Callable[[], bool]) -> None:
        """Keep a key, and see that it was kept.

        A locked keyring hangs in the first look, so that nothing is written late, over something newer, once somebody has
        typed the password for a call that was given up long ago.
        """
        if self._holds(name, secret) or not is_wanted():
            return
        self._ask(self._backend.set_password, name, secret)
        if not self._holds(name, secret):
            raise KeystoreError(f"the system's keyring did not keep {name!r}")

    def _holds(self, name: str, secret: str) -> bool:
        kept = self._read(name)
        return isinstance(kept, str) and hmac.compare_digest(_bytes(kept), _bytes(secret))

    def delete(self, name: str, is_wanted: Callable[[], bool]) -> None:
        """Forget a key; nothing happens if there is none."""
        for _ in range(_MAX_DUPLICATES):  # another program may have kept it twice
            if self._read(name) is None or not is_wanted():
                return
            self._ask(self._backend.delete_password, name)
        if self._read(name) is not None:
            raise KeystoreError(f"the system's keyring did not forget {name!r}")

    def _read(self, name: str) -> object:
        return self._ask(self._backend.get_password, name)

    def _ask(self, method: Callable[..., T], name: str, *secret: str) -> T:
        try:
            return method(SERVICE, name, *secret)
        except BaseException as error:  # noqa: BLE001  a backend may raise anything
            failure = _translate(error, *secret)
        raise failure


def is_text(value: str) -> bool:
    """Whether it can be written as UTF-8: half of a surrogate pair cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _translate(error: BaseException, *secrets: str) -> KeystoreError:
    names = {kind.__name__ for kind in type(error).__mro__}
    if "NoKeyringError" in names:
        return _absent("this system has no keyring")
    if names & _LOCKED:
        return KeystoreClosedError(
            "the system's keyring is locked, and its password was not given", KeystoreState.LOCKED
        )
    return KeystoreError(f"the system's keyring failed: {_describe(error, *secrets)}")


def _absent(text: str) -> KeystoreClosedError:
    return KeystoreClosedError(text, KeystoreState.UNDECIDED)


def _describe(error: BaseException, *secrets: str) -> str:
    """The type of *error*, and its text as far as that can be shown."""
    kind = type(error).__name__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  it is somebody else's __str__
        return kind
    if any(secret in text for secret in secrets):
        return kind
    text = "".join(each if each.isprintable() else " " for each in hide_secrets(text))
    return f"{kind}: {text[:_MAX_CAUSE_LENGTH]}" if text.strip() else kind


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
