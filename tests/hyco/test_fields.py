"""hyco.fields: what can be a header, and several headers of one name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyco.fields import elements_of, is_field_value, is_token, join_duplicates, values_of


@pytest.mark.parametrize("name", ["Host", "x", "0", "!#$%&'*+-.^_`|~", "Sec-WebSocket-Key"])
def test_tokens_are_names(name: str) -> None:
    """hyco-ws sends a header that is literally named 0."""
    assert is_token(name)


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "a\n", "\xe9", "K\u212a", "a\x00", "(x)", '"x"'])
def test_anything_else_is_not(name: str) -> None:
    assert not is_token(name)


@pytest.mark.parametrize("value", ["", "a", "a\tb", " a ", "caf\xe9", "\x80\x85", "日本", '"x", y'])
def test_values_may_hold_anything_visible(value: str) -> None:
    assert is_field_value(value)


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\n", "\r", "\x00", "a\x0bb", "a\x7f"])
def test_values_hold_no_control_characters(value: str) -> None:
    assert not is_field_value(value)


@given(st.text())
def test_what_is_a_value_cannot_end_its_line(value: str) -> None:
    if is_field_value(value):
        assert f"X: {value}\r\n".encode("latin-1", "replace").splitlines(keepends=True)[0].endswith(b"\r\n")


HEADERS = (("A", " 1, 2 "), ("B", "x"), ("a", "\t3"), ("A", ",, ,4,"))


def test_values_are_found_whatever_the_case_of_the_name() -> None:
    assert values_of(HEADERS, "a") == ["1, 2", "3", ",, ,4,"]
    assert values_of(HEADERS, "C") == []


def test_a_list_is_read_from_all_lines_without_its_empty_elements() -> None:
    assert elements_of(HEADERS, "A") == ["1", "2", "3", "4"]
    assert elements_of(HEADERS, "C") == []


def test_headers_of_one_name_become_one_where_the_first_of_them_stood() -> None:
    headers = [("X-A", "1"), ("Cookie", "c=1"), ("B", "x"), ("x-a", "2"), ("cookie", "d=2"), ("X-A", "3")]
    assert join_duplicates(headers) == (("X-A", "1, 2, 3"), ("Cookie", "c=1; d=2"), ("B", "x"))


def test_cookies_that_are_set_are_never_joined() -> None:
    headers = [
        ("Set-Cookie", "a=1"),
        ("X", "1"),
        ("set-cookie", "b=2; Expires=Thu, 01 Jan 2026 00:00:00 GMT"),
    ]
    assert join_duplicates(headers) == tuple(headers)
