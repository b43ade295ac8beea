"""Relayed WebSockets: rows 4, 9, 10, 11 and 13 of protocol reference §16, and the pumping rules of §4.3."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from urllib.parse import quote

import pytest

from tests.support.gateways import RunningGateway, running_gateway
from tests.support.raw_relay import RawListener
from tests.support.raw_stream import End
from tests.support.raw_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    RawWebSocket,
    close_payload,
    frame,
)

BOTH_WAYS = pytest.mark.parametrize("way", ["sender to listener", "listener to sender"])

LARGEST_FRAGMENT = 128 * 1024


@pytest.fixture
async def listener(relay: RunningGateway) -> RawListener:
    return await relay.listen("hc")


@pytest.fixture
async def joined(relay: RunningGateway, listener: RawListener) -> tuple[RawWebSocket, RawWebSocket]:
    """The sender's end and the listener's end of a relayed connection."""
    return await relay.pair(listener)


def ends(joined: tuple[RawWebSocket, RawWebSocket], way: str) -> tuple[RawWebSocket, RawWebSocket]:
    """The end that writes in this test, and the end that reads."""
    sender, far = joined
    return (sender, far) if way == "sender to listener" else (far, sender)


# --- row 4: accept -----------------------------------------------------------------------------------------------------


async def test_a_handshake_that_makes_an_accept_too_long_is_refused(
    relay: RunningGateway, listener: RawListener
):
    """Microsoft's listeners leave over a message of 64 KiB: no sender may make them."""
    headers = [("X-A", "\xff" * 31_000)]  # two bytes each in UTF-8
    handshake = await relay.connecting("hc", query="q=" + "<" * 2_000, headers=headers)
    assert (await handshake.refusal()).status == 431
    await relay.pair(listener)


async def test_row_4_an_accept_has_everything_that_sdks_need(relay: RunningGateway, listener: RawListener):
    guid = str(uuid.uuid4())
    headers = [("User-Agent", "raw/1"), ("X-Number", "42")]
    waiting = await relay.connecting("hc", id_=guid, headers=headers)
    accept = await listener.expect("accept")
    assert list(accept.fields) == ["address", "id", "connectHeaders", "remoteEndpoint"]
    assert accept.id.startswith(guid)
    assert accept.fields["remoteEndpoint"] == {"address": "127.0.0.1", "port": waiting.stream.local_port}
    connect_headers = accept.fields["connectHeaders"]
    assert all(isinstance(value, str) for value in connect_headers.values())
    assert connect_headers["Host"] == relay.host
    assert connect_headers["Upgrade"] == "websocket"
    assert connect_headers["Connection"] == "Upgrade"
    assert connect_headers["Sec-WebSocket-Version"] == "13"
    assert len(connect_headers["Sec-WebSocket-Key"]) == 24
    assert connect_headers["User-Agent"] == "raw/1"
    assert connect_headers["X-Number"] == "42"
    assert "ServiceBusAuthorization" not in connect_headers


async def test_row_4_header_names_are_spelled_as_java_looks_them_up(
    relay: RunningGateway, listener: RawListener
):
    odd = [
        ("SEC-WEBSOCKET-PROTOCOL", "a"),
        ("sec-websocket-protocol", "b"),
        ("x-MiXed", "kept"),
        ("X-Twice", "1"),
        ("X-Twice", "2"),
    ]
    await relay.connecting("hc", headers=odd)
    connect_headers = (await listener.expect("accept")).fields["connectHeaders"]
    assert connect_headers["Sec-WebSocket-Protocol"] == "a, b"
    assert connect_headers["x-MiXed"] == "kept"
    assert connect_headers["X-Twice"] == "1, 2"


@pytest.mark.parametrize("id_", ["nonsense", "x" * 36, "%00", "../../.."])
async def test_row_4_the_id_begins_with_a_guid_whatever_the_sender_calls_itself(
    relay: RunningGateway, listener: RawListener, id_: str
):
    await relay.connecting("hc", id_=id_)
    accept = await listener.expect("accept")
    uuid.UUID(accept.id[:36])
    assert f"sb-hc-id={accept.id}" in accept.address


