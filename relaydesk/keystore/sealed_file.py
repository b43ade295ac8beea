"""Keys in a file sealed with a passphrase, for computers without a keyring.

The file is JSON that says how it was sealed: scrypt makes a key of the passphrase and the salt, AES-256-GCM seals all entries
at once and vouches for the header. A checksum over everything tells a damaged file from a wrong passphrase: where it
fits and the seal does not open, the passphrase is wrong (or somebody has altered the file and the checksum with it, which looks
the same to whoever does not know the passphrase).

The derived key stays in memory while the file is open; the entries do not, the file is read anew each time. So a damaged or
exchanged file is noticed before it would be overwritten. One program at a time writes it: the desktop runs once a user.

Everything here blocks: deriving a key takes about half a second and 128 MiB.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ..private_files import PrivateFileError, ensure_private_folder, put_aside, read_private, write_private
from ..snapshot import KeystoreState
from .errors import (
    DamagedFileError,
    KeystoreClosedError,
    KeystoreError,
    KeystoreFileError,
    WrongPassphraseError,
)

FORMAT = "relaydesk sealed keys"
VERSION = 1
CIPHER = "AES-256-GCM"

#: Short ones are guessed however slow each guess is made.
MIN_PASSPHRASE_LENGTH = 8
MAX_PASSPHRASE_LENGTH = 1_024

_KEY_BYTES = 32
_SALT_BYTES = 16
_NONCE_BYTES = 12
_MAX_SCRYPT_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Cost:
    """How dear each guess of the passphrase is: scrypt's parameters. The default is OWASP's first choice (128 MiB)."""

    n: int = 1 << 17
    r: int = 8
    p: int = 1

    def is_usable(self) -> bool:
        """Whether it can be asked of this computer: the numbers come from a file."""
        return (
            self.n > 1
            and self.n & (self.n - 1) == 0
            and 0 < self.r <= 64
            and 0 < self.p <= 16
            and 128 * self.n * self.r <= _MAX_SCRYPT_BYTES
        )


@dataclass(frozen=True, slots=True)
class _Content:
    """What a file holds."""

    cost: Cost
    salt: bytes
    nonce: bytes
    sealed: bytes

    @property
    def header(self) -> dict[str, object]:
        return {
            "format": FORMAT,
            "version": VERSION,
            "kdf": {"name": "scrypt", **asdict(self.cost)},
            "cipher": CIPHER,
            "salt": base64.b64encode(self.salt).decode(),
            "nonce": base64.b64encode(self.nonce).decode(),
        }

    def to_bytes(self) -> bytes:
        members = {**self.header, "sealed": base64.b64encode(self.sealed).decode()}
        return json.dumps({**members, "checksum": _checksum(members)}, indent=2).encode() + b"\n"


class _BrokenError(Exception):
    """The bytes of a file are not what was once written."""


@dataclass(slots=True)
class SealedFile:
    """A sealed file that has been opened."""

    path: Path
    _cost: Cost
    _salt: bytes
    _key: bytes = field(repr=False)

    @classmethod
    def create(cls, path: Path, passphrase: str, entries: dict[str, str], cost: Cost) -> Self:
        """Make a new file. What is there under that name is an error, not replaced.

        Raises:
            KeystoreFileError: It cannot be written, or there is one already.
            KeystoreError: The passphrase is too short.
        """
        if not MIN_PASSPHRASE_LENGTH <= len(passphrase) <= MAX_PASSPHRASE_LENGTH:
            raise KeystoreError(
                f"a passphrase has {MIN_PASSPHRASE_LENGTH} to {MAX_PASSPHRASE_LENGTH} characters"
            )
        if os.path.lexists(path):
            raise KeystoreFileError(f"{path} is there already")
        salt = os.urandom(_SALT_BYTES)
        file = cls(path, cost, salt, _derive(passphrase, salt, cost))
        try:
            ensure_private_folder(path.parent)
        except PrivateFileError as error:
            raise KeystoreFileError(str(error)) from error
        file._write(entries)
        return file

    @classmethod
    def open(cls, path: Path, passphrase: str) -> Self:
        """Open the file that is there.

        Raises:
            WrongPassphraseError: It does not open with this one.
            DamagedFileError: It is damaged, and has been put aside.
            KeystoreFileError: It is not there, cannot be read, or was made by a newer version.
        """
        content = _read(path)
        file = cls(path, content.cost, content.salt, _derive(passphrase, content.salt, content.cost))
        try:
            file._unseal(content)
        except InvalidTag:
            raise WrongPassphraseError("the passphrase does not open the sealed file") from None
        return file

    def entries(self) -> dict[str, str]:
        """Every entry.

        Raises:
            KeystoreError: As for ``get``.
        """
        content = _read(self.path)
        if (content.cost, content.salt) != (self._cost, self._salt):
            raise self._closed()
        try:
            return self._unseal(content)
        except InvalidTag:
            raise self._closed() from None

    def get(self, name: str) -> str | None:
        """The key of a name; None without one.

        Raises:
            KeystoreClosedError: The file was exchanged for one with another passphrase.
            DamagedFileError: It has been damaged, and has been put aside.
            KeystoreFileError: It is gone, or cannot be read.
        """
        return self.entries().get(name)

    def set(self, name: str, secret: str, is_wanted: Callable[[], bool]) -> None:
        """Keep a key.

        Raises:
            KeystoreError: As for ``get``; and when it cannot be written, and then the file is as it was.
        """
        entries = {**self.entries(), name: secret}
        if is_wanted():
            self._write(entries)

    def delete(self, name: str, is_wanted: Callable[[], bool]) -> None:
        """Forget a key; nothing happens if there is none.

        Raises:
            KeystoreError: As for ``set``.
        """
        entries = self.entries()
        if entries.pop(name, None) is not None and is_wanted():
            self._write(entries)

    def remove(self) -> None:
        """Remove the file, because its entries are somewhere else now."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise KeystoreFileError(f"{self.path} cannot be removed: {error.strerror or error}") from error

    def _write(self, entries: dict[str, str]) -> None:
        unsealed = json.dumps(entries, ensure_ascii=False).encode()
        content = _Content(self._cost, self._salt, os.urandom(_NONCE_BYTES), b"")
        sealed = AESGCM(self._key).encrypt(content.nonce, unsealed, _canonical(content.header))
        try:
            write_private(self.path, _Content(self._cost, self._salt, content.nonce, sealed).to_bytes())
        except PrivateFileError as error:
            raise KeystoreFileError(str(error)) from error

    def _unseal(self, content: _Content) -> dict[str, str]:
        unsealed = AESGCM(self._key).decrypt(content.nonce, content.sealed, _canonical(content.header))
        try:
            entries = json.loads(unsealed)
        except ValueError:
            entries = None
        if not isinstance(entries, dict) or not all(isinstance(value, str) for value in entries.values()):
            raise DamagedFileError(self.path, _put_aside(self.path))
        return entries

    def _closed(self) -> KeystoreClosedError:
        return KeystoreClosedError(
            f"the sealed file {self.path} was exchanged, and needs its passphrase again",
            KeystoreState.SEALED_FILE_CLOSED,
        )


