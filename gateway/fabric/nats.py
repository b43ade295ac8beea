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
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

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
from .nats_events import HEAR, NatsEvents
from .nats_link import (
    FAILURES,
    FLUSH_WITHIN_S,
    TOLD_WITHIN_S,
    WHO_WITHIN_S,
    Asked,
    NatsLink,
    subject_token,
)
from .wire import Said, Verb, Why, WireError, ask_bytes, read_ask, read_said

log = logging.getLogger(__name__)

#: Pauses before nobody there is believed: a listener that has just come is not known to all servers of NATS yet (it takes 0.1 ms,
#: and less than a millisecond at p99).
LOOK_AGAIN_S: Final = (0.02, 0.08)
#: After NATS was away: for so long, that it knows of nobody does not mean that there is nobody. The others come back, too.
REJOIN_S: Final = 3.0
#: Tries of one ask that met listeners that are just leaving, before it is asked who is there.
TRIES: Final = 3
#: For how long an accept is remembered, which has no answer.
ACCEPT_KEPT_S: Final = 60.0
#: How often a node that has something of ours to answer is asked whether it is alive, and how long it may take.
PROBE_S: Final = 1.0
PROBE_WITHIN_S: Final = 1.0

#: Methods that may be asked twice (RFC 9110 §9.2.2).
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})

_QUEUE: Final = "l"
_STORE: Final = "store"
_NOBODY: Final = "503"


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


