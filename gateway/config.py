"""The gateway's settings: where it listens, where it keeps things, and every limit and deadline it holds.

A `GatewayConfig` that exists is usable: it checks itself when it is made and names everything that is wrong at once,
each problem with its path. `from_options` reads the strings of a command line or a file.

Deadlines are seconds; where 0 is allowed it means that there is no such limit, and the field says so.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from hyco import limits
from hyco.addresses import Endpoint, hide_secrets, parse_endpoint
from hyco.errors import InvalidAddressError

from .errors import ConfigError

#: The port that serves everything, and the admin API's; neither is registered for anything else.
DEFAULT_PORT = 9400
DEFAULT_ADMIN_PORT = 9401

#: The namespace of a new gateway.
DEFAULT_NAMESPACE = "relaydesk"

#: The longest time a peer may not take what it is sent. Long, because senders pause for good reasons (a debugger, a
#: human at a terminal), and bounded, because a peer that never reads holds buffers and a descriptor.
WRITE_STALL_TIMEOUT_S = 900.0

#: How long relayed connections and requests may go on once the gateway was told to stop.
DRAIN_S = 30.0

#: Balancers look every second or two, and believe the second look.
NOTICE_S = 5.0

#: Connections that have shown no good token yet, in all and from one address. High enough for a reconnecting crowd and
#: for everybody behind one NAT, low enough that 32 KiB of headers each stay a bounded amount of memory (128 MiB).
MAX_UNAUTHENTICATED = 4_096
MAX_UNAUTHENTICATED_PER_ADDRESS = 1_024

Network = IPv4Network | IPv6Network

_PORT_MAX = 65_535
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_MAX_HOST_NAME_LENGTH = 253
_HOST_PORT = re.compile(r"(?:(?P<name>[^:\[\]]+)|\[(?P<bracketed>[^\[\]]+)\]):(?P<port>[0-9]{1,5})")
_NODE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_NAMESPACE_NAME = re.compile(
    rf"(?=.{{{limits.MIN_NAMESPACE_NAME_LENGTH},{limits.MAX_NAMESPACE_NAME_LENGTH}}}\Z)[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]"
)

#: Limits for which 0 means that there is none.
_MAY_BE_ZERO = frozenset(
    {
        "write_stall_timeout_s",
        "drain_s",
        "notice_s",
        "token_grace_s",
        "clock_skew_s",
        "max_connections",
        "max_connections_per_namespace",
    }
)


@dataclass(frozen=True, slots=True)
class HostPort:
    """An address to bind. *host* is a name or an IP address without brackets; *port* 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """Everything that can be set.

    Attributes:
        data_folder: Where entities, keys and certificates are kept.
        store: The URL of a PostgreSQL database for entities and the ledger of listeners, which other gateways may use as well;
            None: a file in the data folder. It holds no password.
        fabric: URLs of the NATS servers by which several gateways act as one; none: this one is alone.
        fabric_credentials: A file with the JWT and the nkey for them.
        node_name: What this gateway is called among them.
        node_url: How listeners reach this very gateway; None: all have one name, and balancer or gateways find the right one.
        peer_url: How the other gateways reach it; None: at the first of *bind*.
        peer_ca: A certificate authority to trust there, besides the system's.
        bind: Where senders and listeners connect.
        or_any_port: Where a port of *bind* is taken, take any free one.
        admin_bind: Where the admin API is.
        admin_hosts: Names by which the admin API may be called besides loopback ones (DNS rebinding).
        public_url: How others reach this gateway; None: as each listener reached it.
        namespace: The namespace that a new data folder gets.
        namespace_hosts: Its host names; token audiences may name them.
        tls_cert, tls_key: PEM files, both or neither.
        tls_self_signed: Make and keep a certificate authority and a certificate in the data folder.
        trusted_proxies: Networks whose word on a sender's address is taken.
        handshake_timeout_s: From a connection to the end of its first request's head, TLS included.
        http_idle_timeout_s: Between two requests of one connection.
        rendezvous_validity_s: How long a listener may take to come for a sender.
        response_timeout_s: How long it may take to answer a request; a hybrid connection may have its own.
        body_idle_timeout_s: The longest silence in a body.
        ping_interval_s, missed_pongs: Between pings; how many unanswered ones end a WebSocket.
        token_grace_s: How long a control channel outlives its token.
        clock_skew_s: How far clocks may differ before a token counts as expired.
        write_stall_timeout_s: A peer that takes nothing for so long is cut. 0: never.
        drain_s: How long to go on when told to stop. 0: not at all.
        notice_s: Before that, how long a gateway that is one of several says that it is not ready, so that balancers send nobody
            to it any more when it begins to refuse. Alone there is nobody else to send to.
        max_listeners: Of one hybrid connection.
        max_header_bytes, max_target_bytes: Of one request.
        max_connections: In all. 0: as many as there are descriptors.
        max_connections_per_namespace: Control channels and relayed WebSockets. Azure's quota is 5,000; 0: none.
        max_unauthenticated, max_unauthenticated_per_address: Connections without a good token.

    Raises:
        ConfigError: With every problem, each with its path.
    """

    data_folder: Path
    store: str | None = None
    fabric: tuple[str, ...] = ()
    fabric_credentials: Path | None = None
    node_name: str = ""
    node_url: Endpoint | None = None
    peer_url: Endpoint | None = None
    peer_ca: Path | None = None
    bind: tuple[HostPort, ...] = (HostPort("127.0.0.1", DEFAULT_PORT),)
    or_any_port: bool = False
    admin_bind: HostPort = HostPort("127.0.0.1", DEFAULT_ADMIN_PORT)
    admin_hosts: tuple[str, ...] = ()
    public_url: Endpoint | None = None
    namespace: str = DEFAULT_NAMESPACE
    namespace_hosts: tuple[str, ...] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_self_signed: bool = False
    trusted_proxies: tuple[Network, ...] = ()

    handshake_timeout_s: float = limits.HANDSHAKE_TIMEOUT_S
    http_idle_timeout_s: float = limits.HTTP_IDLE_TIMEOUT_S
    rendezvous_validity_s: float = limits.RENDEZVOUS_VALIDITY_S
    response_timeout_s: float = limits.RESPONSE_TIMEOUT_S
    body_idle_timeout_s: float = limits.BODY_IDLE_TIMEOUT_S
    ping_interval_s: float = limits.PING_INTERVAL_S
    missed_pongs: int = limits.MISSED_PONGS
    token_grace_s: float = limits.TOKEN_GRACE_S
    clock_skew_s: float = limits.MAX_CLOCK_SKEW_S
    write_stall_timeout_s: float = WRITE_STALL_TIMEOUT_S
    drain_s: float = DRAIN_S
    notice_s: float = NOTICE_S

    max_listeners: int = limits.MAX_LISTENERS
    max_header_bytes: int = limits.MAX_HEADER_BYTES
    max_target_bytes: int = limits.MAX_TARGET_BYTES
    max_connections: int = 0
    max_connections_per_namespace: int = 0
    max_unauthenticated: int = MAX_UNAUTHENTICATED
    max_unauthenticated_per_address: int = MAX_UNAUTHENTICATED_PER_ADDRESS

    def __post_init__(self) -> None:
        problems = [
            *self._address_problems(),
            *self._tls_problems(),
            *self._cluster_problems(),
            *self._number_problems(),
        ]
        if problems:
            raise ConfigError(*problems)

    @property
    def is_secure(self) -> bool:
        """Whether the gateway's ports speak TLS."""
        return self.tls_self_signed or self.tls_cert is not None

    def _address_problems(self) -> Iterable[str]:
        if not self.bind:
            yield "bind: at least one address is needed"
        for place, address in [
            *((f"bind[{i}]", a) for i, a in enumerate(self.bind)),
            ("admin_bind", self.admin_bind),
        ]:
            if not 0 <= address.port <= _PORT_MAX:
                yield f"{place}: a port is a number from 0 to {_PORT_MAX}, not {address.port}"
            if not _is_host(address.host):
                yield f"{place}: {address.host!r} is neither a host name nor an IP address"
        if self.admin_bind.port and self.admin_bind in self.bind:
            yield "admin_bind: the admin API needs an address of its own"
        for name in ("admin_hosts", "namespace_hosts"):
            for index, host in enumerate(getattr(self, name)):
                if not _is_host(host):
                    yield f"{name}[{index}]: {host!r} is neither a host name nor an IP address"
        low, high = limits.MIN_NAMESPACE_NAME_LENGTH, limits.MAX_NAMESPACE_NAME_LENGTH
        if not is_namespace_name(self.namespace):
            yield (
                f"namespace: {low} to {high} letters, digits and hyphens, a letter first and no hyphen last,"
                f" not {self.namespace!r}"
            )

    def _tls_problems(self) -> Iterable[str]:
        if (self.tls_cert is None) != (self.tls_key is None):
            given, missing = ("tls_cert", "tls_key") if self.tls_key is None else ("tls_key", "tls_cert")
            yield f"{missing}: needed together with {given}"
        if self.tls_self_signed and (self.tls_cert or self.tls_key):
            yield "tls_self_signed: not together with tls_cert and tls_key"

    def _cluster_problems(self) -> Iterable[str]:
        if not self.fabric:
            for name in ("fabric_credentials", "node_name", "node_url", "peer_url", "peer_ca"):
                if getattr(self, name):
                    yield f"{name}: of use only together with fabric"
            return
        if self.store is None:
            yield "fabric: several gateways need a store that they share, too: store, a PostgreSQL database"
        if not _NODE_NAME.fullmatch(self.node_name):
            yield (
                "node_name: every gateway needs a name of its own, of letters, digits and hyphens (at most 63),"
                f" not {self.node_name!r}"
            )
        if self.node_url is None and self.peer_url is None and self.bind and _is_any(self.bind[0].host):
            yield (
                "peer_url: where other gateways reach this one cannot be told from an address that stands for all;"
                " give it, or node_url"
            )

    def peer_origin(self, bound: HostPort) -> str:
        """How the other gateways reach it, whose first address is *bound*; empty where nobody has said that."""
        if self.peer_url is not None:
            return self.peer_url.http_origin
        return "" if _is_any(bound.host) else f"{'https' if self.is_secure else 'http'}://{bound}"

    def _number_problems(self) -> Iterable[str]:
        for name in sorted(_NUMBERS):
            value = getattr(self, name)
            is_number = isinstance(value, (int, float) if name.endswith("_s") else int)
            if not is_number or isinstance(value, bool) or not math.isfinite(value):
                yield f"{name}: {value!r} is not a number"
            elif value < 0 or (value == 0 and name not in _MAY_BE_ZERO):
                yield f"{name}: must be {'0 or more' if name in _MAY_BE_ZERO else 'more than 0'}, not {value}"