async def test_row_4_the_address_has_the_sender_s_path_and_query_and_is_one_uri(
    relay: RunningGateway, listener: RawListener
):
    await relay.connecting("hc/deeper/ä b".replace("ä", "%C3%A4").replace(" ", "%20"), query="user=1&x=%20+y")
    accept = await listener.expect("accept")
    assert accept.address.startswith(
        f"ws://{relay.host}/$hc/hc/deeper/%C3%A4%20b?user=1&x=%20+y&sb-hc-action=accept&sb-hc-id={accept.id}"
    )
    assert accept.address.isascii()
    assert " " not in accept.address
    # Java splits at every "=" and fails where a part has two (§4.1)
    assert all(part.count("=") == 1 for part in accept.address.partition("?")[2].split("&"))


async def test_the_address_cannot_be_guessed_from_what_the_sender_knows(
    relay: RunningGateway, listener: RawListener
):
    guid = str(uuid.uuid4())
    waiting = await relay.connecting("hc", id_=guid)
    accept = await listener.expect("accept")
    for guess in (f"sb-hc-action=accept&sb-hc-id={guid}", f"sb-hc-action=accept&sb-hc-id={accept.id}"):
        response = await (await relay.upgrading(f"/$hc/hc?{guess}")).refusal()
        assert response.status == 403
    # the sender was not disturbed by that
    far = await listener.rendezvous(accept.address)
    sender = await waiting.answer()
    await sender.send_text("still here")
    assert (await far.read_message()).text == "still here"


@pytest.mark.parametrize("action", ["accept", "request"])
async def test_an_address_is_good_once(relay: RunningGateway, listener: RawListener, action: str):
    if action == "accept":
        await relay.connecting("hc")
    else:
        http = await relay.http()
        await http.send_head("POST", "/hc", [*relay.authorization(), ("Transfer-Encoding", "chunked")])
    address = (await listener.read_command()).address
    await listener.rendezvous(address)
    response = await (await listener.come(address)).refusal()
    assert response.status == 403
    assert "TrackingId:" in response.reason


async def test_an_address_for_one_gesture_is_no_good_for_another(
    relay: RunningGateway, listener: RawListener
):
    waiting = await relay.connecting("hc")
    address = (await listener.expect("accept")).address
    other = address.replace("sb-hc-action=accept", "sb-hc-action=request")
    assert (await (await listener.come(other)).refusal()).status == 403
    await waiting.stream.close()


async def test_a_sender_that_gives_up_is_not_met_any_more(relay: RunningGateway, listener: RawListener):
    waiting = await relay.connecting("hc")
    address = (await listener.expect("accept")).address
    waiting.stream.reset()
    # the sender's end and a later request arrive in this order
    assert (await relay.ask("GET", "/hc")).status == 401
    assert (await (await listener.come(address)).refusal()).status == 403


async def test_an_address_that_was_not_used_in_time_is_no_good():
    async with running_gateway(rendezvous_validity_s=0.2) as relay:
        await relay.create("hc")
        listener = await relay.listen("hc")
        waiting = await relay.connecting("hc")
        address = (await listener.expect("accept")).address
        response = await waiting.refusal()
        assert response.status == 504
        assert response.reason.startswith(
            "None of the connected listeners accepted the connection within the allowed timeout. TrackingId:"
        )
        assert (await (await listener.come(address)).refusal()).status == 403


# --- rows 9 and 10: rejection --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["sb-hc-", ""])
@pytest.mark.parametrize("space", ["+", "%20"])
async def test_row_9_a_rejection_reaches_the_sender_in_every_spelling(
    relay: RunningGateway, listener: RawListener, prefix: str, space: str
):
    waiting = await relay.connecting("hc")
    address = (await listener.expect("accept")).address
    answer = await listener.reject(address, 403, "No thanks: 1+1=2 & more", prefix=prefix, space=space)
    # row 10
    assert answer.status == 410
    response = await waiting.refusal()
    assert response.status == 403
    assert response.reason == "No thanks: 1+1=2 & more"


