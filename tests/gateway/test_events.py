"""Publishing to every subscriber of a hybrid connection, or to one: by HTTP and by WebSockets."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from gateway.entities import Kind
from gateway.events import MAX_EVENT_BYTES
from gateway.fabric.interface import AskHandler, Offer, RelayKey
from gateway.subscribers import MAX_WAITING_EVENTS, WebSocketSubscriber
from hyco.sas import Right
from tests.support.gateways import RunningGateway, running_gateway
from tests.support.raw_http import HttpResponse, RawHttp, chunk
from tests.support.raw_stream import End
from tests.support.raw_websocket import BINARY, CLOSE, TEXT, frame
from tests.support.waiting import until

READS_EVENTS = ("Accept", "text/event-stream")


@pytest.fixture
async def relay() -> AsyncIterator[RunningGateway]:
    async with running_gateway() as running:
        await running.create("news", kind=Kind.EVENT)
        await running.create("jobs", kind=Kind.ONE_WAY)
        await running.create("hc")
        yield running


async def _post(
    relay: RunningGateway, path: str, body: bytes = b"x", *headers: tuple[str, str]
) -> HttpResponse:
    return await relay.ask("POST", f"/{path}", [*relay.authorization(path), *headers], body)


async def _stream(relay: RunningGateway, path: str = "news", *headers: tuple[str, str]) -> RawHttp:
    """A reader of server-sent events, past the first comment."""
    http = await relay.http()
    await http.send("GET", f"/{path}", [*relay.authorization(path), READS_EVENTS, *headers])
    head = await http.read_head()
    assert head.status == 200, head.line
    assert head.header("content-type") == "text/event-stream"
    assert await http.read_chunk() == b":\n\n"
    return http


# --- to all ----------------------------------------------------------------------------------------------------------


async def test_a_message_reaches_every_subscriber_once(relay: RunningGateway) -> None:
    sockets = [await relay.subscribe("news") for _ in range(3)]
    streams = [await _stream(relay) for _ in range(2)]
    assert await relay.publish("news", "grüße".encode()) == {"delivered": 5, "dropped": 0}
    for socket in sockets:
        message = await socket.read_message()
        assert (message.opcode, message.text) == (TEXT, "grüße")
        assert not await socket.barrier(), "nothing more"
    for stream in streams:
        assert b"\ndata: gr\xc3\xbc\xc3\x9fe\n\n" in await stream.read_chunk()


@pytest.mark.parametrize(
    ("content_type", "body", "is_text"),
    [
        ("text/plain", b"plain", True),
        ("application/json", b'{"a":1}', True),
        ("application/vnd.example+json; charset=utf-8", b"{}", True),
        ("application/octet-stream", b"plain", False),
        ("text/plain; charset=latin-1", b"\xe4", False),
        ("", b"plain", True),
        ("", b"\xff\x00", False),
        ("text/plain", b"", True),
    ],
)
async def test_text_stays_text_and_all_else_stays_as_it_is(
    relay: RunningGateway, content_type: str, body: bytes, is_text: bool
) -> None:
    socket, enveloped = (
        await relay.subscribe("news"),
        await relay.subscribe("news", query="sb-hc-envelope=true"),
    )
    stream = await _stream(relay)
    headers = [("Content-Type", content_type)] if content_type else []
    assert (await _post(relay, "news", body, *headers)).status == 200
    message = await socket.read_message()
    assert (message.opcode, message.data) == (TEXT if is_text else BINARY, body)
    whole = await enveloped.read_message()
    line, _, rest = whole.data.partition(b"\n")
    said = json.loads(line)
    assert (whole.opcode, rest, said["contentType"], said["isText"]) == (BINARY, body, content_type, is_text)
    lines = (await stream.read_chunk()).splitlines()
    assert lines[0] == b"id: " + said["id"].encode()
    if is_text:
        assert lines[1:] == [b"data: " + body, b""]
    else:
        assert lines[1:] == [b"event: binary", b"data: " + base64.b64encode(body), b""]


async def test_lines_stay_lines_in_an_event_stream(relay: RunningGateway) -> None:
    stream = await _stream(relay)
    await relay.publish("news", b"one\r\ntwo\rthree\n\nid: 7")
    event = await stream.read_chunk()
    assert event.partition(b"\n")[2] == b"data: one\ndata: two\ndata: three\ndata: \ndata: id: 7\n\n"


async def test_messages_of_a_websocket_arrive_in_their_order(relay: RunningGateway) -> None:
    subscribers = [await relay.subscribe("news") for _ in range(3)]
    publisher = await (await relay.connecting("news")).answer()
    await publisher.stream.send(b"".join(frame(TEXT, b"%d" % number) for number in range(200)))
    await publisher.send_frame(BINARY, b"half", fin=False)
    await publisher.send_frame(0, b" and half")
    for socket in subscribers:
        assert [(await socket.read_message()).text for _ in range(200)] == list(map(str, range(200)))
        last = await socket.read_message()
        assert (last.opcode, last.data) == (BINARY, b"half and half")
    assert (await publisher.close()).code == 1000


async def test_publishers_need_the_right_to_send_and_subscribers_that_to_listen(
    relay: RunningGateway,
) -> None:
    sends = await relay.create_rule("news", "sends", Right.SEND)
    listens = await relay.create_rule("news", "listens", Right.LISTEN)
    send, listen = relay.token("news", rule=sends), relay.token("news", rule=listens)
    for token in (None, send, relay.token("hc", rule=sends)):
        assert (await (await relay.subscribing("news", token=token)).refusal()).status == 401
        proof = [] if token is None else [("ServiceBusAuthorization", token)]
        assert (await relay.ask("GET", "/news", [*proof, READS_EVENTS])).status == 401
    for headers in ([], [("ServiceBusAuthorization", listen)]):
        assert (await relay.ask("POST", "/news", headers, b"x")).status == 401
    assert (await (await relay.connecting("news", token=listen)).refusal()).status == 401
    socket = await (await relay.subscribing("news", token=listen)).answer()
    answer = await relay.ask("POST", "/news", [("ServiceBusAuthorization", send)], b"x")
    assert json.loads(answer.body) == {"delivered": 1, "dropped": 0}
    assert (await socket.read_message()).text == "x"


async def test_a_token_in_the_query_does_as_well(relay: RunningGateway) -> None:
    """Neither EventSource nor WebSocket of a browser can set a header."""
    query = f"sb-hc-token={quote(relay.token('news'), safe='')}"
    http = await relay.http()
    await http.send("GET", f"/news?{query}", [READS_EVENTS])
    assert (await http.read_head()).status == 200
    await (await relay.subscribing("news", token=None, query=query)).answer()


# --- nobody, too much, too slow ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["news", "jobs"])
async def test_nobody_there_is_an_error(relay: RunningGateway, path: str) -> None:
    answer = await _post(relay, path)
    assert (answer.status, answer.error["code"]) == (404, "EndpointNotFound")
    publisher = await (await relay.connecting(path)).answer()
    await publisher.send_text("x")
    close = await publisher.read_close()
    assert (close.code, close.reason) == (1013, "There are no listeners connected for the endpoint.")
    await publisher.send_close(1013)
    assert await publisher.end() is End.FIN


async def test_nobody_there_is_said_to_one_that_leaves_at_once(relay: RunningGateway) -> None:
    """Its Close comes behind its message: the answer waits for what becomes of that."""
    publisher = await (await relay.connecting("news")).answer()
    await publisher.stream.send(frame(TEXT, b"x") + frame(CLOSE, b"\x03\xe8"))
    assert (await publisher.read_close()).code == 1013
    assert await publisher.end() is End.FIN


async def test_a_subscriber_that_left_is_nobody(relay: RunningGateway) -> None:
    socket, stream = await relay.subscribe("news"), await _stream(relay)
    assert (await relay.publish("news", b"x"))["delivered"] == 2
    await socket.close()
    await stream.stream.close()
    await until(lambda: not relay.gateway.status()["listeners"], "both are gone")
    assert (await _post(relay, "news")).status == 404


async def test_a_message_has_at_most_64_kib(relay: RunningGateway) -> None:
    socket = await relay.subscribe("news")
    longest = b"x" * MAX_EVENT_BYTES
    assert (await relay.publish("news", longest))["delivered"] == 1
    assert (await socket.read_message()).data == longest
    assert (await _post(relay, "news", longest + b"x")).status == 413
    http = await relay.http()
    await http.send_head("POST", "/news", [*relay.authorization("news"), ("Transfer-Encoding", "chunked")])
    await http.stream.send(chunk(longest) + chunk(b"x") + chunk(b""))
    assert (await http.read_response("POST")).status == 413
    publisher = await (await relay.connecting("news")).answer()
    await publisher.send_binary(longest + b"x")
    assert (await publisher.read_close()).code == 1009
    assert not await socket.barrier(), "none of them arrived"


async def test_one_that_does_not_read_loses_messages_and_delays_nobody(relay: RunningGateway) -> None:
    """Its queue is bounded, what it misses is counted, and the others get everything."""
    frozen, reading = await relay.subscribe("news"), await relay.subscribe("news")
    body = b"x" * 32_768
    said: Counter[str] = Counter()
    sent = 0
    while not said["dropped"]:
        said.update(await relay.publish("news", body))
        sent += 1
        assert sent < 4_000, "the system takes what nobody reads without end"
        assert (await reading.read_message()).data == body
    assert (said["delivered"], said["dropped"]) == (2 * sent - 1, 1)
    for _ in range(said["delivered"] - sent):
        assert (await frozen.read_message()).data == body
    assert not await frozen.barrier()
    assert await relay.publish("news", b"again") == {"delivered": 2, "dropped": 0}
    assert (await frozen.read_message()).text == (await reading.read_message()).text == "again"


async def test_many_small_ones_are_bounded_as_well(relay: RunningGateway) -> None:
    socket = await relay.subscribe("news")
    [subscriber] = relay.gateway._channels[next(iter(relay.gateway._channels))]
    leg = subscriber._leg  # type: ignore[attr-defined]
    leg.pause_writing()
    for _ in range(MAX_WAITING_EVENTS):
        assert (await relay.publish("news", b"x"))["delivered"] == 1
    assert await relay.publish("news", b"x") == {"delivered": 0, "dropped": 1}
    leg.resume_writing()
    assert len([await socket.read_message() for _ in range(MAX_WAITING_EVENTS)]) == MAX_WAITING_EVENTS
    assert not await socket.barrier()


def _only_subscriber(relay: RunningGateway) -> WebSocketSubscriber:
    [subscriber] = [one for present in relay.gateway._channels.values() for one in present]
    assert isinstance(subscriber, WebSocketSubscriber)
    return subscriber


@pytest.mark.parametrize("how", ["breaks the rules", "half-closes"])
async def test_one_that_is_on_its_way_out_is_told_nothing(relay: RunningGateway, how: str) -> None:
    """Its last bytes may take a while; what came behind them would never leave."""
    leaving = await relay.subscribe("jobs")
    subscriber = _only_subscriber(relay)
    assert subscriber._leg is not None
    transport = subscriber._leg._transport
    assert transport is not None
    while not transport.get_write_buffer_size():
        assert (await _post(relay, "jobs", b"x" * 60_000)).status == 202
    if how == "half-closes":
        leaving.stream.half_close()
    else:
        await leaving.send_text("nonsense")
    await until(transport.is_closing, "it is being left")
    assert not subscriber.is_over
    staying = await relay.subscribe("jobs")
    for number in range(20):
        assert (await _post(relay, "jobs", b"%d" % number)).status == 202
    assert [found.payload for found in await staying.barrier()] == [b"%d" % number for number in range(20)]


async def test_a_publisher_ends_with_its_hybrid_connection(relay: RunningGateway) -> None:
    """Another one of its name has other keys, and may be of another kind."""
    publisher = await (await relay.connecting("news")).answer()
    http = await relay.http()
    await http.send_head("POST", "/news", [*relay.authorization("news"), ("Content-Length", "5")])
    await until(lambda: relay.gateway.status()["requests"] == 1, "its token was looked at")
    await relay.delete("news")
    await relay.create("news")
    listener = await relay.listen("news")
    await http.stream.send(b"hello")
    assert (await http.read_response("POST")).status == 404
    await publisher.send_text("x")
    assert (await publisher.read_close()).code == 1013
    assert not await listener.socket.barrier()


async def test_what_a_message_is_called_is_bounded(relay: RunningGateway) -> None:
    await relay.subscribe("news")
    assert (await _post(relay, "news", b"x", ("Content-Type", "a/" + "b" * 254))).status == 200
    assert (await _post(relay, "news", b"x", ("Content-Type", "a/" + "b" * 255))).status == 400


async def test_a_reader_of_events_that_does_not_read_is_cut_when_it_has_to_go(
    relay: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.subscribers.CLOSE_TIMEOUT_S", 0.3)
    stream = await _stream(relay)
    while (await relay.publish("news", b"x" * 60_000))["delivered"]:
        pass
    assert relay.gateway.status()["requests"] == 1
    await relay.delete("news")
    await until(lambda: not relay.gateway.status()["requests"], "its request is over")
    assert (await stream.stream.read_to_end())[1] is End.RESET


async def test_one_whose_hybrid_connection_is_deleted_while_it_comes_is_told(
    relay: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between nodes, to be known to the fabric takes a while."""
    may_go_on, has_come = asyncio.Event(), asyncio.Event()
    fabric = relay.gateway.fabric
    take = fabric.subscribe

    async def slowly(key: RelayKey, listener: str, handler: AskHandler) -> Offer:
        has_come.set()
        await may_go_on.wait()
        return await take(key, listener, handler)

    monkeypatch.setattr(fabric, "subscribe", slowly)
    coming = await relay.subscribing("news")
    await has_come.wait()
    await relay.delete("news")
    may_go_on.set()
    socket = await coming.answer()
    assert (await socket.read_close()).code == 1001
    assert fabric.status().listeners == 0


