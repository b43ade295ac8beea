"""The bundled gateway as a child; that it ends with a killed parent is tested end to end."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import psutil
import pytest

from gateway.data_folder import DataFolder
from relaydesk.local_gateway import LOOPBACK, LocalGatewayError, free_port, running_gateway
from tests.support.raw_http import RawHttp
from tests.support.raw_stream import RawStream

pytestmark = pytest.mark.slow


async def test_it_serves_as_long_as_the_block_lasts(tmp_path: Path):
    async with running_gateway(tmp_path / "data", port=0) as ready:
        host, _, port = ready.url.removeprefix("http://").rpartition(":")
        stream = await RawStream.open(host, int(port))
        answer = await RawHttp(stream, host).request("GET", "/nobody")
        await stream.close()
        assert answer.status in (401, 404)
        noted = DataFolder(tmp_path / "data").running_admin_address()
        assert ready.admin == f"http://{noted}"
        child = psutil.Process(ready.pid)
        assert child.is_running()
        with pytest.raises(LocalGatewayError) as caught:
            async with running_gateway(tmp_path / "data", port=0):
                pytest.fail("two gateways on one data folder")
        assert caught.value.exit_code == 2
    assert not child.is_running()


async def test_a_caller_that_is_cancelled_leaves_no_child(tmp_path: Path):
    before = {process.pid for process in psutil.Process().children()}
    started = asyncio.Event()

    async def serve() -> None:
        async with running_gateway(tmp_path / "data", port=0):
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(serve())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert {process.pid for process in psutil.Process().children()} <= before


def test_a_port_that_somebody_has_is_not_free():
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) == 0
    assert free_port(port) == port
