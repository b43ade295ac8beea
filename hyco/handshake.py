"""The opening handshake of a WebSocket, as a server sees it: what a client must say, and the answer that accepts it.

Strict, because servers that are not have upgraded requests which were none (a lower-case method, a key of any length, an
upgrade to another protocol), and proxies in front of them read the same bytes as something else.

Extensions are never agreed on: declining is always legal, and the relay does not interpret what it carries.

Source: RFC 6455 sections 4.1, 4.2; protocol reference §3.1, §4.2, §10.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from collections.abc import Iterable, Sequence

from .errors import HycoError, LocalProtocolError
from .fields import Fields, Headers, elements, is_field_value, is_token

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_VERSION = "13"
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")  # base64 of 16 bytes

_SAY_VERSION: Headers = (("Sec-WebSocket-Version", _VERSION),)
_SAY_UPGRADE: Headers = (("Connection", "Upgrade"), ("Upgrade", "websocket"))


class HandshakeError(HycoError):
    """A request that is no opening handshake of a WebSocket, or not of the version that is spoken here.

    Attributes:
        status: The HTTP status to answer with: 400, or 426 where another request would do.
        headers: What the answer has to say beside it: 426 names what to upgrade to (RFC 9110 section 15.5.22).
    """

    def __init__(self, message: str, status: int = 400, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


@dataclasses.dataclass(frozen=True, slots=True)
class Upgrade:
    """A client's good handshake.

    Attributes:
        key: Its Sec-WebSocket-Key.
        subprotocols: What it offers, in its order of preference; of a rendezvous, what the listener chose.
    """

    key: str
    subprotocols: tuple[str, ...]


def check_upgrade(method: str, http_version: str, fields: Fields) -> Upgrade:
    """Read the opening handshake of a client.

    Args:
        method: As sent; methods have a letter case.
        http_version: "1.1".
        fields: The headers by name.

    Raises:
        HandshakeError: It is none. The text says why.
    """
    if method != "GET":
        raise HandshakeError("a WebSocket handshake is a GET request")
    if http_version != "1.1":
        raise HandshakeError("a WebSocket handshake is made by HTTP/1.1")
    hosts = fields.get("host", ())
    if len(hosts) != 1 or not hosts[0]:
        raise HandshakeError("a WebSocket handshake has one Host header")
    if not _says(fields.get("upgrade", ()), "websocket"):
        raise HandshakeError("only WebSocket connections are served here", 426, _SAY_UPGRADE)
    if not _says(fields.get("connection", ()), "upgrade"):
        raise HandshakeError("a WebSocket handshake has a Connection header that says Upgrade")
    if list(fields.get("sec-websocket-version", ())) != [_VERSION]:
        raise HandshakeError(
            "only version 13 of WebSocket is spoken here", 426, (*_SAY_UPGRADE, *_SAY_VERSION)
        )
    keys = fields.get("sec-websocket-key", ())
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        raise HandshakeError("a WebSocket handshake has one Sec-WebSocket-Key of 16 bytes in base64")
    return Upgrade(keys[0], _subprotocols(fields.get("sec-websocket-protocol", ())))


def accept_key(key: str) -> str:
    """The Sec-WebSocket-Accept that answers *key*: proof that the server has read the handshake."""
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def switching_protocols(
    key: str, subprotocol: str | None = None, headers: Iterable[tuple[str, str]] = ()
) -> bytes:
    """The whole head of the 101 that accepts a handshake.

    .NET takes nothing but exactly one ``Connection: Upgrade`` and ``Upgrade: websocket``, and a sub-protocol only when
    it has asked for one (§3.1).

    Args:
        key: The client's.
        subprotocol: The one that was chosen; None leaves the header out.
        headers: Further ones, such as TrackingId.

    Raises:
        LocalProtocolError: A header that none can be: it might end the head early.
    """
    fields = list(headers)
    if subprotocol is not None:
        fields.append(("Sec-WebSocket-Protocol", subprotocol))
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept_key(key)}",
    ]
    for name, value in fields:
        if not is_token(name) or not is_field_value(value):
            raise LocalProtocolError(f"{name!a} with this value is not a header")
        lines.append(f"{name}: {value}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def _says(values: Sequence[str], word: str) -> bool:
    """Whether *word* is one of the elements, without regard to case."""
    if len(values) == 1 and values[0].lower() == word:  # nearly always
        return True
    return any(element.lower() == word for element in elements(values))


def _subprotocols(values: Iterable[str]) -> tuple[str, ...]:
    """Tokens, each once (RFC 6455 section 4.1)."""
    offered = elements(values)
    if not all(is_token(name) for name in offered):
        raise HandshakeError("a sub-protocol's name is a token")
    if len(set(offered)) != len(offered):
        raise HandshakeError("a sub-protocol is offered twice")
    return tuple(offered)
