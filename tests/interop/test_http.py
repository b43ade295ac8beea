"""HTTP requests through our gateway: every listener with every sender, whoever wrote them.

Listeners: Microsoft's ``hyco-https``, a listener on Jetty (see ``clients/jetty``), and our agent in front of a web server.
Senders: ``hyco-https``, Java's own HTTP client, ``aiohttp``, and ours.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote

import pytest

from .cast import Cast
from .clients.bodies import pattern, sha256
from .hosting import HostedGateway, Relay
from .programs import Program

#: The first test of a run may have packages to fetch.
pytestmark = pytest.mark.timeout(400)

#: What fits on a control channel (65,536), what does not, and what takes a while.
SIZES = [0, 1, 65_536, 65_537, 5_000_000]

#: Status and reason phrase, which the relay hands on as they are (protocol reference §6.9).
ANSWERS = [
    (200, "OK"),
    (201, "Made it"),
    (302, "Over there"),
    (404, "Not in this house"),
    (418, "I'm a teapot"),
    (450, "!#$%&*+-.^_`~*|\"'(){}[]<>=/,:;@"),
    (502, "From the listener, not from the relay"),
    (504, "So is this one"),
]

Start = Callable[[Cast, Relay], AbstractContextManager[Program]]


@contextlib.contextmanager
def _hyco_https_listener(cast: Cast, relay: Relay) -> Iterator[Program]:
    with cast.node("hyco_https", "listener", relay) as program:
        program.event("listening")
        yield program


@contextlib.contextmanager
def _jetty_listener(cast: Cast, relay: Relay) -> Iterator[Program]:
    with cast.java("HttpListener", relay) as program:
        program.event("listening")
        yield program


LISTENERS: dict[str, Start] = {
    "hyco-https": _hyco_https_listener,
    "jetty": _jetty_listener,
    "agent": lambda cast, relay: cast.web_server_behind_agent(relay),
}
SENDERS: dict[str, Start] = {
    "hyco-https": lambda cast, relay: cast.node("hyco_https", "sender", relay),
    "java": lambda cast, relay: cast.java("HttpSender", relay),
    "aiohttp": lambda cast, relay: cast.python("aiohttp_sender", relay),
    "relaydesk": lambda cast, relay: cast.python("relaydesk_sender", relay),
}


class Exchange:
    """A listener and a sender, joined by a hybrid connection of their own."""

    def __init__(self, sender: Program, listener_kind: str) -> None:
        self.listener_kind = listener_kind
        self._sender = sender

    def send(self, *requests: dict[str, Any]) -> list[dict[str, Any]]:
        """Have *requests* sent, all at once; gives what came back for each."""
        responses: list[dict[str, Any]] = self._sender.ask(requests=requests)["responses"]
        for response in responses:
            assert "error" not in response, response
            assert response["isComplete"]
        return responses

    def one(self, method: str, target: str, **members: object) -> dict[str, Any]:
        """Have one request sent."""
        return self.send({"method": method, "target": target, **members})[0]


@pytest.fixture(scope="module", params=LISTENERS)
def listening(
    request: pytest.FixtureRequest, the_gateway: HostedGateway, cast: Cast
) -> Iterator[tuple[str, Relay]]:
    """A running listener: its kind, and what it listens on."""
    relay = the_gateway.create("web")
    with LISTENERS[request.param](cast, relay):
        yield request.param, relay


@pytest.fixture(scope="module", params=SENDERS)
def _exchange(request: pytest.FixtureRequest, listening: tuple[str, Relay], cast: Cast) -> Iterator[Exchange]:
    kind, relay = listening
    with SENDERS[request.param](cast, relay) as sender:
        yield Exchange(sender, kind)


@pytest.fixture
def exchange(_exchange: Exchange, gateway: HostedGateway) -> Exchange:
    """Every listener with every sender; and the gateway has nothing to complain about."""
    return _exchange


def test_a_request_arrives_as_it_was_sent_but_for_the_token(exchange: Exchange):
    response = exchange.one("GET", "/seen?b=2&a=1&&c=%2f%3a", headers={"X-Custom": 'a; b="c", d'})
    seen = json.loads(response["text"])
    assert response["status"] == 200
    assert response["headers"]["via"] == "1.1 contoso.relay.test"
    assert seen["method"] == "GET"
    assert seen["target"].endswith("/seen?b=2&a=1&&c=%2f%3a")
    assert seen["headers"]["x-custom"] == 'a; b="c", d'
    assert seen["headers"]["via"] == "1.1 contoso.relay.test"
    assert "servicebusauthorization" not in seen["headers"]
    assert "SharedAccessSignature" not in response["text"]


@pytest.mark.parametrize("size", SIZES)
def test_a_body_comes_back_whole(exchange: Exchange, size: int):
    response = exchange.one("POST", "/echo", body=size, headers={"Content-Type": "application/x-test"})
    assert (response["status"], response["bytes"]) == (200, size)
    assert response["sha256"] == sha256(pattern(size))
    assert response["headers"]["x-method"] == "POST"
    assert response["headers"]["content-type"] == "application/x-test"


@pytest.mark.parametrize("size", [5, 65_536, 300_000])
def test_a_body_of_unknown_length_comes_back_whole(exchange: Exchange, size: int):
    response = exchange.one("POST", "/echo", body=size, isChunked=True)
    assert (response["status"], response["bytes"]) == (200, size)
    assert response["sha256"] == sha256(pattern(size))


@pytest.mark.parametrize("size", SIZES[1:])
def test_a_request_without_a_body_gets_an_answer_of_any_size(exchange: Exchange, size: int):
    response = exchange.one("GET", f"/large?bytes={size}")
    assert (response["status"], response["bytes"]) == (200, size)
    assert response["sha256"] == sha256(pattern(size))


def test_the_first_piece_of_an_answer_arrives_before_the_last_is_sent(exchange: Exchange):
    """The listener keeps the last piece until /release is asked for, which the sender does on seeing the first."""
    response = exchange.one("GET", "/stream", onFirstPiece="/release")
    whole = pattern(100_000) + b"the last piece"
    assert (response["status"], response["bytes"]) == (200, len(whole))
    assert response["sha256"] == sha256(whole)


def test_ten_requests_at_once_each_get_their_own_answer(exchange: Exchange):
    small = [{"method": "POST", "target": "/echo", "body": 1_000 + index} for index in range(6)]
    large = [{"method": "POST", "target": "/echo", "body": 100_000 + index} for index in range(2)]
    answers = [{"method": "GET", "target": f"/large?bytes={200_000 + index}"} for index in range(2)]
    responses = exchange.send(*small, *large, *answers)
    sizes = [*(1_000 + index for index in range(6)), 100_000, 100_001, 200_000, 200_001]
    assert [response["bytes"] for response in responses] == sizes
    assert [response["sha256"] for response in responses] == [sha256(pattern(size)) for size in sizes]


@pytest.mark.parametrize(("status", "reason"), ANSWERS)
def test_status_and_reason_are_the_listeners_own(exchange: Exchange, status: int, reason: str):
    response = exchange.one("GET", f"/status?code={status}&reason={quote(reason, safe='')}")
    assert (response["status"], response["reason"]) == (status, reason)
    assert response["headers"]["x-answer"] == "given"
    assert response["headers"]["via"] == "1.1 contoso.relay.test"
    assert response["text"] == "as you wish"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS"])
def test_other_methods_pass(exchange: Exchange, method: str):
    assert exchange.one(method, "/echo")["headers"]["x-method"] == method


def test_head_and_204_have_no_body(exchange: Exchange):
    head = exchange.one("HEAD", "/echo")
    assert (head["status"], head["bytes"]) == (200, 0)
    assert head["headers"]["x-method"] == "HEAD"
    nothing = exchange.one("GET", "/nothing")
    assert (nothing["status"], nothing["reason"], nothing["bytes"]) == (204, "Nothing to say", 0)
    assert exchange.one("POST", "/echo", body=3)["bytes"] == 3
