"""The gateway as an HTTP/1.1 server: keep-alive, pipelining, Expect, methods, targets and limits (§6.3, §6.4, §11)."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from tests.support.gateways import RunningGateway, running_gateway
from tests.support.raw_http import RawHttp, chunk
from tests.support.raw_relay import RawListener
from tests.support.raw_stream import End

#: Every method that llhttp knows as HTTP, but CONNECT.
METHODS = [
    "DELETE",
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "OPTIONS",
    "TRACE",
    "COPY",
    "LOCK",
    "MKCOL",
    "MOVE",
    "PROPFIND",
    "PROPPATCH",
    "SEARCH",
    "UNLOCK",
    "BIND",
    "REBIND",
    "UNBIND",
    "ACL",
    "REPORT",
    "MKACTIVITY",
    "CHECKOUT",
    "MERGE",
    "M-SEARCH",
    "NOTIFY",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "PATCH",
    "PURGE",
    "MKCALENDAR",
    "LINK",
    "UNLINK",
]


@pytest.fixture
async def listener(relay: RunningGateway) -> RawListener:
    return await relay.listen("open")


@pytest.fixture
async def http(relay: RunningGateway) -> RawHttp:
    return await relay.http()


async def answer(listener: RawListener, body: bytes = b"ok") -> str:
    """Answer the next request; returns its target."""
    request = await listener.expect("request")
    await listener.answer(request, 200, body)
    target = request.fields["requestTarget"]
    assert isinstance(target, str)
    return target


# --- one connection, many requests -------------------------------------------------------------------------------------


async def test_a_connection_stays_for_many_requests(http: RawHttp, listener: RawListener):
    for number in range(20):
        body = None if number % 2 else b"x" * number
        await http.send("POST" if body else "GET", f"/open/{number}", body=body)
        assert await answer(listener, b"%d" % number) == f"/open/{number}"
        assert (await http.read_response()).body == b"%d" % number


async def test_it_stays_after_an_error_of_the_relay(http: RawHttp, listener: RawListener):
    for path in ("/hc", "/nowhere"):
        assert (await http.request("GET", path)).status == 401
    await http.send("GET", "/open")
    await answer(listener)
    assert (await http.read_response()).status == 200


async def test_it_stays_behind_a_long_body_that_came_whole_and_that_nobody_wanted(relay: RunningGateway):
    """The body held its sender back, and then nobody let it go on."""
    for size in range(66_000, 130_000, 8_000):
        http = await relay.http()
        await http.send("POST", "/hc", body=b"x" * size)
        refused = await http.read_response()
        assert refused.status == 401
        # it may not stay where some of the body was still to come
        if refused.values("connection") != ["close"]:
            assert (await http.request("GET", "/hc")).status == 401


@pytest.mark.parametrize(
    ("version", "connection", "stays"),
    [("1.1", "close", False), ("1.1", "Close", False), ("1.0", None, False), ("1.0", "keep-alive", True)],
)
async def test_who_keeps_a_connection_and_who_does_not(
    http: RawHttp, listener: RawListener, version: str, connection: str | None, stays: bool
):
    extra = f"Connection: {connection}\r\n" if connection else ""
    await http.stream.send(f"GET /open HTTP/{version}\r\nHost: h\r\n{extra}\r\n".encode())
    await answer(listener)
    response = await http.read_response()
    assert response.body == b"ok"
    if stays:
        assert (response.header("connection") or "").lower() == "keep-alive"
        await http.send("GET", "/open")
        await answer(listener)
        assert (await http.read_response()).body == b"ok"
    else:
        assert (response.header("connection") or "").lower() == "close"
        assert await http.stream.end() is End.FIN


async def test_pipelined_requests_are_answered_in_their_order(http: RawHttp, listener: RawListener):
    heads = [f"GET /open/{number} HTTP/1.1\r\nHost: h\r\n\r\n".encode() for number in range(5)]
    heads.insert(2, b"POST /open/post HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody")
    await http.stream.send(b"".join(heads))
    for target in ("/open/0", "/open/1", "/open/post", "/open/2", "/open/3", "/open/4"):
        assert await answer(listener, target.encode()) == target
        assert (await http.read_response()).body == target.encode()


async def test_a_flood_of_pipelined_requests_is_held_back_and_every_answer_is_right(
    http: RawHttp, listener: RawListener
):
    """At most a few wait in memory; whatever is answered is answered in order, then the connection may end."""
    count = 1_000
    http.stream.write(
        b"".join(b"GET /open/%d HTTP/1.1\r\nHost: h\r\n\r\n" % number for number in range(count))
    )
    answered = 0
    while answered < count:
        assert await answer(listener, b"%d" % answered) == f"/open/{answered}"
        response = await http.read_response()
        assert response.body == b"%d" % answered
        answered += 1
        if response.values("connection") == ["close"]:
            break
    assert answered >= 10


async def test_line_ends_before_a_request_are_skipped(http: RawHttp, listener: RawListener):
    """RFC 9112 section 2.2."""
    await http.stream.send(b"\r\n\r\nGET /open HTTP/1.1\r\nHost: h\r\n\r\n")
    await answer(listener)
    assert (await http.read_response()).status == 200


@pytest.mark.parametrize("size", [1, 7])
async def test_a_request_may_come_in_the_smallest_pieces(
    relay: RunningGateway, http: RawHttp, listener: RawListener, size: int
):
    sent = b"POST /open/x?y=1 HTTP/1.1\r\nHost: h\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello"
    bystander = await relay.http()
    for start in range(0, len(sent), size):
        await http.stream.send(sent[start : start + size])
        if start % 10 == 0:  # so that the pieces do not arrive together
            await bystander.request("GET", "/nowhere")
    request = await listener.expect("request")
    assert (request.fields["requestTarget"], request.body) == ("/open/x?y=1", b"hello")


# --- Expect -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", ["length", "long", "chunked"])
async def test_expect_100_continue_is_met_before_the_body(http: RawHttp, listener: RawListener, framing: str):
    size = {"length": 5, "long": 70_000, "chunked": 5}[framing]
    length = ("Transfer-Encoding", "chunked") if framing == "chunked" else ("Content-Length", str(size))
    await http.send_head("POST", "/open", [("Expect", "100-continue"), length])
    far = None
    if framing != "length":
        far = await listener.rendezvous((await listener.expect("request")).address)
    interim = await http.read_interim()
    assert interim.status == 100
    body = b"y" * size
    await http.stream.send(chunk(body) + chunk(b"") if framing == "chunked" else body)
    if far is None:
        request = await listener.expect("request")
        assert request.body == body
        assert "Expect" not in request.fields["requestHeaders"]
        await listener.answer(request)
    else:
        await far.read_message()
        assert (await far.read_message()).data == body
        await far.send_text('{"response":{"requestId":"x","statusCode":200,"body":false}}')
    response = await http.read_response()
    assert (response.status, response.informational) == (200, [])


async def test_a_request_that_is_refused_is_not_told_to_go_on(http: RawHttp):
    """No 100: the final answer at once, without waiting for the body."""
    await http.send_head("POST", "/hc", [("Expect", "100-continue"), ("Content-Length", "1000000")])
    response = await http.read_response()
    assert (response.status, response.informational) == (401, [])


async def test_another_expectation_cannot_be_met(http: RawHttp):
    assert (await http.request("GET", "/open", [("Expect", "miracles")])).status == 417


async def test_a_body_that_nobody_wants_does_not_eat_the_answer(http: RawHttp):
    """A reset while the sender still writes would throw its answer away."""
    size = 4 << 20
    await http.send_head("POST", "/hc", [("Content-Length", str(size))])
    http.stream.write(b"z" * size)
    assert (await http.read_response()).status == 401


# --- methods ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_is_relayed(http: RawHttp, listener: RawListener, method: str):
    await http.send(method, "/open")
    request = await listener.expect("request")
    assert request.fields["method"] == method
    await listener.answer(request, 200, b"ok")
    response = await http.read_response(method)
    assert response.status == 200
    assert response.body == (b"" if method == "HEAD" else b"ok")


@pytest.mark.parametrize("method", ["BREW", "FOO", "get", "Get", "QUERYX"])
async def test_a_method_that_is_not_known_is_not_implemented(http: RawHttp, method: str):
    await http.stream.send(f"{method} /open HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    response = await http.read_response()
    assert response.status == 501
    assert await http.stream.end() is End.FIN


async def test_connect_is_refused(http: RawHttp):
    await http.stream.send(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n")
    response = await http.read_response()
    assert response.status in (400, 405)


async def test_options_of_the_server_is_not_found(http: RawHttp):
    response = await http.request("OPTIONS", "*")
    assert response.status == 404


@pytest.mark.parametrize("target", ["http://evil.example/open", "https://127.0.0.1/open", "HTTP://h/open"])
async def test_absolute_targets_are_refused(http: RawHttp, listener: RawListener, target: str):
    assert (await http.request("GET", target)).status == 400


@pytest.mark.parametrize("upgrade", ["h2c", "foo/2"])
async def test_an_upgrade_outside_of_websocket_addresses_is_no_upgrade(
    http: RawHttp, listener: RawListener, upgrade: str
):
    """Java's HttpClient offers h2c with every request."""
    offer = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", upgrade), ("HTTP2-Settings", "AAMAAABk")]
    await http.send("GET", "/open", offer)
    request = await listener.expect("request")
    assert "Upgrade" not in request.fields["requestHeaders"]
    await listener.answer(request, 200, b"plain")
    assert (await http.read_response()).body == b"plain"
    await http.send("GET", "/open/again")
    assert await answer(listener) == "/open/again"


