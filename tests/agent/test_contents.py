"""What a body is: codings undone within bounds, and text where it is one."""

from __future__ import annotations

import codecs
import functools
import gzip
import os
import time
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.contents import (
    MAX_CODINGS,
    Form,
    as_text,
    charset,
    form_of,
    is_image,
    media_type,
    unpacked,
)

TEXT = b"the quick brown fox jumps over the lazy dog " * 40


def coded(coding: str) -> tuple[tuple[str, str], ...]:
    return (("Content-Encoding", coding),)


def typed(value: str) -> tuple[tuple[str, str], ...]:
    return (("Content-Type", value),)


#: Without the time, which would be part of a test's name.
gzipped = functools.partial(gzip.compress, mtime=0)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("media", "form"),
    [
        ("application/json", Form.JSON),
        ("application/problem+json", Form.JSON),
        ("application/x-ndjson", Form.JSON),
        ("text/xml", Form.XML),
        ("image/svg+xml", Form.XML),
        ("application/x-www-form-urlencoded", Form.FORM),
        ("text/html", Form.OTHER),
        ("", Form.OTHER),
    ],
)
def test_form_follows_the_type(media: str, form: Form):
    assert form_of(media) is form


def test_type_is_given_without_its_parameters():
    assert media_type(typed("Text/HTML; charset=utf-8")) == "text/html"
    assert media_type(()) == ""
    assert is_image("image/png")
    assert not is_image("image/svg+xml")
    assert not is_image("text/html")


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", gzipped(TEXT)),
        ("x-gzip", gzipped(TEXT)),
        ("GZIP", gzipped(TEXT)),
        ("gzip", gzipped(TEXT[:100]) + gzipped(TEXT[100:])),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
        ("deflate, gzip", gzipped(zlib.compress(TEXT))),
        ("identity, gzip", gzipped(TEXT)),
        ("identity", TEXT),
        ("", TEXT),
    ],
)
def test_coding_is_undone(coding: str, data: bytes):
    found = unpacked(data, coded(coding), 1 << 20)
    assert (found.data, found.is_whole, found.problem) == (TEXT, True, "")


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_cut_body_is_undone_as_far_as_it_goes(coding: str):
    data = gzip.compress(os.urandom(5_000)) if coding == "gzip" else zlib.compress(os.urandom(5_000))
    found = unpacked(data[:3_000], coded(coding), 1 << 20)
    assert 2_000 < len(found.data) < 5_000
    assert (found.is_whole, found.coding, found.problem) == (False, coding, "")


def test_rubbish_behind_a_body_is_left_out_and_said():
    found = unpacked(gzip.compress(TEXT) + b"rubbish", coded("gzip"), 1 << 20)
    assert (found.data, found.is_whole) == (TEXT, False)


@pytest.mark.parametrize(
    ("coding", "problem"),
    [
        ("br", "the coding br is not known here"),
        ("gzip", "it is not gzip: "),
        ("deflate", "it is not deflate: "),
        ("gzip, gzip, gzip, gzip", "it is packed too often"),
    ],
)
def test_coding_that_cannot_be_undone_is_said_and_the_bytes_stay(coding: str, problem: str):
    data = b"\xff\xfe no such thing"
    found = unpacked(data, coded(coding), 1 << 20)
    assert found.data == data
    assert found.coding == coding
    assert found.problem.startswith(problem)


def test_unknown_coding_beneath_a_known_one_is_undone_so_far():
    found = unpacked(gzip.compress(b"brotli's own"), coded("br, gzip"), 1 << 20)
    assert (found.data, found.problem) == (b"brotli's own", "the coding br is not known here")


@pytest.mark.slow
@pytest.mark.parametrize("layers", range(1, MAX_CODINGS + 1))
def test_bomb_takes_no_more_than_is_asked_for(layers: int):
    """A gigabyte of zeros in one layer is a megabyte; in three, a few hundred bytes."""
    packer = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(256)) + packer.flush()
    for _ in range(layers - 1):
        data = gzip.compress(data)
    limit = 1 << 20
    tracemalloc.start()
    began = time.process_time()
    try:
        found = unpacked(data, coded(", ".join(["gzip"] * layers)), limit)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found.data) <= limit
    assert not found.is_whole
    assert peak < 8 * limit
    assert time.process_time() - began < 10


