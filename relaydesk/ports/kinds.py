"""What a port speaks, found out by asking it once. Only for a port that somebody has chosen: nothing here looks around."""

from __future__ import annotations

import asyncio
import enum
import ssl
from ipaddress import ip_address
from typing import Final

#: How long each of the two questions may take. Who does not answer on loopback within it is no web server worth waiting for.
ASK_S: Final = 0.3

#: Ports of servers that count, log or punish a question in a language that is not theirs: MySQL locks a computer out after a
#: few, Redis reports an attack.
NEVER_ASKED: Final = frozenset(
    {
        21,
        22,
        23,
        25,
        53,
        110,
        143,
        389,
        445,
        465,
        587,
        636,
        993,
        995,
        1433,
        1521,
        1883,
        3306,
        3389,
        5432,
        5672,
        5900,
    }
    | {6379, 6380, 8883, 9042, 11_211, 27_017, 33_060}
)

_STATUS_BYTES: Final = len("HTTP/1.1 200")


class PortKind(enum.Enum):
    """What a port speaks."""

    WEB = "web"
    """HTTP."""
    SECURE_WEB = "secure web"
    """HTTP over TLS."""
    STREAM = "stream"
    """Something else, or nothing that it says by itself."""


async def guess_kind(host: str, port: int, *, limit_s: float = ASK_S) -> PortKind | None:
    """Ask a port what it speaks: by one ``HEAD /``, and by a TLS hello if that gives no answer.

    Args:
        host: An address; ``localhost`` is tried as both of its addresses. Nothing is looked up.
        port: The port.
        limit_s: How long each question may take.

    Returns:
        None if nothing listens there.
    """
    hosts = ("127.0.0.1", "::1") if host == "localhost" else (host.strip("[]"),)
    for each in hosts:
        try:
            return await _guess(each, port, limit_s)
        except ConnectionRefusedError:
            continue
        except OSError:
            return None
    return None


async def _guess(host: str, port: int, limit_s: float) -> PortKind:
    if port in NEVER_ASKED:
        return PortKind.STREAM
    status = await _ask(host, port, None, limit_s)
    # servers of HTTPS answer a plain request with 400, and say that it was one
    if status is not None and status != b"400":
        return PortKind.WEB
    if await _ask(host, port, _trusting(), limit_s) is not None:
        return PortKind.SECURE_WEB
    return PortKind.WEB if status is not None else PortKind.STREAM


async def _ask(host: str, port: int, tls: ssl.SSLContext | None, limit_s: float) -> bytes | None:
    """The status by which a port answers ``HEAD /``; None if it does not, or not in HTTP.

    Raises:
        ConnectionRefusedError: Nothing listens there.
        OSError: It cannot be reached. Not raised for a connection that was made and then lost.
    """
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(limit_s):
            # on loopback, a server that has a certificate for each name has one for this name
            name = ("localhost" if ip_address(host).is_loopback else host) if tls else None
            reader, writer = await asyncio.open_connection(host, port, ssl=tls, server_hostname=name)
            agreed = writer.get_extra_info("ssl_object").selected_alpn_protocol() if tls else None
            if agreed is not None:
                return b"200"  # it has said that it speaks HTTP
            authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            writer.write(
                f"HEAD / HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: RelayDesk\r\nAccept: */*\r\n"
                "Connection: close\r\n\r\n".encode()
            )
            answer = await reader.readexactly(_STATUS_BYTES)
    except (TimeoutError, asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError, ssl.SSLError):
        return None
    finally:
        if writer is not None:
            writer.transport.abort()
    return answer[-3:] if answer.startswith(b"HTTP/1.") and answer[-3:].isdigit() else None


def _trusting() -> ssl.SSLContext:
    """TLS with whatever certificate is there: nothing is said to it but ``HEAD /``, and nothing of the answer is used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
