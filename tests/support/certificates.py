"""A certificate authority for a test, with its files."""

from __future__ import annotations

import dataclasses
import datetime as dt
import ssl
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID


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

    @property
    def self_signed(self) -> CertificateFiles:
        """The authority's own certificate, as one of a server that has made itself one."""
        files = CertificateFiles(self.certificate, self._folder / "ca.key")
        files.key.touch(mode=0o600)
        self._authority.private_key_pem.write_to_path(str(files.key))
        return files

    def issue_short(self, name: str) -> CertificateFiles:
        """A certificate with an RSA key of 1,024 bits, as nobody makes them any more."""
        key = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)
        authority = x509.load_pem_x509_certificate(self._authority.cert_pem.bytes())
        signer = serialization.load_pem_private_key(self._authority.private_key_pem.bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        now = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(authority.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
            )
            .sign(signer, hashes.SHA256())
        )
        files = CertificateFiles(self._folder / "short.pem", self._folder / "short.key")
        files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files.key.touch(mode=0o600)
        files.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        return files

    def client(self) -> ssl.SSLContext:
        """What a client that trusts only this authority uses."""
        return ssl.create_default_context(cafile=str(self.certificate))
