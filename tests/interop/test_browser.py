"""A page in a browser, loaded through the relay, that talks through the relay.

A page cannot set headers of a WebSocket, so its token is in the address; and it may close with 1000 and 3000 to 4999 only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from .cast import Cast
from .clients.bodies import pattern, sha256, text
from .hosting import HostedGateway, Relay
from .programs import Program

pytestmark = pytest.mark.timeout(400)


class Page:
    """The page in the browser, and the hybrid connection that it came through and talks through."""

    def __init__(self, browser: Program, server: Program, relay: Relay) -> None:
        self.server = server
        self._browser = browser
        self._relay = relay
        self._token = quote(relay.token(), safe="")

    def url(self, target: str) -> str:
        """Give the address of *target* behind the relay, with the token in it."""
        return f"https://{self._relay.host}/{self._relay.path}{target}{'&' if '?' in target else '?'}sb-hc-token={self._token}"

    def load(self) -> dict[str, Any]:
        """Load the page."""
        return self._browser.ask(open=self.url("/page"))

    def request(self, target: str, **members: object) -> dict[str, Any]:
        """Have the page make a request."""
        return self._browser.ask(call="request", **{"with": {"address": self.url(target), **members}})

    def exchange(self, **members: object) -> dict[str, Any]:
        """Have the page open a WebSocket, use and close it."""
        address = (
            f"wss://{self._relay.host}/$hc/{self._relay.path}?sb-hc-action=connect&sb-hc-token={self._token}"
        )
        return self._browser.ask(call="exchange", **{"with": {"address": address, **members}})


@pytest.fixture(scope="module")
def loaded_page(the_gateway: HostedGateway, cast: Cast) -> Iterator[Page]:
    relay = the_gateway.create("page")
    with cast.web_server_behind_agent(relay) as server, cast.browser(relay) as browser:
        page = Page(browser, server, relay)
        page.load()
        yield page


@pytest.fixture
def page(loaded_page: Page, gateway: HostedGateway) -> Page:
    """The page; and the gateway has nothing to complain about."""
    return loaded_page


def test_a_page_comes_through_the_relay(page: Page):
    loaded = page.load()
    assert loaded["title"] == "A page that came through a relay"
    assert loaded["address"].startswith("https://contoso.relay.test/page-")


@pytest.mark.parametrize("count", [0, 1, 125, 126, 65_535, 65_536, 1_000_000])
def test_text_and_binary_come_back(page: Page, count: int):
    result = page.exchange(
        messages=[{"type": "text", "count": count}, {"type": "binary", "count": count}],
        close={"code": 1000, "reason": ""},
    )
    expected = [("text", text(count).encode()), ("binary", pattern(count))]
    assert result["received"] == [
        {"type": kind, "bytes": len(data), "sha256": sha256(data)} for kind, data in expected
    ]
    assert result["wasClean"]


def test_the_listener_chooses_the_subprotocol(page: Page):
    close = {"code": 1000, "reason": ""}
    offered = ["first.relay.test", "second.relay.test"]
    assert page.exchange(protocols=offered, close=close)["protocol"] == "second.relay.test"
    assert page.exchange(close=close)["protocol"] is None


@pytest.mark.parametrize("code", [1000, 3000, 4999])
def test_the_pages_close_reaches_the_listener(page: Page, code: int):
    assert page.exchange(close={"code": code, "reason": "no more to say"})["wasClean"]
    page.server.event("closed", code=code)


@pytest.mark.parametrize("code", [1000, 1011, 3000, 4999])
def test_the_page_sees_the_listeners_close(page: Page, code: int):
    result = page.exchange(askFor=f"close {code} that is enough")
    assert result["close"] == {"code": code, "reason": "that is enough"}
    assert result["wasClean"]


@pytest.mark.parametrize("size", [1, 65_536, 65_537, 2_000_000])
def test_the_page_makes_requests(page: Page, size: int):
    response = page.request("/echo", method="POST", body=size)
    assert response == {"status": 200, "bytes": size, "sha256": sha256(pattern(size))}


def test_the_page_sees_the_first_piece_of_an_answer_before_the_last_is_sent(page: Page):
    response = page.request("/stream", onFirstPiece=page.url("/release"))
    whole = pattern(100_000) + b"the last piece"
    assert response == {"status": 200, "bytes": len(whole), "sha256": sha256(whole)}
