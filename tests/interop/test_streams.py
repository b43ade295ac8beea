"""Byte streams between our agent and other people's WebSocket clients, at either end."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import pytest

from .cast import Cast
from .clients.bodies import pattern, sha256
from .hosting import HostedGateway, Relay
from .programs import Program

pytestmark = pytest.mark.timeout(400)

SENDERS = {
    "hyco-ws": lambda cast, relay: cast.node("hyco_ws", "sender", relay),
    "jetty": lambda cast, relay: cast.java("WebSocketSender", relay),
    "websockets": lambda cast, relay: cast.python("websockets_sender", relay),
}


@contextlib.contextmanager
def local_port(cast: Cast, relay: Relay) -> Iterator[int]:
    """Run our agent as a sender; gives the local port that leads to *relay*."""
    with cast.agent(relay, 'direction = "connect"\nlocal = "127.0.0.1:0"') as agent:
        found = re.search(r"127\.0\.0\.1:(\d+) leads to it", agent.last_said)
        assert found is not None
        yield int(found[1])


@pytest.mark.parametrize("count", [1, 65_537, 5_000_000])
def test_a_local_port_of_ours_leads_to_a_hyco_ws_listener(gateway: HostedGateway, cast: Cast, count: int):
    """The program half-closes; hyco-ws answers a close at once, after everything it has sent before."""
    relay = gateway.create("stream")
    with (
        cast.node("hyco_ws", "listener", relay) as listener,
        local_port(cast, relay) as port,
        cast.python("tcp_sender") as program,
    ):
        listener.event("listening")
        answer = program.ask(port=port, count=count)
        assert answer == {"bytes": count, "sha256": sha256(pattern(count)), "isComplete": True}
        assert listener.event("closed")["code"] == 1000


@pytest.fixture(params=SENDERS)
def sender_to_echo(request: pytest.FixtureRequest, gateway: HostedGateway, cast: Cast) -> Iterator[Program]:
    """Somebody else's sender; our agent listens, and leads to a TCP service."""
    relay = gateway.create("stream")
    with cast.echo_server_behind_agent(relay), SENDERS[request.param](cast, relay) as sender:
        yield sender


def test_messages_become_bytes_of_the_target(sender_to_echo: Program):
    """What comes back is a stream: the same bytes, cut anyhow, all of them binary."""
    counts = [1, 65_537, 3_000_000]
    messages = [{"type": "binary", "count": count} for count in counts]
    result = sender_to_echo.ask(messages=messages, close={"code": 1000, "reason": ""})
    whole = b"".join(map(pattern, counts))
    assert result["whole"] == {"type": "binary", "bytes": len(whole), "sha256": sha256(whole)}
    assert {message["type"] for message in result["received"]} == {"binary"}


@pytest.mark.parametrize("sender", SENDERS)
def test_a_dead_target_is_a_refusal_and_no_connection(gateway: HostedGateway, cast: Cast, sender: str):
    relay = gateway.create("stream")
    with cast.agent(relay, 'target = "127.0.0.1:1"'), SENDERS[sender](cast, relay) as program:
        refused = program.ask(messages=[], close={"code": 1000, "reason": ""})["refused"]
        assert refused["status"] == 502
        assert refused["reason"].endswith("The listener cannot reach its target")  # Jetty says more before it
