"""Relayed HTTP: rows 5, 6, 7, 8 and 15 of protocol reference §16, headers (§6.2), answers (§6.9), and cut bodies."""

from __future__ import annotations

import json
import re
import uuid

import pytest

from tests.support.gateways import RunningGateway, running_gateway
from tests.support.raw_http import RawHttp, chunk
from tests.support.raw_relay import Command, RawListener, response_text
from tests.support.raw_stream import End
from tests.support.raw_websocket import BINARY, CONTINUATION, TEXT, RawWebSocket, close_payload, frame

SMALL = 65_536  # the longest body on the control channel


@pytest.fixture
async def listener(relay: RunningGateway) -> RawListener:
    return await relay.listen("open")


@pytest.fixture
async def http(relay: RunningGateway) -> RawHttp:
    return await relay.http()


async def upload(http: RawHttp, listener: RawListener, method: str = "POST") -> RawWebSocket:
    """Begin a chunked request; returns its rendezvous with the request read."""
    await http.send_head(method, "/open", [("Transfer-Encoding", "chunked")])
    far = await listener.rendezvous((await listener.expect("request")).address)
    await read_request(far)
    return far


async def read_request(far: RawWebSocket) -> Command:
    """The request that the gateway says on a rendezvous."""
    [(name, fields)] = json.loads(text := (await far.read_message()).text).items()
    assert name == "request"
    return Command(name, fields, text, None)


# --- row 5 -------------------------------------------------------------------------------------------------------------


async def test_row_5_a_full_request_always_says_whether_there_is_a_body(http: RawHttp, listener: RawListener):
    order = ["address", "id", "requestTarget", "method", "remoteEndpoint", "requestHeaders", "body"]
    await http.send("GET", "/open/x?y=1")
    request = await listener.expect("request")
    assert list(request.fields) == order
    assert request.fields["body"] is False
    assert request.fields["method"] == "GET"
    assert request.fields["requestTarget"] == "/open/x?y=1"
    assert request.fields["remoteEndpoint"] == {"address": "127.0.0.1", "port": http.stream.local_port}
    uuid.UUID(request.id[:36])
    assert f"sb-hc-action=request&sb-hc-id={request.id}" in request.address
    await listener.answer(request)
    await http.read_response()
    await http.send("POST", "/open", body=b"data")
    request = await listener.expect("request")
    assert list(request.fields) == order
    assert request.fields["body"] is True
    assert request.body == b"data"


async def test_row_5_an_address_only_request_has_nothing_else(http: RawHttp, listener: RawListener):
    await http.send_head("POST", "/open", [("Transfer-Encoding", "chunked")])
    request = await listener.expect("request")
    assert list(request.fields) == ["address"]


# --- row 6 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 125, 126, 65_535, 65_536])
async def test_row_6_a_small_body_crosses_on_the_control_channel(
    http: RawHttp, listener: RawListener, size: int
):
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    await http.send("POST", "/open", body=body)
    request = await listener.expect("request")
    assert request.body == body
    await listener.answer(request, 200, body)
    response = await http.read_response()
    assert response.body == body
    assert response.header("content-length") == str(size)


@pytest.mark.parametrize("size", [65_537, 131_072, 1_000_000])
async def test_row_6_one_byte_more_goes_by_rendezvous(http: RawHttp, listener: RawListener, size: int):
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    http.stream.write(b"POST /open HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size + body)
    only = await listener.expect("request")
    assert list(only.fields) == ["address"]
    far = await listener.rendezvous(only.address)
    request = await read_request(far)
    assert request.fields["body"] is True
    assert request.fields["method"] == "POST"
    message = await far.read_message()
    assert message.opcode == BINARY
    assert message.data == body
    assert max(message.frame_sizes) <= 128 * 1024
    await far.send_text(response_text(request.id, statusCode=200, body=True))
    await far.send_binary(body)
    response = await http.read_response()
    assert response.body == body
    assert not response.is_cut


async def test_row_6_a_chunked_body_goes_by_rendezvous_and_streams(http: RawHttp, listener: RawListener):
    """Each piece is there before the next one is written."""
    far = await upload(http, listener)
    received: list[bytes] = []
    for piece in (b"one", b"two", b"three" * 30_000):
        await http.stream.send(chunk(piece))
        taken = b""
        while len(taken) < len(piece):
            part = await far.read_frame_but_pings()
            assert part.opcode == (CONTINUATION if received or taken else BINARY)
            assert not part.fin
            taken += part.payload
        received.append(taken)
    await http.stream.send(chunk(b""))
    last = await far.read_frame_but_pings()
    assert (last.fin, last.payload) == (True, b"")
    assert received == [b"one", b"two", b"three" * 30_000]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "POST"])