async def test_row_10_the_listener_is_told_gone_and_its_connection_ends(
    relay: RunningGateway, listener: RawListener
):
    waiting = await relay.connecting("hc")
    address = (await listener.expect("accept")).address
    coming = await listener.come(
        f"{address}&sb-hc-statusCode=400&sb-hc-statusDescription=Rejected+by+user+code"
    )
    answer = await coming.refusal()
    assert (answer.status, answer.reason.split(" ")[0].rstrip(".")) == (410, "Gone")
    assert await coming.stream.end() is End.FIN
    response = await waiting.refusal()
    assert (response.status, response.reason) == (400, "Rejected by user code")


@pytest.mark.parametrize("status", [400, 401, 404, 418, 450, 500, 502, 599])
async def test_row_10_the_sender_gets_any_status(relay: RunningGateway, listener: RawListener, status: int):
    waiting = await relay.connecting("hc")
    await listener.reject((await listener.expect("accept")).address, status, "As I said")
    response = await waiting.refusal()
    assert (response.status, response.reason) == (status, "As I said")


async def test_row_10_a_rejection_may_come_without_a_text(relay: RunningGateway, listener: RawListener):
    waiting = await relay.connecting("hc")
    address = (await listener.expect("accept")).address
    assert (await (await listener.come(f"{address}&sb-hc-statusCode=409")).refusal()).status == 410
    assert (await waiting.refusal()).status == 409


@pytest.mark.parametrize("status", ["abc", "99", "1000", "", "-403", "4.5", "٤٠٣"])
async def test_row_9_a_status_that_is_none_is_refused_and_the_sender_waits_on(
    relay: RunningGateway, listener: RawListener, status: str
):
    waiting = await relay.connecting("hc")
    address = (await listener.expect("accept")).address
    coming = await listener.come(f"{address}&sb-hc-statusCode={quote(status)}")
    assert (await coming.refusal()).status == 400
    assert waiting.stream.unread_bytes == 0
    await waiting.stream.close()


async def test_row_9_a_sender_s_own_status_code_is_not_a_rejection(
    relay: RunningGateway, listener: RawListener
):
    """Only what stands behind the one-time id is the listener's (§1.2)."""
    waiting = await relay.connecting("hc", query="statusCode=403&statusDescription=mine")
    far = await listener.accept()
    sender = await waiting.answer()
    await sender.send_text("hello")
    assert (await far.read_message()).text == "hello"


async def test_row_10_a_text_with_line_breaks_cannot_add_headers(
    relay: RunningGateway, listener: RawListener
):
    waiting = await relay.connecting("hc")
    await listener.reject((await listener.expect("accept")).address, 403, "a\r\nX-Evil: 1\r\n\r\nbody")
    response = await waiting.refusal()
    assert response.status == 403
    assert response.values("x-evil") == []


async def test_parameters_of_a_rejection_mean_nothing_after_an_accept(
    relay: RunningGateway, listener: RawListener
):
    waiting = await relay.connecting("hc")
    address = (await listener.expect("accept")).address
    far = await listener.rendezvous(address)
    sender = await waiting.answer()
    response = await listener.reject(address, 403, "too late")
    assert response.status == 403  # used
    await sender.send_text("hello")
    assert (await far.read_message()).text == "hello"


# --- a listener that is lost before it came --------------------------------------------------------------------------------


async def test_another_listener_is_asked_when_the_first_vanishes_before_it_came(relay: RunningGateway):
    first = await relay.listen("hc")
    waiting = await relay.connecting("hc")
    address = (await first.expect("accept")).address
    second = await relay.listen("hc")
    await first.close()
    far = await second.accept()
    sender = await waiting.answer()
    await sender.send_text("hello")
    assert (await far.read_message()).text == "hello"
    assert (await (await first.come(address)).refusal()).status == 403


async def test_a_sender_is_told_at_once_when_its_only_listener_vanishes(
    relay: RunningGateway, listener: RawListener
):
    waiting = await relay.connecting("hc")
    await listener.expect("accept")
    listener.socket.stream.reset()
    response = await waiting.refusal()
    assert response.status in (404, 502, 504)
    assert "TrackingId:" in response.reason


# --- row 11: half-close and abort ----------------------------------------------------------------------------------------


