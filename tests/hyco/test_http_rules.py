"""hyco.http_rules: what of an HTTP message crosses the relay."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyco.addresses import RequestTarget, parse_target
from hyco.errors import InvalidAddressError
from hyco.http_rules import (
    connect_headers,
    has_response_body,
    local_request_headers,
    local_request_target,
    local_response_headers,
    needs_rendezvous,
    request_headers,
    request_target,
    response_headers,
)

HOP_BY_HOP = (
    ("Connection", "keep-alive, X-Private"),
    ("connection", "x-more"),
    ("X-Private", "1"),
    ("X-More", "2"),
    ("Content-Length", "3"),
    ("TE", "trailers"),
    ("Trailer", "X-Sum"),
    ("transfer-encoding", "chunked"),
    ("Upgrade", "h2c"),
    ("Close", ""),
    ("Keep-Alive", "timeout=5"),
    ("Proxy-Authorization", "Basic eA=="),
    ("Proxy-Connection", "keep-alive"),
    ("proxy-authenticate", "Basic"),
)
VIA = ("Via", "1.1 ns.example.net")


def asked(*headers: tuple[str, str], consumed: tuple[str, ...] = ()) -> tuple[tuple[str, str], ...]:
    return request_headers(headers, via_host="ns.example.net", consumed=consumed)


# --- gateway: requests -----------------------------------------------------------------------------------------------


def test_what_concerns_one_connection_only_does_not_reach_the_listener() -> None:
    assert asked(("Host", "ns.example.net"), *HOP_BY_HOP, ("Accept", "*/*")) == (
        ("Host", "ns.example.net"),
        ("Accept", "*/*"),
        VIA,
    )


def test_host_crosses_even_if_connection_names_it() -> None:
    """The documentation's list says that Host is stripped; its own example and the SDKs have it."""
    assert asked(("Host", "ns.example.net"), ("Connection", "Host, close")) == (
        ("Host", "ns.example.net"),
        VIA,
    )


def test_other_headers_cross_as_they_are() -> None:
    headers = (("X-oDd_name.!", "a;b='c', \"d\""), ("Expect", "100-continue"), ("x-empty", ""))
    assert asked(*headers) == (*headers, VIA)


def test_headers_of_one_name_are_joined() -> None:
    assert asked(("A", "1"), ("Cookie", "x=1"), ("a", "2"), ("cookie", "y=2")) == (
        ("A", "1, 2"),
        ("Cookie", "x=1; y=2"),
        VIA,
    )


def test_via_tells_of_every_hop() -> None:
    assert asked(("via", "1.0 a"), ("B", "x"), ("Via", "1.1 c")) == (
        ("via", "1.0 a, 1.1 c, 1.1 ns.example.net"),
        ("B", "x"),
    )


def test_the_relays_own_token_never_crosses() -> None:
    assert asked(("servicebusauthorization", "SharedAccessSignature x")) == (VIA,)


def test_authorization_crosses_unless_it_held_the_token() -> None:
    header = ("authorization", "Bearer x")
    assert asked(header) == (header, VIA)
    assert asked(header, consumed=("Authorization",)) == (VIA,)


# --- gateway: WebSocket senders --------------------------------------------------------------------------------------


def test_a_handshake_crosses_whole_and_spelled_as_java_looks_it_up() -> None:
    headers = [
        ("host", "ns.example.net"),
        ("connection", "keep-alive, Upgrade"),
        ("UPGRADE", "websocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-Websocket-Version", "13"),
        ("sec-websocket-protocol", "p1"),
        ("x-custom", "1"),
        ("Sec-WebSocket-Protocol", "p2"),
        ("user-agent", "u"),
    ]
    assert connect_headers(headers) == (
        ("Host", "ns.example.net"),
        ("Connection", "keep-alive, Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Protocol", "p1, p2"),
        ("x-custom", "1"),
        ("User-Agent", "u"),
    )


def test_a_handshake_crosses_without_the_token() -> None:
    headers = [("ServiceBusAuthorization", "t"), ("AUTHORIZATION", "u"), ("A", "b")]
    assert connect_headers(headers) == (("Authorization", "u"), ("A", "b"))
    assert connect_headers(headers, consumed=["authorization"]) == (("A", "b"),)


# --- gateway: responses ----------------------------------------------------------------------------------------------


def test_a_response_says_by_via_that_it_is_the_listeners() -> None:
    assert response_headers((("Server", "x"),), via_host="ns.example.net") == (("Server", "x"), VIA)


