"""F9: a gateway without a descriptor left goes on with what it has, quietly, and takes new ones when it can again."""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.certificates import Authority
from tests.support.gateway_processes import gateway_process
from tests.support.processes import LOOPBACK
from tests.support.raw_stream import RawStream
from tests.support.waiting import until

DESCRIPTORS = 256
CALLERS = 400
WATCHED_S = 2.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the limits of another process: Linux"),
]


@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "TLS"])
async def test_a_gateway_out_of_descriptors_relays_on_and_recovers(tmp_path: Path, is_secure: bool):
    """With TLS it accepts by itself, and has to meet this by itself."""
    clock = asyncio.get_running_loop().time
    authority = Authority(tmp_path / "ca")
    arguments = authority.issue("localhost").arguments if is_secure else ()
    tls = authority.client() if is_secure else None
    async with gateway_process(tmp_path / "data", *arguments, tls=tls) as gateway:
        await gateway.create("hc")
        listener = await gateway.listen("hc")
        sender, far = await gateway.pair(listener)
        _, hard = resource.prlimit(gateway.child.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(gateway.child.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))

        callers = [await RawStream.open(LOOPBACK, gateway.port) for _ in range(CALLERS)]
        process = psutil.Process(gateway.child.pid)
        await until(lambda: process.num_fds() >= DESCRIPTORS - 10, "every descriptor is in use")
        lines = len(gateway.child.lines)
        cpu_before, began = sum(process.cpu_times()[:2]), clock()
        await until(lambda: clock() - began >= WATCHED_S, "a while has passed")
        cpu = sum(process.cpu_times()[:2]) - cpu_before
        assert cpu <= 0.5 * WATCHED_S, "it spins"
        assert len(gateway.child.lines) - lines <= WATCHED_S + 1, gateway.child.tail
        await sender.send_text("still there?")
        assert (await far.read_message()).text == "still there?"

        for caller in callers:
            await caller.close()
        began = clock()
        another = await gateway.pair(listener)
        assert clock() - began <= 2.0
        await another[0].send_text("and a new one")
        assert (await another[1].read_message()).text == "and a new one"
