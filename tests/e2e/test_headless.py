"""``python -m agent`` as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.agents import connection_string
from tests.support.gateways import running_gateway
from tests.support.raw_stream import STEP_S, End, RawStream
from tests.support.targets import tcp_target, unused_port

ROOT = Path(__file__).parents[2]


class Program:
    """The agent's process and what it logs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log = ""

    async def until_logged(self, text: str) -> None:
        """Read the log until *text* is in it."""
        assert self.process.stderr is not None
        async with asyncio.timeout(STEP_S):
            while text not in self.log:
                line = await self.process.stderr.readline()
                assert line, self.log
                self.log += line.decode()

    async def end(self) -> int:
        """Read the rest of the log and give the exit code."""
        assert self.process.stderr is not None
        async with asyncio.timeout(STEP_S):
            self.log += (await self.process.stderr.read()).decode()
            return await self.process.wait()


@contextlib.asynccontextmanager
async def agent_process(config: Path, *arguments: str) -> AsyncIterator[Program]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agent",
        "--config",
        str(config),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.slow
async def test_agent_relays_and_stops_on_a_signal(tmp_path: Path):
    async with running_gateway() as gateway, tcp_target() as target:
        await gateway.create("hc")
        key = tmp_path / "hc.key"
        key.write_text(connection_string(gateway, "hc"))
        key.chmod(0o600)
        port = await unused_port()
        config = tmp_path / "agent.toml"
        config.write_text(
            f'[[connections]]\ntarget = "{target.address}"\ncredential = {{ file = "hc.key" }}\n'
            f'[[connections]]\ndirection = "connect"\nlocal = {port}\ncredential = {{ file = "hc.key" }}\n'
        )
        async with agent_process(config, "-v") as agent:
            await agent.until_logged("listening on")
            await agent.until_logged(f"127.0.0.1:{port} leads to it")
            program = await RawStream.open("127.0.0.1", port)
            service = await target.accept()
            data = os.urandom(4_000_000)
            program.write(data)
            program.half_close()
            assert await service.read_to_end() == (data, End.FIN)
            await service.send(b"thanks")
            assert await program.read_exactly(6) == b"thanks"
            agent.process.send_signal(signal.SIGTERM)
            assert await agent.end() == 0
            assert "stopped" in agent.log
            assert gateway.rule.primary_key not in agent.log
            assert "sig=" not in agent.log.replace("sig=…", "")
            await program.close()


async def test_wrong_settings_are_all_told_and_end_with_2(tmp_path: Path):
    config = tmp_path / "agent.toml"
    config.write_text('[[connections]]\ntarget = "a b"\ncolour = "red"\ncredential = { env = "X" }\n')
    async with agent_process(config) as agent:
        assert await agent.end() == 2
        assert f"{config}: connections[0].target: 'a b' is not a target" in agent.log
        assert f"{config}: connections[0].colour: unknown key" in agent.log


async def test_settings_without_connections_are_refused(tmp_path: Path):
    config = tmp_path / "agent.toml"
    config.write_text("")
    async with agent_process(config) as agent:
        assert await agent.end() == 2
        assert "none is configured" in agent.log
