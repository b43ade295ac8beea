"""How one exchange differs from another: a unified difference of what was sent and answered, with secrets masked."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Final

from hyco.fields import Headers

from .captured import BodyState, CapturedExchange, Side
from .contents import as_text, form_of, media_type, unpacked
from .layout import lines_of
from .masks import masked

MAX_BODY_BYTES: Final = 262_144
"""Of each body, unpacked. The rest is not compared, and the difference says so."""

MAX_BODY_LINES: Final = 4_000
"""Comparing takes time by the square of it where little is alike."""

MAX_LINE_CHARACTERS: Final = 2_000

ReadBody = Callable[[int, Side, int, int], bytes]
"""Gives at most so many bytes of a body from an offset on: id, side, offset, length."""


def difference(one: CapturedExchange, other: CapturedExchange, read_body: ReadBody) -> str:
    """How *other* differs from *one*; empty where it does not. Takes its time and may read files."""
    lines = difflib.unified_diff(
        list(_lines(one, read_body)),
        list(_lines(other, read_body)),
        f"exchange {one.id}",
        f"exchange {other.id}",
        lineterm="",
    )
    return "\n".join(lines)


def _lines(exchange: CapturedExchange, read_body: ReadBody) -> Iterable[str]:
    shown = masked(exchange)
    yield f"{shown.method} {shown.request_target}"
    yield from _headers(shown.request_headers)
    yield ""
    yield from _body(exchange, Side.SENDER, exchange.request_headers, exchange.request_body, read_body)
    yield ""
    if exchange.status:
        yield f"{shown.status} {shown.reason}".rstrip()
        yield from _headers(shown.response_headers)
        yield ""
        yield from _body(exchange, Side.TARGET, exchange.response_headers, exchange.response_body, read_body)
    if shown.error is not None:
        yield f"failed: {shown.error}"


def _headers(headers: Headers) -> Iterable[str]:
    """In the order of their names: servers are free to change it, and it means nothing."""
    return (
        f"{name}: {value}"[:MAX_LINE_CHARACTERS]
        for name, value in sorted(headers, key=lambda one: one[0].lower())
    )


def _body(
    exchange: CapturedExchange, side: Side, headers: Headers, state: BodyState, read_body: ReadBody
) -> Iterable[str]:
    data = read_body(exchange.id, side, 0, min(state.kept, MAX_BODY_BYTES))
    body = unpacked(data, headers, MAX_BODY_BYTES)
    is_cut = not body.is_whole or state.size > len(data)
    text = as_text(body.data, headers, is_cut=is_cut)
    if text is None:
        yield f"{state.size:,} bytes"
        for start in range(0, min(len(body.data), 16 * MAX_BODY_LINES), 16):
            yield body.data[start : start + 16].hex(" ")
        is_cut = is_cut or len(body.data) > 16 * MAX_BODY_LINES
    else:
        count = 0
        for count, line in enumerate(lines_of(form_of(media_type(headers)), text), 1):
            if count > MAX_BODY_LINES:
                is_cut = True
                break
            yield line[:MAX_LINE_CHARACTERS]
    if is_cut:
        yield f"… not compared beyond this, of {state.size:,} bytes"
