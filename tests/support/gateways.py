"""The real gateway, running in the test's own loop on ports of the system's choice, and clients of any gateway."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from pathlib import Path
from typing import Any

from gateway.config import GatewayConfig, HostPort
from gateway.entities import Kind
from gateway.server import Gateway
from hyco.sas import Right, Rule

from .raw_http import HttpResponse, RawHttp
from .raw_relay import Dial, RawListener
from .raw_websocket import Handshake, RawWebSocket, upgrade_headers
from .tokens import sas_token
from .waiting import until

Headers = Collection[tuple[str, str]]

LOOPBACK = "127.0.0.1"

#: The rule of every namespace that has all rights (protocol reference §2.2).
ROOT_RULE = "RootManageSharedAccessKey"

#: Said in place of a token: make a good one.
GOOD = "good"


class GatewayClients:
    """Short ways to be a gateway's listener or its sender. Whatever is opened here is closed with *dial*.

    Args:
        dial: How to get to it.
        host: What requests name as their Host.
        rule: Whose keys sign the tokens.
    """

    def __init__(self, dial: Dial, host: str, rule: Rule) -> None:
        self.dial = dial
        self.host = host
        self.rule = rule

    def token(
        self,
        path: str = "",
        *,
        host: str | None = None,
        rule: Rule | None = None,
        expires_at: float | None = None,
    ) -> str:
        """A token for *path*, or for the whole namespace; of the namespace's root rule if no other is given."""
        signer = rule or self.rule
        resource = f"http://{host or self.host}/{path}"
        return sas_token(resource, signer.name, signer.primary_key, expires_at=expires_at)

    # Connections

    async def http(self, *, host: str | None = None) -> RawHttp:
        """A connection for HTTP requests."""
        return RawHttp(await self.dial.open(), host or self.host)

    async def ask(
        self, method: str, target: str, headers: Headers = (), body: bytes | None = None
    ) -> HttpResponse:
        """One request without a token, on a connection of its own."""
        return await (await self.http()).request(method, target, headers, body)

    async def upgrading(self, target: str, headers: Headers = (), *, host: str | None = None) -> Handshake:
        """Ask for a WebSocket at *target*, without waiting for the answer."""
        return await Handshake.send(
            await self.dial.open(), target, upgrade_headers(host or self.host, headers)
        )

    async def listening(
        self,
        path: str = "hc",
        *,
        id_: str | None = None,
        token: str | None = GOOD,
        headers: Headers = (),
        host: str | None = None,
    ) -> Handshake:
        """Ask for a control channel, the token in ServiceBusAuthorization as SDKs send it; None: without a token."""
        carried = self._carried(path, token, host)
        query = f"sb-hc-action=listen&sb-hc-id={id_ or uuid.uuid4()}"
        return await self.upgrading(f"/$hc/{path}?{query}", [*carried, *headers], host=host)

    async def listen(
        self,
        path: str = "hc",
        *,
        id_: str | None = None,
        token: str | None = GOOD,
        headers: Headers = (),
        host: str | None = None,
    ) -> RawListener:
        """A listener on *path*."""
        handshake = await self.listening(path, id_=id_, token=token, headers=headers, host=host)
        return RawListener(await handshake.answer(), self.dial)

    async def connecting(
        self,
        path: str = "hc",
        *,
        query: str = "",
        id_: str | None = None,
        token: str | None = GOOD,
        headers: Headers = (),
        host: str | None = None,
    ) -> Handshake:
        """Ask to be a WebSocket sender, the token in ServiceBusAuthorization; *path* may go beyond a name."""
        carried = self._carried(path, token, host)
        own = f"{query}&" if query else ""
        target = f"/$hc/{path}?{own}sb-hc-action=connect&sb-hc-id={id_ or uuid.uuid4()}"
        return await self.upgrading(target, [*carried, *headers], host=host)

    async def subscribing(
        self, path: str, *, query: str = "", token: str | None = GOOD, headers: Headers = ()
    ) -> Handshake:
        """Ask to hear what is published to *path*, as any WebSocket client does."""
        own = f"&{query}" if query else ""
        target = f"/$hc/{path}?sb-hc-action=subscribe{own}"
        return await self.upgrading(target, [*self._carried(path, token, None), *headers])

    async def subscribe(self, path: str, *, query: str = "") -> RawWebSocket:
        """Hear what is published to *path* from now on."""
        return await (await self.subscribing(path, query=query)).answer()

    async def publish(self, path: str, body: bytes, *, content_type: str = "text/plain") -> dict[str, int]:
        """Publish to *path* by HTTP, and give what became of it."""
        headers = [*self.authorization(path), ("Content-Type", content_type)]
        answer = await self.ask("POST", f"/{path}", headers, body)
        assert answer.status == 200, (answer.line, answer.body)
        said = json.loads(answer.body)
        assert isinstance(said, dict)
        return said

    async def pair(self, listener: RawListener, path: str = "hc") -> tuple[RawWebSocket, RawWebSocket]:
        """A relayed connection through *listener*: the sender's end and the listener's."""
        waiting = await self.connecting(path)
        far = await listener.accept()
        return await waiting.answer(), far

    def authorization(self, path: str = "hc") -> Headers:
        """The header by which an HTTP sender shows a good token."""
        return [("ServiceBusAuthorization", self.token(path))]

    def _carried(self, path: str, token: str | None, host: str | None) -> Headers:
        if token is None:
            return []
        text = self.token(path.partition("?")[0], host=host) if token == GOOD else token
        return [("ServiceBusAuthorization", text)]


