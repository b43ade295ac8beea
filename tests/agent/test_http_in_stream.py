"""HTTP within a byte stream: what is read along, what is let go, and that the stream never notices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.captured import CapturedExchange, Side
from agent.exchanges import Exchanges
from agent.http_in_stream import MAX_UNANSWERED, HttpInStream
from hyco.limits import MAX_HEADER_BYTES
from tests.support.captures import SENDER, a_route
from tests.support.clocks import SteppedClock

GET = b"GET /page?x=1 HTTP/1.1\r\nHost: here\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Kind: test\r\n\r\nhello"


@pytest.fixture
def exchanges(tmp_path: Path) -> Iterator[Exchanges]:
    made = Exchanges(tmp_path / "captures", SteppedClock())
    made.begin()
    yield made
    made.close()


@pytest.fixture
def stream(exchanges: Exchanges) -> HttpInStream:
    return reading(exchanges)


def reading(exchanges: Exchanges) -> HttpInStream:
    route = a_route()
    return HttpInStream(
        lambda method, target, headers: exchanges.capture(
            route, method=method, request_target=target, headers=headers, remote=SENDER
        )
    )


def seen(exchanges: Exchanges) -> list[CapturedExchange]:
    return sorted(exchanges.changes().changed, key=lambda one: one.id)


def said(one: CapturedExchange) -> tuple[str, str, int, str | None]:
    return one.method, one.request_target, one.status, one.error


def body(exchanges: Exchanges, one: CapturedExchange, side: Side = Side.TARGET) -> bytes:
    return exchanges.body(one.id, side, 0, 1 << 20)


def test_request_and_answer_become_an_exchange(stream: HttpInStream, exchanges: Exchanges):
    stream.asked(GET)
    (one,) = seen(exchanges)
    assert said(one) == ("GET", "/page?x=1", 0, None)
    assert not one.is_over
    assert stream.about == "GET /page"
    stream.answered(OK)
    (one,) = seen(exchanges)
    assert said(one) == ("GET", "/page?x=1", 200, None)
    assert one.is_over
    assert one.request_headers == (("Host", "here"),)
    assert one.response_headers == (("Content-Length", "5"), ("X-Kind", "test"))
    assert (one.request_body.is_whole, one.response_body.is_whole) == (True, True)
    assert body(exchanges, one) == b"hello"
    assert stream.about == "GET /page 200"
    assert not stream.is_over


@pytest.mark.parametrize("size", [1, 2, 3, 7, 30])
def test_it_does_not_matter_how_the_bytes_are_cut(stream: HttpInStream, exchanges: Exchanges, size: int):
    asked = (
        b"POST /a HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n5\r\npedia\r\n0\r\nT: x\r\n\r\n"
        + GET
    )
    answered = b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"HTTP/1.1 204 None\r\n\r\n"
    for start in range(0, len(asked), size):
        stream.asked(memoryview(asked)[start : start + size])
    for start in range(0, len(answered), size):
        stream.answered(memoryview(answered)[start : start + size])
    first, second = seen(exchanges)
    assert said(first) == ("POST", "/a", 200, None)
    assert body(exchanges, first, Side.SENDER) == b"wikipedia"
    assert body(exchanges, first) == b"hello"
    assert "T" not in dict(first.request_headers)
    assert said(second) == ("GET", "/page?x=1", 204, None)
    assert second.is_over
    assert not stream.is_over


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n",
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_answer_to_head_has_no_body(stream: HttpInStream, exchanges: Exchanges, head: bytes, size: int):
    stream.asked(GET.replace(b"GET", b"HEAD"))
    for start in range(0, len(head), size):
        stream.answered(head[start : start + size])
    stream.asked(GET)
    stream.answered(OK)
    first, second = seen(exchanges)
    assert (first.method, first.is_over, first.error, first.response_body.size) == ("HEAD", True, None, 0)
    assert (said(second), body(exchanges, second)) == (("GET", "/page?x=1", 200, None), b"hello")


def test_answer_without_a_length_ends_with_the_stream(stream: HttpInStream, exchanges: Exchanges):
    stream.asked(GET)
    stream.answered(b"HTTP/1.0 200 OK\r\n\r\nall ")
    stream.answered(b"of it")
    stream.answered(b"")
    (one,) = seen(exchanges)
    assert (said(one)[2:], body(exchanges, one)) == ((200, None), b"all of it")
    assert one.response_body.is_whole
    assert stream.is_over


@pytest.mark.parametrize("end", ["of the server", "of the stream", "by an error"])
def test_answer_that_is_cut_says_so(stream: HttpInStream, exchanges: Exchanges, end: str):
    stream.asked(GET)
    stream.answered(OK[:-2])
    if end == "of the server":
        stream.answered(b"")
    else:
        stream.ended("the target went away" if end == "by an error" else None)
    (one,) = seen(exchanges)
    assert one.is_over
    assert not one.response_body.is_whole
    expected = (
        "the target went away" if end == "by an error" else "the connection ended before the answer did"
    )
    assert one.error == expected


def test_upgrade_ends_the_reading_with_its_answer(stream: HttpInStream, exchanges: Exchanges):
    upgrade = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    stream.asked(upgrade)
    stream.answered(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi"
    )
    (one,) = seen(exchanges)
    assert (said(one), one.is_over) == (("GET", "/ws", 101, None), True)
    assert stream.is_over
    stream.asked(GET)
    assert len(seen(exchanges)) == 1


def test_requests_go_on_where_an_upgrade_is_refused(stream: HttpInStream, exchanges: Exchanges):
    """curl --http2 asks every server so first."""
    stream.asked(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n")
    stream.answered(OK)
    stream.asked(GET)
    stream.answered(OK)
    assert [said(one) for one in seen(exchanges)] == [
        ("GET", "/a", 200, None),
        ("GET", "/page?x=1", 200, None),
    ]


@pytest.mark.parametrize(
    "first",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"\x00\x00\x00\x08\x04\xd2\x16\x2f",  # PostgreSQL
        b"*1\r\n$4\r\nPING\r\n",  # Redis
        b"PING\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"NICK somebody\r\nUSER somebody\r\n",
        b"get key\r\n",
        b" GET / HTTP/1.1\r\n\r\n",
        b"CONNECT here:443 HTTP/1.1\r\nHost: here:443\r\n\r\n",
        b"GET http://here/ HTTP/1.1\r\nHost: here\r\n\r\n",
        b"AVERYLONGWORDTHATISNOMETHODATALL /",
    ],
)
def test_what_is_no_http_is_let_go(stream: HttpInStream, exchanges: Exchanges, first: bytes):
    stream.asked(first)
    assert stream.is_over
    stream.answered(b"whatever it says to that")
    stream.asked(GET)
    stream.ended(None)
    assert seen(exchanges) == []


def test_server_that_speaks_first_is_let_go(stream: HttpInStream, exchanges: Exchanges):
    stream.answered(b"220 mail.test ESMTP\r\n")
    assert stream.is_over
    stream.asked(b"HELO here\r\n")
    assert seen(exchanges) == []


def test_what_turns_out_to_be_no_http_is_said(stream: HttpInStream, exchanges: Exchanges):
    stream.asked(GET)
    stream.answered(b"no answer of a web server\r\n")
    (one,) = seen(exchanges)
    assert one.error == "what came then is no HTTP that can be read along"
    assert stream.is_over


def test_head_without_an_end_is_let_go(stream: HttpInStream, exchanges: Exchanges):
    stream.asked(b"GET / HTTP/1.1\r\n")
    pieces = 0
    while not stream.is_over:
        stream.asked(b"X: " + b"a" * 1000 + b"\r\n")
        pieces += 1
        assert pieces * 1000 < 3 * MAX_HEADER_BYTES
    assert seen(exchanges) == []


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_answer_whose_head_has_no_end_is_let_go(stream: HttpInStream, exchanges: Exchanges, method: bytes):
    stream.asked(GET.replace(b"GET", method))
    stream.answered(b"HTTP/1.1 200 OK\r\n")
    pieces = 0
    while not stream.is_over:
        stream.answered(b"X: " + b"a" * 1000 + b"\r\n")
        pieces += 1
        assert pieces * 1000 < 3 * MAX_HEADER_BYTES
    assert [one.is_over for one in seen(exchanges)] == [True]


def test_more_requests_ahead_than_anybody_sends_are_let_go(stream: HttpInStream, exchanges: Exchanges):
    stream.asked(GET * MAX_UNANSWERED)
    assert not stream.is_over
    stream.asked(GET)
    assert stream.is_over
    assert len(seen(exchanges)) == MAX_UNANSWERED
    assert all(one.is_over for one in seen(exchanges))


def test_head_right_behind_another_answer_is_let_go(stream: HttpInStream, exchanges: Exchanges):
    """Both answers in one read: the parser would take what follows for the body of the second."""
    stream.asked(GET + GET.replace(b"GET", b"HEAD"))
    stream.answered(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
    first, second = seen(exchanges)
    assert (first.error, first.is_over) == (None, True)
    assert second.error == "what came then is no HTTP that can be read along"


def test_nothing_is_captured_while_capturing_is_off_and_the_next_one_is(
    stream: HttpInStream, exchanges: Exchanges
):
    exchanges.is_capturing = False
    stream.asked(GET.replace(b"/page", b"/unseen"))
    stream.answered(OK)
    exchanges.is_capturing = True
    stream.asked(GET)
    stream.answered(OK)
    assert [one.request_target for one in seen(exchanges)] == ["/page?x=1"]


@pytest.mark.allow_log_warnings("is not read along any further")
def test_bug_in_what_is_told_ends_the_reading_alone(caplog: pytest.LogCaptureFixture):
    def begin(*_: object) -> None:
        raise RuntimeError("a bug")

    stream = HttpInStream(begin)
    stream.asked(GET)
    assert stream.is_over
    assert "is not read along any further: RuntimeError('a bug')" in caplog.text


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.one_of(
                st.binary(max_size=40),
                st.sampled_from(
                    [GET, OK, OK[:20], OK[20:], GET[:9], GET[9:], GET.replace(b"GET", b"HEAD"), b""]
                ),
            ),
        ),
        max_size=20,
    )
)
def test_reading_is_total(tmp_path: Path, pieces: list[tuple[bool, bytes]]):
    """Whatever passes, nothing is raised, and every exchange that was begun is over at the end."""
    exchanges = Exchanges(tmp_path / "captures", SteppedClock())
    stream = reading(exchanges)
    for asks, piece in pieces:
        (stream.asked if asks else stream.answered)(piece)
    stream.ended(None)
    assert all(one.is_over for one in seen(exchanges))
