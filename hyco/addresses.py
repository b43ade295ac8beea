"""From a namespace and a hybrid connection to URLs, and back.

The names of this module's neighbours can be had from here: all of them are about addresses, and only their subjects
differ (:mod:`hyco.names`: the one canonical name; :mod:`hyco.request_targets`: what a request line asks for;
:mod:`hyco.redaction`: hiding secrets in URLs).

Source: protocol reference §1.1, §4.1, §4.4.
"""

from __future__ import annotations

import dataclasses
import re
from urllib.parse import quote

from .errors import InvalidAddressError
from .names import candidates, canonical_host, canonical_path, check_name, lower, split_authority
from .redaction import hide_secrets
from .request_targets import (
    ENVELOPE,
    RENDEZVOUS_NODE,
    RENDEZVOUS_SECRET,
    RequestTarget,
    parse_target,
    rejection_of,
)

__all__ = [
    "ENVELOPE",
    "RENDEZVOUS_NODE",
    "RENDEZVOUS_SECRET",
    "Endpoint",
    "RequestTarget",
    "candidates",
    "canonical_host",
    "canonical_path",
    "check_name",
    "check_origin",
    "connect_url",
    "hide_secrets",
    "listen_url",
    "parse_endpoint",
    "parse_target",
    "rejection_of",
    "rejection_url",
    "rendezvous_address",
    "rendezvous_target",
    "sender_url",
    "subscribe_url",
]

_IS_SECURE = {"sb": True, "https": True, "wss": True, "http": False, "ws": False}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#\\\s]*)/?")
_ESCAPE = re.compile(r"(%[0-9A-Fa-f]{2})")
_ORIGIN = re.compile(r"wss?://[^/?#\\\s]+")
# What java.net.URI and .NET's Uri both take unencoded (RFC 3986 pchar; in a query also the brackets of `a[]=1`).
_PATH_SAFE = "/-._~!$&'()*+,;=:@"
_QUERY_SAFE = _PATH_SAFE + "?[]"
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*")


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a namespace is served.

    Attributes:
        host: The canonical host: lower case, an IPv6 address without brackets.
        port: The TCP port.
        is_secure: Whether TLS is spoken there.
    """

    host: str
    port: int
    is_secure: bool

    @property
    def authority(self) -> str:
        """The host and, unless it is the scheme's own, the port, as they stand in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _default_port(is_secure=self.is_secure) else f"{host}:{self.port}"

    @property
    def websocket_origin(self) -> str:
        """``wss://host[:port]`` or ``ws://host[:port]``."""
        return f"{'wss' if self.is_secure else 'ws'}://{self.authority}"

    @property
    def http_origin(self) -> str:
        """``https://host[:port]`` or ``http://host[:port]``."""
        return f"{'https' if self.is_secure else 'http'}://{self.authority}"


def parse_endpoint(text: str, is_secure: bool | None = None) -> Endpoint:
    """Read the address of a namespace: ``sb://host[:port]/``, or the same with http(s) or ws(s).

    Args:
        text: The URL. It has no path but ``/``, no query and no user information.
        is_secure: Whether TLS is spoken there, when something else than the scheme says so. ``sb`` means TLS.

    Raises:
        InvalidAddressError: It is no such URL.
    """
    match = _URL.fullmatch(text)
    if match is None:
        raise InvalidAddressError(
            "an endpoint looks like sb://host/ or sb://host:port/, without path or query"
        )
    scheme, authority = lower(match[1]), match[2]
    if scheme not in _IS_SECURE:
        raise InvalidAddressError("the scheme of an endpoint is sb, https, wss, http or ws")
    host, port = split_authority(authority)
    secure = _IS_SECURE[scheme] if is_secure is None else is_secure
    return Endpoint(host, port or _default_port(is_secure=secure), secure)


def listen_url(endpoint: Endpoint, path: str, *, tracking_id: str) -> str:
    """Return where a listener opens its control channel. The token goes into a header, not into the URL."""
    return f"{endpoint.websocket_origin}/$hc{_join(path, '')}?{_action('listen', tracking_id)}"


def subscribe_url(endpoint: Endpoint, path: str, *, tracking_id: str) -> str:
    """Return where a subscriber hears what is published, each message with a line of JSON before it. The token goes into a header."""
    action = _action("subscribe", tracking_id)
    return f"{endpoint.websocket_origin}/$hc{_join(path, '')}?{action}&{ENVELOPE}=true"


def connect_url(endpoint: Endpoint, path: str, *, tracking_id: str, suffix: str = "", query: str = "") -> str:
    """Return where a sender opens a WebSocket.

    Args:
        endpoint: The namespace.
        path: The hybrid connection.
        tracking_id: Names this connection in errors on both sides.
        suffix: What follows the hybrid connection's name in the path; the listener sees it.
        query: The application's own query, without ``?``; the listener sees it.
    """
    own = f"{_encode(query, _QUERY_SAFE)}&" if query else ""
    return f"{endpoint.websocket_origin}/$hc{_join(path, suffix)}?{own}{_action('connect', tracking_id)}"


