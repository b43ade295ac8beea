"""What the desktop shows, as frozen values: one snapshot is the whole state, and the latest one wins.

``desk.py`` makes them, ``agent_bridge.py`` hands them to Qt, models and views read them. No Qt here, and no secret: keys
never come near a snapshot, invitations only by their names. Times are POSIX seconds.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from agent.config import Direction
from agent.status import Traffic


class ServiceState(enum.Enum):
    """Where one service stands."""

    ONLINE = "online"
    """Senders get through, as far as is known; ``proof`` says how far that is."""
    CONNECTING = "connecting"
    PORT_CLOSED = "port closed"
    """The gateway is reached, but nothing listens on the local port. It comes back by itself."""
    WAITING = "waiting"
    """Something failed, and ``next_try_at`` says when it is tried again."""
    STOPPED = "stopped"
    """It cannot work as it is configured; ``problem`` says why."""
    PAUSED = "paused"
    EXPIRED = "expired"
    """Its time is over. It can be shared again."""


class Proof(enum.Enum):
    """What is known of the whole way, sender to service."""

    PENDING = "pending"
    """The next probe has not answered yet."""
    PROVEN = "proven"
    """A request of our own went through the gateway and came back here."""
    IMPOSSIBLE = "impossible"
    """The key does not let this computer send: nobody can tell from here."""
    FAILED = "failed"


class Health(enum.Enum):
    """All services together: the state of the tray's icon."""

    IDLE = "idle"
    ONLINE = "online"
    WORKING = "working"
    DEGRADED = "degraded"
    OFFLINE = "offline"
    PAUSED = "paused"


class Trouble(enum.Enum):
    """What kind of thing is wrong: ``models/problems.py`` turns it into words and a next step."""

    GATEWAY_UNREACHABLE = "gateway unreachable"
    GATEWAY_REFUSED = "gateway refused"
    """``status`` says how."""
    CHANNEL_LOST = "channel lost"
    CREDENTIAL = "credential"
    """The connection string is missing or cannot be used."""
    KEYSTORE_LOCKED = "keystore locked"
    MISSING_RIGHT = "missing right"
    CONFIG = "config"
    TARGET = "target"
    """The local service does not answer, or not as it should."""
    PORT_TAKEN = "port taken"
    CERTIFICATE = "certificate"
    INVITATION = "invitation"
    """It cannot be read, is over, or was withdrawn."""
    DISK = "disk"
    PROBE = "probe"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that went wrong: why, since when, and what happens next."""

    trouble: Trouble
    cause: str
    """One sentence, without a secret, as the part that failed said it."""
    status: int | None = None
    """The gateway's HTTP status, where it refused."""
    since: float | None = None
    next_try_at: float | None = None
    """None: nothing happens until somebody acts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """An invitation that was given out for a service."""

    id: str
    """Names it here; not what its holder shows."""
    name: str
    expires_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service: shared from here, or brought here."""

    name: str
    """What people call it, unlike that of every other one."""
    direction: Direction
    local: str
    """The target, or the local address that leads there."""
    state: ServiceState
    since: float
    gateway: str
    """The name of its gateway."""
    path: str
    url: str
    """Where it is reached, without a token; empty while that is not known."""
    is_web: bool
    """Whether it is known to speak HTTP, so that its URL can be opened in a browser."""
    process: str = ""
    """The program that listens on the local port, where that is known."""
    project: str = ""
    proof: Proof = Proof.PENDING
    round_trip_s: float | None = None
    """Of the last probe: to the gateway, back here, and back again."""
    problem: Problem | None = None
    is_public: bool = False
    """Whether senders need no token."""
    expires_at: float | None = None
    invitations: tuple[Invitation, ...] = ()
    traffic: Traffic = field(default_factory=Traffic)

    @property
    def is_for_browsers_alone(self) -> bool:
        """Whether it is shared as a web server, which takes no byte streams: nobody can bring it to a port."""
        return self.direction is Direction.LISTEN and self.local.startswith(("http://", "https://"))


class ConnectionKind(enum.Enum):
    """What is relayed."""

    STREAM = "stream"
    WEBSOCKET = "websocket"
    REQUEST = "request"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveConnection:
    """One relayed connection or request: going on, or ended within the last minute."""

    id: int
    service: str
    """The name of its service."""
    kind: ConnectionKind
    peer: str
    """Where the sender is, as the gateway says."""
    about: str = ""
    """Of a request: method, path and status. Never the query."""
    started_at: float
    ended_at: float | None = None
    bytes_received: int = 0
    """From the sender."""
    bytes_sent: int = 0
    error: str | None = None


class BundledState(enum.Enum):
    """Where the gateway that comes with RelayDesk stands."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    ELSEWHERE = "elsewhere"
    """It runs, started by somebody else of this user: `relaydesk gateway serve`."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway that services go through."""

    name: str
    address: str
    """Host and port."""
    is_secure: bool
    key_name: str
    """The SAS rule of its connection string; empty for the gateway of this computer."""
    rights: tuple[str, ...] | None
    """Listen, Send, Manage; None while that is not known."""
    path: str = ""
    """The one hybrid connection that its key is for; empty for a whole namespace."""
    bundled: BundledState | None = None
    """Only of the gateway of this computer."""
    is_only_this_computer: bool = False
    services: int = 0
    problem: Problem | None = None


class KeystoreState(enum.Enum):
    """Where keys are kept."""

    SYSTEM = "system"
    """The system's keyring answers."""
    LOCKED = "locked"
    """It did not answer in time: most often it waits for its password."""
    SEALED_FILE = "sealed file"
    """A file sealed with a passphrase, open."""
    SEALED_FILE_CLOSED = "sealed file, closed"
    """Its passphrase is needed."""
    UNTIL_QUIT = "until quit"
    """There is no keyring: keys are forgotten at the end."""
    UNDECIDED = "undecided"
    """There is no keyring, and it was not yet chosen what to do about that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of the log, without secrets."""

    number: int
    """Counts up; says which lines are new."""
    at: float
    level: int
    logger: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything the desktop shows."""

    at: float
    health: Health = Health.IDLE
    services: tuple[Service, ...] = ()
    connections: tuple[LiveConnection, ...] = ()
    gateways: tuple[Gateway, ...] = ()
    keystore: KeystoreState = KeystoreState.SYSTEM
    problem: Problem | None = None
    """Of the desktop itself: a settings file that cannot be read, a disk that is full."""

    @property
    def public_services(self) -> int:
        """How many shared services need no token from senders."""
        return sum(
            service.is_public
            for service in self.services
            if service.state not in (ServiceState.PAUSED, ServiceState.EXPIRED)
        )