async def test_row_6_without_a_body_it_is_never_a_rendezvous(
    http: RawHttp, listener: RawListener, method: str
):
    """Java's listener fails where a request without a body comes by rendezvous."""
    await http.send(method, "/open")
    request = await listener.expect("request")
    assert request.fields["body"] is False
    assert request.fields["method"] == method
    await listener.answer(request)
    assert (await http.read_response(method)).status == 200


async def test_row_6_an_empty_chunked_body_is_answered_either_way(http: RawHttp, listener: RawListener):
    await http.send_head("POST", "/open", [("Transfer-Encoding", "chunked")])
    await http.stream.send(chunk(b""))
    request = await listener.expect("request")
    if list(request.fields) == ["address"]:
        far = await listener.rendezvous(request.address)
        request = await read_request(far)
        assert request.fields["body"] is True
        assert (await far.read_message()).data == b""
        await far.send_text(response_text(request.id, statusCode=204, body=False))
    else:
        assert request.body in (None, b"")
        await listener.answer(request, 204)
    assert (await http.read_response()).status == 204


async def test_row_6_a_request_that_promises_nothing_is_one_without_a_body(
    http: RawHttp, listener: RawListener
):
    """Java's client turns a GET into a POST with Content-Length 0 (§7)."""
    await http.send("POST", "/open", body=b"")
    request = await listener.expect("request")
    assert request.body in (None, b"")
    await listener.answer(request, 200, b"")
    assert (await http.read_response()).body == b""


# --- rows 7 and 8: how listeners end their bodies -----------------------------------------------------------------------


async def test_row_7_an_empty_body_is_an_empty_message(http: RawHttp, listener: RawListener):
    await http.send("GET", "/open")
    await listener.answer(await listener.expect("request"), 200, b"")
    response = await http.read_response()
    assert (response.status, response.body, response.header("content-length")) == (200, b"", "0")


@pytest.mark.parametrize("status", [200, 204, 304])
async def test_row_7_a_stray_empty_message_after_body_false_is_swallowed(
    http: RawHttp, listener: RawListener, status: int
):
    """Node sends one after every answer without a body."""
    for _ in range(3):
        await http.send("GET", "/open")
        await listener.answer(await listener.expect("request"), status)
        await listener.socket.send_binary(b"")
        response = await http.read_response()
        assert (response.status, response.body) == (status, b"")


async def test_row_7_a_body_in_fragments_on_the_control_channel_is_one_body(
    http: RawHttp, listener: RawListener
):
    """Node streams small answers so: frames without FIN, and an empty last one."""
    await http.send("GET", "/open")
    request = await listener.expect("request")
    await listener.socket.send_text(response_text(request.id, statusCode=200, body=True))
    await listener.socket.send_frame(BINARY, b"one ", fin=False)
    await listener.socket.send_frame(CONTINUATION, b"two", fin=False)
    await listener.socket.send_frame(CONTINUATION, b"", fin=True)
    assert (await http.read_response()).body == b"one two"


async def test_row_8_a_java_body_ends_with_a_normal_close(http: RawHttp, listener: RawListener):
    """It never sends a frame with FIN."""
    far = await upload(http, listener)
    await http.stream.send(chunk(b""))
    await far.read_message()
    await far.send_text(response_text("x", body=True, statusCode=200, statusDescription=None))
    await far.send_frame(BINARY, b"java ", fin=False)
    await far.send_frame(CONTINUATION, b"body", fin=False)
    await far.send_close(1000, "NormalClosure")
    response = await http.read_response()
    assert (response.body, response.is_cut) == (b"java body", False)


async def test_row_8_a_dotnet_body_ends_with_an_empty_frame_and_then_a_close(
    http: RawHttp, listener: RawListener
):
    far = await upload(http, listener)
    await http.stream.send(chunk(b""))
    await far.read_message()
    await far.send_text(response_text("x", statusCode=200, body=True))
    await far.send_frame(BINARY, b"net ", fin=False)
    await far.send_frame(CONTINUATION, b"body", fin=False)
    await far.send_frame(CONTINUATION, b"", fin=True)
    await far.send_close(1000, "NormalClosure")
    response = await http.read_response()
    assert (response.body, response.is_cut) == (b"net body", False)
    assert (await far.read_until_close()).code in (1000, None)
    # the sender's connection goes on
    await http.send("GET", "/open")
    await listener.answer(await listener.expect("request"), 200, b"next")
    assert (await http.read_response()).body == b"next"


