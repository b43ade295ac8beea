"""The gateway as a whole: bind, serve, drain, stop."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import errno
import itertools
import logging
import socket
import ssl
import uuid
from collections.abc import AsyncIterator, Coroutine

from aiohttp import web

from hyco.limits import READ_BUFFER_BYTES
from hyco.messages import RemoteEndpoint

from .admin.app import build_app
from .admin.door import MAX_CONNECTIONS, AdminDoor
from .admission import Admission
from .authorization import Authorizer
from .binding import cannot_bind, listening_sockets
from .certificates import self_signed
from .config import GatewayConfig, HostPort
from .data_folder import DataFolder
from .directory import Change, Directory
from .editor import Editor
from .errors import ConfigError
from .fabric.interface import Fabric, RelayKey
from .fabric.local import LocalFabric
from .front import HttpConnection
from .front_request import FrontRequest
from .keepalive import Pinger
from .listening import Listening
from .memory import Tide
from .peers import NAME, PEER_URL, Peers
from .quotas import NamespacePlaces
from .rendezvous import Rendezvous
from .routes import Router
from .store.interface import BEAT_INTERVAL_S, Store, StoreError
from .store.sqlite import SqliteStore
from .subscribers import Subscriber
from .tickets import Tickets, shared_key
from .tls import TlsServer, WatchedCertificate, server_context

log = logging.getLogger(__name__)

#: How many connections the system may hold for us before they are accepted.
BACKLOG = 1024
#: How many listeners are sent to other gateways at a time, and how often.
MOVED_AT_ONCE = 20
MOVE_INTERVAL_S = 0.05
#: How long cancelled work may take to unwind, and closed connections to go.
UNWIND_S = 5.0

# aiohttp logs what it cannot parse, with a traceback and the line itself: an Authorization header may be among it.
# Errors of our own are caught, and said, in gateway.admin.app.
_library_log = logging.getLogger(f"{__name__}.aiohttp")
_library_log.setLevel(logging.CRITICAL)

_TOO_MANY_OF_ADDRESS = "Too many connections without a token from this address."


class Gateway:
    """A gateway that is alone: SQLite and an in-process fabric.

    ``async with Gateway(config).serving() as gateway`` serves until the block is left; :meth:`drain` before that lets
    what is going on finish.
    """

    def __init__(self, config: GatewayConfig) -> None:
        self.config = config
        self.is_leaving = False
        self.is_draining = False
        self.read_buffer = memoryview(bytearray(READ_BUFFER_BYTES))
        self.rendezvous = (
            Rendezvous()
            if not config.fabric
            else Rendezvous(origin=config.node_url.websocket_origin)
            if config.node_url is not None
            else Rendezvous(node=config.node_name)
        )
        self.places = NamespacePlaces(config.max_connections_per_namespace)
        self.fabric = _fabric(config)
        self.pinger = Pinger(
            interval_s=config.ping_interval_s,
            missed_pongs=config.missed_pongs,
            write_stall_timeout_s=config.write_stall_timeout_s,
        )
        self.data_folder = DataFolder(config.data_folder)
        self.store = _store(config, self.data_folder)
        self.peers = Peers(self.store, self.read_buffer, config.peer_ca) if config.fabric else None
        self.directory = Directory(self.store, config, announce=self.fabric.announce)
        self.fabric.heed(self.directory.look)
        self.admission = Admission(self.store, self.fabric.node, config.max_listeners)
        self.editor = Editor(self.directory)
        self.authorizer = Authorizer(self.directory, config)
        self.addresses: tuple[HostPort, ...] = ()
        self.admin_address = config.admin_bind
        self._router = Router(self)
        self._channels: dict[RelayKey, set[Listening]] = collections.defaultdict(set)
        self._connections: set[HttpConnection] = set()
        self._strangers: collections.Counter[str] = collections.Counter()
        self._arrivals: dict[object, str] = {}  # who shakes hands, and from which address
        self._tasks: set[asyncio.Task[None]] = set()
        self._requests = 0
        self._relayed = 0
        self._is_quiet = asyncio.Event()
        self._serials = itertools.count()

    # Start and stop

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Gateway]:
        """Serve while the block is open.

        Raises:
            ConfigError: An address cannot be bound, or a certificate cannot be used.
            DataFolderError: Another gateway has the data folder, or it cannot be written.
            StoreUnavailableError: The store cannot be opened.
        """
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(self.data_folder.locked(has_store=self.config.store is None))
            self._check_store()
            await self.store.open()
            stack.push_async_callback(self.store.close)
            if self.config.fabric:
                key = await shared_key(self.store)
                self.rendezvous.tickets = Tickets(key, self.config.rendezvous_validity_s)
            await self.fabric.open()
            await self.directory.load()
            stack.callback(self.directory.subscribe(self._changed))
            stack.push_async_callback(self._unwind)
            self.spawn(self.pinger.run(), "pinger")
            self.spawn(self.directory.run(), "directory")
            self.spawn(self.admission.run(), "admission")
            self.spawn(Tide(self._count).run(), "memory")
            context = self._tls()
            servers = [await self._bind(address, context) for address in self.config.bind]
            for server in servers:
                stack.callback(server.close)
            self.addresses = tuple(
                HostPort(*sock.getsockname()[:2]) for server in servers for sock in server.sockets
            )
            self.spawn(self._beat(), "beat")
            await stack.enter_async_context(self._admin())
            yield self

    @property
    def port(self) -> int:
        """The port that senders and listeners connect to."""
        return self.addresses[0].port

    @property
    def admin_port(self) -> int:
        """The port of the admin API."""
        return self.admin_address.port

    async def give_notice(self) -> None:
        """Say that it is not ready, and go on as before for so long as balancers take to hear that."""
        self.is_leaving = True
        if self.config.fabric:
            await asyncio.sleep(self.config.notice_s)

    def turn_away(self) -> None:
        """Refuse new work from now on; drain() waits for what is going on."""
        self.is_leaving = self.is_draining = True

    async def drain(self) -> None:
        """Refuse new work, and wait for what is going on: until it is done or drain_s have passed.

        Listeners stay connected while requests they were given are unanswered. They are told to go at the end; where there are
        other gateways for them, as soon as they owe nothing.
        """
        self.turn_away()
        await self.fabric.drain()
        self._subscribers_leave()
        for connection in tuple(self._connections):
            connection.end_soon()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.config.drain_s):
                if self.config.fabric:
                    await self._listeners_move()
                if self._requests or self._relayed:
                    self._is_quiet.clear()
                    await self._is_quiet.wait()
        log.info("drained; %d requests and %d relayed connections are cut", self._requests, self._relayed)

    def _check_store(self) -> None:
        """Entities that are in a database must not seem to be gone because it was not named this time."""
        if self.config.store is not None:
            self.data_folder.note_shared_store(self.config.store)
        elif (url := self.data_folder.shared_store()) is not None:
            raise ConfigError(
                f"store: the gateway with this data folder keeps its entities in {url}; give that again, or another folder"
            )

    def _subscribers_leave(self) -> None:
        """Let those go who would hear nothing any more of what is published elsewhere."""
        for listening in [one for present in self._channels.values() for one in present]:
            if isinstance(listening, Subscriber):
                listening.go_away("The gateway is shutting down.")

    async def _listeners_move(self) -> None:
        """Send listeners to the other gateways, a few at a time: those come back all at once otherwise."""
        while self._channels:
            free = [
                channel
                for channels in self._channels.values()
                for channel in channels
                if not channel.is_owing
            ]
            for channel in free[:MOVED_AT_ONCE]:
                channel.go_away("The gateway is shutting down.")
            await asyncio.sleep(MOVE_INTERVAL_S)

    async def _unwind(self) -> None:
        """End whatever is left."""
        self.is_draining = True
        for task in tuple(self._tasks):
            task.cancel()
        await self._tasks_end()
        for channel in [channel for channels in self._channels.values() for channel in channels]:
            channel.go_away("The gateway is shutting down.")
        for connection in tuple(self._connections):
            connection.close_if_idle()
        await self.pinger.hang_up_all(UNWIND_S)
        for connection in tuple(self._connections):
            connection.cut()
        await self.fabric.close()
        await self._tasks_end()  # the slots of the listeners that were told to go

    async def _tasks_end(self) -> None:
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=UNWIND_S)

    def _tls(self) -> ssl.SSLContext | None:
        config = self.config
        if not config.is_secure:
            return None
        if config.tls_self_signed:
            files = self_signed(self.data_folder, config)
            return server_context(files.certificate, files.key)
        assert config.tls_cert is not None
        assert config.tls_key is not None
        context = server_context(config.tls_cert, config.tls_key)
        self.spawn(WatchedCertificate(context, config.tls_cert, config.tls_key).run(), "certificate")
        return context

    async def _bind(self, address: HostPort, context: ssl.SSLContext | None) -> asyncio.Server | TlsServer:
        try:
            return await self._listen(address.host, address.port, context)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and self.config.or_any_port and address.port:
                return await self._bind(HostPort(address.host, 0), context)
            raise cannot_bind("bind", address, error) from error

    async def _listen(
        self, host: str, port: int, context: ssl.SSLContext | None
    ) -> asyncio.Server | TlsServer:
        if context is not None:
            return TlsServer(
                await listening_sockets(host, port, BACKLOG),
                context,
                lambda arrival: HttpConnection(self, arrival),
                handshake_timeout_s=self.config.handshake_timeout_s,
                door=self,
            )
        server = await asyncio.get_running_loop().create_server(
            lambda: HttpConnection(self), host, port, backlog=BACKLOG
        )
        for sock in server.sockets:
            # What finds out that a peer has vanished where no ping is sent: within a half-closed WebSocket. Connections have
            # it from their listening socket, on every system.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return server

    @contextlib.asynccontextmanager
    async def _admin(self) -> AsyncIterator[None]:
        runner = web.AppRunner(build_app(self), access_log=None, logger=_library_log)
        await runner.setup()
        assert runner.server is not None
        door = AdminDoor(runner.server)
        try:
            address = self.config.admin_bind
            loop = asyncio.get_running_loop()
            try:
                server = await loop.create_server(
                    door.accept, address.host, address.port, backlog=MAX_CONNECTIONS
                )
            except OSError as error:
                raise cannot_bind("admin_bind", address, error) from error
            with contextlib.closing(server):
                self.admin_address = HostPort(*server.sockets[0].getsockname()[:2])
                self.data_folder.note_admin_address(self.admin_address)
                yield
        finally:
            await runner.cleanup()

    # Work

    def spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Run *work* as a task that ends with the gateway."""
        # not a TaskGroup: one request that fails must not end the others, and each is cancelled on its own
        task = asyncio.get_running_loop().create_task(self._guard(work, name), name=name)
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            work.close()  # it may have been cancelled before its first step

        task.add_done_callback(ended)
        return task

    async def _guard(self, work: Coroutine[object, object, None], name: str) -> None:
        try:
            await work
        except Exception:
            log.exception("%s failed", name)

    def handle_at_once(self, request: FrontRequest) -> bool:
        """Answer *request* without a task, where nothing has to be waited for."""
        return self._router.handle_at_once(request)

    async def handle(self, request: FrontRequest) -> None:
        """Answer *request*."""
        self._requests += 1
        try:
            await self._router.handle(request)
        finally:
            self._requests -= 1
            self._look_whether_quiet()

    def relay_started(self) -> None:
        """A sender and a listener have been joined."""
        self._relayed += 1

    def relay_ended(self) -> None:
        """Both have gone."""
        self._relayed -= 1
        self._look_whether_quiet()

    def _look_whether_quiet(self) -> None:
        if self.is_draining and not self._requests and not self._relayed:
            self._is_quiet.set()

    async def _beat(self) -> None:
        """Tell the store that this node, and so its listeners, are alive."""
        is_taken = True
        while True:
            try:
                await self.store.beat(self.fabric.node, self._details())
            except StoreError as error:
                if is_taken:
                    log.warning("the store does not take this node's sign of life: %s", error)
                is_taken = False
            else:
                is_taken = True
            await asyncio.sleep(BEAT_INTERVAL_S)

    def _details(self) -> dict[str, object]:
        """What other gateways, and who looks after them, are told of this one."""
        config = self.config
        if not config.fabric:
            return {}
        status = self.status()
        return {
            NAME: config.node_name,
            PEER_URL: config.peer_origin(self.addresses[0]),
            "nodeUrl": config.node_url.http_origin if config.node_url is not None else "",
            "listeners": status["listeners"],
            "relayedConnections": status["relayedConnections"],
            "isDraining": self.is_draining,
        }

    # Connections

    def arrived(self, arrival: object, address: str) -> bool:
        """Count in who begins to shake hands; False where there is no room for it."""
        if self._refusal(address) is not None:
            return False
        self._arrivals[arrival] = address
        self._strangers[address] += 1
        return True

    def left(self, arrival: object) -> None:
        """It has shaken hands, or is gone."""
        address = self._arrivals.pop(arrival, None)
        if address is not None:
            self._one_stranger_less(address)

    def admit(self, connection: HttpConnection) -> str | None:
        """Count a new connection in; the reason where there is no room for it."""
        self.left(connection.arrival)
        address = connection.peer.address
        refusal = self._refusal(address)
        self._connections.add(connection)
        self._strangers[address] += 1
        return refusal

    def _count(self) -> int:
        return len(self._arrivals) + len(self._connections) + len(self.pinger)

    def _refusal(self, address: str) -> str | None:
        """Why there is no room for one more from *address*."""
        config = self.config
        if config.max_connections and self._count() >= config.max_connections:
            return "The gateway has as many connections as it may have."
        if self._strangers.total() >= config.max_unauthenticated:
            return "Too many connections without a token."
        if self._strangers[address] >= config.max_unauthenticated_per_address:
            return _TOO_MANY_OF_ADDRESS
        return None

    def moved(self, connection: HttpConnection, peer: RemoteEndpoint) -> str | None:
        """A trusted proxy said that it is *peer* who is calling; the reason where there is no room for one more of it."""
        if connection in self._connections and not connection.is_authorized:
            self._one_stranger_less(connection.peer.address)
            self._strangers[peer.address] += 1
            if self._strangers[peer.address] > self.config.max_unauthenticated_per_address:
                return _TOO_MANY_OF_ADDRESS
        return None

    def release(self, connection: HttpConnection) -> None:
        """The connection is gone, or has become a leg."""
        if connection in self._connections:
            self._connections.remove(connection)
            if not connection.is_authorized:
                self._one_stranger_less(connection.peer.address)

    def authorized(self, connection: HttpConnection) -> None:
        """It has shown a token, or needs none."""
        if connection in self._connections:
            self._one_stranger_less(connection.peer.address)

    def _one_stranger_less(self, address: str) -> None:
        self._strangers[address] -= 1
        if self._strangers[address] <= 0:
            del self._strangers[address]

    # Listeners

    def next_serial(self) -> int:
        """A number that no other of this gateway has."""
        return next(self._serials)

    def listener_started(self, relay: RelayKey, channel: Listening) -> None:
        """A listener is connected."""
        self._channels[relay].add(channel)
        self.admission.started(relay, channel.name, channel.go_away)

    def listener_ended(self, relay: RelayKey, channel: Listening) -> None:
        """It is not, any more: its slot is free."""
        self._channels[relay].discard(channel)
        if not self._channels[relay]:
            del self._channels[relay]
        self.spawn(self.admission.left(relay, channel.name), "release slot")

    def _changed(self, change: Change) -> None:
        """The directory changed: who listens on what is gone has to leave."""
        for relay in change.removed_relays:
            for channel in tuple(self._channels.get(relay, ())):
                channel.go_away("The hybrid connection was deleted.")

    def status(self) -> dict[str, int]:
        """Gauges, all of which are 0 when nobody is connected."""
        return {
            "connections": len(self._connections),
            "legs": len(self.pinger),
            "listeners": sum(map(len, self._channels.values())),
            "relayedConnections": self._relayed,
            "requests": self._requests,
            "rendezvous": len(self.rendezvous),
            "strangers": self._strangers.total(),
        }


def _fabric(config: GatewayConfig) -> Fabric:
    incarnation = uuid.uuid4().hex[:8]
    if not config.fabric:
        return LocalFabric(f"embedded-{incarnation}")
    try:
        from .fabric.nats import NatsFabric  # noqa: PLC0415 - nats-py comes with the extra `cluster`
    except ImportError as error:
        raise ConfigError(
            "fabric: NATS needs a package that is missing: install relaydesk[cluster]"
        ) from error
    return NatsFabric(
        f"{config.node_name}-{incarnation}", config.fabric, credentials=config.fabric_credentials
    )


def _store(config: GatewayConfig, folder: DataFolder) -> Store:
    if config.store is None:
        return SqliteStore(folder.store_file)
    try:
        from .store.postgresql import PostgresStore  # noqa: PLC0415 - asyncpg comes with the extra `cluster`
    except ImportError as error:
        raise ConfigError(
            "store: PostgreSQL needs a package that is missing: install relaydesk[cluster]"
        ) from error
    return PostgresStore(config.store)
