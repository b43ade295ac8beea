"""A gateway that does what the test says: the service's side of control channels, on the `websockets` library.

It checks nothing and keeps no rules, so that a test can be a gateway that is broken, hostile or gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import uuid
from collections import deque
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from .raw_stream import STEP_S

LOOPBACK = "127.0.0.1"


@dataclasses.dataclass(frozen=True)
class Refusal:
    """How to answer the next listener or sender: with this status instead of 101."""

    status: int
    reason: str = "No"


class FakeChannel:
    """One WebSocket from an agent: a control channel, or a rendezvous."""

    def __init__(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.socket = socket
        self.path = socket.request.path
        self.headers = socket.request.headers
        self.query = parse_qs(urlsplit(self.path).query)

    async def say(self, **message: object) -> None:
        """Send a JSON message."""
        await self.socket.send(json.dumps(message))

    async def hear(self) -> Any:  # noqa: ANN401 - whatever the agent says in JSON
        """The next message: parsed JSON, or bytes."""
        async with asyncio.timeout(STEP_S):
            message = await self.socket.recv()
        return json.loads(message) if isinstance(message, str) else message

    async def closed(self) -> int | None:
        """Wait for the agent's Close and give its code; None without one."""
        try:
            async with asyncio.timeout(STEP_S):
                while True:
                    await self.socket.recv()
        except ConnectionClosed as error:
            return error.rcvd.code if error.rcvd is not None else None


class FakeGateway:
    """Takes control channels and rendezvous, and hands them to the test."""

    def __init__(self) -> None:
        self._server: Server | None = None
        self._channels: asyncio.Queue[FakeChannel] = asyncio.Queue()
        self._rendezvous: asyncio.Queue[FakeChannel] = asyncio.Queue()
        self._let_go = asyncio.Event()
        self.port = 0
        self.refusals: deque[Refusal] = deque()
        """Of listeners, and ``sender_refusals`` of senders."""
        self.sender_refusals: deque[Refusal] = deque()
        self.rejections: asyncio.Queue[dict[str, list[str]]] = asyncio.Queue()
        self.attempts = 0
        """Control channels asked for."""
        self.connections = 0
        """TCP connections of any kind that got as far as a request."""

    @property
    def host(self) -> str:
        """``host:port``."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def connection_string(self) -> str:
        """For a listener, with a key that nobody checks."""
        return (
            f"Endpoint=sb://{self.host}/;SharedAccessKeyName=listener;SharedAccessKey=a2V5;EntityPath=hc;"
            "UseDevelopmentEmulator=true"
        )

    async def start(self) -> None:
        """Listen; again on the same port after stop()."""
        self._let_go.clear()
        self._server = await serve(
            self._handle,
            LOOPBACK,
            self.port,
            process_request=self._decide,
            compression=None,
            ping_interval=None,
            close_timeout=1,
            max_size=None,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """End every connection, and listen no more."""
        assert self._server is not None
        self._let_go.set()
        self._server.close()
        await self._server.wait_closed()

    async def listener(self) -> FakeChannel:
        """The next control channel."""
        async with asyncio.timeout(STEP_S):
            return await self._channels.get()

    async def rendezvous(self) -> FakeChannel:
        """The next rendezvous that is taken up."""
        async with asyncio.timeout(STEP_S):
            return await self._rendezvous.get()

    async def rejection(self) -> tuple[int, str]:
        """The next rejection: status and reason."""
        async with asyncio.timeout(STEP_S):
            query = await self.rejections.get()
        return int(query["sb-hc-statusCode"][0]), query["sb-hc-statusDescription"][0]

    def address(
        self, action: str = "accept", *, path: str = "hc", query: str = "", host: str | None = None
    ) -> str:
        """A rendezvous address at this gateway, or one that says it is at *host*."""
        own = f"{query}&" if query else ""
        where = host or self.host
        return (
            f"ws://{where}/$hc/{path}?{own}sb-hc-action={action}&sb-hc-id={uuid.uuid4()}_G0&sb-hc-rdv=5ec2e7"
        )

    def accept(self, address: str | None = None, **headers: str) -> dict[str, Any]:
        """The message that offers a WebSocket sender."""
        return {
            "accept": {
                "address": address or self.address(),
                "id": f"{uuid.uuid4()}_G0",
                "connectHeaders": {"Host": "ns.test", **headers},
                "remoteEndpoint": {"address": "203.0.113.7", "port": 51_234},
            }
        }

    def request(
        self, method: str = "GET", target: str = "/hc", address: str | None = None, **more: object
    ) -> dict[str, Any]:
        """The message that brings an HTTP request."""
        return {
            "request": {
                "address": address or self.address("request"),
                "id": f"{uuid.uuid4()}_G0",
                "requestTarget": target,
                "method": method,
                "remoteEndpoint": {"address": "203.0.113.7", "port": 51_234},
                "requestHeaders": {"Host": "ns.test"},
                "body": False,
                **more,
            }
        }

    def _decide(self, socket: ServerConnection, request: Request) -> Response | None:
        self.connections += 1
        query = parse_qs(urlsplit(request.path).query)
        if "sb-hc-statusCode" in query:
            self.rejections.put_nowait(query)
            return _answer(410, "Gone")
        if query.get("sb-hc-action") == ["listen"]:
            self.attempts += 1
            if self.refusals:
                refusal = self.refusals.popleft()
                return _answer(refusal.status, refusal.reason)
        if query.get("sb-hc-action") == ["connect"] and self.sender_refusals:
            refusal = self.sender_refusals.popleft()
            return _answer(refusal.status, refusal.reason)
        return None

    async def _handle(self, socket: ServerConnection) -> None:
        channel = FakeChannel(socket)
        is_listener = channel.query.get("sb-hc-action") == ["listen"]
        (self._channels if is_listener else self._rendezvous).put_nowait(channel)
        async with asyncio.TaskGroup() as tasks:
            ending = [
                tasks.create_task(socket.wait_closed()),
                tasks.create_task(self._let_go.wait()),
            ]
            await asyncio.wait(ending, return_when=asyncio.FIRST_COMPLETED)
            for task in ending:
                task.cancel()

    @classmethod
    @contextlib.asynccontextmanager
    async def serving(cls) -> AsyncIterator[Self]:
        """A gateway for the time of the block."""
        gateway = cls()
        await gateway.start()
        try:
            yield gateway
        finally:
            await gateway.stop()


def _answer(status: int, reason: str) -> Response:
    phrase = reason or HTTPStatus(status).phrase
    return Response(status, phrase, Headers({"Content-Length": "0", "Connection": "close"}), b"")
