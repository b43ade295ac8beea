"""Acceptance 4: a real Redis server, queried by its own clients through a local port, the gateway and an agent."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.agent_processes import AgentSettings, agent_process, exposing
from tests.support.gateway_processes import gateway_process
from tests.support.processes import LOOPBACK, Child, child, free_port, need_program, run

MIB = 1 << 20

#: One value; Redis takes up to 512 MiB.
VALUE_BYTES = 64 * MIB

#: What memory may grow by while values stream through (reliability reference L4, L5).
GROWTH_BYTES = 64 * MIB

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def _redis() -> AsyncIterator[int]:
    """A server without a disk; gives its port."""
    port = free_port()
    options = {"port": port, "bind": LOOPBACK, "save": "", "appendonly": "no", "daemonize": "no"}
    command = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    async with child("redis-server", need_program("redis-server"), *command) as server:
        await server.says("Ready to accept connections")
        yield port


@contextlib.asynccontextmanager
async def _relayed(folder: Path, port: int) -> AsyncIterator[tuple[int, list[Child]]]:
    """A local port that leads to *port* by way of a gateway and two agents; gives it and the three programs."""
    async with gateway_process(folder / "data") as gateway:
        await gateway.create("redis")
        settings = await AgentSettings(folder / "here", gateway).bring("redis")
        async with (
            exposing(folder / "there", gateway, {"redis": f"{LOOPBACK}:{port}"}) as there,
            agent_process(settings.write(), gateway.secrets) as here,
        ):
            yield await here.local_port("redis"), [gateway.child, there.child, here.child]


async def test_its_own_clients_work_through_the_relay(tmp_path: Path):
    cli, benchmark = need_program("redis-cli"), need_program("redis-benchmark")
    async with _redis() as port, _relayed(tmp_path, port) as (local, _):
        ask = (cli, "-p", str(local))
        assert await run(*ask, "SET", "greeting", "hello") == b"OK\n"
        assert await run(*ask, "GET", "greeting") == b"hello\n"
        assert b"redis_version:" in await run(*ask, "INFO", "server")
        said = await run(
            benchmark, "-p", str(local), "-n", "4000", "-c", "20", "-t", "set,get,lpush", "-d", "1000", "-q"
        )
        assert said.count(b"requests per second") == 3


@pytest.mark.stress
@pytest.mark.timeout(300)
async def test_large_values_stream_through_unchanged(tmp_path: Path, full_size: bool):
    cli = need_program("redis-cli")
    values = 16 if full_size else 2
    async with _redis() as port, _relayed(tmp_path, port) as (local, programs):
        ask = (cli, "-p", str(local))
        before = [program.rss_bytes for program in programs]
        for number in range(values):
            value = hashlib.shake_256(b"%d" % number).digest(MIB) * (VALUE_BYTES // MIB)
            assert await run(*ask, "-x", "SET", f"value-{number}", stdin=value) == b"OK\n"
            digest, size = await _digest_of(*ask, "--raw", "GET", f"value-{number}")
            assert size == VALUE_BYTES + 1
            assert digest == hashlib.sha256(value + b"\n").hexdigest(), (
                "the client adds a line end, and nothing else"
            )
            assert await run(*ask, "DEL", f"value-{number}") == b"1\n"
        for program, rss in zip(programs, before, strict=True):
            assert program.rss_bytes - rss < GROWTH_BYTES, program.name


async def _digest_of(*command: str) -> tuple[str, int]:
    """SHA-256 and size of what *command* writes, read as it comes."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    digest, size = hashlib.sha256(), 0
    while data := await process.stdout.read(MIB):
        digest.update(data)
        size += len(data)
    assert await process.wait() == 0
    return digest.hexdigest(), size
