"""The ends of the yardstick's path: TCP to TCP as one would write it on the ``websockets`` library, one message a read.

    python -m benchmarks.websockets_bridge listen TARGET_PORT
    python -m benchmarks.websockets_bridge connect LOCAL_PORT

RELAY_HOST (HOST:PORT), RELAY_PATH, RELAY_KEY_NAME and RELAY_KEY say where and as who, and RELAY_CA whom to trust where
the relay speaks TLS. As in `websockets_relay`, a Close ends both ways: there is no half-close.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import ssl
import time

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from hyco.sas import audience, sign

from .wire import HOST, target_of

READ_BYTES = 65_536
_TOKEN_LIFE_S = 86_400


class Relay:
    """The relay as both ends see it."""

    def __init__(self) -> None:
        self._path = os.environ["RELAY_PATH"]
        authority = os.environ.get("RELAY_CA")
        self._context = ssl.create_default_context(cafile=authority) if authority else None
        self._origin = f"{'wss' if authority else 'ws'}://{os.environ['RELAY_HOST']}"
        self._token = sign(
            audience(HOST, self._path),
            os.environ["RELAY_KEY_NAME"],
            os.environ["RELAY_KEY"],
            int(time.time()) + _TOKEN_LIFE_S,
        )

    def open(self, action: str) -> connect:
        """A WebSocket for ``listen`` or ``connect``."""
        return self._connect(f"/$hc/{self._path}?sb-hc-action={action}", self._token)

    def accept(self, address: str) -> connect:
        """A listener's end of a relayed connection, reached as the relay itself was."""
        return self._connect(target_of(address), None)

    def _connect(self, target: str, token: str | None) -> connect:
        return connect(
            self._origin + target,
            additional_headers={"ServiceBusAuthorization": token} if token else None,
            ssl=self._context,
            compression=None,
            max_size=None,
            proxy=None,
        )


async def join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, websocket: ClientConnection
) -> None:
    """Copy both ways until either end is over."""

    async def out() -> None:
        with contextlib.suppress(OSError, ConnectionClosed):
            while data := await reader.read(READ_BYTES):
                await websocket.send(data)
        await websocket.close()

    async def back() -> None:
        with contextlib.suppress(OSError, ConnectionClosed):
            async for message in websocket:
                assert isinstance(message, bytes)
                writer.write(message)
                await writer.drain()
        writer.close()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(out(), name="to the relay")
        tasks.create_task(back(), name="from the relay")


async def listen(relay: Relay, port: int) -> None:
    """Lead everybody who comes to the target; over when the relay is."""

    async def meet(address: str) -> None:
        with contextlib.suppress(OSError, WebSocketException):
            async with relay.accept(address) as websocket:
                await join(*await asyncio.open_connection(HOST, port), websocket)

    async with relay.open("listen") as control, asyncio.TaskGroup() as tasks:
        async for message in control:
            tasks.create_task(meet(json.loads(message)["accept"]["address"]), name="relayed connection")


async def serve(relay: Relay, port: int) -> None:
    """Bind the local port."""

    async def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with relay.open("connect") as websocket:
                await join(reader, writer, websocket)
        except (OSError, WebSocketException):
            writer.transport.abort()

    async with await asyncio.start_server(welcome, HOST, port, backlog=4_096) as server:
        await server.serve_forever()


def main() -> None:
    """Run as a program, on the loop that ours would take."""
    parser = argparse.ArgumentParser(description="The ends of a path on the websockets library.")
    parser.add_argument("role", choices=["listen", "connect"])
    parser.add_argument("port", type=int)
    options = parser.parse_args()
    loop_factory = None
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415 - optional, as it is for ours

        loop_factory = uvloop.new_event_loop
    work = listen if options.role == "listen" else serve
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(work(Relay(), options.port))


if __name__ == "__main__":
    main()
