"""What a request line asks for: reading the target of a request that reached the gateway.

A target is read once, into a :class:`RequestTarget`, and everything that routes, authorises or relays the request uses
that one reading. Parameters that begin with ``sb-hc-`` belong to the relay; all others are the application's and cross
byte for byte.

Source: protocol reference §1.1, §1.2, §4.4, §6.3.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import unquote_plus

from .errors import InvalidAddressError
from .limits import MAX_TARGET_BYTES
from .names import decode_segments, is_plain, lower

RENDEZVOUS_NODE = "sb-hc-node"  # ours: at which of several gateways the sender waits
RENDEZVOUS_SECRET = (
    "sb-hc-rdv"  # ours: the credential of a rendezvous address, beside the id that a sender may choose
)
ENVELOPE = "sb-hc-envelope"  # ours: a subscriber wants each message with a line of JSON before it
_RESERVED = "sb-hc-"
_WEBSOCKET_SEGMENT = "$hc"
# A trace id decides nothing, and SDKs may add one to a URL that has one: the first wins. Any other parameter given
# twice could be read in two ways.
_HARMLESS_WHEN_REPEATED = frozenset({"sb-hc-id"})
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_ILLEGAL = re.compile("[\x00-\x20\x7f]")
# One slash, and nothing but characters of ASCII that any target may have.
_PLAIN = re.compile(r"/(?!/)[!\"$-~]*")
_STATUS = re.compile(r"[1-9][0-9]{2}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RequestTarget:
    """The target of a request line, in origin form.

    Attributes:
        path: The path as sent, without ``/$hc``; it begins with a slash.
        canonical: The part of the path that can name a hybrid connection, as ``canonical_path`` would give it; empty
            when the path is ``/``. It ends before the first segment that no name can have (an empty one, or one that
            hides an encoded slash): from there on the path is the application's own.
        query: The query as sent, without its ``?``.
        user_query: The query without the relay's parameters, otherwise byte for byte; empty means no ``?``.
        parameters: The relay's parameters, decoded, by lower-case key.
        is_websocket_path: Whether the path began with ``/$hc``.

    Its repr leaves out whatever stands in the query, which may be secret.
    """

    path: str
    canonical: str
    query: str = dataclasses.field(repr=False)
    user_query: str = dataclasses.field(repr=False)
    parameters: Mapping[str, str] = dataclasses.field(repr=False)
    is_websocket_path: bool


def parse_target(raw: str) -> RequestTarget:
    """Read the target of an HTTP request line.

    Args:
        raw: The target, decoded from bytes as UTF-8 with ``surrogateescape``.

    Raises:
        InvalidAddressError: It is not in origin form (the text says which form it has), has a fragment, a character
            that no target may have, a path that could be read in two ways, or one of the relay's parameters twice; or
            it is too long.
    """
    _check_form(raw)
    path, _, query = raw.partition("?")
    segments = decode_segments(path)
    is_websocket_path = bool(segments) and lower(segments[0]) == _WEBSOCKET_SEGMENT
    if is_websocket_path:
        path = path[path.find("/", 1) :] if "/" in path[1:] else "/"
        if path.startswith("//"):
            raise InvalidAddressError("the path has an empty segment after /$hc")
        del segments[0]
    user_query, parameters = _split_query(query)
    return RequestTarget(
        path=path,
        canonical=_name_part(segments),
        query=query,
        user_query=user_query,
        parameters=parameters,
        is_websocket_path=is_websocket_path,
    )


def rejection_of(raw_query: str, after_parameter: str = RENDEZVOUS_SECRET) -> tuple[int, str] | None:
    """Return the status and reason with which a listener rejects a sender, or None when it accepts.

    Microsoft's .NET and Java listeners say ``sb-hc-statusCode`` and ``sb-hc-statusDescription``, its Node packages leave
    the prefix out. Without it the names are also free for a sender's own query, which stands at the front of the same
    address; so they count only behind *after_parameter*, the last one that the gateway wrote.

    Raises:
        InvalidAddressError: The status is not a number from 100 to 999, or it or the reason is given twice.

    Source: protocol reference §1.2, §4.4.
    """
    found: dict[str, str] = {}
    is_behind_secret = False
    for part in raw_query.split("&"):
        key, equals, value = part.partition("=")
        name = lower(_decoded(key))
        if not equals:
            continue
        if name == after_parameter:
            is_behind_secret = True
        is_prefixed = name in {"sb-hc-statuscode", "sb-hc-statusdescription"}
        if is_prefixed or (is_behind_secret and name in {"statuscode", "statusdescription"}):
            if name in found:
                raise InvalidAddressError(f"{name} is given twice")
            found[name] = _decoded(value)
    status = found.get("sb-hc-statuscode", found.get("statuscode"))
    if status is None:
        return None
    if not _STATUS.fullmatch(status):
        raise InvalidAddressError("the status of a rejection is a number from 100 to 999")
    return int(status), found.get("sb-hc-statusdescription", found.get("statusdescription", ""))


def _check_form(raw: str) -> None:
    """Refuse what is not an origin form, and say what it is instead."""
    if len(raw) <= MAX_TARGET_BYTES and _PLAIN.fullmatch(raw):  # nearly every one
        return
    if len(raw.encode("utf-8", "surrogatepass")) > MAX_TARGET_BYTES:
        raise InvalidAddressError(f"the request target is longer than {MAX_TARGET_BYTES} bytes")
    if raw == "*":
        raise InvalidAddressError("the request target is in asterisk form; only a path is served here")
    if _ABSOLUTE.match(raw):
        raise InvalidAddressError("the request target is in absolute form; only a path is served here")
    if not raw.startswith("/"):
        raise InvalidAddressError("the request target is in authority form; only a path is served here")
    if raw.startswith("//"):
        raise InvalidAddressError("the request target begins with two slashes")
    if "#" in raw:
        raise InvalidAddressError("the request target has a fragment")
    if _ILLEGAL.search(raw):
        raise InvalidAddressError("the request target has a space or a control character")


def _name_part(segments: list[str]) -> str:
    """Join the segments that can be part of a name; see ``RequestTarget.canonical``."""
    count = 0
    while count < len(segments) and is_plain(segments[count]):
        count += 1
    if segments and not count:
        raise InvalidAddressError("the path begins with an encoded slash")
    return lower("/".join(segments[:count]))


def _decoded(text: str) -> str:
    """*text* without the encoding of forms."""
    return unquote_plus(text) if "%" in text or "+" in text else text


def _split_query(query: str) -> tuple[str, Mapping[str, str]]:
    """Split *query* into what is the application's, as text, and what is the relay's, decoded.

    The relay's are the parts between ``&`` that have a ``=`` and whose decoded key begins with ``sb-hc-``.

    Source: protocol reference §6.3 (the .NET query string test).
    """
    user_parts = []
    parameters: dict[str, str] = {}
    for part in query.split("&"):
        key, equals, value = part.partition("=")
        name = lower(_decoded(key))
        if not (equals and name.startswith(_RESERVED)):
            user_parts.append(part)
        elif name not in parameters:
            parameters[name] = _decoded(value)
        elif name not in _HARMLESS_WHEN_REPEATED:
            raise InvalidAddressError(
                f"{name} is given twice" if name.isascii() else "a parameter is given twice"
            )
    return "&".join(user_parts), MappingProxyType(parameters)