def check_sealed_file(path: Path) -> bool:
    """Whether there is a sealed file; needs no passphrase.

    Raises:
        DamagedFileError: There is one, and it is damaged; it has been put aside.
    """
    if not os.path.lexists(path):
        return False
    try:
        _read(path)
    except DamagedFileError:
        raise
    except KeystoreFileError:
        return True  # whoever opens it learns why that cannot be done
    return True


def _derive(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    # The same letters come as one character or two, depending on the keyboard; RFC 8265 normalises like this.
    try:
        secret = unicodedata.normalize("NFC", passphrase).encode()
    except UnicodeEncodeError:
        raise KeystoreError("the passphrase has a character that cannot be written") from None
    try:
        return Scrypt(salt=salt, length=_KEY_BYTES, n=cost.n, r=cost.r, p=cost.p).derive(secret)
    except MemoryError:
        raise KeystoreError("there is not enough memory to open the sealed file") from None


def _read(path: Path) -> _Content:
    try:
        content = read_private(path)
    except PrivateFileError as error:
        raise KeystoreFileError(str(error)) from error
    if content is None:
        raise KeystoreFileError(f"the sealed file {path} is gone", KeystoreState.UNDECIDED)
    try:
        return _parse(path, content)
    except _BrokenError:
        raise DamagedFileError(path, _put_aside(path)) from None


def _parse(path: Path, text: bytes) -> _Content:
    """Read a file's bytes; _BrokenError unless they are those that were written."""
    try:
        members = json.loads(text)
        is_whole = isinstance(members, dict) and members.pop("checksum", None) == _checksum(members)
    except (ValueError, RecursionError):
        raise _BrokenError from None
    if not is_whole or members.get("format") != FORMAT:
        raise _BrokenError
    if members.get("version") != VERSION or members.get("cipher") != CIPHER:
        raise KeystoreFileError(f"{path} was made by a newer version of RelayDesk")
    try:
        kdf = members["kdf"]
        numbers = [kdf[key] for key in ("n", "r", "p")]
        if kdf["name"] != "scrypt" or not all(type(number) is int for number in numbers):
            raise _BrokenError
        cost = Cost(*numbers)
        salt, nonce, sealed = (
            base64.b64decode(members[key], validate=True) for key in ("salt", "nonce", "sealed")
        )
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise _BrokenError from None
    if len(salt) != _SALT_BYTES or len(nonce) != _NONCE_BYTES:
        raise _BrokenError
    if not cost.is_usable():
        raise KeystoreFileError(f"{path} asks for more work than this version of RelayDesk does")
    return _Content(cost, salt, nonce, sealed)


def _put_aside(path: Path) -> Path:
    try:
        return put_aside(path)
    except PrivateFileError as error:
        raise KeystoreFileError(f"the sealed file {path} is damaged; {error}") from error


def _canonical(members: dict[str, object]) -> bytes:
    return json.dumps(members, sort_keys=True, separators=(",", ":")).encode()


def _checksum(members: dict[str, object]) -> str:
    return hashlib.sha256(_canonical(members)).hexdigest()
