"""Relayed WebSockets through our gateway: every listener with every sender, whoever wrote them.

Listeners: Microsoft's ``hyco-ws``, a listener on Jetty (see ``clients/jetty``), and our agent in front of a web server's
WebSocket endpoint. Senders: ``hyco-ws``, one on Jetty, and the ``websockets`` library.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from .cast import Cast
from .clients.bodies import pattern, sha256, text
from .hosting import HostedGateway, Relay
from .programs import Program

#: The first test of a run may have packages to fetch.
pytestmark = pytest.mark.timeout(400)

#: Each length form of a frame's header, and more than one read of anybody's.
SIZES = [0, 1, 125, 126, 65_535, 65_536, 1_000_000]

OFFERED = ["first.relay.test", "second.relay.test"]

Start = Callable[[Cast, Relay], AbstractContextManager[Program]]


@contextlib.contextmanager
def _hyco_ws_listener(cast: Cast, relay: Relay) -> Iterator[Program]:
    with cast.node("hyco_ws", "listener", relay) as program:
        program.event("listening")
        yield program


@contextlib.contextmanager
def _jetty_listener(cast: Cast, relay: Relay) -> Iterator[Program]:
    with cast.java("WebSocketListener", relay) as program:
        program.event("listening")
        yield program


LISTENERS: dict[str, Start] = {
    "hyco-ws": _hyco_ws_listener,
    "jetty": _jetty_listener,
    "agent": lambda cast, relay: cast.web_server_behind_agent(relay),
}
#: hyco-ws takes the first sub-protocol that is offered, Microsoft's Java SDK none at all; the web server behind our agent
#: knows only the second.
CHOSEN = {"hyco-ws": "first.relay.test", "jetty": None, "agent": "second.relay.test"}

SENDERS: dict[str, Start] = {
    "hyco-ws": lambda cast, relay: cast.node("hyco_ws", "sender", relay),
    "jetty": lambda cast, relay: cast.java("WebSocketSender", relay),
    "websockets": lambda cast, relay: cast.python("websockets_sender", relay),
}


class Exchange:
    """A listener and a sender, joined by a hybrid connection of their own."""

    def __init__(self, sender: Program, sender_kind: str, listener: Program, listener_kind: str) -> None:
        self.listener = listener
        self.listener_kind = listener_kind
        self.sender_kind = sender_kind
        self._sender = sender

    def open(self, **members: object) -> dict[str, Any]:
        """Have a relayed WebSocket opened, used and closed; gives how it went for the sender."""
        result = self._sender.ask(**members)
        assert "error" not in result, result
        return result

    def echo(self, *messages: dict[str, Any], **members: object) -> dict[str, Any]:
        """The same, closed by the sender with 1000 once everything has come back."""
        return self.open(messages=messages, close={"code": 1000, "reason": ""}, **members)


@pytest.fixture(scope="module", params=LISTENERS)
def listening(
    request: pytest.FixtureRequest, the_gateway: HostedGateway, cast: Cast
) -> Iterator[tuple[str, Program, Relay]]:
    """A running listener: its kind, itself, and what it listens on."""
    relay = the_gateway.create("ws")
    with LISTENERS[request.param](cast, relay) as listener:
        yield request.param, listener, relay


@pytest.fixture(scope="module", params=SENDERS)
def _exchange(
    request: pytest.FixtureRequest, listening: tuple[str, Program, Relay], cast: Cast
) -> Iterator[Exchange]:
    kind, listener, relay = listening
    with SENDERS[request.param](cast, relay) as sender:
        yield Exchange(sender, request.param, listener, kind)


@pytest.fixture
def exchange(_exchange: Exchange, gateway: HostedGateway) -> Iterator[Exchange]:
    """Every listener with every sender; and the gateway has nothing to complain about."""
    yield _exchange
    _exchange.listener.forget()


@pytest.mark.parametrize("count", SIZES)
def test_binary_comes_back(exchange: Exchange, count: int):
    expected = {"type": "binary", "bytes": count, "sha256": sha256(pattern(count))}
    assert exchange.echo({"type": "binary", "count": count})["received"] == [expected]


@pytest.mark.parametrize("count", SIZES)
def test_text_comes_back(exchange: Exchange, count: int):
    data = text(count).encode()
    expected = {"type": "text", "bytes": len(data), "sha256": sha256(data)}
    assert exchange.echo({"type": "text", "count": count})["received"] == [expected]


def test_messages_keep_their_order_kind_and_boundaries(exchange: Exchange):
    kinds = [("text", 5), ("binary", 70_000), ("binary", 0), ("text", 70_000), ("binary", 1), ("text", 1)]
    received = exchange.echo(*({"type": kind, "count": count} for kind, count in kinds))["received"]
    assert [message["type"] for message in received] == [kind for kind, _ in kinds]
    wire = [text(count).encode() if kind == "text" else pattern(count) for kind, count in kinds]
    assert [message["sha256"] for message in received] == [sha256(data) for data in wire]


def test_without_an_offer_there_is_no_subprotocol(exchange: Exchange):
    assert exchange.echo()["protocol"] is None


def test_the_listener_chooses_the_subprotocol(exchange: Exchange):
    chosen = CHOSEN[exchange.listener_kind]
    if (
        chosen is None and exchange.sender_kind == "hyco-ws"
    ):  # whose ws insists on one once it has offered some
        with pytest.raises(AssertionError, match="server sent no subprotocol"):
            exchange.echo(protocols=OFFERED)
    else:
        assert exchange.echo(protocols=OFFERED)["protocol"] == chosen


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
def test_the_senders_close_reaches_the_listener(exchange: Exchange, code: int):
    """What the sender sees is the listener's answer, and aiohttp's server behind our agent says 1000 to everything."""
    result = exchange.open(close={"code": code, "reason": "no more to say"})
    assert result["close"]["code"] in {code, 1000}
    exchange.listener.event("closed", code=code)


@pytest.mark.parametrize("code", [1000, 1011, 3000, 4999])
def test_the_listeners_close_reaches_the_sender(exchange: Exchange, code: int):
    result = exchange.open(askFor=f"close {code} that is enough")
    assert result["close"] == {"code": code, "reason": "that is enough"}


@pytest.mark.parametrize("kind", SENDERS)
def test_a_listener_that_dies_is_no_clean_end(gateway: HostedGateway, cast: Cast, kind: str):
    relay = gateway.create("mortal")
    with _hyco_ws_listener(cast, relay) as listener, SENDERS[kind](cast, relay) as sender:
        sender.begin(askFor="tell")
        listener.event("told")
        listener.kill()
        assert sender.finish()["close"]["code"] == 1006


def test_a_path_beyond_the_name_is_the_listeners_too(exchange: Exchange):
    """Only our agent's web server minds paths: it has a WebSocket at its root alone."""
    result = exchange.echo({"type": "text", "count": 3}, suffix="/deeper")
    if exchange.listener_kind == "agent":
        assert result["refused"]["status"] == 404
    else:
        assert result["received"][0]["bytes"] == len(text(3).encode())
