"""The desk: everything that can be asked of the desktop, done.

It belongs to one event loop, Qt's in the desktop and any other in tests. Actions that change what is shared take their turn
one after the other. Each first makes sure that it can be done, then writes the settings, then tells the agent: what fails
leaves everything as it was, and a crash in between leaves settings that are right.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import errno
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from agent.clock import Clock
from agent.config import (
    LOOPBACK,
    AgentConfig,
    ConnectionConfig,
    Credential,
    Direction,
    Invited,
    LocalAddress,
)
from agent.errors import ConfigError
from agent.invitation import ID_BYTES, Invitation, digest, is_invitation, new_id, sign_token
from agent.invitation import parse as parse_invitation
from agent.status import ConnectionStatus, State
from agent.targets import Target, TargetKind, parse_target
from hyco.addresses import Endpoint, parse_endpoint, sender_url
from hyco.connection_string import parse as parse_connection_string
from hyco.redaction import one_line
from hyco.sas import Right

from ..actions import (
    DEFAULT_LIFETIME_S,
    ActionError,
    ExposeRequest,
    Offer,
    Preferences,
    Reach,
    Shared,
    Who,
)
from ..keystore import Keystore, KeystoreError
from ..ports import ListeningPort, PortKind, PortWatcher, guess_kind
from ..settings import DesktopConfig, GatewayNote, ServiceNote, Settings, unique_name
from ..settings_file import SettingsError
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
from .engine import Engine
from .failures import fail, problem_of, told
from .gateways import Gateways, is_only_here
from .keys import THIS_COMPUTER, Keys, gateway_entry, invitation_entry
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
#: The life of a link to something that is shared until it is stopped.
LINK_LIFETIME_S: Final = 7 * 24 * 3600.0
#: The name of the invitations that are made for links.
LINK: Final = "Link"
_LOOPBACKS: Final = ("127.0.0.1", "::1", "localhost")
#: Invitations of one share.
MAX_INVITATIONS: Final = 100


class Desk:
    """See :class:`relaydesk.actions.Actions`.

    Args:
        engine: The agent.
        settings: The settings files.
        keystore: Where keys are kept.
        ports: What listens on this computer.
        data_folder: Of the gateway of this computer.
        clock: Time.
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
        on_change: Callable[[], object],
        log_text: Callable[[], str] = str,
        bundled_port: int | None = None,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._ports = ports
        self._clock = clock
        self._on_change = on_change
        self._log_text = log_text
        self._bundled = Bundled(data_folder, clock, self._bundled_changed, port=bundled_port)
        self._keys = Keys(keystore, data_folder, lambda: self._bundled.serves)
        self._gateways = Gateways(self._keys, self._bundled)
        self._prover = Prover(engine, clock, on_change)
        self._turn = asyncio.Lock()
        self._has_begun = asyncio.Event()
        self._agent = AgentConfig()
        self._desktop = DesktopConfig()
        self._stopped: tuple[ConnectionConfig, ServiceNote | None] | None = None
        self._problem: Problem | None = None
        self._misread: Problem | None = None
        """Why the settings that are in the files now are not those that are in effect."""
        self._links: dict[str, tuple[Invited, Shared]] = {}
        """The links that were made while this runs: their secret is nowhere else."""
        self._agent_problem: Problem | None = None
        self._was_serving = False
        self._is_without_ca_file = False
        self._open_ports: dict[tuple[str, int], bool | None] = {}

    @property
    def keys(self) -> Keys:
        """The agent's keystore is their ``fetch``."""
        return self._keys

    async def run(self) -> None:
        """Bring back what was shared, and keep up with it until cancelled."""
        self._load()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._bundled.run(), name="bundled gateway's owner")
                tasks.create_task(self._prover.run(), name="prover")
                tasks.create_task(self._watch_settings(), name="settings")
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
            for one in self._agent.connections
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
        notes = {note.name: note for note in self._desktop.services}
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

        services = picture.in_order(self._agent.connections, status, make)
        gateways = [self._gateway_here(services)]
        gateways += [picture.gateway_of(note, services) for note in self._desktop.gateways]
        return Snapshot(
            at=self._clock.now(),
            health=picture.health_of(services),
            services=services,
            connections=picture.live_connections(self._engine.relayed()),
            gateways=tuple(gateways),
            keystore=self._keys.keystore.state,
            problem=self._agent_problem or self._misread or self._problem,
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
        return (self._note_here(), *self._desktop.gateways)

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
        async with self._changing():
            target = parse_target(request.target)
            is_web = target.kind is TargetKind.HTTP or await self._speaks_http(target)
            name = self._free_name(request.name or self._name_for(target))
            gateway = request.gateway or self._usual_gateway()
            place = await self._gateways.prepare(
                gateway, name, request.who, taken=self._taken(), network=self._agent.network
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
            note = ServiceNote(name=name, gateway=gateway, is_web=is_web, is_public=place.who is Who.PUBLIC)
            link: Shared | None = None
            if place.who is Who.INVITED:
                connection, link = await self._with_invitation(connection, note, LINK, None)
            self._change(
                [*self._agent.connections, connection],
                dataclasses.replace(
                    self._desktop,
                    services=(*self._desktop.services, note),
                    preferences=dataclasses.replace(self._desktop.preferences, gateway=gateway),
                ),
            )
        await self._settled(name)
        return link or self._plain_link(connection, place.endpoint)

    async def stop(self, service: str) -> None:
        """See Actions."""
        async with self._changing():
            connection = self._find(service)
            note = self._note(service)
            self._change(
                [one for one in self._agent.connections if one is not connection],
                dataclasses.replace(
                    self._desktop, services=tuple(one for one in self._desktop.services if one is not note)
                ),
            )
            await self._forget_stopped()
            self._stopped = (connection, note)

    async def undo_stop(self) -> None:
        """See Actions."""
        async with self._changing():
            if self._stopped is None:
                raise fail(Trouble.OTHER, "nothing was stopped that could be brought back")
            connection, note = self._stopped
            self._free(connection)
            notes = (*self._desktop.services, note) if note is not None else self._desktop.services
            self._change(
                [*self._agent.connections, connection], dataclasses.replace(self._desktop, services=notes)
            )
            self._stopped = None

    async def pause(self, service: str) -> None:
        """See Actions."""
        async with self._changing():
            self._replace(self._find(service), paused=True)

    async def resume(self, service: str, lifetime_s: float | None = DEFAULT_LIFETIME_S) -> None:
        """See Actions."""
        async with self._changing():
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
        async with self._changing():
            connection = self._find(service, Direction.LISTEN)
            note = self._note(service)
            if connection.invited is None or note is None:
                return self._plain_link(connection, await self._endpoint_of(connection))
            if (known := self._known_link(connection)) is not None:
                return known
            changed, link = await self._with_invitation(connection, note, LINK, None)
            self._replace(connection, invited=changed.invited)
            return link

    async def invite(self, service: str, name: str, lifetime_s: float) -> Shared:
        """See Actions."""
        async with self._changing():
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
            changed, link = await self._with_invitation(connection, note, name, lifetime_s, is_text=True)
            self._replace(connection, invited=changed.invited)
            return link

    async def withdraw(self, service: str, invitation: str) -> None:
        """See Actions."""
        async with self._changing():
            connection = self._find(service, Direction.LISTEN)
            left = tuple(one for one in connection.invited or () if one.sha256 != invitation)
            if len(left) == len(connection.invited or ()):
                raise fail(Trouble.INVITATION, f"{service} has no such invitation any more")
            self._replace(connection, invited=left)

    async def _with_invitation(
        self,
        connection: ConnectionConfig,
        note: ServiceNote,
        name: str,
        lifetime_s: float | None,
        *,
        is_text: bool = False,
    ) -> tuple[ConnectionConfig, Shared]:
        """*connection* with one more invitation, and the text of that."""
        assert connection.path is not None
        assert connection.target is not None
        sender = await self._gateways.sender(note.gateway, connection.path)
        if sender is None:
            raise fail(
                Trouble.MISSING_RIGHT,
                f"the key of {note.gateway} lacks the right Manage, which it takes to make invitations",
            )
        now = self._clock.now()
        share_ends_at = None if connection.until is None else connection.until.timestamp()
        ends_at = now + (LINK_LIFETIME_S if lifetime_s is None else lifetime_s)
        if share_ends_at is not None and (lifetime_s is None or share_ends_at < ends_at):
            ends_at = share_ends_at
        invitation = Invitation(
            endpoint=sender.endpoint,
            path=connection.path,
            name=connection.label,
            token=sign_token(
                sender.endpoint,
                connection.path,
                rule_name=sender.rule_name,
                key=sender.key,
                expires_at=int(ends_at),
            ),
            id=new_id(secrets.token_bytes(ID_BYTES)),
            is_web=note.is_web,
            port=connection.target.port,
            ca=sender.ca,
        )
        left = tuple(
            one for one in connection.invited or () if one.until is None or one.until.timestamp() > now
        )
        if len(left) >= MAX_INVITATIONS:
            raise fail(
                Trouble.INVITATION, f"{connection.label} has {MAX_INVITATIONS} invitations; withdraw some"
            )
        invited = Invited(
            name=unique_name(one_line(name).strip()[:100] or LINK, [one.name for one in left]),
            sha256=digest(invitation.id),
            until=dt.datetime.fromtimestamp(int(ends_at), dt.UTC),
        )
        is_url = note.is_web and not is_text
        shared = Shared(
            service=connection.label,
            link=invitation.url() if is_url else invitation.text(),
            shown_link=invitation.shown_url() if is_url else invitation.shown(),
            is_only_this_computer=is_only_here(sender.endpoint),
        )
        if not is_text:
            self._links[connection.label] = (invited, shared)
        return dataclasses.replace(connection, invited=(*left, invited)), shared

    def _known_link(self, connection: ConnectionConfig) -> Shared | None:
        """The link that was made for it while this runs, if it still lets in: a link is not made anew for each copy."""
        invited, shared = self._links.get(connection.label, (None, None))
        if invited is None or invited not in (connection.invited or ()):
            return None
        is_over = invited.until is not None and invited.until.timestamp() <= self._clock.now()
        return None if is_over else shared

    def _plain_link(self, connection: ConnectionConfig, endpoint: Endpoint) -> Shared:
        """The address of what needs no invitation."""
        url = sender_url(endpoint, connection.path or "", "/")
        return Shared(
            service=connection.label, link=url, shown_link=url, is_only_this_computer=is_only_here(endpoint)
        )

    # Connecting

    def examine(self, text: str) -> Offer:
        """See Actions."""
        with told():
            text = text.strip()
            if is_invitation(text):
                invitation = parse_invitation(text, self._clock.now())
                return Offer(
                    service=invitation.name,
                    gateway=invitation.endpoint.authority,
                    is_secure=invitation.endpoint.is_secure,
                    path=invitation.path,
                    is_invitation=True,
                    is_web=invitation.is_web,
                    rights=("Send",),
                    expires_at=invitation.expires_at,
                    suggested_port=_free_port(invitation.port),
                    text=text,
                )
            secret = parse_connection_string(text)
            if secret.entity_path is None:
                raise fail(
                    Trouble.CREDENTIAL,
                    "the connection string is for a whole namespace and names no hybrid connection (EntityPath);"
                    " add it as a gateway to share services through it",
                )
            return Offer(
                service=secret.entity_path,
                gateway=secret.endpoint.authority,
                is_secure=secret.endpoint.is_secure,
                path=secret.entity_path,
                is_invitation=False,
                is_web=False,
                rights=None,
                expires_at=None,
                suggested_port=_free_port(None),
                text=text,
            )

    async def connect(self, offer: Offer, port: int) -> Service:
        """See Actions."""
        async with self._changing():
            name = self._free_name(offer.service)
            local = LocalAddress(LOOPBACK, port)
            if any(one.local == local for one in self._agent.connections):
                raise fail(Trouble.PORT_TAKEN, f"another service has {local} already")
            if not _is_free(port):
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
            self._change(
                [*self._agent.connections, connection],
                dataclasses.replace(self._desktop, services=(*self._desktop.services, note)),
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
        async with self._changing():
            secret = parse_connection_string(connection_string.strip())
            if secret.authentication is not None:
                raise fail(
                    Trouble.CREDENTIAL, "the connection string says Managed Identity; use one with a key"
                )
            wanted = one_line(name or secret.endpoint.host.partition(".")[0]).strip()
            chosen = unique_name(wanted[:100], [one.name for one in self._notes()])
            await self._keys.put(gateway_entry(chosen), connection_string.strip())
            note = GatewayNote(
                name=chosen,
                address=secret.endpoint.authority,
                is_secure=secret.endpoint.is_secure,
                key_name=secret.key_name or "",
                path=secret.entity_path or "",
            )
            self._change(None, dataclasses.replace(self._desktop, gateways=(*self._desktop.gateways, note)))
            return chosen

    async def remove_gateway(self, name: str) -> None:
        """See Actions."""
        async with self._changing():
            if used := [note.name for note in self._desktop.services if note.gateway == name]:
                raise fail(Trouble.CONFIG, f"{', '.join(used)} goes through {name}: stop it first")
            left = tuple(one for one in self._desktop.gateways if one.name != name)
            if len(left) == len(self._desktop.gateways):
                raise fail(Trouble.CONFIG, f"there is no gateway {name!r} that could be removed")
            await self._keys.forget(gateway_entry(name))
            preferences = self._desktop.preferences
            if preferences.gateway == name:
                preferences = dataclasses.replace(preferences, gateway=None)
            self._change(None, dataclasses.replace(self._desktop, gateways=left, preferences=preferences))

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
        async with self._changing():
            await self._bundled.start(reach)
            self._change(None, dataclasses.replace(self._desktop, reach=reach))

    async def stop_bundled(self) -> None:
        """See Actions."""
        async with self._changing():
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
        return self._desktop.preferences

    async def set_preferences(self, preferences: Preferences) -> None:
        """See Actions."""
        async with self._changing():
            self._change(None, dataclasses.replace(self._desktop, preferences=preferences))

    async def save_log(self, path: Path) -> None:
        """See Actions."""
        with told():
            await asyncio.to_thread(path.write_text, self._log_text(), encoding="utf-8")

    # Settings

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        """One change after the other, and what goes wrong in the words of an action."""
        await self._has_begun.wait()  # what is clicked in the first moment comes after what was there before
        with told():
            async with self._turn:
                self._take_changes_by_hand()
                if self._misread is not None:
                    raise ActionError(self._misread)  # what somebody is writing there is not written over
                yield

    def _change(self, connections: Iterable[ConnectionConfig] | None, desktop: DesktopConfig) -> None:
        """Write what changed, and have the agent do it.

        Raises:
            SettingsError: It cannot be written; nothing has changed.
        """
        agent = self._agent
        if connections is not None:
            agent = dataclasses.replace(agent, connections=tuple(connections))
        if agent != self._agent:
            self._settings.save_agent(agent)
        if desktop != self._desktop:
            try:
                self._settings.save_desktop(desktop)
            except SettingsError:
                if agent != self._agent:
                    with contextlib.suppress(SettingsError):  # the first of them is what is said
                        self._settings.save_agent(self._agent)
                raise
        self._take(agent, desktop)

    def _take(self, agent: AgentConfig, desktop: DesktopConfig) -> None:
        """Go on with these settings.

        Raises:
            ConfigError: The agent cannot serve them; what was there before stays.
        """
        before = self._agent, self._desktop
        if agent.network != self._agent.network:
            self._is_without_ca_file = False
        self._agent, self._desktop = agent, desktop
        try:
            self._engine.apply(self._served())
        except ConfigError:
            self._agent, self._desktop = before
            raise
        self._prover.is_wanted = desktop.preferences.has_probes
        self._on_change()

    def _served(self) -> AgentConfig:
        """What the agent is to serve: as in the settings, with the authority of a gateway of our own trusted."""
        running = self._bundled.running
        network = self._agent.network
        ca_file = None if self._is_without_ca_file else network.ca_file
        if ca_file is None and running is not None:
            ca_file = running.ca
        if ca_file == network.ca_file:
            return self._agent
        return dataclasses.replace(self._agent, network=dataclasses.replace(network, ca_file=ca_file))

    def _load(self) -> None:
        """Read the settings; files that cannot be read are put aside, and said."""
        try:
            agent, desktop = self._settings.load_agent(), self._settings.load_desktop()
        except SettingsError as error:
            log.warning("%s", error)
            cause = str(error)
            try:
                kept = self._settings.keep_aside()
                agent, desktop = self._settings.load_agent(), self._settings.load_desktop()
                cause += f"; it is kept as {', '.join(path.name for path in kept)}"
            except SettingsError as second:
                log.warning("%s", second)
                agent, desktop = AgentConfig(), DesktopConfig()
            self._problem = Problem(trouble=Trouble.CONFIG, cause=one_line(cause), since=self._clock.now())
        self._bundled.reach = desktop.reach
        try:
            self._take(agent, desktop)
        except ConfigError as error:
            # certificates that cannot be read: what needs none of them works all the same
            log.warning("%s", error)
            self._problem = Problem(
                trouble=Trouble.CONFIG, cause=one_line(str(error)), since=self._clock.now()
            )
            self._agent = agent
            self._is_without_ca_file = True
            self._take(agent, desktop)

    async def _watch_settings(self) -> None:
        """Take what is changed by hand."""
        while True:
            await self._clock.wait(LOOK_S)
            async with self._turn:
                self._take_changes_by_hand()

    def _take_changes_by_hand(self) -> None:
        """Take what was changed by hand, when it is right; otherwise say what is wrong and go on as before."""
        if not self._settings.have_changed():
            return
        try:
            agent, desktop = self._settings.load_agent(), self._settings.load_desktop()
            self._take(agent, desktop)
        except (SettingsError, ConfigError) as error:
            log.warning("%s; what was there before stays", error)
            self._misread = Problem(
                trouble=Trouble.CONFIG, cause=one_line(str(error)), since=self._clock.now()
            )
            self._on_change()
            return
        log.info("the settings were changed by hand")
        self._misread = self._problem = None
        self._on_change()

    async def _watch_ports(self) -> None:
        """See whether the shared ports are still listened on."""
        while True:
            targets = {
                _place(one.target)
                for one in self._agent.connections
                if one.target is not None and not one.paused and one.direction is Direction.LISTEN
            }
            found = {place: await self._ports.is_listening(*place) for place in sorted(targets)}
            if found != self._open_ports:
                self._open_ports = found
                self._on_change()
            await self._clock.wait(PORTS_S)

    # The gateway of this computer

    async def _begin(self) -> None:
        self._has_begun.set()
        try:
            await self._keys.keystore.try_again()
        except KeystoreError as error:  # a sealed file that is damaged: it has been put aside
            log.warning("%s", error)
            self._problem = dataclasses.replace(_problem_with_keys(error), since=self._clock.now())
            self._on_change()
        await self._have_bundled()

    async def _have_bundled(self) -> None:
        """Start the gateway of this computer where something is shared through it."""
        through = {note.name for note in self._desktop.services if note.gateway == THIS_COMPUTER}
        wanted = any(
            one.label in through and not one.paused and one.direction is Direction.LISTEN
            for one in self._agent.connections
        )
        if wanted and not self._bundled.serves:
            try:
                await self._bundled.start(self._bundled.reach)
            except Exception as error:
                problem = problem_of(error)
                if problem is None:
                    raise
                log.warning("%s", problem.cause)
                self._problem = problem
                self._on_change()

    def _bundled_changed(self) -> None:
        serves = self._bundled.serves
        if serves and not self._was_serving:
            try:
                self._engine.apply(self._served())  # its authority may be a new one
            except ConfigError as error:
                log.warning("the gateway of this computer is not trusted: %s", error)
            self._engine.retry_now()
        self._was_serving = serves
        self._on_change()

    # Finding and naming

    def _find(self, service: str, direction: Direction | None = None) -> ConnectionConfig:
        found = next((one for one in self._agent.connections if one.label.lower() == service.lower()), None)
        if found is None:
            raise fail(Trouble.CONFIG, f"there is no service {service!r}")
        if direction is not None and found.direction is not direction:
            raise fail(Trouble.CONFIG, f"{service} is not shared from here: it was brought here")
        return found

    def _note(self, service: str) -> ServiceNote | None:
        return next((one for one in self._desktop.services if one.name.lower() == service.lower()), None)

    def _replace(self, connection: ConnectionConfig, **changes: object) -> None:
        changed = dataclasses.replace(connection, **changes)  # type: ignore[arg-type] # fields of a frozen value
        self._change(
            [changed if one is connection else one for one in self._agent.connections], self._desktop
        )

    async def _pause_all(self, *, is_paused: bool) -> None:
        async with self._changing():
            self._change(
                [dataclasses.replace(one, paused=is_paused) for one in self._agent.connections], self._desktop
            )

    def _free(self, connection: ConnectionConfig) -> None:
        """Refuse what would be there twice.

        Raises:
            ActionError: It would.
        """
        if any(one.label.lower() == connection.label.lower() for one in self._agent.connections):
            raise fail(Trouble.CONFIG, f"there is another service {connection.label!r} by now")

    def _free_name(self, wanted: str) -> str:
        name = one_line(wanted).strip()[:100] or "Service"
        return unique_name(name, [one.label for one in self._agent.connections])

    def _name_for(self, target: Target) -> str:
        found = self._listening(target)
        return f"port-{target.port}" if found is None else found.default_name

    def _taken(self) -> set[tuple[str, str]]:
        """Gateways and paths that services have already."""
        gateways = {note.name: note.gateway for note in self._desktop.services}
        return {
            (gateways.get(one.label, "").lower(), (one.path or "").lower())
            for one in self._agent.connections
            if one.direction is Direction.LISTEN
        }

    def _usual_gateway(self) -> str:
        names = [one.name for one in self._notes()]
        last = self._desktop.preferences.gateway
        if last in names:
            return last
        return self._desktop.gateways[0].name if self._desktop.gateways else THIS_COMPUTER

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


def _is_free(port: int) -> bool:
    """Whether the local port can be bound now."""
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            return error.errno not in (errno.EADDRINUSE, errno.EACCES)
    return True


def _free_port(wanted: int | None) -> int:
    """*wanted* where it is free and needs no privilege; otherwise any free one."""
    if wanted is not None and wanted >= 1024 and _is_free(wanted):
        return wanted
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
