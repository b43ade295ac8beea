"""What a relayed connection or request needs to know about the hybrid connection it came by."""

from __future__ import annotations

import dataclasses

from hyco.addresses import Endpoint

from .access import AccessPolicy
from .config import ConnectionConfig, Deadlines
from .counters import Counters
from .network import Network
from .policy import Policy
from .relayed import RelayedConnections
from .rendezvous_addresses import WebSocketAddress, check_address
from .targets import Target


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One listening hybrid connection: where it is met, and where it leads."""

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

    @property
    def label(self) -> str:
        """What people call it, at the moment."""
        return self.policy.label

    @property
    def target(self) -> Target:
        """Where it leads; a listener always has one."""
        assert self.config.target is not None
        return self.config.target

    def rendezvous(self, address: str) -> WebSocketAddress:
        """Take a rendezvous address apart, if it leads to the gateway.

        Raises:
            RendezvousRefusedError: It leads elsewhere.
        """
        return check_address(address, self.gateway, self.config.rendezvous_hosts)
