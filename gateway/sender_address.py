"""Who a peer really is, and by which name it came, where proxies stand in front.

Only a proxy inside the trusted networks is believed; anybody else's X-Forwarded headers are the application's own and
decide nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from hyco.messages import RemoteEndpoint

from .config import Network
from .front_request import FrontRequest
from .proxies import is_trusted


def sender_address(request: FrontRequest, networks: Sequence[Network]) -> RemoteEndpoint:
    """The nearest address that is not a trusted proxy's: what the proxies, from ours outwards, say in X-Forwarded-For."""
    peer = request.peer
    if not is_trusted(peer.address, networks):
        return peer
    hops = [hop.strip() for value in request.header_values("x-forwarded-for") for hop in value.split(",")]
    for hop in reversed(hops):
        endpoint = _endpoint(hop)
        if endpoint is None:
            return peer
        if not is_trusted(endpoint.address, networks):
            return endpoint
        peer = endpoint
    return peer


def _endpoint(text: str) -> RemoteEndpoint | None:
    """An address in X-Forwarded-For: bare, or with a port as some proxies write it; port 0 where there is none."""
    host, port = text, 0
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = _port(rest.removeprefix(":"))
    elif text.count(":") == 1:
        host, _, rest = text.partition(":")
        port = _port(rest)
    try:
        return RemoteEndpoint(address=str(ipaddress.ip_address(host)), port=port)
    except ValueError:
        return None


def _port(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and int(text) < 65_536 else 0


def origin(request: FrontRequest, networks: Sequence[Network]) -> str:
    """Scheme and authority by which *request* came, for the addresses its sender is given: "wss://host:port"."""
    scheme = "wss" if request.is_secure else "ws"
    host = request.header("host") or ""
    if is_trusted(request.peer.address, networks):
        forwarded = request.header("x-forwarded-proto")
        if forwarded is not None:
            scheme = "wss" if forwarded.split(",")[-1].strip().lower() in ("https", "wss") else "ws"
        host = (request.header("x-forwarded-host") or host).split(",")[-1].strip()
    return f"{scheme}://{host}"
