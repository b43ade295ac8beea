"""What a relayed connection or request needs to know about the hybrid connection it came by."""

from __future__ import annotations

import dataclasses
from typing import Final

from hyco.addresses import Endpoint

from .access import AccessPolicy
from .config import ConnectionConfig, Deadlines
from .counters import Counters
from .network import Network
from .policy import Policy
from .relayed import RelayedConnections
from .rendezvous_addresses import WebSocketAddress, check_address
from .targets import Target, TargetKind

_ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is bound there is asked here
"""To bind, and to ask: every address, and one that it has."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One hybrid connection: where it is met, and where it leads; one that connects leads to its own local port."""

    config: ConnectionConfig
    """What is served. What may change meanwhile is in *policy*."""
    policy: Policy
    gateway: Endpoint
    path: str
    network: Network
    deadlines: Deadlines
    counters: Counters
    relayed: RelayedConnections
    access: AccessPolicy
    is_stream: bool = False
    """Whether requests are meant that passed within a byte stream: what was seen of them is what the local server gets."""

    @property
    def label(self) -> str:
        """What people call it, at the moment."""
        return self.policy.label

    @property
    def target(self) -> Target:
        """Where it leads."""
        if self.config.target is not None:
            return self.config.target
        assert self.config.local is not None
        host = self.config.local.host
        return Target(TargetKind.STREAM, _ANY_ADDRESS.get(host, host), self.config.local.port)

    @property
    def origin(self) -> str:
        """Scheme and host of the URLs that are asked for here."""
        return f"http://{self.target.authority}" if self.is_stream else self.gateway.http_origin

    def rendezvous(self, address: str) -> WebSocketAddress:
        """Take a rendezvous address apart, if it leads to the gateway.

        Raises:
            RendezvousRefusedError: It leads elsewhere.
        """
        return check_address(address, self.gateway, self.config.rendezvous_hosts)
