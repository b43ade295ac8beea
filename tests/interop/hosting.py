"""Our gateway in the island, or three that act as one: TLS on port 443 under a test name, managed by the admin API as anybody's
would be.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
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
from .programs import STEP_TIMEOUT_S, running

NAMESPACE = "relaydesk"
_ADMIN_PORT = 9401

#: Where the gateways of a cluster are.
_NODES = "127.0.1."

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


@dataclass
class _Node:
    """One gateway: its admin API, its data folder, and its log."""

    address: str
    folder: Path
    log: Path
    read_until: int = 0

    def complaints(self) -> list[str]:
        """What it has complained about since this was last asked."""
        with self.log.open(errors="replace") as log:
            log.seek(self.read_until)
            lines = log.readlines()
            self.read_until = log.tell()
        return [line.rstrip() for line in lines if _COMPLAINT.search(line)]


class HostedGateway:
    """A gateway that runs in the island, or several behind one name."""

    def __init__(self, island: Island, host: str, ca_file: Path, nodes: Sequence[_Node]) -> None:
        self.host = host
        self.ca_file = ca_file
        self._island = island
        self._nodes = nodes
        self._key: str = self.admin("POST", f"/authorizationRules/{ROOT_RULE}/listKeys")["primaryKey"]
        self._numbers = itertools.count(1)

    def admin(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, node: _Node | None = None
    ) -> dict[str, Any]:
        """Make one request to the admin API, below the namespace; gives the JSON of the answer."""
        asked = node or self._nodes[0]
        token = (asked.folder / "admin-token").read_text().strip()
        answer = self._island.run(
            *("curl", "--silent", "--show-error", "--fail-with-body", "--request", method),
            *("--header", f"Authorization: Bearer {token}"),
            *(() if body is None else ("--data", json.dumps(body))),
            f"http://{asked.address}:{_ADMIN_PORT}/namespaces/{NAMESPACE}{path}",
        )
        made: dict[str, Any] = json.loads(answer or "{}")
        return made

    def create(self, name: str, *, is_anonymous: bool = False) -> Relay:
        """Create a hybrid connection whose name begins with *name* and that nobody else uses."""
        path = f"{name}-{next(self._numbers)}"
        properties = {"requiresClientAuthorization": not is_anonymous}
        self.admin("PUT", f"/hybridConnections/{path}", {"properties": properties})
        for node in self._nodes[1:]:
            self._is_known(path, node)
        return Relay(self.host, path, ROOT_RULE, self._key, self.ca_file)

    def _is_known(self, path: str, node: _Node) -> None:
        """Wait until another one has heard of it, too: milliseconds."""
        deadline = time.monotonic() + STEP_TIMEOUT_S
        while path not in [
            found["name"] for found in self.admin("GET", "/hybridConnections", node=node)["value"]
        ]:
            assert time.monotonic() < deadline, f"{node.address} does not hear of {path}"

    def listener_count(self, relay: Relay) -> int:
        """How many listeners *relay* has."""
        count: int = self.admin("GET", f"/hybridConnections/{relay.path}")["properties"]["listenerCount"]
        return count

    def complaints(self) -> list[str]:
        """What it has complained about since this was last asked."""
        return [line for node in self._nodes for line in node.complaints()]


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
        yield HostedGateway(island, host, authority.file, [_Node(address, data, log)])


@contextlib.contextmanager
def hosted_cluster(
    island: Island, host: str, authority: Authority, folder: Path, store: tuple[str, str]
) -> Iterator[HostedGateway]:
    """Run three gateways, NATS, and HAProxy as *host* in front of them, which ends TLS.

    *store* is a database of theirs alone, and its password.
    """
    for tool, package in (("curl", "curl"), ("haproxy", "haproxy"), ("nats-server", "nats-server")):
        need(tool, package)
    certificate, key = authority.issue(host)
    both = folder / f"{host}-both.pem"
    both.touch(mode=0o600)
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    text = (ROOT / "packaging" / "haproxy-cluster.cfg.sample").read_text()
    replaced = {
        "bind :443": f"bind {HOSTS[host]}:443",
        "/etc/ssl/relay.example.org.pem": str(both),
        "10.0.0.": _NODES,
        "maxconn 20000": "maxconn 2000",
    }
    for old, new in replaced.items():
        assert old in text, f"the sample has no {old}"
        text = text.replace(old, new)
    configuration = folder / "haproxy.cfg"
    configuration.write_text(text)
    environment = {"PYTHONPATH": str(ROOT), "PGPASSWORD": store[1]}
    with contextlib.ExitStack() as stack:
        nats = island.inside("nats-server", "-a", "127.0.0.1", "-p", "4222")
        stack.enter_context(running("nats", nats, folder / "nats.log", is_told_errors=True)).says(
            "Server is ready"
        )
        nodes = []
        for number in (1, 2, 3):
            node = _Node(f"{_NODES}{number}", folder / f"gateway-g{number}", folder / f"g{number}.log")
            command = island.inside(
                *(sys.executable, "-m", "tests.support.gateway_program", "{}", "--data", str(node.folder)),
                *("--bind", f"{node.address}:9400", "--admin-bind", f"{node.address}:{_ADMIN_PORT}"),
                *("--public-url", f"https://{host}", "--trusted-proxy", "127.0.0.0/8"),
                *("--store", store[0], "--fabric", "nats://127.0.0.1:4222", "--node-name", f"g{number}"),
            )
            stack.enter_context(running(f"gateway g{number}", command, node.log, environment)).says("ready:")
            nodes.append(node)
        stack.enter_context(
            running(
                "haproxy", island.inside("haproxy", "-db", "-f", str(configuration)), folder / "haproxy.log"
            )
        )
        _answers(island, host, authority)
        yield HostedGateway(island, host, authority.file, nodes)


def _answers(island: Island, host: str, authority: Authority) -> None:
    """Wait until it has seen that one of the gateways is ready."""
    deadline = time.monotonic() + STEP_TIMEOUT_S
    command = ("curl", "--silent", "--write-out", "\n%{http_code}")
    while True:
        with contextlib.suppress(subprocess.CalledProcessError):
            answer = island.run(*command, "--cacert", str(authority.file), f"https://{host}/nothing")
            if answer.endswith("\n401"):
                return
        assert time.monotonic() < deadline, "no gateway is ready behind HAProxy"
