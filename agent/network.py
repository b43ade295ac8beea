"""The way from here to a gateway: TCP, a proxy where there is one, and TLS with the right roots.

Targets are reached directly, never through a proxy.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
import os
import re
import socket
import ssl
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

import aiofastnet.api_utils
from aiofastnet.ssl_transport import SSLTransport_Socket
from aiohappyeyeballs import AddrInfoType, start_connection
from python_socks import ProxyError, ProxyTimeoutError, parse_proxy_url
from python_socks.async_.asyncio import Proxy

from .config import NetworkConfig
from .errors import ConfigError, CredentialError, GatewayUnreachableError, GatewayUntrustedError
from .roots import verifying_context

MAX_AUTHORITIES: Final = 64
"""TLS contexts kept for the authorities of invitations, as making one reads all of the system's roots. With more in use,
all are made anew."""

_P = TypeVar("_P", bound=asyncio.BaseProtocol)

TLS_BUFFER_BYTES: Final = 8 * (16 * 1024 + 64)
"""What may be on its way between a socket and OpenSSL, in either direction: eight records with their heads."""

HAPPY_EYEBALLS_DELAY_S: Final = 0.25
"""RFC 8305 §8: when the other address family gets its turn."""


def is_loopback(host: str) -> bool:
    """Whether *host* is this computer, by what it is called and without asking a resolver."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def client_tls(ca_file: Path | None, authority: bytes | None = None) -> ssl.SSLContext:
    """Make a verifying TLS context that trusts the system's roots, those in *ca_file*, and *authority* (DER).

    Raises:
        ConfigError: *ca_file* cannot be used.
        CredentialError: *authority* is no certificate.
    """
    context = verifying_context()
    if authority is not None:
        try:
            context.load_verify_locations(cadata=authority)
        except (ssl.SSLError, ValueError):  # the second where there are no bytes at all
            raise CredentialError("the certificate in the invitation cannot be read") from None
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            why = "it holds no certificates" if isinstance(error, ssl.SSLError) else error.strerror
            raise ConfigError(f"network.ca_file: cannot use {ca_file}: {why}") from error
    return context


class Network:
    """Opens connections to gateways."""

    def __init__(self, config: NetworkConfig, authority: bytes | None = None) -> None:
        self._config = config
        self._authority = authority
        self._trusting: dict[bytes, Network] = {}

    def trusting(self, authority: bytes | None) -> Network:
        """This network, for a gateway whose own authority is *authority* (DER); it is trusted there and nowhere else."""
        if authority is None:
            return self
        if authority not in self._trusting:
            if len(self._trusting) >= MAX_AUTHORITIES:
                self._trusting.clear()
            self._trusting[authority] = Network(self._config, authority)
        return self._trusting[authority]

    @functools.cached_property
    def tls(self) -> ssl.SSLContext:
        """The context of every TLS connection to a gateway.

        Raises:
            ConfigError: The configured roots cannot be used.
        """
        return client_tls(self._config.ca_file, self._authority)

    def prepare(self) -> None:
        """Read the certificates now, so that what is wrong with them shows at the start.

        Raises:
            ConfigError: They cannot be used.
        """
        _ = self.tls

    def proxy_for(self, host: str, port: int, *, is_secure: bool) -> str | None:
        """Give the URL of the proxy that leads to *host*, or None. This computer is never behind one."""
        configured = self._config.proxy
        if configured == "none" or is_loopback(host):
            return None
        if configured is not None:
            return configured
        if urllib.request.proxy_bypass(f"{host}:{port}"):
            return None
        proxies = urllib.request.getproxies()
        for scheme in ("wss", "socks", "https", "all") if is_secure else ("ws", "socks", "http", "all"):
            proxy = proxies.get(scheme)
            if proxy:
                # the systems' settings give SOCKS proxies as {"socks": "http://host:port"}
                is_socks = scheme == "socks" and proxy.startswith("http://")
                return "socks5h://" + proxy.removeprefix("http://") if is_socks else proxy
        return None

    async def connect(
        self, protocol: _P, host: str, port: int, *, is_secure: bool
    ) -> tuple[asyncio.Transport, _P]:
        """Open a connection to *host*, by way of the proxy, with verified TLS where *is_secure*.

        The caller sets the deadline. Cancelling leaves nothing open.

        Raises:
            GatewayUnreachableError: With what went wrong on which stage.
            GatewayUntrustedError: Its certificate is not trusted.
            ConfigError: The configured roots or proxy cannot be used.
        """
        tls = self.tls if is_secure else None
        proxy = self.proxy_for(host, port, is_secure=is_secure)
        try:
            if proxy is None:
                transport = await connect_directly(protocol, host, port, tls)
            else:
                transport = await _run_over(protocol, await _open_proxy(proxy).connect(host, port), host, tls)
        except (ProxyError, ProxyTimeoutError) as error:
            raise GatewayUnreachableError(f"cannot reach {host}:{port} through the proxy: {error}") from error
        except (OSError, UnicodeError) as error:
            is_untrusted = isinstance(error, ssl.SSLCertVerificationError)
            kind = GatewayUntrustedError if is_untrusted else GatewayUnreachableError
            raise kind(f"cannot reach {host}:{port}: {explain(error)}") from error
        return transport, protocol