async def test_a_request_behind_one_for_events_does_not_hide_that_the_reader_has_gone(
    relay: RunningGateway,
) -> None:
    http = await relay.http()
    for _ in range(2):
        await http.send("GET", "/news", [*relay.authorization("news"), READS_EVENTS])
    assert (await http.read_head()).header("connection") == "close"
    assert await http.read_chunk() == b":\n\n"
    await relay.publish("news", b"x")
    assert b"data: x" in await http.read_chunk()
    http.stream.reset()
    await until(lambda: not relay.gateway.status()["listeners"], "it is known to be gone")
    http = await relay.http()
    await http.send("GET", "/news", [*relay.authorization("news"), READS_EVENTS], b"body")
    assert (await http.read_head()).status == 400


# --- to one ------------------------------------------------------------------------------------------------------------


async def test_a_one_way_message_reaches_exactly_one(relay: RunningGateway) -> None:
    sockets = [await relay.subscribe("jobs") for _ in range(4)]
    publisher = await (await relay.connecting("jobs")).answer()
    for number in range(100):
        if number % 2:
            answer = await _post(relay, "jobs", b"%d" % number)
            assert (answer.status, answer.body) == (202, b"")
        else:
            await publisher.send_text(str(number))
    assert (await publisher.close()).code == 1000
    taken: list[int] = []
    for socket in sockets:
        mine = [int(found.payload) for found in await socket.barrier()]
        assert mine, "picked at random"
        taken += mine
    assert sorted(taken) == list(range(100))