async def test_row_8_a_node_rendezvous_stays_open_and_harms_nobody(http: RawHttp, listener: RawListener):
    far = await upload(http, listener)
    await http.stream.send(chunk(b""))
    await far.read_message()
    await far.send_text(response_text("x", statusCode=200, body=True))
    await far.send_binary(b"node body")
    assert (await http.read_response()).body == b"node body"
    await http.send("GET", "/open")
    await listener.answer(await listener.expect("request"), 200, b"next")
    assert (await http.read_response()).body == b"next"


@pytest.mark.parametrize("close", [None, close_payload(1000, "done")])
async def test_a_response_without_a_body_on_a_rendezvous(
    http: RawHttp, listener: RawListener, close: bytes | None
):
    far = await upload(http, listener)
    await http.stream.send(chunk(b"x") + chunk(b""))
    await far.read_message()
    sent = frame(TEXT, response_text("x", statusCode=202, body=False).encode())
    await far.stream.send(sent if close is None else sent + frame(0x8, close))
    response = await http.read_response()
    assert (response.status, response.body, response.is_cut) == (202, b"", False)


async def test_a_listener_may_answer_before_the_upload_has_ended(http: RawHttp, listener: RawListener):
    far = await upload(http, listener)
    await http.stream.send(chunk(b"first"))
    await far.read_frame_but_pings()
    await far.send_text(response_text("x", statusCode=413, statusDescription="Enough", body=True))
    await far.send_binary(b"too much")
    response = await http.read_response()
    assert (response.status, response.reason, response.body) == (413, "Enough", b"too much")


# --- a small request, answered by rendezvous (§6.7) ----------------------------------------------------------------------


async def test_a_small_request_can_be_answered_by_rendezvous(http: RawHttp, listener: RawListener):
    await http.send("GET", "/open")
    request = await listener.expect("request")
    far = await listener.rendezvous(request.address)
    assert await far.barrier() == [], "the gateway says nothing on a socket that a listener opened"
    body = b"0123456789" * 100_000
    await far.send_text(response_text(request.id, statusCode=200, body=True))
    await far.send_binary(body)
    response = await http.read_response()
    assert (response.body, response.is_cut) == (body, False)
    assert response.header("transfer-encoding") == "chunked"


async def test_a_server_sent_event_is_there_before_the_next_is_written(http: RawHttp, listener: RawListener):
    await http.send("GET", "/open", [("Accept", "text/event-stream")])
    request = await listener.expect("request")
    far = await listener.rendezvous(request.address)
    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
    await far.send_text(response_text(request.id, statusCode=200, responseHeaders=headers, body=True))
    head = await http.read_head()
    assert head.header("content-type") == "text/event-stream"
    for number in range(5):
        event = b"data: %d\n\n" % number
        await far.send_frame(CONTINUATION if number else BINARY, event, fin=False)
        assert await http.read_chunk() == event
    await far.send_close(1000)
    assert await http.read_chunk() == b""


async def test_events_over_http_1_0_stream_up_to_the_end_of_the_connection(
    relay: RunningGateway, listener: RawListener
):
    http = await relay.http()
    await http.stream.send(b"GET /open HTTP/1.0\r\nHost: h\r\n\r\n")
    request = await listener.expect("request")
    far = await listener.rendezvous(request.address)
    await far.send_text(response_text(request.id, statusCode=200, body=True))
    head = await http.read_head()
    assert head.values("transfer-encoding") == []
    await far.send_frame(BINARY, b"one", fin=False)
    assert await http.stream.read_exactly(3) == b"one"
    await far.send_frame(CONTINUATION, b"two", fin=True)
    assert await http.stream.read_to_end() == (b"two", End.FIN)


