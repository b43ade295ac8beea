"""Where a gateway may send this agent: nowhere but to itself.

An address in an ``accept`` or ``request`` is text from the network. It is taken apart here, strictly, and
dialled only when it leads to the gateway that was configured: same use of TLS, same host, same port. Two
exceptions: Azure's own gateways live beside the namespace under one suffix (``g63-…-sb.servicebus.windows.net``,
protocol reference §1.1), and the settings may name further hosts.

Nothing else is done to the address. What follows the host goes to the gateway byte for byte, because it is
the credential.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Sequence
from typing import Final

from hyco.addresses import Endpoint
from hyco.limits import MAX_TARGET_BYTES

from .errors import RendezvousRefusedError

AZURE_SUFFIXES: Final = (
    ".servicebus.windows.net",
    ".servicebus.chinacloudapi.cn",
    ".servicebus.usgovcloudapi.net",
    ".servicebus.cloudapi.de",
)
"""Azure's public cloud and its sovereign clouds."""

MAX_ADDRESS_CHARACTERS: Final = 2 * MAX_TARGET_BYTES
"""An address carries the sender's own path and query, and the relay's parameters."""

# Printable ASCII without blanks, no user information, no fragment. What looks like a host must be all of it.
_ADDRESS = re.compile(
    r"(?P<scheme>wss?)://(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>/[!\"$-~]*)",
    re.IGNORECASE | re.ASCII,
)
_LABELS = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class WebSocketAddress:
    """Where to open a WebSocket, and what to ask for there."""

    host: str
    port: int
    is_secure: bool
    request_target: str = dataclasses.field(repr=False)
    """Path and query as they go into the request line. It may hold a credential."""

    @property
    def authority(self) -> str:
        """The ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_secure else 80) else f"{host}:{self.port}"


def parse_address(address: str) -> WebSocketAddress:
    """Take a ``ws://`` or ``wss://`` URL apart.

    Raises:
        RendezvousRefusedError: It is not one, or could be read in two ways.
    """
    match = _ADDRESS.fullmatch(address) if len(address) <= MAX_ADDRESS_CHARACTERS else None
    if match is None:
        raise RendezvousRefusedError("the gateway sent a rendezvous address that is not a WebSocket URL")
    is_secure = match["scheme"].lower() == "wss"
    host = match["host"].lower()
    if host.startswith("["):
        try:
            host = str(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            raise RendezvousRefusedError(
                "the gateway sent a rendezvous address with an invalid host"
            ) from None
    port = int(match["port"]) if match["port"] else (443 if is_secure else 80)
    if not 1 <= port <= 65_535:
        raise RendezvousRefusedError("the gateway sent a rendezvous address with an invalid port")
    return WebSocketAddress(host, port, is_secure, match["target"])


def check_address(address: str, gateway: Endpoint, rendezvous_hosts: Sequence[str] = ()) -> WebSocketAddress:
    """Take *address* apart and make sure that it leads to *gateway*.

    Raises:
        RendezvousRefusedError: It leads elsewhere. The text names the place, for whoever set this agent up.
    """
    found = parse_address(address)
    if found.is_secure is not gateway.is_secure:
        how = "without" if gateway.is_secure else "with"
        raise RendezvousRefusedError(
            f"the gateway at {gateway.authority} sent a rendezvous address {how} TLS; not connecting there"
        )
    known = {gateway.host.lower(), *(host.strip("[]").lower() for host in rendezvous_hosts)}
    one_of_many = f"*.{found.host.partition('.')[2]}"
    is_known = (
        found.host in known or one_of_many in known or _is_azure_sibling(found.host, gateway.host.lower())
    )
    if not is_known or found.port != gateway.port:
        raise RendezvousRefusedError(
            f"the gateway at {gateway.authority} sent a rendezvous address at {found.authority}, which is neither "
            "that gateway nor one of rendezvous_hosts; not connecting there"
        )
    return found


def _is_azure_sibling(host: str, gateway: str) -> bool:
    """Whether both live under one of Azure's own suffixes, where only Azure can put a host."""
    for suffix in AZURE_SUFFIXES:
        if gateway.endswith(suffix):
            return host.endswith(suffix) and _LABELS.fullmatch(host.removesuffix(suffix)) is not None
    return False
