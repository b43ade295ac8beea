"""The doctor: walks from the local service to the senders and back, and names the hop that fails, the cause and the fault.

Every check has a deadline, and all of them one together; nothing that the network does raises. Nothing is changed anywhere, and
nobody's senders are touched:

* the gateway is asked about the hybrid connection as Azure's SDKs ask (``management.py``);
* whether a key may listen is asked at a name that does not exist, or at the hybrid connection itself while nobody listens there;
* whether it may send, by a request for a listener that does not exist, so that no listener hears of it;
* the whole way is tried by the probe of ``probe.py``, which the local service never hears of.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Final

from hyco.addresses import canonical_path, listen_url
from hyco.errors import HycoError, RemoteProtocolError
from hyco.limits import MAX_LISTENERS
from hyco.listener import ListenerChannel, RequestReceived, respond

from .checks import Check, Fault, Outcome, Step
from .clock import Clock
from .config import LOOPBACK, ConnectionConfig, Credential, Deadlines, Direction, LocalAddress, NetworkConfig
from .credentials import Access, Keystore, find_access
from .errors import (
    AgentError,
    ConfigError,
    CredentialError,
    GatewayRejectedError,
    KeystoreLockedError,
    TargetUnreachableError,
    UnusableInvitationError,
)
from .hops import HopError, Hops, NotTriedError, Patience, Timekeeper, behind, is_refusal, said, skipped, span
from .management import Description, Management
from .network import Network, connect_directly, explain
from .probe import ALLOWED_LISTENERS, Failed, Impossible, Nonces, ProbeResult, Proven, probe
from .rendezvous_addresses import parse_address
from .sender import send_request
from .status import ConnectionStatus, State
from .targets import Target
from .transport import TOKEN_HEADER, ControlConnection, open_control

__all__ = ["Patience", "Running", "Subject", "examine"]

log = logging.getLogger(__name__)

_REFUSED: Final = (401, 403)
_NOWHERE: Final = "relaydesk-doctor"
"""How a hybrid connection is called that there is not; random characters follow."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is examined: a configured hybrid connection, or nothing but a connection string."""

    credential: Credential
    path: str | None = None
    """The hybrid connection; None takes that of the connection string. Where there is none either, the key alone is tried."""
    direction: Direction | None = None
    """What it is to be used for; None: whatever the key allows."""
    target: Target | None = None
    insecure: bool = False
    """Allow a gateway without TLS beyond this computer."""

    @classmethod
    def of(cls, config: ConnectionConfig) -> Subject:
        """A configured hybrid connection."""
        return cls(
            credential=config.credential,
            path=config.path,
            direction=config.direction,
            target=config.target,
            insecure=config.insecure,
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The same hybrid connection as an agent here serves it."""

    status: ConnectionStatus
    probe: Callable[[], Awaitable[ProbeResult]] = dataclasses.field(repr=False)


async def examine(
    subject: Subject,
    network: NetworkConfig | None = None,
    *,
    keystore: Keystore | None = None,
    running: Running | None = None,
    patience: Patience | None = None,
    clock: Clock | None = None,
) -> AsyncGenerator[Check]:
    """Walk the hops and give each check as it is made, in the order of :class:`Step`, one for each.

    Never raises for anything that the network, a gateway, a keystore or a connection string does. Whoever leaves early closes the
    generator; nothing stays open.

    Args:
        subject: What to examine.
        network: Proxy and roots; the system's where not given.
        keystore: Where ``credential.keystore`` is looked up.
        running: What serves it here at the moment.
        patience: The deadlines.
        clock: The computer's own where not given.
    """
    clock, patience = clock or Clock(), patience or Patience()
    time = Timekeeper(clock, patience.total_s)
    examination = _Examination(subject, network or NetworkConfig(), keystore, running, patience, clock, time)
    async with contextlib.aclosing(examination.walk()) as checks:
        async for check in checks:
            yield check


class _Examination:
    def __init__(  # noqa: PLR0917 - those of examine()
        self,
        subject: Subject,
        config: NetworkConfig,
        keystore: Keystore | None,
        running: Running | None,
        patience: Patience,
        clock: Clock,
        time: Timekeeper,
    ) -> None:
        self._subject = subject
        self._config = config
        self._keystore = keystore
        self._running = running
        self._patience = patience
        self._clock = clock
        self._time = time
        self._deadlines = Deadlines(
            handshake_s=patience.answer_s, connect_s=patience.answer_s, accept_s=patience.answer_s
        )
        self._broken: Step | None = None
        self._ahead_s: float | None = None
        self._description: Description | None = None
        self._is_missing: bool | None = None
        """Whether there is no such hybrid connection; None while that is not known."""
        self._may_listen: bool | None = None
        self._may_send: bool | None = None
        self._has_listener: bool | None = None

    async def walk(self) -> AsyncGenerator[Check]:
        yield await self._target()
        try:
            access, has_path = await self._find_access()
        except HopError as error:
            for step in (Step.DNS, Step.PROXY, Step.TCP, Step.TLS, Step.CLOCK):
                yield skipped(step, "not tried: which gateway it is stands in what cannot be used")
            yield Check(
                step=Step.TOKEN,
                outcome=Outcome.FAILED,
                tried="read the connection string",
                found=error.found,
                fault=error.fault,
            )
            for step in (Step.HYBRID_CONNECTION, Step.LISTENERS, Step.END_TO_END):
                yield skipped(step, behind(Step.TOKEN))
            return
        secret = access.secret
        hops = Hops(
            access.endpoint,
            Network(self._config).trusting(access.ca),
            self._config,
            patience=self._patience,
            clock=self._clock,
            time=self._time,
            signs_tokens=secret is not None and secret.key is not None,
        )
        async with contextlib.aclosing(hops.walk()) as checks:
            async for check in checks:
                yield check
        self._broken = hops.broken
        self._ahead_s = None if hops.greeting is None else hops.greeting.ahead_s
        is_gateway = hops.greeting is not None and hops.greeting.is_gateway
        at = _AtGateway(access, Network(self._config), self._deadlines, self._clock)
        for step in (Step.TOKEN, Step.HYBRID_CONNECTION, Step.LISTENERS, Step.END_TO_END):
            if self._broken is not None:
                check = skipped(step, behind(self._broken))
            else:
                check = await self._ask_gateway(step, at, has_path=has_path, is_gateway=is_gateway)
            if check.outcome is Outcome.FAILED and step is not Step.LISTENERS:
                self._broken = step
            yield check

    async def _ask_gateway(self, step: Step, at: _AtGateway, *, has_path: bool, is_gateway: bool) -> Check:
        match step:
            case Step.TOKEN:
                return await self._token(at, has_path=has_path, is_gateway=is_gateway)
            case Step.HYBRID_CONNECTION:
                return await self._hybrid_connection(at.access, has_path=has_path)
            case Step.LISTENERS:
                return await self._listeners(at.access, has_path=has_path)
            case _:
                return await self._end_to_end(at, has_path=has_path)

    # Before the gateway

    async def _target(self) -> Check:
        target = self._subject.target
        if target is None:
            return skipped(Step.TARGET, "no local service belongs to it")

        async def connect() -> str:
            try:
                transport = await connect_directly(asyncio.Protocol(), target.host, target.port, None)
            except (OSError, UnicodeError) as error:
                why = explain(error)
                fault = Fault.TARGET_REFUSES if is_refusal(why) else Fault.TARGET_SILENT
                raise HopError(fault, str(TargetUnreachableError(f"cannot reach {target}: {why}"))) from error
            transport.abort()
            return "it takes connections"

        return await self._time.run(
            Step.TARGET,
            f"connected to {target}",
            connect,
            within_s=self._patience.target_s,
            silence=Fault.TARGET_SILENT,
        )

    async def _find_access(self) -> tuple[Access, bool]:
        """The way to the gateway, and whether a hybrid connection is named; where none is, a path of one that there is not.

        Raises:
            HopError: The connection string is not there, or cannot be used.
        """
        subject = self._subject
        nowhere = _nowhere()
        is_listener = subject.direction is Direction.LISTEN and subject.target is not None
        config = ConnectionConfig(
            credential=subject.credential,
            path=subject.path or nowhere,
            insecure=subject.insecure,
            direction=Direction.LISTEN if is_listener else Direction.CONNECT,
            target=subject.target if is_listener else None,
            local=None if is_listener else LocalAddress(LOOPBACK, 0),
        )
        fault = Fault.CONNECTION_STRING if subject.credential.keystore is None else Fault.KEYSTORE
        try:
            async with asyncio.timeout(self._patience.total_s):
                access = await find_access(config, self._keystore)
            path = subject.path
            if not path:
                own = access.secret.entity_path if access.secret is not None else None
                path = access.invitation.path if access.invitation is not None else own
            if path:
                canonical_path(path)
        except TimeoutError:
            raise HopError(Fault.KEYSTORE, "the keystore did not answer in time") from None
        except KeystoreLockedError as error:
            raise HopError(Fault.KEYSTORE, said(error)) from error
        except (UnusableInvitationError, ConfigError, HycoError) as error:
            raise HopError(Fault.CONNECTION_STRING, said(error)) from error
        except CredentialError as error:
            is_there = "connection string cannot be used" in str(error)
            raise HopError(Fault.CONNECTION_STRING if is_there else fault, said(error)) from error
        except AgentError as error:
            raise HopError(fault, said(error)) from error
        if path:
            access = dataclasses.replace(access, path=path.strip("/"))
        return access, bool(path)

    # At the gateway

    async def _token(self, at: _AtGateway, *, has_path: bool, is_gateway: bool) -> Check:
        access, subject = at.access, self._subject
        where = f"{access.endpoint.authority}/{access.path}" if has_path else access.endpoint.authority

        async def ask() -> str:
            try:
                token = access.token(self._clock.now())
            except UnusableInvitationError as error:
                raise self._over(access.ends_at, str(error)) from error
            except CredentialError as error:
                raise HopError(Fault.CONNECTION_STRING, str(error)) from error
            if token is None:
                if subject.direction is Direction.LISTEN:
                    raise HopError(Fault.CONNECTION_STRING, "it holds no key, and a listener needs one")
                await self._try_to_send(at)
                raise NotTriedError("there is no key; senders need none there, or are refused")
            await self._describe(at, token.expires_at, is_gateway=is_gateway)
            return await self._rights(at, token.expires_at)

        return await self._time.run(
            Step.TOKEN,
            f"showed {where} a token",
            ask,
            within_s=3 * self._patience.answer_s,
            silence=Fault.NOT_A_GATEWAY,
        )

    async def _describe(self, at: _AtGateway, expires_at: float, *, is_gateway: bool) -> None:
        """Ask about the hybrid connection: whether the key is good shows by the answer."""
        try:
            self._description = await at.describe()
        except GatewayRejectedError as error:
            fault = _fault_of(error)
            if fault is Fault.RIGHT_MISSING:
                return  # a key may be allowed to listen, and not to read about it
            if error.status in _REFUSED:
                raise self._refused(fault, error, expires_at) from error
            raise HopError(Fault.NOT_A_GATEWAY, said(error)) from error
        except ConfigError as error:  # a proxy that takes no requests
            log.debug("management cannot be asked: %s", error)
            return
        except AgentError as error:
            raise HopError(Fault.NOT_A_GATEWAY, said(error)) from error
        self._is_missing = self._description is None
        if self._is_missing and not is_gateway:
            raise HopError(
                Fault.NOT_A_GATEWAY,
                "it answers 404 as any web server does, and knows nothing of hybrid connections",
            )

    async def _rights(self, at: _AtGateway, expires_at: float) -> str:
        """Find out what the key allows, as far as nobody is touched by it; what it is to be used for is required."""
        direction, running = self._subject.direction, self._running
        if running is not None and running.status.state is State.LISTENING and direction is Direction.LISTEN:
            self._may_listen = True
            return "the key is good, and may listen"
        missing: list[GatewayRejectedError] = []
        for wanted, attempt in (
            (Direction.LISTEN, self._try_to_listen),
            (Direction.CONNECT, self._try_to_send),
        ):
            if direction not in (None, wanted):
                continue
            try:
                await attempt(at)
            except GatewayRejectedError as error:
                fault = _fault_of(error)
                if fault is not Fault.RIGHT_MISSING:
                    raise self._refused(fault, error, expires_at) from error
                missing.append(error)
            except AgentError as error:
                raise HopError(Fault.NOT_A_GATEWAY, said(error)) from error
        if missing and not (self._may_listen or self._may_send):
            raise HopError(Fault.RIGHT_MISSING, said(missing[0])) from missing[0]
        may = [word for word, is_so in (("listen", self._may_listen), ("send", self._may_send)) if is_so]
        if may:
            return f"the key is good, and may {' and '.join(may)}"
        return "the key is good; whether it may listen was not tried, for others listen there now"

    async def _try_to_listen(self, at: _AtGateway) -> None:
        """See whether the key may listen.

        Raises:
            GatewayRejectedError: It may not, or it is no good.
            AgentError: There is no telling.
        """
        if at.access.invitation is not None:
            self._may_listen = False
            return
        try:
            async with at.listening(_nowhere()):
                self._may_listen = True
        except GatewayRejectedError as error:
            if error.status not in _REFUSED:
                self._may_listen = True  # it looked for the hybrid connection, which comes after the token
                return
            fault = _fault_of(error)
            if fault is Fault.LISTENERS_FULL:
                self._may_listen = True
                return
            if fault is Fault.RIGHT_MISSING:
                self._may_listen = False
                raise
            if self._description is None:
                # a key that the gateway took a moment ago is one for a hybrid connection alone
                if self._is_missing is None:
                    raise
                return
            # so is this one; that there is nobody else to be disturbed is known
            if self._description.listener_count == 0:
                await self._listen_for_a_moment(at)

    async def _listen_for_a_moment(self, at: _AtGateway) -> None:
        try:
            async with at.listening():
                self._may_listen = True
        except GatewayRejectedError as error:
            self._may_listen = _fault_of(error) is not Fault.RIGHT_MISSING
            if not self._may_listen:
                raise

    async def _try_to_send(self, at: _AtGateway) -> None:
        """See whether the key may send, and whether anybody listens.

        Raises:
            GatewayRejectedError: It may not, or it is no good.
            AgentError: There is no telling.
        """
        try:
            await at.send_to_nobody()
        except ConfigError as error:  # a proxy that takes no requests
            log.debug("no request can be sent: %s", error)
            return
        except GatewayRejectedError as error:
            if error.status in _REFUSED:
                self._may_send = False
                raise
            self._may_send = True
            fault = _fault_of(error)
            if fault is Fault.HYBRID_CONNECTION_MISSING:
                self._is_missing = True
            elif error.status == 404:
                self._has_listener = fault is not Fault.NO_LISTENER
                self._is_missing = False
            return
        self._may_send = self._has_listener = True

    async def _hybrid_connection(self, access: Access, *, has_path: bool) -> Check:
        async def look() -> str:
            if not has_path:
                raise NotTriedError("the connection string names none, and none was given")
            if self._is_missing:
                raise HopError(
                    Fault.HYBRID_CONNECTION_MISSING,
                    f"there is no hybrid connection {access.path} on {access.endpoint.authority}",
                )
            if self._is_missing is None:
                raise NotTriedError("the gateway does not tell with this key")
            if self._description is not None and self._description.is_anonymous:
                return f"there is {access.path}; its senders need no token"
            return f"there is {access.path}"

        return await self._time.run(
            Step.HYBRID_CONNECTION,
            f"asked for {access.path}",
            look,
            within_s=self._patience.answer_s,
            silence=Fault.NOT_A_GATEWAY,
        )

    async def _listeners(self, access: Access, *, has_path: bool) -> Check:
        async def count() -> str:
            if not has_path:
                raise NotTriedError("no hybrid connection was named")
            number = None if self._description is None else self._description.listener_count
            if number is None and self._has_listener is False:
                number = 0
            if number is None:
                if self._has_listener:
                    return "somebody listens"
                raise NotTriedError("the gateway does not say with this key how many listen")
            return self._judge_listeners(number)

        return await self._time.run(
            Step.LISTENERS,
            f"asked how many listen on {access.path}",
            count,
            within_s=self._patience.answer_s,
            silence=Fault.NOT_A_GATEWAY,
        )

    def _judge_listeners(self, number: int) -> str:
        status = None if self._running is None else self._running.status
        is_ours = status is not None and status.state is State.LISTENING
        listens = f"{number} listen" if number != 1 else "1 listens"
        if self._subject.direction is Direction.LISTEN and is_ours:
            return f"{listens}, this computer among them"
        if number >= MAX_LISTENERS:
            if self._subject.direction is Direction.CONNECT:
                return listens
            raise HopError(
                Fault.LISTENERS_FULL, f"{listens}, and a hybrid connection has room for {MAX_LISTENERS}"
            )
        if number:
            return listens
        if self._subject.direction is Direction.CONNECT:
            raise HopError(Fault.NO_LISTENER, "nobody listens")
        if status is not None and status.state not in (State.PAUSED, State.EXPIRED):
            raise HopError(Fault.NO_LISTENER, "nobody listens, and this computer does not either")
        if self._subject.direction is None and self._may_send and not self._may_listen:
            raise HopError(Fault.NO_LISTENER, "nobody listens", Outcome.WARNING)
        return "nobody listens yet"

    async def _end_to_end(self, at: _AtGateway, *, has_path: bool) -> Check:
        async def go() -> str:
            return _judge_probe(await self._probed(at, has_path=has_path))

        return await self._time.run(
            Step.END_TO_END,
            f"sent a request of our own through {at.access.endpoint.authority} and back",
            go,
            within_s=self._patience.end_to_end_s,
            silence=Fault.PROBE_LOST,
        )

    async def _probed(self, at: _AtGateway, *, has_path: bool) -> ProbeResult:
        subject, running = self._subject, self._running
        if subject.direction is Direction.CONNECT:
            raise NotTriedError(
                "not tried: a request would reach the service itself; the way to a listener is shown above"
            )
        if running is not None:
            status = running.status
            if status.state is State.LISTENING:
                return await running.probe()
            if status.state in (State.PAUSED, State.EXPIRED):
                raise NotTriedError(f"not tried: the service is {status.state.value}")
            why = f": {status.last_error}" if status.last_error else ""
            raise NotTriedError(f"not tried: the service is not connected{why}")
        number = None if self._description is None else self._description.listener_count
        if not has_path:
            raise NotTriedError("not tried: no hybrid connection was named")
        if not self._may_listen:
            raise NotTriedError("not tried: the key may not listen, or nobody can tell")
        if number is None:
            raise NotTriedError(
                "not tried: whether others listen is not known, and their senders would come here"
            )
        if number:
            raise NotTriedError("not tried: others listen there, and some of their senders would come here")
        try:
            return await at.probe_for_a_moment(self._patience.end_to_end_s)
        except GatewayRejectedError as error:
            raise HopError(_fault_of(error), said(error)) from error
        except AgentError as error:
            raise HopError(Fault.PROBE_LOST, said(error)) from error

    # What it means

    def _refused(self, fault: Fault, error: GatewayRejectedError, expires_at: float) -> HopError:
        return (
            self._over(expires_at, said(error))
            if fault is Fault.TOKEN_EXPIRED
            else HopError(fault, said(error))
        )

    def _over(self, ended_at: float | None, why: str) -> HopError:
        """The token, or the invitation, is over: by the clock here, by the gateway's, or by both."""
        ahead_s, now = self._ahead_s or 0.0, self._clock.now()
        is_over_here, is_over_there = (ended_at is None or ended_at <= at for at in (now, now + ahead_s))
        if is_over_here == is_over_there:
            return HopError(Fault.TOKEN_EXPIRED, why)
        which = "slow" if ahead_s > 0 else "fast"
        return HopError(
            Fault.CLOCK_WRONG,
            f"{why}; this computer's clock is {span(ahead_s)} {which} against the gateway's",
        )


class _AtGateway:
    """What is asked of the gateway with the key."""

    def __init__(self, access: Access, network: Network, deadlines: Deadlines, clock: Clock) -> None:
        self.access = access
        self._network = network
        self._deadlines = deadlines
        self._clock = clock

    async def describe(self) -> Description | None:
        return await Management(self.access, self._network, self._deadlines, self._clock).describe()

    async def send_to_nobody(self) -> None:
        """Send a request that is meant for a listener that does not exist: no answer but a refusal is expected."""
        nobody = ((ALLOWED_LISTENERS, str(uuid.uuid4())),)
        async with send_request(
            self.access, self._network, self._deadlines, self._clock, suffix="/", headers=nobody
        ):
            pass

    @contextlib.asynccontextmanager
    async def listening(
        self, path: str | None = None, listener_id: str | None = None
    ) -> AsyncIterator[ControlConnection]:
        """Open a control channel: of the hybrid connection, or of *path*."""
        access = self.access if path is None else dataclasses.replace(self.access, path=path)
        token = access.token(self._clock.now())
        if token is None:
            raise ConfigError("credential: a listener needs a key")
        url = listen_url(access.endpoint, access.path, tracking_id=listener_id or str(uuid.uuid4()))
        headers = [(TOKEN_HEADER, token.text)]
        network = self._network.trusting(access.ca)
        async with open_control(parse_address(url), headers, network, self._deadlines) as control:
            yield control

    async def probe_for_a_moment(self, timeout_s: float) -> ProbeResult:
        """Listen, where nobody else does, for as long as a request of our own takes. Whoever else comes is not answered."""
        nonces, listener_id = Nonces(), str(uuid.uuid4())
        async with self.listening(listener_id=listener_id) as control, asyncio.TaskGroup() as tasks:
            answering = tasks.create_task(_answer_probe(control, nonces), name="doctor's listener")
            result = await probe(
                self.access,
                self._network,
                self._deadlines,
                self._clock,
                listener_id=listener_id,
                nonces=nonces,
                timeout_s=timeout_s,
            )
            answering.cancel()
        return result


async def _answer_probe(control: ControlConnection, nonces: Nonces) -> None:
    channel = ListenerChannel()
    with contextlib.suppress(AgentError, RemoteProtocolError):
        while True:
            message = await control.receive()
            events = (
                channel.receive_text(message) if isinstance(message, str) else channel.receive_binary(message)
            )
            for event in events:
                answer = nonces.recognise(event.request) if isinstance(event, RequestReceived) else None
                if answer is not None:
                    for part in respond(answer, None):
                        assert isinstance(part, str)  # without a body, it is one text
                        await control.send(part)


def _judge_probe(result: ProbeResult) -> str:
    match result:
        case Proven(round_trip_s):
            return f"it came back after {round_trip_s * 1000:.0f} ms"
        case Impossible(reason):
            raise NotTriedError(said(reason))
        case Failed(reason):
            raise HopError(Fault.PROBE_LOST, said(reason))


def _fault_of(error: GatewayRejectedError) -> Fault:
    """What a gateway means by its refusal. Ours and Azure's say it in words alone (protocol reference §2.5, §4.5)."""
    reason = error.reason.lower()
    if error.status in _REFUSED:
        if "quota" in reason:
            return Fault.LISTENERS_FULL
        if "expired" in reason:
            return Fault.TOKEN_EXPIRED
        if "specified action" in reason or "claim" in reason:
            return Fault.RIGHT_MISSING
        return Fault.KEY_REJECTED
    if error.status == 404:
        if "no listeners" in reason:
            return Fault.NO_LISTENER
        return Fault.PROBE_LOST if "criteria" in reason else Fault.HYBRID_CONNECTION_MISSING
    return Fault.NOT_A_GATEWAY


def _nowhere() -> str:
    return f"{_NOWHERE}-{uuid.uuid4().hex[:12]}"
