"""hyco.listener: transcripts of what a service says to an agent, and the answers."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyco.errors import LocalProtocolError, RemoteProtocolError
from hyco.limits import MAX_CONTROL_BODY_BYTES, MAX_CONTROL_MESSAGE_BYTES
from hyco.listener import (
    AcceptReceived,
    BodyCutError,
    BodyData,
    BodyEnded,
    ListenerChannel,
    ListenerExchange,
    RendezvousRequested,
    RequestReceived,
    RequestStarted,
    fits_control_channel,
    renew,
    respond,
)
from hyco.messages import Accept, Request, Response, encode, parse_from_listener

ACCEPT = Accept(address="wss://gw/$hc/hyco?sb-hc-action=accept", id="a_G0")
ADDRESS_ONLY = Request(address="wss://gw/$hc/hyco?sb-hc-action=request")
GET = Request(address="wss://gw/x", id="g_G0", request_target="/hyco", method="GET")
POST = Request(address="wss://gw/x", id="p_G0", request_target="/hyco", method="POST", body=True)


# --- the control channel ---------------------------------------------------------------------------------------------


def test_every_command_is_told() -> None:
    channel = ListenerChannel()
    assert channel.receive_text(encode(ACCEPT)) == [AcceptReceived(ACCEPT)]
    assert channel.receive_text(encode(ADDRESS_ONLY).encode()) == [RendezvousRequested(ADDRESS_ONLY.address)]
    assert channel.receive_text(encode(GET)) == [RequestReceived(GET, None)]
    assert channel.receive_text(encode(POST)) == []
    assert channel.receive_binary(b"body") == [RequestReceived(POST, b"body")]
    assert channel.receive_text(encode(ACCEPT)) == [AcceptReceived(ACCEPT)]


def test_a_body_may_be_empty() -> None:
    channel = ListenerChannel()
    channel.receive_text(encode(POST))
    assert channel.receive_binary(b"") == [RequestReceived(POST, b"")]


def test_what_a_listener_need_not_understand_is_ignored() -> None:
    channel = ListenerChannel()
    assert channel.receive_text('{"injectFault":{}}') == []
    assert channel.receive_text('{"response":{}}') == []
    assert channel.receive_binary(b"stray") == []
    assert channel.receive_text(encode(GET)) == [RequestReceived(GET, None)]
    assert channel.receive_binary(b"") == []


@pytest.mark.parametrize("text", [encode(ACCEPT), '{"injectFault":{}}', "junk"])
def test_a_command_in_place_of_a_body_ends_the_channel(text: str) -> None:
    channel = ListenerChannel()
    channel.receive_text(encode(POST))
    with pytest.raises(RemoteProtocolError, match="where the body") as caught:
        channel.receive_text(text)
    assert caught.value.close_code == 1002
    assert channel.receive_binary(b"late") == []
    assert channel.receive_text(encode(GET)) == []


@pytest.mark.parametrize(
    ("text", "close_code"), [("junk", 1002), ('{"accept":{"id":"i"}}', 1002), (b"\xff", 1007)]
)
def test_a_broken_command_ends_the_channel(text: str | bytes, close_code: int) -> None:
    channel = ListenerChannel()
    with pytest.raises(RemoteProtocolError) as caught:
        channel.receive_text(text)
    assert caught.value.close_code == close_code
    assert channel.receive_text(encode(GET)) == []
    assert channel.receive_binary(b"x") == []


def test_a_rendezvous_address_does_not_show_in_a_repr() -> None:
    assert "gw" not in repr(RendezvousRequested(ADDRESS_ONLY.address))
    assert "S3cr3t" not in repr(RequestReceived(POST, b"S3cr3t"))


# --- answers ---------------------------------------------------------------------------------------------------------


def test_a_response_is_answered_with_its_body_right_behind() -> None:
    response = Response(request_id="i", status_code=200, body=True)
    text, body = respond(response, b"hello")
    assert isinstance(text, str)
    assert parse_from_listener(text) == response
    assert body == b"hello"


def test_an_empty_body_is_a_message_and_none_is_not() -> None:
    with_empty = respond(Response(request_id="i", status_code=200, body=True), b"")
    assert [type(message) for message in with_empty] == [str, bytes]
    without = respond(Response(request_id="i", status_code=204), None)
    assert [type(message) for message in without] == [str]


@pytest.mark.parametrize(("says", "body"), [(True, None), (False, b""), (False, b"x")])
def test_a_response_that_says_another_thing_than_its_body_is_a_bug(says: bool, body: bytes | None) -> None:
    with pytest.raises(LocalProtocolError, match="exactly if it says so"):
        respond(Response(request_id="i", status_code=200, body=says), body)


@pytest.mark.parametrize("extra", [0, 1])
def test_a_body_of_64_kib_fits_and_one_byte_more_does_not(extra: int) -> None:
    response = Response(request_id="i", status_code=200, body=True)
    body = bytes(MAX_CONTROL_BODY_BYTES + extra)
    assert fits_control_channel(response, body) is (not extra)
    with pytest.raises(LocalProtocolError, match="too long") if extra else contextlib.nullcontext():
        assert respond(response, body)[1] == body


@pytest.mark.parametrize("extra", [0, 1])
def test_a_message_fits_while_it_is_shorter_than_64_kib_in_utf8(extra: int) -> None:
    """.NET reads commands into a buffer of 65,536 bytes (§3.2)."""
    overhead = len(encode(Response(request_id="i", status_code=200, response_headers=(("X", ""),))))
    value = "é" * ((MAX_CONTROL_MESSAGE_BYTES - overhead) // 2) + "x" * (
        (MAX_CONTROL_MESSAGE_BYTES - overhead) % 2
    )
    response = Response(request_id="i", status_code=200, response_headers=(("X", value + "x" * extra),))
    assert fits_control_channel(response, None) is (not extra)
    with pytest.raises(LocalProtocolError, match="too long") if extra else contextlib.nullcontext():
        (text,) = respond(response, None)
        assert len(str(text).encode()) == MAX_CONTROL_MESSAGE_BYTES


def test_a_token_is_renewed() -> None:
    assert json.loads(renew("SharedAccessSignature sr=a&sig=b")) == {
        "renewToken": {"token": "SharedAccessSignature sr=a&sig=b"}
    }


# --- an HTTP rendezvous ----------------------------------------------------------------------------------------------


def begun() -> ListenerExchange:
    """An exchange whose request has begun, with a body to come."""
    exchange = ListenerExchange()
    assert exchange.receive_text(encode(POST)) == [RequestStarted(POST)]
    return exchange


def test_a_request_streams_in() -> None:
    exchange = begun()
    assert exchange.receive_binary(b"one", is_last=False) == [BodyData(b"one")]
    assert exchange.receive_binary(b"", is_last=False) == []
    assert exchange.receive_binary(b"two", is_last=True) == [BodyData(b"two"), BodyEnded()]
    assert exchange.receive_close(1000) == []
    assert exchange.connection_lost() == []


def test_the_service_ends_a_body_with_an_empty_fragment() -> None:
    exchange = begun()
    assert exchange.receive_binary(b"", is_last=True) == [BodyEnded()]


def test_a_request_without_a_body_is_whole_at_once() -> None:
    assert ListenerExchange().receive_text(encode(GET).encode()) == [RequestStarted(GET), BodyEnded()]


def test_the_next_request_on_the_same_rendezvous_is_not_taken() -> None:
    exchange = ListenerExchange()
    exchange.receive_text(encode(GET))
    assert exchange.receive_text(encode(POST)) == []
    assert exchange.receive_binary(b"body", is_last=True) == []


@pytest.mark.parametrize("code", [1000, 1001, 1005, 1011])
def test_a_close_in_the_middle_cuts_the_body_whatever_its_code(code: int) -> None:
    exchange = begun()
    exchange.receive_binary(b"half", is_last=False)
    with pytest.raises(BodyCutError, match=rf"closed with code {code} in the middle"):
        exchange.receive_close(code)
    assert exchange.connection_lost() == []


def test_a_lost_connection_cuts_the_body() -> None:
    exchange = begun()
    with pytest.raises(BodyCutError, match="lost in the middle"):
        exchange.connection_lost()
    assert exchange.receive_binary(b"x", is_last=True) == []


def test_a_text_in_the_middle_cuts_the_body() -> None:
    exchange = begun()
    with pytest.raises(BodyCutError, match="text message in the middle") as caught:
        exchange.receive_text(encode(GET))
    assert caught.value.close_code == 1002
    assert exchange.receive_text(encode(GET)) == []


def test_a_body_before_its_request_is_refused() -> None:
    exchange = ListenerExchange()
    with pytest.raises(RemoteProtocolError, match="before the request"):
        exchange.receive_binary(b"", is_last=True)
    assert exchange.receive_text(encode(GET)) == []


@pytest.mark.parametrize("text", [encode(ADDRESS_ONLY), encode(ACCEPT), "{}"])
def test_any_other_message_is_no_request(text: str) -> None:
    exchange = ListenerExchange()
    with pytest.raises(RemoteProtocolError, match="no request") as caught:
        exchange.receive_text(text)
    assert caught.value.close_code == 1002
    assert exchange.receive_text(encode(GET)) == []


def test_a_broken_request_is_refused() -> None:
    exchange = ListenerExchange()
    with pytest.raises(RemoteProtocolError, match=r"request\.address is missing"):
        exchange.receive_text('{"request":{}}')
    assert exchange.receive_text(encode(GET)) == []


def test_a_rendezvous_that_ends_without_a_request_is_an_error() -> None:
    with pytest.raises(RemoteProtocolError, match="closed with code 1000 before a request"):
        ListenerExchange().receive_close(1000)
    with pytest.raises(RemoteProtocolError, match="lost before a request"):
        ListenerExchange().connection_lost()


# --- properties ------------------------------------------------------------------------------------------------------

commands = st.sampled_from([*map(encode, (ACCEPT, ADDRESS_ONLY, GET, POST)), "{}", "junk"]) | st.text()
inputs = st.lists(commands | st.binary(max_size=3) | st.none() | st.integers(1000, 1011), max_size=8)


@given(inputs)
def test_a_channel_survives_anything_and_fails_once(steps: list[str | bytes | int | None]) -> None:
    channel = ListenerChannel()
    failures = 0
    for step in steps:
        try:
            if isinstance(step, str):
                events = channel.receive_text(step)
            else:
                events = channel.receive_binary(step if isinstance(step, bytes) else b"")
        except RemoteProtocolError:
            failures += 1
        else:
            assert not (failures and events)
    assert failures <= 1


@given(inputs)
def test_an_exchange_starts_once_and_ends_at_most_once(steps: list[str | bytes | int | None]) -> None:
    exchange = ListenerExchange()
    events: list[object] = []
    for step in steps:
        with contextlib.suppress(RemoteProtocolError):
            match step:
                case str():
                    events += exchange.receive_text(step)
                case bytes():
                    events += exchange.receive_binary(step, is_last=len(step) > 1)
                case int():
                    events += exchange.receive_close(step)
                case _:
                    events += exchange.connection_lost()
    kinds = [type(event) for event in events]
    assert kinds[:1] in ([], [RequestStarted])
    assert RequestStarted not in kinds[1:]
    assert BodyEnded not in kinds[:-1]
