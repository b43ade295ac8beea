"""Reach the target of a hybrid connection: its TCP port, or its WebSocket endpoint.

Only what the settings name is ever dialled, directly and not through a proxy.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from typing import TypeVar

from .config import ConnectionConfig
from .errors import TargetRejectedError, TargetUnreachableError
from .network import connect_directly, explain
from .pump import TcpLeg
from .rendezvous_addresses import WebSocketAddress
from .roots import verifying_context
from .targets import Target
from .transport import HandshakeProtocol, OpenedLeg
from .websocket_legs import WebSocketLeg

_P = TypeVar("_P", bound=asyncio.BaseProtocol)


def target_tls(config: ConnectionConfig) -> ssl.SSLContext | None:
    """Make the TLS context for an ``https://`` target; None where it speaks none."""
    if config.target is None or not config.target.is_secure:
        return None
    context = verifying_context()
    if config.insecure_target:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def dial_stream(target: Target, timeout_s: float) -> TcpLeg:
    """Connect to a stream target. The leg waits to be joined; whoever dialled it resets it otherwise.

    Raises:
        TargetUnreachableError: It cannot be reached.
    """
    return await _connect(TcpLeg(f"target {target}"), target, None, timeout_s)


async def dial_websocket(
    leg: WebSocketLeg,
    target: Target,
    request_target: str,
    *,
    tls: ssl.SSLContext | None,
    headers: Iterable[tuple[str, str]],
    subprotocols: Sequence[str],
    timeout_s: float,
) -> str | None:
    """Open a WebSocket at a web server target and make *leg* its protocol; it has yet to be started.

    Returns:
        The sub-protocol that the web server chose.

    Raises:
        TargetUnreachableError: It cannot be reached, or speaks no WebSocket.
        TargetRejectedError: It answered with another status than 101.
    """
    url = target.url(request_target)
    address = WebSocketAddress(target.host, target.port, target.is_secure, url.raw_path_qs)
    try:
        async with asyncio.timeout(timeout_s):
            protocol = await _connect(HandshakeProtocol(), target, tls, timeout_s)
            opened = OpenedLeg(
                protocol,
                address,
                who="the target",
                rejected=TargetRejectedError,
                failed=TargetUnreachableError,
            )
            try:
                return await opened.upgrade(
                    leg, address.request_target, headers=headers, subprotocols=subprotocols
                )
            finally:
                opened.close()
    except TimeoutError as error:
        raise TargetUnreachableError(f"target {target} did not answer within {timeout_s:g} s") from error


async def _connect(protocol: _P, target: Target, tls: ssl.SSLContext | None, timeout_s: float) -> _P:
    try:
        async with asyncio.timeout(timeout_s):
            await connect_directly(protocol, target.host, target.port, tls)
    except (OSError, UnicodeError) as error:
        raise TargetUnreachableError(f"cannot reach target {target}: {explain(error)}") from error
    return protocol
