"""What of an HTTP message crosses the relay, and how it changes on its way.

There are four crossings of headers. Sender to gateway to listener: :func:`request_headers`, or for a WebSocket
:func:`connect_headers`. Listener's agent to local server: :func:`local_request_headers`. Local server to agent:
:func:`local_response_headers`. Listener to gateway to sender: :func:`response_headers`. Each end frames the bodies of
its own connection, so what describes framing never crosses.

A request target crosses with a decoded path (:func:`request_target`), and is spelled out again for the local server
(:func:`local_request_target`).

Source: protocol reference §3.3, §6.1 to §6.3, §6.8, §6.9; RFC 9110 section 7.6.1.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from .addresses import RequestTarget
from .errors import InvalidAddressError
from .fields import Headers, elements_of, is_field_value, is_token, join_duplicates, values_of
from .limits import MAX_CONTROL_BODY_BYTES

_RELAY_TOKEN = "servicebusauthorization"

# §6.2: what describes one connection or the framing on it. All of Proxy-* goes as well.
_HOP_BY_HOP = frozenset(
    {
        "close",
        "connection",
        "content-length",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_PROXY = "proxy-"

# Connection may name further headers to remove, but not this one: listeners need it (§6.2), and RFC 9110 section 7.6.1
# forbids to name what is meant for every recipient.
_NEVER_HOP_BY_HOP = frozenset({"host"})

# Java looks these up in exactly this spelling (§3.3, §7).
_WELL_KNOWN = {
    name.lower(): name
    for name in (
        "Authorization",
        "Connection",
        "Cookie",
        "Host",
        "Origin",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Version",
        "Upgrade",
        "User-Agent",
    )
}

_NO_BODY = frozenset({204, 304})

_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# Stays encoded in a decoded path: what would change its meaning (# % ?), controls, and bytes that are not UTF-8, which
# are lone surrogates here (surrogateescape).
_STAYS_ENCODED = re.compile("[#%?\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROL_OR_BYTE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# RFC 3986 section 3.3: pchar, "/" and the escapes that are there already.
_NOT_IN_PATH = re.compile(r"[^A-Za-z0-9._~!$&'()*+,;=:@/%-]")
_NOT_IN_QUERY = re.compile(r"[^\x21-\x22\x24-\x7e]")


# --- headers at the gateway ------------------------------------------------------------------------------------------


def request_headers(
    headers: Iterable[tuple[str, str]], *, via_host: str, consumed: Collection[str] = ()
) -> Headers:
    """The headers of a sender's HTTP request, as a listener gets them.

    Args:
        headers: As the sender sent them.
        via_host: The namespace, for Via.
        consumed: Names of headers that held the token. ServiceBusAuthorization never crosses, used or not (§2.1).
    """
    secrets = {_RELAY_TOKEN, *(name.lower() for name in consumed)}
    return _with_via((field for field in end_to_end(headers) if field[0].lower() not in secrets), via_host)


def connect_headers(headers: Iterable[tuple[str, str]], *, consumed: Collection[str] = ()) -> Headers:
    """The headers of a WebSocket sender's handshake, as a listener gets them: all but those that held a token.

    Names that listeners look for are spelled as they look for them.
    """
    secrets = {_RELAY_TOKEN, *(name.lower() for name in consumed)}
    return join_duplicates(
        (_WELL_KNOWN.get(name.lower(), name), value) for name, value in headers if name.lower() not in secrets
    )


def response_headers(headers: Iterable[tuple[str, str]], *, via_host: str) -> Headers:
    """The headers of a listener's response, as the sender gets them: Via says that it is not the relay's own (§6.9).

    Framing is left out and is the caller's to add; so is what no header can be, whoever let it in.
    """
    return _with_via(end_to_end(headers), via_host)


# --- headers at the agent --------------------------------------------------------------------------------------------


def local_request_headers(
    headers: Iterable[tuple[str, str]], *, sender_address: str, scheme: str, host: str | None = None
) -> Headers:
    """The headers of a relayed request, as the agent's local web server gets them.

    Args:
        headers: As the gateway sent them.
        sender_address: The sender's IP address as the gateway saw it, added to X-Forwarded-For; empty if unknown.
        scheme: "https" or "http", by which the sender reached the gateway; X-Forwarded-Proto.
        host: What to say in Host, the name of the local server; None keeps the name that the sender used, which
            X-Forwarded-Host has in any case.
    """
    # The sender cannot wait for a "100 Continue" of the local server: its gateway has already answered that
    # expectation, and the body is on its way. The other two are said anew, so that no sender can make them up.
    replaced = {"expect", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"}
    received = join_duplicates(end_to_end(headers))
    result = [field for field in received if field[0].lower() not in replaced]
    forwarded_for = elements_of(received, "X-Forwarded-For")
    if sender_address:
        forwarded_for.append(sender_address)
    if forwarded_for:
        result.append(("X-Forwarded-For", ", ".join(forwarded_for)))
    original_host = next(iter(values_of(received, "Host")), "")
    if original_host:
        result.append(("X-Forwarded-Host", original_host))
    result.append(("X-Forwarded-Proto", scheme))
    if host is not None:
        result = [("Host", host), *(field for field in result if field[0].lower() != "host")]
    return tuple(result)


def end_to_end(headers: Iterable[tuple[str, str]]) -> Headers:
    """*headers* without those that concern one connection only, and without those that are malformed (RFC 9110 section 7.6.1)."""
    fields = [(name, value) for name, value in headers if is_token(name) and is_field_value(value)]
    named = {element.lower() for element in elements_of(fields, "Connection")} - _NEVER_HOP_BY_HOP
    dropped = _HOP_BY_HOP | named
    return tuple(
        (name, value)
        for name, value in fields
        if name.lower() not in dropped and not name.lower().startswith(_PROXY)
    )


def local_response_headers(headers: Iterable[tuple[str, str]]) -> Headers:
    """The headers of the local server's response that go back to the gateway: neither framing nor hop-by-hop ones.

    Of a header that is none (a server may be careless) the gateway would complain by ending the control channel, so
    it is left out here.
    """
    return end_to_end(headers)


def _with_via(headers: Iterable[tuple[str, str]], host: str) -> Headers:
    """*headers* joined, with this hop at the end of Via. A sender by HTTP/1.0 counts as 1.1, as with Azure (§6.2)."""
    return join_duplicates((*headers, ("Via", f"1.1 {host}")))


# --- targets ---------------------------------------------------------------------------------------------------------


def request_target(target: RequestTarget) -> str:
    """The target of a sender's request, as a listener gets it.

    The path is percent-decoded, because Java's listener encodes it again. ``%23``, ``%25`` and ``%3F`` stay, or nobody
    could tell where the query begins; so do control characters and bytes that are not UTF-8. The query is the sender's,
    byte for byte (bytes that JSON has no way to say are percent-encoded), without the relay's parameters.

    Source: protocol reference §6.3.
    """
    path = _STRAY_PERCENT.sub("%25", target.path)
    path = _ESCAPES.sub(lambda run: _decode(run[0]), path)
    path = _CONTROL_OR_BYTE.sub(_percent_encode, path)
    if not target.user_query:
        return path
    return f"{path}?{_CONTROL_OR_BYTE.sub(_percent_encode, target.user_query)}"


def local_request_target(target: str) -> str:
    """The target of a relayed request, as it can stand in a request line: the agent's half of :func:`request_target`.

    What a path cannot contain is encoded, escapes that are there stay, and a ``%`` that is none becomes one. The query
    keeps every byte that a query may have.

    Raises:
        InvalidAddressError: It does not begin with a slash, so it names nothing on a local server.
    """
    if not target.startswith("/"):
        raise InvalidAddressError("the request target is not a path")
    path, question_mark, query = target.partition("?")
    path = _NOT_IN_PATH.sub(_percent_encode, _STRAY_PERCENT.sub("%25", path))
    return f"{path}{question_mark}{_NOT_IN_QUERY.sub(_percent_encode, query)}"


def _decode(escapes: str) -> str:
    """A run of escapes, decoded as far as it may be."""
    text = bytes.fromhex(escapes.replace("%", "")).decode("utf-8", "surrogateescape")
    return _STAYS_ENCODED.sub(_percent_encode, text)


def _percent_encode(match: re.Match[str]) -> str:
    character = match[0]
    if "\udc80" <= character <= "\udcff":
        encoded = character.encode("utf-8", "surrogateescape")
    else:
        encoded = character.encode("utf-8", "replace")
    return "".join(f"%{byte:02X}" for byte in encoded)


# --- bodies ----------------------------------------------------------------------------------------------------------


def needs_rendezvous(content_length: int | None, *, is_chunked: bool) -> bool:
    """Whether a request's body has to wait for the listener's rendezvous: it is long, or nobody knows how long (§6.1).

    A request without a body never does: Java cannot take it there.
    """
    return is_chunked or (content_length or 0) > MAX_CONTROL_BODY_BYTES


def has_response_body(method: str, status: int) -> bool:
    """Whether an HTTP response to *method* with this status has a body; whatever came as one is not sent (§6.8).

    Source: RFC 9110 section 6.4.1.
    """
    return method != "HEAD" and status >= 200 and status not in _NO_BODY
