"""relaydesk/ports/kinds.py, against servers of every kind."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from relaydesk.ports import PortKind, guess_kind
from relaydesk.ports.kinds import NEVER_ASKED
from tests.support.certificates import Authority
from tests.support.processes import free_port
from tests.support.waiting import until

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

#: A server that answers does so in no time, but this machine may be busy; one that is silent costs a test this much twice.
LIMIT_S = 2.0
SILENT_S = 0.1


class Server:
    """A TCP server that counts who comes, and keeps what they say."""

    def __init__(self, handle: Handler) -> None:
        self.came = 0
        self._handle = handle

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.came += 1
        try:
            await self._handle(reader, writer)
        except ConnectionError:
            pass  # who asks does not stay
        finally:
            writer.transport.abort()


@asynccontextmanager
async def serving(
    handle: Handler, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[tuple[int, Server]]:
    counted = Server(handle)
    server = await asyncio.start_server(counted, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1], counted
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    files = Authority(tmp_path / "ca").issue("localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    return context


def answers(text: bytes) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(text)
        await writer.drain()

    return handle


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)


async def ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    own: socket.socket = writer.get_extra_info("socket")
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


@pytest.mark.parametrize("status", [b"200", b"204", b"301", b"401", b"404", b"405", b"500", b"400"])
async def test_whatever_it_answers_in_http_it_is_web(status: bytes):
    async with serving(answers(b"HTTP/1.1 " + status + b" \r\n\r\n")) as (port, server):
        assert await guess_kind("127.0.0.1", port, limit_s=LIMIT_S) is PortKind.WEB
        assert server.came == (2 if status == b"400" else 1)


@pytest.mark.parametrize("context", [False, True], ids=["plain", "tls"])
async def test_a_real_web_server(context: bool, tls: ssl.SSLContext):
    asked: list[tuple[str, str, str]] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append((request.method, request.path, request.headers["Host"]))
        return web.Response(text="x")

    application = web.Application()
    application.router.add_route("*", "/", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls if context else None)
        await site.start()
        port = runner.addresses[0][1]
        kind = await guess_kind("localhost", port, limit_s=LIMIT_S)
    finally:
        await runner.cleanup()
    assert kind is (PortKind.SECURE_WEB if context else PortKind.WEB)
    assert asked == [("HEAD", "/", f"127.0.0.1:{port}")]


async def test_a_server_of_https_that_explains_itself_in_plain_is_secure(tls: ssl.SSLContext):
    """nginx, Apache and Go answer a plain request on a TLS port with 400 in plain HTTP."""
    inner = answers(b"HTTP/1.1 200 OK\r\n\r\n")
    async with serving(inner, tls=tls) as (secure, _):

        async def explains(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            first = await reader.read(1_024)
            if first.startswith(b"HEAD"):
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
            through, back = await asyncio.open_connection("127.0.0.1", secure)
            try:
                back.write(first)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(copy(reader, back))
                    tasks.create_task(copy(through, writer))
            finally:
                back.transport.abort()

        async with serving(explains) as (port, _):
            assert await guess_kind("127.0.0.1", port, limit_s=LIMIT_S) is PortKind.SECURE_WEB


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()
    except ConnectionError:
        pass


async def test_one_that_agrees_on_http_in_the_hello_is_secure_and_hears_no_more(tls: ssl.SSLContext):
    tls.set_alpn_protocols(["h2", "http/1.1"])
    async with serving(silent, tls=tls) as (port, _):
        assert await guess_kind("127.0.0.1", port, limit_s=LIMIT_S) is PortKind.SECURE_WEB


async def test_tls_with_something_else_in_it_is_a_stream(tls: ssl.SSLContext):
    async with serving(answers(b"* OK IMAP4rev1 ready\r\n"), tls=tls) as (port, _):
        assert await guess_kind("127.0.0.1", port, limit_s=LIMIT_S) is PortKind.STREAM


@pytest.mark.parametrize(
    "handle",
    [ends, resets, floods, answers(b"SSH-2.0-x\r\n"), answers(b"HTTP/9"), answers(b"HTTP/1.1 abc\r\n")],
)
async def test_what_speaks_otherwise_is_a_stream(handle: Handler):
    async with serving(handle) as (port, _):
        assert await guess_kind("127.0.0.1", port, limit_s=LIMIT_S) is PortKind.STREAM


async def test_one_that_says_nothing_is_a_stream_within_both_limits():
    loop = asyncio.get_running_loop()
    async with serving(silent) as (port, server):
        before = loop.time()
        assert await guess_kind("127.0.0.1", port, limit_s=SILENT_S) is PortKind.STREAM
        assert loop.time() - before < 2 * SILENT_S + 1.0
        assert server.came == 2


async def test_where_nothing_listens_there_is_no_kind():
    port = free_port()
    assert await guess_kind("127.0.0.1", port) is None
    assert await guess_kind("localhost", port) is None


async def test_localhost_is_either_of_its_addresses():
    async with serving(answers(b"HTTP/1.1 200 OK\r\n\r\n"), host="::1") as (port, _):
        assert await guess_kind("localhost", port, limit_s=LIMIT_S) is PortKind.WEB
        assert await guess_kind("[::1]", port, limit_s=LIMIT_S) is PortKind.WEB
        assert await guess_kind("::1", port, limit_s=LIMIT_S) is PortKind.WEB


async def test_servers_that_punish_questions_are_not_asked(monkeypatch: pytest.MonkeyPatch):
    assert {22, 3306, 5432, 6379} <= NEVER_ASKED
    async with serving(answers(b"HTTP/1.1 200 OK\r\n\r\n")) as (port, server):
        monkeypatch.setattr("relaydesk.ports.kinds.NEVER_ASKED", frozenset({port}))
        assert await guess_kind("127.0.0.1", port) is PortKind.STREAM
        assert server.came == 0


async def test_cancelling_leaves_nothing_open():
    async with serving(silent) as (port, server):
        guess = asyncio.create_task(guess_kind("127.0.0.1", port, limit_s=LIMIT_S))
        await until(lambda: server.came)
        guess.cancel()
        await asyncio.wait([guess])
        assert guess.cancelled()
