"""hyco.service: transcripts of what listeners say to a gateway, the SDKs' oddities included (protocol reference §6.8)."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyco.errors import RemoteProtocolError
from hyco.limits import MAX_CONTROL_BODY_BYTES
from hyco.messages import Response, encode
from hyco.service import (
    BodyCutError,
    BodyData,
    BodyEnded,
    ResponseReceived,
    ResponseStarted,
    ServiceChannel,
    ServiceExchange,
    TokenReceived,
)

WITH_BODY = Response(request_id="i_G0", status_code=200, status_description="OK", body=True)
WITHOUT = Response(request_id="j_G0", status_code=204)
WITH_BODY_TEXT = encode(WITH_BODY)
WITHOUT_TEXT = encode(WITHOUT)
RENEWAL_TEXT = '{"renewToken":{"token":"SharedAccessSignature x"}}'


# --- the control channel ---------------------------------------------------------------------------------------------


def test_a_response_without_a_body_is_whole_at_once() -> None:
    assert ServiceChannel().receive_text(WITHOUT_TEXT) == [ResponseReceived(WITHOUT, None)]


def test_a_response_is_whole_with_its_body() -> None:
    channel = ServiceChannel()
    assert channel.receive_text(WITH_BODY_TEXT.encode()) == []
    assert channel.receive_binary(b"hello") == [ResponseReceived(WITH_BODY, b"hello")]


def test_a_body_may_be_empty() -> None:
    """Node, for end('')."""
    channel = ServiceChannel()
    assert channel.receive_text(WITH_BODY_TEXT) == []
    assert channel.receive_binary(b"") == [ResponseReceived(WITH_BODY, b"")]


def test_an_empty_binary_after_a_response_without_a_body_is_swallowed() -> None:
    """Node sends one after HEAD, 204, 304 and end() without data."""
    channel = ServiceChannel()
    assert channel.receive_text(WITHOUT_TEXT) == [ResponseReceived(WITHOUT, None)]
    assert channel.receive_binary(b"") == []
    assert channel.receive_text(WITH_BODY_TEXT) == []
    assert channel.receive_binary(b"x") == [ResponseReceived(WITH_BODY, b"x")]
    assert channel.receive_binary(b"") == []


def test_responses_and_tokens_come_in_any_order() -> None:
    channel = ServiceChannel()
    assert channel.receive_text(RENEWAL_TEXT) == [TokenReceived("SharedAccessSignature x")]
    assert channel.receive_text(WITH_BODY_TEXT) == []
    assert channel.receive_binary(b"1") == [ResponseReceived(WITH_BODY, b"1")]
    assert channel.receive_text(WITHOUT_TEXT) == [ResponseReceived(WITHOUT, None)]
    assert channel.receive_text(RENEWAL_TEXT) == [TokenReceived("SharedAccessSignature x")]


@pytest.mark.parametrize(
    "text", ['{"message":"hello"}', '{"accept":{}}', '{"injectFault":{"delay":"1"}}', "{}"]
)
def test_an_unknown_command_is_ignored(text: str) -> None:
    channel = ServiceChannel()
    assert channel.receive_text(text) == []
    assert channel.receive_text(WITHOUT_TEXT) == [ResponseReceived(WITHOUT, None)]


def test_a_body_of_64_kib_is_taken() -> None:
    channel = ServiceChannel()
    body = bytes(MAX_CONTROL_BODY_BYTES)
    channel.receive_text(WITH_BODY_TEXT)
    assert channel.receive_binary(body) == [ResponseReceived(WITH_BODY, body)]


def test_a_longer_body_is_too_big() -> None:
    channel = ServiceChannel()
    channel.receive_text(WITH_BODY_TEXT)
    with pytest.raises(RemoteProtocolError, match="65536 bytes") as caught:
        channel.receive_binary(bytes(MAX_CONTROL_BODY_BYTES + 1))
    assert caught.value.close_code == 1009
    assert channel.receive_text(WITHOUT_TEXT) == []


def test_bytes_that_belong_to_nothing_end_the_channel() -> None:
    channel = ServiceChannel()
    channel.receive_text(WITHOUT_TEXT)
    with pytest.raises(RemoteProtocolError, match="belongs to no response") as caught:
        channel.receive_binary(b"x")
    assert caught.value.close_code == 1002
    assert channel.receive_text(WITHOUT_TEXT) == []
    assert channel.receive_binary(b"x") == []


@pytest.mark.parametrize("text", [WITHOUT_TEXT, RENEWAL_TEXT, '{"message":"hello"}', "junk"])
def test_a_command_in_place_of_a_body_ends_the_channel(text: str) -> None:
    """Header and body are one: nothing comes between them (§3.2)."""
    channel = ServiceChannel()
    channel.receive_text(WITH_BODY_TEXT)
    with pytest.raises(RemoteProtocolError, match="where the body") as caught:
        channel.receive_text(text)
    assert caught.value.close_code == 1002
    assert channel.receive_binary(b"late") == []


@pytest.mark.parametrize(
    ("text", "close_code"),
    [("junk", 1002), ('{"response":{"requestId":"i"}}', 1002), (b"\xff", 1007)],
)
def test_a_broken_command_ends_the_channel(text: str | bytes, close_code: int) -> None:
    channel = ServiceChannel()
    with pytest.raises(RemoteProtocolError) as caught:
        channel.receive_text(text)
    assert caught.value.close_code == close_code
    assert channel.receive_text(WITHOUT_TEXT) == []
    assert channel.receive_binary(b"") == []


def test_a_token_does_not_show_in_a_repr() -> None:
    assert "S3cr3t" not in repr(TokenReceived("S3cr3t"))


# --- an HTTP rendezvous ----------------------------------------------------------------------------------------------


def begun() -> ServiceExchange:
    """An exchange whose response has begun, with a body to come."""
    exchange = ServiceExchange()
    assert exchange.receive_text(WITH_BODY_TEXT) == [ResponseStarted(WITH_BODY)]
    return exchange


def ended() -> ServiceExchange:
    """An exchange whose response had no body."""
    exchange = ServiceExchange()
    assert exchange.receive_text(WITHOUT_TEXT.encode()) == [ResponseStarted(WITHOUT), BodyEnded()]
    return exchange


def test_dotnet_ends_a_body_with_an_empty_fragment_and_a_close() -> None:
    exchange = begun()
    assert exchange.receive_binary(b"one", is_last=False) == [BodyData(b"one")]
    assert exchange.receive_binary(b"two", is_last=False) == [BodyData(b"two")]
    assert exchange.receive_binary(b"", is_last=True) == [BodyEnded()]
    assert exchange.receive_close(1000) == []
    assert exchange.connection_lost() == []


def test_java_ends_a_body_with_a_close_alone() -> None:
    exchange = begun()
    assert exchange.receive_binary(b"one", is_last=False) == [BodyData(b"one")]
    assert exchange.receive_close(1000) == [BodyEnded()]
    assert exchange.connection_lost() == []


def test_java_ends_an_empty_body_so_as_well() -> None:
    assert begun().receive_close(1000) == [BodyEnded()]


def test_node_leaves_the_rendezvous_open() -> None:
    exchange = begun()
    assert exchange.receive_binary(b"all of it", is_last=True) == [BodyData(b"all of it"), BodyEnded()]
    assert exchange.connection_lost() == []


def test_node_sends_an_empty_binary_after_a_response_without_a_body() -> None:
    exchange = ended()
    assert exchange.receive_binary(b"", is_last=False) == []
    assert exchange.receive_binary(b"", is_last=True) == []
    assert exchange.receive_close(1000) == []


def test_an_empty_fragment_is_no_data() -> None:
    """Whoever reads a stream takes no bytes for its end."""
    exchange = begun()
    assert exchange.receive_binary(b"", is_last=False) == []
    assert exchange.receive_binary(b"x", is_last=False) == [BodyData(b"x")]


@pytest.mark.parametrize("code", [1001, 1005, 1006, 1011, 3000])
def test_any_other_close_cuts_the_body(code: int) -> None:
    exchange = begun()
    exchange.receive_binary(b"half", is_last=False)
    with pytest.raises(BodyCutError, match=rf"closed with code {code} in the middle"):
        exchange.receive_close(code)
    assert exchange.connection_lost() == []


def test_a_lost_connection_cuts_the_body() -> None:
    exchange = begun()
    with pytest.raises(BodyCutError, match="lost in the middle"):
        exchange.connection_lost()
    assert exchange.receive_close(1000) == []


def test_a_text_in_the_middle_cuts_the_body() -> None:
    exchange = begun()
    with pytest.raises(BodyCutError, match="text message after the response") as caught:
        exchange.receive_text(WITHOUT_TEXT)
    assert caught.value.close_code == 1002
    assert exchange.receive_binary(b"x", is_last=True) == []


def test_after_its_end_a_body_cannot_be_cut_any_more() -> None:
    """The sender has it all; that the listener goes on talking is between it and the gateway."""
    for exchange in (begun(), ended()):
        exchange.receive_binary(b"", is_last=True)
        with pytest.raises(RemoteProtocolError, match="after the end of the body") as caught:
            exchange.receive_binary(b"more", is_last=True)
        assert not isinstance(caught.value, BodyCutError)
        assert caught.value.close_code == 1002
        assert exchange.receive_text(WITHOUT_TEXT) == []


def test_a_second_response_is_refused() -> None:
    exchange = ended()
    with pytest.raises(RemoteProtocolError, match="text message after the response") as caught:
        exchange.receive_text(WITHOUT_TEXT)
    assert not isinstance(caught.value, BodyCutError)
    assert exchange.receive_close(1002) == []


@pytest.mark.parametrize("data", [b"x", b""])
def test_a_body_before_its_response_is_refused(data: bytes) -> None:
    exchange = ServiceExchange()
    with pytest.raises(RemoteProtocolError, match="before the response") as caught:
        exchange.receive_binary(data, is_last=True)
    assert caught.value.close_code == 1002
    assert exchange.receive_text(WITHOUT_TEXT) == []


@pytest.mark.parametrize("text", [RENEWAL_TEXT, '{"message":"hello"}', "{}"])
def test_any_other_message_is_no_response(text: str) -> None:
    exchange = ServiceExchange()
    with pytest.raises(RemoteProtocolError, match="no response") as caught:
        exchange.receive_text(text)
    assert caught.value.close_code == 1002
    assert exchange.receive_text(WITHOUT_TEXT) == []


def test_a_broken_response_is_refused() -> None:
    exchange = ServiceExchange()
    with pytest.raises(RemoteProtocolError, match=r"response\.requestId is missing"):
        exchange.receive_text('{"response":{"statusCode":200}}')
    assert exchange.receive_text(WITHOUT_TEXT) == []


def test_a_rendezvous_that_ends_without_a_response_is_an_error() -> None:
    with pytest.raises(RemoteProtocolError, match="closed with code 1000 before a response"):
        ServiceExchange().receive_close(1000)
    with pytest.raises(RemoteProtocolError, match="lost before a response"):
        ServiceExchange().connection_lost()


# --- properties ------------------------------------------------------------------------------------------------------

texts = st.sampled_from([WITH_BODY_TEXT, WITHOUT_TEXT, RENEWAL_TEXT, "{}", "junk"]) | st.text()
inputs = st.lists(texts | st.binary(max_size=3) | st.none() | st.integers(1000, 1011), max_size=8)


@given(inputs)
def test_a_channel_survives_anything_and_answers_for_nothing_twice(
    steps: list[str | bytes | int | None],
) -> None:
    channel = ServiceChannel()
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
    exchange = ServiceExchange()
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
    assert kinds[:1] in ([], [ResponseStarted])
    assert ResponseStarted not in kinds[1:]
    assert BodyEnded not in kinds[:-1]
