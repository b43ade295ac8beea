"""Captured exchanges to be looked at."""

from __future__ import annotations

import json

from agent.captured import ExchangeKind, Side
from agent.exchanges import Exchanges
from hyco.frames import Opcode, frame

from .captures import a_route, begun, ended
from .clocks import SteppedClock

PRODUCTS = json.dumps(
    {
        "page": 1,
        "products": [
            {"id": 7, "name": "Sofa “Lund”", "price": 899.0, "tags": ["living", "grey"]},
            {"id": 9, "name": "Lamp", "price": 49.5, "tags": []},
        ],
        "next": "/products?page=2",
    }
).encode()

_JSON = ("Content-Type", "application/json; charset=utf-8")
_BROWSER = (
    ("Host", "relay.test"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"),
    ("Accept", "application/json"),
    ("Authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2VjcmV0"),
    ("Cookie", "session=5e551on; theme=dark"),
)


def fill(exchanges: Exchanges, clock: SteppedClock) -> None:
    """A minute of a shop's page: what went well, what failed, a replay, a WebSocket, a note and a pin."""
    shop = a_route("http://127.0.0.1:3000", "Storefront")

    def step(seconds: float) -> None:
        clock.advance(seconds)

    for path, status, size, took in (
        ("/storefront/", 200, 4_812, 0.021),
        ("/storefront/style.css", 304, 0, 0.004),
        ("/storefront/logo.png", 200, 18_400, 0.008),
        ("/storefront/cart", 401, 31, 0.012),
        ("/storefront/missing.js", 404, 22, 0.003),
    ):
        one = begun(exchanges, "GET", path, _BROWSER, route=shop)
        one.request_ended()
        one.asked()
        step(took)
        one.answered(status, "", (("Content-Type", "text/html"),))
        one.response_piece(b"x" * size)
        one.response_ended()
        step(took / 4)
        one.ended(None)
        step(3)
    one = begun(exchanges, "GET", "/storefront/products?page=1&token=abc123", _BROWSER, route=shop)
    one.request_ended()
    step(0.001)
    one.asked()
    step(0.002)
    one.connected()
    step(0.038)
    one.answered(200, "OK", (_JSON, ("Cache-Control", "no-store"), ("Set-Cookie", "seen=1; Path=/")))
    one.response_piece(PRODUCTS)
    one.response_ended()
    step(0.006)
    one.ended(None)
    exchanges.annotate(one.id, "the list of the front page")
    exchanges.pin(one.id, is_pinned=True)
    step(5)
    failed = ended(
        exchanges,
        "POST",
        "/storefront/orders",
        (*_BROWSER, _JSON),
        b'{"product": 7, "count": 1}',
        status=502,
        reason="The listener cannot reach its target",
        response=b"The listener cannot reach its target\n",
        route=shop,
        error="The listener cannot reach its target: connection refused",
    )
    step(2)
    again = begun(
        exchanges, "POST", "/storefront/orders", (*_BROWSER, _JSON), route=shop, replay_of=failed.id
    )
    again.request_piece(b'{"product": 7, "count": 1}')
    again.request_ended()
    again.asked()
    step(0.09)
    again.answered(201, "Created", (_JSON, ("Location", "/orders/31")))
    again.response_piece(b'{"order": 31}')
    again.response_ended()
    step(0.002)
    again.ended(None)
    step(1)
    chat = begun(exchanges, "GET", "/storefront/chat", _BROWSER, route=shop, kind=ExchangeKind.WEBSOCKET)
    chat.asked()
    chat.answered(101, "Switching Protocols", (("Sec-WebSocket-Protocol", "chat"),))
    for side, text in (
        (Side.SENDER, '{"say": "Is the sofa in stock?"}'),
        (Side.TARGET, '{"say": "Yes, three of them."}'),
        (Side.SENDER, '{"say": "Thanks!"}'),
    ):
        chat.frames(side, memoryview(frame(Opcode.TEXT, text.encode())), True)
        step(2)
    chat.frames(Side.TARGET, memoryview(frame(Opcode.BINARY, bytes(range(40)))), True)
    slow = begun(exchanges, "GET", "/storefront/report.csv", _BROWSER, route=shop)
    slow.request_ended()
    slow.asked()