async def connect_directly(
    protocol: asyncio.BaseProtocol, host: str, port: int, tls: ssl.SSLContext | None
) -> asyncio.Transport:
    """Open a connection, trying the addresses of *host* as RFC 8305 says. Cancelling leaves nothing open.

    Not by the loop's own create_connection: cancelled at the wrong moment, that of Python 3.11 loses a connected
    socket (measured), and uvloop's tries one address after the other.

    Raises:
        OSError: It cannot be reached, or its certificate is not trusted.
        UnicodeError: *host* cannot be a host name.
    """
    addresses = await addresses_of(host, port)
    delay = HAPPY_EYEBALLS_DELAY_S
    return await _run_over(protocol, await start_connection(addresses, happy_eyeballs_delay=delay), host, tls)


def _is_report(record: logging.LogRecord) -> bool:
    """Whether a handler can take *record*.

    Of a peer that leaves in its handshake aiofastnet 1.2 tells the loop the class of an error in place of one, which no formatter
    can take. It is raised as well.
    """
    return not (record.exc_info and isinstance(record.exc_info[1], type))


logging.getLogger("asyncio").addFilter(_is_report)


class _TlsTransport(SSLTransport_Socket):  # type: ignore[misc]
    """aiofastnet's, which after a pause goes on with what it has read already.

    That of 1.2 goes on when more arrives, so that the last records of a stream wait for the next ping.
    """

    __slots__ = ()

    def resume_reading(self) -> None:
        """Read on, beginning with what is here."""
        if not self.is_reading():
            asyncio.get_running_loop().call_soon(self._retry_ssl_read)
        super().resume_reading()


aiofastnet.api_utils.SSLTransport_Socket = _TlsTransport  # type: ignore[attr-defined]


async def _run_over(
    protocol: asyncio.BaseProtocol, connection: socket.socket, host: str, tls: ssl.SSLContext | None
) -> asyncio.Transport:
    loop = asyncio.get_running_loop()
    if tls is None:
        transport, _ = await loop.create_connection(lambda: protocol, sock=connection)
    else:
        transport, _ = await aiofastnet.create_connection(
            loop,
            lambda: protocol,
            sock=connection,
            ssl=tls,
            server_hostname=host,
            ssl_incoming_bio_size=TLS_BUFFER_BYTES,
            ssl_outgoing_bio_size=TLS_BUFFER_BYTES,
        )
    return transport


async def addresses_of(host: str, port: int) -> Sequence[AddrInfoType]:
    """Ask the resolver, unless *host* says itself what its address is."""
    if host == "localhost":  # RFC 6761 §6.3: never a question for the network; spares a thread for each dial
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port)),
            (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("::1", port, 0, 0)),
        ]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        loop = asyncio.get_running_loop()
        return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]


async def ask_proxy(url: str, host: str, port: int) -> None:
    """Have the proxy at *url* open a way to *host*, and let it go at once: to see whether it does. The caller sets the deadline.

    Raises:
        GatewayUnreachableError: It does not; the text says why, and never how one signs in to the proxy.
        ConfigError: There is no such proxy.
    """
    try:
        connection = await _open_proxy(url).connect(host, port)
    except (ProxyError, ProxyTimeoutError) as error:
        raise GatewayUnreachableError(str(error)) from error
    except (OSError, UnicodeError) as error:
        raise GatewayUnreachableError(explain(error)) from error
    connection.close()


def _open_proxy(url: str) -> Proxy:
    scheme, _, rest = url.partition("://")
    try:
        # python-socks reads "socks5" and "socks4"; who resolves the name is a parameter of its own
        return Proxy(
            *parse_proxy_url(f"{scheme.removesuffix('h').removesuffix('a')}://{rest}"),
            rdns=scheme[-1] in "ha",
        )
    except ValueError as error:
        raise ConfigError(f"network.proxy: {error}") from None


def explain(error: BaseException) -> str:
    """Say in a few words, for people, why a connection could not be opened."""
    if isinstance(error, ssl.SSLCertVerificationError):
        # aiohttp's error is of this class too, but what it says is in the one that it wraps
        cause = getattr(error, "certificate_error", error)
        why = getattr(cause, "verify_message", cause)
        if getattr(cause, "verify_code", 0) in _OTHER_NAMES:
            why = "it is for another host name"
        return f"its certificate is not trusted ({why})"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({getattr(error, 'reason', None) or error})"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, UnicodeError):
        return "not a host name"
    if isinstance(error, ConnectionError) and error.errno is None:
        return "the connection was ended"  # asyncio, when it happens during the TLS handshake
    if isinstance(
        getattr(error, "os_error", error), socket.gaierror
    ):  # aiohttp wraps it, and keeps its number
        return "the host name is not known"
    number = error.errno if isinstance(error, OSError) else None
    if number is None:
        # asyncio's "Multiple exceptions: [Errno 111] …, [Errno 111] …", one for each address that was tried
        last = _ERRNO.findall(str(error))[-1:]
        number = int(last[0]) if last else None
    return os.strerror(number).lower() if number else str(error) or type(error).__name__


#: OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
_OTHER_NAMES: Final = frozenset({62, 64})
_ERRNO: Final = re.compile(r"\[Errno ([0-9]+)\]")
