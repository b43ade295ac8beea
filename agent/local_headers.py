"""What a local web server is asked for a relayed request, and told: path and headers of the sender, and where they come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hyco.fields import Headers
from hyco.http_rules import end_to_end, local_request_headers
from hyco.messages import RemoteEndpoint

from .access import headers_without_invitation, target_without_invitation
from .route import Route
from .targets import without_prefix

STREAM_HEADER: Final = "Relay-Stream"
"""Our own ``connect`` says with ``Relay-Stream: 1`` in its handshake that it brings a byte stream, and not a
WebSocket client that would know what to do with a web server's messages."""

_NOT_FOR_IT: Final = frozenset(
    {
        "servicebusauthorization",  # a gateway strips it; one that does not must not show a token to the target
        STREAM_HEADER.lower(),
        "x-forwarded-prefix",  # said anew
        "forwarded",  # says the same as X-Forwarded-*, which are said anew: there must not be two stories
        "x-real-ip",
    }
)
_OF_THE_HANDSHAKE: Final = "sec-websocket-"  # each hop has its own


def local_path(request_target: str, route: Route) -> str:
    """Give path and query as the target knows them: without the invitation, and where it is set without the prefix."""
    if route.is_stream:
        return request_target
    request_target = target_without_invitation(request_target)
    return without_prefix(request_target, route.path) if route.config.strip_prefix else request_target


def for_local_server(headers: Iterable[tuple[str, str]], remote: RemoteEndpoint, route: Route) -> Headers:
    """Give the headers of the request to the target, ``Host`` among them unless it is the sender's and missing."""
    if route.is_stream:
        return end_to_end(headers)
    told = local_request_headers(
        (
            (name, value)
            for name, value in headers_without_invitation(headers)
            if name.lower() not in _NOT_FOR_IT and not name.lower().startswith(_OF_THE_HANDSHAKE)
        ),
        sender_address=remote.address,
        scheme="https" if route.gateway.is_secure else "http",
        host=None if route.config.keep_host else route.target.authority,
    )
    return (*told, ("X-Forwarded-Prefix", f"/{route.path}")) if route.config.strip_prefix else told
