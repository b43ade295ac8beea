"""The words with which exchanges are found: ``method:post status:5xx path:/api -is:replay "two words"``.

What stands alone is searched in method, service, target, status, note and error; all terms must hold. Secrets cannot be
found: what is searched has been masked. Nothing here asks for the time.

* ``method:post,put`` · ``status:404`` ``status:5xx`` ``status:>=400`` ``status:400-499``
* ``path:/api`` · ``service:web`` · ``host:example`` · ``from:203.0.113`` · ``header:x-request-id`` ``header:accept:json``
* ``type:json``: the type of either body · ``size:>1m``: of the larger body · ``time:>500ms``: from beginning to end
* ``is:`` pinned, replay, websocket, http, error, slow, open, noted · ``note:`` any, ``note:word`` · ``id:12`` and its replays
* ``-`` before a term: not. A number without a sign means at least that much. A key that is not known is an ordinary word.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Final

from hyco.fields import Headers

from .captured import CapturedExchange, ExchangeKind
from .masks import masked_headers, masked_target

SLOW_S: Final = 1.0
"""What takes longer is slow."""

MAX_FILTER_CHARACTERS: Final = 1_000

#: Of a target, a note, an error: how much is searched. Ten thousand of them are kept in lower case.
_MAX_SEARCHED: Final = 2_048
#: The same of all headers of one side, which are kept once somebody asked for headers.
_MAX_HEADERS_SEARCHED: Final = 8_192


class FilterError(ValueError):
    """A filter asks for something that there cannot be. Its text is a sentence for whoever typed it."""


class Searchable:
    """An exchange, ready to be searched.

    Args:
        exchange: As it was captured.
    """

    __slots__ = ("_headers", "exchange", "path", "target", "words")

    def __init__(self, exchange: CapturedExchange) -> None:
        self.exchange = exchange
        #: As it may be shown.
        self.target = masked_target(exchange.request_target)
        self.path = self.target.partition("?")[0][:_MAX_SEARCHED].casefold()
        self.words = "\n".join(
            part[:_MAX_SEARCHED].casefold()
            for part in (
                f"{exchange.method} {exchange.status or ''} {exchange.reason}",
                self.target,
                exchange.service,
                exchange.note,
                exchange.error or "",
            )
        )
        self._headers: tuple[str, ...] | None = None

    @property
    def headers(self) -> tuple[str, ...]:
        """Each header as ``name:value``, folded: those of the request, then those of the response."""
        if self._headers is None:
            exchange = self.exchange
            self._headers = (*_folded(exchange.request_headers), *_folded(exchange.response_headers))
        return self._headers


def _folded(headers: Headers) -> list[str]:
    lines, room = [], _MAX_HEADERS_SEARCHED
    for name, value in masked_headers(headers):
        line = f"{name.strip()}:{value.strip()}"[:room].casefold()
        lines.append(line)
        room -= len(line)
        if room <= 0:
            break
    return lines


Term = Callable[[Searchable], bool]


class ExchangeFilter:
    """Says which exchanges are asked for.

    Args:
        terms: What must hold.
    """

    def __init__(self, terms: Sequence[Term]) -> None:
        self._terms = tuple(terms)

    @property
    def is_empty(self) -> bool:
        """Whether everything is asked for."""
        return not self._terms

    def __call__(self, one: Searchable) -> bool:
        """Whether *one* is asked for."""
        return all(term(one) for term in self._terms)


EVERYTHING: Final = ExchangeFilter(())


def compile_filter(text: str) -> ExchangeFilter:
    """Read a filter.

    Raises:
        FilterError: A value is not one that its key can have; the text says which it can.
    """
    if len(text) > MAX_FILTER_CHARACTERS:
        raise FilterError(f"The filter is longer than {MAX_FILTER_CHARACTERS:,} characters.")
    return ExchangeFilter([_term(text) for text in _TERM.findall(text) if text.strip('-"')])


#: What stands between blanks; within quotation marks a blank is one of the text. A mark that is never closed goes to the
#: end, for it is still being typed.
_TERM: Final = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
_KEY: Final = re.compile(r"([A-Za-z]+):")


def _term(text: str) -> Term:
    is_not = text.startswith("-")
    text = text.removeprefix("-")
    key = _KEY.match(text)
    make = _KEYS.get(key[1].lower()) if key else None
    if key and make:
        term = make(text[key.end() :].replace('"', "").strip().casefold())
    else:
        term = _word(text.replace('"', ""))
    if is_not:
        return lambda one: not term(one)
    return term


def _word(text: str) -> Term:
    needle = text.casefold()
    return lambda one: needle in one.words


# --- one function a key ----------------------------------------------------------------------------------------------


def _method(value: str) -> Term:
    wanted = frozenset(filter(None, value.split(",")))
    return lambda one: not wanted or one.exchange.method.casefold() in wanted


def _path(value: str) -> Term:
    return lambda one: value in one.path


def _service(value: str) -> Term:
    return lambda one: value in one.exchange.service.casefold()


def _from(value: str) -> Term:
    return lambda one: value in one.exchange.peer.casefold()


def _host(value: str) -> Term:
    return lambda one: any(line.startswith("host:") and value in line[5:] for line in one.headers)


def _header(value: str) -> Term:
    name, colon, rest = value.partition(":")
    if colon:
        start, rest = f"{name.strip()}:", rest.strip()
        return lambda one: any(line.startswith(start) and rest in line[len(start) :] for line in one.headers)
    return lambda one: any(value in line for line in one.headers)


def _type(value: str) -> Term:
    return lambda one: any(
        value in line.partition(";")[0][13:] for line in one.headers if line.startswith("content-type:")
    )


def _note(value: str) -> Term:
    return lambda one: bool(one.exchange.note) and value in one.exchange.note.casefold()


def _id(value: str) -> Term:
    digits = value.removeprefix("#")
    if not (digits.isascii() and digits.isdecimal()):
        raise FilterError(f"id:{value} is no number: id:12 finds exchange 12 and its replays.")
    number = int(digits)
    return lambda one: number in (one.exchange.id, one.exchange.replay_of)


_STATES: Final[dict[str, Term]] = {
    "pinned": lambda one: one.exchange.is_pinned,
    "replay": lambda one: one.exchange.replay_of is not None,
    "websocket": lambda one: one.exchange.kind is ExchangeKind.WEBSOCKET,
    "http": lambda one: one.exchange.kind is ExchangeKind.HTTP,
    "error": lambda one: one.exchange.error is not None or one.exchange.status >= 400,
    "slow": lambda one: (
        (one.exchange.timing.ended_s or 0.0) >= SLOW_S and one.exchange.kind is ExchangeKind.HTTP
    ),
    "open": lambda one: not one.exchange.is_over,
    "noted": lambda one: bool(one.exchange.note),
}
_SAME_STATES: Final = {
    "ws": "websocket",
    "errors": "error",
    "pins": "pinned",
    "pin": "pinned",
    "replays": "replay",
}


def _is(value: str) -> Term:
    term = _STATES.get(_SAME_STATES.get(value, value))
    if term is None:
        raise FilterError(f"is:{value} is not known: it can be {', '.join(_STATES)}.")
    return term


_COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_COMPARED: Final = re.compile(r"(>=|<=|>|<|=)?\s*([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([a-z]*)")
_CLASS: Final = re.compile(r"([1-9])(?:xx|\*\*|\*)")
_RANGE: Final = re.compile(r"([0-9]{1,3})-([0-9]{1,3})")


def _status(value: str) -> Term:
    first = last = -1
    if found := _CLASS.fullmatch(value):
        first = int(found[1]) * 100
        last = first + 99
    elif found := _RANGE.fullmatch(value):
        first, last = int(found[1]), int(found[2])
    if first >= 0:
        return lambda one: bool(one.exchange.status) and first <= one.exchange.status <= last
    found = _COMPARED.fullmatch(value)
    if found is None or found[3] or "." in found[2]:
        raise FilterError(
            f"status:{value} is no status: it can be a number (404), a class (5xx), a comparison (>=400) or a range (400-499)."
        )
    compare, bound = _COMPARISONS[found[1] or "="], int(found[2])
    return lambda one: bool(one.exchange.status) and compare(one.exchange.status, bound)


_SIZES: Final = {
    "": 1,
    "b": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "ki": 1 << 10,
    "mi": 1 << 20,
    "gi": 1 << 30,
}


def _size(value: str) -> Term:
    found = _COMPARED.fullmatch(value)
    factor = _SIZES.get(found[3] if found[3] == "b" else found[3].removesuffix("b")) if found else None
    if found is None or factor is None:
        raise FilterError(f"size:{value} is no size: it can be >1m, <=64k or 500 (bytes, at least).")
    compare, bound = _COMPARISONS[found[1] or ">="], float(found[2]) * factor
    return lambda one: compare(max(one.exchange.request_body.size, one.exchange.response_body.size), bound)


_TIMES: Final = {"": 1e-3, "ms": 1e-3, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0}


def _time(value: str) -> Term:
    found = _COMPARED.fullmatch(value)
    factor = _TIMES.get(found[3]) if found else None
    if found is None or factor is None:
        raise FilterError(f"time:{value} is no time: it can be >500ms, <2s or 500 (milliseconds, at least).")
    compare, bound = _COMPARISONS[found[1] or ">="], float(found[2]) * factor

    def term(one: Searchable) -> bool:
        took_s = one.exchange.timing.ended_s
        return took_s is not None and compare(took_s, bound)

    return term


_KEYS: Final[dict[str, Callable[[str], Term]]] = {
    "method": _method,
    "status": _status,
    "path": _path,
    "service": _service,
    "from": _from,
    "host": _host,
    "header": _header,
    "type": _type,
    "size": _size,
    "time": _time,
    "is": _is,
    "note": _note,
    "id": _id,
}

KEYS: Final = tuple(_KEYS)
"""What can stand before a colon."""
