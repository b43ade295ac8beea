"""The fabric of several gateways: core NATS carries asks to the node of a listener, and its answers back.

Each listener is one subscription of its node, in one queue group for each relay: NATS knows who listens where, picks one at
random whichever node it is at, and says at once when there is none. Nothing is kept and nothing has to be cleaned up; a node
that is gone is gone from NATS within moments (settings: pings every second, two may be missing). Source: cluster reference §6.

| subject | is subscribed by | carries |
|---|---|---|
| ``l.{relay}``, queue ``l`` | a node, once for each listener | an ask |
| ``w.{relay}`` | a node that has any listener of the relay | who has one that this sender wants, and that was not asked yet? |
| ``e.{relay}`` | a node that has any subscriber of the relay | what is published |
| ``hear`` | each node | a node has its first subscriber of a relay, or none any more |
| ``store`` | each node | the store has changed: the name of the node that did it |
| ``gw.{node}.in.{n}`` | each node its own | what became of its ask *n* |
| ``gw.{node}.ask`` | " | an ask for one of this node's listeners |
| ``gw.{node}.ping`` | " | are you there? |
| ``gw.{node}.cancel`` | " | the sender of an ask has gone |

At most once: whoever is asked and does not say so within a second may have been told or not. Another one is asked then only
where that does no harm.

Of what is published every node says how many subscribers took it. Who publishes waits for the nodes that it knows to have any:
by what ``hear`` said since it first published there, and from then by whoever answered.
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
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from nats import errors as nats_errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from hyco.messages import Request

from ..errors import (
    BusyError,
    DrainingError,
    FabricUnavailableError,
    ListenerCriteriaError,
    ListenerLostError,
    NoListenerError,
    RefusalError,
    ResponseTimeoutError,
)
from .interface import Answer, Ask, AskHandler, FabricStatus, Heard, RelayKey, Told
from .local import LocalFabric, LocalOffer
from .wire import Said, Verb, Why, WireError, ask_bytes, read_ask, read_said, said_bytes

log = logging.getLogger(__name__)

#: How long a node may take to say that a listener has been told.
TOLD_WITHIN_S: Final = 1.0
#: Pauses before nobody there is believed: a listener that has just come is not known to all servers of NATS yet (it takes 0.1 ms,
#: and less than a millisecond at p99).
LOOK_AGAIN_S: Final = (0.02, 0.08)
#: After NATS was away: for so long, that it knows of nobody does not mean that there is nobody. The others come back, too.
REJOIN_S: Final = 3.0
#: How long nodes may take to say whether they have a listener that suits.
WHO_WITHIN_S: Final = 0.1
#: Tries of one ask that met listeners that are just leaving, before it is asked who is there.
TRIES: Final = 3
#: For how long an accept is remembered, which has no answer.
ACCEPT_KEPT_S: Final = 60.0
#: Relays of which is known which nodes have subscribers; of the one that was published to least recently, it is forgotten.
MAX_KNOWN: Final = 10_000
#: How often a node that has something of ours to answer is asked whether it is alive, and how long it may take.
PROBE_S: Final = 1.0
PROBE_WITHIN_S: Final = 1.0
#: How long the first connection may take, and a round trip.
CONNECT_WITHIN_S: Final = 5.0
FLUSH_WITHIN_S: Final = 2.0

#: Methods that may be asked twice (RFC 9110 §9.2.2).
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})

_QUEUE: Final = "l"
_STORE: Final = "store"
_HEAR: Final = "hear"
_NOBODY: Final = "503"
_IS_HEARING: Final = "+"


def subject_token(relay: RelayKey) -> str:
    """A relay's name as part of a subject: short, of one length, and without the characters that NATS keeps for itself."""
    digest = hashlib.blake2b(relay.encode(), digest_size=16).digest()
    return base64.b32encode(digest).decode().rstrip("=").lower()


