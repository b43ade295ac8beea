"""HTTP archives, read back by a parser that others wrote."""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from haralyzer import HarEntry, HarParser

from agent.captured import ExchangeKind, Side
from agent.exchanges import Exchanges
from agent.har import archive
from hyco.frames import Opcode, frame
from tests.support.captures import begun, ended
from tests.support.clocks import SteppedClock
from tests.support.waiting import until


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def exchanges(tmp_path: Path, clock: SteppedClock) -> Iterator[Exchanges]:
    made = Exchanges(tmp_path / "captures", clock)
    made.begin()
    yield made
    made.close()


def parsed(exchanges: Exchanges, *numbers: int, **options: bool) -> dict[str, Any]:
    document: dict[str, Any] = json.loads("".join(archive(exchanges, numbers, version="1.2.3", **options)))
    return document


def entries_of(document: dict[str, Any]) -> list[HarEntry]:
    """As an independent parser sees them."""
    parser = HarParser(document)
    assert parser.creator == {"name": "RelayDesk", "version": "1.2.3"}
    assert parser.version == "1.2"
    return [HarEntry(entry) for entry in document["log"]["entries"]]


def test_archive_without_exchanges_is_one(exchanges: Exchanges):
    assert parsed(exchanges)["log"]["entries"] == []
    assert parsed(exchanges, 5)["log"]["entries"] == []


def test_exchange_is_there_as_a_parser_of_others_reads_it(exchanges: Exchanges, clock: SteppedClock):
    one = begun(
        exchanges,
        "POST",
        "/hc/a b?q=1&empty=&q=2",
        (("Host", "relay.test"), ("Content-Type", "application/json"), ("Cookie", "theme=dark")),
    )
    one.request_piece('{"grüße": 1}'.encode())
    one.request_ended()
    clock.advance(0.1)
    one.asked()
    clock.advance(0.2)
    one.answered(201, "Created", (("Content-Type", "text/plain; charset=utf-8"), ("Location", "/hc/1")))
    one.response_piece("schön".encode())
    one.response_ended()
    clock.advance(0.3)
    one.ended(None)
    exchanges.annotate(one.id, "look here")
    document = parsed(exchanges, one.id, reveals_secrets=True)
    (entry,) = entries_of(document)
    assert (entry.request.method, entry.request.url) == (
        "POST",
        "https://relay.test/hc/a%20b?q=1&empty=&q=2",
    )
    assert entry.request.host == "relay.test"
    assert entry.request.text == '{"grüße": 1}'
    assert entry.request.mimeType == "application/json"
    assert [(one["name"], one["value"]) for one in entry.request.queryString] == [
        ("q", "1"),
        ("empty", ""),
        ("q", "2"),
    ]
    assert entry.request.cookies == [{"name": "theme", "value": "dark"}]
    assert (entry.response.status, entry.response.statusText, entry.response.text) == (
        201,
        "Created",
        "schön",
    )
    assert entry.response.redirectURL == "/hc/1"
    assert entry.time == 600.0
    assert entry.startTime.timestamp() == pytest.approx(clock.now() - 0.6)
    timings = entry.timings
    assert (timings["blocked"], timings["wait"], timings["receive"]) == (100.0, 200.0, 300.0)
    assert document["log"]["entries"][0]["comment"] == "look here"


def test_secrets_are_masked_unless_asked_for(exchanges: Exchanges):
    one = ended(
        exchanges,
        "GET",
        "/hc?token=t0p",
        (("Authorization", "Bearer s3cret"), ("Cookie", "id=abcdef")),
        response_headers=(("Set-Cookie", "session=5e551on; Path=/"),),
    )
    masked = json.dumps(parsed(exchanges, one.id), ensure_ascii=False)
    whole = json.dumps(parsed(exchanges, one.id, reveals_secrets=True))
    for secret in ("t0p", "s3cret", "abcdef", "5e551on"):
        assert secret not in masked
        assert secret in whole


@pytest.mark.parametrize("size", [1_000, 1_048_577, 5_000_000])
async def test_bytes_travel_as_base64(exchanges: Exchanges, size: int):
    data = os.urandom(size)
    one = ended(exchanges, "PUT", body=data, response=data, response_headers=(("Content-Type", "image/png"),))
    await until(lambda: exchanges.spool.unwritten_bytes == 0)
    (entry,) = parsed(exchanges, one.id)["log"]["entries"]
    content, posted = entry["response"]["content"], entry["request"]["postData"]
    assert (content["encoding"], content["size"], content["mimeType"]) == ("base64", size, "image/png")
    assert base64.b64decode(content["text"]) == data
    assert posted["_encoding"] == "base64"
    assert base64.b64decode(posted["text"]) == data


def test_packed_text_is_written_as_what_it_says(exchanges: Exchanges):
    packed = gzip.compress(b"<p>hello</p>")
    headers = (("Content-Type", "text/html"), ("Content-Encoding", "gzip"))
    one = ended(exchanges, response=packed, response_headers=headers)
    (entry,) = parsed(exchanges, one.id)["log"]["entries"]
    assert entry["response"]["content"]["text"] == "<p>hello</p>"
    assert entry["response"]["bodySize"] == len(packed)


def test_what_is_not_whole_says_so(exchanges: Exchanges):
    one = begun(exchanges)
    one.answered(200, "OK", ())
    one.response_piece(b"half of")
    one.ended("the target's answer ended before its end")
    gone = ended(exchanges, response=b"gone")
    exchanges.find(gone.id).discard()
    cut, lost = parsed(exchanges, one.id, gone.id)["log"]["entries"]
    assert "end" in cut["response"]["content"]["comment"]
    assert cut["_error"] == "the target's answer ended before its end"
    assert "0 of 4" in lost["response"]["content"]["comment"]


def test_exchange_without_an_answer_is_there(exchanges: Exchanges):
    one = ended(exchanges, status=0, error="connection refused")
    (entry,) = entries_of(parsed(exchanges, one.id))
    assert entry.response.status == 0


def test_websocket_has_its_messages(exchanges: Exchanges):
    one = begun(exchanges, kind=ExchangeKind.WEBSOCKET)
    one.answered(101, "Switching Protocols", ())
    for number in range(1_200):
        one.frames(Side.SENDER, memoryview(frame(Opcode.TEXT, b"n%d" % number)), True)
    one.frames(Side.TARGET, memoryview(frame(Opcode.BINARY, b"\x00\xff")), True)
    one.ended(None)
    (entry,) = parsed(exchanges, one.id)["log"]["entries"]
    messages = entry["_webSocketMessages"]
    assert entry["_resourceType"] == "websocket"
    assert [m["data"] for m in messages[:-1]] == [f"n{number}" for number in range(1_200)]
    assert (messages[0]["type"], messages[0]["opcode"]) == ("send", 1)
    assert (messages[-1]["type"], messages[-1]["opcode"], messages[-1]["data"]) == ("receive", 2, "AP8=")


def test_many_are_written_one_by_one(exchanges: Exchanges):
    numbers = [ended(exchanges, request_target=f"/hc/{number}").id for number in range(50)]
    assert len(entries_of(parsed(exchanges, *numbers))) == 50
    first = next(archive(exchanges, numbers, version="1"))
    assert "hc" not in first