class RunningGateway(GatewayClients):
    """The gateway object itself, its clients, and short ways to what it keeps."""

    def __init__(self, gateway: Gateway, stop: Callable[[], Awaitable[None]]) -> None:
        self.gateway = gateway
        #: Ends the gateway while its peers are still connected; done by the end of the block otherwise.
        self.stop = stop
        self.namespace = gateway.config.namespace
        super().__init__(
            Dial(LOOPBACK, gateway.port),
            f"{LOOPBACK}:{gateway.port}",
            gateway.editor.rule(self.namespace, None, ROOT_RULE),
        )

    async def create(
        self,
        path: str,
        *,
        kind: Kind = Kind.STREAM,
        is_anonymous: bool = False,
        response_timeout_s: float | None = None,
    ) -> None:
        """Create a hybrid connection; with *is_anonymous*, senders need no token."""
        await self.gateway.editor.put_connection(
            self.namespace,
            path,
            kind=kind,
            requires_client_authorization=not is_anonymous,
            response_timeout_s=response_timeout_s,
        )

    async def delete(self, path: str) -> None:
        """Delete a hybrid connection."""
        await self.gateway.editor.delete_connection(self.namespace, path)

    def left_behind(self) -> dict[str, int]:
        """What the gateway still holds of connections, listeners, requests and waiting senders."""
        return {name: count for name, count in self.gateway.status().items() if count}

    async def create_rule(self, path: str | None, name: str, rights: Right) -> Rule:
        """Create a rule of a hybrid connection; of the namespace where *path* is None."""
        rule, _ = await self.gateway.editor.put_rule(self.namespace, path, name, rights)
        return rule


def _memory() -> str | None:
    """A folder that is in memory, where the system has one: what is tested here is not the disk.

    Measured: several hundred gateways, each of which waits for its disk a few times, are three times as fast there.
    """
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@contextlib.asynccontextmanager
async def running_gateway(**settings: object) -> AsyncIterator[RunningGateway]:
    """Run a gateway with *settings* of GatewayConfig, with a new data folder, on free ports of loopback.

    Raises:
        AssertionError: At the end of the block, when all connections are closed, the gateway still holds some.
    """
    with tempfile.TemporaryDirectory(prefix="relaydesk-test-", dir=_memory()) as folder:
        given: dict[str, Any] = {
            "data_folder": Path(folder),
            "bind": (HostPort(LOOPBACK, 0),),
            "admin_bind": HostPort(LOOPBACK, 0),
            "drain_s": 0.0,
            **settings,
        }
        serving = contextlib.AsyncExitStack()
        running = RunningGateway(
            await serving.enter_async_context(Gateway(GatewayConfig(**given)).serving()), serving.aclose
        )
        try:
            yield running
            await running.dial.close()
            await until(lambda: not running.left_behind(), "everything is let go when everybody has gone")
        finally:
            await running.dial.close()
            await running.stop()
