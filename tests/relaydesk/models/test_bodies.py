"""What can be shown of a body, whatever it is."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.captured import BodyState
from relaydesk.models.bodies import (
    MOST_HEX_BYTES,
    MOST_LINE_CHARACTERS,
    MOST_LINES,
    BodyView,
    hex_dump,
    open_body,
    render,
)

JSON = (("Content-Type", "application/json"),)
TEXT = (("Content-Type", "text/plain"),)
PNG = (("Content-Type", "image/png"),)


def whole(data: bytes) -> BodyState:
    return BodyState(size=len(data), kept=len(data), is_whole=True)


@pytest.mark.parametrize(
    ("data", "headers", "views"),
    [
        (b'{"a": 1}', JSON, (BodyView.LAID_OUT, BodyView.TEXT, BodyView.BYTES)),
        (b'{"a": 1}', TEXT, (BodyView.LAID_OUT, BodyView.TEXT, BodyView.BYTES)),
        (b"words", TEXT, (BodyView.TEXT, BodyView.BYTES)),
        (b"\x00\x01", (), (BodyView.BYTES,)),
        (b"\x89PNG\r\n\x1a\n\x00", PNG, (BodyView.PICTURE, BodyView.BYTES)),
        (b"", (), (BodyView.TEXT, BodyView.BYTES)),
    ],
)
def test_ways_to_look_at_it(data: bytes, headers: tuple[tuple[str, str], ...], views: tuple[BodyView, ...]):
    assert open_body(data, headers, whole(data), 1_000).views == views


def test_packed_body_is_unpacked_and_says_so():
    data = gzip.compress(b"words")
    opened = open_body(data, (*TEXT, ("Content-Encoding", "gzip")), whole(data), 1_000)
    assert (opened.text, opened.has_more) == ("words", False)
    assert "gzip" in opened.remark


def test_beginning_of_a_long_one_says_how_much_there_is_more():
    state = BodyState(size=10_000, kept=10_000, is_whole=True)
    opened = open_body(b"x" * 1_000, TEXT, state, 1_000)
    assert opened.has_more
    assert "1.0 kB" in opened.remark
    assert not open_body(
        b"x" * 1_000, TEXT, BodyState(size=10_000, kept=1_000, is_whole=True), 1_000
    ).has_more


def test_picture_that_is_cut_is_no_picture():
    assert BodyView.PICTURE not in open_body(b"\x89PNG", PNG, BodyState(size=9, kept=4), 4).views


def test_rendering_is_bounded_and_harmless():
    opened = open_body(b"[" + b"1,\n" * 50_000 + b"1]", JSON, whole(b"x" * 150_003), 1_000_000)
    assert render(opened, BodyView.LAID_OUT).count("\n") <= MOST_LINES
    long = open_body(b"y" * 50_000 + b"\n\x1b[2J\xe2\x80\xaeabc", TEXT, whole(b"z" * 50_020), 1_000_000)
    first, second = render(long, BodyView.TEXT).split("\n")
    assert len(first) == MOST_LINE_CHARACTERS + 1
    assert "\x1b" not in second
    assert "\u202e" not in second


def test_bytes_are_shown_in_rows():
    assert hex_dump(b"Hello, world\x00\xff").split("\n") == [
        "00000000  48 65 6c 6c 6f 2c 20 77  6f 72 6c 64 00 ff        Hello, world.."
    ]
    assert hex_dump(bytes(MOST_HEX_BYTES + 1)).endswith("…")


@given(
    st.binary(max_size=2_000),
    st.sampled_from(
        [JSON, TEXT, PNG, (("Content-Encoding", "gzip"),), (("Content-Type", "text/html; charset=x"),)]
    ),
    st.integers(1, 3_000),
)
def test_any_bytes_can_be_shown(data: bytes, headers: tuple[tuple[str, str], ...], limit: int):
    opened = open_body(data, headers, whole(data), limit)
    for view in opened.views:
        if view is not BodyView.PICTURE:
            assert isinstance(render(opened, view), str)
