"""A request as a text that is edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.exchanges import Exchanges
from relaydesk.models.request_text import (
    MOST_EDITED_BYTES,
    BodyText,
    RequestTextError,
    body_text,
    edited_request,
    headers_text,
    target_text,
)
from tests.support.captures import ended

FORM = "multipart/form-data; boundary=x"


@pytest.fixture
def exchanges(tmp_path: Path) -> Exchanges:
    return Exchanges(tmp_path / "captures")


def test_what_is_edited_has_no_secrets(exchanges: Exchanges):
    one = ended(exchanges, "GET", "/hc?token=t0p&a=1", (("Cookie", "id=s3cret"), ("Accept", "*/*"))).freeze()
    assert target_text(one) == "/hc?token=…&a=1"
    assert headers_text(one) == "Cookie: id=…\nAccept: */*"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ((), b"plain words"),
        ((("Content-Type", FORM),), b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'),
        ((("Content-Type", "text/plain; charset=latin-1"),), "grün".encode("latin-1")),
        ((("Content-Type", "application/json"),), '{"ü": 1}\n'.encode()),
        ((), b""),
    ],
)
def test_body_that_is_a_text_comes_back_byte_for_byte(
    exchanges: Exchanges, headers: tuple[tuple[str, str], ...], body: bytes
):
    one = ended(exchanges, "POST", "/hc", headers, body).freeze()
    text = body_text(one, body)
    assert text is not None
    assert "\r" not in text.text
    edited = edited_request(method="POST", target="/hc", headers=headers_text(one), body=text)
    assert edited.body == body


@pytest.mark.parametrize("body", [b"\x00\xff", b"mixed\r\nline\nends", b"old\rmac", b"\xff\xfe broken"])
def test_body_that_an_editor_would_change_is_not_edited(exchanges: Exchanges, body: bytes):
    one = ended(exchanges, "POST", "/hc", (), body).freeze()
    assert body_text(one, body) is None


def test_body_that_is_too_long_or_not_whole_is_not_edited(exchanges: Exchanges):
    long = b"x" * (MOST_EDITED_BYTES + 1)
    assert body_text(ended(exchanges, "POST", "/hc", (), long).freeze(), long) is None
    assert body_text(ended(exchanges, "POST", "/hc", (), b"abc").freeze(), b"ab") is None


def test_headers_are_read_line_by_line():
    edited = edited_request(method=" POST ", target=" /hc ", headers="A: 1\n\n B :2: 3 \nEmpty:\n", body=None)
    assert (edited.method, edited.request_target, edited.body) == ("POST", "/hc", None)
    assert edited.headers == (("A", "1"), ("B", "2: 3"), ("Empty", ""))


@pytest.mark.parametrize(("headers", "line"), [("A: 1\nnonsense", "2"), (": no name", "1")])
def test_line_that_is_no_header_is_named(headers: str, line: str):
    with pytest.raises(RequestTextError, match=f"Line {line}"):
        edited_request(method="GET", target="/", headers=headers, body=None)


def test_letters_that_the_charset_does_not_have_are_said():
    with pytest.raises(RequestTextError, match="charset"):
        edited_request(
            method="POST",
            target="/",
            headers="Content-Type: text/plain; charset=latin-1",
            body=BodyText("漢字"),
        )
