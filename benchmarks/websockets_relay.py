"""The yardstick: the gateway's WebSocket relay as one would write it on the ``websockets`` library.

The same work as the gateway does for a relayed connection: a listener keeps a control channel, a sender's 101 is held
until the listener has come to a one-time address, tokens are checked by the same code. Messages are relayed with the
library's own means, one after the other, both ways at once.

What it leaves out, because the library's server cannot do it: half-close (a Close is answered at once, whatever is
still to be said the other way), streaming of one long frame, HTTP requests.

    python -m benchmarks.websockets_relay --name bench --rule RULE --key KEY [--tls-cert FILE --tls-key FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http
import json
import secrets
import ssl
import time
import uuid
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from hyco.errors import InvalidAddressError, TokenError
from hyco.limits import PING_INTERVAL_S, RENDEZVOUS_VALIDITY_S
from hyco.request_targets import RequestTarget, parse_target
from hyco.sas import Right, Rule, parse_token, verify

HOST = "127.0.0.1"


@dataclass
class Pending:
    """A sender that waits for its listener."""

    coming: asyncio.Future[None]  # the listener has shown the secret
    listener: asyncio.Future[ServerConnection]  # its WebSocket is open


class Connection(ServerConnection):
    """What was found out in the handshake."""

    action = ""
    pending: Pending | None = None


class Relay:
    """One hybrid connection and who is connected to it."""

    def __init__(self, name: str, rule: Rule) -> None:
        self._name = name
        self._rule = rule
        self._listeners: list[ServerConnection] = []
        self._waiting: dict[str, Pending] = {}
        self._origin = ""

    def serve_at(self, origin: str) -> None:
        """Say where listeners are to come to, for example ``ws://127.0.0.1:80``."""
        self._origin = origin

    async def process_request(self, connection: Connection, request: Request) -> Response | None:
        """Refuse, or let the library go on to its 101; a sender's is held here."""
        try:
            target = parse_target(request.path)
        except InvalidAddressError as error:
            return connection.respond(http.HTTPStatus.BAD_REQUEST, f"{error}\n")
        connection.action = (target.parameters.get("sb-hc-action") or "connect").lower()
        if connection.action == "accept":
            connection.pending = self._waiting.pop(target.parameters.get("sb-hc-secret", ""), None)
            if connection.pending is None:
                return connection.respond(http.HTTPStatus.NOT_FOUND, "nobody is waiting\n")
            connection.pending.coming.set_result(None)
            return None
        if connection.action not in ("listen", "connect"):
            return connection.respond(http.HTTPStatus.BAD_REQUEST, "unknown action\n")
        try:
            self._check_token(target, request, Right.LISTEN if connection.action == "listen" else Right.SEND)
        except TokenError as error:
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, f"{error}\n")
        if connection.action == "listen":
            return None
        if not self._listeners:
            return connection.respond(http.HTTPStatus.NOT_FOUND, "no listener\n")
        return await self._call_listener(connection, request)

    def _check_token(self, target: RequestTarget, request: Request, right: Right) -> None:
        text = request.headers.get("ServiceBusAuthorization") or target.parameters.get("sb-hc-token", "")
        verify(
            parse_token(text),
            hosts={HOST},
            path=target.canonical,
            entity_rules=(),
            namespace_rules=(self._rule,),
            right=right,
            now=time.time(),
        )

    async def _call_listener(self, connection: Connection, request: Request) -> Response | None:
        loop = asyncio.get_running_loop()
        pending = connection.pending = Pending(loop.create_future(), loop.create_future())
        secret, id_ = secrets.token_hex(16), str(uuid.uuid4())
        self._waiting[secret] = pending
        address, port = connection.remote_address[:2]
        accept = {
            "address": f"{self._origin}/$hc/{self._name}?sb-hc-action=accept&sb-hc-id={id_}&sb-hc-secret={secret}",
            "id": id_,
            "connectHeaders": dict(request.headers.raw_items()),
            "remoteEndpoint": {"address": address, "port": port},
        }
        try:
            async with asyncio.timeout(RENDEZVOUS_VALIDITY_S):
                await secrets.choice(self._listeners).send(json.dumps({"accept": accept}))
                await pending.coming
        except TimeoutError:
            return connection.respond(http.HTTPStatus.GATEWAY_TIMEOUT, "the listener did not come\n")
        except ConnectionClosed:
            return connection.respond(http.HTTPStatus.BAD_GATEWAY, "the listener is gone\n")
        finally:
            self._waiting.pop(secret, None)
        return None

    async def handle(self, connection: ServerConnection) -> None:
        """Serve an open WebSocket until it is over."""
        assert isinstance(connection, Connection)
        pending = connection.pending
        if connection.action == "listen":
            self._listeners.append(connection)
            try:
                await connection.wait_closed()
            finally:
                self._listeners.remove(connection)
        elif connection.action == "accept":
            assert pending is not None
            pending.listener.set_result(connection)
            await connection.wait_closed()
        else:
            assert pending is not None
            async with asyncio.timeout(RENDEZVOUS_VALIDITY_S):
                listener = await pending.listener
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(forward(connection, listener), name="to listener")
                tasks.create_task(forward(listener, connection), name="to sender")


async def forward(source: ServerConnection, sink: ServerConnection) -> None:
    """Relay messages until either side is closed, then close *sink* as *source* was."""
    with contextlib.suppress(ConnectionClosed):
        async for message in source:
            await sink.send(message)
    code = source.close_code or 1011  # none yet: it was the sink that was lost
    await sink.close({1005: 1000, 1006: 1011}.get(code, code), source.close_reason or "")


async def run(relay: Relay, context: ssl.SSLContext | None, bound: int) -> None:
    """Serve on port *bound*, or on a free one if it is 0, until the process is ended."""
    async with serve(
        relay.handle,
        HOST,
        bound,
        ssl=context,
        create_connection=Connection,
        process_request=relay.process_request,  # type: ignore[arg-type]  # the connection is of our class
        open_timeout=RENDEZVOUS_VALIDITY_S + 5,
        ping_interval=PING_INTERVAL_S,
        ping_timeout=2 * PING_INTERVAL_S,
        compression=None,  # a relay passes on what it gets
        max_size=None,
        server_header=None,
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        relay.serve_at(f"{'wss' if context else 'ws'}://{HOST}:{port}")
        print(f"ready: listening on {HOST}:{port}", flush=True)
        await server.serve_forever()


def main() -> None:
    """Run as a program, on the loop that the gateway would take."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--rule", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    options = parser.parse_args()
    context = None
    loop_factory = None
    if options.tls_cert:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.tls_cert, options.tls_key)
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415 - optional, as it is for the gateway

        loop_factory = uvloop.new_event_loop
    relay = Relay(options.name, Rule(options.rule, Right.ALL, options.key))
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(run(relay, context, options.port))


if __name__ == "__main__":
    main()
