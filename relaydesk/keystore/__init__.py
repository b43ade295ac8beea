"""Keys: in the system's keyring, in a file sealed with a passphrase, or until quit."""

from .errors import (
    DamagedFileError,
    KeystoreClosedError,
    KeystoreError,
    KeystoreFileError,
    WrongPassphraseError,
)
from .store import MAX_SECRET_BYTES, Keystore

__all__ = [
    "MAX_SECRET_BYTES",
    "DamagedFileError",
    "Keystore",
    "KeystoreClosedError",
    "KeystoreError",
    "KeystoreFileError",
    "WrongPassphraseError",
]