@dataclass(eq=False, slots=True)
class NatsOffer:
    """One listener of this node."""

    fabric: NatsFabric
    local: LocalOffer
    subscription: Subscription | None = None

    @property
    def listener(self) -> str:
        """The listener's name."""
        return self.local.listener

    def withdraw(self) -> None:
        """Ask it no more. What is on its way to it is answered: another one has to be asked."""
        self.fabric._withdraw(self)  # noqa: SLF001 - the offer is the handle by which its fabric is told


@dataclass(eq=False, slots=True)
class _Asked:
    """An ask of this node's, from when it is sent to its answer."""

    number: int
    told: asyncio.Future[Said | None]
    """What came first; None: nobody is there."""
    answer: asyncio.Future[Answer]
    node: str = ""
    is_answered_here: bool = False
    """Whether its answer comes over NATS, and not with the listener itself."""
    here: asyncio.Queue[Said | None] = field(default_factory=asyncio.Queue)
    """Of a question who has a listener, and of what was published: what each node says."""


@dataclass(eq=False, slots=True)
class _Known:
    """Which nodes have subscribers of a relay: surely all of them from *sure_at* on, by the loop's clock."""

    sure_at: float
    nodes: set[str] = field(default_factory=set)


class NatsFabric:
    """A Fabric over NATS.

    Args:
        node: This node's name and incarnation; letters, digits and hyphens.
        servers: URLs of the NATS servers, ``nats://HOST:PORT`` or ``tls://HOST:PORT``.
        credentials: A file with a JWT and an nkey, as `nsc` makes it.
    """

    def __init__(self, node: str, servers: Sequence[str], *, credentials: Path | None = None) -> None:
        self._node = node
        self._servers = list(servers)
        self._credentials = credentials
        self._client = Client()
        self._local = LocalFabric(node)
        self._subscribed: dict[RelayKey, Subscription] = {}
        self._numbers = itertools.count(1)
        self._asked: dict[int, _Asked] = {}
        self._waiting_for: dict[str, set[_Asked]] = defaultdict(set)
        self._given: dict[str, Told] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._heeding: list[Callable[[], None]] = []
        self._hearing: dict[RelayKey, Subscription] = {}
        self._known: OrderedDict[RelayKey, _Known] = OrderedDict()
        self._back_at = -math.inf
        self._is_draining = False
        self._prober: asyncio.Task[None] | None = None

    @property
    def node(self) -> str:
        """This node and its incarnation."""
        return self._node

    async def open(self) -> None:
        """Connect, and hear what is for this node."""
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                await self._client.connect(
                    self._servers,
                    name=f"relaydesk {self._node}",
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
                for what, take in (
                    ("in.*", self._take_said),
                    ("ask", self._take_ask),
                    ("ping", self._take_ping),
                    ("cancel", self._take_cancel),
                ):
                    await self._client.subscribe(f"gw.{self._node}.{what}", cb=take)
                await self._client.subscribe(_STORE, cb=self._take_announcement)
                await self._client.subscribe(_HEAR, cb=self._take_hearing)
                await self._client.flush()
        except (TimeoutError, OSError, nats_errors.Error) as error:
            await self.close()
            servers = ", ".join(self._servers)
            raise FabricUnavailableError(f"no NATS server can be reached at {servers}: {error}") from error

    async def close(self) -> None:
        """Leave."""
        await self.drain()
        for asked in tuple(self._asked.values()):
            self._lose(asked, "The gateway is shutting down.")
        if self._prober is not None:
            self._prober.cancel()
        tasks = [*self._tasks, *([self._prober] if self._prober is not None else [])]
        if tasks:
            await asyncio.wait(tasks, timeout=FLUSH_WITHIN_S)
        with contextlib.suppress(OSError, TimeoutError, nats_errors.Error):
            async with asyncio.timeout(FLUSH_WITHIN_S):
                await self._client.close()

    # What this node offers

    async def offer(self, relay: RelayKey, listener: str, handler: AskHandler) -> NatsOffer:
        """Let *listener* be asked through *handler*. It is, by whoever asks after this has returned."""
        made = NatsOffer(self, await self._local.offer(relay, listener, handler))
        token = subject_token(relay)
        try:
            if relay not in self._subscribed:
                # taken at once: another listener of the relay may come meanwhile
                self._subscribed[relay] = await self._client.subscribe(f"w.{token}", cb=self._take_question)

            async def take(message: Msg) -> None:
                await self._tell(message, first=made.local)

            made.subscription = await self._client.subscribe(f"l.{token}", queue=_QUEUE, cb=take)
            await self._settle()
        except (OSError, nats_errors.Error) as error:
            # NATS is away: it is told of all subscriptions when it is back
            log.debug("a listener is not known to others yet: %s", error)
        except BaseException:
            self._withdraw(made)
            raise
        return made

    def _withdraw(self, offer: NatsOffer) -> None:
        offer.local.withdraw()
        subscription, offer.subscription = offer.subscription, None
        if subscription is not None:
            self._spawn(self._unsubscribe(subscription))
        relay = offer.local.relay
        if not self._local.listeners(relay):
            if relay in self._subscribed:
                self._spawn(self._unsubscribe(self._subscribed.pop(relay)))
            if relay in self._hearing:
                self._hear_no_more(relay)

    async def _settle(self) -> None:
        """Wait until the server has seen all that was said.

        The library's ping overtakes what it has yet to write; that is written when the answer is here, and so the second one
        comes behind it.
        """
        for _ in range(2):
            if self._client.is_connected:
                await self._client.flush(timeout=FLUSH_WITHIN_S)  # type: ignore[arg-type]  # seconds of any kind

    async def _unsubscribe(self, subscription: Subscription) -> None:
        """Let what is on its way arrive: an ask that is dropped would be waited for."""
        with contextlib.suppress(OSError, TimeoutError, nats_errors.Error):
            async with asyncio.timeout(FLUSH_WITHIN_S):
                await subscription.drain()  # type: ignore[no-untyped-call]

    async def _tell(self, message: Msg, first: LocalOffer | None = None) -> None:
        """Tell a listener of this node, *first* if it suits, and say what became of it."""
        try:
            relay, ask = read_ask(message.data)
        except WireError as error:
            log.warning("an ask of another node cannot be read: %s", error)
            return
        try:
            told = self._local.tell(RelayKey(relay), ask, first=first)
        except (NoListenerError, BusyError, ListenerCriteriaError, DrainingError) as error:
            await self._say(message.reply, Said(Verb.NOT_TOLD, why=_why(error)))
        else:
            self._given[message.reply] = told
            if ask.kind == "accept":
                # its sender is met, or is not, within half of that; one whose gateway was killed does not say that it waits no more
                timer = asyncio.get_running_loop().call_later(ACCEPT_KEPT_S, told.cancel)
                told.answer.add_done_callback(lambda _: timer.cancel())
            told.answer.add_done_callback(lambda _: self._answered(message.reply, told))
            await self._say(message.reply, Said(Verb.TOLD, listener=told.listener, node=self._node))

    def _answered(self, reply: str, told: Told) -> None:
        if told.answer.cancelled():
            self._given.pop(reply, None)
            return
        error = told.answer.exception()
        if error is None:
            said = Said(Verb.ANSWER, answer=told.answer.result())
        else:
            said = Said(Verb.LOST, text=str(error))
        self._spawn(self._give(reply, said))

    async def _give(self, reply: str, said: Said) -> None:
        await self._say(reply, said)
        self._given.pop(reply, None)  # only now: who asks whether it is owed hears of that behind it

    # What is published

    async def subscribe(self, relay: RelayKey, listener: str, handler: AskHandler) -> NatsOffer:
        """Let *listener* hear all that is published after this has returned, through *handler*."""
        made = NatsOffer(self, await self._local.subscribe(relay, listener, handler))
        try:
            if relay not in self._hearing:
                self._hearing[relay] = await self._client.subscribe(
                    f"e.{subject_token(relay)}", cb=self._take_event
                )
                await self._try_publish(_HEAR, _hearing_bytes(self._node, relay, is_hearing=True))
            await self._settle()
        except (OSError, nats_errors.Error) as error:
            log.debug("a subscriber is not known to others yet: %s", error)
        except BaseException:
            self._withdraw(made)
            raise
        return made

    def _hear_no_more(self, relay: RelayKey) -> None:
        self._spawn(self._unsubscribe(self._hearing.pop(relay)))
        self._spawn(self._try_publish(_HEAR, _hearing_bytes(self._node, relay, is_hearing=False)))

    async def _take_hearing(self, message: Msg) -> None:
        node, _, rest = message.data.decode("utf-8", "replace").partition("\n")
        said, _, relay = rest.partition("\n")
        known = self._known.get(RelayKey(relay))
        if known is None or node == self._node:
            return  # where nothing was published yet, it does not matter
        if said == _IS_HEARING:
            known.nodes.add(node)
        else:
            known.nodes.discard(node)

    async def _take_event(self, message: Msg) -> None:
        """Tell this node's subscribers what another one has published."""
        own = message.reply.removeprefix(f"gw.{self._node}.in.")
        if own != message.reply:
            # they have been told; but whoever came before it is known by now
            asked = self._asked.get(int(own))
            if asked is not None:
                asked.here.put_nowait(Said(Verb.HEARD, node=self._node))
            return
        try:
            relay, ask = read_ask(message.data)
        except WireError as error:
            log.warning("what another node has published cannot be read: %s", error)
            return
        heard = self._local.tell_all(RelayKey(relay), ask)
        await self._say(message.reply, Said(Verb.HEARD, node=self._node, relay=relay, heard=heard))

    async def publish(self, relay: RelayKey, ask: Ask) -> Heard:
        """Tell every subscriber of every node."""
        if self._is_draining:
            raise DrainingError
        heard = self._local.tell_all(relay, ask)
        if self._client.is_connected:
            heard += await self._publish_elsewhere(relay, ask)
        else:
            heard = replace(heard, is_partial=True)
        if heard.is_by_nobody:
            if not self._client.is_connected:
                raise FabricUnavailableError
            raise ResponseTimeoutError if heard.is_partial else self._nobody()
        return heard

    async def _publish_elsewhere(self, relay: RelayKey, ask: Ask) -> Heard:
        loop = asyncio.get_running_loop()
        known = self._known.get(relay)
        if known is None:
            known = self._known[relay] = _Known(loop.time() + WHO_WITHIN_S)
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        self._known.move_to_end(relay)
        is_sure = loop.time() >= known.sure_at
        heard, answered = Heard(), set[str]()
        asked = self._number()
        try:
            await self._publish(f"e.{subject_token(relay)}", ask_bytes(relay, ask), asked)
            async with asyncio.timeout_at(loop.time() + TOLD_WITHIN_S if is_sure else known.sure_at):
                while not (is_sure and answered and known.nodes <= answered):
                    said = await asked.here.get()
                    if said is None:
                        known.nodes.clear()  # NATS knows of nobody
                        break
                    heard += said.heard
                    answered.add(said.node)
        except FabricUnavailableError:
            return Heard(is_partial=True)
        except TimeoutError:
            # a node that is gone, or stands still, is not waited for again before it says something
            silent = known.nodes - answered
            known.nodes -= silent
            heard = replace(heard, is_partial=bool(silent))
        finally:
            self._asked.pop(asked.number, None)
        return heard

    def _heard_from(self, said: Said) -> None:
        """A node has subscribers: those of this relay are known where it was published to."""
        known = self._known.get(RelayKey(said.relay))
        if known is not None and not said.heard.is_by_nobody:
            known.nodes.add(said.node)

    async def _take_ask(self, message: Msg) -> None:
        await self._tell(message)

    async def _take_question(self, message: Msg) -> None:
        """Has this node a listener that suits?"""
        try:
            relay, ask = read_ask(message.data)
        except WireError as error:
            log.warning("a question of another node cannot be read: %s", error)
            return
        try:
            self._local.candidates(RelayKey(relay), ask)
        except (NoListenerError, ListenerCriteriaError, DrainingError) as error:
            await self._say(message.reply, Said(Verb.NOT_TOLD, why=_why(error)))
        else:
            await self._say(message.reply, Said(Verb.HERE, node=self._node))

    async def _take_ping(self, message: Msg) -> None:
        asked = message.data.decode("ascii", "replace").splitlines()
        owed = frozenset(reply for reply in asked if reply in self._given)
        await self._say(message.reply, Said(Verb.HERE, node=self._node, owed=owed))

    async def _take_cancel(self, message: Msg) -> None:
        told = self._given.pop(message.data.decode("ascii", "replace"), None)
        if told is not None:
            told.cancel()

    # What this node asks

    async def ask(self, relay: RelayKey, ask: Ask) -> Told:
        """Tell one listener, picked at random among those of all nodes."""
        if self._is_draining:
            raise DrainingError
        was_busy = was_silent = False
        tries = 0
        looks = iter(LOOK_AGAIN_S)
        while True:
            if not self._client.is_connected:
                return await self._ask_here(relay, ask)
            if ask.allowed is not None or ask.disallowed or ask.tried or tries >= TRIES or was_busy:
                try:
                    return await self._ask_who_suits(relay, ask)
                except NoListenerError:
                    if was_silent:  # somebody was there, and does not say what became of it
                        raise ResponseTimeoutError from None
                    raise self._nobody() from None
            said, asked = await self._send(f"l.{subject_token(relay)}", relay, ask)
            if said is None:
                pause_s = next(looks, None)
                if pause_s is None:
                    raise self._nobody()
                await asyncio.sleep(pause_s)
                continue
            if said.verb is Verb.TOLD:
                return self._told(said, asked, ask)
            tries += 1
            was_busy = said.why is Why.BUSY
            was_silent = was_silent or said.why is Why.SILENT

    async def _ask_who_suits(self, relay: RelayKey, ask: Ask) -> Told:
        """Ask the node that first says that it has a listener for this sender."""
        reasons: set[Why] = set()
        for _ in range(TRIES):
            node = await self._who(relay, ask, reasons)
            if node is None:
                break
            said, asked = await self._send(f"gw.{node}.ask", relay, ask)
            if said is None:
                continue
            if said.verb is Verb.TOLD:
                return self._told(said, asked, ask)
            reasons.add(said.why)
        if Why.BUSY in reasons:
            raise BusyError
        if Why.CRITERIA in reasons:
            raise ListenerCriteriaError
        raise NoListenerError

    async def _who(self, relay: RelayKey, ask: Ask, reasons: set[Why]) -> str | None:
        asked = self._number()
        try:
            question = replace(ask, body=None)
            await self._publish(f"w.{subject_token(relay)}", ask_bytes(relay, question), asked)
            async with asyncio.timeout(WHO_WITHIN_S):
                while True:
                    said = await asked.here.get()
                    if said is None:
                        return None  # nobody has any
                    if said.verb is Verb.HERE:
                        return said.node
                    reasons.add(said.why)
        except TimeoutError:
            return None
        finally:
            self._asked.pop(asked.number, None)

    def _nobody(self) -> RefusalError:
        """What to say where NATS knows of no listener."""
        is_new = asyncio.get_running_loop().time() - self._back_at < REJOIN_S
        return FabricUnavailableError() if is_new else NoListenerError()

    async def _ask_here(self, relay: RelayKey, ask: Ask) -> Told:
        """Without NATS: this node's own listeners alone."""
        try:
            return await self._local.ask(relay, ask)
        except NoListenerError:
            raise FabricUnavailableError from None

    async def _send(self, subject: str, relay: RelayKey, ask: Ask) -> tuple[Said | None, _Asked]:
        """Ask, and wait until a node says what became of it; None where nobody is there.

        Raises:
            ResponseTimeoutError: Nobody says, and a listener may have been told what must not be told twice.
        """
        asked = self._number()
        try:
            await self._publish(subject, ask_bytes(relay, ask), asked)
            async with asyncio.timeout(TOLD_WITHIN_S):
                said = await asked.told
        except TimeoutError:
            self._asked.pop(asked.number, None)
            if _may_be_told_twice(ask):
                return Said(Verb.NOT_TOLD, why=Why.SILENT), asked
            raise ResponseTimeoutError from None
        except BaseException:
            self._asked.pop(asked.number, None)
            raise
        if said is None or said.verb is not Verb.TOLD:
            self._asked.pop(asked.number, None)
        return said, asked

    def _told(self, said: Said, asked: _Asked, ask: Ask) -> Told:
        asked.node = said.node
        asked.is_answered_here = isinstance(ask.message, Request) and not ask.message.is_address_only
        self._waiting_for[said.node].add(asked)
        asked.answer.add_done_callback(lambda answer: self._over(asked, answer))
        if self._prober is None:
            self._prober = asyncio.get_running_loop().create_task(self._probe(), name="fabric, probes")
        return Told(said.listener, asked.answer)

    def _over(self, asked: _Asked, answer: asyncio.Future[Answer]) -> None:
        self._asked.pop(asked.number, None)
        waiting = self._waiting_for[asked.node]
        waiting.discard(asked)
        if not waiting:
            del self._waiting_for[asked.node]
        if answer.cancelled():
            reply = self._reply(asked)
            self._spawn(self._try_publish(f"gw.{asked.node}.cancel", reply.encode()))

    def _lose(self, asked: _Asked, text: str | None = None) -> None:
        if not asked.answer.done():
            asked.answer.set_exception(ListenerLostError(text) if text else ListenerLostError())
            asked.answer.exception()  # nobody may be waiting

    async def _probe(self) -> None:
        """Ask nodes that owe an answer whether they still do: nobody must wait for what will not come until its deadline.

        A node that is dead owes nothing any more, and neither does one whose answer was lost while NATS was away. What a node
        says arrives in the order in which it was said: an answer that was sent is here before the word that none is owed.
        """
        while True:
            await asyncio.sleep(PROBE_S)
            if not self._waiting_for or not self._client.is_connected:
                continue
            async with asyncio.TaskGroup() as tasks:
                for node in tuple(self._waiting_for):
                    tasks.create_task(self._probe_node(node))

    async def _probe_node(self, node: str) -> None:
        waiting = {self._reply(asked): asked for asked in self._waiting_for.get(node, ())}
        asked = self._number()
        owed: frozenset[str] | None
        try:
            await self._publish(f"gw.{node}.ping", "\n".join(waiting).encode(), asked)
            async with asyncio.timeout(PROBE_WITHIN_S):
                said = await asked.here.get()
            owed = frozenset() if said is None else said.owed
        except TimeoutError:
            # without NATS nothing can be said of it
            owed = frozenset() if self._client.is_connected else None
        except FabricUnavailableError:
            owed = None
        finally:
            self._asked.pop(asked.number, None)
        if owed is None:
            return
        lost = [each for reply, each in waiting.items() if reply not in owed and not each.answer.done()]
        if lost:
            log.warning("node %s owes nothing any more of %d asks", node, len(lost))
        for each in lost:
            self._lose(each)

    async def _take_said(self, message: Msg) -> None:
        number = message.subject.rpartition(".")[2]
        asked = self._asked.get(int(number)) if number.isascii() and number.isdigit() else None
        if message.headers and message.headers.get("Status") == _NOBODY:
            said = None
        else:
            try:
                said = read_said(message.data)
            except WireError as error:
                log.warning("an answer of another node cannot be read: %s", error)
                return
        if said is not None and said.verb is Verb.HEARD:
            self._heard_from(said)
        if asked is None:
            return  # nobody waits for it any more
        if said is not None and said.verb is Verb.ANSWER:
            if not asked.answer.done() and said.answer is not None:
                asked.answer.set_result(said.answer)
        elif said is not None and said.verb is Verb.LOST:
            self._lose(asked, said.text)
        else:
            asked.here.put_nowait(said)
            if not asked.told.done():
                asked.told.set_result(said)

    # The store

    def announce(self) -> None:
        """Tell all other nodes that the store has changed."""
        self._spawn(self._try_publish(_STORE, self._node.encode()))

    def heed(self, callback: Callable[[], None]) -> None:
        """Call *callback* whenever another node says so, or may have said so without being heard."""
        self._heeding.append(callback)

    async def _take_announcement(self, message: Msg) -> None:
        if message.data != self._node.encode():
            self._look_at_the_store()

    def _look_at_the_store(self) -> None:
        for callback in self._heeding:
            callback()

    # State

    def listeners(self, relay: RelayKey) -> int:
        """How many listeners this node offers for *relay*."""
        return self._local.listeners(relay)

    def status(self) -> FabricStatus:
        """How many this node has, and whether it can ask others."""
        return replace(self._local.status(), is_connected=self._client.is_connected)

    async def drain(self) -> None:
        """Withdraw every offer and take no new ones. What has been asked may still be answered."""
        self._is_draining = True
        for subscription in self._subscribed.values():
            self._spawn(self._unsubscribe(subscription))
        self._subscribed.clear()
        for relay in tuple(self._hearing):
            self._hear_no_more(relay)
        offered = [sub for sub in self._client._subs.values() if sub.queue == _QUEUE]  # noqa: SLF001 - all of them are ours
        for subscription in offered:
            self._spawn(self._unsubscribe(subscription))
        await self._local.drain()

    # Small things

    def _number(self) -> _Asked:
        loop = asyncio.get_running_loop()
        asked = _Asked(next(self._numbers), loop.create_future(), loop.create_future())
        self._asked[asked.number] = asked
        return asked

    def _reply(self, asked: _Asked) -> str:
        return f"gw.{self._node}.in.{asked.number}"

    async def _publish(self, subject: str, data: bytes, asked: _Asked) -> None:
        try:
            await self._client.publish(subject, data, reply=self._reply(asked))
        except (OSError, nats_errors.Error) as error:
            raise FabricUnavailableError from error

    async def _say(self, subject: str, said: Said) -> None:
        await self._try_publish(subject, said_bytes(said))

    async def _try_publish(self, subject: str, data: bytes) -> None:
        try:
            await self._client.publish(subject, data)
        except (OSError, nats_errors.Error) as error:
            log.debug("%s could not be told: %s", subject, error)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name="fabric")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _erred(self, error: Exception) -> None:
        log.debug("NATS: %r", error)

    async def _disconnected(self) -> None:
        if not self._is_draining:
            log.warning("the connection to NATS is lost: only this node's own listeners can be asked")
        # whatever was answered meanwhile was said to nobody; who waits for it must not wait for its deadline
        for asked in tuple(self._asked.values()):
            if asked.is_answered_here:
                self._lose(asked, "The answer was lost between gateways.")

    async def _reconnected(self) -> None:
        log.info("NATS is back")
        self._back_at = asyncio.get_running_loop().time()
        self._known.clear()  # who came and went meanwhile was not heard
        self._look_at_the_store()


def _hearing_bytes(node: str, relay: RelayKey, *, is_hearing: bool) -> bytes:
    said = _IS_HEARING if is_hearing else ""
    return f"{node}\n{said}\n{relay}".encode("utf-8", "surrogatepass")


def _may_be_told_twice(ask: Ask) -> bool:
    """Whether a second listener may be told what a first one may have been told.

    A sender that waits at its rendezvous is met once, whoever comes; a request that crosses whole may change something.
    """
    message = ask.message
    if ask.kind == "accept" or (isinstance(message, Request) and message.is_address_only):
        return True
    return isinstance(message, Request) and message.method.upper() in _IDEMPOTENT


def _why(error: RefusalError) -> Why:
    if isinstance(error, BusyError):
        return Why.BUSY
    return Why.CRITERIA if isinstance(error, ListenerCriteriaError) else Why.GONE