_OPTIONS = {
    "data_folder": "--data",
    **{
        name: "--" + name.replace("_", "-")
        for name in (
            *("store", "fabric", "fabric_credentials", "node_name", "node_url", "peer_url", "peer_ca"),
            *("bind", "admin_bind", "public_url", "tls_cert", "tls_key", "tls_self_signed"),
        )
    },
    "trusted_proxies": "--trusted-proxy",
}

_NUMBERS = frozenset(
    setting.name
    for setting in fields(GatewayConfig)
    if setting.name.endswith("_s") or setting.name.startswith(("max_", "missed_"))
)


def from_options(
    *,
    data: str | Path,
    store: str | None = None,
    fabric: Sequence[str] = (),
    fabric_credentials: str | Path | None = None,
    node_name: str | None = None,
    node_url: str | None = None,
    peer_url: str | None = None,
    peer_ca: str | Path | None = None,
    bind: Sequence[str] = (),
    or_any_port: bool = False,
    admin_bind: str | None = None,
    admin_hosts: Sequence[str] = (),
    public_url: str | None = None,
    namespace: str | None = None,
    namespace_hosts: Sequence[str] = (),
    tls_cert: str | Path | None = None,
    tls_key: str | Path | None = None,
    tls_self_signed: bool = False,
    trusted_proxies: Sequence[str] = (),
    numbers: Mapping[str, float] | None = None,
) -> GatewayConfig:
    """The settings that the strings of a command line or a file stand for; what is not given keeps its default.

    *numbers* gives limits and deadlines by their field names.

    Raises:
        ConfigError: With every problem, each with its path.
    """
    reader = _Reader()
    if not str(data):
        reader.problems.append(
            "data_folder: a folder is needed; the empty name would be the working directory"
        )
    given: dict[str, Any] = {
        "data_folder": Path(data),
        "fabric": reader.read_all(parse_nats, [one for text in fabric for one in text.split(",")], "fabric"),
        "fabric_credentials": Path(fabric_credentials) if fabric_credentials else None,
        "node_name": node_name or "",
        "peer_ca": Path(peer_ca) if peer_ca else None,
        "or_any_port": or_any_port,
        "admin_hosts": tuple(admin_hosts),
        "namespace_hosts": tuple(namespace_hosts),
        "tls_cert": Path(tls_cert) if tls_cert else None,
        "tls_key": Path(tls_key) if tls_key else None,
        "tls_self_signed": tls_self_signed,
        "trusted_proxies": reader.read_all(parse_network, trusted_proxies, "trusted_proxies"),
    }
    if namespace:
        given["namespace"] = namespace
    if store:
        given["store"] = reader.read(parse_store, store, "store")
    # One that cannot be read is named by the reader. Its default stands in, so that the rest is checked as well.
    if read_bind := reader.read_all(parse_host_port, bind, "bind"):
        given["bind"] = read_bind
    if admin_bind and (read_admin_bind := reader.read(parse_host_port, admin_bind, "admin_bind")):
        given["admin_bind"] = read_admin_bind
    for name, url in (("public_url", public_url), ("node_url", node_url), ("peer_url", peer_url)):
        if url:
            given[name] = reader.read(parse_public_url, url, name)
    for name, value in (numbers or {}).items():
        if name in _NUMBERS:
            given[name] = value
        else:
            reader.problems.append(f"{name}: there is no such setting")
    try:
        config = GatewayConfig(**given)
    except ConfigError as error:
        raise ConfigError(*reader.problems, *error.problems) from None
    if reader.problems:
        raise ConfigError(*reader.problems)
    return config


