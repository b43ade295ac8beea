"""This node's connection to NATS: what it says, what it waits to hear, and how it comes back.

Settings: cluster reference §6.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import itertools
import logging
import math
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nats import errors as nats_errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from ..errors import FabricUnavailableError
from .interface import Answer, RelayKey
from .wire import Said, said_bytes

log = logging.getLogger(__name__)

Take = Callable[[Msg], Awaitable[None]]

#: How long the first connection may take, and a round trip.
CONNECT_WITHIN_S: Final = 5.0
FLUSH_WITHIN_S: Final = 2.0

#: How long a node may take to say that a listener, or its subscribers, have been told.
TOLD_WITHIN_S: Final = 1.0
#: How long nodes may take to say whether they have somebody, where that is asked of all.
WHO_WITHIN_S: Final = 0.1

#: What to expect where the library has failed, or NATS is away.
FAILURES: Final = (OSError, TimeoutError, nats_errors.Error)


def subject_token(relay: RelayKey) -> str:
    """A relay's name as part of a subject: short, of one length, and without the characters that NATS keeps for itself."""
    digest = hashlib.blake2b(relay.encode(), digest_size=16).digest()
    return base64.b32encode(digest).decode().rstrip("=").lower()


@dataclass(eq=False, slots=True)
class Asked:
    """Something that this node has asked, from when it is sent to its answer."""

    number: int
    told: asyncio.Future[Said | None]
    """What came first; None: nobody is there."""
    answer: asyncio.Future[Answer]
    node: str = ""
    is_answered_here: bool = False
    """Whether its answer comes over NATS, and not with the listener itself."""
    here: asyncio.Queue[Said | None] = field(default_factory=asyncio.Queue)
    """Of a question who has a listener, and of what was published: what each node says."""


class NatsLink:
    """One node's connection.

    Args:
        node: The node's name and incarnation.
        servers: URLs of the NATS servers.
        credentials: A file with a JWT and an nkey.
        on_lost: Called when the connection is lost.
        on_back: Called when it is back.
    """

    def __init__(
        self,
        node: str,
        servers: Sequence[str],
        credentials: Path | None,
        *,
        on_lost: Callable[[], None],
        on_back: Callable[[], None],
    ) -> None:
        self.node = node
        self.asked: dict[int, Asked] = {}
        self.back_at = -math.inf
        """When it was last back, by the loop's clock."""
        self._servers = list(servers)
        self._credentials = credentials
        self._on_lost = on_lost
        self._on_back = on_back
        self._client = Client()
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_leaving = False

    @property
    def is_connected(self) -> bool:
        """Whether NATS can be asked."""
        return self._client.is_connected

    async def open(self, takes: Mapping[str, Take]) -> None:
        """Connect, and hear what *takes* names by its subjects.

        Raises:
            FabricUnavailableError: There is nobody to connect to.
        """
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                await self._client.connect(
                    self._servers,
                    name=f"relaydesk {self.node}",
                    error_cb=self._erred,
                    disconnected_cb=self._disconnected,
                    reconnected_cb=self._reconnected,
                    user_credentials=self._credentials,
                    connect_timeout=2,
                    reconnect_time_wait=random.uniform(0.05, 0.5),  # type: ignore[arg-type]  # noqa: S311 - not all at once
                    max_reconnect_attempts=-1,
                    ping_interval=1,
                    max_outstanding_pings=2,
                    pending_size=-1,  # what cannot be sent now must not be sent later
                )
                for subject, take in takes.items():
                    await self._client.subscribe(subject, cb=take)
                await self._client.flush()
        except FAILURES as error:
            await self.close()
            servers = ", ".join(self._servers)
            raise FabricUnavailableError(
                f"no NATS server can be reached at {servers}: {str(error) or 'no answer in time'}"
            ) from error

    async def close(self) -> None:
        """Let what is being said be said, for a moment, and go."""
        self._is_leaving = True
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=FLUSH_WITHIN_S)
        with contextlib.suppress(*FAILURES):
            async with asyncio.timeout(FLUSH_WITHIN_S):
                await self._client.close()

    # What it hears

    async def subscribe(self, subject: str, take: Take, *, queue: str = "") -> Subscription:
        """Hear *subject*; one of *queue* alone where there is one.

        Raises:
            OSError, nats.errors.Error: NATS is away; it is told of the subscription when it is back.
        """
        return await self._client.subscribe(subject, queue=queue, cb=take)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Hear it no more, but for what is on its way: an ask that is dropped would be waited for."""
        self.spawn(self._unsubscribe(subscription))

    async def _unsubscribe(self, subscription: Subscription) -> None:
        with contextlib.suppress(*FAILURES):
            async with asyncio.timeout(FLUSH_WITHIN_S):
                await subscription.drain()  # type: ignore[no-untyped-call]

    async def settle(self) -> None:
        """Wait until the server has seen all that was said.

        The library's ping overtakes what it has yet to write; that is written when the answer is here, and so the second one
        comes behind it.
        """
        for _ in range(2):
            if self._client.is_connected:
                await self._client.flush(timeout=FLUSH_WITHIN_S)  # type: ignore[arg-type]  # seconds of any kind

    # What it says

    def number(self) -> Asked:
        """A number for the answers to something, until it is taken out of *asked*."""
        loop = asyncio.get_running_loop()
        asked = Asked(next(self._numbers), loop.create_future(), loop.create_future())
        self.asked[asked.number] = asked
        return asked

    def reply(self, asked: Asked) -> str:
        """Where its answers come."""
        return f"gw.{self.node}.in.{asked.number}"

    def own(self, reply: str) -> Asked | None:
        """What this node has asked by *reply*, where it was this node and is still waiting."""
        number = reply.removeprefix(f"gw.{self.node}.in.")
        return (
            self.asked.get(int(number)) if number != reply and number.isascii() and number.isdigit() else None
        )

    def is_own(self, reply: str) -> bool:
        """Whether it was this node that asked."""
        return reply.startswith(f"gw.{self.node}.")

    async def ask(self, subject: str, data: bytes, asked: Asked) -> None:
        """Say it, with where answers go.

        Raises:
            FabricUnavailableError: NATS is away.
        """
        try:
            await self._client.publish(subject, data, reply=self.reply(asked))
        except (OSError, nats_errors.Error) as error:
            raise FabricUnavailableError from error

    async def answer(self, subject: str, said: Said) -> None:
        """Say what became of something that was asked; or nothing, where NATS is away."""
        await self.say(subject, said_bytes(said))

    async def say(self, subject: str, data: bytes) -> None:
        """The same with bytes."""
        try:
            await self._client.publish(subject, data)
        except (OSError, nats_errors.Error) as error:
            log.debug("%s could not be told: %s", subject, error)

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run *work* as a task that close() waits for."""
        task = asyncio.get_running_loop().create_task(work, name="fabric")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Its state

    async def _erred(self, error: Exception) -> None:
        log.debug("NATS: %r", error)

    async def _disconnected(self) -> None:
        if not self._is_leaving:
            self._on_lost()

    async def _reconnected(self) -> None:
        log.info("NATS is back")
        self.back_at = asyncio.get_running_loop().time()
        self._on_back()
