"""How one exchange differs from another."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from agent.difference import MAX_BODY_LINES, difference
from agent.exchanges import Capture, Exchanges
from tests.support.captures import ended


@pytest.fixture
def exchanges(tmp_path: Path) -> Exchanges:
    return Exchanges(tmp_path / "captures")


def compared(exchanges: Exchanges, one: Capture, other: Capture) -> list[str]:
    return difference(one.freeze(), other.freeze(), exchanges.body).splitlines()


def changed(lines: list[str]) -> list[str]:
    return [line for line in lines if line[:1] in "+-" and line[:3] not in ("---", "+++")]


def test_same_answer_is_no_difference(exchanges: Exchanges):
    one, other = (ended(exchanges, response=b"same") for _ in range(2))
    assert compared(exchanges, one, other) == []


def test_every_part_is_compared(exchanges: Exchanges):
    one = ended(
        exchanges, "POST", "/hc/a", (("X", "1"),), b"old", response=b"yes", response_headers=(("Y", "1"),)
    )
    other = ended(
        exchanges, "PUT", "/hc/b", (("X", "2"),), b"new", status=500, reason="Oh", response=b"no", error="cut"
    )
    lines = compared(exchanges, one, other)
    assert lines[:2] == [f"--- exchange {one.id}", f"+++ exchange {other.id}"]
    assert set(changed(lines)) == {
        "-POST /hc/a",
        "+PUT /hc/b",
        "-X: 1",
        "+X: 2",
        "-old",
        "+new",
        "-200 OK",
        "+500 Oh",
        "-Y: 1",
        "-yes",
        "+no",
        "+failed: cut",
    }


def test_json_is_compared_by_its_members_and_order_of_headers_means_nothing(exchanges: Exchanges):
    kind = ("Content-Type", "application/json")
    one = ended(exchanges, response=b'{"a":1,"b":2}', response_headers=(kind, ("B", "1")))
    other = ended(exchanges, response=b'{"a":1,"b":3}', response_headers=(("B", "1"), kind))
    assert changed(compared(exchanges, one, other)) == ['-  "b": 2', '+  "b": 3']


def test_packed_bodies_are_compared_unpacked(exchanges: Exchanges):
    headers = (("Content-Encoding", "gzip"), ("Content-Type", "text/plain"))
    one, other = (
        ended(exchanges, response=gzip.compress(text, mtime=mtime), response_headers=headers)
        for text, mtime in ((b"same", 1), (b"same", 2))
    )
    assert changed(compared(exchanges, one, other)) == []


def test_bytes_are_compared_in_rows(exchanges: Exchanges):
    one = ended(exchanges, response=bytes(64))
    other = ended(exchanges, response=bytes(63) + b"\x01")
    (gone, came) = changed(compared(exchanges, one, other))
    assert (gone[-2:], came[-2:]) == ("00", "01")


def test_secrets_are_masked(exchanges: Exchanges):
    one = ended(exchanges, headers=(("Authorization", "Bearer one"), ("X-Api-Key", "k1")))
    other = ended(exchanges, headers=(("Authorization", "Bearer two"), ("X-Api-Key", "k2")))
    assert compared(exchanges, one, other) == []


def test_what_is_not_compared_is_said(exchanges: Exchanges):
    long = b"".join(b"%d\n" % number for number in range(MAX_BODY_LINES + 100))
    one = ended(exchanges, response=long)
    other = ended(exchanges, response=long + b"more\n")
    lines = changed(compared(exchanges, one, other))
    assert [line[:3] for line in lines] == ["-… ", "+… "]
