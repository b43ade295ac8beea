"""The desk: everything that can be asked of the desktop, done.

It belongs to one event loop, Qt's in the desktop and any other in tests. What changes the settings does so in turn
(:mod:`.kept`).
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import logging
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

from agent.checks import Check
from agent.clock import Clock
from agent.config import (
    LOOPBACK,
    ConnectionConfig,
    Credential,
    Direction,
    LocalAddress,
)
from agent.errors import ConfigError
from agent.exchanges import Exchanges
from agent.invitation import is_invitation
from agent.pasted import read as read_pasted
from agent.status import ConnectionStatus, State
from agent.targets import Target, TargetKind, parse_target
from hyco.addresses import Endpoint, parse_endpoint
from hyco.connection_string import parse as parse_connection_string
from hyco.redaction import one_line
from hyco.sas import Right

from ..actions import ExposeRequest, Offer, Reach, Shared
from ..check_report import Examined, report
from ..keystore import Keystore, KeystoreError
from ..ports import ListeningPort, PortKind, PortWatcher, guess_kind
from ..preferences import DEFAULT_LIFETIME_S, Preferences, Who
from ..settings import GatewayNote, ServiceNote, Settings, unique_name
from ..snapshot import (
    BundledState,
    Gateway,
    KeystoreState,
    Problem,
    Service,
    Snapshot,
    Trouble,
)
from . import picture
from .bundled import Bundled
from .checking import check, diagnose, with_authority
from .demo import Demo
from .engine import Engine
from .failures import fail, problem_of, told
from .gateways import Gateways, is_only_here
from .inspecting import Inspector
from .kept import Kept
from .keys import THIS_COMPUTER, Keys, gateway_entry, invitation_entry
from .links import LINK, Links, plain_link
from .offers import is_free, offers
from .proving import Prover

log = logging.getLogger(__name__)

#: How often the settings files are looked at for changes by hand.
LOOK_S: Final = 2.0
#: How often the shared ports are looked at: a port that closes shows within this time.
PORTS_S: Final = 2.0
#: How long an action waits to see a listener connected or a port bound; it goes on trying afterwards all the same.
SETTLE_S: Final = 5.0
#: For the keys of what was stopped last, when the program ends.
FORGET_S: Final = 3.0
_LOOPBACKS: Final = ("127.0.0.1", "::1", "localhost")


class Desk(Inspector):
    """See :class:`relaydesk.actions.Actions`.

    Args:
        engine: The agent.
        settings: The settings files.
        keystore: Where keys are kept.
        ports: What listens on this computer.
        data_folder: Of the gateway of this computer.
        clock: Time.
        exchanges: What was captured of what was relayed over HTTP.
        on_change: Called whenever a new snapshot would differ.
        log_text: Gives the log, without secrets.
        bundled_port: Where that gateway listens; None for the usual one.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        settings: Settings,
        keystore: Keystore,
        ports: PortWatcher,
        data_folder: Path,
        clock: Clock,
        exchanges: Exchanges,
        on_change: Callable[[], object],
        log_text: Callable[[], str] = str,
        bundled_port: int | None = None,
    ) -> None:
        super().__init__(exchanges, engine)
        self._engine = engine
        self._ports = ports
        self._clock = clock
        self._on_change = on_change
        self._log_text = log_text
        self._bundled = Bundled(data_folder, clock, self._bundled_changed, port=bundled_port)
        self._keys = Keys(keystore, data_folder, lambda: self._bundled.serves)
        self._gateways = Gateways(self._keys, self._bundled)
        self._prover = Prover(engine, clock, on_change, lambda: self._kept.desktop.preferences.has_probes)
        self._demo = Demo()
        self._kept = Kept(settings, engine, clock, self._kept_changed, authority=self._authority)
        self._stopped: tuple[ConnectionConfig, ServiceNote | None] | None = None
        self._links = Links(self._gateways, clock)
        self._agent_problem: Problem | None = None
        self._was_serving = False
        self._open_ports: dict[tuple[str, int], bool | None] = {}

    @property
    def keys(self) -> Keys:
        """The agent's keystore is their ``fetch``."""
        return self._keys

    async def run(self) -> None:
        """Bring back what was shared, and keep up with it until cancelled."""
        self._kept.load()
        self._bundled.reach = self._kept.desktop.reach
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._bundled.run(), name="bundled gateway's owner")
                tasks.create_task(self._prover.run(), name="prover")
                tasks.create_task(self._demo.run(), name="demo page")
                tasks.create_task(self._kept.watch(), name="settings")
                tasks.create_task(self._ports.run(), name="ports")
                tasks.create_task(self._watch_ports(), name="local ports")
                tasks.create_task(self._begin(), name="beginning")
        finally:
            await self._forget_at_the_end()

    async def _forget_at_the_end(self) -> None:
        """Nobody can undo any more: the keys of what was stopped last go. Bounded: a keyring may hang."""
        try:
            async with asyncio.timeout(FORGET_S):
                await self._forget_stopped()
        except (KeystoreError, TimeoutError) as error:
            log.info("the key of what was stopped last stays in the keystore: %s", error)

    # What is RelayDesk's own

    def own_ports(self) -> Collection[int]:
        """The ports of RelayDesk itself: its gateway's, that gateway's administration's, and those that lead elsewhere."""
        bound = (
            one.local.port
            for one in self._kept.agent.connections
            if one.direction is Direction.CONNECT and one.local is not None
        )
        return {*self._bundled.ports, *bound}

    def own_pids(self) -> Collection[int]:
        """The processes of RelayDesk besides this one."""
        running = self._bundled.running
        return () if running is None else (running.pid,)

    # What is shown

    def snapshot(self) -> Snapshot:
        """The state of this moment."""
        status = self._engine.snapshot()
        notes = {note.name: note for note in self._kept.desktop.services}
        known = {gateway.name: gateway for gateway in self._notes()}
        # again after it failed is another thing: that is said
        is_starting = self._bundled.state is BundledState.STARTING and self._bundled.problem is None

        def make(config: ConnectionConfig, one: ConnectionStatus) -> Service:
            note = notes.get(config.label)
            return picture.service_of(
                config,
                one,
                note=note,
                gateway=known.get(note.gateway) if note else None,
                finding=self._prover.finding(one.name, one.listener_id),
                is_port_open=None if config.target is None else self._open_ports.get(_place(config.target)),
                is_gateway_starting=is_starting and note is not None and note.gateway == THIS_COMPUTER,
                owner=self._owner(config.target),
                now=self._clock.now(),
            )

        services = picture.in_order(self._kept.agent.connections, status, make)
        gateways = [self._gateway_here(services)]
        gateways += [picture.gateway_of(note, services) for note in self._kept.desktop.gateways]
        return Snapshot(
            at=self._clock.now(),
            health=picture.health_of(services),
            services=services,
            connections=picture.live_connections(self._engine.relayed()),
            gateways=tuple(gateways),
            keystore=self._keys.keystore.state,
            problem=self._agent_problem or self._kept.misread or self._kept.problem,
        )

    def _gateway_here(self, services: Iterable[Service]) -> Gateway:
        running = self._bundled.running
        note = self._note_here()
        return dataclasses.replace(
            picture.gateway_of(note, services, self._bundled.problem),
            bundled=self._bundled.state,
            rights=("Listen", "Send", "Manage"),
            is_only_this_computer=running is None or is_only_here(parse_endpoint(running.url)),
        )

    def _note_here(self) -> GatewayNote:
        running = self._bundled.running
        if running is None:
            return GatewayNote(name=THIS_COMPUTER, address="", is_secure=self._bundled.reach is Reach.NETWORK)
        endpoint = parse_endpoint(running.url)
        return GatewayNote(name=THIS_COMPUTER, address=endpoint.authority, is_secure=endpoint.is_secure)

    def _notes(self) -> tuple[GatewayNote, ...]:
        return (self._note_here(), *self._kept.desktop.gateways)

    def _owner(self, target: Target | None) -> tuple[str, str]:
        """The program that listens there as far as is known, and its project."""
        found = None if target is None else self._listening(target)
        return ("", "") if found is None else (found.program, found.project)

    def _listening(self, target: Target) -> ListeningPort | None:
        hosts = {target.host, "localhost"} if target.host in _LOOPBACKS else {target.host}
        return next(
            (
                port
                for port in self._ports.ports
                if port.port == target.port
                and port.target.rpartition(":")[0].strip("[]") in {*hosts, *_LOOPBACKS}
            ),
            None,
        )

    # Sharing

    async def expose(self, request: ExposeRequest) -> Shared:
        """See Actions."""
        async with self._kept.changing():
            is_demo, given = request.is_demo, request.target
            target = parse_target(f"http://{LOOPBACK}:{await self._demo.start()}" if is_demo else given)
            is_web = target.kind is TargetKind.HTTP or await self._speaks_http(target)
            name = self._free_name(request.name or self._name_for(target))
            gateway = request.gateway or self._usual_gateway()
            place = await self._gateways.prepare(
                gateway, name, request.who, taken=self._taken(), network=self._kept.agent.network
            )
            if is_web and place.who is Who.PUBLIC:
                # browsers come by themselves, with WebSockets
                target = (
                    target if target.kind is TargetKind.HTTP else parse_target(f"http://{target.authority}")
                )
            elif target.kind is TargetKind.HTTP and not target.is_secure:
                # whoever is invited may bring the port to their own computer, which takes byte streams
                target = dataclasses.replace(target, kind=TargetKind.STREAM)
            connection = ConnectionConfig(
                name=name,
                path=place.path,
                target=target,
                credential=Credential(keystore=place.entry),
                until=self._until(request.lifetime_s),
                invited=() if place.who is Who.INVITED else None,
            )
            note = ServiceNote(
                name=name,
                gateway=gateway,
                is_web=is_web,
                is_public=place.who is Who.PUBLIC,
                is_demo=is_demo,
            )
            link: Shared | None = None
            if place.who is Who.INVITED:
                connection, link = await self._links.invite(connection, note, LINK, None)
            self._kept.change(
                [*self._kept.agent.connections, connection],
                dataclasses.replace(
                    self._kept.desktop,
                    services=(*self._kept.desktop.services, note),
                    preferences=dataclasses.replace(self._kept.desktop.preferences, gateway=gateway),
                ),
            )
        await self._settled(name)
        return link or plain_link(connection, place.endpoint)

    async def stop(self, service: str) -> None:
        """See Actions."""
        async with self._kept.changing():
            connection = self._find(service)
            note = self._note(service)
            self._kept.change(
                [one for one in self._kept.agent.connections if one is not connection],
                dataclasses.replace(
                    self._kept.desktop,
                    services=tuple(one for one in self._kept.desktop.services if one is not note),
                ),
            )
            await self._forget_stopped()
            self._stopped = (connection, note)

    async def undo_stop(self) -> None:
        """See Actions."""
        async with self._kept.changing():
            if self._stopped is None:
                raise fail(Trouble.OTHER, "nothing was stopped that could be brought back")
            connection, note = self._stopped
            self._free(connection)
            notes = (*self._kept.desktop.services, note) if note is not None else self._kept.desktop.services
            self._kept.change(
                [*self._kept.agent.connections, connection],
                dataclasses.replace(self._kept.desktop, services=notes),
            )
            self._stopped = None

    async def pause(self, service: str) -> None:
        """See Actions."""
        async with self._kept.changing():
            self._replace(self._find(service), paused=True)

    async def resume(self, service: str, lifetime_s: float | None = DEFAULT_LIFETIME_S) -> None:
        """See Actions."""
        async with self._kept.changing():
            connection = self._find(service)
            is_over = connection.until is not None and connection.until.timestamp() <= self._clock.now()
            until = self._until(lifetime_s) if is_over else connection.until
            self._replace(connection, paused=False, until=until)
        await self._have_bundled()

    async def pause_all(self) -> None:
        """See Actions."""
        await self._pause_all(is_paused=True)

    async def resume_all(self) -> None:
        """See Actions."""
        await self._pause_all(is_paused=False)
        await self._have_bundled()

    async def link(self, service: str) -> Shared:
        """See Actions."""
        async with self._kept.changing():
            connection = self._find(service, Direction.LISTEN)
            note = self._note(service)
            if connection.invited is None or note is None:
                return plain_link(connection, await self._endpoint_of(connection))
            if (known := self._links.known(connection)) is not None:
                return known
            changed, link = await self._links.invite(connection, note, LINK, None)
            self._replace(connection, invited=changed.invited)
            return link

    async def invite(self, service: str, name: str, lifetime_s: float) -> Shared:
        """See Actions."""
        async with self._kept.changing():
            connection = self._find(service, Direction.LISTEN)
            note = self._note(service)
            if connection.invited is None or note is None:
                raise fail(
                    Trouble.MISSING_RIGHT,
                    f"{service} is not shared with invited people, so that no invitation could be withdrawn;"
                    " share it through a key with the right Manage",
                )
            assert connection.target is not None
            if connection.target.kind is TargetKind.HTTP:
                raise fail(
                    Trouble.INVITATION,
                    f"{service} is shared as a web server, which cannot be brought to a port; copy its link instead",
                )
            changed, link = await self._links.invite(connection, note, name, lifetime_s, is_text=True)
            self._replace(connection, invited=changed.invited)
            return link

    async def withdraw(self, service: str, invitation: str) -> None:
        """See Actions."""
        async with self._kept.changing():
            connection = self._find(service, Direction.LISTEN)
            left = tuple(one for one in connection.invited or () if one.sha256 != invitation)
            if len(left) == len(connection.invited or ()):
                raise fail(Trouble.INVITATION, f"{service} has no such invitation any more")
            self._replace(connection, invited=left)

    # Connecting

    def examine(self, text: str) -> Offer:
        """See Actions."""
        with told():
            first, *others = offers(text, self._clock.now())
            return dataclasses.replace(first, others=tuple(others))

    async def connect(self, offer: Offer, port: int) -> Service:
        """See Actions."""
        async with self._kept.changing():
            if not offer.path:
                raise fail(
                    Trouble.CREDENTIAL,
                    "the connection string is for a whole namespace and names no hybrid connection (EntityPath);"
                    " add it as a gateway to share services through it",
                )
            name = self._free_name(offer.service)
            local = LocalAddress(LOOPBACK, port)
            if any(one.local == local for one in self._kept.agent.connections):
                raise fail(Trouble.PORT_TAKEN, f"another service has {local} already")
            if not is_free(port):
                raise fail(Trouble.PORT_TAKEN, f"another program has {local}")
            id_ = secrets.token_hex(8)
            connection = ConnectionConfig(
                name=name,
                path=offer.path,
                direction=Direction.CONNECT,
                local=local,
                credential=Credential(keystore=invitation_entry(id_)),
            )
            await self._keys.put(invitation_entry(id_), offer.text)
            note = ServiceNote(name=name, gateway=offer.gateway, is_web=offer.is_web)
            self._kept.change(
                [*self._kept.agent.connections, connection],
                dataclasses.replace(self._kept.desktop, services=(*self._kept.desktop.services, note)),
            )
        await self._settled(name)
        return next(one for one in self.snapshot().services if one.name == name)

    # One connection, one try

    async def cut(self, connection: int) -> None:
        """See Actions."""
        self._engine.cut(connection)

    async def retry_now(self, service: str | None = None) -> None:
        """See Actions."""
        self._engine.retry_now(service)
        self._prover.again()
        await self._have_bundled()

    def network_changed(self) -> None:
        """The network is another one, or the computer woke up: see at once what still works."""
        self._engine.check_now()
        self._prover.again()

    def agent_ended(self, error: Exception, next_try_at: float) -> None:
        """The agent has ended by a bug, and nothing is served until it is started again."""
        cause = f"the part that relays has ended unexpectedly ({type(error).__name__}); the log has more"
        self._agent_problem = Problem(
            trouble=Trouble.OTHER, cause=cause, since=self._clock.now(), next_try_at=next_try_at
        )
        self._on_change()

    def agent_begins(self) -> None:
        """The agent is started again."""
        self._agent_problem = None
        self._on_change()

    def woke_up(self) -> None:
        """The computer has slept, which the agent knows: see whether senders still get through."""
        self._prover.again()

    # Gateways

    async def add_gateway(self, connection_string: str, name: str | None = None) -> str:
        """See Actions."""
        async with self._kept.changing():
            text = read_pasted(connection_string).found[0].text
            if is_invitation(text):
                raise fail(Trouble.CREDENTIAL, "that is an invitation to one service, and no gateway's key")
            secret = parse_connection_string(text)
            if secret.authentication is not None:
                raise fail(
                    Trouble.CREDENTIAL, "the connection string says Managed Identity; use one with a key"
                )
            if name is None and (known := await self._known_gateway(text, secret.endpoint)) is not None:
                return known
            wanted = one_line(name or secret.endpoint.host.partition(".")[0]).strip()
            chosen = unique_name(wanted[:100], [one.name for one in self._notes()])
            await self._keys.put(gateway_entry(chosen), text)
            note = GatewayNote(
                name=chosen,
                address=secret.endpoint.authority,
                is_secure=secret.endpoint.is_secure,
                key_name=secret.key_name or "",
                path=secret.entity_path or "",
            )
            self._kept.change(
                None, dataclasses.replace(self._kept.desktop, gateways=(*self._kept.desktop.gateways, note))
            )
            return chosen

    async def _known_gateway(self, text: str, endpoint: Endpoint) -> str | None:
        """The gateway that was added with the very same connection string."""
        for note in self._kept.desktop.gateways:
            if note.address == endpoint.authority and await self._keys.get(gateway_entry(note.name)) == text:
                return note.name
        return None

    async def check(self, what: Offer | str, tell: Callable[[Check], object]) -> None:
        """See Actions."""
        with told():
            network = with_authority(self._kept.agent.network, self._authority())
            await check(what, tell, keys=self._keys, network=network, clock=self._clock)

    async def diagnose(self, service: str, tell: Callable[[Check], object]) -> None:
        """See Actions."""
        with told():
            config = self._find(service)
            network = with_authority(self._kept.agent.network, self._authority())
            await diagnose(
                config, tell, engine=self._engine, keys=self._keys, network=network, clock=self._clock
            )

    async def save_report(self, path: Path, examined: Sequence[Examined]) -> None:
        """See Actions."""
        with told():
            text = report(examined, self._clock.now())
            await asyncio.to_thread(path.write_text, text, encoding="utf-8")

    async def remove_gateway(self, name: str) -> None:
        """See Actions."""
        async with self._kept.changing():
            if used := [note.name for note in self._kept.desktop.services if note.gateway == name]:
                raise fail(Trouble.CONFIG, f"{', '.join(used)} goes through {name}: stop it first")
            left = tuple(one for one in self._kept.desktop.gateways if one.name != name)
            if len(left) == len(self._kept.desktop.gateways):
                raise fail(Trouble.CONFIG, f"there is no gateway {name!r} that could be removed")
            await self._keys.forget(gateway_entry(name))
            preferences = self._kept.desktop.preferences
            if preferences.gateway == name:
                preferences = dataclasses.replace(preferences, gateway=None)
            self._kept.change(
                None, dataclasses.replace(self._kept.desktop, gateways=left, preferences=preferences)
            )

    async def gateway_connection_string(self, name: str) -> str:
        """See Actions."""
        with told():
            if name == THIS_COMPUTER:
                return await self._keys.of_here(None, Right.MANAGE | Right.LISTEN | Right.SEND)
            text = await self._keys.get(gateway_entry(name))
            if text is None:
                raise fail(
                    Trouble.CREDENTIAL, f"the connection string of {name} is not in the keystore any more"
                )
            return text

    async def start_bundled(self, reach: Reach) -> None:
        """See Actions."""
        async with self._kept.changing():
            await self._bundled.start(reach)
            self._kept.change(None, dataclasses.replace(self._kept.desktop, reach=reach))

    async def stop_bundled(self) -> None:
        """See Actions."""
        async with self._kept.changing():
            if self._bundled.state is BundledState.ELSEWHERE:
                raise fail(
                    Trouble.OTHER, "the gateway was started by somebody else, and has to be stopped there"
                )
            await self._bundled.stop()

    # Keys and choices

    async def unlock_keystore(self, passphrase: str | None = None) -> KeystoreState:
        """See Actions."""
        with told():
            state = await self._keys.keystore.try_again(passphrase)
        self._engine.retry_now()
        self._on_change()
        return state

    async def choose_keystore(self, state: KeystoreState, passphrase: str | None = None) -> None:
        """See Actions."""
        with told():
            await self._keys.keystore.choose(state, passphrase)
        self._engine.retry_now()
        self._on_change()

    def preferences(self) -> Preferences:
        """See Actions."""
        return self._kept.desktop.preferences

    async def set_preferences(self, preferences: Preferences) -> None:
        """See Actions."""
        async with self._kept.changing():
            self._kept.change(None, dataclasses.replace(self._kept.desktop, preferences=preferences))

    async def save_log(self, path: Path) -> None:
        """See Actions."""
        with told():
            await asyncio.to_thread(path.write_text, self._log_text(), encoding="utf-8")

    # The local ports

    async def _watch_ports(self) -> None:
        """See whether the shared ports are still listened on."""
        while True:
            targets = {
                _place(one.target)
                for one in self._kept.agent.connections
                if one.target is not None and not one.paused and one.direction is Direction.LISTEN
            }
            found = {place: await self._ports.is_listening(*place) for place in sorted(targets)}
            if found != self._open_ports:
                self._open_ports = found
                self._on_change()
            await self._clock.wait(PORTS_S)

    def _kept_changed(self) -> None:
        """Capture only while that is wanted, and serve the demo page exactly while it is shared."""
        self._captured.is_capturing = self._kept.desktop.preferences.captures
        demos = {note.name for note in self._kept.desktop.services if note.is_demo}
        shared = (
            one for one in self._kept.agent.connections if one.label in demos and one.target is not None
        )
        first = next(shared, None)
        self._demo.want(None if first is None or first.target is None else first.target.port)
        self._on_change()

    # The gateway of this computer

    async def _begin(self) -> None:
        self._kept.begin()
        try:
            await self._keys.keystore.try_again()
        except KeystoreError as error:  # a sealed file that is damaged: it has been put aside
            log.warning("%s", error)
            self._kept.problem = dataclasses.replace(_problem_with_keys(error), since=self._clock.now())
            self._on_change()
        await self._have_bundled()

    async def _have_bundled(self) -> None:
        """Start the gateway of this computer where something is shared through it."""
        through = {note.name for note in self._kept.desktop.services if note.gateway == THIS_COMPUTER}
        wanted = any(
            one.label in through and not one.paused and one.direction is Direction.LISTEN
            for one in self._kept.agent.connections
        )
        if wanted and not self._bundled.serves:
            try:
                await self._bundled.start(self._bundled.reach)
            except Exception as error:
                problem = problem_of(error)
                if problem is None:
                    raise
                log.warning("%s", problem.cause)
                self._kept.problem = problem
                self._on_change()

    def _authority(self) -> Path | None:
        """The certificate authority that the gateway of this computer made for itself, while it runs."""
        running = self._bundled.running
        return None if running is None else running.ca

    def _bundled_changed(self) -> None:
        serves = self._bundled.serves
        if serves and not self._was_serving:
            try:
                self._kept.serve()  # its authority may be a new one
            except ConfigError as error:
                log.warning("the gateway of this computer is not trusted: %s", error)
            self._engine.retry_now()
        self._was_serving = serves
        self._on_change()

    # Finding and naming

    def _find(self, service: str, direction: Direction | None = None) -> ConnectionConfig:
        found = next(
            (one for one in self._kept.agent.connections if one.label.lower() == service.lower()), None
        )
        if found is None:
            raise fail(Trouble.CONFIG, f"there is no service {service!r}")
        if direction is not None and found.direction is not direction:
            raise fail(Trouble.CONFIG, f"{service} is not shared from here: it was brought here")
        return found

    def _note(self, service: str) -> ServiceNote | None:
        return next((one for one in self._kept.desktop.services if one.name.lower() == service.lower()), None)

    def _replace(self, connection: ConnectionConfig, **changes: object) -> None:
        changed = dataclasses.replace(connection, **changes)  # type: ignore[arg-type] # fields of a frozen value
        self._kept.change(
            [changed if one is connection else one for one in self._kept.agent.connections],
            self._kept.desktop,
        )

    async def _pause_all(self, *, is_paused: bool) -> None:
        async with self._kept.changing():
            self._kept.change(
                [dataclasses.replace(one, paused=is_paused) for one in self._kept.agent.connections],
                self._kept.desktop,
            )

    def _free(self, connection: ConnectionConfig) -> None:
        """Refuse what would be there twice.

        Raises:
            ActionError: It would.
        """
        if any(one.label.lower() == connection.label.lower() for one in self._kept.agent.connections):
            raise fail(Trouble.CONFIG, f"there is another service {connection.label!r} by now")

    def _free_name(self, wanted: str) -> str:
        name = one_line(wanted).strip()[:100] or "Service"
        return unique_name(name, [one.label for one in self._kept.agent.connections])

    def _name_for(self, target: Target) -> str:
        found = self._listening(target)
        return f"port-{target.port}" if found is None else found.default_name

    def _taken(self) -> set[tuple[str, str]]:
        """Gateways and paths that services have already."""
        gateways = {note.name: note.gateway for note in self._kept.desktop.services}
        return {
            (gateways.get(one.label, "").lower(), (one.path or "").lower())
            for one in self._kept.agent.connections
            if one.direction is Direction.LISTEN
        }

    def _usual_gateway(self) -> str:
        names = [one.name for one in self._notes()]
        last = self._kept.desktop.preferences.gateway
        if last in names:
            return last
        return self._kept.desktop.gateways[0].name if self._kept.desktop.gateways else THIS_COMPUTER

    def _until(self, lifetime_s: float | None) -> dt.datetime | None:
        if lifetime_s is None:
            return None
        return dt.datetime.fromtimestamp(int(self._clock.now() + lifetime_s), dt.UTC)

    async def _endpoint_of(self, connection: ConnectionConfig) -> Endpoint:
        text = await self._keys.fetch(connection.credential.keystore or "")
        if text is None:
            raise fail(Trouble.CREDENTIAL, f"the key of {connection.label} is not in the keystore any more")
        return parse_connection_string(text).endpoint

    @staticmethod
    async def _speaks_http(target: Target) -> bool:
        return await guess_kind(target.host, target.port) in (PortKind.WEB, PortKind.SECURE_WEB)

    async def _settled(self, name: str) -> None:
        """Wait a moment until the service works or says why not."""
        try:
            async with asyncio.timeout(SETTLE_S):
                async for status in self._engine.changes():
                    one = next((one for one in status.connections if one.name == name), None)
                    if one is None or one.state in (State.LISTENING, State.WAITING) or one.last_error:
                        return
        except TimeoutError:
            return

    async def _forget_stopped(self) -> None:
        """Remove the key of what was stopped before: it cannot be brought back any more."""
        if self._stopped is None:
            return
        connection, note = self._stopped
        self._stopped = None
        entry = connection.credential.keystore or ""
        if connection.direction is Direction.CONNECT and entry.startswith(invitation_entry("")):
            await self._keys.forget(entry)
        elif note is not None and connection.path:
            await self._gateways.forget_sender(note.gateway, connection.path)


def _problem_with_keys(error: KeystoreError) -> Problem:
    return Problem(trouble=error.trouble, cause=one_line(str(error)))


def _place(target: Target) -> tuple[str, int]:
    return target.host, target.port
