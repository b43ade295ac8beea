"""Settings of the agent, as frozen values. ``config_file.py`` reads them from TOML.

The tray application and the headless agent use the same ones. No secret stands in a settings file: a
connection string is named by the file, the environment variable or the keystore entry that holds it.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from hyco import limits

from .errors import ConfigError
from .targets import Target, parse_target

_STRICT: Final = ConfigDict(extra="forbid")
_Name = Annotated[str, Field(min_length=1, max_length=limits.MAX_NAME_LENGTH)]
_Hosts = Annotated[str, Field(pattern=r"^(\*\.)?[A-Za-z0-9.\-]+$|^\[[0-9A-Fa-f:.]+\]$")]
_Seconds = Annotated[float, Field(gt=0, strict=True)]
_Count = Annotated[int, Field(ge=1, strict=True)]
_Flag = Annotated[bool, Field(strict=True)]

PROXY_SCHEMES: Final = ("http", "socks5", "socks5h", "socks4", "socks4a")
LOOPBACK: Final = "127.0.0.1"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LOCAL = re.compile(r"(?:(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):)?(?P<port>[0-9]{1,5})")


class Direction(enum.Enum):
    """Which role this computer has on a hybrid connection."""

    LISTEN = "listen"
    """Senders elsewhere reach a target here."""
    CONNECT = "connect"
    """Programs here reach, by a local port, a target elsewhere."""


@dataclasses.dataclass(frozen=True, slots=True)
class LocalAddress:
    """Where a local port is bound. Port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        """``host:port``, with brackets around an IPv6 address."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_local_address(text: str) -> LocalAddress:
    """Read ``[HOST:]PORT``; without a host only this computer can connect.

    Raises:
        ConfigError: It is something else.
    """
    match = _LOCAL.fullmatch(text)
    if match is None or int(match["port"]) > 65_535:
        raise ConfigError(f"{text[:80]!r} is not [HOST:]PORT; a port is a number from 0 to 65535")
    return LocalAddress((match["host"] or LOOPBACK).strip("[]"), int(match["port"]))


def _target(value: object) -> object:
    return parse_target(str(value)) if isinstance(value, str | int) else value


def _local_address(value: object) -> object:
    return parse_local_address(str(value)) if isinstance(value, str | int) else value


def _direction(value: object) -> Direction:
    try:
        return Direction(value)
    except ValueError:
        raise ConfigError("give 'listen' or 'connect'") from None


def _proxy(value: str) -> str:
    parts = urlsplit(value)
    if value != "none" and (parts.scheme not in PROXY_SCHEMES or not parts.hostname):
        schemes = ", ".join(f"{scheme}://" for scheme in PROXY_SCHEMES)
        raise ConfigError(f"give one of {schemes} with HOST:PORT, or 'none'")
    if parts.password is not None:
        raise ConfigError(
            "a password does not belong in the settings; set HTTPS_PROXY in the environment instead"
        )
    return value


def _without_text(value: object) -> object:
    if isinstance(value, dict) and "text" in value:
        raise ConfigError("a connection string does not belong in the settings; name a file, env or keystore")
    return value


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """Where the connection string of a hybrid connection comes from: exactly one of these.

    ``text`` is for programs that hold it already; a settings file cannot set it.
    """

    file: Path | None = None
    """A file that nobody but its owner can read."""
    env: _Name | None = None
    """The name of an environment variable."""
    keystore: _Name | None = None
    """The name of an entry in the system's keystore."""
    gateway: _Name | None = None
    """No key at all: the address (``sb://host/``) of a gateway that takes senders without a token."""
    text: str | None = dataclasses.field(default=None, repr=False)

    __pydantic_config__ = _STRICT

    def __post_init__(self) -> None:
        if (
            sum(value is not None for value in (self.file, self.env, self.keystore, self.gateway, self.text))
            != 1
        ):
            raise ConfigError("give exactly one of file, env, keystore, gateway")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Invited:
    """Somebody who was given an invitation."""

    name: _Name
    """Whom it was made for, or what for."""
    sha256: Annotated[str, Field(strict=True)]
    """The SHA-256 of the invitation's id, in hexadecimal: whoever reads the settings cannot use it."""
    until: Annotated[datetime, Field(strict=True)] | None = None
    """From when on it lets nobody in; with a time zone."""

    __pydantic_config__ = _STRICT

    def __post_init__(self) -> None:
        problems = []
        if not _SHA256.fullmatch(self.sha256):
            problems.append("sha256: give the SHA-256 of the invitation's id: 64 digits of 0-9 and a-f")
        if self.until is not None and self.until.utcoffset() is None:
            problems.append("until: a time zone is missing, as the Z in 2026-11-26T08:00:00Z")
        if problems:
            raise ConfigError(*problems)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionConfig:
    """One hybrid connection, and what it leads to here."""

    credential: Annotated[Credential, BeforeValidator(_without_text)]
    path: _Name | None = None
    """Its path on the namespace; None takes the ``EntityPath`` of the connection string."""
    name: _Name | None = None
    """What people call it; the path where it is not given."""
    direction: Annotated[Direction, BeforeValidator(_direction)] = Direction.LISTEN
    target: Annotated[Target | None, BeforeValidator(_target)] = None
    local: Annotated[LocalAddress | None, BeforeValidator(_local_address)] = None
    strip_prefix: _Flag = True
    """Leave the hybrid connection's path out of what the local web server sees."""
    keep_host: _Flag = False
    """Pass the sender's ``Host`` header on. Otherwise the local server sees its own name, as development
    servers insist on, and the sender's in ``X-Forwarded-Host``."""
    insecure: _Flag = False
    """Allow a gateway without TLS beyond this computer."""
    insecure_target: _Flag = False
    """Do not verify the certificate of an ``https://`` target."""
    rendezvous_hosts: tuple[_Hosts, ...] = ()
    """Hosts besides the gateway's own that a rendezvous address may name; ``*.`` in front stands for one label."""
    max_connections: _Count = 1_000
    """Relayed connections at one time; one more is refused with 503. Each takes two descriptors."""
    max_requests: _Count = 256
    """Relayed requests at one time; one more is answered 503. Each may hold a body of 64 KiB."""
    paused: _Flag = False
    """Keep it configured and do not serve it."""
    until: Annotated[datetime | None, Field(strict=True)] = None
    """Do not serve it from this moment on."""
    invited: tuple[Invited, ...] | None = None
    """Who may come in, of those whom the gateway lets through; None: everybody. An empty one lets nobody in."""

    __pydantic_config__ = _STRICT

    def __post_init__(self) -> None:
        problems = []
        if self.direction is Direction.LISTEN:
            if self.target is None:
                problems.append("target: a listener needs one: PORT, HOST:PORT or http://HOST:PORT")
            if self.local is not None:
                problems.append("local: only for direction 'connect'")
            if self.credential.gateway is not None:
                problems.append(
                    "credential: a listener needs a key; gateway alone is for direction 'connect'"
                )
        else:
            if self.local is None:
                problems.append("local: direction 'connect' needs [HOST:]PORT to bind")
            if self.target is not None:
                problems.append("target: only for direction 'listen'")
            if self.invited is not None:
                problems.append("invited: only for direction 'listen'")
        if self.until is not None and self.until.utcoffset() is None:
            problems.append("until: give the offset from UTC as well: 2026-12-31T18:00:00+01:00")
        if self.credential.gateway is not None and not self.path:
            problems.append("path: needed where no connection string names it")
        if problems:
            raise ConfigError(*problems)

    @property
    def label(self) -> str:
        """What people call it."""
        return self.name or self.path or self.leads_to

    @property
    def leads_to(self) -> str:
        """The target, or the local address that is bound."""
        return str(self.target or self.local)

    @property
    def served(self) -> ConnectionConfig:
        """What of it is served, without the settings that may change while it is: its identity.

        Two settings of which this is equal are one hybrid connection under a changed policy.
        """
        return dataclasses.replace(self, name=None, paused=False, until=None, invited=None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """The way to the gateways. Targets are always reached directly."""

    proxy: Annotated[str, AfterValidator(_proxy)] | None = None
    """``http://``, ``socks5://``, ``socks5h://`` or ``socks4://HOST:PORT``; ``"none"`` for no proxy at all. Not
    given, the system's own settings apply; one that wants a password is given by the environment."""
    ca_file: Path | None = None
    """Certificates trusted besides the system's, in PEM."""

    __pydantic_config__ = _STRICT


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long the agent waits for others, in seconds."""

    ping_interval_s: _Seconds = limits.PING_INTERVAL_S
    pong_timeout_s: _Seconds = 12.0
    """With the interval, and two seconds for a Close that nobody answers: a dead control channel has been left after
    44 s (reliability F4b asks for 45)."""
    check_s: _Seconds = 5.0
    """After a sleep, or on another network: for the gateway to answer a ping, or a handshake that was under way."""
    handshake_s: _Seconds = 20.0
    """Of a control channel: TCP, TLS and upgrade."""
    accept_s: _Seconds = limits.ACCEPT_CONNECT_TIMEOUT_S
    """From an offer to the open rendezvous, the target's dial included."""
    target_dial_s: _Seconds = 15.0
    """Protocol reference §17.5. What is left of accept_s is for telling the sender."""
    connect_s: _Seconds = limits.CONNECT_TIMEOUT_S
    """Of a sender: the gateway holds its answer until a listener came."""
    response_start_s: _Seconds = 55.0
    """Protocol reference §17.8: an answer of our own before the gateway's 504 at 60 s."""
    body_idle_s: _Seconds = limits.BODY_IDLE_TIMEOUT_S
    flush_s: _Seconds = 2.0
    """A short response of known length that is not whole by then is streamed (protocol reference §6.7)."""
    prompt_s: _Seconds = 0.05
    """The same for one of unknown length, which may be a stream of events."""
    drain_s: _Seconds = 30.0
    """When told to stop: what the answers to requests get that have been taken."""
    stop_s: _Seconds = 5.0
    """What cancelled work gets to end in order."""

    __pydantic_config__ = _STRICT


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """Everything the agent is told."""

    connections: tuple[ConnectionConfig, ...] = ()
    network: NetworkConfig = NetworkConfig()
    deadlines: Deadlines = Deadlines()

    __pydantic_config__ = _STRICT