def in_options(problem: str) -> str:
    """One problem of a ConfigError as somebody at a command line knows it: ``--tls-key`` instead of ``tls_key``."""
    setting, colon, rest = problem.partition(":")
    option = _OPTIONS.get(setting.partition("[")[0])
    if not colon or option is None:
        return problem
    if rest.startswith((" needed together", " not together")):
        for name in ("tls_cert", "tls_key"):
            rest = re.sub(rf"\b{name}\b", _OPTIONS[name], rest)
    return f"{option}:{rest}"


def parse_host_port(text: str) -> HostPort:
    """``HOST:PORT``, with IPv6 addresses in brackets: ``127.0.0.1:9400``, ``[::1]:9400``, ``0.0.0.0:0``.

    Raises:
        ConfigError: It is not of that form.
    """
    match = _HOST_PORT.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            f"{text!r} is not HOST:PORT (an IPv6 address stands in brackets: [::1]:{DEFAULT_PORT})"
        )
    host, port = match["name"] or match["bracketed"], int(match["port"])
    if not _is_host(host) or (match["bracketed"] and ":" not in host):
        raise ConfigError(f"{text!r}: {host!r} is neither a host name nor an IP address")
    if port > _PORT_MAX:
        raise ConfigError(f"{text!r}: a port is a number from 0 to {_PORT_MAX}")
    return HostPort(host, port)


