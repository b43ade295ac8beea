"""hyco.messages: what is said on a control channel, as its SDKs spell it."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hyco.errors import RemoteProtocolError
from hyco.messages import (
    Accept,
    RemoteEndpoint,
    RenewToken,
    Request,
    Response,
    Unknown,
    encode,
    parse_from_listener,
    parse_from_service,
)

ACCEPT = Accept(
    address="wss://gw.example.net:443/$hc/hyco/suffix?user=1&sb-hc-action=accept&sb-hc-id=0f3c2a51-6c1e_G0",
    id="0f3c2a51-6c1e-4f0b-9d5e-2b7a6e4c1d90_G0",
    connect_headers=(("Host", "ns.example.net"), ("Sec-WebSocket-Protocol", "p1, p2")),
    remote_endpoint=RemoteEndpoint(address="203.0.113.7", port=51234),
)
ACCEPT_JSON = (
    '{"accept":{"address":"wss://gw.example.net:443/$hc/hyco/suffix?user=1&sb-hc-action=accept&sb-hc-id=0f3c2a51-6c1e_G0",'
    '"id":"0f3c2a51-6c1e-4f0b-9d5e-2b7a6e4c1d90_G0",'
    '"connectHeaders":{"Host":"ns.example.net","Sec-WebSocket-Protocol":"p1, p2"},'
    '"remoteEndpoint":{"address":"203.0.113.7","port":51234}}}'
)
REQUEST = Request(
    address="wss://gw/$hc/hyco?sb-hc-action=request&sb-hc-id=i",
    id="0f3c2a51-6c1e-4f0b-9d5e-2b7a6e4c1d90_G0",
    request_target="/hyco/api/ø x?y=1",
    method="POST",
    remote_endpoint=RemoteEndpoint(address="203.0.113.7", port=51234),
    request_headers=(("Host", "ns.example.net"), ("Via", "1.1 ns.example.net")),
    body=True,
)
REQUEST_JSON = (
    '{"request":{"address":"wss://gw/$hc/hyco?sb-hc-action=request&sb-hc-id=i",'
    '"id":"0f3c2a51-6c1e-4f0b-9d5e-2b7a6e4c1d90_G0","requestTarget":"/hyco/api/ø x?y=1","method":"POST",'
    '"remoteEndpoint":{"address":"203.0.113.7","port":51234},'
    '"requestHeaders":{"Host":"ns.example.net","Via":"1.1 ns.example.net"},"body":true}}'
)
RESPONSE = Response(
    request_id="i_G0",
    status_code=200,
    status_description="OK",
    response_headers=(("Content-Type", "text/plain"),),
    body=True,
)
RESPONSE_JSON = (
    '{"response":{"requestId":"i_G0","statusCode":200,"statusDescription":"OK",'
    '"responseHeaders":{"Content-Type":"text/plain"},"body":true}}'
)


# --- writing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (ACCEPT, ACCEPT_JSON),
        (REQUEST, REQUEST_JSON),
        (Request(address="wss://gw/x"), '{"request":{"address":"wss://gw/x"}}'),
        (RESPONSE, RESPONSE_JSON),
        (
            Response(request_id="i", status_code=204),
            '{"response":{"requestId":"i","statusCode":204,"responseHeaders":{},"body":false}}',
        ),
        (
            RenewToken(token="SharedAccessSignature sr=a&sig=b"),
            '{"renewToken":{"token":"SharedAccessSignature sr=a&sig=b"}}',
        ),
    ],
)
def test_a_message_is_written_as_the_reference_shows_it(message: Accept, text: str) -> None:
    assert encode(message) == text


def test_an_address_only_request_has_no_id_method_or_body() -> None:
    """.NET and Java go by body being there, Node by method, whether to answer on the control channel."""
    text = encode(Request(address="wss://gw/x", id="i", body=True))
    assert json.loads(text) == {"request": {"address": "wss://gw/x"}}


def test_a_full_request_says_body_even_if_it_has_none() -> None:
    request = Request(address="wss://gw/x", id="i", request_target="/", method="GET")
    assert json.loads(encode(request))["request"]["body"] is False


def test_an_accept_names_a_remote_endpoint_even_if_nobody_knows_it() -> None:
    """Java drops the control channel without it."""
    accept = json.loads(encode(Accept(address="wss://gw/x", id="i")))["accept"]
    assert accept["remoteEndpoint"] == {"address": "", "port": 0}
    assert accept["connectHeaders"] == {}


def test_headers_of_one_name_are_written_as_one() -> None:
    headers = (("X-A", "1"), ("x-a", "2"), ("Cookie", "a=1"), ("Cookie", "b=2"))
    request = Request(address="wss://gw/x", id="i", request_target="/", method="GET", request_headers=headers)
    assert json.loads(encode(request))["request"]["requestHeaders"] == {"X-A": "1, 2", "Cookie": "a=1; b=2"}


def test_no_cookie_is_lost_on_its_way() -> None:
    cookies = tuple(("set-cookie", f"c{i}=v; Expires=Thu, 01 Jan 2026 00:00:00 GMT") for i in range(512))
    text = encode(Response(request_id="i", status_code=200, response_headers=(("X", "1"), *cookies)))
    names = list(json.loads(text)["response"]["responseHeaders"])
    assert names[:3] == ["X", "Set-Cookie", "set-cookie"]
    assert {name.lower() for name in names[1:]} == {"set-cookie"}
    read = parse_from_listener(text)
    assert isinstance(read, Response)
    assert read.response_headers == (("X", "1"), *(("Set-Cookie", value) for _, value in cookies))


def test_after_512_cookies_there_is_no_way_to_spell_another() -> None:
    cookies = tuple(("Set-Cookie", str(i)) for i in range(513))
    read = parse_from_listener(encode(Response(request_id="i", status_code=200, response_headers=cookies)))
    assert isinstance(read, Response)
    assert read.response_headers == cookies[:512]


def test_text_outside_ascii_is_written_as_itself() -> None:
    assert '"statusDescription":"Größe 日本 😀"' in encode(
        Response(request_id="i", status_code=200, status_description="Größe 日本 😀")
    )


@given(st.text(st.characters()))
def test_what_is_written_can_be_said_in_utf8(text: str) -> None:
    encode(Response(request_id=text, status_code=200, response_headers=(("X", text + "\ud800"),))).encode()


@pytest.mark.parametrize("message", [ACCEPT, REQUEST, RESPONSE, RenewToken(token="S3cr3t")])
def test_no_secret_shows_in_a_repr(message: object) -> None:
    shown = repr(message)
    for secret in ("wss://", "sb-hc-id", "S3cr3t", "Content-Type", "203.0.113.7/", "y=1", "Via"):
        assert secret not in shown


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_type", [str, str.encode])
def test_what_a_service_says_is_read(as_type: type) -> None:
    assert parse_from_service(as_type(ACCEPT_JSON)) == ACCEPT
    assert parse_from_service(as_type(REQUEST_JSON)) == REQUEST


@pytest.mark.parametrize("as_type", [str, str.encode])
def test_what_a_listener_says_is_read(as_type: type) -> None:
    assert parse_from_listener(as_type(RESPONSE_JSON)) == RESPONSE
    assert parse_from_listener(as_type('{"renewToken":{"token":"t"}}')) == RenewToken(token="t")


def test_an_address_only_request_is_recognised() -> None:
    request = parse_from_service('{"request":{"address":"wss://gw/x"}}')
    assert request == Request(address="wss://gw/x")
    assert isinstance(request, Request)
    assert request.is_address_only
    assert not REQUEST.is_address_only


def test_an_address_only_request_may_have_an_id() -> None:
    text = '{"request":{"address":"wss://gw/x","id":"i","body":null,"method":null}}'
    assert parse_from_service(text) == Request(address="wss://gw/x", id="i")


def test_what_the_documentation_does_not_mention_may_be_missing() -> None:
    assert parse_from_service('{"accept":{"address":"wss://gw/x","id":"i"}}') == Accept(
        address="wss://gw/x", id="i"
    )
    text = (
        '{"accept":{"address":"wss://gw/x","id":"i","connectHeaders":null,"remoteEndpoint":{"address":""}}}'
    )
    assert parse_from_service(text) == Accept(address="wss://gw/x", id="i")
    text = '{"accept":{"address":"wss://gw/x","id":"i","remoteEndpoint":{"port":"7"}}}'
    assert parse_from_service(text) == Accept(
        address="wss://gw/x", id="i", remote_endpoint=RemoteEndpoint(address="", port=7)
    )


def test_members_may_come_in_any_order_and_with_others() -> None:
    text = '{"extra":1,"response":{"body":false,"more":[{}],"statusCode":"404","requestId":"i","statusDescription":null}}'
    assert parse_from_listener(text) == Response(request_id="i", status_code=404)


def test_a_response_needs_little() -> None:
    assert parse_from_listener('{"response":{"requestId":"i","statusCode":150,"body":null}}') == Response(
        request_id="i", status_code=150
    )


def test_an_empty_status_description_is_not_a_missing_one() -> None:
    response = parse_from_listener('{"response":{"requestId":"i","statusCode":200,"statusDescription":""}}')
    assert response == Response(request_id="i", status_code=200, status_description="")


def test_a_status_description_cannot_begin_a_header() -> None:
    text = r'{"response":{"requestId":"i","statusCode":200,"statusDescription":"OK\r\nX: y"}}'
    assert parse_from_listener(text) == Response(
        request_id="i", status_code=200, status_description="OK X: y"
    )


def test_cookies_of_any_spelling_get_their_usual_one() -> None:
    text = '{"response":{"requestId":"i","statusCode":200,"responseHeaders":{"sEt-cookie":["a","b"],"x":1}}}'
    response = parse_from_listener(text)
    assert isinstance(response, Response)
    assert response.response_headers == (("Set-Cookie", "a"), ("Set-Cookie", "b"), ("x", "1"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"message":"hello"}', "message"),  # Microsoft's own Python sample
        ('{"injectFault":{}}', "injectFault"),
        ("{}", ""),
        ('{"\\ud800":1}', "\ufffd"),
        (f'{{"{"x" * 100}":1}}', "x" * 40),
    ],
)
def test_a_name_that_means_nothing_is_unknown_to_both_sides(text: str, name: str) -> None:
    assert parse_from_service(text) == Unknown(name=name)
    assert parse_from_listener(text) == Unknown(name=name)


def test_each_side_knows_only_what_the_other_says() -> None:
    assert parse_from_service(RESPONSE_JSON) == Unknown(name="response")
    assert parse_from_listener(ACCEPT_JSON) == Unknown(name="accept")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"accept":null}', "accept is not an object"),
        ('{"accept":{"id":"i"}}', "accept.address is missing"),
        ('{"accept":{"address":"wss://gw/x"}}', "accept.id is missing"),
        (
            '{"accept":{"address":"wss://gw/x","id":"i","connectHeaders":[]}}',
            "accept.connectHeaders is not an object",
        ),
        (
            r'{"accept":{"address":"wss://gw/x","id":"i","connectHeaders":{"a":"\n"}}}',
            "accept.connectHeaders.a has a control character",
        ),
        (
            '{"accept":{"address":"wss://gw/x","id":"i","remoteEndpoint":{"port":70000}}}',
            "accept.remoteEndpoint.port is not a port number",
        ),
        ('{"request":"wss://gw/x"}', "request is not an object"),
        ('{"request":{}}', "request.address is missing"),
        ('{"request":{"address":"wss://gw/x","id":7}}', "request.id is not a string"),
        (
            '{"request":{"address":"wss://gw/x","id":"i","requestTarget":"/","method":"GET"}}',
            "request.body is missing",
        ),
        (
            '{"request":{"address":"wss://gw/x","id":"i","requestTarget":"/","body":true}}',
            "request.method is missing",
        ),
        (
            '{"request":{"address":"wss://gw/x","id":"i","method":"GET","body":true}}',
            "request.requestTarget is missing",
        ),
        (
            r'{"request":{"address":"wss://gw/x","id":"i","requestTarget":"/","method":"G\r\n","body":true}}',
            "request.method is not a token",
        ),
    ],
)
def test_a_broken_message_of_a_service_is_refused(text: str, fault: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_from_service(text)
    assert str(caught.value) == fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"response":[]}', "response is not an object"),
        ('{"response":{"statusCode":200}}', "response.requestId is missing"),
        ('{"response":{"requestId":"i"}}', "response.statusCode is missing"),
        (
            '{"response":{"requestId":"i","statusCode":20}}',
            "response.statusCode is not a number from 100 to 999",
        ),
        (
            '{"response":{"requestId":"i","statusCode":200,"body":"true"}}',
            "response.body is not true or false",
        ),
        (
            '{"response":{"requestId":"i","statusCode":200,"statusDescription":{}}}',
            "response.statusDescription is not a string",
        ),
        (
            '{"response":{"requestId":"i","statusCode":200,"responseHeaders":"X: y"}}',
            "response.responseHeaders is not an object",
        ),
        (
            r'{"response":{"requestId":"i","statusCode":200,"responseHeaders":{"X":"y\r\nSet-Cookie: z"}}}',
            "response.responseHeaders.X has a control character",
        ),
        (
            '{"response":{"requestId":"i","statusCode":200,"responseHeaders":{"X: y":"z"}}}',
            "response.responseHeaders has a name that no header can have: 'X: y'",
        ),
        ('{"renewToken":"t"}', "renewToken is not an object"),
        ('{"renewToken":{}}', "renewToken.token is missing"),
        ('{"renewToken":{"token":""}}', "renewToken.token is empty"),
    ],
)
def test_a_broken_message_of_a_listener_is_refused(text: str, fault: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_from_listener(text)
    assert str(caught.value) == fault


# --- properties ------------------------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
urls = st.text(
    st.characters(exclude_categories=["Cs"], min_codepoint=0x21, exclude_characters="\x7f"), min_size=1
)
tokens = st.text("abcXYZ019-_!", min_size=1, max_size=8)
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=9)
headers = st.lists(st.tuples(tokens, values), max_size=4, unique_by=lambda field: field[0].lower()).map(tuple)
endpoints = st.builds(
    RemoteEndpoint,
    address=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=9),
    port=st.integers(0, 65535),
)
phrases = st.none() | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=9)


@given(
    st.builds(Accept, address=urls, id=texts, connect_headers=headers, remote_endpoint=endpoints)
    | st.builds(Request, address=urls)
    | st.builds(
        Request,
        address=urls,
        id=texts,
        request_target=texts,
        method=tokens,
        remote_endpoint=endpoints,
        request_headers=headers,
        body=st.booleans(),
    )
)
def test_a_listener_reads_what_a_service_writes(message: Accept | Request) -> None:
    assert parse_from_service(encode(message)) == message


@given(
    st.builds(RenewToken, token=texts)
    | st.builds(
        Response,
        request_id=texts,
        status_code=st.integers(100, 999),
        status_description=phrases,
        response_headers=headers,
        body=st.booleans(),
    )
)
def test_a_service_reads_what_a_listener_writes(message: Response | RenewToken) -> None:
    assert parse_from_listener(encode(message)) == message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
member_names = st.sampled_from(
    [
        "address",
        "body",
        "connectHeaders",
        "id",
        "method",
        "port",
        "remoteEndpoint",
        "requestHeaders",
        "requestId",
        "requestTarget",
        "responseHeaders",
        "statusCode",
        "statusDescription",
        "token",
    ]
)
near_misses = st.dictionaries(
    st.sampled_from(["accept", "request", "response", "renewToken", "x"]),
    json_values | st.dictionaries(member_names, json_values),
    max_size=2,
).map(json.dumps)


@given(st.text() | st.binary() | near_misses | json_values.map(json.dumps))
@example("[" * 100_000)
@example(b"\xff")
@example("1" * 10_000)
def test_reading_is_total(text: str | bytes) -> None:
    for parse in (parse_from_service, parse_from_listener):
        with contextlib.suppress(RemoteProtocolError):
            parse(text)
