"""Senders that do not read their answers: what waits for them is bounded, and in the end they are cut (B8, F8)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest

from gateway.front import HttpConnection
from tests.support.gateways import LOOPBACK, RunningGateway, running_gateway
from tests.support.raw_http import request_head
from tests.support.waiting import until

#: What no kernel in these tests can hold, and the gateway holds two of before it stops.
ANSWER = b"x" * 60_000

STALL_S = 0.3


class Cramped(HttpConnection):
    """A connection whose kernel holds next to nothing of what is written."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        super().connection_made(transport)


@pytest.fixture(autouse=True)
def cramped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.server.HttpConnection", Cramped)


class Unreading:
    """A sender that sends and never reads."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    async def send(self, target: str, *headers: tuple[str, str]) -> None:
        head = request_head("GET", target, [("Host", "h"), *headers])
        await asyncio.get_running_loop().sock_sendall(self._sock, head)


@contextlib.contextmanager
def unreading(relay: RunningGateway) -> Iterator[Unreading]:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        sock.connect((LOOPBACK, relay.gateway.port))
        sock.setblocking(False)
        yield Unreading(sock)


async def until_cut(relay: RunningGateway) -> None:
    await until(lambda: "connections" not in relay.left_behind(), "the connection is gone", within_s=5)


async def test_who_does_not_read_its_answers_is_asked_for_no_more_requests_and_cut():
    async with running_gateway(write_stall_timeout_s=STALL_S) as relay:
        await relay.create("open", is_anonymous=True)
        listener = await relay.listen("open")
        with unreading(relay) as sender:
            asked = 0
            for _ in range(10):
                with contextlib.suppress(ConnectionError):
                    await sender.send("/open")
                try:
                    async with asyncio.timeout(STALL_S * 3):
                        request = await listener.expect("request")
                except TimeoutError:
                    break
                asked += 1
                await listener.answer(request, 200, ANSWER)
            assert 1 < asked < 5
            await until_cut(relay)


async def test_a_stranger_that_does_not_read_its_refusals_is_cut():
    async with running_gateway(http_idle_timeout_s=STALL_S) as relay:
        await relay.create("hc")
        with unreading(relay) as stranger:
            for _ in range(10):
                await stranger.send("/hc/" + "a" * 8_000)
            await until(lambda: "connections" in relay.left_behind(), "the connection is there")
            await until_cut(relay)


@pytest.mark.parametrize("how", ["closed by its own wish", "closed because it is idle"])
async def test_a_connection_that_is_closed_while_its_sender_does_not_read_is_cut(how: str):
    async with running_gateway(write_stall_timeout_s=STALL_S, http_idle_timeout_s=STALL_S) as relay:
        await relay.create("open", is_anonymous=True)
        listener = await relay.listen("open")
        with unreading(relay) as sender:
            await sender.send("/open", *([("Connection", "close")] if "wish" in how else []))
            await listener.answer(await listener.expect("request"), 200, ANSWER)
            await until_cut(relay)