class NatsFabric:
    """A Fabric over NATS.

    Args:
        node: This node's name and incarnation; letters, digits and hyphens.
        servers: URLs of the NATS servers, ``nats://HOST:PORT`` or ``tls://HOST:PORT``.
        credentials: A file with a JWT and an nkey, as `nsc` makes it.
    """

    def __init__(self, node: str, servers: Sequence[str], *, credentials: Path | None = None) -> None:
        self._link = NatsLink(node, servers, credentials, on_lost=self._lost, on_back=self._back)
        self._local = LocalFabric(node)
        self._events = NatsEvents(self._link, self._local)
        self._subscribed: dict[RelayKey, Subscription] = {}
        self._beginning = asyncio.Lock()
        self._offers: set[NatsOffer] = set()
        self._waiting_for: dict[str, set[Asked]] = defaultdict(set)
        self._given: dict[str, Told] = {}
        self._heeding: list[Callable[[], None]] = []
        self._is_draining = False
        self._prober: asyncio.Task[None] | None = None

    @property
    def node(self) -> str:
        """This node and its incarnation."""
        return self._link.node

    async def open(self) -> None:
        """Connect, and hear what is for this node."""
        node = self._link.node
        await self._link.open(
            {
                f"gw.{node}.in.*": self._take_said,
                f"gw.{node}.ask": self._take_ask,
                f"gw.{node}.ping": self._take_ping,
                f"gw.{node}.cancel": self._take_cancel,
                _STORE: self._take_announcement,
                HEAR: self._events.take_hearing,
            }
        )

    async def close(self) -> None:
        """Leave."""
        await self.drain()
        for asked in tuple(self._link.asked.values()):
            self._lose(asked, "The gateway is shutting down.")
        if self._prober is not None:
            self._prober.cancel()
            await asyncio.wait({self._prober}, timeout=FLUSH_WITHIN_S)
        await self._link.close()

    # What this node offers

    async def offer(self, relay: RelayKey, listener: str, handler: AskHandler) -> NatsOffer:
        """Let *listener* be asked through *handler*. It is, by whoever asks after this has returned."""
        made = NatsOffer(self, await self._local.offer(relay, listener, handler))
        self._offers.add(made)
        token = subject_token(relay)
        try:
            async with self._beginning:
                if relay not in self._subscribed:
                    self._subscribed[relay] = await self._link.subscribe(f"w.{token}", self._take_question)

            async def take(message: Msg) -> None:
                await self._tell(message, first=made.local)

            made.subscription = await self._link.subscribe(f"l.{token}", take, queue=_QUEUE)
            await self._link.settle()
        except FAILURES as error:
            # NATS is away: it is told of all subscriptions when it is back
            log.debug("a listener is not known to others yet: %s", error)
        except BaseException:
            self._withdraw(made)
            raise
        return made

    async def subscribe(self, relay: RelayKey, listener: str, handler: AskHandler) -> NatsOffer:
        """Let *listener* hear all that is published after this has returned, through *handler*."""
        made = NatsOffer(self, await self._local.subscribe(relay, listener, handler))
        try:
            await self._events.hear(relay)
        except BaseException:
            self._withdraw(made)
            raise
        return made

    def _withdraw(self, offer: NatsOffer) -> None:
        self._offers.discard(offer)
        offer.local.withdraw()
        subscription, offer.subscription = offer.subscription, None
        if subscription is not None:
            self._link.unsubscribe(subscription)
        relay = offer.local.relay
        if not self._local.listeners(relay):
            if relay in self._subscribed:
                self._link.unsubscribe(self._subscribed.pop(relay))
            self._events.hear_no_more(relay)

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
            await self._link.answer(message.reply, Said(Verb.NOT_TOLD, why=_why(error)))
        else:
            self._given[message.reply] = told
            if ask.kind == "accept":
                # its sender is met, or is not, within half of that; one whose gateway was killed does not say that it waits no more
                timer = asyncio.get_running_loop().call_later(ACCEPT_KEPT_S, told.cancel)
                told.answer.add_done_callback(lambda _: timer.cancel())
            told.answer.add_done_callback(lambda _: self._answered(message.reply, told))
            await self._link.answer(
                message.reply, Said(Verb.TOLD, listener=told.listener, node=self._link.node)
            )

    def _answered(self, reply: str, told: Told) -> None:
        if told.answer.cancelled():
            self._given.pop(reply, None)
            return
        error = told.answer.exception()
        if error is None:
            said = Said(Verb.ANSWER, answer=told.answer.result())
        else:
            said = Said(Verb.LOST, text=str(error))
        self._link.spawn(self._give(reply, said))

    async def _give(self, reply: str, said: Said) -> None:
        await self._link.answer(reply, said)
        self._given.pop(reply, None)  # only now: who asks whether it is owed hears of that behind it

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
            await self._link.answer(message.reply, Said(Verb.NOT_TOLD, why=_why(error)))
        else:
            await self._link.answer(message.reply, Said(Verb.HERE, node=self._link.node))

    async def _take_ping(self, message: Msg) -> None:
        asked = message.data.decode("ascii", "replace").splitlines()
        owed = frozenset(reply for reply in asked if reply in self._given)
        await self._link.answer(message.reply, Said(Verb.HERE, node=self._link.node, owed=owed))

    async def _take_cancel(self, message: Msg) -> None:
        told = self._given.pop(message.data.decode("ascii", "replace"), None)
        if told is not None:
            told.cancel()

    # What this node asks

    async def publish(self, relay: RelayKey, ask: Ask) -> Heard:
        """Tell every subscriber of every node."""
        if self._is_draining:
            raise DrainingError
        heard = self._local.tell_all(relay, ask)
        if self._link.is_connected:
            heard += await self._events.publish(relay, ask)
        else:
            heard = replace(heard, is_partial=True)
        if heard.is_by_nobody:
            if not self._link.is_connected:
                raise FabricUnavailableError
            raise ResponseTimeoutError if heard.is_partial else self._nobody()
        return heard

    async def ask(self, relay: RelayKey, ask: Ask) -> Told:
        """Tell one listener, picked at random among those of all nodes."""
        if self._is_draining:
            raise DrainingError
        was_busy = was_silent = False
        tries = 0
        looks = iter(LOOK_AGAIN_S)
        while True:
            if not self._link.is_connected:
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
        asked = self._link.number()
        try:
            question = replace(ask, body=None)
            await self._link.ask(f"w.{subject_token(relay)}", ask_bytes(relay, question), asked)
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
            self._link.asked.pop(asked.number, None)

    def _nobody(self) -> RefusalError:
        """What to say where NATS knows of no listener."""
        is_new = asyncio.get_running_loop().time() - self._link.back_at < REJOIN_S
        return FabricUnavailableError() if is_new else NoListenerError()

    async def _ask_here(self, relay: RelayKey, ask: Ask) -> Told:
        """Without NATS: this node's own listeners alone."""
        try:
            return await self._local.ask(relay, ask)
        except NoListenerError:
            raise FabricUnavailableError from None

    async def _send(self, subject: str, relay: RelayKey, ask: Ask) -> tuple[Said | None, Asked]:
        """Ask, and wait until a node says what became of it; None where nobody is there.

        Raises:
            ResponseTimeoutError: Nobody says, and a listener may have been told what must not be told twice.
        """
        asked = self._link.number()
        try:
            await self._link.ask(subject, ask_bytes(relay, ask), asked)
            async with asyncio.timeout(TOLD_WITHIN_S):
                said = await asked.told
        except TimeoutError:
            self._link.asked.pop(asked.number, None)
            if _may_be_told_twice(ask):
                return Said(Verb.NOT_TOLD, why=Why.SILENT), asked
            raise ResponseTimeoutError from None
        except BaseException:
            self._link.asked.pop(asked.number, None)
            raise
        if said is None or said.verb is not Verb.TOLD:
            self._link.asked.pop(asked.number, None)
        return said, asked

    def _told(self, said: Said, asked: Asked, ask: Ask) -> Told:
        asked.node = said.node
        asked.is_answered_here = isinstance(ask.message, Request) and not ask.message.is_address_only
        self._waiting_for[said.node].add(asked)
        asked.answer.add_done_callback(lambda answer: self._over(asked, answer))
        if self._prober is None:
            self._prober = asyncio.get_running_loop().create_task(self._probe(), name="fabric, probes")
        return Told(said.listener, asked.answer)

    def _over(self, asked: Asked, answer: asyncio.Future[Answer]) -> None:
        self._link.asked.pop(asked.number, None)
        waiting = self._waiting_for[asked.node]
        waiting.discard(asked)
        if not waiting:
            del self._waiting_for[asked.node]
        if answer.cancelled():
            reply = self._link.reply(asked)
            self._link.spawn(self._link.say(f"gw.{asked.node}.cancel", reply.encode()))

    def _lose(self, asked: Asked, text: str | None = None) -> None:
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
            if not self._waiting_for or not self._link.is_connected:
                continue
            async with asyncio.TaskGroup() as tasks:
                for node in tuple(self._waiting_for):
                    tasks.create_task(self._probe_node(node))

    async def _probe_node(self, node: str) -> None:
        waiting = {self._link.reply(asked): asked for asked in self._waiting_for.get(node, ())}
        asked = self._link.number()
        owed: frozenset[str] | None
        try:
            await self._link.ask(f"gw.{node}.ping", "\n".join(waiting).encode(), asked)
            async with asyncio.timeout(PROBE_WITHIN_S):
                said = await asked.here.get()
            owed = frozenset() if said is None else said.owed
        except TimeoutError:
            # without NATS nothing can be said of it
            owed = frozenset() if self._link.is_connected else None
        except FabricUnavailableError:
            owed = None
        finally:
            self._link.asked.pop(asked.number, None)
        if owed is None:
            return
        lost = [each for reply, each in waiting.items() if reply not in owed and not each.answer.done()]
        if lost:
            log.warning("node %s owes nothing any more of %d asks", node, len(lost))
        for each in lost:
            self._lose(each)

    async def _take_said(self, message: Msg) -> None:
        number = message.subject.rpartition(".")[2]
        asked = self._link.asked.get(int(number)) if number.isascii() and number.isdigit() else None
        if message.headers and message.headers.get("Status") == _NOBODY:
            said = None
        else:
            try:
                said = read_said(message.data)
            except WireError as error:
                log.warning("an answer of another node cannot be read: %s", error)
                return
        if said is not None and said.verb is Verb.HEARD:
            self._events.heard_from(said)
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
        self._link.spawn(self._link.say(_STORE, self._link.node.encode()))

    def heed(self, callback: Callable[[], None]) -> None:
        """Call *callback* whenever another node says so, or may have said so without being heard."""
        self._heeding.append(callback)

    async def _take_announcement(self, message: Msg) -> None:
        if message.data != self._link.node.encode():
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
        return replace(self._local.status(), is_connected=self._link.is_connected)

    async def drain(self) -> None:
        """Withdraw every offer and take no new ones. What has been asked may still be answered."""
        self._is_draining = True
        for subscription in self._subscribed.values():
            self._link.unsubscribe(subscription)
        self._subscribed.clear()
        self._events.drain()
        for offer in self._offers:
            if offer.subscription is not None:
                self._link.unsubscribe(offer.subscription)
                offer.subscription = None
        self._offers.clear()
        await self._local.drain()

    def _lost(self) -> None:
        """NATS is away."""
        if not self._is_draining:
            log.warning("the connection to NATS is lost: only this node's own listeners can be asked")
        # whatever was answered meanwhile was said to nobody; who waits for it must not wait for its deadline
        for asked in tuple(self._link.asked.values()):
            if asked.is_answered_here:
                self._lose(asked, "The answer was lost between gateways.")

    def _back(self) -> None:
        """It is back."""
        self._events.forget()
        self._look_at_the_store()


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
