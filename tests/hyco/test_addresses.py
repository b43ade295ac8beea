import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyco import addresses
from hyco.addresses import (
    Endpoint,
    check_origin,
    connect_url,
    listen_url,
    parse_endpoint,
    parse_target,
    rejection_of,
    rejection_url,
    rendezvous_address,
    rendezvous_target,
    sender_url,
)
from hyco.errors import InvalidAddressError

any_text = st.text(st.characters(exclude_categories=[]))

GUID = "bf9b2fba-df27-4652-81c1-945589f00f1c"
NS = Endpoint("ns.example.net", 443, is_secure=True)
PLAIN = Endpoint("localhost", 8080, is_secure=False)

# What java.net.URI parses (RFC 2396 with the brackets of RFC 2732): the strictest of the SDKs' parsers.
_PCHAR = r"(?:[A-Za-z0-9_\-!.~'()*:@&=+$,;]|%[0-9A-Fa-f]{2})"
_JAVA_URI = re.compile(rf"wss?://[a-z0-9.\-\[\]:]+(?:/{_PCHAR}*)*(?:\?(?:{_PCHAR}|[/?\[\]])*)?")


@pytest.mark.parametrize(
    ("text", "endpoint", "authority"),
    [
        ("sb://ns.example.net/", NS, "ns.example.net"),
        ("sb://NS.example.net", NS, "ns.example.net"),
        ("SB://ns.example.net:443/", NS, "ns.example.net"),
        ("https://ns.example.net", NS, "ns.example.net"),
        ("wss://ns.example.net", NS, "ns.example.net"),
        ("sb://localhost:8443/", Endpoint("localhost", 8443, is_secure=True), "localhost:8443"),
        ("http://localhost", Endpoint("localhost", 80, is_secure=False), "localhost"),
        ("ws://localhost:443", Endpoint("localhost", 443, is_secure=False), "localhost:443"),
        ("sb://[::1]:8443/", Endpoint("::1", 8443, is_secure=True), "[::1]:8443"),
    ],
)
def test_an_endpoint_is_read_from_a_url(text: str, endpoint: Endpoint, authority: str):
    assert parse_endpoint(text) == endpoint
    assert endpoint.authority == authority


def test_the_caller_may_know_better_whether_there_is_tls():
    assert parse_endpoint("sb://localhost:8080/", is_secure=False) == PLAIN
    assert parse_endpoint("sb://localhost/", is_secure=False).port == 80
    assert parse_endpoint("http://localhost/", is_secure=True).port == 443


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        "localhost:8080",
        "sb:ns",
        "sb:///",
        "sb://",
        "ftp://ns/",
        "sb://ns/hyco",
        "sb://ns/?a",
        "sb://ns?a",
        "sb://ns#a",
        "sb://ns//",
        "sb://user:pw@ns/",
        "sb://ns:0/",
        "sb://ns:٤٤٣/",
        "sb://ns\\@evil/",
        "sb://ns\n/",
        " sb://ns/",
        "sb://ns/ ",
    ],
)
def test_anything_else_is_no_endpoint(text: str):
    with pytest.raises(InvalidAddressError):
        parse_endpoint(text)


@given(any_text)
def test_any_text_is_an_endpoint_or_refused(text: str):
    for url in (text, f"sb://{text}"):
        try:
            endpoint = parse_endpoint(url)
        except InvalidAddressError:
            continue
        assert parse_endpoint(f"{endpoint.http_origin}/") == endpoint


def test_a_listener_listens_under_hc():
    assert listen_url(NS, "hyco", tracking_id=GUID) == (
        f"wss://ns.example.net/$hc/hyco?sb-hc-action=listen&sb-hc-id={GUID}"
    )
    assert listen_url(PLAIN, "/a/b/", tracking_id=GUID) == (
        f"ws://localhost:8080/$hc/a/b?sb-hc-action=listen&sb-hc-id={GUID}"
    )


def test_a_senders_suffix_and_query_come_before_the_relays_parameters():
    assert connect_url(NS, "hyco", tracking_id=GUID, suffix="x/y", query="a=1&b") == (
        f"wss://ns.example.net/$hc/hyco/x/y?a=1&b&sb-hc-action=connect&sb-hc-id={GUID}"
    )
    assert connect_url(NS, "hyco", tracking_id=GUID) == (
        f"wss://ns.example.net/$hc/hyco?sb-hc-action=connect&sb-hc-id={GUID}"
    )


def test_an_http_sender_uses_the_plain_path():
    assert sender_url(NS, "hyco") == "https://ns.example.net/hyco"
    assert sender_url(PLAIN, "hyco", "/", "a=b c") == "http://localhost:8080/hyco/?a=b%20c"
    assert sender_url(NS, "hyco", "a?b#c") == "https://ns.example.net/hyco/a%3Fb%23c"


def test_what_was_sent_to_a_url_is_what_arrives():
    url = connect_url(NS, "Hyco", tracking_id=GUID, suffix="/ä%2Fb", query="q=ø&x=%zz#")
    target = parse_target(url.removeprefix("wss://ns.example.net"))
    assert target.path == "/Hyco/%C3%A4%2Fb"
    assert target.user_query == "q=%C3%B8&x=%25zz%23"
    assert target.parameters == {"sb-hc-action": "connect", "sb-hc-id": GUID}


