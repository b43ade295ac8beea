"""Listeners with a good token and bad manners: their own senders get an error, nobody else notices (B5).

Source: reliability reference §1 (malicious listener) and §2, row B5; protocol reference §6.8.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator

import pytest

from tests.support.gateways import RunningGateway, running_gateway
from tests.support.raw_http import HttpResponse, RawHttp, chunk
from tests.support.raw_relay import RawListener, response_text
from tests.support.raw_stream import End
from tests.support.raw_websocket import (
    BINARY,
    CONTINUATION,
    PING,
    TEXT,
    RawWebSocket,
    UpgradeRefusedError,
    close_payload,
    frame,
)
from tests.support.waiting import until

#: What a sender must never see from a listener, in whatever spelling it was hidden.
EVIL = re.compile(r"evil", re.IGNORECASE)


#: None of these is one that a sender may see.
STATUSES: tuple[object, ...] = (
    *(0, -200, 1, 99, 100, 101, 199, 600, 999, 1000, 200.5, 1e300, 10**30),
    *(None, True, [], {}, "", "abc", "+200", "2_0_0", " 200", "0x10", "٢٠٠"),
)


@pytest.fixture
async def relay() -> AsyncIterator[RunningGateway]:
    """A gateway whose deadlines are short: some of these listeners never come to an end."""
    async with running_gateway(
        response_timeout_s=0.25, body_idle_timeout_s=0.25, rendezvous_validity_s=1.0
    ) as running:
        yield running


class Bystander:
    """Another hybrid connection, in use."""

    def __init__(self, relay: RunningGateway, listener: RawListener, http: RawHttp) -> None:
        self._relay = relay
        self._listener = listener
        self._http = http

    @classmethod
    async def start(cls, relay: RunningGateway) -> Bystander:
        """Connect it."""
        # its own deadline: a machine that does other work is not what disturbs it here
        await relay.create("bystander", is_anonymous=True, response_timeout_s=10.0)
        return cls(relay, await relay.listen("bystander"), await relay.http())

    async def check(self) -> None:
        """Fail if it was disturbed."""
        await self._http.send("GET", "/bystander")
        await self._listener.answer(await self._listener.expect("request"), 200, b"undisturbed")
        assert (await self._http.read_response()).body == b"undisturbed"
        sender, far = await self._relay.pair(self._listener, "bystander")
        await sender.send_text("hello")
        assert (await far.read_message()).text == "hello"


@pytest.fixture
async def bystander(relay: RunningGateway) -> Bystander:
    return await Bystander.start(relay)


def text(document: str | bytes) -> bytes:
    """A text message, right or wrong."""
    return frame(TEXT, document.encode() if isinstance(document, str) else document)


class Saying:
    """Makes messages about one request."""

    def __init__(self, request_id: str) -> None:
        self._id = request_id

    def response(self, **fields: object) -> bytes:
        """A response; *fields* replace and add."""
        base: dict[str, object] = {"requestId": self._id, "statusCode": 200, "body": False}
        return text(json.dumps({"response": {**base, **fields}}))

    def with_headers(self, headers: object) -> bytes:
        """A response with these headers."""
        return self.response(responseHeaders=headers)

    def raw(self, document: str) -> bytes:
        """A text message with the id in place of ``{id}``."""
        return text(document.replace("{id}", self._id))


def on_the_control_channel(say: Saying) -> dict[str, bytes]:
    """What a listener sends on its control channel while a request waits for an answer."""
    return {
        "no JSON": say.raw("hello"),
        "half JSON": say.raw('{"response": {"requestId"'),
        "JSON with more behind": say.raw('{"response": {}} {}'),
        "nothing": say.raw(""),
        "a list": say.raw("[]"),
        "null": say.raw("null"),
        "a number": say.raw("1"),
        "a string": say.raw('"response"'),
        "not a number": say.raw('{"response": {"requestId": "{id}", "statusCode": NaN}}'),
        "deep lists": say.raw("[" * 30_000),
        "deep objects": say.raw('{"a":' * 10_000),
        "a long number": say.raw('{"response": {"requestId": "{id}", "statusCode": ' + "9" * 20_000 + "}}"),
        "two commands": say.raw(
            '{"response": {"requestId": "{id}", "statusCode": 200}, "renewToken": {"token": "x"}}'
        ),
        "one command twice": say.raw(
            '{"response": {}, "response": {"requestId": "{id}", "statusCode": 200}}'
        ),
        "response is null": say.raw('{"response": null}'),
        "response is a list": say.raw('{"response": []}'),
        "response is text": say.raw('{"response": "200"}'),
        "response is empty": say.raw('{"response": {}}'),
        "no id": say.raw('{"response": {"statusCode": 200}}'),
        "id is a number": say.response(requestId=1),
        "id is a list": say.response(requestId=["x"]),
        "no status": say.raw('{"response": {"requestId": "{id}"}}'),
        **{f"status {status!r}": say.response(statusCode=status) for status in STATUSES},
        "description with a header": say.response(statusDescription="OK\r\nX-Evil: 1"),
        "description with a response": say.response(statusDescription="OK\r\n\r\nHTTP/1.1 200 Evil\r\n\r\n"),
        "description with line feeds": say.response(statusDescription="OK\nX-Evil: 1\n\nevil"),
        "description with a NUL": say.response(statusDescription="OK\0x"),
        "description outside latin-1": say.response(statusDescription="\u010d\u010a\u560d\u560aX-Evil: 1"),
        "description of a surrogate": say.raw(
            '{"response": {"requestId": "{id}", "statusCode": 200, "statusDescription": "\\ud800"}}'
        ),
        "description is a number": say.response(statusDescription=5),
        "description of 50 kB": say.response(statusDescription="d" * 50_000),
        "headers are a list": say.with_headers(["X-Evil", "1"]),
        "headers are text": say.with_headers("X-Evil: 1"),
        "value is an object": say.with_headers({"X-A": {"evil": 1}}),
        "value is null": say.with_headers({"X-A": None}),
        "value with a header": say.with_headers({"X-A": "b\r\nX-Evil: 1"}),
        "value with a body": say.with_headers({"X-A": "b\r\n\r\nevil"}),
        "value with a line feed": say.with_headers({"X-A": "b\nX-Evil: 1"}),
        "value with a carriage return": say.with_headers({"X-A": "b\rX-Evil: 1"}),
        "value with a NUL": say.with_headers({"X-A": "b\0evil"}),
        "value outside latin-1": say.with_headers({"X-A": "\u560d\u560aX-Evil: 1"}),
        "value of a surrogate": say.raw(
            '{"response": {"requestId": "{id}", "statusCode": 200, "responseHeaders": {"X-A": "\\udc0a"}}}'
        ),
        "name with a header": say.with_headers({"X-A: b\r\nX-Evil": "1"}),
        "name with a colon": say.with_headers({"X-Evil: 1\nX-A": "b"}),
        "name with a space": say.with_headers({"X-A evil": "b"}),
        "empty name": say.with_headers({"": "evil"}),
        "name outside ASCII": say.with_headers({"X-\u00c4-evil": "b"}),
        "headers of 60 kB": say.with_headers({f"X-{number}": "v" * 500 for number in range(100)}),
        "two thousand headers": say.with_headers({f"X-{number}": "v" for number in range(2_000)}),
        "another length": say.with_headers({"Content-Length": "1000", "content-LENGTH": "5"}),
        "another coding": say.with_headers({"Transfer-Encoding": "chunked", "transfer-encoding": "gzip"}),
        "an upgrade": say.with_headers({"Connection": "Upgrade", "Upgrade": "websocket"}),
        "body is text": say.response(body="yes"),
        "body is 1": say.response(body=1),
        "body announced twice": say.response(body=True) + say.response(body=True),
        "body that is text": say.response(body=True) + say.raw("{}"),
        "body that never comes": say.response(body=True),
        "body that never ends": say.response(body=True) + frame(BINARY, b"x", fin=False),
        "body of a byte too many": say.response(body=True) + frame(BINARY, bytes(65_537)),
        "body in pieces too many": say.response(body=True)
        + frame(BINARY, bytes(65_536), fin=False)
        + frame(CONTINUATION, b"x"),
        "a body for a HEAD-like status": say.response(statusCode=204, body=True) + frame(BINARY, b"evil"),
        "an answer and another one": say.response() + say.response(statusCode=201),
        "an accept": say.raw('{"accept": {"address": "wss://evil.example/", "id": "{id}"}}'),
        "a request": say.raw(
            '{"request": {"address": "wss://evil.example/", "id": "{id}", "method": "GET"}}'
        ),
        "a token that is none": say.raw('{"renewToken": {"token": "junk"}}'),
        "a token that is a number": say.raw('{"renewToken": {"token": 5}}'),
        "a token that is missing": say.raw('{"renewToken": {}}'),
        "many tokens": say.raw('{"renewToken": {"token": "junk"}}') * 100,
        "answers to nobody": say.raw('{"response": {"requestId": "nobody", "statusCode": 200}}') * 2_000,
        "bodies of nobody": frame(BINARY, bytes(60_000)) * 20,
        "text that is not UTF-8": text(b"\xff\xfe{}"),
        "text of a megabyte": say.raw(" " * 1_000_000),
        "unmasked": frame(TEXT, b"{}", mask=None),
        "a close": frame(0x8, close_payload(1000, "evil")),
        "a close that is none": frame(0x8, b"x"),
    }


def on_the_rendezvous(say: Saying) -> dict[str, bytes]:
    """What it sends on the rendezvous of a request that waits for an answer."""
    return {
        "a body first": frame(BINARY, b"evil"),
        "no JSON": say.raw("hello"),
        "another command": say.raw('{"renewToken": {"token": "x"}}'),
        "a request": say.raw('{"request": {"address": "wss://evil.example/"}}'),
        "no status": say.raw('{"response": {"requestId": "{id}"}}'),
        "status 101": say.response(statusCode=101),
        "status 100": say.response(statusCode=100),
        "status 0": say.response(statusCode=0),
        "description with a header": say.response(statusDescription="OK\r\nX-Evil: 1"),
        "value with a header": say.with_headers({"X-A": "b\r\nX-Evil: 1"}),
        "name with a header": say.with_headers({"X-A: b\r\nX-Evil": "1"}),
        "another length": say.response(responseHeaders={"Content-Length": "1"}, body=True)
        + frame(BINARY, b"HTTP/1.1 200 Evil\r\n\r\n"),
        "two answers": say.response(body=True) + say.response(body=True),
        "an answer in the middle of a body": say.response(body=True)
        + frame(BINARY, b"half", fin=False)
        + frame(TEXT, b"{}"),
        "text behind a body": say.response(body=True)
        + frame(BINARY, b"whole")
        + say.raw('{"response": "evil"}'),
        "a second body": say.response(body=True) + frame(BINARY, b"whole") + frame(BINARY, b"evil"),
        "a body that was not announced": say.response(body=False) + frame(BINARY, b"evil"),
        "a body behind a close": say.response(body=True)
        + frame(BINARY, b"half", fin=False)
        + frame(0x8, close_payload(1000))
        + frame(CONTINUATION, b"evil"),
        "nothing": b"",
        "half an answer": say.response(body=True)[:20],
        "an answer and no body": say.response(body=True),
        "a body that stops": say.response(body=True) + frame(BINARY, b"half", fin=False),
        "a body that stops in a frame": say.response(body=True) + frame(BINARY, b"x" * 1_000)[:500],
        "a close at once": frame(0x8, close_payload(1000)),
        "a close with a fault": frame(0x8, close_payload(1011, "evil")),
        "a close that may not be": frame(0x8, close_payload(1006)),
        "a body of empty frames": say.response(body=True)
        + frame(BINARY, b"", fin=False)
        + frame(CONTINUATION, b"", fin=False) * 5_000,
        "an endless text": frame(TEXT, b" " * 60_000, fin=False)
        + frame(CONTINUATION, b" " * 60_000, fin=False) * 20,
        "pings": frame(PING, b"p" * 125) * 5_000,
        "unmasked": frame(BINARY, b"", mask=None),
    }


async def end_of(http: RawHttp) -> HttpResponse | None:
    """The one answer of *http*; None where the connection ended instead. Fails where there is anything behind it."""
    try:
        answer = await http.read_response()
    except (EOFError, ConnectionResetError):
        return None
    assert 200 <= answer.status < 600, answer.line
    assert not [name for name, _ in answer.headers if EVIL.search(name)], answer.headers
    assert len(answer.values("content-length")) + len(answer.values("transfer-encoding")) <= 1
    if answer.end is None and answer.values("connection") != ["close"]:
        # in step: what comes next on this connection is the next answer, of the relay
        assert (await http.request("GET", "/no-such-name")).status == 401
    return answer


async def test_a_hostile_control_channel_gives_its_sender_one_answer_and_disturbs_nobody(
    relay: RunningGateway, bystander: Bystander, subtests: pytest.Subtests
):
    for number, case in enumerate(on_the_control_channel(Saying("x"))):
        with subtests.test(case):
            path = f"hostile-{number}"
            await relay.create(path, is_anonymous=True)
            listener = await relay.listen(path)
            http = await relay.http()
            await http.send("GET", f"/{path}")
            request = await listener.expect("request")
            listener.socket.stream.write(on_the_control_channel(Saying(request.id))[case])
            await bystander.check()
            await end_of(http)
            await bystander.check()
            listener.socket.stream.reset()


@pytest.mark.parametrize("upload", [False, True])
async def test_a_hostile_rendezvous_gives_its_sender_one_answer_and_disturbs_nobody(
    relay: RunningGateway, bystander: Bystander, subtests: pytest.Subtests, upload: bool
):
    await relay.create("hostile", is_anonymous=True)
    listener = await relay.listen("hostile")
    for case in on_the_rendezvous(Saying("x")):
        with subtests.test(case):
            http = await relay.http()
            far, request_id = await _meet(http, listener, upload=upload)
            far.stream.write(on_the_rendezvous(Saying(request_id))[case])
            await bystander.check()
            answer = await end_of(http)
            if answer is not None and "stops" in case:
                assert answer.is_cut or answer.status >= 500, "a short body that looks whole"
            await bystander.check()
            far.stream.reset()


async def _meet(http: RawHttp, listener: RawListener, *, upload: bool) -> tuple[RawWebSocket, str]:
    """A rendezvous of a request by *http*, and the id of that request."""
    if upload:
        await http.send_head("POST", "/hostile", [("Transfer-Encoding", "chunked")])
        await http.stream.send(chunk(b"body") + chunk(b""))
    else:
        await http.send("GET", "/hostile")
    command = await listener.expect("request")
    far = await listener.rendezvous(command.address)
    if not upload:
        return far, command.id
    request = json.loads((await far.read_message()).text)["request"]
    assert (await far.read_message()).data == b"body"
    return far, request["id"]


async def test_a_listener_cannot_answer_requests_of_another_hybrid_connection(
    relay: RunningGateway, bystander: Bystander
):
    await relay.create("victim", is_anonymous=True)
    await relay.create("hostile", is_anonymous=True)
    victim = await relay.listen("victim")
    hostile = await relay.listen("hostile")
    http = await relay.http()
    await http.send("GET", "/victim")
    request = await victim.expect("request")
    await hostile.answer(request, 200, b"evil")
    assert await hostile.socket.barrier() == []
    await victim.answer(request, 200, b"true")
    assert (await http.read_response()).body == b"true"


async def test_nor_can_another_listener_of_the_same_one(relay: RunningGateway):
    await relay.create("shared", is_anonymous=True)
    first = await relay.listen("shared")
    http = await relay.http()
    await http.send("GET", "/shared")
    request = await first.expect("request")
    second = await relay.listen("shared")
    await second.answer(request, 200, b"evil")
    assert await second.socket.barrier() == []
    await first.answer(request, 200, b"true")
    assert (await http.read_response()).body == b"true"


async def test_an_answer_by_control_channel_does_not_mix_with_one_by_rendezvous(relay: RunningGateway):
    """Both at once: the sender gets one of them, whole."""
    await relay.create("both", is_anonymous=True)
    listener = await relay.listen("both")
    http = await relay.http()
    for _ in range(10):
        await http.send("GET", "/both")
        request = await listener.expect("request")
        coming = await listener.come(request.address)
        await listener.answer(request, 200, b"by control channel")
        with contextlib.suppress(UpgradeRefusedError):
            far = await coming.answer()
            await far.send_text(response_text(request.id, statusCode=200, body=True))
            await far.send_binary(b"by rendezvous")
        answer = await http.read_response()
        assert answer.body in (b"by control channel", b"by rendezvous")
        assert not answer.is_cut


async def test_a_listener_that_comes_for_everything_and_says_nothing_ends_in_504(relay: RunningGateway):
    await relay.create("mute", is_anonymous=True)
    listener = await relay.listen("mute")
    for method in ("GET", "POST"):
        http = await relay.http()
        await http.send(method, "/mute", body=None if method == "GET" else b"x")
        await listener.rendezvous((await listener.expect("request")).address)
        assert (await http.read_response()).status == 504


@pytest.mark.slow
async def test_a_listener_that_does_not_read_its_commands_holds_up_its_own_senders_alone(
    relay: RunningGateway, bystander: Bystander
):
    await relay.create("deaf", is_anonymous=True)
    await relay.listen("deaf")
    senders = []
    for _ in range(200):
        http = await relay.http()
        await http.send("POST", "/deaf", body=bytes(60_000))
        senders.append(http)
        if len(senders) % 50 == 0:
            await bystander.check()
    for http in senders:
        assert (await http.read_response()).status in (502, 503, 504)
    await bystander.check()


async def test_a_rejection_at_the_address_of_a_request_is_an_answer_or_an_error(relay: RunningGateway):
    await relay.create("hc", is_anonymous=True)
    listener = await relay.listen("hc")
    http = await relay.http()
    await http.send("GET", "/hc")
    request = await listener.expect("request")
    assert (await listener.reject(request.address, 403, "No\r\nX-Evil: 1")).status in (400, 403, 410)
    answer = await end_of(http)
    assert answer is not None
    assert answer.status >= 400
    assert answer.end in (None, End.FIN)


async def test_listeners_that_leave_while_they_are_admitted_keep_no_slot(relay: RunningGateway):
    await relay.create("fleeting")
    for _ in range(60):
        (await relay.listening("fleeting")).stream.reset()
    await until(lambda: not relay.left_behind(), "all of them are gone")
    listeners = [await relay.listen("fleeting") for _ in range(relay.gateway.config.max_listeners)]
    async with asyncio.TaskGroup() as tasks:
        for listener in listeners:
            tasks.create_task(listener.close(), name="close")