# --- cut bodies are seen as cut (F16) --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["reset", "end of TCP", "close 1011", "close 1001", "close without a code"])
@pytest.mark.parametrize("size", [0, 1, 100_000])
async def test_a_response_that_is_cut_looks_cut(http: RawHttp, listener: RawListener, how: str, size: int):
    await http.send("GET", "/open")
    request = await listener.expect("request")
    far = await listener.rendezvous(request.address)
    await far.send_text(response_text(request.id, statusCode=200, body=True))
    response = await http.read_head()
    await far.send_frame(BINARY, b"x" * size, fin=False)
    while len(response.body) < size:
        response.body += await http.read_chunk()
    if how == "reset":
        far.stream.reset()
    elif how == "end of TCP":
        far.stream.half_close()
    else:
        await far.send_close({"close 1011": 1011, "close 1001": 1001}.get(how))
    await http.read_body(response)
    assert response.is_cut, response
    assert response.body == b"x" * size


async def test_a_response_whose_listener_promises_a_length_is_cut_all_the_same(
    http: RawHttp, listener: RawListener
):
    await http.send("GET", "/open")
    request = await listener.expect("request")
    far = await listener.rendezvous(request.address)
    headers = {"Content-Length": "10"}
    await far.send_text(response_text(request.id, statusCode=200, responseHeaders=headers, body=True))
    await far.send_frame(BINARY, b"12345", fin=False)
    response = await http.read_head()
    far.stream.reset()
    await http.read_body(response)
    assert response.is_cut


async def test_a_cut_in_the_middle_of_a_frame_is_a_cut(http: RawHttp, listener: RawListener):
    await http.send("GET", "/open")
    request = await listener.expect("request")
    far = await listener.rendezvous(request.address)
    await far.send_text(response_text(request.id, statusCode=200, body=True))
    response = await http.read_head()
    await far.stream.send(frame(BINARY, b"y" * 1000)[:700])
    far.stream.half_close()
    await http.read_body(response)
    assert response.is_cut


@pytest.mark.parametrize("how", ["reset", "end of TCP"])
@pytest.mark.parametrize("framing", ["chunked", "length"])
async def test_a_request_that_is_cut_is_not_a_whole_one_for_the_listener(
    http: RawHttp, listener: RawListener, how: str, framing: str
):
    head = ("Transfer-Encoding", "chunked") if framing == "chunked" else ("Content-Length", "100000")
    await http.send_head("POST", "/open", [head])
    far = await listener.rendezvous((await listener.expect("request")).address)
    await read_request(far)
    await http.stream.send(chunk(b"half") if framing == "chunked" else b"half")
    part = await far.read_frame_but_pings()
    assert (part.payload, part.fin) == (b"half", False)
    if how == "reset":
        http.stream.reset()
    else:
        http.stream.half_close()
    await _ends_without_a_last_frame(far)


async def _ends_without_a_last_frame(far: RawWebSocket) -> None:
    """An abort, or a Close that is not a normal one: Java and .NET take 1000 for the body's end."""
    data, _ = await far.stream.read_to_end()
    if data:
        assert data[0] == 0x88, data
        assert int.from_bytes(data[2:4], "big") in (1001, 1002, 1011), data


async def test_a_small_request_that_is_cut_never_reaches_a_listener(
    relay: RunningGateway, http: RawHttp, listener: RawListener
):
    await http.send_head("POST", "/open/cut", [("Content-Length", "10")])
    await http.stream.send(b"12345")
    http.stream.half_close()
    other = await relay.http()
    await other.send("GET", "/open/whole")
    assert (await listener.expect("request")).fields["requestTarget"] == "/open/whole"


# --- F1, F20: the listener is gone -----------------------------------------------------------------------------------------


async def test_pending_requests_of_a_listener_that_is_killed_fail_at_once(relay: RunningGateway):
    listener = await relay.listen("open")
    pending = [await relay.http() for _ in range(50)]
    for http in pending:
        await http.send("POST", "/open", body=b"x")
    for _ in pending:
        await listener.expect("request")
    listener.socket.stream.reset()
    for http in pending:
        response = await http.read_response()
        assert response.status == 502
        assert response.values("via") == []
        assert response.error["message"] == response.reason
    assert (await relay.ask("GET", "/open")).status == 404


async def test_a_request_whose_listener_left_before_the_rendezvous_goes_to_another(relay: RunningGateway):
    """Not a byte of its body was sent to anybody."""
    first = await relay.listen("open")
    http = await relay.http()
    await http.send_head("POST", "/open", [("Transfer-Encoding", "chunked")])
    await http.stream.send(chunk(b"body") + chunk(b""))
    address = (await first.expect("request")).address
    second = await relay.listen("open")
    await first.close()
    far = await second.rendezvous((await second.expect("request")).address)
    request = await read_request(far)
    assert (await far.read_message()).data == b"body"
    await far.send_text(response_text(request.id, statusCode=200, body=False))
    assert (await http.read_response()).status == 200
    assert (await (await first.come(address)).refusal()).status == 403


