"""Bring a remote hybrid connection to a local port.

Each TCP connection to the port becomes one relayed connection. It is accepted at once and not read until the
relay stands, so that nothing is lost and nothing piles up; where the relay refuses, it is reset, and the status
says why. A port that another program has is tried again by itself: that program may end.
"""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import os
import random
import socket
from collections.abc import Callable
from typing import Final

from hyco.messages import RemoteEndpoint

from .access import AccessPolicy
from .backoff import Backoff
from .config import LocalAddress
from .credentials import Access, find_access
from .errors import (
    AgentError,
    ConfigError,
    CutHereError,
    GatewayRejectedError,
    PortTakenError,
    UnusableInvitationError,
)
from .http_in_stream import read_along
from .legs import join
from .policy import Policy
from .pump import StreamLeg, TcpLeg
from .relayed import peer_of
from .route import Route
from .sender import STREAM, connect
from .standing import Standing
from .status import RelayedKind
from .surroundings import Surroundings

PORT_TAKEN_DELAY_S: Final = 10.0
"""Until a port that another program had is tried again: trying costs nothing, and people end programs by hand."""

_NOT_ACCEPTED: Final = frozenset({401, 403})
"""What is said to an invitation whose token has no right any more (401), or which its maker withdrew (403)."""

_LASTING: Final = frozenset({400, *_NOT_ACCEPTED})
"""Refusals that the next program will get as well: of the key, and of byte streams where a web server is shared (400)."""


class LocalListener:
    """Keeps one local port bound to one remote hybrid connection."""

    def __init__(self, policy: Policy, around: Surroundings, standing: Standing) -> None:
        self._policy = policy
        self._config = policy.config.served
        self._around = around
        self._standing = standing
        self._log = standing.log
        self._backoff = Backoff(random.random)
        self._retry_now = asyncio.Event()
        self._is_serving = False
        self._bound: LocalAddress | None = None
        self._access = AccessPolicy(None, around.clock.now)  # of its routes; nobody comes in here

    def retry_now(self) -> None:
        """Do not wait for the next try."""
        self._retry_now.set()

    def check_now(self) -> None:
        """The computer slept, or has another network: do not wait for the next try."""
        self._backoff.begin_again()
        self._retry_now.set()

    async def run(self) -> None:
        """Serve the port until cancelled; then every relayed connection is cut, and nothing is left open."""
        clock, backoff = self._around.clock, self._backoff
        was_taken = False
        while True:
            self._retry_now.clear()
            if not was_taken:
                self._standing.connecting()
            try:
                await self._serve()
            except PortTakenError as error:
                was_taken = True
                self._standing.waiting(error, PORT_TAKEN_DELAY_S)
                await clock.wait(PORT_TAKEN_DELAY_S, self._retry_now)
                continue
            except ConfigError as error:
                self._standing.stopped(error)
                await clock.wait(None, self._retry_now)
            except AgentError as error:
                delay_s = backoff.next_delay(error, clock.monotonic())
                self._standing.waiting(error, delay_s)
                await clock.wait(delay_s, self._retry_now)
            was_taken = False

    async def _serve(self) -> None:
        access = await find_access(self._config, self._around.keystore)
        self._standing.found(access.endpoint, access.path, access.ends_at)
        token = access.token(self._around.clock.now())  # an invitation that is over shows here
        is_fixed = token is not None and token.renew_at is None
        self._standing.found(access.endpoint, access.path, token.expires_at if token and is_fixed else None)
        if not access.endpoint.is_secure:
            self._log.warning("the gateway at %s is reached without TLS", access.endpoint.authority)
        assert self._config.local is not None
        self._is_serving = True
        try:
            await self._around.relay_loop.run(self._accept_all, self._config.local)
        finally:
            self._is_serving = False

    # On the relay loop

    async def _accept_all(self, local: LocalAddress) -> None:
        """Serve the port.

        Raises:
            ConfigError: It cannot be bound.
        """
        tasks = asyncio.TaskGroup()
        open_ones: set[asyncio.Task[None]] = set()

        def accepted(leg: _AcceptedLeg) -> None:
            if len(open_ones) >= self._config.max_connections:
                leg.reset()
                return
            leg.count = self._standing.counters.sent  # now: a read may come before its task begins
            task = tasks.create_task(self._relay(leg), name=f"relayed connection to {self._config.path}")
            open_ones.add(task)
            task.add_done_callback(open_ones.discard)

        server = await _bind(local, lambda: _AcceptedLeg(accepted))
        try:
            async with tasks:
                try:
                    await server.start_serving()
                    self._bound = address = LocalAddress(*server.sockets[0].getsockname()[:2])
                    self._around.relay_loop.tell(self._is_bound, address)
                    await asyncio.Event().wait()
                finally:
                    server.close()  # before its connections are cut: a task group that ends takes no new ones
        finally:
            server.close()

    def _is_bound(self, local: LocalAddress) -> None:
        if not self._is_serving:  # the word was on its way when it ended
            return
        self._log.info("%s leads to it", local)
        self._standing.bound(str(local))
        self._standing.listening()

    async def _relay(self, tcp: _AcceptedLeg) -> None:
        """Relay one accepted connection. A failure ends this connection and nothing else."""
        around, counters = self._around, self._standing.counters
        try:
            peer = peer_of(tcp.remote.address, tcp.remote.port)
            relaying = around.relayed.relaying(self._policy, RelayedKind.STREAM, peer)
            with relaying as relayed:
                access = await around.relay_loop.call_back(find_access, self._config, around.keystore)
                leg = StreamLeg("the gateway", around.deadlines.ping_interval_s)
                leg.count = counters.received
                relayed.count = lambda: (leg.payload_received, tcp.payload_received)
                try:
                    await self._connect(leg, access)
                    around.relay_loop.tell(self._standing.got_through)
                    along = read_along(tcp, self._route(access), around.exchanges, tcp.remote, asks=True)
                    with counters.connection(), along as stream:  # only now: who was refused never was one
                        relayed.describe = lambda: stream.about if stream is not None else ""
                        await join(tcp, leg)
                finally:
                    leg.reset()
        except CutHereError as error:
            self._log.info("relayed connection %s", error)
        except UnusableInvitationError as error:
            if isinstance(error.__cause__, GatewayRejectedError):
                counters.refused()
            self._log.info("%s", error)
            around.relay_loop.tell(self._standing.turned_away, error)
        except AgentError as error:
            is_lasting = False
            if isinstance(error, GatewayRejectedError):
                counters.refused()
                is_lasting = error.status in _LASTING
            self._log.info("%s", error)
            if is_lasting:
                around.relay_loop.tell(self._standing.turned_away, error)
            else:
                around.relay_loop.tell(self._standing.failed, str(error))
        except Exception:  # noqa: BLE001 - a bug in one of them must not end the others
            self._log.exception("a relayed connection failed unexpectedly")
        finally:
            tcp.reset()

    def _route(self, access: Access) -> Route:
        around = self._around
        return Route(
            config=dataclasses.replace(self._config, local=self._bound),
            policy=self._policy,
            gateway=access.endpoint,
            path=access.path,
            network=around.network,
            deadlines=around.deadlines,
            counters=self._standing.counters,
            relayed=around.relayed,
            access=self._access,
        )

    async def _connect(self, leg: StreamLeg, access: Access) -> None:
        """Open the relayed connection.

        Raises:
            UnusableInvitationError: It is over, or is not accepted any more.
            AgentError: Something else, as ``sender.connect`` says.
        """
        around = self._around
        try:
            await connect(leg, access, around.network, around.deadlines, around.clock, headers=STREAM)
        except GatewayRejectedError as error:
            if access.invitation is not None and error.status in _NOT_ACCEPTED:
                raise UnusableInvitationError(f"the invitation is not accepted: {error}") from error
            raise


