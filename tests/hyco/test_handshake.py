"""hyco.handshake: which requests are WebSocket handshakes, and the answer to one."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyco.errors import LocalProtocolError
from hyco.fields import by_name
from hyco.handshake import HandshakeError, Upgrade, accept_key, check_upgrade, switching_protocols

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 section 1.3
GOOD = {
    "Host": "ns.example.net",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
}


def handshake(without: str = "", /, **changed: str) -> list[tuple[str, str]]:
    """A good handshake, with other values for some headers (``sec_websocket_key="…"``) and without one."""
    fields = {**GOOD, **{name.replace("_", "-").title(): value for name, value in changed.items()}}
    merged = {name.lower(): (name, value) for name, value in fields.items()}
    return [field for key, field in merged.items() if key != without.lower()]


def test_a_good_handshake_is_taken() -> None:
    assert check_upgrade("GET", "1.1", by_name(handshake())) == Upgrade(KEY, ())


def test_names_and_tokens_have_no_letter_case_and_lists_may_be_long() -> None:
    headers = [
        ("HOST", " ns.example.net "),
        ("upgrade", "h2c, WebSocket"),
        ("connection", "keep-alive"),
        ("CONNECTION", "foo, upgrade"),
        ("sec-websocket-key", f" {KEY}\t"),
        ("SEC-WEBSOCKET-VERSION", "13"),
    ]
    assert check_upgrade("GET", "1.1", by_name(headers)) == Upgrade(KEY, ())


def test_sub_protocols_are_offered_in_order() -> None:
    headers = [*handshake(), ("Sec-WebSocket-Protocol", "p2, p1,"), ("sec-websocket-protocol", "P1")]
    assert check_upgrade("GET", "1.1", by_name(headers)).subprotocols == ("p2", "p1", "P1")


def test_extensions_are_ignored_in_whatever_way_they_are_said() -> None:
    """hyco-ws sends a header that is named 0."""
    headers = [
        *handshake(),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        ("0", "Sec-WebSocket-Extensions: permessage-deflate"),
    ]
    assert check_upgrade("GET", "1.1", by_name(headers)) == Upgrade(KEY, ())


@pytest.mark.parametrize(
    ("method", "version", "headers", "text"),
    [
        ("POST", "1.1", handshake(), "GET"),
        ("get", "1.1", handshake(), "GET"),
        ("GET", "1.0", handshake(), "HTTP/1.1"),
        ("GET", "2", handshake(), "HTTP/1.1"),
        ("GET", "1.1", handshake("Host"), "Host"),
        ("GET", "1.1", handshake(host=""), "Host"),
        ("GET", "1.1", [*handshake(), ("Host", "other")], "Host"),
        ("GET", "1.1", handshake("Connection"), "Connection"),
        ("GET", "1.1", handshake(connection="keep-alive"), "Connection"),
        ("GET", "1.1", handshake(connection="not-upgrade"), "Connection"),
        ("GET", "1.1", handshake("Sec-WebSocket-Key"), "Sec-WebSocket-Key"),
        ("GET", "1.1", handshake(sec_websocket_key=""), "Sec-WebSocket-Key"),
        ("GET", "1.1", handshake(sec_websocket_key=KEY[:-1]), "Sec-WebSocket-Key"),
        ("GET", "1.1", handshake(sec_websocket_key="A" * 20 + "=="), "Sec-WebSocket-Key"),
        ("GET", "1.1", handshake(sec_websocket_key="A" * 24), "Sec-WebSocket-Key"),
        ("GET", "1.1", handshake(sec_websocket_key=KEY.replace("d", "-")), "Sec-WebSocket-Key"),
        ("GET", "1.1", handshake(sec_websocket_key=KEY + "\n"), "Sec-WebSocket-Key"),
        ("GET", "1.1", [*handshake(), ("Sec-WebSocket-Key", KEY)], "Sec-WebSocket-Key"),
        ("GET", "1.1", [*handshake(), ("Sec-WebSocket-Protocol", "a b")], "token"),
        ("GET", "1.1", [*handshake(), ("Sec-WebSocket-Protocol", "a;q=1")], "token"),
        ("GET", "1.1", [*handshake(), ("Sec-WebSocket-Protocol", "a, b, a")], "twice"),
    ],
)
def test_a_request_that_is_no_handshake_is_a_bad_one(
    method: str, version: str, headers: list[tuple[str, str]], text: str
) -> None:
    with pytest.raises(HandshakeError, match=text) as caught:
        check_upgrade(method, version, by_name(headers))
    assert caught.value.status == 400
    assert caught.value.headers == ()


@pytest.mark.parametrize(
    "headers", [handshake("Upgrade"), handshake(upgrade="h2c"), handshake(upgrade="web socket")]
)
def test_a_request_for_another_protocol_hears_which_one_is_served(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(HandshakeError) as caught:
        check_upgrade("GET", "1.1", by_name(headers))
    assert caught.value.status == 426
    assert caught.value.headers == (("Connection", "Upgrade"), ("Upgrade", "websocket"))


@pytest.mark.parametrize(
    "headers",
    [
        handshake("Sec-WebSocket-Version"),
        handshake(sec_websocket_version="8"),
        handshake(sec_websocket_version="13, 8"),
        handshake(sec_websocket_version="013"),
        [*handshake(), ("Sec-WebSocket-Version", "13")],
    ],
)
def test_a_client_of_another_version_hears_which_one_is_spoken(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(HandshakeError) as caught:
        check_upgrade("GET", "1.1", by_name(headers))
    assert caught.value.status == 426
    assert ("Sec-WebSocket-Version", "13") in caught.value.headers


def test_a_key_is_answered_as_in_the_standard() -> None:
    assert accept_key(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@given(st.binary(min_size=16, max_size=16))
def test_any_sixteen_bytes_are_a_key(nonce: bytes) -> None:
    key = base64.b64encode(nonce).decode()
    assert check_upgrade("GET", "1.1", by_name(handshake(sec_websocket_key=key))).key == key


def test_the_answer_is_what_dotnet_demands() -> None:
    assert switching_protocols(KEY) == (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"Upgrade: websocket\r\n"
        b"Connection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        b"\r\n"
    )


def test_the_answer_says_the_sub_protocol_and_whatever_else() -> None:
    head = switching_protocols(KEY, "p1", (("TrackingId", "g_G0"), ("X", "caf\xe9")))
    assert head.endswith(b"xOo=\r\nTrackingId: g_G0\r\nX: caf\xe9\r\nSec-WebSocket-Protocol: p1\r\n\r\n")


@pytest.mark.parametrize(
    ("subprotocol", "headers"),
    [("p\r\nX: y", ()), (None, (("X", "a\nb"),)), (None, (("X: y", "a"),))],
)
def test_the_answer_cannot_be_split(subprotocol: str | None, headers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(LocalProtocolError):
        switching_protocols(KEY, subprotocol, headers)