def test_a_rendezvous_address_is_the_senders_url_with_the_secret_last():
    address = rendezvous_address(
        "wss://gw.example.net:443",
        "/hyco/suffix",
        "user=1&x=[]",
        action="accept",
        tracking_id=f"{GUID}_G0",
        secret="0123456789abcdef0123456789abcdef",
    )
    assert address == (
        "wss://gw.example.net:443/$hc/hyco/suffix?user=1&x=[]&sb-hc-action=accept"
        f"&sb-hc-id={GUID}_G0&sb-hc-rdv=0123456789abcdef0123456789abcdef"
    )


def test_an_address_without_user_query_begins_with_the_action():
    address = rendezvous_address(
        "ws://[::1]:80", "/hyco", "", action="request", tracking_id="g_G0", secret="ab"
    )
    assert address == "ws://[::1]:80/$hc/hyco?sb-hc-action=request&sb-hc-id=g_G0&sb-hc-rdv=ab"


def test_the_origin_can_be_put_before_the_address_later():
    """Which gateway a listener came to, and by what name, only that gateway knows."""
    target = rendezvous_target("/hyco", "a=1", action="accept", tracking_id="g_G0", secret="ab")
    assert target == "/$hc/hyco?a=1&sb-hc-action=accept&sb-hc-id=g_G0&sb-hc-rdv=ab"


def test_what_a_parser_of_urls_would_refuse_is_encoded_and_valid_escapes_stay():
    address = rendezvous_address(
        "wss://gw",
        "/hyco/a%2fb|c\udcff",
        '%C3%b8%zz%"<>\\^`{|}é',
        action="accept",
        tracking_id="i d",
        secret="ab",
    )
    assert address == (
        "wss://gw/$hc/hyco/a%2fb%7Cc%FF?%C3%b8%25zz%25%22%3C%3E%5C%5E%60%7B%7C%7D%C3%A9"
        "&sb-hc-action=accept&sb-hc-id=i%20d&sb-hc-rdv=ab"
    )


@pytest.mark.parametrize(
    "origin", ["", "gw", "https://gw", "wss://gw/", "wss://gw/x", "wss://", "wss://u@gw", "wss://g w"]
)
def test_what_is_no_origin_is_refused(origin: str):
    with pytest.raises(InvalidAddressError):
        check_origin(origin)
    with pytest.raises(InvalidAddressError):
        rendezvous_address(origin, "/hyco", "", action="accept", tracking_id="g", secret="ab")


@given(any_text, any_text, any_text)
def test_java_parses_every_address(path: str, query: str, tracking_id: str):
    address = rendezvous_address(
        "wss://gw:443", "/" + path, query, action="accept", tracking_id=tracking_id, secret="ab"
    )
    assert _JAVA_URI.fullmatch(address)


@given(any_text, any_text)
def test_a_listener_comes_back_to_the_senders_own_name(path: str, query: str):
    """The gateway reads the address that it made; it must mean the same hybrid connection and query."""
    try:
        sent = parse_target(f"/hyco/{path}?{query}")
    except InvalidAddressError:
        return
    address = rendezvous_address(
        "wss://gw", sent.path, sent.user_query, action="accept", tracking_id="g", secret="ab"
    )
    met = parse_target(address.removeprefix("wss://gw"))
    assert met.canonical == sent.canonical
    assert met.parameters == {"sb-hc-action": "accept", "sb-hc-id": "g", "sb-hc-rdv": "ab"}
    assert rejection_of(met.query) is None


@given(st.integers(100, 999), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_rejection_arrives_as_it_was_meant(status: int, reason: str):
    address = rendezvous_address("wss://gw", "/hyco", "a=1", action="accept", tracking_id="g", secret="ab")
    query = rejection_url(address, status, reason).partition("?")[2]
    assert rejection_of(query) == (status, reason)


def test_a_rejection_of_an_odd_address_is_still_a_url():
    assert rejection_url("wss://gw/$hc/hyco", 502, "a\ud800") == (
        "wss://gw/$hc/hyco?sb-hc-statusCode=502&sb-hc-statusDescription=a%3F"
    )


def test_text_that_is_no_text_is_encoded_all_the_same():
    """A lone surrogate stands for no byte."""
    assert sender_url(NS, "hyco", "a\ud800b") == "https://ns.example.net/hyco/a%3Fb"


@pytest.mark.parametrize("status", [99, 1000, -1, 0])
def test_a_rejection_has_a_status_that_the_gateway_takes(status: int):
    with pytest.raises(InvalidAddressError):
        rejection_url("wss://gw/?x", status, "no")


def test_everything_about_addresses_can_be_had_here():
    for name in addresses.__all__:
        assert hasattr(addresses, name)


def test_an_address_says_at_which_of_several_gateways_the_sender_waits():
    target = rendezvous_target("/hyco", "a=1", action="accept", tracking_id="g_G0", secret="ab", node="g-1")
    assert target == "/$hc/hyco?a=1&sb-hc-action=accept&sb-hc-id=g_G0&sb-hc-node=g-1&sb-hc-rdv=ab"
    parsed = parse_target(target)
    assert parsed.parameters["sb-hc-node"] == "g-1"
    assert parsed.user_query == "a=1"