def parse_public_url(text: str) -> Endpoint:
    """The URL by which others reach the gateway: scheme, host and port, nothing behind them.

    Raises:
        ConfigError: It is something else.
    """
    problem = ConfigError(
        f"{hide_secrets(text)!r} is not a URL like https://relay.example.org or http://10.0.0.5:{DEFAULT_PORT};"
        " it has a scheme, a host and a port, and no path: hybrid connections have theirs"
    )
    try:
        endpoint = parse_endpoint(text.strip())
    except InvalidAddressError as error:
        raise problem from error
    if not text.strip().lower().startswith(("http://", "https://")) or not _is_host(endpoint.host):
        raise problem
    return endpoint


def parse_store(text: str) -> str:
    """The URL of a PostgreSQL database, as libpq has it.

    Raises:
        ConfigError: It is something else, or has a password in it: others on the computer see command lines.
    """
    problem = ConfigError(f"{hide_secrets(text)!r} is not a URL like postgresql://USER@HOST:5432/DATABASE")
    try:
        parts = urlsplit(text.strip())
        _ = parts.port  # which is read only now
    except ValueError as error:
        raise problem from error
    if parts.scheme not in ("postgresql", "postgres"):
        raise problem
    if parts.password or "password" in parse_qs(parts.query):
        raise ConfigError(
            "a password does not belong there, where others can read it: put it into a password file"
            " (PGPASSFILE, or .pgpass in the home folder) or into PGPASSWORD"
        )
    return text.strip()


