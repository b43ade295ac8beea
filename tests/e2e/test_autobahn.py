"""The Autobahn cases at the agent's side, which is a client to the gateway and to a web server alike (B1).

kosoku is the web server behind the agent; a sender on the ``websockets`` library, which passes all cases but 7.1.5
when nothing stands between, sends back whatever comes through agent and gateway.

Source: reliability reference §2, row B1, and §5.
"""

from __future__ import annotations

import asyncio
import contextlib

import kosoku
import pytest
import websockets

from tests.gateway.test_autobahn import SECTIONS, failures
from tests.support.agents import listening, running_agent
from tests.support.gateways import running_gateway

#: Cases at one time.
AT_ONCE = 4

pytestmark = [
    pytest.mark.slow,
    # every second case breaks the protocol, and the agent says so
    pytest.mark.allow_log_warnings("is reached without TLS", "broke the WebSocket protocol"),
]


async def _send_back(url: str) -> None:
    """Connect as a sender and send back whatever is said, to the end; a cut connection is an end as well."""
    with contextlib.suppress(websockets.ConnectionClosed):
        async with websockets.connect(url, compression=None, max_size=None, ping_interval=None) as socket:
            async for message in socket:
                await socket.send(message)


async def test_the_cases_pass_at_a_web_server_behind_the_agent():
    async with (
        kosoku.run_fuzzingserver(cases=SECTIONS, host="127.0.0.1", port=0) as server,
        running_gateway() as gateway,
    ):
        await gateway.create("hc", is_anonymous=True)
        target = f"http://127.0.0.1:{server.port}"
        async with running_agent(listening(gateway, target)):
            url = f"ws://{gateway.host}/$hc/hc"
            async with websockets.connect(f"{url}/getCaseCount") as socket:
                count = int(await socket.recv())
            numbers = iter(range(1, count + 1))

            async def drive() -> None:
                for number in numbers:
                    await _send_back(f"{url}/runCase?case={number}&agent=relaydesk")

            async with asyncio.TaskGroup() as tasks:
                for _ in range(AT_ONCE):
                    tasks.create_task(drive())
            await _send_back(f"{url}/updateReports?agent=relaydesk")
            try:
                results = await server.get_result()
            except kosoku.FailureError as error:
                results = error.results
    assert len(results) == count > 240
    failed = failures(results)
    # justified in tests/gateway/test_autobahn.py: it is the sender's library that answers so
    assert failed.pop("7.1.5").endswith("1002")
    assert failed == {}