async def test_a_body_that_was_sent_to_a_listener_is_not_sent_to_another(relay: RunningGateway):
    first = await relay.listen("open")
    http = await relay.http()
    await http.send("POST", "/open", body=b"pay once")
    await first.expect("request")
    second = await relay.listen("open")
    first.socket.stream.reset()
    assert (await http.read_response()).status == 502
    other = await relay.http()
    await other.send("GET", "/open/next")
    assert (await second.expect("request")).fields["requestTarget"] == "/open/next"


async def test_a_sender_that_leaves_while_it_waits_leaves_nothing_behind(
    relay: RunningGateway, http: RawHttp, listener: RawListener
):
    await http.send("GET", "/open")
    request = await listener.expect("request")
    http.stream.reset()
    assert (await relay.ask("GET", "/hc")).status == 401
    await listener.answer(request, 200, b"too late")
    again = await relay.http()
    await again.send("GET", "/open")
    await listener.answer(await listener.expect("request"), 200, b"mine")
    assert (await again.read_response()).body == b"mine"
    assert (await (await listener.come(request.address)).refusal()).status == 403


# --- row 15: targets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ("?a=1&b=2", "?a=1&b=2"),
        ("", ""),
        ("?", ""),
        ("?&&&", "?&&&"),
        ("?a=1&", "?a=1&"),
        ("?b=2&a=1&b=3", "?b=2&a=1&b=3"),
        ("?+", "?+"),
        ("?a=%2B&b=%2f%3a", "?a=%2B&b=%2f%3a"),
        ("?a=b=c", "?a=b=c"),
        ("?a?b=/c:@", "?a?b=/c:@"),
        ("?flag", "?flag"),
        ("?sb-hc-x", "?sb-hc-x"),
        ("?sb-hc-x=1", ""),
        ("?SB-HC-Id=7", ""),
        ("?sb%2Dhc%2dx=1&a=1", "?a=1"),
        ("?a=1&sb-hc-x=1&b=2", "?a=1&b=2"),
        ("?a=1&sb-hc-x=1", "?a=1"),
        ("?sb-hc-x=1&sb-hc-y=2&a", "?a"),
        ("?xsb-hc-a=1", "?xsb-hc-a=1"),
        ("?a=sb-hc-x=1", "?a=sb-hc-x=1"),
    ],
)
async def test_row_15_the_query_arrives_byte_for_byte(
    http: RawHttp, listener: RawListener, sent: str, received: str
):
    await http.send("GET", f"/open/x{sent}")
    request = await listener.expect("request")
    assert request.fields["requestTarget"] == f"/open/x{received}"


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ("/open/a%20b", "/open/a b"),
        ("/open/%C3%B8%e2%82%ac", "/open/ø€"),
        ("/OpEn/Case", "/OpEn/Case"),
        ("/open/", "/open/"),
        ("/open/%23%25%3F", "/open/%23%25%3F"),
        ("/open/%41%7a", "/open/Az"),
        ("/open/a+b", "/open/a+b"),
        ("/open/a;b=c,d@e:f!g$h'i(j)k*l~m", "/open/a;b=c,d@e:f!g$h'i(j)k*l~m"),
        ("/open/%22%3c%3E", '/open/"<>'),
    ],
)
async def test_row_15_the_path_arrives_decoded(
    http: RawHttp, listener: RawListener, sent: str, received: str
):
    """But for characters that would make it ambiguous (§6.3)."""
    await http.send("GET", sent)
    request = await listener.expect("request")
    assert request.fields["requestTarget"] == received


# --- headers ----------------------------------------------------------------------------------------------------------------


