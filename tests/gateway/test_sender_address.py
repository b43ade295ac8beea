"""gateway.sender_address: whom a trusted proxy speaks for, and by which name a listener came."""

from __future__ import annotations

import ipaddress
from types import SimpleNamespace
from typing import cast

import pytest

from gateway.front_request import FrontRequest
from gateway.sender_address import origin, sender_address
from hyco.messages import RemoteEndpoint

PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")]


def request(*headers: tuple[str, str], peer: str = "10.0.0.1", is_secure: bool = False) -> FrontRequest:
    def values(name: str) -> list[str]:
        return [value for key, value in headers if key.lower() == name]

    made = SimpleNamespace(
        peer=RemoteEndpoint(address=peer, port=4711),
        is_secure=is_secure,
        header_values=values,
        header=lambda name: next(iter(values(name)), None),
    )
    return cast("FrontRequest", made)


@pytest.mark.parametrize(
    ("forwarded", "address", "port"),
    [
        ([], "10.0.0.1", 4711),
        (["203.0.113.7"], "203.0.113.7", 0),
        (["203.0.113.7:51234"], "203.0.113.7", 51234),
        (["[2001:db8::7]:51234"], "2001:db8::7", 51234),
        (["2001:db8::7"], "2001:db8::7", 0),
        (["198.51.100.1, 203.0.113.7"], "203.0.113.7", 0),  # what stands further left is anybody's claim
        (["198.51.100.1", "203.0.113.7, 10.0.0.9"], "203.0.113.7", 0),
        (["10.1.1.1, fd00::1"], "10.1.1.1", 0),  # proxies all the way
        (["203.0.113.7, nonsense"], "10.0.0.1", 4711),
        (["203.0.113.7:99999"], "203.0.113.7", 0),
    ],
)
def test_the_nearest_address_that_is_no_proxy_of_ours(forwarded: list[str], address: str, port: int) -> None:
    headers = [("X-Forwarded-For", value) for value in forwarded]
    assert sender_address(request(*headers), PROXIES) == RemoteEndpoint(address=address, port=port)


def test_nobody_else_is_believed() -> None:
    stranger = request(
        ("X-Forwarded-For", "203.0.113.7"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.test"),
        ("Host", "relay.test:9400"),
        peer="192.0.2.1",
    )
    assert sender_address(stranger, PROXIES).address == "192.0.2.1"
    assert origin(stranger, PROXIES) == "ws://relay.test:9400"


@pytest.mark.parametrize(
    ("headers", "is_secure", "expected"),
    [
        ([("Host", "relay.test")], True, "wss://relay.test"),
        ([("Host", "relay.test"), ("X-Forwarded-Proto", "https")], False, "wss://relay.test"),
        ([("Host", "relay.test"), ("X-Forwarded-Proto", "http")], True, "ws://relay.test"),
        ([("Host", "inner"), ("X-Forwarded-Host", "first.test, relay.test")], False, "ws://relay.test"),
    ],
)
def test_the_name_and_scheme_by_which_a_listener_came(
    headers: list[tuple[str, str]], is_secure: bool, expected: str
) -> None:
    assert origin(request(*headers, is_secure=is_secure), PROXIES) == expected