async def test_a_websocket_handshake_outside_of_websocket_addresses_gets_no_101(
    relay: RunningGateway, listener: RawListener
):
    """Plain HTTP without Upgrade, or 400 (§6.4)."""
    handshake = await relay.upgrading("/open")
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(answer(listener), name="answer")
        assert (await handshake.refusal()).status in (200, 400)
        reading.cancel()


# --- limits -----------------------------------------------------------------------------------------------------------------


async def test_headers_of_almost_32_kb_pass(http: RawHttp, listener: RawListener):
    headers = [(f"X-{number}", "v" * 1_000) for number in range(31)]
    await http.send("GET", "/open", headers)
    assert len((await listener.expect("request")).fields["requestHeaders"]) >= 31


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Long", "v" * 33_000)],
        [(f"X-{number}", "v" * 1_000) for number in range(34)],
        [(f"X-{number}", "") for number in range(5_000)],
        [("X" * 33_000, "v")],
    ],
)
async def test_headers_over_32_kb_are_431(
    relay: RunningGateway, http: RawHttp, listener: RawListener, headers: list[tuple[str, str]]
):
    response = await http.request("GET", "/open/too-much", headers)
    assert response.status == 431
    other = await relay.http()
    await other.send("GET", "/open/next")
    assert await answer(listener) == "/open/next"


