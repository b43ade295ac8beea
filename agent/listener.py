"""One listening hybrid connection: connect, renew, reconnect for ever, and hand over what the gateway offers.

The control channel lives on the caller's loop. Whatever it offers (a sender to meet, a request to answer) is
handed to the relay loop and outlives the control channel it came by: relayed connections go on while the
listener reconnects.

Every offer becomes one task, up to a bound; above it senders are refused, and above a second one not even that:
a gateway that floods must not be able to make this side open connections without end.

Source: protocol reference §3, §9, §17.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import uuid
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, TypeVarTuple

from hyco.addresses import listen_url
from hyco.close_codes import NORMAL
from hyco.errors import RemoteProtocolError
from hyco.listener import (
    AcceptReceived,
    ChannelEvent,
    ListenerChannel,
    RendezvousRequested,
    RequestReceived,
    renew,
    respond,
)
from hyco.messages import Accept, Request, Response

from .access import AccessPolicy
from .backoff import Backoff
from .clock import Clock
from .config import ConnectionConfig
from .credentials import Access, IssuedToken, find_access
from .dial import target_tls
from .errors import (
    AgentError,
    ConfigError,
    ControlChannelLostError,
    CutHereError,
    GatewayUnreachableError,
    RendezvousRefusedError,
    TargetUnreachableError,
    sole_error,
)
from .exchanges import Exchanges
from .http_exchange import Answered, HttpExchanges, plain_response
from .policy import Policy
from .probe import Failed, Nonces, ProbeResult, probe
from .rendezvous import BUSY, LEAVING, OVERLOADED, meet, reject
from .rendezvous_addresses import WebSocketAddress, parse_address
from .route import Route
from .standing import Standing
from .surroundings import Surroundings
from .transport import TOKEN_HEADER, ControlConnection, open_control

_Arguments = TypeVarTuple("_Arguments")

MAX_REFUSALS: Final = 32
"""Senders that are being refused at one time, because the listener is full. More than that are left to time out."""


class Listener:
    """Keeps one hybrid connection listening."""

    def __init__(self, policy: Policy, around: Surroundings, standing: Standing) -> None:
        self._policy = policy
        self._config = config = policy.config.served
        self._around = around
        self._standing = standing
        self._log = standing.log
        self._backoff = Backoff(random.random)
        self._retry_now = asyncio.Event()
        self._has_to_check = asyncio.Event()
        self._has_to_renew = asyncio.Event()
        self._renew_at: float | None = None
        self._opening: asyncio.Timeout | None = None
        self._work: asyncio.TaskGroup | None = None
        self._route: Route | None = None
        self._access = AccessPolicy(policy.config.invited, around.clock.now)
        self._nonces = Nonces()
        self._probing = asyncio.Lock()
        self._way: tuple[Access, str] | None = None  # and its listener's id, while a control channel is open
        self._exchanges: HttpExchanges | None = None
        self._tls = target_tls(config)
        self._connections = _Places(config.max_connections)
        self._requests = _Places(config.max_requests)
        self._refusals = _Places(MAX_REFUSALS)
        self._has_refused_address = False
        self._is_draining = asyncio.Event()
        self._has_left = asyncio.Event()

    def retry_now(self) -> None:
        """Do not wait for the next try."""
        self._retry_now.set()

    def check_now(self) -> None:
        """The computer slept, or has another network: ask whether the gateway is still there, and do not wait for a try."""
        self._backoff.begin_again()
        self._retry_now.set()
        self._has_to_check.set()
        if self._opening is not None and not self._opening.expired():
            self._opening.reschedule(asyncio.get_running_loop().time() + self._around.deadlines.check_s)

    def take_policy(self, config: ConnectionConfig) -> None:
        """Let in whom *config* invites, from now on; whoever came by an invitation that it no longer has is cut."""
        leaving = self._access.take(config.invited)
        if leaving:
            self._log.info("cut %d who are no longer invited", leaving)

    async def probe(self) -> ProbeResult:
        """See whether a sender gets through to here. One at a time: a second one waits for the first."""
        around = self._around
        async with self._probing:
            if self._way is None:
                return Failed("the gateway is not connected")
            access, listener_id = self._way
            return await probe(
                access,
                around.network,
                around.deadlines,
                around.clock,
                listener_id=listener_id,
                nonces=self._nonces,
            )

    def turn_away(self) -> None:
        """Let nobody new in from now on; drain() waits for those who are in."""
        self._is_draining.set()
        self._retry_now.set()

    async def drain(self) -> None:
        """Turn away whoever is new, and leave the gateway once every request taken before has been answered.

        The control channel stays until then: answers go back by it. Relayed connections are not waited for.
        """
        self.turn_away()
        await self._has_left.wait()

    async def run(self) -> None:
        """Listen until cancelled.

        Then every relayed connection is cut and the control channel closed in order, bounded, and nothing is left open.
        """
        try:
            async with asyncio.TaskGroup() as self._work:
                # a task of its own: when all is cancelled, no relayed connection goes on while the channel is being closed
                listening = self._work.create_task(self._keep_listening(), name="control channel")
                await asyncio.wait({listening})
        finally:
            self._has_left.set()
            await self._replace_exchanges(None)

    async def _keep_listening(self) -> None:
        clock, backoff = self._around.clock, self._backoff
        while not self._is_draining.is_set():
            self._retry_now.clear()
            self._standing.connecting()
            session = _Session(clock)
            try:
                await self._listen(session)
            except ConfigError as error:
                self._standing.stopped(error)
                await clock.wait(None, self._retry_now)
            except AgentError as error:
                if self._is_draining.is_set():
                    break
                if session.has_begun:
                    self._retry_now.clear()  # it was asked for when there was nothing to try
                backoff.connection_ended(session.lasted_s)
                delay_s = backoff.next_delay(error, clock.monotonic())
                self._standing.waiting(error, delay_s)
                await clock.wait(delay_s, self._retry_now)
        self._standing.stopped()
        self._has_left.set()

    async def _listen(self, session: _Session) -> None:
        """Hold one control channel until it ends, which is always an error.

        Raises:
            AgentError: Why it did not come about, or how it ended.
        """
        access = await find_access(self._config, self._around.keystore)
        token = access.token(self._around.clock.now())
        if token is None:
            raise ConfigError("credential: a listener needs a key")
        self._standing.found(access.endpoint, access.path, None if token.renew_at else token.expires_at)
        route = await self._route_of(access)
        listener_id = str(uuid.uuid4())
        address = parse_address(listen_url(access.endpoint, access.path, tracking_id=listener_id))
        if not access.endpoint.is_secure:
            self._log.warning("the gateway at %s is reached without TLS", access.endpoint.authority)
        if self._config.insecure_target and route.target.is_secure:
            self._log.warning("the certificate of target %s is not verified", route.target)
        self._has_to_check.clear()
        self._renew_at = None
        headers = [(TOKEN_HEADER, token.text)]
        try:
            async with asyncio.timeout(None) as opening:
                self._opening = opening  # check_now() gives it less time
                async with (
                    open_control(address, headers, self._around.network, self._around.deadlines) as control,
                    asyncio.TaskGroup() as tasks,
                ):
                    opening.reschedule(None)
                    self._opening = None
                    session.began()
                    self._way = access, listener_id
                    self._standing.listening(listener_id, control.round_trip_s)
                    self._log.info("listening on %s for %s", access.endpoint.authority, route.target)
                    tasks.create_task(self._renew(control, access, token), name=f"token {access.path}")
                    tasks.create_task(self._leave_when_drained(control), name=f"leave {access.path}")
                    tasks.create_task(self._check_when_asked(control), name=f"check {access.path}")
                    await self._serve(control, route)
        except BaseExceptionGroup as group:
            raise sole_error(group) from group
        except TimeoutError as error:
            raise GatewayUnreachableError(
                f"{access.endpoint.authority} did not answer in time after the computer slept or changed its network"
            ) from error
        finally:
            self._opening = None
            self._way = None

    async def _renew(self, control: ControlConnection, access: Access, token: IssuedToken) -> None:
        """Give the gateway a new token before the old one ends; there is no answer to a good one."""
        clock = self._around.clock
        while (renew_at := token.renew_at) is not None:
            self._renew_at = renew_at
            self._has_to_renew.clear()
            await clock.wait(max(0.0, renew_at - clock.now()), self._has_to_renew)
            renewed = access.token(clock.now())
            assert renewed is not None
            await control.send(renew(renewed.text))
            self._log.debug("token renewed")
            token = renewed

    async def _check_when_asked(self, control: ControlConnection) -> None:
        """Ask whether the gateway is still there whenever that is in doubt; a wait may have stood still with the computer."""
        while True:
            await self._has_to_check.wait()
            self._has_to_check.clear()
            await control.check(self._around.deadlines.check_s)
            self._log.debug("the gateway is still there")
            if self._renew_at is not None and self._around.clock.now() >= self._renew_at:
                self._has_to_renew.set()

    async def _leave_when_drained(self, control: ControlConnection) -> None:
        """Close the control channel in order, so that the answers before have arrived."""
        await self._is_draining.wait()
        await self._requests.closed()
        await control.close(NORMAL, "")

    @property
    def _is_leaving(self) -> bool:
        return self._is_draining.is_set()

    async def _serve(self, control: ControlConnection, route: Route) -> None:
        channel = ListenerChannel()
        while True:
            message = await control.receive()
            try:
                if isinstance(message, str):
                    events = channel.receive_text(message)
                else:
                    events = channel.receive_binary(message)
            except RemoteProtocolError as error:
                await control.close(error.close_code, str(error))
                raise ControlChannelLostError(
                    error.close_code, f"the gateway broke the protocol: {error}"
                ) from error
            for event in events:
                self._take(event, control, route)

    # Offers

    def _take(self, event: ChannelEvent, control: ControlConnection, route: Route) -> None:
        match event:
            case AcceptReceived(accept):
                address = self._checked(accept.address, route)
                if address is not None:
                    self._start(f"relayed connection {accept.id}", self._meet, accept, address, route)
            case RequestReceived(request) if (proof := self._nonces.recognise(request)) is not None:
                self._start("answer to a probe", _send, control, proof, None)
            case RequestReceived(request, body):
                address = self._checked(request.address, route)
                if address is not None:
                    self._start(
                        f"relayed request {request.id}", self._answer, request, body, address, control
                    )
            case RendezvousRequested(text):
                address = self._checked(text, route)
                if address is not None:
                    self._start("relayed request", self._answer_at, address, route)

    def _checked(self, text: str, route: Route) -> WebSocketAddress | None:
        try:
            return route.rendezvous(text)
        except RendezvousRefusedError as error:
            if not self._has_refused_address:  # once: a hostile gateway could fill the log
                self._has_refused_address = True
                self._log.warning("%s", error)
            self._standing.failed(str(error))
            return None

    def _start(
        self,
        name: str,
        function: Callable[[*_Arguments], Coroutine[Any, Any, None]],
        *args: *_Arguments,
    ) -> None:
        assert self._work is not None
        self._work.create_task(self._guarded(function, *args), name=name)

    async def _guarded(
        self, function: Callable[[*_Arguments], Coroutine[Any, Any, None]], *args: *_Arguments
    ) -> None:
        """Let a failure end this one relayed connection or request, and nothing else."""
        try:
            await function(*args)
        except CutHereError as error:
            self._log.info("relayed connection %s", error)
        except TargetUnreachableError as error:
            self._log.info("%s", error)
            self._standing.turned_away(error)
        except AgentError as error:
            self._log.info("%s", error)
            self._standing.failed(str(error))
        except Exception:  # noqa: BLE001 - a bug in one of them must not end the others
            self._log.exception("a relayed connection or request failed unexpectedly")

    async def _meet(self, accept: Accept, address: WebSocketAddress, route: Route) -> None:
        run, clock = self._around.relay_loop.run, self._around.clock
        with self._connections.take() as has_place:
            if has_place and not self._is_leaving:
                began = clock.monotonic()
                await run(meet, accept, address, route, self._tls, self._around.exchanges)
                self._standing.got_through()
                self._log.info("relayed connection ended after %.1f s", clock.monotonic() - began)
                return
        with self._refusals.take() as has_place:
            if has_place:
                await run(reject, address, LEAVING if self._is_leaving else BUSY, route)

    async def _answer(
        self, request: Request, body: bytes | None, address: WebSocketAddress, control: ControlConnection
    ) -> None:
        assert self._exchanges is not None
        with self._requests.take() as has_place:
            if has_place:
                answered = await self._around.relay_loop.run(self._exchanges.answer, request, body, address)
                try:
                    if answered.response is not None:
                        await _send(control, answered.response, answered.body)
                finally:
                    self._ended(answered)
                return
        with self._refusals.take() as has_place:
            if has_place:
                why = LEAVING if self._is_leaving else OVERLOADED
                await _send(control, *plain_response(request.id, why.status, why.reason))

    async def _answer_at(self, address: WebSocketAddress, route: Route) -> None:
        run = self._around.relay_loop.run
        assert self._exchanges is not None
        with self._requests.take() as has_place:
            if has_place:
                answered = await run(self._exchanges.answer_at, address)
                if answered is not None:
                    self._ended(answered)
                return
        with self._refusals.take() as has_place:
            if has_place:
                await run(reject, address, LEAVING if self._is_leaving else OVERLOADED, route)

    def _ended(self, answered: Answered) -> None:
        error = answered.exchange.error
        if error is None:
            self._standing.got_through()
        elif answered.exchange.is_targets_fault:
            self._standing.target_failed(error)
        elif not answered.was_cut_here:
            self._standing.failed(error)
        if self._around.on_exchange is not None:
            self._around.on_exchange(answered.exchange)

    # What lives on the relay loop

    async def _route_of(self, access: Access) -> Route:
        """Give the route of *access*, and make what serves it where there is none or another one."""
        route = Route(
            config=self._config,
            policy=self._policy,
            gateway=access.endpoint,
            path=access.path,
            network=self._around.network,
            deadlines=self._around.deadlines,
            counters=self._standing.counters,
            relayed=self._around.relayed,
            access=self._access,
        )
        if route != self._route:
            await self._replace_exchanges(route)
        return route

    async def _replace_exchanges(self, route: Route | None) -> None:
        run = self._around.relay_loop.run
        old, self._exchanges, self._route = self._exchanges, None, route
        if old is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._around.deadlines.stop_s):
                    await run(old.close)
        if route is not None:
            self._exchanges = await run(_make_exchanges, route, self._tls, self._around.exchanges)


async def _make_exchanges(
    route: Route, tls: ssl.SSLContext | None, exchanges: Exchanges | None
) -> HttpExchanges:
    return HttpExchanges(
        route, tls, exchanges
    )  # a coroutine, because an HTTP session belongs to the loop it is made on


async def _send(control: ControlConnection, response: Response, body: bytes | None) -> None:
    text, *bodies = respond(response, body)
    assert isinstance(text, str)
    await control.send(text, body if bodies else None)


class _Places:
    """So many at one time, and no more; none once they are closed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._are_free = asyncio.Event()
        self._are_free.set()

    @contextlib.contextmanager
    def take(self) -> Iterator[bool]:
        """Take a place for the time of the block; False where none is free."""
        if self._taken >= self._limit:
            yield False
            return
        self._taken += 1
        self._are_free.clear()
        try:
            yield True
        finally:
            self._taken -= 1
            if not self._taken:
                self._are_free.set()

    async def closed(self) -> None:
        """Give no place any more, and wait until all are free."""
        self._limit = 0
        await self._are_free.wait()


class _Session:
    """How long one control channel has been open."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_at: float | None = None

    @property
    def has_begun(self) -> bool:
        """Whether it was ever open."""
        return self._began_at is not None

    def began(self) -> None:
        """Note that it is open."""
        self._began_at = self._clock.monotonic()

    @property
    def lasted_s(self) -> float:
        """Seconds since it began; 0 if it never did."""
        return 0.0 if self._began_at is None else self._clock.monotonic() - self._began_at