async def test_a_one_way_message_goes_to_another_where_one_is_behind(relay: RunningGateway) -> None:
    sockets = [await relay.subscribe("jobs"), await relay.subscribe("jobs")]
    listening = [one for present in relay.gateway._channels.values() for one in present]
    busy = listening[0]
    busy._leg.pause_writing()  # type: ignore[attr-defined]
    for _ in range(MAX_WAITING_EVENTS * 2 + 50):
        assert (await _post(relay, "jobs")).status == 202
    busy._leg.resume_writing()  # type: ignore[attr-defined]
    counts = [len(await socket.barrier()) for socket in sockets]
    assert sum(counts) == MAX_WAITING_EVENTS * 2 + 50
    assert min(counts) <= MAX_WAITING_EVENTS


# --- what is what --------------------------------------------------------------------------------------------------------


async def test_kinds_are_not_mixed(relay: RunningGateway) -> None:
    refusal = await (await relay.listening("news")).refusal()
    assert refusal.status == 400
    assert "come with the action subscribe" in refusal.error["message"]
    refusal = await (await relay.subscribing("hc")).refusal()
    assert refusal.status == 400
    assert "come with the action listen" in refusal.error["message"]
    for method in ("GET", "PUT", "DELETE"):
        assert (await relay.ask(method, "/news", relay.authorization("news"))).status == 405
    for path in ("news/below", "jobs/below"):
        assert (await _post(relay, path)).status == 404
        assert (await (await relay.connecting(path)).refusal()).status == 404
        assert (await (await relay.subscribing(path)).refusal()).status == 404
    # an event stream of a service that is relayed stays one
    listener = await relay.listen("hc")
    http = await relay.http()
    await http.send("GET", "/hc", [*relay.authorization("hc"), READS_EVENTS])
    assert (await listener.expect("request")).fields["method"] == "GET"