async def test_headers_that_never_end_are_431_as_well(http: RawHttp):
    http.stream.write(b"GET /open HTTP/1.1\r\nHost: h\r\n" + b"X-Filler: %s\r\n" % (b"v" * 1_000) * 200)
    assert (await http.read_response()).status == 431


async def test_a_target_that_is_too_long_is_refused(http: RawHttp):
    response = await http.request("GET", "/open?" + "q" * 20_000)
    assert response.status in (414, 431)


async def test_a_handshake_s_headers_are_limited_too(relay: RunningGateway):
    handshake = await relay.upgrading("/$hc/open", [("X-Long", "v" * 33_000)])
    assert (await handshake.refusal()).status == 431


async def test_connections_without_a_token_are_capped_for_one_address():
    async with running_gateway(max_unauthenticated_per_address=3) as relay:
        await relay.create("open", is_anonymous=True)
        await relay.create("hc")
        listener = await relay.listen("open")  # has shown a token: does not count
        strangers = [await relay.http() for _ in range(3)]
        one_too_many = await relay.http()
        response = await one_too_many.read_response()
        assert response.status == 503
        assert await one_too_many.stream.end() is End.FIN
        await strangers[0].stream.close()
        # its place is free
        latecomer = await relay.http()
        await latecomer.send("GET", "/open")
        await answer(listener)
        assert (await latecomer.read_response()).status == 200


async def test_connections_without_a_token_are_capped_in_all():
    async with running_gateway(max_unauthenticated=2) as relay:
        await relay.create("open", is_anonymous=True)
        kept = [await relay.http() for _ in range(2)]
        assert (await (await relay.http()).read_response()).status == 503
        for http in kept:
            assert (await http.request("GET", "/open")).status == 404


# --- deadlines -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent", [b"", b"G", b"GET /open HTTP/1.1\r\n", b"GET /open HTTP/1.1\r\nHost: h\r\nX-"]
)
async def test_a_head_that_does_not_come_in_time_ends_the_connection(sent: bytes):
    async with running_gateway(handshake_timeout_s=0.2) as relay:
        http = await relay.http()
        http.stream.write(sent)
        data, end = await http.stream.read_to_end()
        assert end is End.FIN
        assert data == b"" or data.startswith(b"HTTP/1.1 408 ")