@BOTH_WAYS
async def test_row_11_a_close_ends_one_direction_only(joined: tuple[RawWebSocket, RawWebSocket], way: str):
    near, far = ends(joined, way)
    await near.send_text("last words")
    await near.send_close(4321, "das Ende äöü")
    assert (await far.read_message()).text == "last words"
    closed = await far.read_close()
    assert (closed.code, closed.reason) == (4321, "das Ende äöü")
    for size in (1, 100_000, 0):
        await far.send_binary(bytes(size))
        assert (await near.read_message()).data == bytes(size)
    await far.send_close(1000, "and mine")
    answer = await near.read_close()
    assert (answer.code, answer.reason) == (1000, "and mine")
    assert await near.end() is End.FIN
    assert await far.end() is End.FIN


@BOTH_WAYS
async def test_row_11_a_close_without_a_code_stays_one(joined: tuple[RawWebSocket, RawWebSocket], way: str):
    near, far = ends(joined, way)
    await near.send_close(None)
    assert (await far.read_close()).payload == b""
    await far.send_close(None)
    assert (await near.read_close()).payload == b""


@BOTH_WAYS
@pytest.mark.parametrize("code", [1000, 1001, 1003, 1008, 1011, 3000, 3999, 4000, 4999])
async def test_row_11_close_codes_pass(joined: tuple[RawWebSocket, RawWebSocket], way: str, code: int):
    near, far = ends(joined, way)
    await near.send_close(code, "x" * 123)
    closed = await far.read_close()
    assert (closed.code, closed.reason) == (code, "x" * 123)


@BOTH_WAYS
async def test_row_11_pings_are_answered_while_one_direction_is_closed(
    joined: tuple[RawWebSocket, RawWebSocket], way: str
):
    near, far = ends(joined, way)
    await near.send_close(1000)
    await far.read_close()
    assert await far.barrier() == []


@BOTH_WAYS
@pytest.mark.parametrize("how", ["reset", "end of TCP"])
async def test_row_11_an_abort_is_an_abort_on_the_other_side(
    joined: tuple[RawWebSocket, RawWebSocket], way: str, how: str
):
    """No Close frame: .NET's reader has to see an exception, not a clean end."""
    near, far = ends(joined, way)
    await near.send_text("before")
    assert (await far.read_message()).text == "before"
    if how == "reset":
        near.stream.reset()
    else:
        near.stream.half_close()
    await far.end()


@BOTH_WAYS
async def test_row_11_the_end_of_tcp_behind_a_close_is_no_abort(
    joined: tuple[RawWebSocket, RawWebSocket], way: str
):
    """Jetty, and so Java's SDK, ends its half of TCP right behind its Close, and waits for the answer."""
    near, far = ends(joined, way)
    await near.send_close(1000, "bye")
    near.stream.half_close()
    assert (await far.read_close()).reason == "bye"
    assert await far.barrier() == []
    await far.send_close(1000, "bye, too")
    assert (await near.read_close()).reason == "bye, too"
    assert await near.end() is End.FIN
    assert await far.end() is End.FIN


@BOTH_WAYS
async def test_row_11_an_abort_inside_a_frame_is_an_abort(
    joined: tuple[RawWebSocket, RawWebSocket], way: str
):
    near, far = ends(joined, way)
    near.stream.write(frame(BINARY, b"x" * 1000)[:500])
    near.stream.half_close()
    data, _ = await far.stream.read_to_end()
    assert len(data) < 1000, "a frame that was cut has become whole"
    assert not data.startswith(bytes([0x80 | CLOSE]))


@BOTH_WAYS
async def test_row_11_an_abort_after_a_half_close_ends_the_other_side_without_an_answer(
    joined: tuple[RawWebSocket, RawWebSocket], way: str
):
    near, far = ends(joined, way)
    await near.send_close(1000)
    await far.read_close()
    far.stream.reset()
    await near.end()


# --- row 13: what is said on the control channel ----------------------------------------------------------------------------


async def test_row_13_commands_have_only_the_keys_that_java_knows(
    relay: RunningGateway, listener: RawListener
):
    await relay.connecting("hc")
    http = await relay.http()
    await http.send("POST", "/hc", relay.authorization(), b"body")
    big = await relay.http()
    await big.send_head("POST", "/hc", [*relay.authorization(), ("Transfer-Encoding", "chunked")])
    known = {
        "accept": {"address", "id", "connectHeaders", "remoteEndpoint"},
        "request": {
            "address",
            "id",
            "requestTarget",
            "method",
            "remoteEndpoint",
            "requestHeaders",
            "body",
        },
    }
    for _ in range(3):
        command = await listener.read_command()
        assert set(command.fields) <= known[command.name]