async def test_hop_by_hop_headers_stay_and_all_others_pass_unchanged(http: RawHttp, listener: RawListener):
    sent = [
        ("X-Case-Kept", "Value With Case"),
        ("x-lower", "1"),
        ("X-Twice", "a"),
        ("X-Twice", "b"),
        ("Cookie", "a=1"),
        ("Cookie", "b=2"),
        ("X-Latin", "gr\xfc\xdfe"),
        ("X!#$%&'*+-.^_`|~9", "token characters"),
        ("X-Empty", ""),
        ("TE", "trailers"),
        ("Trailer", "X-T"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Authorization", "Basic eA=="),
        ("Proxy-Connection", "keep-alive"),
        ("Connection", "keep-alive, X-Named"),
        ("X-Named", "by Connection"),
        ("Close", "x"),
        ("Via", "1.0 fred"),
        ("Accept-Encoding", "gzip"),
        ("Origin", "https://example.org"),
    ]
    await http.send("POST", "/open", sent, b"body", host="relay.example")
    headers = (await listener.expect("request")).fields["requestHeaders"]
    assert all(isinstance(value, str) for value in headers.values())
    assert headers == {
        "Host": "relay.example",
        "X-Case-Kept": "Value With Case",
        "x-lower": "1",
        "X-Twice": "a, b",
        "Cookie": "a=1; b=2",
        "X-Latin": "gr\xfc\xdfe",
        "X!#$%&'*+-.^_`|~9": "token characters",
        "X-Empty": "",
        "Via": "1.0 fred, 1.1 relay.example",
        "Accept-Encoding": "gzip",
        "Origin": "https://example.org",
    }


async def test_the_answer_passes_with_its_names_and_values(http: RawHttp, listener: RawListener):
    await http.send("GET", "/open", host="relay.example")
    headers = {
        "content-type": "text/plain",
        "X-Number": 42,
        "X-Bool": True,
        "ETag": '"x"',
        "Content-Length": "999",
        "Transfer-Encoding": "chunked",
        "Connection": "close",
        "Keep-Alive": "x",
        "X-Latin": "gr\xfc\xdfe",
        "Access-Control-Allow-Origin": "*",
    }
    await listener.answer(await listener.expect("request"), 200, b"body", headers=headers)
    response = await http.read_response()
    assert response.body == b"body"
    assert ("content-type", "text/plain") in response.headers
    assert ("ETag", '"x"') in response.headers
    assert response.header("x-number") == "42"
    assert response.header("x-latin") == "gr\xfc\xdfe"
    assert response.header("access-control-allow-origin") == "*"
    assert response.header("content-length") == "4"
    assert response.values("transfer-encoding") == []
    assert response.values("connection") == []
    assert response.values("keep-alive") == []
    # row 16: an answer with Via is the listener's
    assert response.header("via") == "1.1 relay.example"


async def test_nothing_about_cors_is_the_relay_s(http: RawHttp, listener: RawListener):
    await http.send(
        "OPTIONS",
        "/open",
        [("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT")],
    )
    request = await listener.expect("request")
    assert request.fields["method"] == "OPTIONS"
    await listener.answer(request, 204)
    response = await http.read_response()
    assert not [name for name, _ in response.headers if name.lower().startswith("access-control")]


# --- statuses and reasons ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", [200, 201, 206, 226, 299, 301, 306, 400, 401, 404, 418, 450, 500, 502, 504, 599]
)
async def test_any_final_status_passes(http: RawHttp, listener: RawListener, status: int):
    await http.send("GET", "/open")
    await listener.answer(await listener.expect("request"), status, b"x", reason="Any Reason")
    response = await http.read_response()
    assert (response.status, response.reason, response.body) == (status, "Any Reason", b"x")
    assert response.values("via"), "it came from the listener"


@pytest.mark.parametrize(("status", "reason"), [(200, "OK"), (404, "Not Found"), (299, "")])
async def test_without_a_description_the_phrase_is_the_status_s_own(
    http: RawHttp, listener: RawListener, status: int, reason: str
):
    await http.send("GET", "/open")
    await listener.answer(await listener.expect("request"), status, b"x")
    assert (await http.read_response()).reason == reason


async def test_a_description_passes_verbatim(http: RawHttp, listener: RawListener):
    reason = "A long one with !#$%&*+-.^_`~*|\"'(){}[]<>=/,:;@\\ in it " + "x" * 200
    await http.send("GET", "/open")
    await listener.answer(await listener.expect("request"), 200, b"x", reason=reason)
    assert (await http.read_response()).reason == reason


async def test_a_status_may_be_a_numeric_string(http: RawHttp, listener: RawListener):
    """The documentation's sample shows "200"."""
    await http.send("GET", "/open")
    await listener.answer(await listener.expect("request"), "201", b"x")
    assert (await http.read_response()).status == 201


@pytest.mark.parametrize("status", [100, 101, 102, 103])
async def test_an_interim_status_from_a_listener_is_a_bad_gateway(
    http: RawHttp, listener: RawListener, status: int
):
    await http.send("GET", "/open")
    await listener.answer(await listener.expect("request"), status)
    response = await http.read_response()
    assert response.status == 502
    assert response.values("via") == []


