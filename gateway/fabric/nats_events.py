"""What is published, over NATS: to every subscriber of every node, and what became of it.

Each node with subscribers of a relay subscribes once to what is published there, tells them itself, and says how many took it. Who
publishes waits for the nodes that it knows to have any: by what ``hear`` said since it first published there, and from then by whoever
answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Final

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from ..errors import FabricUnavailableError
from .interface import Ask, Heard, RelayKey
from .local import LocalFabric
from .nats_link import FAILURES, TOLD_WITHIN_S, WHO_WITHIN_S, NatsLink, subject_token
from .wire import Said, Verb, WireError, ask_bytes, read_ask

log = logging.getLogger(__name__)

HEAR: Final = "hear"
"""The subject on which a node says that it has its first subscriber of a relay, or none any more."""
#: Relays of which is known which nodes have subscribers; of the one that was published to least recently, it is forgotten.
MAX_KNOWN: Final = 10_000

_IS_HEARING: Final = "+"


@dataclass(eq=False, slots=True)
class _Known:
    """Which nodes have subscribers of a relay: surely all of them from *sure_at* on, by the loop's clock."""

    sure_at: float
    nodes: set[str] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class _Hearing:
    """This node hears what is published to a relay, by one subscription; *is_over* while what was on its way still comes."""

    relay: RelayKey
    subscription: Subscription | None = None
    is_over: bool = False


class NatsEvents:
    """The publishing half of a node's fabric; *local* has its subscribers."""

    def __init__(self, link: NatsLink, local: LocalFabric) -> None:
        self._link = link
        self._local = local
        self._hearing: dict[RelayKey, _Hearing] = {}
        self._beginning = asyncio.Lock()
        self._known: OrderedDict[RelayKey, _Known] = OrderedDict()

    # What this node hears

    async def hear(self, relay: RelayKey) -> None:
        """Hear what is published there, and let the others know; after this has returned nothing is missed."""
        try:
            async with self._beginning:  # twice, it would be told twice
                if relay not in self._hearing:
                    hearing = self._hearing[relay] = _Hearing(relay)

                    async def take(message: Msg) -> None:
                        await self._take(message, hearing)

                    hearing.subscription = await self._link.subscribe(f"e.{subject_token(relay)}", take)
                    await self._link.say(HEAR, self._hearing_bytes(relay, is_hearing=True))
            await self._link.settle()
        except FAILURES as error:
            # NATS is away: it is told of all subscriptions when it is back
            log.debug("a subscriber is not known to others yet: %s", error)

    def hear_no_more(self, relay: RelayKey) -> None:
        """Nobody of this node wants it any more."""
        hearing = self._hearing.pop(relay, None)
        if hearing is not None:
            hearing.is_over = True
            if hearing.subscription is not None:
                self._link.unsubscribe(hearing.subscription)
            self._link.spawn(self._link.say(HEAR, self._hearing_bytes(relay, is_hearing=False)))

    def drain(self) -> None:
        """Hear nothing any more."""
        for relay in tuple(self._hearing):
            self.hear_no_more(relay)

    async def _take(self, message: Msg, hearing: _Hearing) -> None:
        """Tell this node's subscribers what another one has published."""
        if hearing.is_over and hearing.relay in self._hearing:
            return  # it comes by the one that is there now as well
        if self._link.is_own(message.reply):
            # they have been told; but whoever came before it is known by now
            asked = self._link.own(message.reply)
            if asked is not None:
                asked.here.put_nowait(Said(Verb.HEARD, node=self._link.node))
            return
        try:
            relay, ask = read_ask(message.data)
        except WireError as error:
            log.warning("what another node has published cannot be read: %s", error)
            return
        heard = Heard() if hearing.is_over else self._local.tell_all(RelayKey(relay), ask)
        said = Said(Verb.HEARD, node=self._link.node, relay=relay, heard=heard)
        await self._link.answer(message.reply, said)

    # Who hears

    def _hearing_bytes(self, relay: RelayKey, *, is_hearing: bool) -> bytes:
        said = _IS_HEARING if is_hearing else ""
        return f"{self._link.node}\n{said}\n{relay}".encode("utf-8", "surrogatepass")

    async def take_hearing(self, message: Msg) -> None:
        """Another node says that it hears, or does not any more."""
        node, _, rest = message.data.decode("utf-8", "replace").partition("\n")
        said, _, relay = rest.partition("\n")
        known = self._known.get(RelayKey(relay))
        if known is None or node == self._link.node:
            return  # where nothing was published yet, it does not matter
        if said == _IS_HEARING:
            known.nodes.add(node)
        else:
            known.nodes.discard(node)

    def heard_from(self, said: Said) -> None:
        """A node has subscribers, wherever it says so, and however late."""
        known = self._known.get(RelayKey(said.relay))
        if known is not None and not said.heard.is_by_nobody:
            known.nodes.add(said.node)

    def forget(self) -> None:
        """NATS was away: who came and went meanwhile was not heard."""
        self._known.clear()

    # What this node publishes

    async def publish(self, relay: RelayKey, ask: Ask) -> Heard:
        """Tell the subscribers of all other nodes."""
        loop = asyncio.get_running_loop()
        known = self._known.get(relay)
        if known is None:
            known = self._known[relay] = _Known(loop.time() + WHO_WITHIN_S)
            if len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        self._known.move_to_end(relay)
        is_sure = loop.time() >= known.sure_at
        heard, answered = Heard(), set[str]()
        asked = self._link.number()
        try:
            await self._link.ask(f"e.{subject_token(relay)}", ask_bytes(relay, ask), asked)
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
            self._link.asked.pop(asked.number, None)
        return heard
