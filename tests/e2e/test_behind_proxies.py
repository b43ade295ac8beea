"""Acceptance 6: behind nginx and behind HAProxy, which end TLS: relaying, addresses and sender addresses are right.

The proxies run the samples of packaging/, with ports and files of the test.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from aiohttp import web

from tests.support.agent_processes import exposing
from tests.support.certificates import Authority
from tests.support.gateway_processes import GatewayProcess, gateway_process
from tests.support.gateways import GatewayClients
from tests.support.nginx import nginx
from tests.support.processes import LOOPBACK, ROOT, child, free_port, need_program
from tests.support.raw_http import chunk
from tests.support.raw_relay import Dial
from tests.support.services import echo, service
from tests.support.targets import web_target
from tests.support.waiting import until

#: Where senders come from, so that they are not taken for the proxy.
SENDER = "127.0.0.2"

LONG_BYTES = 300_000

pytestmark = pytest.mark.slow


@dataclass
class _Site:
    """A gateway behind a proxy.

    Attributes:
        gateway: The program, for its admin API.
        outside: Its clients, who reach it by the proxy.
        origin: What stands before the path of every address that it gives.
        authority: Who made the proxy's certificate.
    """

    gateway: GatewayProcess
    outside: GatewayClients
    origin: str
    authority: Authority


def _sample(name: str, replaced: dict[str, str]) -> str:
    text = (ROOT / "packaging" / name).read_text()
    for old, new in replaced.items():
        assert old in text, f"{name} has no {old}"
        text = text.replace(old, new)
    return text


@contextlib.asynccontextmanager
async def _nginx(folder: Path, port: int, gateway_port: int, authority: Authority) -> AsyncIterator[None]:
    files = authority.issue("localhost")
    replaced = {
        "listen 443": f"listen {LOOPBACK}:{port}",
        "127.0.0.1:9400": f"{LOOPBACK}:{gateway_port}",
        "/etc/ssl/relay.example.org.pem": str(files.certificate),
        "/etc/ssl/relay.example.org.key": str(files.key),
        "relay.example.org": "localhost",
        "worker_processes auto": "worker_processes 1",
    }
    async with nginx(folder, _sample("nginx.conf.sample", replaced)):
        yield


@contextlib.asynccontextmanager
async def _haproxy(folder: Path, port: int, gateway_port: int, authority: Authority) -> AsyncIterator[None]:
    program = need_program("haproxy")
    both, configuration = _haproxy_files(folder, port, gateway_port, authority)
    async with child("haproxy", program, "-db", "-V", "-f", configuration) as server:
        await until(lambda: server.is_running and _has_port(server.pid, port), "haproxy listens")
        yield
    assert both.exists()


def _haproxy_files(folder: Path, port: int, gateway_port: int, authority: Authority) -> tuple[Path, Path]:
    files = authority.issue("localhost")
    folder.mkdir()
    both = folder / "both.pem"
    both.touch(mode=0o600)
    both.write_text(files.certificate.read_text() + files.key.read_text())
    replaced = {
        "bind :443": f"bind {LOOPBACK}:{port}",
        "127.0.0.1:9400": f"{LOOPBACK}:{gateway_port}",
        "/etc/ssl/relay.example.org.pem": str(both),
        "maxconn 20000": "maxconn 500",
    }
    configuration = folder / "haproxy.cfg"
    configuration.write_text(_sample("haproxy.cfg.sample", replaced))
    return both, configuration


def _has_port(pid: int, port: int) -> bool:
    return any(found.laddr.port == port for found in psutil.Process(pid).net_connections("tcp"))


@pytest.fixture(params=[_nginx, _haproxy], ids=["nginx", "haproxy"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[_Site]:
    port = free_port()
    authority = Authority(tmp_path / "ca")
    origin = f"https://localhost:{port}"
    arguments = ("--public-url", origin, "--trusted-proxy", f"{LOOPBACK}/32")
    async with (
        gateway_process(tmp_path / "data", *arguments) as gateway,
        request.param(tmp_path / "proxy", port, gateway.port, authority),
    ):
        dial = Dial(LOOPBACK, port, tls=authority.client(), name="localhost", source=SENDER)
        outside = GatewayClients(dial, f"localhost:{port}", gateway.rule)
        try:
            yield _Site(gateway, outside, origin, authority)
        finally:
            await dial.close()


async def test_addresses_are_those_of_the_proxy_and_senders_those_of_the_senders(site: _Site):
    await site.gateway.create("hc")
    assert f"sb://{site.origin.removeprefix('https://')}/" in await site.gateway.connection_string("hc")
    listener = await site.outside.listen("hc")
    forged = [("X-Forwarded-For", "192.0.2.66"), ("X-Forwarded-Proto", "http")]

    waiting = await site.outside.connecting("hc", headers=forged)
    accept = await listener.expect("accept")
    assert accept.address.startswith(site.origin.replace("https", "wss") + "/$hc/hc?")
    assert accept.fields["remoteEndpoint"]["address"] == SENDER
    far = await listener.rendezvous(accept.address)
    sender = await waiting.answer()
    await sender.send_text("there")
    assert (await far.read_message()).text == "there"
    await far.send_close(4001, "enough")
    close = await sender.read_close()
    assert (close.code, close.reason) == (4001, "enough")
    await sender.send_close(4001)

    http = await site.outside.http()
    await http.send("GET", "/hc/a%20b//c?d=%2F", [*site.outside.authorization("hc"), *forged])
    request = await listener.expect("request")
    assert request.fields["remoteEndpoint"]["address"] == SENDER
    assert request.fields["requestTarget"] == "/hc/a b//c?d=%2F"
    assert request.address.startswith(site.origin.replace("https", "wss") + "/$hc/hc")
    await listener.answer(request, 418, b"short and stout", reason="I am a teapot")
    response = await http.read_response()
    assert (response.status, response.reason, response.body) == (418, "I am a teapot", b"short and stout")
    await listener.disconnect()


async def test_an_agent_and_its_targets_are_reached_through_the_proxy(site: _Site, tmp_path: Path):
    seen: list[str] = []
    may_go_on = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers["X-Forwarded-For"])
        if request.path == "/events":
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            await response.write(b"data: first\n\n")
            await may_go_on.wait()
            await response.write(b"data: second\n\n")
            return response
        return web.Response(body=await request.read())

    for path in ("site", "stream"):
        await site.gateway.create(path)
    async with (
        web_target(answer) as web_server,
        service(echo) as echoes,
        exposing(
            tmp_path / "agent",
            site.gateway,
            {"site": f"http://{web_server}", "stream": echoes},
            ca_file=site.authority.certificate,
        ),
    ):
        proof = list(site.outside.authorization("site"))
        http = await site.outside.http()
        await http.send("GET", "/site/events", proof)
        head = await http.read_head()
        assert head.status == 200
        assert await http.read_chunk() == b"data: first\n\n", "before the second one is written"
        may_go_on.set()
        assert await http.read_chunk() == b"data: second\n\n"
        assert await http.read_chunk() == b""

        body = bytes(range(250)) * (LONG_BYTES // 250)
        assert (await http.request("POST", "/site/long", proof, body)).body == body
        await http.send_head("POST", "/site/chunked", [*proof, ("Transfer-Encoding", "chunked")])
        for start in range(0, LONG_BYTES, 50_000):
            await http.stream.send(chunk(body[start : start + 50_000]))
        await http.stream.send(chunk(b""))
        assert (await http.read_response("POST")).body == body
        assert [hops.split(",")[0].strip() for hops in seen] == [SENDER] * 3

        sender = await (await site.outside.connecting("stream")).answer()
        await sender.send_binary(body)
        back = bytearray()
        while len(back) < len(body):
            back += (await sender.read_message()).data
        assert back == body
        await sender.close()