@pytest.mark.parametrize(
    "text",
    [
        '{"message": "hello from the Python sample"}',
        '{"injectFault": {"delay": 5}}',
        '{"somethingNew": {"a": [1, {"b": null}]}}',
        "{}",
        '{"response": {"requestId": "nobody-asked", "statusCode": 200, "body": false}}',
        '{"response": {"requestId": "nobody-asked", "statusCode": 200, "body": false, "future": 1}}',
    ],
)
async def test_row_13_what_a_listener_says_that_is_not_known_is_ignored(
    relay: RunningGateway, listener: RawListener, text: str
):
    await listener.socket.send_text(text)
    sender, far = await relay.pair(listener)
    await sender.send_text("hello")
    assert (await far.read_message()).text == "hello"


async def test_row_13_a_late_response_is_ignored_with_its_body(relay: RunningGateway, listener: RawListener):
    late = {"response": {"requestId": "nobody-asked", "statusCode": 200, "body": True}}
    await listener.socket.send_text(json.dumps(late))
    await listener.socket.send_binary(b"body of nobody's answer")
    http = await relay.http()
    await http.send("GET", "/hc", relay.authorization())
    await listener.answer(await listener.expect("request"), 200, b"mine")
    assert (await http.read_response()).body == b"mine"


async def test_stray_binary_messages_and_pongs_are_ignored(relay: RunningGateway, listener: RawListener):
    await listener.socket.send_binary(b"")
    await listener.socket.send_frame(PONG, b"unsolicited")
    sender, far = await relay.pair(listener)
    await sender.send_text("hello")
    assert (await far.read_message()).text == "hello"


# --- messages --------------------------------------------------------------------------------------------------------------


@BOTH_WAYS
async def test_text_and_binary_messages_of_all_sizes_arrive_as_they_were_sent(
    joined: tuple[RawWebSocket, RawWebSocket], way: str
):
    near, far = ends(joined, way)
    sizes = [0, 1, 3, 4, 125, 126, 127, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 400_000]
    for index, size in enumerate(sizes):
        opcode = TEXT if index % 2 else BINARY
        data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
        near.stream.write(frame(opcode, data))
        message = await far.read_message()
        assert (message.opcode, message.data) == (opcode, data)
        assert 0 not in message.frame_sizes[1:], "an empty frame that nobody sent"
        assert max(message.frame_sizes) <= LARGEST_FRAGMENT
        if size <= LARGEST_FRAGMENT:
            assert len(message.frame_sizes) == 1, "a frame of up to 128 KiB passes uncut"


@BOTH_WAYS
async def test_the_boundaries_of_messages_are_kept(joined: tuple[RawWebSocket, RawWebSocket], way: str):
    near, far = ends(joined, way)
    sent = [b"a", b"", b"bc", b"", b"", b"d" * 70_000, b"e"]
    near.stream.write(b"".join(frame(BINARY, data) for data in sent))
    assert [(await far.read_message()).data for _ in sent] == sent


@BOTH_WAYS
async def test_fragments_stay_one_message_and_each_is_passed_on_as_it_comes(
    joined: tuple[RawWebSocket, RawWebSocket], way: str
):
    near, far = ends(joined, way)
    await near.send_frame(TEXT, b"one ", fin=False)
    first = await far.read_frame_but_pings()
    assert (first.opcode, first.fin, first.payload) == (TEXT, False, b"one ")
    await near.send_frame(CONTINUATION, b"two ", fin=False)
    assert (await far.read_frame_but_pings()).payload == b"two "
    await near.send_frame(CONTINUATION, b"", fin=False)
    await near.send_frame(CONTINUATION, b"three", fin=True)
    rest = b""
    while not (received := await far.read_frame_but_pings()).fin:
        assert received.opcode == CONTINUATION
        rest += received.payload
    assert (received.opcode, rest + received.payload) == (CONTINUATION, b"three")


