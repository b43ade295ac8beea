"""A subscriber: hears what is published to a hybrid connection, and connects again for ever.

What is published while nobody is connected is not heard: nothing is kept. What is heard waits in a bounded queue for whoever
takes it. What finds it full is lost, and counted: a connection that is not read would be taken for dead, on both sides.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import random
import uuid
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from hyco.addresses import subscribe_url
from hyco.close_codes import UNSUPPORTED_DATA
from hyco.listener import renew

from .backoff import Backoff
from .clock import Clock
from .config import Deadlines
from .credentials import Access, IssuedToken
from .errors import AgentError, ConfigError, ControlChannelLostError, sole_error
from .network import Network
from .rendezvous_addresses import parse_address
from .transport import TOKEN_HEADER, ControlConnection, open_control

log = logging.getLogger("agent")

MAX_WAITING: Final = 256
"""Events that wait to be taken, of 64 KiB at most each."""

SAY_MISSED_S: Final = 1.0
"""Events that are lost are counted for so long before it is said."""


class EnvelopeError(ValueError):
    """Not an event."""


@dataclasses.dataclass(frozen=True, slots=True)
class PublishedEvent:
    """What was published.

    Attributes:
        id: What the relay calls it.
        content_type: As its publisher said; empty where it did not.
        is_text: Whether the body is text, in UTF-8.
        body: At most 64 KiB.
    """

    id: str
    content_type: str
    is_text: bool
    body: bytes = dataclasses.field(repr=False)


def read_event(message: str | bytes) -> PublishedEvent:
    """Read an event with its envelope: a line of JSON, and the body.

    Raises:
        EnvelopeError: It is none.
    """
    if isinstance(message, str):
        raise EnvelopeError("a text where an event has to be")
    line, found, body = message.partition(b"\n")
    try:
        head = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise EnvelopeError("no JSON before an event") from error
    if not found or not isinstance(head, dict):
        raise EnvelopeError("no envelope")
    id_, content_type, is_text = head.get("id"), head.get("contentType"), head.get("isText")
    if not (isinstance(id_, str) and isinstance(content_type, str) and isinstance(is_text, bool)):
        raise EnvelopeError("an envelope that lacks a member")
    if is_text:
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise EnvelopeError("a text that is not UTF-8") from error
    return PublishedEvent(id_, content_type, is_text, body)


class Watcher(Protocol):
    """Who is told how a subscription goes."""

    def subscribed(self, gateway: str) -> None:
        """From now on all that is published is heard."""

    def waiting(self, error: AgentError, delay_s: float) -> None:
        """It is not, for this reason, and will be tried again after so long.

        Whatever it raises ends the subscription.
        """

    def missed(self, count: int) -> None:
        """So many were lost, since this was last called, because those before them were not taken in time."""


class Subscription:
    """Hears what is published to one hybrid connection.

    Args:
        access: The hybrid connection, and a right to listen on it.
        network: The way to its gateway.
        deadlines: How long it may take.
        clock: When tokens are renewed.
    """

    def __init__(self, access: Access, network: Network, deadlines: Deadlines, clock: Clock) -> None:
        self._access = access
        self._network = network
        self._deadlines = deadlines
        self._clock = clock
        self._heard: asyncio.Queue[PublishedEvent] = asyncio.Queue(MAX_WAITING)
        self._missed = 0

    async def run(self, take: Callable[[PublishedEvent], Awaitable[None]], watcher: Watcher) -> None:
        """Give *take* one event after the other, in the order in which each publisher published them, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._give(take), name="events")
                await self._keep_hearing(watcher)
        except BaseExceptionGroup as group:
            error = sole_error(group)
            # what *take* raises is for whoever gave it: that nobody reads its output any more, for one
            raise (group.exceptions[0] if error is group and len(group.exceptions) == 1 else error) from group

    async def _give(self, take: Callable[[PublishedEvent], Awaitable[None]]) -> None:
        while True:
            await take(await self._heard.get())

    def _keep(self, event: PublishedEvent, watcher: Watcher) -> None:
        if not self._heard.full():
            self._heard.put_nowait(event)
            return
        self._missed += 1
        if self._missed == 1:
            asyncio.get_running_loop().call_later(SAY_MISSED_S, self._say_missed, watcher)

    def _say_missed(self, watcher: Watcher) -> None:
        missed, self._missed = self._missed, 0
        watcher.missed(missed)

    async def _keep_hearing(self, watcher: Watcher) -> None:
        backoff = Backoff(random.random)
        while True:
            began_at: float | None = None

            def begun() -> None:
                nonlocal began_at
                began_at = self._clock.monotonic()
                watcher.subscribed(self._access.endpoint.authority)

            try:
                await self._hear(begun, watcher)
            except ConfigError:
                raise
            except AgentError as error:
                now = self._clock.monotonic()
                backoff.connection_ended(0.0 if began_at is None else now - began_at)
                delay_s = backoff.next_delay(error, now)
                watcher.waiting(error, delay_s)
                await self._clock.wait(delay_s)

    async def _hear(self, begun: Callable[[], None], watcher: Watcher) -> None:
        """Hear until the connection ends, which is always an error.

        Raises:
            AgentError: Why it did not come about, or how it ended.
        """
        access = self._access
        token = access.token(self._clock.now())
        if token is None:
            raise ConfigError("credential: a subscriber needs a key")
        address = parse_address(subscribe_url(access.endpoint, access.path, tracking_id=str(uuid.uuid4())))
        headers = [(TOKEN_HEADER, token.text)]
        try:
            async with (
                open_control(address, headers, self._network.trusting(access.ca), self._deadlines) as control,
                asyncio.TaskGroup() as tasks,
            ):
                begun()
                tasks.create_task(self._renew(control, token), name="token of a subscriber")
                while True:
                    self._keep(await _next(control), watcher)
        except BaseExceptionGroup as group:
            raise sole_error(group) from group

    async def _renew(self, control: ControlConnection, token: IssuedToken) -> None:
        while (renew_at := token.renew_at) is not None:
            await self._clock.wait(max(0.0, renew_at - self._clock.now()))
            renewed = self._access.token(self._clock.now())
            assert renewed is not None
            await control.send(renew(renewed.text))
            token = renewed


async def _next(control: ControlConnection) -> PublishedEvent:
    try:
        return read_event(await control.receive())
    except EnvelopeError as error:
        await control.close(UNSUPPORTED_DATA, str(error))
        raise ControlChannelLostError(UNSUPPORTED_DATA, f"the gateway broke the protocol: {error}") from error