async def test_a_head_that_dribbles_in_has_no_more_time():
    async with running_gateway(handshake_timeout_s=0.3) as relay:
        http = await relay.http()
        clock = await relay.http()
        await http.stream.send(b"GET /open HTTP/1.1\r\n")
        # another connection, silent from the start, shows when the time is up; this one gets bytes until then
        while not clock.stream.has_ended:
            http.stream.write(b"X-A: b\r\n")
            await (await relay.http()).request("GET", "/nowhere")
        data, _ = await http.stream.read_to_end()
        assert data == b"" or data.startswith(b"HTTP/1.1 408 ")


async def test_an_idle_connection_ends_without_a_word():
    async with running_gateway(http_idle_timeout_s=0.2) as relay:
        http = await relay.http()
        assert (await http.request("GET", "/nowhere")).status == 401
        assert await http.stream.read_to_end() == (b"", End.FIN)


async def test_the_wait_for_an_answer_is_no_idleness():
    async with running_gateway(http_idle_timeout_s=0.1, handshake_timeout_s=0.1) as relay:
        await relay.create("open", is_anonymous=True)
        listener = await relay.listen("open")
        http = await relay.http()
        await http.send("GET", "/open")
        request = await listener.expect("request")
        assert await (await relay.http()).stream.read_to_end()  # a silent one is ended meanwhile
        await listener.answer(request, 200, b"patience")
        assert (await http.read_response()).body == b"patience"


@pytest.mark.parametrize(
    "length", ["Content-Length: 10", "Content-Length: 100000", "Transfer-Encoding: chunked"]
)
async def test_a_body_that_does_not_go_on_ends_in_408(length: str):
    async with running_gateway(body_idle_timeout_s=0.2) as relay:
        await relay.create("open", is_anonymous=True)
        listener = await relay.listen("open")
        http = await relay.http()
        await http.stream.send(f"POST /open HTTP/1.1\r\nHost: h\r\n{length}\r\n\r\n".encode())
        if not length.endswith(": 10"):
            far = await listener.rendezvous((await listener.expect("request")).address)
            await far.read_message()
            data, _ = await far.stream.read_to_end()
            assert not data.startswith(b"\x82"), "a body that was cut has become whole"
        response_or_end, _ = await http.stream.read_to_end()
        assert response_or_end == b"" or response_or_end.split(b" ", 2)[1] in (b"408", b"502", b"504")


async def test_many_silent_and_slow_peers_disturb_nobody():
    """B8 at the size of a test: 60 of them at every stage."""
    async with running_gateway(handshake_timeout_s=0.5, http_idle_timeout_s=0.5) as relay:
        await relay.create("open", is_anonymous=True)
        listener = await relay.listen("open")
        stages = [
            b"",
            b"GET /op",
            b"GET /open HTTP/1.1\r\nHost:",
            b"POST /open HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nhalf",
            b"POST /open/rv HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
            b"\x16\x03\x01\x02\x00\x01\x00",
        ]
        silent = [await relay.http() for _ in range(60)]
        for number, http in enumerate(silent):
            http.stream.write(stages[number % len(stages)])
        answered = 0
        normal = await relay.http()
        while answered < 50:
            await normal.send("GET", "/open/normal")
            while (request := await listener.expect("request")).fields.get("requestTarget") != "/open/normal":
                pass
            await listener.answer(request, 200, b"ok")
            assert (await normal.read_response()).body == b"ok"
            answered += 1
        for number, http in enumerate(silent):
            if number % len(stages) not in (3, 4):  # bodies have their own deadline
                await http.stream.read_to_end()


@pytest.mark.skipif(sys.platform != "linux", reason="sockets are counted by what Linux says of them (ss)")
async def test_a_peer_that_vanishes_is_found_out_by_the_system(relay: RunningGateway):
    """Where no ping is sent, within half a WebSocket, TCP's own keepalive ends what is left."""
    http = await relay.http()
    await http.request("GET", "/nowhere")
    found = subprocess.run(  # noqa: ASYNC221 - it answers at once
        ["ss", "-Htnpo", f"sport = :{relay.gateway.port} and dport = :{http.stream.local_port}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "timer:(keepalive," in found, found
