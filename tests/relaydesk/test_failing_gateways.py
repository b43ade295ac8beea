"""The window while gateways are down, silent, slow or talk nonsense (reliability D4)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from tests.support.driven_desktops import Home, driven_desktop
from tests.support.processes import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

LOOPBACK = "127.0.0.1"

#: Each for the whole of one look at the timer, and together.
GATEWAYS = ("refuses", "takes none", "says nothing", "says nonsense", "never ends", "resets")


@contextlib.asynccontextmanager
async def failing_gateways() -> AsyncIterator[dict[str, int]]:
    """A port for each way to fail."""
    flood = b"HTTP/1.1 101 Switching Protocols\r\n" + b"X-Filling: " + b"x" * 60_000 + b"\r\n"

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    async def nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(range(256)) * 200)
        writer.close()

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            for _number in range(2_000):
                writer.write(flood)
                await writer.drain()
        writer.close()

    async def resetting(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with contextlib.AsyncExitStack() as stack:
        full = socket.create_server((LOOPBACK, 0), backlog=0)
        stack.callback(full.close)
        ports = {"refuses": free_port(), "takes none": full.getsockname()[1]}
        for number in range(3):  # its queue is full: who comes next waits
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex((LOOPBACK, ports["takes none"]))
            stack.callback(waiting.close)
            assert number < 3
        for name, handler in (
            ("says nothing", silent),
            ("says nonsense", nonsense),
            ("never ends", endless),
            ("resets", resetting),
        ):
            server = await asyncio.start_server(handler, LOOPBACK, 0)
            stack.callback(server.close)
            ports[name] = server.sockets[0].getsockname()[1]
        yield ports


def share_through(home: Home, ports: dict[str, int]) -> None:
    """Settings with a share through each of them; the keys are in files, as the headless agent has them."""
    home.config.mkdir(parents=True, exist_ok=True)
    tables = []
    for name, port in ports.items():
        key = home.config / f"{port}.key"
        key.write_text(
            f"Endpoint=sb://{LOOPBACK}:{port}/;SharedAccessKeyName=r;SharedAccessKey=a2V5;EntityPath=hc;"
            "UseDevelopmentEmulator=true"
        )
        key.chmod(0o600)
        tables.append(
            f'[[connections]]\nname = "{name}"\ntarget = "{port}"\ncredential = {{ file = "{key}" }}\n'
        )
    (home.config / "agent.toml").write_text("\n".join(tables))


async def test_the_window_goes_on_while_every_gateway_fails(tmp_path_factory: pytest.TempPathFactory):
    home = Home.below(tmp_path_factory.mktemp("rd"))
    async with driven_desktop(home) as desktop:
        quiet = await desktop.ask("ticks", seconds=2.0)
    async with failing_gateways() as ports:
        share_through(home, ports)
        async with driven_desktop(home) as desktop:
            assert (await desktop.ask("window"))["visible"]
            looks = [await desktop.ask("ticks", seconds=2.0) for _ in range(3)]
            # what such a machine does to a window without any gateway is no fault of ours
            longest = min(look["longest_ms"] for look in looks)
            assert longest < 100 + 3 * quiet["longest_ms"], (looks, quiet)
            now = await desktop.until(
                lambda now: (
                    set(now["services"]) == set(GATEWAYS)
                    and all(one["problem"] for name, one in now["services"].items() if name in FAST)
                ),
                "each of them says why",
            )
            for name in FAST:
                assert now["services"][name]["problem"][0] in ("GATEWAY_UNREACHABLE", "CHANNEL_LOST")
                assert now["services"][name]["state"] in ("WAITING", "CONNECTING")
            assert all(one["state"] != "ONLINE" for one in now["services"].values())


#: Those that fail at once; the others when their deadline has passed.
FAST = ("refuses", "says nonsense", "never ends", "resets")