def test_many_empty_members_end():
    found = unpacked(gzip.compress(b"") * 1_000 + gzip.compress(b"end"), coded("gzip"), 1 << 20)
    assert (found.data, found.is_whole) == (b"end", True)


@given(
    st.binary(max_size=200),
    st.sampled_from(["gzip", "deflate", "br", "gzip, deflate", "x", ""]),
    st.integers(0, 50),
)
def test_unpacking_is_total_and_bounded(data: bytes, coding: str, limit: int):
    assert len(unpacked(data, coded(coding), limit).data) <= limit


@given(st.binary(max_size=500), st.integers(1, 600))
def test_what_was_packed_comes_out_up_to_the_limit(data: bytes, limit: int):
    for coding, packed in (("gzip", gzip.compress(data)), ("deflate", zlib.compress(data))):
        found = unpacked(packed, coded(coding), limit)
        assert found.data == data[:limit]
        if len(data) < limit:
            assert found.is_whole
        if len(data) > limit:
            assert not found.is_whole


# --- text ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "codec"),
    [
        ("text/plain; charset=utf-8", "utf-8"),
        ('text/plain; charset="ISO-8859-1"', "iso8859-1"),
        ("text/plain;x=y;CHARSET=windows-1252", "cp1252"),
        ("text/plain; charset=shift_jis", "shift_jis"),
        ("text/plain; charset=rot13", ""),
        ("text/plain; charset=zip", ""),
        ("text/plain; charset=idna", ""),
        ("text/plain; charset=iso-8859-99", ""),
        ("text/plain", ""),
    ],
)
def test_charset_is_one_of_those_that_are_texts(value: str, codec: str):
    assert charset(typed(value)) == codec
    assert charset(()) == ""


@pytest.mark.parametrize(
    ("data", "value", "text"),
    [
        ("grün".encode(), "", "grün"),
        ("grün".encode(), "application/octet-stream", "grün"),
        ("grün".encode("latin-1"), "text/plain; charset=latin1", "grün"),
        ("grün".encode("latin-1"), "text/plain", "grün"),
        ("grün".encode("latin-1"), "text/plain; charset=utf-8", "gr\ufffdn"),
        ("grün".encode("latin-1"), "application/json", None),
        (codecs.BOM_UTF8 + "grün".encode(), "text/plain; charset=latin1", "grün"),
        ("grün".encode("utf-16"), "", "grün"),
        (codecs.BOM_UTF16_BE + "grün".encode("utf-16-be"), "", "grün"),
        ("grün".encode("utf-32"), "", "grün"),
        ("日本".encode("shift_jis"), "text/html; charset=Shift_JIS", "日本"),
        (b"\x00\x01\x02", "", None),
        (b"a\x00b", "text/plain", None),
        (b"\x1b[1mbold\x1b[0m\t\r\n\x0c", "", "\x1b[1mbold\x1b[0m\t\r\n\x0c"),
        (b"", "", ""),
    ],
)
def test_text_is_told_from_bytes(data: bytes, value: str, text: str | None):
    assert as_text(data, typed(value) if value else ()) == text


def test_half_a_character_at_a_cut_is_left_out():
    data = "grü".encode()[:-1]
    assert as_text(data, (), is_cut=True) == "gr"
    assert as_text(data, ()) is None


@given(
    st.binary(max_size=100),
    st.sampled_from(
        ["", "text/plain", "text/x; charset=utf-16", "a/b; charset=gb18030", "a/b; charset=iso-2022-jp"]
    ),
    st.booleans(),
)
def test_any_bytes_are_a_text_or_none(data: bytes, value: str, is_cut: bool):
    text = as_text(data, typed(value), is_cut=is_cut)
    assert text is None or isinstance(text, str)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=50))
def test_utf8_comes_back_as_it_was(text: str):
    if not text.startswith("\ufeff"):
        assert as_text(text.encode(), ()) == text