def test_a_response_brings_no_framing_of_its_own() -> None:
    headers = (*HOP_BY_HOP, ("Content-Type", "text/plain"))
    assert response_headers(headers, via_host="ns.example.net") == (("Content-Type", "text/plain"), VIA)


@pytest.mark.parametrize(
    "header", [("X: y\r\nZ", "1"), ("X", "1\r\nZ: 2"), ("", "1"), ("X", "\x00"), ("Content-Length ", "0")]
)
def test_no_header_of_a_response_can_split_it(header: tuple[str, str]) -> None:
    assert response_headers((header,), via_host="ns.example.net") == (VIA,)


def test_every_cookie_of_a_response_stays_its_own() -> None:
    cookies = (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))
    assert response_headers(cookies, via_host="ns.example.net") == (*cookies, VIA)


# --- agent -----------------------------------------------------------------------------------------------------------


def test_a_local_server_learns_who_asks_and_by_which_name() -> None:
    headers = (("Host", "ns.example.net"), *HOP_BY_HOP, ("Expect", "100-continue"), ("Accept", "*/*"), VIA)
    assert local_request_headers(
        headers, sender_address="203.0.113.7", scheme="https", host="localhost:3000"
    ) == (
        ("Host", "localhost:3000"),
        ("Accept", "*/*"),
        VIA,
        ("X-Forwarded-For", "203.0.113.7"),
        ("X-Forwarded-Host", "ns.example.net"),
        ("X-Forwarded-Proto", "https"),
    )


def test_host_can_be_kept() -> None:
    headers = (("A", "b"), ("host", "ns.example.net"))
    assert local_request_headers(headers, sender_address="::1", scheme="http") == (
        ("A", "b"),
        ("host", "ns.example.net"),
        ("X-Forwarded-For", "::1"),
        ("X-Forwarded-Host", "ns.example.net"),
        ("X-Forwarded-Proto", "http"),
    )


def test_proxies_before_the_relay_stay_in_x_forwarded_for() -> None:
    headers = (("x-forwarded-for", "198.51.100.1, 198.51.100.2"), ("X-Forwarded-For", "198.51.100.3"))
    result = dict(local_request_headers(headers, sender_address="203.0.113.7", scheme="https"))
    assert result["X-Forwarded-For"] == "198.51.100.1, 198.51.100.2, 198.51.100.3, 203.0.113.7"


def test_a_sender_cannot_make_up_where_it_is_connected_to() -> None:
    headers = (("X-Forwarded-Proto", "ftp"), ("x-forwarded-host", "evil.example"), ("Host", "ns.example.net"))
    assert local_request_headers(headers, sender_address="", scheme="https") == (
        ("Host", "ns.example.net"),
        ("X-Forwarded-Host", "ns.example.net"),
        ("X-Forwarded-Proto", "https"),
    )


def test_what_is_not_known_is_not_said() -> None:
    assert local_request_headers((), sender_address="", scheme="https") == (("X-Forwarded-Proto", "https"),)


def test_a_local_server_is_heard_without_its_framing_and_its_mistakes() -> None:
    headers = (("Set-Cookie", "a"), *HOP_BY_HOP, ("Date", "d"), ("X", "a\x01b"), ("Set-Cookie", "b"))
    assert local_response_headers(headers) == (("Set-Cookie", "a"), ("Date", "d"), ("Set-Cookie", "b"))


# --- targets ---------------------------------------------------------------------------------------------------------


def target(path: str, user_query: str = "") -> RequestTarget:
    return RequestTarget(
        path=path, canonical="", query="", user_query=user_query, parameters={}, is_websocket_path=False
    )


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("/hyco", "/hyco"),
        ("/HyCo/a%20b", "/HyCo/a b"),
        ("/hyco/%C3%B8%e6%97%a5", "/hyco/ø日"),
        ("/hyco/%25%23%3f%3F", "/hyco/%25%23%3F%3F"),
        ("/hyco/%2541", "/hyco/%2541"),
        ("/hyco/a%2Fb%3Dc", "/hyco/a/b=c"),
        ("/hyco/%0d%0A%00%7f%c2%85", "/hyco/%0D%0A%00%7F%C2%85"),
        ("/hyco/%ff%C3x%e6%97", "/hyco/%FF%C3x%E6%97"),
        ("/hyco/%ed%a0%80", "/hyco/%ED%A0%80"),
        ("/hyco/100%", "/hyco/100%25"),
        ("/hyco/%2%35%zz", "/hyco/%2525%25zz"),
        ("/hyco/\udcff\x85é", "/hyco/%FF%C2%85é"),
    ],
)
def test_a_path_is_told_decoded_but_for_what_would_change_it(sent: str, told: str) -> None:
    assert request_target(target(sent)) == told


