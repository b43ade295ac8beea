"""The bundled gateway as a child; that it ends with a killed parent is tested end to end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path

import psutil
import pytest

from gateway.config import DEFAULT_PORT
from gateway.data_folder import DataFolder
from relaydesk.local_gateway.child import LOOPBACK, running_gateway
from relaydesk.local_gateway.errors import LocalGatewayError
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


async def test_the_usual_port_is_taken_unless_somebody_has_it(tmp_path: Path):
    """Links stay the same from day to day, and a second user of the computer gets a gateway all the same."""
    with socket.socket() as taken:
        # whoever else has it by now, another run of these tests among them, serves as well
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            taken.bind((LOOPBACK, DEFAULT_PORT))
            taken.listen()
        async with running_gateway(tmp_path / "data") as ready:
            assert not ready.url.endswith(f":{DEFAULT_PORT}")
            with pytest.raises(LocalGatewayError):
                async with running_gateway(tmp_path / "other", port=int(ready.url.rpartition(":")[2])):
                    pytest.fail("two gateways on one port")


async def test_it_comes_back_where_it_was(tmp_path: Path):
    """A gateway that had to take another port gave out links with that; after a restart they must still lead to it."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            taken.bind((LOOPBACK, DEFAULT_PORT))
            taken.listen()
        async with running_gateway(tmp_path / "data") as ready:
            url = ready.url
    async with running_gateway(tmp_path / "data") as ready:
        assert ready.url == url


async def test_what_it_says_is_heard_and_the_cause_told(tmp_path: Path):
    """A window has no standard error that anybody reads."""
    heard: list[str] = []
    async with running_gateway(tmp_path / "data", port=0, on_line=heard.append):
        with pytest.raises(LocalGatewayError, match="did not start: another gateway"):
            async with running_gateway(tmp_path / "data", port=0, on_line=heard.append):
                pytest.fail("two gateways on one data folder")
    assert any("another gateway" in line for line in heard)


async def test_for_the_network_it_speaks_tls_under_the_name_that_others_use(tmp_path: Path):
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = probe.getsockname()[1]
    async with running_gateway(tmp_path / "data", port=port, network_host="relay.test") as ready:
        assert ready.url == f"https://relay.test:{port}"
        assert ready.ca is not None
        stream = await RawStream.open(
            LOOPBACK, port, tls=ssl.create_default_context(cafile=ready.ca), name="relay.test"
        )
        answer = await RawHttp(stream, "relay.test").request("GET", "/nobody")
        await stream.close()
        assert answer.status in (401, 404)
