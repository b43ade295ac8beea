"""Proxies in front of the gateway: which are trusted, and the PROXY header by which TCP proxies say who is calling.

Source: the PROXY protocol, versions 1 and 2 (HAProxy's specification, sections 2.1 and 2.2).
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from hyco.messages import RemoteEndpoint

from .config import Network
from .errors import GatewayError

_V1_START = b"PROXY "
_V1_MAX_BYTES = 107
_V1_FIELDS = 6
_V2_START = b"\r\n\r\n\x00\r\nQUIT\n"
_V2_HEAD_BYTES = 16
_V2_LOCAL, _V2_PROXY = 0x20, 0x21
_V2_TCP4, _V2_TCP6 = 0x11, 0x21
_V2_ADDRESSES_BYTES = {_V2_TCP4: 12, _V2_TCP6: 36}
#: A version 2 header may carry more than addresses (TLS facts, a trace id). Ours: real ones have some hundred bytes.
_V2_MAX_REST_BYTES = 4_096


class ProxyHeaderError(GatewayError):
    """A header that begins like one of the PROXY protocol and is none."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What a proxy says before the first byte of its client.

    Attributes:
        size: Its length in bytes; 0 where there is none.
        client: Who is calling; None where the proxy itself is (a health check), or does not say.
    """

    size: int
    client: RemoteEndpoint | None


_NO_HEADER = ProxyHeader(0, None)


def is_trusted(address: str, networks: Sequence[Network]) -> bool:
    """Whether *address* lies in one of *networks*; an IPv4 address mapped into IPv6 counts as what it is."""
    if not networks:
        return False
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return any(ip in network for network in networks if network.version == ip.version)


def read_proxy_header(data: bytes) -> ProxyHeader | None:
    """The PROXY header that *data* begins with; None while it is not complete.

    Raises:
        ProxyHeaderError: It begins like one and is none.
    """
    if data.startswith(_V2_START) or (len(data) < len(_V2_START) and _V2_START.startswith(data)):
        return _read_v2(data)
    if data.startswith(_V1_START) or _V1_START.startswith(data):
        return _read_v1(data)
    return _NO_HEADER


def _read_v1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, _V1_MAX_BYTES)
    if end < 0:
        if len(data) >= _V1_MAX_BYTES:
            msg = "a PROXY line without an end"
            raise ProxyHeaderError(msg)
        return None
    fields = data[:end].decode("latin-1").split(" ")
    if fields[1] == "UNKNOWN":
        return ProxyHeader(end + 2, None)
    try:
        if len(fields) != _V1_FIELDS or fields[1] not in ("TCP4", "TCP6"):
            raise ValueError
        ip = ipaddress.ip_address(fields[2])
        if not (fields[4].isascii() and fields[4].isdigit()) or int(fields[4]) > 0xFFFF:
            raise ValueError
        if ip.version != int(fields[1][-1]):
            raise ValueError
    except ValueError as error:
        msg = "a PROXY line that does not name a client"
        raise ProxyHeaderError(msg) from error
    return ProxyHeader(end + 2, RemoteEndpoint(address=str(ip), port=int(fields[4])))


def _read_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < _V2_HEAD_BYTES:
        return None
    command, family, rest = struct.unpack_from("!BBH", data, len(_V2_START))
    if command not in (_V2_LOCAL, _V2_PROXY) or rest > _V2_MAX_REST_BYTES:
        msg = "a PROXY header of an unknown version"
        raise ProxyHeaderError(msg)
    size = _V2_HEAD_BYTES + rest
    if len(data) < size:
        return None
    wanted = _V2_ADDRESSES_BYTES.get(family)
    if command == _V2_LOCAL or wanted is None:
        return ProxyHeader(size, None)
    if rest < wanted:
        msg = "a PROXY header without its addresses"
        raise ProxyHeaderError(msg)
    width = 4 if family == _V2_TCP4 else 16
    address = ipaddress.ip_address(data[_V2_HEAD_BYTES : _V2_HEAD_BYTES + width])
    (port,) = struct.unpack_from("!H", data, _V2_HEAD_BYTES + 2 * width)
    return ProxyHeader(size, RemoteEndpoint(address=str(address), port=port))