@pytest.mark.parametrize(
    "query",
    ["a=1&b=2", "&&&", "a&", "a=%2f%3a&a=%2B+?+", "sb-hc-x", "é=%u00f8", "?", "%"],
)
def test_a_query_is_told_byte_for_byte(query: str) -> None:
    assert request_target(target("/hyco", query)) == f"/hyco?{query}"


def test_bytes_that_are_no_text_are_told_in_another_spelling() -> None:
    assert request_target(target("/hyco", "a=\udcff\udcc3")) == "/hyco?a=%FF%C3"


def test_without_a_query_there_is_no_question_mark() -> None:
    assert request_target(parse_target("/hyco?sb-hc-token=t")) == "/hyco"
    assert request_target(parse_target("/hyco/x?a=1&sb-hc-token=t&b")) == "/hyco/x?a=1&b"


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ("/hyco/a b?x y", "/hyco/a%20b?x%20y"),
        ("/hyco/ø日", "/hyco/%C3%B8%E6%97%A5"),
        ("/hyco/%25%23%3F", "/hyco/%25%23%3F"),
        ("/100%/%zz", "/100%25/%25zz"),
        ('/a#b[c]\\^"<>`{|}', "/a%23b%5Bc%5D%5C%5E%22%3C%3E%60%7B%7C%7D"),
        ("/-._~!$&'()*+,;=:@/", "/-._~!$&'()*+,;=:@/"),
        ("/a\r\nHost: b", "/a%0D%0AHost:%20b"),
        ("/a?b=\r\nHost#ø", "/a?b=%0D%0AHost%23%C3%B8"),
        ("/a?&&a=%2f%zz[]\"<>{}|^`'?+", "/a?&&a=%2f%zz[]\"<>{}|^`'?+"),
        ("/a?", "/a?"),
        ("/\ufffd\ud800", "/%EF%BF%BD%3F"),
    ],
)
def test_the_agent_spells_a_target_out_for_a_request_line(told: str, line: str) -> None:
    assert local_request_target(told) == line


@pytest.mark.parametrize("told", ["", "*", "hyco", "http://evil.example/", "?a"])
def test_the_agent_takes_nothing_but_a_path(told: str) -> None:
    """A sender must never choose which server the agent asks."""
    with pytest.raises(InvalidAddressError, match="is not a path"):
        local_request_target(told)


@given(st.text().map(lambda rest: "/" + rest))
def test_a_local_target_is_one_word(told: str) -> None:
    line = local_request_target(told)
    assert line.isascii()
    assert line.isprintable()
    assert " " not in line


paths = st.lists(
    st.sampled_from(["a", "/", "%20", "%2F", "%25", "%3F", "%C3%B8", "%FF", "%00", "%", "%4", "~", "ø", "+"])
).map(lambda parts: "/hyco/" + "".join(parts))


@given(paths)
def test_a_path_means_the_same_at_the_local_server(sent: str) -> None:
    line = local_request_target(request_target(target(sent)))
    assert unquote_to_bytes(line) == unquote_to_bytes(sent)


# --- bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_length", "is_chunked", "expected"),
    [
        (None, False, False),
        (0, False, False),
        (65_536, False, False),
        (65_537, False, True),
        (None, True, True),
    ],
)
def test_a_body_longer_than_64_kib_or_of_unknown_length_waits_for_a_rendezvous(
    content_length: int | None, is_chunked: bool, expected: bool
) -> None:
    assert needs_rendezvous(content_length, is_chunked=is_chunked) is expected


@pytest.mark.parametrize(
    ("method", "status", "expected"),
    [
        ("GET", 200, True),
        ("POST", 404, True),
        ("GET", 205, True),
        ("GET", 999, True),
        ("HEAD", 200, False),
        ("GET", 204, False),
        ("GET", 304, False),
        ("GET", 101, False),
        ("GET", 199, False),
    ],
)
def test_some_responses_have_no_body_whatever_was_sent(method: str, status: int, expected: bool) -> None:
    assert has_response_body(method, status) is expected
