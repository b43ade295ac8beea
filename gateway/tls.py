"""TLS of the gateway's port, with buffers that fit tens of thousands of connections.

asyncio gives each TLS connection a read buffer of 256 KiB, which is most of what a relayed pair over TLS costs
(measured: 283 to 537 KiB a leg). A TLS record holds 16 KiB at most, so a buffer of two is enough to read one record
while another is being decrypted.

uvloop's own buffers grow with use and cannot be bounded from outside; a gateway with TLS therefore runs on asyncio's
loop, which costs it nothing measurable (0.81 against 0.80 CPU seconds per GB).
"""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import logging
import ssl
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from .errors import ConfigError

log = logging.getLogger(__name__)

#: Two records.
TLS_READ_BUFFER_BYTES = 32 * 1024

#: How often the files of a certificate are looked at, for new ones.
LOOK_S = 30.0


class TlsDoor(Protocol):
    """Who counts connections while they shake hands."""

    def arrived(self, arrival: object, address: str) -> bool:
        """Count *arrival* in; False where there is no room for it."""

    def left(self, arrival: object) -> None:
        """It is gone, or was counted out before."""


class CountedTls(asyncio.sslproto.SSLProtocol):
    """TLS on a connection that counts from the moment TCP has accepted it.

    asyncio shows a connection when its handshake is complete: until then there was no limit to them, and each costs
    more than 80 KiB (measured). This is what its create_server makes of an SSL context, and a look at the door before.
    """

    def __init__(
        self,
        protocol: asyncio.BaseProtocol,
        context: ssl.SSLContext,
        *,
        handshake_timeout_s: float,
        door: TlsDoor,
        arrival: object,
    ) -> None:
        super().__init__(
            asyncio.get_running_loop(),
            protocol,
            context,
            waiter=None,  # type: ignore[arg-type]  # nobody waits for it; typeshed has it otherwise
            server_side=True,
            ssl_handshake_timeout=handshake_timeout_s,  # type: ignore[arg-type]  # any number of seconds does
        )
        self._door = door
        self._arrival = arrival

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP has accepted it."""
        name = transport.get_extra_info("peername")
        if self._door.arrived(self._arrival, str(name[0]) if isinstance(name, tuple) else ""):
            super().connection_made(transport)
        else:
            assert isinstance(transport, asyncio.WriteTransport)
            transport.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is gone, whether or not its handshake was complete."""
        self._door.left(self._arrival)
        super().connection_lost(exc)


def bound_tls_buffers() -> None:
    """Make asyncio's TLS connections of this process read into TLS_READ_BUFFER_BYTES each; called once at start."""
    # a class attribute without underscore, read once for each connection; a test holds that it still has this effect
    asyncio.sslproto.SSLProtocol.max_size = TLS_READ_BUFFER_BYTES


def bound_held_back_bytes(transport: asyncio.BaseTransport) -> None:
    """Let *transport* keep at most TLS_READ_BUFFER_BYTES of what arrives while its reading is paused.

    asyncio's TLS reads on for itself up to 256 KiB, which was most of what a stalled pair cost (475 KiB, measured).
    """
    set_limits = getattr(transport, "set_read_buffer_limits", None)  # its TLS transports alone have it
    if set_limits is not None:
        set_limits(high=TLS_READ_BUFFER_BYTES)


def server_context(cert: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and later with *cert* and *key* (PEM).

    Raises:
        ConfigError: The files cannot be read, or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # one protocol on this port: a client that offers more is told so
    context.set_alpn_protocols(["http/1.1"])
    _check_readable(cert, key)
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(_why_unusable(cert, key, error)) from error
    return context


def _check_readable(cert: Path, key: Path) -> None:
    """Say which of the two files it is: OpenSSL does not."""
    problems = []
    for setting, path in (("tls_cert", cert), ("tls_key", key)):
        try:
            path.open("rb").close()
        except OSError as error:
            problems.append(f"{setting}: cannot read {path}: {error.strerror or error}")
    if problems:
        raise ConfigError(*problems)


def _why_unusable(cert: Path, key: Path, error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return f"tls_key: {key} is not the key of the certificate {cert}"
    try:
        x509.load_pem_x509_certificates(cert.read_bytes())
    except (OSError, ValueError):
        return f"tls_cert: {cert} holds no certificate in PEM"
    try:
        serialization.load_pem_private_key(key.read_bytes(), password=None)
    except TypeError:
        return f"tls_key: the key in {key} has a password; a gateway needs one without"
    except (OSError, ValueError, UnsupportedAlgorithm):
        return f"tls_key: {key} holds no private key in PEM"
    return f"tls_cert: cannot use {cert} with the key {key}: {getattr(error, 'reason', None) or error}"


class WatchedCertificate:
    """A certificate whose files are read again when they change, as whoever renews it does every few weeks.

    New connections get the new one; those that are there keep what they have.
    """

    def __init__(self, context: ssl.SSLContext, cert: Path, key: Path) -> None:
        self._context = context
        self._cert = cert
        self._key = key
        self._seen = self._marks()

    async def run(self) -> None:
        """Look at the files for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        """Take new files into use; whatever cannot be used is said, and the old certificate stays."""
        marks = self._marks()
        if marks == self._seen:
            return
        self._seen = marks
        try:
            # on its own first: a context that was given a certificate and not its key is of no use any more
            server_context(self._cert, self._key)
            self._context.load_cert_chain(self._cert, self._key)
        except (ConfigError, OSError, ssl.SSLError) as error:
            log.warning("the old TLS certificate stays in use: %s", error)
        else:
            log.info("the TLS certificate %s was read again", self._cert)

    def _marks(self) -> list[tuple[int, int, int] | None]:
        """What changes when a file is replaced or written again."""
        marks: list[tuple[int, int, int] | None] = []
        for path in (self._cert, self._key):
            try:
                found = path.stat()
            except OSError:
                marks.append(None)
            else:
                marks.append((found.st_ino, found.st_mtime_ns, found.st_size))
        return marks
