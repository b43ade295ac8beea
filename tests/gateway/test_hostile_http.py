"""Malformed HTTP requests: each is answered with an error or cut off, and none becomes two (B3).

Source: reliability reference §2, row B3; RFC 9112.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re

import pytest

from tests.support.gateways import RunningGateway
from tests.support.raw_http import RawHttp
from tests.support.raw_relay import RawListener
from tests.support.raw_stream import End
from tests.support.raw_websocket import UpgradeRefusedError
from tests.support.waiting import until

#: In the body or behind it: would reach the listener if somebody took it for a request.
SMUGGLED = b"GET /open/smuggled HTTP/1.1\r\nHost: h\r\n\r\n"

STATUS_LINE = re.compile(rb"HTTP/1\.1 (\d{3}) ")

HEAD = b"POST /open/case HTTP/1.1\r\nHost: h\r\n"
GET = b"GET /open/case HTTP/1.1\r\nHost: h\r\n"


def lengths(*values: bytes) -> bytes:
    """A request with these Content-Length headers."""
    fields = b"".join(b"Content-Length: %b\r\n" % value for value in values)
    return HEAD + fields + b"\r\n" + SMUGGLED


def coding(*values: bytes, extra: bytes = b"", body: bytes = b"0\r\n\r\n") -> bytes:
    """A request with these Transfer-Encoding headers."""
    fields = b"".join(b"Transfer-Encoding: %b\r\n" % value for value in values)
    return HEAD + fields + extra + b"\r\n" + body + SMUGGLED


def chunked(body: bytes) -> bytes:
    """A chunked request with exactly *body*."""
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + body + SMUGGLED


#: Each of these has to be refused: an error for an answer, or the end of the connection.
REFUSED: dict[str, bytes] = {
    "two different lengths": lengths(b"5", b"6"),
    "the same length twice": lengths(b"5", b"5"),
    "a list of lengths": lengths(b"5, 5"),
    "a negative length": lengths(b"-5"),
    "a length with a plus": lengths(b"+5"),
    "a length in hex": lengths(b"0x5"),
    "a length with an underscore": lengths(b"5_0"),
    "a length with a space inside": lengths(b"5 0"),
    "a length with a dot": lengths(b"5.0"),
    "an empty length": lengths(b""),
    "a length of letters": lengths(b"five"),
    "a length that overflows": lengths(b"18446744073709551621"),
    "a length of a thousand digits": lengths(b"9" * 1000),
    "length and chunked": coding(b"chunked", extra=b"Content-Length: 5\r\n"),
    "chunked and length": HEAD
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "chunked twice": coding(b"chunked", b"chunked"),
    "chunked, chunked": coding(b"chunked, chunked"),
    "chunked not last": coding(b"chunked, identity"),
    "unknown coding": coding(b"xchunked"),
    "identity": coding(b"identity"),
    "gzip alone": coding(b"gzip"),
    "coding with a vertical tab": coding(b"\x0bchunked"),
    "coding with a quote": coding(b'"chunked"'),
    "coding with a parameter": coding(b"chunked;q=1"),
    "empty coding": coding(b""),
    "coding in a folded line": HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "coding with a space before the colon": HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "coding in HTTP/1.0": b"POST /open/case HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    + SMUGGLED,
    "chunk size that overflows": chunked(b"FFFFFFFFFFFFFFFFF\r\nx\r\n0\r\n\r\n"),
    "chunk size of 2^64": chunked(b"10000000000000000\r\nx\r\n0\r\n\r\n"),
    "negative chunk size": chunked(b"-1\r\nx\r\n0\r\n\r\n"),
    "chunk size with 0x": chunked(b"0x1\r\nx\r\n0\r\n\r\n"),
    "chunk size of letters": chunked(b"xyz\r\n0\r\n\r\n"),
    "empty chunk size": chunked(b"\r\nx\r\n0\r\n\r\n"),
    "chunk size with a space inside": chunked(b"1 0\r\nx\r\n0\r\n\r\n"),
    "chunk ended by a line feed": chunked(b"1\nx\r\n0\r\n\r\n"),
    "chunk longer than its size": chunked(b"1\r\nxyz\r\n0\r\n\r\n"),
    "chunk shorter than its size": chunked(b"9\r\nx\r\n0\r\n\r\n")[: -len(SMUGGLED)],
    "no Host": b"GET /open/case HTTP/1.1\r\n\r\n" + SMUGGLED,
    "two Hosts": GET + b"Host: evil\r\n\r\n" + SMUGGLED,
    "space before a colon": GET + b"X-A : b\r\n\r\n" + SMUGGLED,
    "space in a name": GET + b"X A: b\r\n\r\n" + SMUGGLED,
    "no colon": GET + b"X-A\r\n\r\n" + SMUGGLED,
    "empty name": GET + b": b\r\n\r\n" + SMUGGLED,
    "folded first line": b"GET /open/case HTTP/1.1\r\n Host: h\r\n\r\n" + SMUGGLED,
    "folded line": GET + b"X-A: b\r\n\tc\r\n\r\n" + SMUGGLED,
    "NUL in a value": GET + b"X-A: b\0c\r\n\r\n" + SMUGGLED,
    "NUL in a name": GET + b"X\0A: b\r\n\r\n" + SMUGGLED,
    "carriage return in a value": GET + b"X-A: b\rc\r\n\r\n" + SMUGGLED,
    "carriage return as a line end": b"GET /open/case HTTP/1.1\rHost: h\r\r" + SMUGGLED,
    "delete in a value": GET + b"X-A: b\x7fc\r\n\r\n" + SMUGGLED,
    "tab in the request line": b"GET\t/open/case\tHTTP/1.1\r\nHost: h\r\n\r\n" + SMUGGLED,
    "space in the target": b"GET /open/ case HTTP/1.1\r\nHost: h\r\n\r\n" + SMUGGLED,
    "NUL in the target": b"GET /open/\0case HTTP/1.1\r\nHost: h\r\n\r\n" + SMUGGLED,
    "fragment in the target": b"GET /open/case#x HTTP/1.1\r\nHost: h\r\n\r\n",
    "absolute target": b"GET http://h/open/case HTTP/1.1\r\nHost: h\r\n\r\n",
    "target of another scheme": b"GET file:///etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n",
    "authority target": b"GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
    "asterisk with GET": b"GET * HTTP/1.1\r\nHost: h\r\n\r\n",
    "dots": b"GET /open/../hc HTTP/1.1\r\nHost: h\r\n\r\n",
    "encoded dots": b"GET /open/%2e%2e/hc HTTP/1.1\r\nHost: h\r\n\r\n",
    "backslash": b"GET /open\\..\\hc HTTP/1.1\r\nHost: h\r\n\r\n",
    "bad escape": b"GET /open/%zz HTTP/1.1\r\nHost: h\r\n\r\n",
    "encoded line break": b"GET /open/a%0d%0ab HTTP/1.1\r\nHost: h\r\n\r\n",
    "not UTF-8": b"GET /open/%ff HTTP/1.1\r\nHost: h\r\n\r\n",
    "no version": b"GET /open/case\r\nHost: h\r\n\r\n" + SMUGGLED,
    "version 0.9": b"GET /open/case HTTP/0.9\r\nHost: h\r\n\r\n" + SMUGGLED,
    "version 1.2": b"GET /open/case HTTP/1.2\r\nHost: h\r\n\r\n" + SMUGGLED,
    "version 2.0": b"GET /open/case HTTP/2.0\r\nHost: h\r\n\r\n" + SMUGGLED,
    "version 1.10": b"GET /open/case HTTP/1.10\r\nHost: h\r\n\r\n" + SMUGGLED,
    "lower-case version": b"GET /open/case http/1.1\r\nHost: h\r\n\r\n" + SMUGGLED,
    "lower-case method": b"get /open/case HTTP/1.1\r\nHost: h\r\n\r\n" + SMUGGLED,
    "method with a NUL": b"G\0T /open/case HTTP/1.1\r\nHost: h\r\n\r\n" + SMUGGLED,
    "endless method": b"G" * 50_000,
    "endless target": b"GET /" + b"a" * 200_000,
    "endless name": GET + b"X" * 200_000,
    "endless value": GET + b"X-A: " + b"v" * 200_000,
    "ten thousand headers": GET + b"A: b\r\n" * 10_000 + b"\r\n",
}

#: Odd, and right: one request each, with the body that is named.
TAKEN: dict[str, tuple[bytes, bytes | None]] = {
    "length with zeros in front": (HEAD + b"Content-Length: 005\r\n\r\nhello", b"hello"),
    "coding in capitals": (HEAD + b"Transfer-Encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "chunk extension": (
        HEAD + b'Transfer-Encoding: chunked\r\n\r\n5;name="a value"\r\nhello\r\n0\r\n\r\n',
        b"hello",
    ),
    "chunk size in capitals with zeros": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n000A\r\nhelloworld\r\n0\r\n\r\n",
        b"helloworld",
    ),
    "trailer": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Trailer: a\r\n\r\n",
        b"hello",
    ),
    "GET with a body": (GET + b"Content-Length: 5\r\n\r\nhello", b"hello"),
    "two spaces behind the method": (
        b"GET  /open/case HTTP/1.1\r\nHost: h\r\n\r\n",
        None,
    ),  # RFC 9112 section 3
    "value with tabs around": (GET + b"X-A: \t b \t\r\n\r\n", None),
    "empty value": (GET + b"X-A:\r\n\r\n", None),
    "latin-1 in a value": (GET + b"X-A: gr\xfc\xdfe\r\n\r\n", None),
}


@pytest.fixture
async def listener(relay: RunningGateway) -> RawListener:
    return await relay.listen("open")


async def next_is(relay: RunningGateway, listener: RawListener, marker: str) -> None:
    """Fail if the listener is told of anything but a request that is sent now."""
    http = await relay.http()
    await http.send("GET", f"/open/{marker}")
    while True:
        request = await listener.expect("request")
        target = request.fields.get("requestTarget", "/open/case")
        assert "smuggled" not in target
        if target == f"/open/{marker}":
            break
    await listener.answer(request, 200, b"normal")
    assert (await http.read_response()).body == b"normal"


async def test_what_can_be_read_in_two_ways_is_refused(
    relay: RunningGateway, listener: RawListener, subtests: pytest.Subtests
):
    for case, sent in REFUSED.items():
        with subtests.test(case):
            http = await relay.http()
            http.stream.write(sent)
            http.stream.half_close()
            answer, _ = await http.stream.read_to_end()
            statuses = STATUS_LINE.findall(answer)
            assert len(statuses) <= 1, answer
            assert answer == b"" or answer.startswith(b"HTTP/1.1 "), answer
            assert all(status >= b"400" for status in statuses), answer
            await next_is(relay, listener, "after")


async def test_its_sender_is_told_or_cut_off_at_once(
    relay: RunningGateway, listener: RawListener, subtests: pytest.Subtests
):
    """Without closing its end, and whether or not a listener has come for the beginning of the body."""
    async with asyncio.TaskGroup() as tasks:
        meeting = tasks.create_task(_meet_all(listener), name="meet all")
        for case, sent in REFUSED.items():
            if case == "chunk shorter than its size":
                continue  # it is not complete: its sender is waited for
            with subtests.test(case):
                http = await relay.http()
                http.stream.write(sent)
                try:
                    response = await http.read_response()
                except (EOFError, ConnectionResetError):
                    continue
                assert 400 <= response.status < 600, response.line
        meeting.cancel()


@pytest.mark.parametrize(
    "value",
    ["gzip", "identity", "xchunked", '"chunked"', "chunked;q=1", "chunked, identity", "gzip, chunked"],
)
async def test_no_listener_hears_of_a_transfer_coding_that_nobody_here_knows(
    relay: RunningGateway, listener: RawListener, value: str
):
    """RFC 9112 section 6.1: 400 where chunked is not the last coding, 501 where one is unknown."""
    http = await relay.http()
    await http.send_head("POST", "/open/case", [("Transfer-Encoding", value)])
    assert (await http.read_response()).status in (400, 501)
    other = await relay.http()
    await other.send("GET", "/open/after")
    assert (await listener.expect("request")).fields.get("requestTarget") == "/open/after"


async def _meet_all(listener: RawListener) -> None:
    """Come to every rendezvous, and answer nothing."""
    while True:
        with contextlib.suppress(UpgradeRefusedError):
            await listener.rendezvous((await listener.expect("request")).address)


@pytest.mark.parametrize("case", TAKEN)
async def test_what_is_odd_but_right_is_one_request(relay: RunningGateway, listener: RawListener, case: str):
    sent, body = TAKEN[case]
    http = await relay.http()
    await http.stream.send(sent)
    request = await listener.expect("request")
    if list(request.fields) == ["address"]:
        far = await listener.rendezvous(request.address)
        assert "/open/case" in (await far.read_message()).text
        assert (await far.read_message()).data == body
        await far.send_text('{"response":{"requestId":"x","statusCode":200,"body":false}}')
    else:
        assert request.fields["requestTarget"] == "/open/case"
        assert request.body == body
        await listener.answer(request, 200)
    assert (await http.read_response()).status == 200
    # the connection is in step
    await http.send("GET", "/open/second")
    second = await listener.expect("request")
    assert second.fields["requestTarget"] == "/open/second"


async def test_a_body_that_looks_like_a_request_is_a_body(relay: RunningGateway, listener: RawListener):
    http = await relay.http()
    await http.send("POST", "/open/case", body=SMUGGLED)
    request = await listener.expect("request")
    assert request.body == SMUGGLED
    await listener.answer(request, 200, b"one")
    assert (await http.read_response()).body == b"one"
    await next_is(relay, listener, "after")


async def test_the_rest_of_a_refused_body_is_not_a_request(relay: RunningGateway, listener: RawListener):
    """Refused for its token before its body is read; the body must not be parsed as what comes next."""
    http = await relay.http()
    await http.send("POST", "/hc", body=SMUGGLED * 3)
    assert (await http.read_response()).status == 401
    rest, _ = await _what_else(http)
    assert b"normal" not in rest
    await next_is(relay, listener, "after")


async def _what_else(http: RawHttp) -> tuple[bytes, object]:
    http.stream.half_close()
    return await http.stream.read_to_end()


async def test_a_pipelined_request_behind_a_bad_one_is_not_looked_at(
    relay: RunningGateway, listener: RawListener
):
    http = await relay.http()
    http.stream.write(GET + b"\r\n" + HEAD + b"Content-Length: x\r\n\r\n" + SMUGGLED)
    request = await listener.expect("request")
    assert request.fields["requestTarget"] == "/open/case"
    await listener.answer(request, 200, b"first")
    assert (await http.read_response()).body == b"first"
    assert (await http.read_response()).status == 400
    assert (await http.stream.read_to_end())[0] == b""
    await next_is(relay, listener, "after")


async def test_a_trailer_is_no_header(relay: RunningGateway, listener: RawListener):
    """Nor does it become one of several: the head has been judged when it comes."""
    http = await relay.http()
    trailers = b"X-Trailer: t\r\nHost: other\r\nAuthorization: Basic t\r\nServiceBusAuthorization: t\r\n"
    await http.stream.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + trailers + b"\r\n")
    far = await listener.rendezvous((await listener.expect("request")).address)
    headers = json.loads((await far.read_message()).text)["request"]["requestHeaders"]
    assert set(headers) == {"Host", "Via"}
    assert headers["Host"] == "h"


@pytest.mark.parametrize("endless", [b"X-T: %b\r\n" % (b"v" * 100) * 10_000, b"X-T: " + b"v" * 1_000_000])
async def test_a_request_whose_trailers_do_not_end_is_over(
    relay: RunningGateway, listener: RawListener, endless: bytes
):
    """While its listener has not come: what nobody was going to read was kept."""
    http = await relay.http()
    await http.stream.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
    address = (await listener.expect("request")).address
    http.stream.write(endless)
    far = await listener.rendezvous(address)
    assert (await http.read_response()).status == 400
    await far.stream.close()


@pytest.mark.parametrize("rest", [b"zz\r\n", b"fffffffffffffffff\r\n", b"5\r\nhelloo\r\n"])
async def test_a_sender_is_told_that_its_body_is_broken(
    relay: RunningGateway, listener: RawListener, rest: bytes
):
    """It is not blamed on the listener, whose rendezvous is ended for it."""
    http = await relay.http()
    await http.stream.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
    far = await listener.rendezvous((await listener.expect("request")).address)
    assert json.loads((await far.read_message()).text)["request"]["body"]
    await http.stream.send(rest)
    answer = await http.read_response()
    assert answer.status == 400
    assert b"Malformed HTTP request" in answer.body or "Malformed HTTP request" in answer.reason
    await far.stream.close()
    await next_is(relay, listener, "after")


@pytest.mark.parametrize("size", [100, 5_000, 60_000])
async def test_trailers_are_bounded(relay: RunningGateway, listener: RawListener, size: int):
    http = await relay.http()
    await http.stream.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
    http.stream.write(b"X-T: %b\r\n" % (b"v" * 100) * size)
    http.stream.half_close()
    await http.stream.read_to_end()
    await next_is(relay, listener, "after")


async def test_an_endless_chunk_extension_harms_nobody(relay: RunningGateway, listener: RawListener):
    http = await relay.http()
    await http.stream.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;")
    http.stream.write(b"e" * (8 << 20))
    http.stream.half_close()
    await http.stream.read_to_end()
    await next_is(relay, listener, "after")


async def test_mutants_of_good_requests_never_become_two(relay: RunningGateway, listener: RawListener):
    """A few bytes of two pipelined requests changed, doubled or lost; a third on a new connection is in order."""
    chance = random.Random("requests")
    # to a hybrid connection without a token, so that the relay answers everything by itself
    good = (
        b"POST /hc/a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello"
        b"POST /hc/b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    )
    for _ in range(300):
        mutant = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(mutant))
            match chance.randrange(3):
                case 0:
                    mutant[place] = chance.randrange(256)
                case 1:
                    del mutant[place : place + chance.randrange(1, 20)]
                case _:
                    mutant[place:place] = mutant[place : place + chance.randrange(1, 20)]
        http = await relay.http()
        await http.stream.send(bytes(mutant))
        http.stream.half_close()
        answer, _ = await http.stream.read_to_end()
        statuses = STATUS_LINE.findall(answer)
        assert len(statuses) <= 3, (bytes(mutant), answer)
        assert all(status >= b"400" for status in statuses), (bytes(mutant), answer)
    await next_is(relay, listener, "after")


async def test_a_refused_request_with_another_behind_it_does_not_keep_its_connection(relay: RunningGateway):
    """Found by the random ones: what came behind was parsed, and stopped both reading and the last deadline for good."""
    http = await relay.http()
    http.stream.write(b"GET /open/case HTTP/1.1\r\n\r\n" + SMUGGLED)
    assert (await http.read_response()).status == 400
    assert await http.stream.end() is End.FIN
    http.stream.half_close()
    await until(lambda: not relay.left_behind(), "the connection is gone")