def parse_nats(text: str) -> str:
    """The URL of a NATS server.

    Raises:
        ConfigError: It is something else, or has a secret in it.
    """
    url = text.strip()
    problem = ConfigError(f"{hide_secrets(text)!r} is not a URL like nats://HOST:4222 or tls://HOST:4222")
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("nats", "tls") and bool(parts.hostname) and parts.port is not None
    except ValueError as error:
        raise problem from error
    if not is_url or parts.path.strip("/") or parts.query:
        raise problem
    if parts.username or parts.password:
        raise ConfigError(
            "no name, password or token in it, where others can read them: give a file of credentials (fabric_credentials)"
        )
    return url


def parse_network(text: str) -> Network:
    """A network in CIDR form, or one address.

    Raises:
        ConfigError: It is neither, or has bits behind its prefix (most often a slip).
    """
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError as error:
        raise ConfigError(f"{text!r} is not a network like 10.0.0.0/8: {error}") from error


def is_namespace_name(text: str) -> bool:
    """Whether *text* can name a namespace. Source: protocol reference §11."""
    return _NAMESPACE_NAME.fullmatch(text) is not None


def _is_any(host: str) -> bool:
    """Whether *host* stands for all addresses of this computer."""
    return host in ("", "0.0.0.0", "::")  # noqa: S104 - the question is whether it is that


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        # all digits and dots, and no address: a mistyped one, or one of the spellings (127.1) that resolvers accept
        return (
            len(text) <= _MAX_HOST_NAME_LENGTH
            and _HOST_NAME.fullmatch(text) is not None
            and not set(text) <= set("0123456789.")
        )
    return True


_Read = TypeVar("_Read")


class _Reader:
    """Reads one option after the other, and keeps what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def read(self, parse: Callable[[str], _Read], text: str, path: str) -> _Read | None:
        try:
            return parse(text)
        except ConfigError as error:
            self.problems += [f"{path}: {problem}" for problem in error.problems]
            return None

    def read_all(self, parse: Callable[[str], _Read], texts: Sequence[str], path: str) -> tuple[_Read, ...]:
        read = (self.read(parse, text, f"{path}[{index}]") for index, text in enumerate(texts))
        return tuple(value for value in read if value is not None)