def sender_url(endpoint: Endpoint, path: str, suffix: str = "", query: str = "") -> str:
    """Return where a sender makes HTTP requests; arguments as in :func:`connect_url`."""
    return f"{endpoint.http_origin}{_join(path, suffix)}" + (
        f"?{_encode(query, _QUERY_SAFE)}" if query else ""
    )


def check_origin(origin: str) -> str:
    """Return *origin* if it is ``wss://host[:port]`` or ``ws://host[:port]``: what an address may begin with.

    Raises:
        InvalidAddressError: It is anything else.
    """
    if not _ORIGIN.fullmatch(origin):
        raise InvalidAddressError("an origin looks like wss://host or wss://host:port")
    parse_endpoint(origin)
    return origin


def rendezvous_address(
    origin: str, raw_path: str, user_query: str, *, action: str, tracking_id: str, secret: str
) -> str:
    """Return the one-time address at which a listener meets a sender.

    It is :func:`rendezvous_target` behind *origin*: ``wss://host[:port]`` or ``ws://host[:port]``, as the listener
    reaches this gateway.

    Raises:
        InvalidAddressError: *origin* is something else.

    Source: protocol reference §3.3, §4.1.
    """
    target = rendezvous_target(raw_path, user_query, action=action, tracking_id=tracking_id, secret=secret)
    return check_origin(origin) + target


def rendezvous_target(
    raw_path: str, user_query: str, *, action: str, tracking_id: str, secret: str, node: str = ""
) -> str:
    """Return path and query of a one-time address, for whoever knows by which origin its listener comes.

    It is the sender's path and query, with whatever ``java.net.URI`` would not parse percent-encoded, then the relay's
    parameters. The secret comes last of them: a listener that rejects appends its answer behind it.

    Args:
        raw_path: ``RequestTarget.path`` of the sender.
        user_query: ``RequestTarget.user_query`` of the sender.
        action: ``accept`` or ``request``.
        tracking_id: The relayed connection's; the sender may have chosen it, so it is no credential.
        secret: The credential: at least 128 random bits in hexadecimal. It holds no ``=``, which a Java listener
            would stumble over.
        node: The gateway at which the sender waits, where it is one of several that have one name for listeners.
    """
    own = f"{_encode(user_query, _QUERY_SAFE)}&" if user_query else ""
    place = f"&{RENDEZVOUS_NODE}={_quoted(node)}" if node else ""
    relay = f"{_action(action, tracking_id)}{place}&{RENDEZVOUS_SECRET}={_quoted(secret)}"
    return f"/$hc{_encode(raw_path, _PATH_SAFE)}?{own}{relay}"


def rejection_url(address: str, status: int, reason: str) -> str:
    """Return the address by which a listener rejects the sender that waits at *address*.

    Args:
        address: As it came in ``accept``.
        status: What the sender gets, 100 to 999.
        reason: The reason phrase the sender gets.

    Raises:
        InvalidAddressError: The status is out of range; the gateway would answer 400 and leave the sender waiting.

    Source: protocol reference §4.4.
    """
    if not 100 <= status <= 999:
        raise InvalidAddressError(f"the status of a rejection is a number from 100 to 999, not {status}")
    separator = "&" if "?" in address else "?"
    description = quote(reason, safe="", errors="replace")
    return f"{address}{separator}sb-hc-statusCode={status}&sb-hc-statusDescription={description}"


def _default_port(*, is_secure: bool) -> int:
    return 443 if is_secure else 80


def _action(action: str, tracking_id: str) -> str:
    return f"sb-hc-action={action}&sb-hc-id={_quoted(tracking_id)}"


def _quoted(text: str) -> str:
    """*text* as a value of a query; what is made of GUIDs and hexadecimal digits is that already."""
    return text if _UNRESERVED.fullmatch(text) else quote(text, safe="", errors="replace")


def _join(path: str, suffix: str) -> str:
    """Return the path of a URL: *path* without outer slashes, then *suffix* with a slash before it."""
    joined = "/" + path.strip("/")
    if suffix:
        joined += suffix if suffix.startswith("/") else "/" + suffix
    return _encode(joined, _PATH_SAFE)


def _encode(text: str, safe: str) -> str:
    """Percent-encode what is neither in *safe* nor a letter, a digit or a valid escape already."""
    parts = _ESCAPE.split(text)  # every second one is an escape
    parts[::2] = [quote(_to_bytes(part), safe=safe) for part in parts[::2]]
    return "".join(parts)


def _to_bytes(text: str) -> bytes:
    """Return the bytes that *text* was read from; a lone surrogate that stands for no byte becomes ``?``."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")
