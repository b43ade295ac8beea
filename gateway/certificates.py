"""Certificates for a gateway that has none: an authority of its own, and a certificate for the names it is reached by.

The authority's certificate (``tls/ca.pem``) is what agents and senders are given (``--ca``); it stays while the
gateway's certificate is renewed under it, and it signs nothing but that one certificate.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import logging
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .config import GatewayConfig
from .data_folder import DataFolder
from .errors import DataFolderError
from .private_files import PUBLIC_MODE, ensure_folder, read_private, write_whole

log = logging.getLogger(__name__)

AUTHORITY_LIFE = dt.timedelta(days=3650)

#: Apple's limit for certificates of private authorities is 825 days; a year keeps clear of every other one too.
CERTIFICATE_LIFE = dt.timedelta(days=365)

#: How long before its end the certificate is replaced when the gateway starts.
RENEW_BEFORE = dt.timedelta(days=60)

#: Clocks of clients may be behind.
_BACKDATED = dt.timedelta(hours=1)

#: Reached from this computer whatever else a gateway is bound to.
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where the certificates are. *ca_fingerprint* is the SHA-256 of the authority's certificate, in hexadecimal."""

    certificate: Path
    key: Path
    ca: Path
    ca_fingerprint: str


@dataclass(frozen=True, slots=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def self_signed(
    data_folder: DataFolder,
    config: GatewayConfig,
    *,
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
) -> TlsFiles:
    """The certificates in the data folder; made, or renewed when they end soon or lack a name.

    Raises:
        DataFolderError: They cannot be read or written, or the authority is damaged (it is never replaced silently:
            everybody who was given it would be locked out).
    """
    folder = data_folder.tls_folder
    ensure_folder(folder)
    files = TlsFiles(folder / "server.pem", folder / "server-key.pem", folder / "ca.pem", "")
    authority = _authority(files.ca, folder / "ca-key.pem", now())
    names = names_of(config)
    if not _is_usable(_load(files.certificate, files.key), authority, names, now()):
        made = _issue(authority, names, now())
        write_whole(files.key, _key_pem(made.key))
        write_whole(files.certificate, _pem(made.certificate), mode=PUBLIC_MODE)
        log.info("made a certificate for %s", ", ".join(names))
    fingerprint = authority.certificate.fingerprint(hashes.SHA256()).hex()
    return TlsFiles(files.certificate, files.key, files.ca, fingerprint)


def names_of(config: GatewayConfig) -> tuple[str, ...]:
    """The names and addresses by which a gateway with this configuration is reached."""
    hosts = list(_LOOPBACK)
    for address in config.bind:
        if _is_wildcard(address.host):
            hosts += [socket.gethostname(), *_own_addresses()]
        else:
            hosts.append(address.host)
    hosts += config.namespace_hosts
    if config.public_url is not None:
        hosts.append(config.public_url.host)
    return tuple(dict.fromkeys(host.lower().rstrip(".") for host in hosts if host))


def _authority(certificate_path: Path, key_path: Path, now: dt.datetime) -> _Pair:
    key_pem = read_private(key_path)
    if key_pem is None:
        made = _make_authority(now)
        write_whole(key_path, _key_pem(made.key))
        write_whole(certificate_path, _pem(made.certificate), mode=PUBLIC_MODE)
        return made
    found = _load(certificate_path, key_path)
    if found is None:
        raise DataFolderError(
            f"{certificate_path} and {key_path} are not a certificate and its key; put them back from a backup, or remove"
            " both: a new authority is then made, and everybody needs its certificate"
        )
    if found.certificate.not_valid_after_utc < now:
        raise DataFolderError(
            f"{certificate_path} has expired; remove it and {key_path}: a new authority is then made, and everybody needs"
            " its certificate"
        )
    return found


def _load(certificate_path: Path, key_path: Path) -> _Pair | None:
    """A certificate and its key; None if there are none or they do not belong together."""
    key_pem = read_private(key_path)
    if key_pem is None:
        return None
    try:
        certificate = x509.load_pem_x509_certificate(certificate_path.read_bytes())
        key = serialization.load_pem_private_key(key_pem, password=None)
    except (OSError, ValueError, TypeError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        return None
    return _Pair(certificate, key)


def _is_usable(pair: _Pair | None, authority: _Pair, names: Iterable[str], now: dt.datetime) -> bool:
    if pair is None or pair.certificate.not_valid_after_utc - now < RENEW_BEFORE:
        return False
    try:
        pair.certificate.verify_directly_issued_by(authority.certificate)
        found = pair.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return all(name in found for name in _alternative_names(names))


def _make_authority(now: dt.datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"RelayDesk gateway on {socket.gethostname()}"[:64])]
    )
    certificate = (
        _builder(name, name, key.public_key(), now, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _Pair(certificate, key)


def _issue(authority: _Pair, names: tuple[str, ...], now: dt.datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "RelayDesk gateway")])
    life = min(CERTIFICATE_LIFE, authority.certificate.not_valid_after_utc - now)
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    certificate = (
        _builder(subject, authority.certificate.subject, key.public_key(), now, life)
        .add_extension(x509.SubjectAlternativeName(_alternative_names(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer_key, critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return _Pair(certificate, key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: dt.datetime,
    life: dt.timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_names(names: Iterable[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_unspecified
    except ValueError:
        return False


def _own_addresses() -> list[str]:
    """The addresses of this computer that others can reach it by: not those that hold for one link only."""
    found = []
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family in (socket.AF_INET, socket.AF_INET6):
                text = address.address.partition("%")[0]
                if not ipaddress.ip_address(text).is_link_local:
                    found.append(text)
    return sorted(found)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
