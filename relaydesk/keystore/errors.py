"""What can go wrong with keys. No text holds one."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ..snapshot import KeystoreState, Trouble


class KeystoreError(Exception):
    """Base of everything the keystore raises.

    Attributes:
        trouble: What kind of thing is wrong, for ``models/problems.py``.
        leads_to: The state in which the keystore is because of it; None where that is unchanged.
    """

    trouble: ClassVar[Trouble] = Trouble.CREDENTIAL

    def __init__(self, text: str, leads_to: KeystoreState | None = None) -> None:
        super().__init__(text)
        self.leads_to = leads_to


class KeystoreClosedError(KeystoreError):
    """No key can be read or kept until somebody acts: the keyring is locked, absent, or a passphrase is needed."""

    trouble = Trouble.KEYSTORE_LOCKED


class WrongPassphraseError(KeystoreError):
    """The sealed file does not open with this passphrase."""

    trouble = Trouble.KEYSTORE_LOCKED


class KeystoreFileError(KeystoreError):
    """The sealed file, or its folder, cannot be used as it is."""

    trouble = Trouble.DISK


class DamagedFileError(KeystoreFileError):
    """The sealed file is damaged. It was put aside, so that nothing is lost and a new one can be made.

    Attributes:
        aside: What it is called now.
    """

    def __init__(self, path: Path, aside: Path) -> None:
        super().__init__(
            f"the sealed file {path} is damaged; it is kept as {aside.name}, and its keys have to be entered anew",
            KeystoreState.UNDECIDED,
        )
        self.aside = aside