async def test_pages_of_other_origins_hear_nothing(relay: RunningGateway) -> None:
    page, other = ("Origin", "https://app.example.org"), ("Origin", "https://evil.example")
    stream = await relay.http()
    await stream.send("GET", "/news", [*relay.authorization("news"), READS_EVENTS, other])
    assert (await stream.read_head()).header("access-control-allow-origin") == "*"
    await relay.gateway.editor.put_connection(relay.namespace, "news", allowed_origins=[page[1]])
    stream = await relay.http()
    await stream.send("GET", "/news", [*relay.authorization("news"), READS_EVENTS, page])
    assert (await stream.read_head()).header("access-control-allow-origin") == page[1]
    refused = await relay.ask("GET", "/news", [*relay.authorization("news"), READS_EVENTS, other])
    assert refused.status == 403
    assert (await (await relay.subscribing("news", headers=[other])).refusal()).status == 403
    await until(lambda: relay.gateway.status()["listeners"] == 2, "those who were refused have no place")


async def test_a_subscriber_renews_its_token_as_a_listener_does(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_gateway(token_grace_s=0.3) as relay:
        await relay.create("news", kind=Kind.EVENT)
        soon = int(time.time()) + 1
        renewing, lapsing = [
            await (await relay.subscribing("news", token=relay.token("news", expires_at=soon))).answer()
            for _ in range(2)
        ]
        await renewing.send_text(json.dumps({"renewToken": {"token": relay.token("news")}}))
        close = await lapsing.read_close()
        assert (close.code, close.reason) == (1008, "ExpiredToken: The token is expired.")
        assert await relay.publish("news", b"x") == {"delivered": 1, "dropped": 0}
        assert (await renewing.read_message()).text == "x"
        await renewing.send_text(json.dumps({"renewToken": {"token": "SharedAccessSignature nonsense"}}))
        assert (await renewing.read_close()).code == 1008


async def test_what_is_no_token_ends_a_subscriber(relay: RunningGateway) -> None:
    socket = await relay.subscribe("news")
    await socket.send_text("hello")
    assert (await socket.read_close()).code >= 1002


async def test_at_most_25_hear(relay: RunningGateway) -> None:
    """The slots of the ledger are those of listeners."""
    for _ in range(20):
        await relay.subscribe("news")
    for _ in range(5):
        await _stream(relay)
    assert (await (await relay.subscribing("news")).refusal()).status == 403
    assert await relay.publish("news", b"x") == {"delivered": 25, "dropped": 0}


async def test_a_reader_of_events_is_kept_from_thinking_it_dead() -> None:
    async with running_gateway(ping_interval_s=0.2) as relay:
        await relay.create("news", kind=Kind.EVENT)
        stream = await _stream(relay)
        assert await stream.read_chunk() == b":\n\n"
        assert await stream.read_chunk() == b":\n\n"


@pytest.mark.parametrize("is_deleted", [True, False])
async def test_subscribers_go_when_the_hybrid_connection_does_or_the_gateway(is_deleted: bool) -> None:
    async with running_gateway(drain_s=20.0) as relay:
        await relay.create("news", kind=Kind.EVENT)
        socket, stream = await relay.subscribe("news"), await _stream(relay)
        leaving = asyncio.create_task(relay.delete("news") if is_deleted else relay.gateway.drain())
        assert (await socket.read_close()).code == 1001
        await socket.send_close(1001)
        assert await stream.read_chunk() == b"", "whole: EventSource asks anew"
        async with asyncio.timeout(5):  # and not only when the time for draining is over
            await leaving


async def test_a_gateway_that_drains_takes_no_messages(relay: RunningGateway) -> None:
    publisher = await (await relay.connecting("news")).answer()
    await relay.subscribe("news")
    await relay.gateway.drain()
    await publisher.send_text("x")
    assert (await publisher.read_close()).code == 1013
    assert (await _post(relay, "news")).status == 503


async def test_a_kind_stays(relay: RunningGateway) -> None:
    from gateway.editor import EntityExistsError

    with pytest.raises(EntityExistsError, match="of the kind 'event', which stays"):
        await relay.create("news", kind=Kind.STREAM)
    await relay.gateway.editor.put_connection(relay.namespace, "news", user_metadata="x")
    connection = relay.gateway.directory.connection(relay.namespace, "news")
    assert connection is not None
    assert connection.kind is Kind.EVENT
