"""The relays that are measured: how each is started, and how one gets a relayed connection through it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import platform
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import trustme

from gateway.config import GatewayConfig
from gateway.data_folder import DataFolder
from gateway.directory import Directory
from gateway.editor import Editor
from gateway.store.sqlite import SqliteStore
from hyco.sas import Rule, audience, sign

from .machine import PURE, is_compiled
from .processes import ROOT, Program, running
from .wire import HOST, Dial, ForwarderMeeting, Meeting, RelayMeeting

OURS = "gateway"
#: The same without its compiled frame loop.
OURS_PURE = "gateway, Python"
WEBSOCKETS = "websockets"
C_FORWARDER = "C forwarder"
#: In the order in which they are measured.
ALL = (OURS, OURS_PURE, WEBSOCKETS, C_FORWARDER)

PATH = "bench"
_TOKEN_LIFE_S = 86_400


@dataclasses.dataclass(frozen=True)
class Relay:
    """A running relay. *token* is empty where it checks none."""

    name: str
    program: Program
    dial: Dial
    token: str

    def meeting(self) -> Meeting:
        """A way to get relayed connections; the caller closes it."""
        return RelayMeeting(self.dial, PATH, self.token) if self.token else ForwarderMeeting(self.dial)


class Workshop:
    """What all runs share: certificates, one gateway's data folder to copy, the C program.

    *missing* says by name which relays cannot be run, and why.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.missing: dict[str, str] = {}
        self._cert, self._key = folder / "cert.pem", folder / "key.pem"
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", HOST)
        certificate.private_key_pem.write_to_path(self._key)
        for blob in certificate.cert_chain_pems:
            blob.write_to_path(self._cert, append=True)
        self._context = ssl.create_default_context()
        authority.configure_trust(self._context)
        self.authority = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.authority)
        self._data = folder / "data"
        self.rule = asyncio.run(_create_hybrid_connection(self._data))
        self._forwarder = folder / "c_forwarder"
        self._build_forwarder()
        if not is_compiled():
            self.missing[OURS_PURE] = "the gateway is the same: its frame loop is not compiled here"

    @property
    def certificate(self) -> tuple[Path, Path]:
        """The files of a certificate for 127.0.0.1 and of its key; *authority* is who vouches for it."""
        return self._cert, self._key

    def copy_data(self, data: Path) -> None:
        """Make the data folder of a gateway that has the hybrid connection PATH, and no other."""
        shutil.copytree(self._data, data)

    def _build_forwarder(self) -> None:
        compiler = shutil.which("cc")
        if platform.system() != "Linux":
            self.missing[C_FORWARDER] = "it needs Linux's epoll"
        elif compiler is None:
            self.missing[C_FORWARDER] = "there is no C compiler (cc)"
        else:
            source = ROOT / "benchmarks" / "c_forwarder.c"
            built = subprocess.run(
                [compiler, "-O2", "-o", self._forwarder, source], capture_output=True, text=True, check=False
            )
            if built.returncode:
                self.missing[C_FORWARDER] = f"cc failed: {built.stderr.strip()[:500]}"

    @contextlib.contextmanager
    def relay(
        self, name: str, *, is_secure: bool, cpus: set[int] | None, connections: int = 0
    ) -> Iterator[Relay]:
        """Run the relay *name*, with TLS or without, on the processors *cpus* until the block is left.

        Ours has *connections* more hybrid connections than PATH, by the names that `more` gives them.
        """
        certificate = ["--tls-cert", str(self._cert), "--tls-key", str(self._key)] if is_secure else []
        token = ""
        if name != C_FORWARDER:
            expires_at = int(time.time()) + _TOKEN_LIFE_S
            token = sign(audience(HOST, PATH), self.rule.name, self.rule.primary_key, expires_at)
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch, contextlib.ExitStack() as stack:
            if name == C_FORWARDER:
                command = [str(self._forwarder)]
            elif name == WEBSOCKETS:
                rule = ["--rule", self.rule.name, "--key", self.rule.primary_key]
                command = [
                    sys.executable,
                    "-m",
                    "benchmarks.websockets_relay",
                    "--name",
                    PATH,
                    *rule,
                    *certificate,
                ]
            else:
                data = Path(scratch) / "data"
                self.copy_data(data)
                if connections:
                    asyncio.run(
                        _create_hybrid_connections(data, [more(number) for number in range(connections)])
                    )
                addresses = ["--bind", f"{HOST}:0", "--admin-bind", f"{HOST}:0"]
                command = [sys.executable, "-m", "gateway", "--data", str(data), *addresses, *certificate]
            environment = {PURE: "1"} if name == OURS_PURE else {}
            program = stack.enter_context(running(command, cpus=cpus, environment=environment))
            yield Relay(name, program, Dial(program.port, self._context if is_secure else None), token)


@contextlib.contextmanager
def workshop() -> Iterator[Workshop]:
    """A place to run relays from; whatever they leave is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="relaydesk-bench-") as folder:
        yield Workshop(Path(folder))


def more(number: int) -> str:
    """The name of one more hybrid connection."""
    return f"{PATH}-{number}"


async def _create_hybrid_connection(data: Path) -> Rule:
    """Make a data folder with the hybrid connection PATH in it; the rule to sign tokens with."""
    return await _create_hybrid_connections(data, [PATH])


async def _create_hybrid_connections(data: Path, names: Sequence[str]) -> Rule:
    config = GatewayConfig(data_folder=data)
    folder = DataFolder(data)
    with folder.locked():
        store = SqliteStore(folder.store_file)
        await store.open()
        try:
            directory = Directory(store, config)
            await directory.load()
            namespace = directory.namespaces()[0]
            for name in names:
                await Editor(directory).put_connection(namespace.name, name)
            return namespace.rules[0]
        finally:
            await store.close()