@pytest.mark.parametrize("status", [204, 304])
async def test_bodies_that_http_does_not_know_are_swallowed(
    http: RawHttp, listener: RawListener, status: int
):
    await http.send("GET", "/open")
    await listener.answer(await listener.expect("request"), status, b"must not be sent")
    response = await http.read_response()
    assert response.status == status
    await http.send("GET", "/open")
    await listener.answer(await listener.expect("request"), 200, b"next")
    assert (await http.read_response()).body == b"next"


@pytest.mark.parametrize("way", ["control channel", "rendezvous"])
async def test_the_answer_to_head_has_no_body(http: RawHttp, listener: RawListener, way: str):
    await http.send("HEAD", "/open")
    request = await listener.expect("request")
    if way == "control channel":
        await listener.answer(request, 200, b"must not be sent", headers={"X-A": "1"})
    else:
        far = await listener.rendezvous(request.address)
        text = response_text(request.id, statusCode=200, responseHeaders={"X-A": "1"}, body=True)
        await far.send_text(text)
        await far.send_binary(b"must not be sent")
    response = await http.read_response("HEAD")
    assert (response.status, response.header("x-a")) == (200, "1")
    await http.send("GET", "/open")
    await listener.answer(await listener.expect("request"), 200, b"next")
    assert (await http.read_response()).body == b"next"


async def test_responses_may_come_in_any_order(relay: RunningGateway, listener: RawListener):
    https = [await relay.http() for _ in range(5)]
    requests = []
    for number, http in enumerate(https):
        await http.send("GET", f"/open/{number}")
        requests.append(await listener.expect("request"))
    for number in (3, 0, 4, 2, 1):
        await listener.answer(requests[number], 200, b"%d" % number)
    for number, http in enumerate(https):
        assert (await http.read_response()).body == b"%d" % number


# --- row 16, row 18, row 19 ------------------------------------------------------------------------------------------------------


async def test_row_16_errors_of_the_relay_are_json_without_via(relay: RunningGateway):
    response = await relay.ask("GET", "/open")
    assert response.status == 404
    assert response.header("content-type").startswith("application/json")  # type: ignore[union-attr]
    assert response.values("via") == []
    assert response.error == {"code": "EndpointNotFound", "message": response.reason}
    assert re.search(
        r"TrackingId:[0-9a-f-]{36}_G\d+, SystemTracker:sb://127\.0\.0\.1(:\d+)?/open, Timestamp:",
        response.reason,
    )


async def test_row_16_a_listener_that_does_not_answer_in_time_is_504():
    async with running_gateway(response_timeout_s=0.2) as relay:
        await relay.create("open", is_anonymous=True)
        listener = await relay.listen("open")
        http = await relay.http()
        await http.send("GET", "/open")
        request = await listener.expect("request")
        response = await http.read_response()
        assert response.status == 504
        assert response.reason.startswith(
            "The request was routed to the listener but the listener did not respond in the required time."
        )
        assert response.error["code"] == "GatewayTimeout"
        assert response.values("via") == []
        # the answer that comes after that is nobody's
        await listener.answer(request, 200, b"late")
        await http.send("GET", "/open")
        await listener.answer(await listener.expect("request"), 200, b"in time")
        assert (await http.read_response()).body == b"in time"


async def test_row_16_the_deadline_can_be_set_for_one_hybrid_connection():
    async with running_gateway(response_timeout_s=60.0) as relay:
        await relay.create("open", is_anonymous=True, response_timeout_s=0.2)
        listener = await relay.listen("open")
        http = await relay.http()
        await http.send("GET", "/open")
        await listener.expect("request")
        assert (await http.read_response()).status == 504


async def test_row_16_a_listener_that_does_not_come_to_the_rendezvous_is_504():
    async with running_gateway(rendezvous_validity_s=0.2) as relay:
        await relay.create("open", is_anonymous=True)
        listener = await relay.listen("open")
        http = await relay.http()
        await http.send_head("POST", "/open", [("Transfer-Encoding", "chunked")])
        address = (await listener.expect("request")).address
        response = await http.read_response()
        assert response.status == 504
        assert response.reason.startswith(
            "The listener did not rendezvous to accept the request within the allotted time"
        )
        assert (await (await listener.come(address)).refusal()).status == 403


