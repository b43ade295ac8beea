"""What all hybrid connections of one agent share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from .clock import Clock
from .config import Deadlines
from .credentials import Keystore
from .exchanges import Exchanges
from .network import Network
from .relay_loop import RelayLoop
from .relayed import RelayedConnections
from .status import Exchange


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The agent around one hybrid connection."""

    network: Network
    deadlines: Deadlines
    relay_loop: RelayLoop
    relayed: RelayedConnections
    clock: Clock = dataclasses.field(default_factory=Clock)
    keystore: Keystore | None = None
    """Called on the control loop."""
    exchanges: Exchanges | None = None
    """Where what is relayed over HTTP is captured."""
    on_exchange: Callable[[Exchange], None] | None = None
    """Called on the control loop with every relayed request that has ended."""
