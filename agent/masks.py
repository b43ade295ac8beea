"""What is secret in an exchange, and how it is shown, exported and compared without it.

Credentials become a mark that no captured header can hold, because it is no Latin-1. What helps to understand a request stays
readable: the scheme of ``Authorization``, the names of cookies, the attributes of one that is set, the names in a query. It
would rather hide too much than too little; bodies are not looked into.

A request that was edited may still hold marks: ``unmask`` puts the captured values back, each at its place.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections import Counter
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote_plus

from hyco.fields import Headers
from hyco.redaction import HIDDEN, hide_secrets

from .captured import CapturedExchange, EditedRequest

MASK: Final = HIDDEN
"""Stands for a secret."""


class MaskError(ValueError):
    """A mark stands where nothing was captured that it could stand for."""


# --- which are secret ------------------------------------------------------------------------------------------------

_CREDENTIALS: Final = frozenset({"authorization", "proxy-authorization", "servicebusauthorization"})
_COOKIES: Final = frozenset({"cookie", "cookie2"})
_SET_COOKIES: Final = frozenset({"set-cookie", "set-cookie2"})
_PROTOCOLS: Final = "sec-websocket-protocol"

_SECRET_HEADER: Final = re.compile(
    r"authorization|token|secret|passw|credential|signature|session|assertion|jwt"
    r"|api-?key|(?:access|auth|account|functions?|subscription|master|private|shared|client|admin)-?key"
    r"|relaydesk-(?:invitation|probe)"
)
#: What the expression above would take for a secret, and is none.
_NOT_SECRET_HEADER: Final = re.compile(r"access-control-|sec-websocket-|content-security-policy")

#: As they stand, in a query; ``key`` and ``code`` are what maps and sign-in pages call theirs.
_SECRET_NAMES: Final = frozenset(
    {"sig", "key", "code", "auth", "jwt", "pwd", "pass", "otp", "pin", "sid", "hmac", "sas", "sb-hc-rdv"}
)
#: Anywhere in a name, without what joins its words.
_SECRET_PART: Final = re.compile(
    r"token|secret|passw|passphrase|credential|signature|session|assertion|authorization|invitation"
    r"|(?:api|access|auth|account|sas|subscription|functions?|master|private|shared|client|admin)key"
)
_JOINTS: Final = re.compile(r"[-_.\[\] ]+")

#: A sub-protocol in which browsers, which cannot set headers of a WebSocket, carry a token.
_SECRET_PROTOCOL: Final = re.compile(r"bearer|token|auth|[A-Za-z0-9_.~+/=-]{40}", re.IGNORECASE)

#: Nothing in a text without one of these is a secret to ``hide_secrets``, which looks for ten things in turn.
_SUSPICIOUS: Final = re.compile(r"[=:,]|%3|%253|eyJ")
#: The same for what stands behind a plain name, where nothing within it may be a query either: that has an equals sign.
_NOT_PLAIN: Final = re.compile(r"[=:,%@]|eyJ")


#: Of headers and parameters: so many different names are remembered, which are short and come again and again.
_REMEMBERED: Final = 2_048
_MAX_REMEMBERED_CHARACTERS: Final = 64


def is_secret_header(name: str) -> bool:
    """Whether the header *name* holds a credential, or a part of it is one."""
    if len(name) <= _MAX_REMEMBERED_CHARACTERS:
        return _is_known_secret_header(name)
    return _is_secret_header(name)


def _is_secret_header(name: str) -> bool:
    lower = name.lower()
    if lower in _COOKIES or lower in _SET_COOKIES:
        return True
    return _SECRET_HEADER.search(lower) is not None and _NOT_SECRET_HEADER.match(lower) is None


def is_secret_parameter(name: str) -> bool:
    """Whether the value of *name* in a query is a credential."""
    plain = unquote_plus(name).strip().lower()
    return plain in _SECRET_NAMES or _SECRET_PART.search(_JOINTS.sub("", plain)) is not None


_is_known_secret_header = functools.lru_cache(_REMEMBERED)(_is_secret_header)


@functools.lru_cache(_REMEMBERED)
def _is_plain_name(name: str) -> bool:
    """Whether whatever stands behind *name* is secret by itself, if at all."""
    if is_secret_parameter(name) or _SUSPICIOUS.search(name):
        return False
    return hide_secrets(f"{name}=x") == f"{name}=x"


# --- masking ---------------------------------------------------------------------------------------------------------

#: How often a URL within a URL is looked into: ``?return=https%3A%2F%2F…%3Ftoken%3D…``.
_MAX_NESTING: Final = 3
_NESTED: Final = re.compile(r"(?:^|[?&;#])([^=?&;#]*)=(?=[^&;#])")

#: Within a target everything up to the next ``&`` is the value; within a header a URL may stand in brackets or quotes.
_IN_TARGET: Final = re.compile(r"([?&#])([^=&#]*)=([^&#]*)")
_IN_HEADER: Final = re.compile(r"""([?&#;])([^=?&#;\s"'<>]{1,200})=([^&#\s"'<>]*)""")


def masked(exchange: CapturedExchange) -> CapturedExchange:
    """*exchange* as it may be shown."""
    return dataclasses.replace(
        exchange,
        request_target=masked_target(exchange.request_target),
        request_headers=masked_headers(exchange.request_headers),
        response_headers=masked_headers(exchange.response_headers),
    )


def masked_headers(headers: Headers) -> Headers:
    """*headers* with a mark in place of each secret; as many, in the same order."""
    return tuple((name, masked_value(name, value)) for name, value in headers)


def masked_value(name: str, value: str) -> str:
    """The value of the header *name*, with a mark in place of each secret in it."""
    lower = name.lower()
    if not value:
        return value
    if not is_secret_header(name):
        if lower == _PROTOCOLS:
            return _map_list(value, ",", lambda part: MASK if _SECRET_PROTOCOL.search(part) else part)
        if "=" not in value:
            return _hide(value)
        # types, dates and cache rules, the same ones in every answer
        return _masked_text(value) if len(value) > _MAX_REMEMBERED_CHARACTERS else _masked_known_text(value)
    if lower in _COOKIES:
        return _map_list(value, ";", _masked_pair)
    if lower in _SET_COOKIES:
        pair, semicolon, attributes = value.partition(";")
        return f"{_masked_pair(pair)}{semicolon}{_hide(attributes)}"
    if lower in _CREDENTIALS:
        scheme, space, _ = value.strip().partition(" ")
        return f"{scheme} {MASK}" if space and scheme.isascii() and scheme.isalnum() else MASK
    return MASK


def _masked_text(value: str) -> str:
    return _hide(_IN_HEADER.sub(_mask_parameter, value))


_masked_known_text = functools.lru_cache(_REMEMBERED)(_masked_text)


def masked_target(request_target: str) -> str:
    """Path and query, with a mark in place of each secret value of the query."""
    path, question, query = request_target.partition("?")
    if not question:
        return _hide(path)
    return f"{_hide(path)}{_IN_TARGET.sub(_mask_parameter, f'?{query}')}"


def _mask_parameter(found: re.Match[str]) -> str:
    before, name, value = found.groups()
    return f"{before}{name}={_masked_parameter(name, value)}"


def _masked_parameter(name: str, value: str) -> str:
    if not value:
        return value
    if len(name) <= _MAX_REMEMBERED_CHARACTERS and _is_plain_name(name) and not _NOT_PLAIN.search(value):
        return value
    if is_secret_parameter(name) or _has_nested_secret(value):
        return MASK
    return _hide(f"{name}={value}").removeprefix(f"{name}=")


def _has_nested_secret(value: str) -> bool:
    """Whether *value* is, or holds, a query of its own with a secret in it."""
    for _ in range(_MAX_NESTING):
        if any(is_secret_parameter(found[1]) for found in _NESTED.finditer(value)):
            return True
        if "%" not in value:
            return False
        value = unquote_plus(value)
    return False


def _masked_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not equals:
        return MASK if pair.strip() else pair
    return f"{name}={MASK}" if value.strip() else pair


def _map_list(value: str, separator: str, change: Callable[[str], str]) -> str:
    """Change each element of a list; the white space around it stays."""
    return separator.join(
        f"{part[: len(part) - len(part.lstrip())]}{change(part.strip())}{part[len(part.rstrip()) :] if part.strip() else ''}"
        for part in value.split(separator)
    )


def _hide(text: str) -> str:
    return hide_secrets(text) if _SUSPICIOUS.search(text) else text


# --- and back --------------------------------------------------------------------------------------------------------


def unmask(edited: EditedRequest, original: CapturedExchange) -> EditedRequest:
    """*edited* with the captured value in place of each mark.

    A mark stands for what was captured at its place: in the nth header of its name, the cookie or the nth value of its
    name in the query.

    Raises:
        MaskError: There was nothing at that place.
    """
    seen: Counter[str] = Counter()
    headers = []
    for name, value in edited.headers:
        lower = name.lower()
        captured = _nth(original.request_headers, lower, seen[lower])
        seen[lower] += 1
        headers.append((name, _unmasked_value(name, value, captured) if MASK in value else value))
    return dataclasses.replace(
        edited,
        request_target=_unmasked_target(edited.request_target, original.request_target),
        headers=tuple(headers),
    )


def _nth(headers: Headers, lower: str, number: int) -> str | None:
    values = [value for name, value in headers if name.lower() == lower]
    return values[number] if number < len(values) else None


def _unmasked_value(name: str, value: str, captured: str | None) -> str:
    if captured is None:
        raise MaskError(
            f"the header {name} says {MASK}, which stands for a captured value, and none was captured: write the value"
        )
    if value.strip() == masked_value(name, captured).strip() or value.strip() == MASK:
        return captured
    lower = name.lower()
    if lower in _COOKIES:
        return _unmasked_cookies(name, value, captured)
    _, space, credentials = captured.strip().partition(" ")
    if lower in _CREDENTIALS and space and value.count(MASK) == 1:
        return value.replace(MASK, credentials.strip())
    raise MaskError(
        f"the header {name} was changed around {MASK}, and what that stands for cannot be told: write the value"
    )


def _unmasked_cookies(name: str, value: str, captured: str) -> str:
    known: dict[str, list[str]] = {}
    for pair in captured.split(";"):
        key, _, cookie = pair.strip().partition("=")
        known.setdefault(key.strip(), []).append(cookie)

    def restore(pair: str) -> str:
        key, _, cookie = pair.partition("=")
        if MASK not in pair:
            return pair
        if cookie != MASK or not known.get(key.strip()):
            raise MaskError(
                f"the cookie {key.strip()} in {name} says {MASK}, and no such cookie was captured: write its value"
            )
        return f"{key}={known[key.strip()].pop(0)}"

    return _map_list(value, ";", restore)


def _unmasked_target(target: str, captured: str) -> str:
    if MASK not in target:
        return target
    path, question, query = target.partition("?")
    captured_path, _, captured_query = captured.partition("?")
    if MASK in path:
        if path != _hide(captured_path):
            raise MaskError(
                f"the path was changed around {MASK}, which stands for a captured value: write it"
            )
        path = captured_path
    if MASK in query:
        known = _parameters(captured_query)
        query = _IN_TARGET.sub(lambda found: _unmasked_parameter(found, known), f"?{query}")[1:]
    return f"{path}{question}{query}"


def _parameters(query: str) -> dict[str, list[str]]:
    known: dict[str, list[str]] = {}
    for _, name, value in _IN_TARGET.findall(f"?{query}"):
        known.setdefault(unquote_plus(name), []).append(value)
    return known


def _unmasked_parameter(found: re.Match[str], known: dict[str, list[str]]) -> str:
    before, name, value = found.groups()
    values = known.get(unquote_plus(name), [])
    captured = values.pop(0) if values else None
    if MASK not in value:
        return found[0]
    if captured is None or value not in (MASK, _masked_parameter(name, captured)):
        raise MaskError(
            f"{name} in the query says {MASK}, which stands for a captured value, and none was captured: write the value"
        )
    return f"{before}{name}={captured}"
