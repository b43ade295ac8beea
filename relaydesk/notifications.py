"""When the desktop speaks up by itself, which is seldom: pure decisions, from snapshots and the time.

A share that stays lost, its recovery after that was said, what is about to end, and, for those who asked, the first
request. Nothing in the first moments after the start or after the computer slept, when everything is lost for a moment;
never more than one notification in a minute, which then says how many more there were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QCoreApplication

from agent.config import Direction

from .models import formats, problems
from .models.texts import literal
from .preferences import Preferences
from .snapshot import Service, ServiceState, Snapshot

translate = QCoreApplication.translate

#: A share is lost when it is so for this long; before, it comes back by itself most of the time.
LOST_S: Final = 30.0
#: After the start, and after the computer slept.
QUIET_S: Final = 45.0
#: Between two notifications.
APART_S: Final = 60.0
#: What ends later than this is about to end when it comes to EXPIRING_S; what was made shorter, at EXPIRING_SHORT_S.
EXPIRING_S: Final = 24 * 3_600.0
EXPIRING_SHORT_S: Final = 10 * 60.0

_LOST = (ServiceState.WAITING, ServiceState.CONNECTING, ServiceState.STOPPED)


@dataclass(frozen=True, slots=True)
class Notification:
    """What is said."""

    title: str
    text: str
    service: str = ""


class Notifications:
    """Decides. Times are POSIX seconds and come from the caller.

    Args:
        now: When the program started.
    """

    def __init__(self, now: float) -> None:
        self._quiet_until = now + QUIET_S
        self._lost_since: dict[str, float] = {}
        self._told_lost: set[str] = set()
        self._first_seen: dict[str, float] = {}
        self._told_expiring: dict[str, float] = {}
        self._had_requests: set[str] = set()
        self._waiting: list[Notification] = []
        self._last_at = float("-inf")

    def woke_up(self, now: float) -> None:
        """The computer slept: what is lost now comes back in a moment."""
        self._quiet_until = now + QUIET_S
        self._lost_since.clear()

    def look(self, snapshot: Snapshot, preferences: Preferences, now: float) -> Notification | None:
        """What to say now, if anything."""
        known = {service.name for service in snapshot.services}
        for gone in (*self._lost_since, *self._told_lost, *self._first_seen, *self._told_expiring):
            if gone not in known:
                self._forget(gone)
        for service in snapshot.services:
            self._first_seen.setdefault(service.name, now)
            self._look_at_loss(service, preferences, now)
            self._look_at_end(service, preferences, now)
            self._look_at_requests(service, preferences)
        if now < self._quiet_until:
            self._waiting.clear()
            return None
        return self._next(now)

    def _look_at_loss(self, service: Service, preferences: Preferences, now: float) -> None:
        if service.state not in _LOST:
            self._lost_since.pop(service.name, None)
            if service.name in self._told_lost and service.state is ServiceState.ONLINE:
                self._told_lost.discard(service.name)
                if preferences.notify_recovered:
                    self._say(
                        translate("Notifications", "{service} is back").format(service=_name(service)),
                        translate("Notifications", "Senders get through again."),
                        service.name,
                    )
            return
        since = self._lost_since.setdefault(service.name, now)
        if now - since < LOST_S or service.name in self._told_lost or now < self._quiet_until:
            return
        self._told_lost.add(service.name)
        if preferences.notify_lost:
            why = "" if service.problem is None else problems.explain(service.problem).title
            self._say(
                translate("Notifications", "{service} cannot be reached").format(service=_name(service)),
                translate("Notifications", "{why}. It is tried again by itself.").format(why=why)
                if why
                else translate("Notifications", "It is tried again by itself."),
                service.name,
            )

    def _look_at_end(self, service: Service, preferences: Preferences, now: float) -> None:
        ends_at = service.expires_at
        if ends_at is None or ends_at <= now or self._told_expiring.get(service.name) == ends_at:
            return
        was_long = ends_at - self._first_seen[service.name] > EXPIRING_S
        if ends_at - now > (EXPIRING_S if was_long else EXPIRING_SHORT_S):
            return
        self._told_expiring[service.name] = ends_at
        if preferences.notify_expiring:
            left = formats.rough_duration(ends_at - now)
            shared = service.direction is Direction.LISTEN
            self._say(
                translate("Notifications", "{service} ends in {left}").format(
                    service=_name(service), left=left
                ),
                translate("Notifications", "Share it again for longer from its menu.")
                if shared
                else translate("Notifications", "Ask for a new invitation if you still need it."),
                service.name,
            )

    def _look_at_requests(self, service: Service, preferences: Preferences) -> None:
        traffic = service.traffic
        if not traffic.total_connections and not traffic.total_requests:
            return
        if service.name in self._had_requests:
            return
        self._had_requests.add(service.name)
        if preferences.notify_first_request and service.direction is Direction.LISTEN:
            self._say(
                translate("Notifications", "Somebody uses {service}").format(service=_name(service)),
                translate("Notifications", "The first connection since it was shared."),
                service.name,
            )

    def _say(self, title: str, text: str, service: str) -> None:
        self._waiting.append(Notification(title, text, service))

    def _next(self, now: float) -> Notification | None:
        if not self._waiting or now - self._last_at < APART_S:
            return None
        self._last_at = now
        first, *others = self._waiting
        self._waiting.clear()
        if not others:
            return first
        more = translate("Notifications", "And %Ln more.", "", len(others))
        return Notification(first.title, f"{first.text} {more}", first.service)

    def _forget(self, name: str) -> None:
        for known in (self._lost_since, self._first_seen, self._told_expiring):
            known.pop(name, None)
        self._told_lost.discard(name)
        self._had_requests.discard(name)


def _name(service: Service) -> str:
    return literal(service.name, 60)
