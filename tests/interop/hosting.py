"""Our gateway in the island: TLS on port 443 under a test name, managed by its admin API as anybody's would be."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.gateways import ROOT_RULE
from tests.support.tokens import sas_token

from .island import HOSTS, Island
from .packages import ROOT, need
from .programs import running

NAMESPACE = "relaydesk"
_ADMIN_PORT = 9401

#: What a gateway must not log while it serves clients that do nothing wrong.
_COMPLAINT = re.compile(r" (?:WARNING|ERROR|CRITICAL) |^Traceback ")


@dataclass(frozen=True)
class Relay:
    """A hybrid connection, and what a client needs to use it."""

    host: str
    path: str
    key_name: str
    key: str
    ca_file: Path

    @property
    def environment(self) -> dict[str, str]:
        """The same for a client program."""
        return {
            "RELAY_HOST": self.host,
            "RELAY_PATH": self.path,
            "RELAY_KEY_NAME": self.key_name,
            "RELAY_KEY": self.key,
            "RELAY_CA": str(self.ca_file),
            "NODE_EXTRA_CA_CERTS": str(self.ca_file),
        }

    @property
    def connection_string(self) -> str:
        """As Azure's portal shows it for a hybrid connection."""
        return (
            f"Endpoint=sb://{self.host}/;SharedAccessKeyName={self.key_name};SharedAccessKey={self.key};"
            f"EntityPath={self.path}"
        )

    @property
    def key_digest(self) -> str:
        """What Chromium calls the gateway's certificate by: base64(SHA-256(SubjectPublicKeyInfo))."""
        certificate = x509.load_pem_x509_certificate(_certificate_of(self.ca_file, self.host).read_bytes())
        info = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(hashlib.sha256(info).digest()).decode()

    def token(self, *, expires_at: float | None = None) -> str:
        """A token for it; good for an hour if no other end is given."""
        return sas_token(f"http://{self.host}/{self.path}", self.key_name, self.key, expires_at=expires_at)


class HostedGateway:
    """A gateway that runs in the island."""

    def __init__(self, island: Island, host: str, folder: Path, log: Path, ca_file: Path) -> None:
        self.host = host
        self.ca_file = ca_file
        self._island = island
        self._log = log
        self._read_until = 0
        self._admin_token = (folder / "admin-token").read_text().strip()
        self._key: str = self.admin("POST", f"/authorizationRules/{ROOT_RULE}/listKeys")["primaryKey"]
        self._numbers = itertools.count(1)

    def admin(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Make one request to the admin API, below the namespace; gives the JSON of the answer."""
        answer = self._island.run(
            *("curl", "--silent", "--show-error", "--fail-with-body", "--request", method),
            *("--header", f"Authorization: Bearer {self._admin_token}"),
            *(() if body is None else ("--data", json.dumps(body))),
            f"http://{HOSTS[self.host]}:{_ADMIN_PORT}/namespaces/{NAMESPACE}{path}",
        )
        made: dict[str, Any] = json.loads(answer or "{}")
        return made

    def create(self, name: str, *, is_anonymous: bool = False) -> Relay:
        """Create a hybrid connection whose name begins with *name* and that nobody else uses."""
        path = f"{name}-{next(self._numbers)}"
        properties = {"requiresClientAuthorization": not is_anonymous}
        self.admin("PUT", f"/hybridConnections/{path}", {"properties": properties})
        return Relay(self.host, path, ROOT_RULE, self._key, self.ca_file)

    def listener_count(self, relay: Relay) -> int:
        """How many listeners *relay* has."""
        count: int = self.admin("GET", f"/hybridConnections/{relay.path}")["properties"]["listenerCount"]
        return count

    def complaints(self) -> list[str]:
        """What the gateway has complained about since this was last asked."""
        with self._log.open(errors="replace") as log:
            log.seek(self._read_until)
            lines = log.readlines()
            self._read_until = log.tell()
        return [line.rstrip() for line in lines if _COMPLAINT.search(line)]


class Authority:
    """A certificate authority for the test names, which nobody but the clients here trusts."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self._folder = folder
        self.file = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(self.file)

    def issue(self, host: str) -> tuple[Path, Path]:
        """Give the files of a certificate for *host* and its key."""
        issued = self._authority.issue_cert(host)
        certificate, key = _certificate_of(self.file, host), self._folder / f"{host}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        return certificate, key


def _certificate_of(ca_file: Path, host: str) -> Path:
    return ca_file.with_name(f"{host}.pem")


@contextlib.contextmanager
def hosted_gateway(
    island: Island, host: str, authority: Authority, folder: Path, numbers: Mapping[str, float]
) -> Iterator[HostedGateway]:
    """Run a gateway as *host*, with *numbers* for limits and deadlines."""
    need("curl", "curl")
    address = HOSTS[host]
    data = folder / f"gateway-{host}"
    certificate, key = authority.issue(host)
    log = folder / f"{host}.log"
    command = island.inside(
        *(sys.executable, "-m", "tests.support.gateway_program", json.dumps(numbers)),
        *("--data", str(data), "--bind", f"{address}:443", "--admin-bind", f"{address}:{_ADMIN_PORT}"),
        *("--tls-cert", str(certificate), "--tls-key", str(key)),
    )
    with running(f"gateway {host}", command, log, {"PYTHONPATH": str(ROOT)}) as program:
        program.says("ready:")
        # one answer of any kind, so that a gateway that gives none fails once and not in every test
        island.run("curl", "--silent", "--show-error", "--cacert", str(authority.file), f"https://{host}/")
        yield HostedGateway(island, host, data, log, authority.file)
