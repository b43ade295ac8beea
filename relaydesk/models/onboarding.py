"""The first start as a state: which card is seen, what was pasted, what was found out, what is shared. No window is needed.

Three cards: how to connect, whether that works, and something to share through it. The key goes into the keystore between the
first and the second, so that what is checked is what will be used. Whatever was asked for on a card that was left since is not
listened to any more.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Protocol, TypeVar

from PySide6.QtCore import QCoreApplication, QObject, Signal

from agent.checks import Check, Fault, Step
from agent.config import Direction
from hyco.redaction import hide_secrets

from ..actions import ActionError, Actions, ExposeRequest, Offer, Reach, Shared
from ..preferences import Preferences
from ..snapshot import Gateway, KeystoreState, LiveConnection, Problem, Service, Snapshot, Trouble
from .checks import Walk
from .gateways import rights_words
from .texts import literal

translate = QCoreApplication.translate

Result = TypeVar("Result")

#: What is shown from the beginning on; of the others, what says something.
WALKED: Final = (Step.DNS, Step.PROXY, Step.TCP, Step.TLS, Step.CLOCK, Step.TOKEN, Step.HYBRID_CONNECTION)

#: With these, going on is no mistake: they are of the other side, or end as soon as something is shared.
_PASSABLE: Final = frozenset({Fault.NO_LISTENER, Fault.PROBE_LOST})


class Doer(Protocol):
    """What the presenter needs of the bridge."""

    @property
    def actions(self) -> Actions:
        """What can be asked for."""
        ...

    def do(
        self,
        action: Coroutine[Any, Any, Result],
        *,
        done: Callable[[Result], None] | None = None,
        failed: Callable[[Problem], None] | None = None,
    ) -> None:
        """Run an action; its end is told in the Qt event loop."""
        ...


class Card(enum.IntEnum):
    """What is seen."""

    CHOOSE = 0
    CHECK = 1
    SHARE = 2


class Way(enum.Enum):
    """How to connect."""

    PASTE = "paste"
    HERE = "here"
    INVITATION = "invitation"


class Fact(enum.Enum):
    """What is said of what was pasted."""

    GATEWAY = "gateway"
    PATH = "path"
    KEY = "key"
    RIGHTS = "rights"
    TARGET = "target"


class Onboarding(QObject):
    """The three cards.

    Args:
        bridge: To the desktop.
        parent: Qt's owner.
    """

    changed = Signal()
    """Something that is shown."""
    request_seen = Signal(object)
    """A :class:`~relaydesk.snapshot.LiveConnection`: the first one to what was shared, or brought here, on the last card."""
    preferences_changed = Signal(object)
    """The :class:`~relaydesk.actions.Preferences` that are in effect now."""

    def __init__(self, bridge: Doer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._turn = 0
        self._is_over = False
        self._walk = Walk(WALKED)
        self.card = Card.CHOOSE
        self.way = Way.PASTE
        self.reach = Reach.THIS_COMPUTER
        self.offers: tuple[Offer, ...] = ()
        self.offer: Offer | None = None
        """The one that was chosen."""
        self.problem: Problem | None = None
        """Why what was asked for on this card did not come about."""
        self.is_busy = False
        """Whether something that was asked for is on its way; the checks are not that."""
        self.is_checking = False
        self.gateway = ""
        """What is shared goes through it; empty where something is brought here instead."""
        self.shared: Shared | None = None
        self.service: Service | None = None
        """What was brought to a local port."""
        self.request: LiveConnection | None = None

    # --- the first card

    def choose_way(self, way: Way) -> None:
        """Another way to connect."""
        if way is not self.way:
            self.way = way
            self.problem = None
            self.changed.emit()

    def choose_reach(self, reach: Reach) -> None:
        """Whom the gateway of this computer is to serve."""
        self.reach = reach

    def paste(self, text: str) -> None:
        """Read what is in the field."""
        self.offers, self.offer, self.problem = (), None, None
        if text.strip():
            try:
                first = self._bridge.actions.examine(text)
            except ActionError as error:
                self.problem = error.problem
            else:
                self.offers = (dataclasses.replace(first, others=()), *first.others)
                self.offer = self.offers[0]
        self.changed.emit()

    def choose_offer(self, number: int) -> None:
        """One of several things that were pasted together."""
        if 0 <= number < len(self.offers):
            self.offer = self.offers[number]
            self.changed.emit()

    @property
    def masked(self) -> str:
        """What was pasted, as everybody may see it."""
        return "\n".join(
            "relaydesk://invitation/1#…" if offer.is_invitation else hide_secrets(offer.text)
            for offer in self.offers
        )

    @property
    def facts(self) -> Mapping[Fact, str]:
        """What is known of what was pasted, in the order in which it is said."""
        offer = self.offer
        if offer is None:
            return {}
        found = {Fact.GATEWAY: literal(offer.gateway, 100)}
        if offer.is_invitation:
            found[Fact.PATH] = literal(offer.service, 100)
            return found
        found[Fact.PATH] = literal(offer.path, 100) or translate("Onboarding", "any: it is for the namespace")
        found[Fact.KEY] = literal(offer.key_name, 100) or translate("Onboarding", "a ready token")
        rights = rights_words(offer.rights)
        if offer.rights is not None and not offer.are_rights_told:
            rights = translate("Onboarding", "{rights}, by its name").format(rights=rights)
        found[Fact.RIGHTS] = rights
        if offer.target:
            found[Fact.TARGET] = literal(offer.target, 100)
        return found

    @property
    def brings_here(self) -> bool:
        """Whether the last card brings a service to this computer, instead of sharing one from it."""
        if self.way is Way.HERE or self.offer is None:
            return False
        return self.offer.is_invitation or (self.offer.purpose is Direction.CONNECT and bool(self.offer.path))

    # --- to and fro

    @property
    def can_go_on(self) -> bool:
        """Whether *Next* does something."""
        if self.is_busy:
            return False
        match self.card:
            case Card.CHOOSE:
                return self.way is Way.HERE or self.offer is not None
            case Card.CHECK:
                return self.is_passed
            case Card.SHARE:
                return True

    def go_on(self) -> None:
        """The next card; from the first one, once the key is kept or the gateway runs."""
        if not self.can_go_on:
            return
        match self.card:
            case Card.CHOOSE:
                self._connect()
            case Card.CHECK:
                self._enter(Card.SHARE)
            case Card.SHARE:
                pass

    def go_back(self) -> None:
        """The card before."""
        if self.card is Card.CHOOSE or self.shared is not None or self.service is not None:
            return
        self._enter(Card(self.card - 1))

    def _enter(self, card: Card) -> None:
        self._turn += 1
        self.card = card
        self.problem = None
        self.is_busy = self.is_checking = False
        if card is Card.CHECK and not self.is_passed:
            self.check()
        self.changed.emit()

    def _connect(self) -> None:
        actions = self._bridge.actions
        self.gateway = ""
        self._walk.clear()
        if self.way is Way.HERE:
            self._do(actions.start_bundled(self.reach), self._started)
        elif self.brings_here:
            self._enter(Card.CHECK)  # its key is kept once it is connected
        elif self.offer is not None:
            self._do(actions.add_gateway(self.offer.text), self._added)

    def _started(self, _: None) -> None:
        gateways = self._bridge.actions.snapshot().gateways
        self.gateway = next((one.name for one in gateways if one.bundled is not None), "")
        self._enter(Card.CHECK)

    def _added(self, name: str) -> None:
        self.gateway = name
        self._enter(Card.CHECK)

    @property
    def wanted_keystore(self) -> KeystoreState | None:
        """Where the key could not be kept: the state of the keystore, which somebody has to open or choose first."""
        if self.problem is None or self.problem.trouble is not Trouble.KEYSTORE_LOCKED:
            return None
        state = self._bridge.actions.snapshot().keystore
        closed = (KeystoreState.UNDECIDED, KeystoreState.SEALED_FILE_CLOSED, KeystoreState.LOCKED)
        return state if state in closed else KeystoreState.LOCKED

    def unlock(self) -> None:
        """Ask the keyring again, and go on where it answers."""
        self._do(self._bridge.actions.unlock_keystore(), lambda _: self.again())

    def again(self) -> None:
        """Do once more what did not come about: there is a keystore now."""
        self.is_busy = False
        self.problem = None
        if self.card is Card.CHOOSE:
            self.go_on()
        self.changed.emit()

    # --- the second card

    @property
    def rows(self) -> tuple[tuple[Step, Check | None], ...]:
        """The hops to show, in their order: those that are walked, and of the others, what is wrong with them."""
        return self._walk.rows

    @property
    def running(self) -> Step | None:
        """The hop that is being tried."""
        return self._walk.running

    @property
    def failure(self) -> Check | None:
        """The first hop that failed: what is behind it could not be tried."""
        return self._walk.failure

    @property
    def is_passed(self) -> bool:
        """Whether everything was tried and nothing is in the way."""
        has_ended = bool(self._walk.checks) and not self.is_checking
        return (
            has_ended and self.problem is None and all(one.fault in _PASSABLE for one in self._walk.failures)
        )

    def check(self) -> None:
        """Try every hop, from the beginning."""
        self._turn += 1
        turn = self._turn
        self._walk.begin()
        self.problem = None
        self.is_checking = True
        what = self.offer if self.brings_here and self.offer is not None else self.gateway

        def tell(one: Check) -> None:
            if turn == self._turn:
                self._walk.take(one)
                self.changed.emit()

        def end(problem: Problem | None) -> None:
            if turn == self._turn:
                self.is_checking = False
                self._walk.end(problem)
                self.problem = problem
                self.changed.emit()

        self.changed.emit()
        self._bridge.do(self._bridge.actions.check(what, tell), done=lambda _: end(None), failed=end)

    # --- the third card

    @property
    def suggested_target(self) -> str:
        """What was pasted says that this is to be shared."""
        return "" if self.offer is None or self.way is Way.HERE else self.offer.target

    def share(self, target: str, name: str | None = None) -> None:
        """Share a service of this computer."""
        self._share(ExposeRequest(target=target, name=name, gateway=self.gateway or None))

    def share_demo(self) -> None:
        """Share RelayDesk's own page."""
        name = translate("Onboarding", "Demo page")
        self._share(ExposeRequest(target="", name=name, gateway=self.gateway or None, is_demo=True))

    def _share(self, request: ExposeRequest) -> None:
        if self.is_busy:
            return
        self._do(self._bridge.actions.expose(request), self._shared)

    def _shared(self, shared: Shared) -> None:
        self.is_busy = False
        self.shared = shared
        self.changed.emit()
        self.show_snapshot(self._bridge.actions.snapshot())

    def connect_to(self, port: int) -> None:
        """Bring what is offered to a local port."""
        if self.offer is None or self.is_busy:
            return
        self._do(self._bridge.actions.connect(self.offer, port), self._connected)

    def _connected(self, service: Service) -> None:
        self.is_busy = False
        self.service = service
        self.changed.emit()
        self.show_snapshot(self._bridge.actions.snapshot())

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Look whether somebody has come."""
        name = self.waits_for
        if name is None:
            return
        seen = [one for one in snapshot.connections if one.service == name]
        if not seen:
            return
        first = min(seen, key=lambda one: one.started_at)
        latest = next((one for one in seen if self.request is not None and one.id == self.request.id), first)
        if latest == self.request:
            return
        is_new = self.request is None
        self.request = latest
        self.changed.emit()
        if is_new:
            self.request_seen.emit(latest)

    @property
    def waits_for(self) -> str | None:
        """The service whose first request is waited for."""
        if self.shared is not None:
            return self.shared.service
        return None if self.service is None else self.service.name

    @property
    def shared_through(self) -> Gateway | None:
        """The gateway that is shared through, as it stands."""
        return next(
            (one for one in self._bridge.actions.snapshot().gateways if one.name == self.gateway), None
        )

    # --- the end

    def finish(self, *, starts_at_login: bool) -> None:
        """It was gone through, skipped or closed: it is not shown by itself again."""
        if self._is_over:
            return
        self._is_over = True
        self._turn += 1
        before = self._bridge.actions.preferences()
        after = dataclasses.replace(before, was_welcomed=True, starts_at_login=starts_at_login)
        if after != before:
            self._bridge.do(self._bridge.actions.set_preferences(after), done=lambda _: self._kept(after))

    def _kept(self, preferences: Preferences) -> None:
        self.preferences_changed.emit(preferences)

    def _do(self, action: Coroutine[Any, Any, Result], done: Callable[[Result], None]) -> None:
        """Ask for something on this card; whoever leaves the card does not hear of it."""
        turn = self._turn
        self.is_busy = True
        self.problem = None

        def end(result: Result) -> None:
            if turn == self._turn:
                done(result)

        def fail(problem: Problem) -> None:
            if turn == self._turn:
                self.is_busy = False
                self.problem = problem
                self.changed.emit()

        self.changed.emit()
        self._bridge.do(action, done=end, failed=fail)