@BOTH_WAYS
async def test_an_empty_last_fragment_is_passed_on_because_the_peer_sent_it(
    joined: tuple[RawWebSocket, RawWebSocket], way: str
):
    near, far = ends(joined, way)
    await near.send_frame(BINARY, b"abc", fin=False)
    await near.send_frame(CONTINUATION, b"", fin=True)
    await near.send_text("next")
    first = await far.read_message()
    assert (first.opcode, first.data) == (BINARY, b"abc")
    assert (await far.read_message()).text == "next"


@BOTH_WAYS
async def test_a_frame_is_passed_on_before_all_of_it_is_there(
    joined: tuple[RawWebSocket, RawWebSocket], way: str
):
    """Nothing is put together in memory: a gigabyte in one frame flows like any other."""
    near, far = ends(joined, way)
    size = 1 << 30
    head = frame(BINARY, b"", length=size)
    near.stream.write(head + b"\0" * 300_000)
    first = await far.read_frame_but_pings()
    assert (first.opcode, first.fin) == (BINARY, False)
    assert 0 < len(first.payload) <= LARGEST_FRAGMENT
    second = await far.read_frame_but_pings()
    assert (second.opcode, second.fin) == (CONTINUATION, False)


# --- pings, pongs ---------------------------------------------------------------------------------------------------------


@BOTH_WAYS
async def test_a_ping_is_answered_on_its_own_hop(joined: tuple[RawWebSocket, RawWebSocket], way: str):
    near, far = ends(joined, way)
    await near.send_frame(PING, b"are you there?")
    answer = await near.read_frame()
    assert (answer.opcode, answer.payload) == (PONG, b"are you there?")
    await near.send_frame(PONG, b"unsolicited")
    await near.send_text("hello")
    first = await far.read_frame()
    assert (first.opcode, first.payload) == (TEXT, b"hello")


@BOTH_WAYS
async def test_control_frames_between_fragments_are_answered_at_once(
    joined: tuple[RawWebSocket, RawWebSocket], way: str
):
    near, far = ends(joined, way)
    await near.send_frame(TEXT, b"half", fin=False)
    assert await near.barrier() == []
    assert [received.payload for received in await far.barrier()] == [b"half"]
    await near.send_frame(CONTINUATION, b" and half", fin=True)
    await far.send_text("other way")
    assert (await near.read_message()).text == "other way"


@BOTH_WAYS
async def test_a_pong_goes_out_between_the_fragments_of_a_long_frame(
    relay: RunningGateway, joined: tuple[RawWebSocket, RawWebSocket], way: str
):
    near, far = ends(joined, way)
    size = 1 << 20
    whole = frame(BINARY, b"x" * size)
    await near.stream.send(whole[:700_000])
    first = await far.read_frame()
    assert first.opcode == BINARY
    await far.send_frame(PING, b"in the middle")
    assert (
        await relay.ask("GET", "/hc")
    ).status == 401  # the gateway has seen the ping when it has seen this
    await near.stream.send(whole[700_000:])
    received = len(first.payload)
    opcodes = []
    while True:
        part = await far.read_frame()
        opcodes.append(part.opcode)
        if part.opcode == PONG:
            assert part.payload == b"in the middle"
            continue
        received += len(part.payload)
        if part.fin:
            break
    assert received == size
    assert opcodes.count(PONG) == 1
    assert opcodes.index(PONG) < len(opcodes) - 1, "the pong came before the frame's end"


# --- breaches of RFC 6455 -------------------------------------------------------------------------------------------------


@BOTH_WAYS
@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535])
async def test_codes_that_may_not_be_sent_end_in_1002_and_are_not_passed_on(
    joined: tuple[RawWebSocket, RawWebSocket], way: str, code: int
):
    near, far = ends(joined, way)
    await near.stream.send(frame(CLOSE, close_payload(code)))
    assert (await near.read_close()).code == 1002
    await _is_told_of_a_breach(far)