async def test_row_16_a_body_that_stands_still_for_too_long_is_cut():
    async with running_gateway(body_idle_timeout_s=0.2) as relay:
        await relay.create("open", is_anonymous=True)
        listener = await relay.listen("open")
        http = await relay.http()
        await http.send("GET", "/open")
        request = await listener.expect("request")
        far = await listener.rendezvous(request.address)
        await far.send_text(response_text(request.id, statusCode=200, body=True))
        await far.send_frame(BINARY, b"and then", fin=False)
        response = await http.read_response()
        assert (response.body, response.is_cut) == (b"and then", True)


@pytest.mark.parametrize("query", ["?api-version=2016-07", ""])
async def test_row_19_a_management_request_is_answered_and_not_relayed(
    relay: RunningGateway, listener: RawListener, query: str
):
    headers = [("Authorization", relay.token("open")), ("X-PROCESS-AT", "ServiceBus")]
    response = await relay.ask("GET", f"/open{query}", headers)
    assert response.status == 200
    assert response.header("content-type") == "application/atom+xml;type=entry;charset=utf-8"
    body = response.body.decode()
    assert "<HybridConnectionDescription" in body
    assert "<RequiresClientAuthorization>false</RequiresClientAuthorization>" in body
    assert "<ListenerCount>1</ListenerCount>" in body
    members = ["CreatedAt", "UpdatedAt", "RequiresClientAuthorization", "ListenerCount"]
    assert [name for name in re.findall(r"<(\w+)>", body) if name in members] == members
    http = await relay.http()
    await http.send("GET", "/open/next")
    assert (await listener.expect("request")).fields["requestTarget"] == "/open/next"


async def test_row_19_an_unknown_path_is_an_empty_feed(relay: RunningGateway):
    headers = [("Authorization", relay.token()), ("X-PROCESS-AT", "ServiceBus")]
    response = await relay.ask("GET", "/nowhere?api-version=2016-07", headers)
    assert response.status == 200
    assert (response.header("content-type") or "").startswith("application/atom+xml;type=feed")


async def test_row_19_without_a_token_management_says_nothing(relay: RunningGateway):
    for path in ("open", "nowhere"):
        response = await relay.ask("GET", f"/{path}?api-version=2016-07", [("X-PROCESS-AT", "ServiceBus")])
        assert response.status == 401
        assert b"HybridConnectionDescription" not in response.body


async def test_row_19_the_same_path_without_the_header_is_relayed(
    relay: RunningGateway, http: RawHttp, listener: RawListener
):
    await http.send("GET", "/open?api-version=2016-07")
    assert (await listener.expect("request")).fields["requestTarget"] == "/open?api-version=2016-07"


# --- X-Forwarded ------------------------------------------------------------------------------------------------------------------


async def test_x_forwarded_headers_of_strangers_decide_nothing(
    relay: RunningGateway, http: RawHttp, listener: RawListener
):
    forged = [
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
    ]
    await http.send("GET", "/open", forged)
    request = await listener.expect("request")
    assert request.fields["remoteEndpoint"]["address"] == "127.0.0.1"
    # to the application they are headers like any other
    assert request.fields["requestHeaders"]["X-Forwarded-For"] == "203.0.113.9"
    other = await relay.listen("open", headers=forged)
    await listener.close()
    await (await relay.http()).send("GET", "/open")
    assert (await other.expect("request")).address.startswith(f"ws://{relay.host}/")


async def test_x_forwarded_headers_of_a_trusted_proxy_are_believed():
    from gateway.config import parse_network

    async with running_gateway(trusted_proxies=(parse_network("127.0.0.0/8"),)) as relay:
        await relay.create("open", is_anonymous=True)
        seen_by_proxy = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "public.example")]
        token = relay.token("open")
        listener = await relay.listen("open", headers=seen_by_proxy, token=token)
        http = await relay.http()
        # what the sender wrote itself stands further left, and is not believed
        await http.send("GET", "/open", [("X-Forwarded-For", "198.51.100.1, 203.0.113.9, 127.0.0.2")])
        request = await listener.expect("request")
        assert request.fields["remoteEndpoint"]["address"] == "203.0.113.9"
        assert request.address.startswith("wss://public.example/$hc/open?")
        await relay.connecting("open", token=None, headers=[("X-Forwarded-For", "2001:db8::7")])
        accept = await listener.expect("accept")
        assert accept.fields["remoteEndpoint"]["address"] == "2001:db8::7"
