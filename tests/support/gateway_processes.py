"""A gateway as a process of its own, managed by its admin API as anybody's would be."""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from hyco.sas import Right, Rule

from .gateways import ROOT_RULE, GatewayClients
from .hosts import Host
from .processes import LOOPBACK, PYTHON, Child, child
from .raw_http import HttpResponse, RawHttp
from .raw_relay import Dial
from .raw_stream import RawStream
from .secrets_watch import SecretsWatch
from .waiting import until

NAMESPACE = "relaydesk"

_READY = r"^ready: listening on [^ ,]*:(\d+)(?:, [^ ,]+)*, admin API on \S*:(\d+)$"

#: The gauges of the admin API's status that are 0 when nobody is connected.
GAUGES = ("connections", "legs", "listeners", "relayedConnections", "requests", "rendezvous", "strangers")


class GatewayProcess(GatewayClients):
    """A gateway that can be killed and started again, on the same ports and with the same data.

    Args:
        folder: Its data folder.
        arguments: Options of ``python -m gateway``.
        numbers: Limits and deadlines, by their names in GatewayConfig. Not None: the log has everything.
        tls: What clients trust, where it speaks TLS; the server's name is ``localhost``.
        host: Where it runs, if not here.
    """

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str],
        numbers: Mapping[str, float] | None,
        tls: ssl.SSLContext | None,
        host: Host | None = None,
    ) -> None:
        self.folder = folder
        self.address = LOOPBACK if host is None else host.address
        self._host = host
        self.port = self.admin_port = 0
        self.secrets = SecretsWatch()
        self._arguments = arguments
        self._numbers = numbers
        self._tls = tls
        self._child: Child | None = None
        self._running = contextlib.AsyncExitStack()

    @property
    def child(self) -> Child:
        """Its process."""
        assert self._child is not None
        return self._child

    async def start(self, *, umask: int = -1) -> None:
        """Start it, the first time or again, and wait for its ready line."""
        if self._child is not None:
            await self.dial.close()
        program: list[str] = ["gateway"]
        if self._numbers is not None:
            program = ["tests.support.gateway_program", json.dumps(dict(self._numbers))]
        command = [
            *(PYTHON, "-m", *program, "--data", str(self.folder)),
            *("--bind", f"{self.address}:{self.port}", "--admin-bind", f"{self.address}:{self.admin_port}"),
            *self._arguments,
        ]
        if self._host is not None:
            command = list(map(str, self._host.command(*command)))
        self._child = await self._running.enter_async_context(child("gateway", *command, umask=umask))
        ready = await self._child.says(_READY)
        self.port, self.admin_port = int(ready[1]), int(ready[2])
        if self._tls is None:
            super().__init__(
                Dial(self.address, self.port), f"{self.address}:{self.port}", await self.rule_of(ROOT_RULE)
            )
        else:
            dial = Dial(self.address, self.port, tls=self._tls, name="localhost")
            super().__init__(dial, f"localhost:{self.port}", await self.rule_of(ROOT_RULE))

    async def stop(self) -> int:
        """SIGTERM; gives the exit code."""
        return await self.child.stop()

    def explain(self, error: BaseException) -> None:
        """Add to *error* what it said last."""
        if self._child is not None:
            self._child.explain(error)

    async def left(self) -> None:
        """Drop what clients opened, end the process, and look through its log."""
        if self._child is not None and hasattr(self, "dial"):
            await self.dial.close()
        await self._running.aclose()
        if self._child is not None:
            self.secrets.check(self._child.name, self._child.lines)

    # The admin API

    async def admin(
        self, method: str, path: str, document: object = None, *, token: str | None = None
    ) -> HttpResponse:
        """One request to the admin API, with its token."""
        if token is None:
            token = (self.folder / "admin-token").read_text().strip()
            self.secrets.add(token)
        stream = await RawStream.open(self.address, self.admin_port)
        try:
            body = None if document is None else json.dumps(document).encode()
            headers = [("Authorization", f"Bearer {token}")]
            http = RawHttp(stream, f"{LOOPBACK}:{self.admin_port}")
            return await http.request(method, path, headers, body)
        finally:
            await stream.close()

    async def _admin_document(self, method: str, path: str, document: object = None) -> dict[str, Any]:
        answer = await self.admin(method, path, document)
        assert answer.status == 200, (answer.line, answer.body)
        content = json.loads(answer.body)
        assert isinstance(content, dict)
        return content

    async def create(self, path: str, *, kind: str = "stream", is_anonymous: bool = False) -> None:
        """Create a hybrid connection; with *is_anonymous*, senders need no token."""
        await self._admin_document(
            "PUT",
            f"/namespaces/{NAMESPACE}/hybridConnections/{quote(path, safe='')}",
            {"properties": {"kind": kind, "requiresClientAuthorization": not is_anonymous}},
        )

    async def connections(self) -> list[str]:
        """The names of all hybrid connections."""
        found = await self._admin_document("GET", f"/namespaces/{NAMESPACE}/hybridConnections")
        return [entry["name"] for entry in found["value"]]

    async def rule_of(self, name: str) -> Rule:
        """A rule of the namespace with its keys."""
        rule = f"/namespaces/{NAMESPACE}/authorizationRules/{name}"
        keys = await self._admin_document("POST", f"{rule}/listKeys")
        self.secrets.add(keys["primaryKey"], keys["secondaryKey"])
        return Rule(name, Right.ALL, keys["primaryKey"], keys["secondaryKey"])

    async def connection_string(self, path: str, *, endpoint: str | None = None) -> str:
        """What the gateway's owner is given for *path*; *endpoint* puts another one into it."""
        rule = f"/namespaces/{NAMESPACE}/authorizationRules/{ROOT_RULE}"
        keys = await self._admin_document("POST", f"{rule}/listKeys")
        text = f"{keys['primaryConnectionString']};EntityPath={path}"
        if endpoint is None and self._tls is not None:
            # the certificate of these tests is for the name, and the gateway knows only its address
            endpoint = f"sb://localhost:{self.port}/"
        if endpoint is not None:
            first, _, rest = text.partition(";")
            assert urlsplit(first.removeprefix("Endpoint=")).scheme == "sb", first
            text = f"Endpoint={endpoint};{rest}"
        return text

    async def status(self) -> dict[str, int]:
        """The gauges."""
        found = await self._admin_document("GET", "/status")
        return {name: found[name] for name in GAUGES}

    async def until_listening(self, count: int = 1, *, within_s: float = 15.0) -> None:
        """Wait until so many listeners are there."""

        async def are_there() -> bool:
            return (await self.status())["listeners"] == count

        await until(are_there, f"{count} listeners", within_s=within_s)

    async def until_idle(self, *, within_s: float = 15.0) -> None:
        """Drop what clients here have open, and wait until every gauge is back to 0: nothing is kept of what has ended.

        Raises:
            AssertionError: Something is.
        """
        await self.dial.close()
        seen: dict[str, int] = {}

        async def is_idle() -> bool:
            seen.update(await self.status())
            return not any(seen.values())

        try:
            await until(is_idle, "gauges at 0", within_s=within_s)
        except AssertionError:
            raise AssertionError(f"the gateway keeps something of what has ended: {seen}") from None

    def token(self, path: str = "", **options: Any) -> str:  # noqa: ANN401 - what GatewayClients.token takes
        """As GatewayClients.token; no log may have it."""
        token = super().token(path, **options)
        self.secrets.add_token(token)
        return token


@contextlib.asynccontextmanager
async def gateway_process(
    folder: Path,
    *arguments: str,
    numbers: Mapping[str, float] | None = None,
    tls: ssl.SSLContext | None = None,
    umask: int = -1,
    host: Host | None = None,
) -> AsyncIterator[GatewayProcess]:
    """Run a gateway on free ports of loopback for the time of the block; arguments as for GatewayProcess.

    Once everybody has gone its gauges are back to 0, or the test fails; and no secret may stand in its log.
    """
    gateway = GatewayProcess(folder, arguments, numbers, tls, host)
    try:
        await gateway.start(umask=umask)
        yield gateway
        if gateway.child.is_running:
            await gateway.until_idle()
    except BaseException as error:
        gateway.explain(error)
        raise
    finally:
        await gateway.left()
