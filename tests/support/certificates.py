"""A certificate authority for a test, with its files."""

from __future__ import annotations

import dataclasses
import datetime as dt
import ssl
from pathlib import Path

import trustme


@dataclasses.dataclass(frozen=True)
class CertificateFiles:
    """A certificate with its chain, and its key; both in PEM, the key for its owner alone."""

    certificate: Path
    key: Path

    @property
    def arguments(self) -> tuple[str, ...]:
        """The options by which a gateway uses them."""
        return ("--tls-cert", str(self.certificate), "--tls-key", str(self.key))


class Authority:
    """A certificate authority that nobody trusts but those who are told to.

    Args:
        folder: Where its files go; made if there is none.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._authority = trustme.CA()
        self.certificate = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.certificate))

    def issue(
        self,
        *names: str,
        not_before: dt.datetime | None = None,
        not_after: dt.datetime | None = None,
    ) -> CertificateFiles:
        """A certificate for *names*; valid from the past on and for decades where nothing else is said."""
        leaf = self._authority.issue_cert(*names, not_before=not_before, not_after=not_after)
        number = len(list(self._folder.iterdir()))
        files = CertificateFiles(self._folder / f"{number}.pem", self._folder / f"{number}.key")
        for index, blob in enumerate(leaf.cert_chain_pems):
            blob.write_to_path(str(files.certificate), append=index > 0)
        files.key.touch(mode=0o600)
        leaf.private_key_pem.write_to_path(str(files.key))
        return files

    def client(self) -> ssl.SSLContext:
        """What a client that trusts only this authority uses."""
        return ssl.create_default_context(cafile=str(self.certificate))