@BOTH_WAYS
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b"x", mask=None), 1002),
        (frame(BINARY, b"", mask=None), 1002),
        (frame(TEXT, b"x", rsv=4), 1002),
        (frame(TEXT, b"x", rsv=2), 1002),
        (frame(PING, b"x", rsv=1), 1002),
        (frame(0x3, b"x"), 1002),
        (frame(0xB, b"x"), 1002),
        (frame(PING, b"x", fin=False), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(CONTINUATION, b"x"), 1002),
        (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
        (frame(CLOSE, b"x"), 1002),
        (frame(CLOSE, b"\x03\xe8\xff\xfe"), 1007),
        (frame(BINARY, b"", length=1 << 63, length_bytes=8), 1002),
    ],
)
async def test_a_breach_is_answered_with_its_code_and_ends_the_relayed_connection(
    joined: tuple[RawWebSocket, RawWebSocket], way: str, sent: bytes, code: int
):
    near, far = ends(joined, way)
    await near.stream.send(sent)
    closed = await near.read_until_close()
    assert closed.code in {code, 1002}
    await near.end()
    await _is_told_of_a_breach(far)


async def _is_told_of_a_breach(socket: RawWebSocket) -> None:
    """An abort, or a Close whose code may be on the wire."""
    try:
        while (received := await socket.read_frame()).opcode != CLOSE:
            assert received.opcode in (TEXT, PING), received
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return
    assert received.code in (1001, 1002, 1007, 1011), received


# --- back-pressure -----------------------------------------------------------------------------------------------------------


@BOTH_WAYS
async def test_a_writer_is_held_back_by_a_reader_that_does_not_read(
    relay: RunningGateway, listener: RawListener, way: str
):
    """F8 at the size of a test: 64 MiB wait at their writer, everybody else goes on, then all of it arrives."""
    near, far = ends(await relay.pair(listener), way)
    piece = bytes(range(256)) * 1024
    count = 256
    digest = hashlib.sha256()
    for _ in range(count):
        near.stream.write(frame(BINARY, piece))
        digest.update(piece)
    other_near, other_far = await relay.pair(listener)
    left = await _settled(near, other_near, other_far)
    assert left > 40 << 20, "the gateway has taken what nobody reads"
    received = hashlib.sha256()
    for _ in range(count):
        message = await far.read_message()
        received.update(message.data)
    assert received.digest() == digest.digest()


async def _settled(writer: RawWebSocket, near: RawWebSocket, far: RawWebSocket) -> int:
    """How much *writer* cannot get rid of, seen when it has stood still for 20 round trips of the other connection."""
    unchanged, last = 0, -1
    while unchanged < 20:
        await near.send_text("tick")
        await far.read_message()
        await far.send_text("tock")
        await near.read_message()
        left = writer.stream.unsent_bytes
        unchanged = unchanged + 1 if left == last else 0
        last = left
    return last


@pytest.mark.no_cover  # 400,000 times the lines that others have covered
@pytest.mark.parametrize("door", ["sender", "rendezvous", "control channel"])
async def test_pongs_do_not_pile_up_for_a_peer_that_never_reads(
    relay: RunningGateway, listener: RawListener, door: str
):
    """Measured in two libraries: 124 MB of pings made 106 MiB of pongs. What is not read is not kept."""
    other_near, other_far = await relay.pair(listener)
    sender, far = await relay.pair(listener)
    silent = {"sender": sender, "rendezvous": far, "control channel": (await relay.listen("open")).socket}[
        door
    ]
    ping = frame(PING, b"p" * 125)
    pings = 400_000
    silent.stream.write(ping * pings)
    unsent = await _settled(silent, other_near, other_far)
    taken = pings - unsent // len(ping)
    silent.stream.half_close()
    received, _ = await silent.stream.read_to_end()
    assert taken >= 1
    # what the sockets of both ends hold, and one high-water mark
    assert len(received) < 16 << 20, f"{len(received)} bytes of pongs for {taken} pings"


async def test_a_client_that_never_reads_holds_up_nobody_else(relay: RunningGateway, listener: RawListener):
    sender, far = await relay.pair(listener)
    for _ in range(100):
        far.stream.write(frame(BINARY, bytes(1 << 20)))
    near, other = await relay.pair(listener)
    for _ in range(50):
        await near.send_text("hello")
        assert (await other.read_message()).text == "hello"
    http = await relay.http()
    await http.send("GET", "/hc", relay.authorization())
    await listener.answer(await listener.expect("request"))
    assert (await http.read_response()).status == 200
    assert sender.stream.unread_bytes > 0
