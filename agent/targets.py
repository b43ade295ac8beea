"""What a hybrid connection leads to on this computer.

A target is parsed once, from the settings. Whatever a sender or a gateway asks for afterwards can vary the
path and the query of a request and nothing else: the address to dial is never put together from text that
came over the network (``base + request_target`` is how ``@host:port/`` changes the host).
"""

from __future__ import annotations

import dataclasses
import enum
import ipaddress
import re
from typing import Final

from yarl import URL

from hyco.http_rules import local_request_target

from .errors import ConfigError

MAX_HOST_CHARACTERS: Final = 253
"""Of a DNS name (RFC 1035 §2.3.4)."""

_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_PORT = re.compile(r"[0-9]{1,5}")
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[^:]*))?")
_HTTP = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)/?", re.IGNORECASE)


class TargetKind(enum.Enum):
    """How a target takes what a sender brings."""

    STREAM = "stream"
    """A TCP port. WebSocket senders get its bytes; HTTP senders are relayed as to ``http://HOST:PORT``."""
    HTTP = "http"
    """A web server. WebSocket senders are joined to its own WebSocket endpoint."""


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """A service on this computer, or one that it can reach."""

    kind: TargetKind
    host: str
    port: int
    is_secure: bool = False

    @property
    def authority(self) -> str:
        """``host:port`` as in a ``Host`` header; a scheme's own port is left out for web servers."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_default = self.kind is TargetKind.HTTP and self.port == (443 if self.is_secure else 80)
        return host if is_default else f"{host}:{self.port}"

    def __str__(self) -> str:
        """The target as it may stand in the settings."""
        if self.kind is TargetKind.STREAM:
            return self.authority
        return f"{'https' if self.is_secure else 'http'}://{self.authority}"

    def url(self, request_target: str) -> URL:
        """The address of *request_target* (a path and query in origin form) at this target, nowhere else.

        Raises:
            InvalidAddressError: It is no path.
        """
        path, _, query = local_request_target(request_target).partition("?")
        url = URL.build(
            scheme="https" if self.is_secure else "http",
            host=self.host,
            port=self.port,
            path=path,
            query_string=query,
            encoded=True,
        )
        assert url.raw_host == self.host.lower(), "a request target must never choose the host"
        return url


def parse_target(text: str) -> Target:
    """Read ``PORT``, ``HOST:PORT`` or ``http(s)://HOST[:PORT]``.

    Raises:
        ConfigError: It is none of these.
    """
    web = _HTTP.fullmatch(text)
    if web is not None:
        is_secure = web["scheme"].lower() == "https"
        host, port = _parse_authority(text, web["authority"])
        return Target(TargetKind.HTTP, host, port or (443 if is_secure else 80), is_secure)
    if "://" in text:
        raise ConfigError(
            f"{_shown(text)} is not a target: only http://HOST:PORT and https://HOST:PORT, without a path"
        )
    if _PORT.fullmatch(text):
        return Target(TargetKind.STREAM, "localhost", _parse_port(text, text))
    host, port = _parse_authority(text, text)
    if port is None:
        raise ConfigError(f"{_shown(text)} is not a target: give PORT, HOST:PORT or http://HOST:PORT")
    return Target(TargetKind.STREAM, host, port)


def without_prefix(request_target: str, path: str) -> str:
    """*request_target* as the local server knows it: without the hybrid connection's own *path*.

    The path is compared by whole segments and without regard to case (protocol reference §1.1). A target
    that does not begin with it is left as it is.
    """
    target_path, question_mark, query = request_target.partition("?")
    prefix = "/" + path.strip("/")
    head, rest = target_path[: len(prefix)], target_path[len(prefix) :]
    if head.lower() == prefix.lower() and rest[:1] in ("", "/"):
        target_path = rest or "/"
    return target_path + question_mark + query


def _parse_authority(text: str, authority: str) -> tuple[str, int | None]:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise ConfigError(f"{_shown(text)} is not a target: an IPv6 address needs brackets, as in [::1]:3000")
    port = None if match["port"] is None else _parse_port(text, match["port"])
    return _parse_host(text, match["host"]), port


def _parse_host(text: str, host: str) -> str:
    if host.startswith("["):
        try:
            return str(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            raise ConfigError(
                f"{_shown(text)} is not a target: {_shown(host)} is not an IPv6 address"
            ) from None
    if len(host) > MAX_HOST_CHARACTERS or not _NAME.fullmatch(host):
        raise ConfigError(f"{_shown(text)} is not a target: {_shown(host)} is not a host name")
    if host.replace(".", "").isdigit() or host.lower().startswith("0x"):
        # Resolvers take 127.1, 0x7f.1 or 2130706433 for addresses; only the plain form says what it means.
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise ConfigError(
                f"{_shown(text)} is not a target: {_shown(host)} is not an IPv4 address"
            ) from None
    return host.lower()


def _parse_port(text: str, port: str) -> int:
    if _PORT.fullmatch(port) and 1 <= int(port) <= 65_535:
        return int(port)
    raise ConfigError(f"{_shown(text)} is not a target: {_shown(port)} is not a port between 1 and 65535")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:80] + "…")
