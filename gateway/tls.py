"""TLS of the gateway's port.

By aiofastnet, whose transports do what asyncio's do and write what they read straight to OpenSSL: of the processor a gigabyte
takes two thirds of what asyncio's takes. Both buffers of a connection, for what arrives and for what leaves, are of a fixed
size, and take memory as far as they were ever filled.

Connections are accepted here: its own server has no word to say before a handshake is complete, and is at a loss where
descriptors run out.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Final, Protocol

import aiofastnet.api_utils
from aiofastnet.ssl_transport import SSLTransport_Socket
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from .binding import SHORTAGES
from .errors import ConfigError

log = logging.getLogger(__name__)

#: A record of TLS with its head and its tag, roomily.
_RECORD_BYTES: Final = 16 * 1024 + 64
#: What may be on its way between the socket and OpenSSL, in either direction of a connection.
TLS_BUFFER_BYTES: Final = 4 * _RECORD_BYTES
#: What may wait above that before a peer's other side is held back.
TLS_HIGH_WATER_BYTES: Final = 32 * 1024

#: How long nobody is accepted where there is no descriptor left for it.
SHORTAGE_S: Final = 1.0

#: How often the files of a certificate are looked at, for new ones.
LOOK_S = 30.0


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


class TlsDoor(Protocol):
    """Who counts connections while they shake hands."""

    def arrived(self, arrival: object, address: str) -> bool:
        """Count *arrival* in; False where there is no room for it."""

    def left(self, arrival: object) -> None:
        """It is gone, or was counted out before."""

    def spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Run *work* as a task that ends with the gateway."""


class TlsServer:
    """Accepts connections and shakes hands on each: what ``asyncio.Server`` is to those without TLS.

    A connection counts from the moment TCP has accepted it: a handshake costs more than a connection that is through with it.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        context: ssl.SSLContext,
        make: Callable[[object], asyncio.BufferedProtocol],
        *,
        handshake_timeout_s: float,
        door: TlsDoor,
    ) -> None:
        """Serve on *sockets*, which listen; *make* is given what a connection was counted as."""
        self.sockets = sockets
        self._context = context
        self._make = make
        self._handshake_timeout_s = handshake_timeout_s
        self._door = door
        self._accepting = [door.spawn(self._accept(listening), "accepting over TLS") for listening in sockets]

    def close(self) -> None:
        """Accept nobody any more. Connections that are there stay."""
        for task in self._accepting:
            task.cancel()
        for listening in self.sockets:
            listening.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listening)
            except OSError as error:
                if error.errno in SHORTAGES:
                    loop.call_exception_handler(
                        {"message": "no descriptor for a connection", "exception": error}
                    )
                    await asyncio.sleep(SHORTAGE_S)
                elif listening.fileno() == -1:
                    return
                else:
                    await asyncio.sleep(0)  # whoever it was has gone
                continue
            # asyncio's own do that, and aiofastnet where it sees that it is TCP: not by a socket of create_server's
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            arrival = object()
            if self._door.arrived(arrival, str(address[0])):
                self._door.spawn(self._shake_hands(arrival, accepted), "TLS handshake")
            else:
                accepted.close()
            await asyncio.sleep(0)  # where many wait, one after the other is accepted without a pause

    async def _shake_hands(self, arrival: object, accepted: socket.socket) -> None:
        try:
            await aiofastnet.connect_accepted_socket(
                asyncio.get_running_loop(),
                lambda: self._make(arrival),
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=self._handshake_timeout_s,
                ssl_incoming_bio_size=TLS_BUFFER_BYTES,
                ssl_outgoing_bio_size=TLS_BUFFER_BYTES,
            )
        except OSError as error:  # who speaks no TLS, none of ours, or nothing at all within its time
            log.debug("no TLS handshake: %s", error)
        finally:
            self._door.left(arrival)


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
