import datetime as dt
import socket
import ssl
import stat
from pathlib import Path

import psutil
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.certificates import TlsFiles, names_of, self_signed
from gateway.config import GatewayConfig, HostPort
from gateway.data_folder import DataFolder
from gateway.errors import DataFolderError
from hyco.addresses import Endpoint

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path)


def make(folder: DataFolder, *hosts: str, days: float = 0, bind: str = "127.0.0.1") -> TlsFiles:
    config = GatewayConfig(
        data_folder=folder.path, bind=(HostPort(bind, 0),), namespace_hosts=hosts, tls_self_signed=True
    )
    return self_signed(folder, config, now=lambda: NOW + dt.timedelta(days=days))


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def shake_hands(files: TlsFiles, ca: Path, name: str) -> str | None:
    """A whole TLS handshake in memory, as strict as Python 3.13 makes it by default; the error if it fails."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    client = ssl.create_default_context(cafile=ca)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(6):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                return str(error)
    return None


def test_a_client_that_has_the_authority_trusts_the_gateway_by_its_names(folder: DataFolder) -> None:
    files = make(folder, "relay.example.org")
    for name in ("relay.example.org", "localhost", "127.0.0.1", "::1"):
        assert shake_hands(files, files.ca, name) is None
    assert "mismatch" in (shake_hands(files, files.ca, "other.example.org") or "")


def test_the_authority_of_another_gateway_is_not_trusted(folder: DataFolder, tmp_path: Path) -> None:
    files = make(folder)
    other = make(DataFolder(tmp_path / "other"))
    assert "verify failed" in (shake_hands(files, other.ca, "localhost") or "")
    assert files.ca_fingerprint != other.ca_fingerprint


def test_what_the_certificates_may_be_used_for(folder: DataFolder) -> None:
    files = make(folder)
    ca, server = load(files.ca), load(files.certificate)
    constraints = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert ca.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert not server.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert server.not_valid_after_utc - server.not_valid_before_utc < dt.timedelta(days=398)


def test_keys_are_for_the_owner_and_certificates_for_everybody(folder: DataFolder) -> None:
    files = make(folder)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in files.ca.parent.iterdir()}
    assert modes == {"ca.pem": 0o644, "ca-key.pem": 0o600, "server.pem": 0o644, "server-key.pem": 0o600}
    assert stat.S_IMODE(files.ca.parent.stat().st_mode) == 0o700


def test_a_restart_keeps_everything(folder: DataFolder) -> None:
    files = make(folder, "relay.example.org")
    before = {path: path.read_bytes() for path in files.ca.parent.iterdir()}
    assert make(folder, "relay.example.org") == files
    assert make(folder) == files
    assert {path: path.read_bytes() for path in files.ca.parent.iterdir()} == before


def test_the_fingerprint_is_that_of_the_authority(folder: DataFolder) -> None:
    import hashlib

    files = make(folder)
    der = ssl.PEM_cert_to_DER_cert(files.ca.read_text())
    assert files.ca_fingerprint == hashlib.sha256(der).hexdigest()


@pytest.mark.parametrize(("days", "is_renewed"), [(300, False), (310, True), (400, True)])
def test_a_certificate_that_ends_soon_is_renewed_under_the_same_authority(
    folder: DataFolder, days: int, is_renewed: bool
) -> None:
    files = make(folder)
    authority, before = files.ca.read_bytes(), files.certificate.read_bytes()
    assert make(folder, days=days) == files
    assert (files.certificate.read_bytes() != before) is is_renewed
    assert files.ca.read_bytes() == authority


def test_a_new_name_needs_a_new_certificate(folder: DataFolder) -> None:
    files = make(folder)
    before = files.certificate.read_bytes()
    make(folder, "new.example.org")
    assert files.certificate.read_bytes() != before
    assert shake_hands(files, files.ca, "new.example.org") is None


def test_a_certificate_without_its_key_is_replaced(folder: DataFolder, tmp_path: Path) -> None:
    """As a crash between the two writes leaves them."""
    files = make(folder)
    other = make(DataFolder(tmp_path / "other"))
    files.key.write_bytes(other.key.read_bytes())
    make(folder)
    assert shake_hands(files, files.ca, "localhost") is None
    files.certificate.write_text("junk")
    make(folder)
    assert shake_hands(files, files.ca, "localhost") is None
    files.certificate.write_bytes(other.certificate.read_bytes())
    files.key.write_bytes(other.key.read_bytes())
    make(folder)
    assert shake_hands(files, files.ca, "localhost") is None


@pytest.mark.parametrize("damage", ["junk certificate", "no certificate", "junk key", "other key"])
def test_a_damaged_authority_is_never_replaced_silently(
    folder: DataFolder, tmp_path: Path, damage: str
) -> None:
    """Everybody who was given it would be locked out."""
    files = make(folder)
    key = files.ca.with_name("ca-key.pem")
    match damage:
        case "junk certificate":
            files.ca.write_text("junk")
        case "no certificate":
            files.ca.unlink()
        case "junk key":
            key.write_text("junk")
        case "other key":
            other = make(DataFolder(tmp_path / "other"))
            key.write_bytes(other.ca.with_name("ca-key.pem").read_bytes())
    with pytest.raises(DataFolderError, match="not a certificate and its key"):
        make(folder)


def test_an_expired_authority_is_said_to_be_so(folder: DataFolder) -> None:
    make(folder)
    with pytest.raises(DataFolderError, match=r"ca\.pem has expired"):
        make(folder, days=3651)


def test_near_its_end_the_authority_signs_nothing_beyond_it(folder: DataFolder) -> None:
    files = make(folder)
    make(folder, days=3600)
    assert load(files.certificate).not_valid_after_utc <= load(files.ca).not_valid_after_utc


def test_a_key_that_others_can_read_is_refused(folder: DataFolder) -> None:
    make(folder).key.chmod(0o644)
    with pytest.raises(DataFolderError, match="others can read"):
        make(folder)


def test_names_come_from_everything_that_leads_here(tmp_path: Path) -> None:
    config = GatewayConfig(
        data_folder=tmp_path,
        bind=(HostPort("192.0.2.1", 443), HostPort("Gateway.Internal.", 443)),
        namespace_hosts=("contoso.example",),
        public_url=Endpoint("relay.example.org", 443, True),
        tls_self_signed=True,
    )
    assert names_of(config) == (
        "localhost",
        "127.0.0.1",
        "::1",
        "192.0.2.1",
        "gateway.internal",
        "contoso.example",
        "relay.example.org",
    )


@pytest.mark.parametrize("wildcard", ["0.0.0.0", "::"])
def test_bound_to_every_address_it_has_the_name_of_each(folder: DataFolder, wildcard: str) -> None:
    files = make(folder, bind=wildcard)
    addresses = {
        address.address
        for group in psutil.net_if_addrs().values()
        for address in group
        if address.family is socket.AF_INET and not address.address.startswith("169.254.")
    }
    found = load(files.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(address) for address in found.get_values_for_type(x509.IPAddress)} >= addresses
    assert socket.gethostname().lower() in found.get_values_for_type(x509.DNSName)
