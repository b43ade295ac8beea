"""Captured exchanges as an HTTP archive, piece by piece: no body is ever held whole.

Version 1.2 of the format, which browsers and their friends read. Its own members begin with a line: ``_id``, ``_service``,
``_peer``, ``_error``, ``_replayOf`` and, as a browser writes it, ``_webSocketMessages``.

Source: http://www.softwareishard.com/blog/har-12-spec/ and, for WebSockets, what Chrome's developer tools export.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import parse_qsl

from hyco.errors import InvalidAddressError
from hyco.fields import Headers, values_of
from hyco.http_rules import local_request_target

from .captured import CapturedExchange, ExchangeKind, Message, MessageKind, Phase, Side, phases
from .contents import as_text, unpacked
from .exchanges import Exchanges
from .masks import masked

_TEXT_BYTES: Final = 1_048_576
"""A body up to this length is unpacked and written as text where it is one; a longer one goes out as base64."""

_PIECE_BYTES: Final = 786_432
"""Read at once. A multiple of three, so that its base64 joins without a seam."""

_PAGE: Final = 500


def archive(
    exchanges: Exchanges, numbers: Iterable[int], *, version: str, reveals_secrets: bool = False
) -> Iterator[str]:
    """Give the text of the archive in pieces, one at least for each exchange; those that are gone are left out.

    Reads files as it goes. Credentials in headers and queries are masked, unless *reveals_secrets*; bodies are as they are.
    """
    creator = json.dumps({"name": "RelayDesk", "version": version})
    yield f'{{"log": {{"version": "1.2", "creator": {creator}, "pages": [], "entries": ['
    separator = "\n"
    for number in numbers:
        exchange = exchanges.get(number)
        if exchange is not None:
            yield separator
            separator = ",\n"
            yield from _entry(exchange if reveals_secrets else masked(exchange), exchange, exchanges)
    yield "\n]}}\n"


def _entry(shown: CapturedExchange, exchange: CapturedExchange, exchanges: Exchanges) -> Iterator[str]:
    timings, total = _timings(exchange)
    head = {
        "startedDateTime": dt.datetime.fromtimestamp(exchange.started_at, dt.UTC).isoformat(
            timespec="milliseconds"
        ),
        "time": total,
        "cache": {},
        "timings": timings,
        "comment": shown.note,
        "_id": exchange.id,
        "_service": exchange.service,
        "_peer": exchange.peer,
        "_error": shown.error,
        "_replayOf": exchange.replay_of,
    }
    yield json.dumps(head)[:-1]
    yield ', "request": '
    yield from _request(shown, exchange, exchanges)
    yield ', "response": '
    yield from _response(shown, exchange, exchanges)
    if exchange.kind is ExchangeKind.WEBSOCKET:
        yield ', "_resourceType": "websocket", "_webSocketMessages": ['
        yield from _messages(exchange.id, exchanges)
        yield "]"
    yield "}"


def _request(shown: CapturedExchange, exchange: CapturedExchange, exchanges: Exchanges) -> Iterator[str]:
    query = shown.request_target.partition("?")[2]
    head: dict[str, Any] = {
        "method": shown.method,
        "url": shown.origin + _encoded(shown.request_target),
        "httpVersion": "HTTP/1.1",
        "cookies": [
            _pair(*_split(part))
            for value in values_of(shown.request_headers, "cookie")
            for part in value.split(";")
        ],
        "headers": _pairs(shown.request_headers),
        "queryString": [_pair(name, value) for name, value in parse_qsl(query, keep_blank_values=True)],
        "headersSize": -1,
        "bodySize": exchange.request_body.size,
    }
    yield json.dumps(head)[:-1]
    if exchange.kind is ExchangeKind.HTTP and exchange.request_body.size:
        yield f', "postData": {{"mimeType": {json.dumps(_type(exchange.request_headers))}'
        yield from _content(exchange, Side.SENDER, exchanges, encoding="_encoding")
        yield "}"
    yield "}"


def _response(shown: CapturedExchange, exchange: CapturedExchange, exchanges: Exchanges) -> Iterator[str]:
    head = {
        "status": shown.status,
        "statusText": shown.reason,
        "httpVersion": "HTTP/1.1",
        "cookies": [
            _pair(*_split(value.partition(";")[0]))
            for value in values_of(shown.response_headers, "set-cookie")
        ],
        "headers": _pairs(shown.response_headers),
        "redirectURL": next(iter(values_of(shown.response_headers, "location")), ""),
        "headersSize": -1,
        "bodySize": exchange.response_body.size,
    }
    yield json.dumps(head)[:-1]
    yield f', "content": {{"mimeType": {json.dumps(_type(exchange.response_headers))}'
    if exchange.kind is ExchangeKind.HTTP:
        yield from _content(exchange, Side.TARGET, exchanges, encoding="encoding")
    else:
        yield ', "size": 0'
    yield "}}"


def _content(exchange: CapturedExchange, side: Side, exchanges: Exchanges, *, encoding: str) -> Iterator[str]:
    """``size``, ``text`` and what else there is to say about a body."""
    is_request = side is Side.SENDER
    state = exchange.request_body if is_request else exchange.response_body
    headers = exchange.request_headers if is_request else exchange.response_headers
    comment = ""
    if state.kept < state.size:
        comment = f"only the first {state.kept} of {state.size} bytes are kept"
    elif not state.is_whole:
        comment = "it did not come to its end"
    if state.kept <= _TEXT_BYTES:
        body = unpacked(exchanges.body(exchange.id, side, 0, state.kept), headers, _TEXT_BYTES)
        text = (
            as_text(body.data, headers, is_cut=bool(comment)) if body.is_whole and not body.problem else None
        )
        if text is not None and len(body.data) <= _TEXT_BYTES:
            yield f', "size": {len(body.data)}, "text": {json.dumps(text)}'
            yield _said(comment)
            return
    yield f', "size": {state.size}, "{encoding}": "base64", "text": "'
    offset = 0
    while piece := exchanges.body(exchange.id, side, offset, _PIECE_BYTES):
        yield base64.b64encode(piece).decode()
        offset += len(piece)
        if len(piece) % 3:  # the end, or the end of what is kept
            break
    yield '"'
    yield _said(comment)


def _said(comment: str) -> str:
    return f', "comment": {json.dumps(comment)}' if comment else ""


def _messages(number: int, exchanges: Exchanges) -> Iterator[str]:
    cursor: object = None
    separator = ""
    while True:
        page = exchanges.messages(number, cursor, _PAGE)
        for message in page.messages:
            yield separator + json.dumps(_message(message, exchanges.message(number, message, message.size)))
            separator = ",\n"
        if not page.has_more or not page.messages:
            return
        cursor = page.cursor


def _message(message: Message, payload: bytes) -> dict[str, Any]:
    opcodes = {MessageKind.TEXT: 1, MessageKind.BINARY: 2, MessageKind.CLOSE: 8, MessageKind.CONTINUATION: 0}
    is_text = message.kind is MessageKind.TEXT
    said: dict[str, Any] = {
        "type": "send" if message.side is Side.SENDER else "receive",
        "time": message.at,
        "opcode": opcodes[message.kind],
        "data": payload.decode("utf-8", "replace") if is_text else base64.b64encode(payload).decode(),
    }
    if not message.is_whole or len(payload) < message.size:
        said["_comment"] = f"only {len(payload)} bytes of it are kept, or it did not come to its end"
    return said


def _timings(exchange: CapturedExchange) -> tuple[dict[str, float], float]:
    took = {phase: (end - start) * 1_000 for phase, start, end in phases(exchange.timing)}
    timings = {
        "blocked": took.get(Phase.ADMISSION, 0.0),
        "dns": -1.0,
        "connect": took.get(Phase.CONNECT, -1.0),
        "ssl": -1.0,
        "send": 0.0,
        "wait": took.get(Phase.TARGET, 0.0),
        "receive": took.get(Phase.RENDEZVOUS, 0.0) + took.get(Phase.BODY, 0.0),
    }
    timings = {name: round(value, 3) for name, value in timings.items()}
    return timings, round(sum(value for value in timings.values() if value > 0), 3)


def _encoded(request_target: str) -> str:
    try:
        return local_request_target(request_target)
    except InvalidAddressError:
        return "/"


def _type(headers: Headers) -> str:
    return next(iter(values_of(headers, "content-type")), "")


def _pairs(headers: Headers) -> list[dict[str, str]]:
    return [_pair(name, value) for name, value in headers]


def _pair(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value}


def _split(text: str) -> tuple[str, str]:
    name, _, value = text.strip().partition("=")
    return name, value
