"""HTTP header fields: what may be a name or a value, comma-separated lists, and fields that occur more than once.

Headers are pairs of text in the order in which they came. Each character of a value stands for one byte (Latin-1), as
HTTP libraries on both sides of the relay read and write them.

Source: RFC 9110 sections 5.1, 5.3, 5.5, 5.6.1, 5.6.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

Headers: TypeAlias = tuple[tuple[str, str], ...]
Fields: TypeAlias = Mapping[str, Sequence[str]]
"""Headers by name: see :func:`by_name`."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110 section 5.5 calls these dangerous or invalid: CR and LF split a message, NUL ends it for some parsers. A tab
# is white space. Bytes from 0x80 are opaque, and none of them is a line end to any parser.
_NOT_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SET_COOKIE = "set-cookie"
_COOKIE = "cookie"


def is_token(text: str) -> bool:
    """Whether *text* can be a header's name, a method, or the name of a sub-protocol."""
    return _TOKEN.fullmatch(text) is not None


def is_field_value(text: str) -> bool:
    """Whether *text* can be a header's value: it has no control characters but tabs."""
    return _NOT_IN_VALUE.search(text) is None


def by_name(headers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Every value of each header, in order, without the white space around it, by the header's name in lower case."""
    fields: dict[str, list[str]] = {}
    for name, value in headers:
        fields.setdefault(name.lower(), []).append(value.strip(" \t"))
    return fields


def values_of(headers: Iterable[tuple[str, str]], name: str) -> list[str]:
    """Every value of the header *name*, in order, without the white space around it."""
    wanted = name.lower()
    return [value.strip(" \t") for key, value in headers if key.lower() == wanted]


def elements_of(headers: Iterable[tuple[str, str]], name: str) -> list[str]:
    """The elements of a header that is a comma-separated list, from all of its lines. Empty elements do not count.

    Not for lists whose elements may hold a quoted comma.
    """
    return elements(values_of(headers, name))


def elements(values: Iterable[str]) -> list[str]:
    """The same of a header's values."""
    parts = (part.strip(" \t") for value in values for part in value.split(","))
    return [part for part in parts if part]


def join_duplicates(headers: Iterable[tuple[str, str]]) -> Headers:
    """Make one field of those with the same name, at the place and in the spelling of the first of them.

    Values are joined with a comma, those of Cookie with a semicolon (RFC 9113 section 8.2.3). Set-Cookie stays as it
    is: it cannot be joined, because a comma is part of its dates (RFC 6265 section 3).
    """
    headers = tuple(headers)
    if len({name.lower() for name, _ in headers}) == len(headers):
        return headers
    joined: dict[str | int, tuple[str, str]] = {}
    for index, (name, value) in enumerate(headers):
        lower = name.lower()
        key = index if lower == _SET_COOKIE else lower
        if key in joined:
            first_name, so_far = joined[key]
            separator = "; " if lower == _COOKIE else ", "
            joined[key] = (first_name, f"{so_far}{separator}{value}")
        else:
            joined[key] = (name, value)
    return tuple(joined.values())