class _AcceptedLeg(TcpLeg):
    def __init__(self, accepted: Callable[[_AcceptedLeg], None]) -> None:
        super().__init__("the local program")
        self.remote = RemoteEndpoint(address="", port=0)
        self._accepted = accepted

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        address, port = (transport.get_extra_info("peername") or ("", 0))[:2]
        self.remote = RemoteEndpoint(address=address, port=port)
        self._accepted(self)


# Newer Pythons (from 3.12.3 on) pass over an address that is not there, and raise this, without a number, when none was left.
_NO_ADDRESS = "could not bind on any address"


async def _bind(local: LocalAddress, make_leg: Callable[[], TcpLeg]) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(make_leg, local.host, local.port, start_serving=False)
    except (OSError, UnicodeError) as error:
        number = error.errno if isinstance(error, OSError) else None
        if number is None and _NO_ADDRESS in str(error):
            number = errno.EADDRNOTAVAIL
        if number == errno.EADDRINUSE:
            raise PortTakenError(f"local: cannot bind {local}: another program has it") from error
        if isinstance(error, socket.gaierror):
            raise ConfigError(f"local: cannot bind {local}: the host name is not known") from error
        match number:
            case errno.EACCES:
                why = "this user may not; choose a port above 1023"
            case errno.EADDRNOTAVAIL:
                why = "it is not an address of this computer"
            case None:
                why = str(error)
            case _:
                why = os.strerror(number).lower()
        raise ConfigError(f"local: cannot bind {local}: {why}") from error
