"""What an agent is doing, as frozen values for a window, a command line or a log to read.

A snapshot is the whole state and the latest one wins: a reader that is slow misses steps, never the end.
Times are POSIX seconds. Texts hold no secret.
"""

from __future__ import annotations

import dataclasses
import enum

from .config import Direction


class State(enum.Enum):
    """Where one configured hybrid connection stands."""

    CONNECTING = "connecting"
    """Its gateway is being asked."""
    LISTENING = "listening"
    """It works: the control channel is open, or the local port is bound."""
    WAITING = "waiting"
    """Something failed; ``last_error`` says what and ``next_try_at`` when it is tried again."""
    STOPPED = "stopped"
    """It was not started yet, was stopped, or cannot work as configured."""
    PAUSED = "paused"
    """Its settings say that it is not served for now."""
    EXPIRED = "expired"
    """The moment to which its settings let it be served has passed."""


class Trouble(enum.Enum):
    """What kind of failure keeps a hybrid connection from working."""

    GATEWAY_UNREACHABLE = "gateway unreachable"
    GATEWAY_REFUSED = "gateway refused"
    """``refused_status`` says how."""
    CHANNEL_LOST = "channel lost"
    CREDENTIAL = "credential"
    """The connection string is missing or cannot be used."""
    KEYSTORE_LOCKED = "keystore locked"
    """It holds the connection string, and gives nothing out before somebody opens it."""
    INVITATION = "invitation"
    """It cannot be read, is over, or was withdrawn."""
    CONFIG = "config"
    PORT_TAKEN = "port taken"
    TARGET = "target"
    """What is shared here did not answer a sender, or not as it should."""
    CERTIFICATE = "certificate"
    """The gateway's is not trusted."""
    OTHER = "other"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What has passed since the start. *received* and *sent* are as seen from this agent, towards the gateway."""

    open_connections: int = 0
    total_connections: int = 0
    refused_connections: int = 0
    open_requests: int = 0
    total_requests: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionStatus:
    """One configured hybrid connection."""

    name: str
    direction: Direction
    leads_to: str
    """The target, or the local address that is bound."""
    state: State = State.STOPPED
    since: float = 0.0
    path: str = ""
    gateway: str = ""
    trouble: Trouble | None = None
    """Of the state: why it does not work, also while it is tried again. None while it works, or is not to work.

    What is LISTENING has one when nobody gets through all the same, until somebody does: a local port whose key or
    invitation is no longer accepted, and a hybrid connection whose target does not answer. ``last_error_at`` says when.
    """
    refused_status: int | None = None
    """The HTTP status with which the gateway refused, where ``trouble`` is that."""
    last_error: str | None = None
    """What failed last, be it one relayed connection; it stays when all is well again."""
    last_error_at: float | None = None
    next_try_at: float | None = None
    token_expires_at: float | None = None
    """Only where the token was given ready-made and cannot be renewed: what works ends then."""
    listener_id: str | None = None
    """By which the gateway knows the control channel that is open: its ``sb-hc-id``."""
    round_trip_s: float | None = None
    """Of the last ping on the control channel and its answer; the first one comes after a ping interval."""
    traffic: Traffic = Traffic()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AgentStatus:
    """All configured hybrid connections, in the order of the settings."""

    connections: tuple[ConnectionStatus, ...]


class RelayedKind(enum.Enum):
    """What is relayed."""

    STREAM = "stream"
    WEBSOCKET = "websocket"
    REQUEST = "request"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RelayedConnection:
    """One relayed connection or request that goes on, or has ended a short while ago."""

    id: int
    """Counts up, over all hybrid connections of one agent."""
    connection: str
    """The hybrid connection, as its status calls it."""
    kind: RelayedKind
    peer: str
    """Where the sender is, as the gateway says; of direction ``connect``, the program on this computer."""
    about: str = ""
    """Of a request: method, path and, once it is known, status. Never the query."""
    started_at: float
    ended_at: float | None = None
    bytes_received: int = 0
    """From the gateway, and ``bytes_sent`` to it: as in :class:`Traffic`."""
    bytes_sent: int = 0
    error: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One relayed HTTP request that has ended. The query is left out: it may hold secrets."""

    connection: str
    method: str
    path: str
    status: int
    started_at: float
    duration_s: float
    request_bytes: int
    response_bytes: int
    remote_address: str
    error: str | None = None
    """Why the sender did not get the local server's whole answer; None when it did."""
    is_targets_fault: bool = False
    """Whether that was the local server."""
