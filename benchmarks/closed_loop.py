"""A closed loop over non-blocking sockets: so many things under way at once, each followed by the next.

One thread and one selector, and a connection object with a callback for each socket: an event loop would cost the
generator more than the relay takes for what is measured.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections.abc import Callable

from .processes import BenchmarkError
from .relays import Relay
from .wire import TIMEOUT_S, Dial

_READ_BYTES = 65_536


class Loop:
    """The sockets and what is to be called when they have something to say."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.completed = 0

    def run(self, seconds: float) -> None:
        """Serve the sockets for so long.

        Raises:
            BenchmarkError: The relay does nothing any more.
        """
        now = last = time.perf_counter()
        completed = self.completed
        until = now + seconds
        while now < until:
            for key, _ in self._selector.select(min(until - now, 1.0)):
                key.data()
            now = time.perf_counter()
            if self.completed != completed:
                completed, last = self.completed, now
            elif now - last > TIMEOUT_S:
                raise BenchmarkError("the relay came to a stand")

    def watch(self, sock: socket.socket, ready: Callable[[], None]) -> None:
        """Call *ready* whenever *sock* can be read."""
        self._selector.register(sock, selectors.EVENT_READ, ready)

    def forget(self, sock: socket.socket) -> None:
        """Call nothing any more."""
        self._selector.unregister(sock)

    def close(self) -> None:
        """Close every socket that is left."""
        for key in list(self._selector.get_map().values()):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            self._selector.unregister(sock)
            sock.close()
        self._selector.close()


class Connection:
    """One socket of a loop; *received* gets what arrives, and b"" once at the end.

    Over TLS the handshake comes first: what is written until then goes out behind it.
    """

    def __init__(self, loop: Loop, dial: Dial, received: Callable[[bytes], None]) -> None:
        self._loop = loop
        self._received = received
        self._unsent = b""
        sock = socket.create_connection(("127.0.0.1", dial.port), TIMEOUT_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        self._is_shaking_hands = dial.context is not None
        if dial.context is not None:
            sock = dial.context.wrap_socket(sock, server_hostname="localhost", do_handshake_on_connect=False)
        self._sock: socket.socket | ssl.SSLSocket = sock
        self._is_open = True
        loop.watch(sock, self._ready)
        if self._is_shaking_hands:
            self._shake_hands()

    def write(self, data: bytes) -> None:
        """Send *data*, which is small: the socket takes it whole."""
        if self._is_shaking_hands:
            self._unsent += data
        elif self._is_open:
            try:
                self._sock.sendall(data)
            except OSError:
                self._end()

    def close(self) -> None:
        """End it, without a call of *received*."""
        if self._is_open:
            self._is_open = False
            self._loop.forget(self._sock)
            self._sock.close()

    def _shake_hands(self) -> None:
        assert isinstance(self._sock, ssl.SSLSocket)
        try:
            self._sock.do_handshake()
        except ssl.SSLWantReadError:
            return
        except OSError:
            self._end()
            return
        self._is_shaking_hands = False
        if self._unsent:
            self.write(self._unsent)

    def _ready(self) -> None:
        if self._is_shaking_hands:
            self._shake_hands()
            if self._is_shaking_hands:
                return
        while self._is_open:
            try:
                data = self._sock.recv(_READ_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            except OSError:
                data = b""
            if not data:
                self._end()
                return
            self._received(data)
            if not isinstance(self._sock, ssl.SSLSocket):
                return  # the selector tells when there is more; only TLS keeps some back

    def _end(self) -> None:
        if self._is_open:
            self.close()
            self._received(b"")


def measure(relay: Relay, loop: Loop, *, warm_s: float, measure_s: float) -> dict[str, float]:
    """Run *loop*; how often a second something was completed, and what that cost the relay each time."""
    loop.run(warm_s)
    before = time.perf_counter(), relay.program.cpu_s(), loop.completed, time.process_time()
    loop.run(measure_s)
    after = time.perf_counter(), relay.program.cpu_s(), loop.completed, time.process_time()
    elapsed_s, cpu_s, completed, generator_s = (b - a for a, b in zip(before, after, strict=True))
    if not completed:
        raise BenchmarkError(f"{relay.name} completed nothing")
    return {
        "per_s": completed / elapsed_s,
        "cpu_us": cpu_s / completed * 1e6,
        "relay_share": cpu_s / elapsed_s,
        "generator_share": generator_s / elapsed_s,
    }
