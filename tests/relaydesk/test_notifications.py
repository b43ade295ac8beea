"""When the desktop speaks up by itself, with the time in the test's hand."""

from __future__ import annotations

import dataclasses

import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from agent.config import Direction
from agent.status import Traffic
from relaydesk.notifications import APART_S, EXPIRING_SHORT_S, LOST_S, QUIET_S, Notifications
from relaydesk.preferences import Preferences
from relaydesk.snapshot import Problem, Service, ServiceState, Snapshot, Trouble

START = 1_000_000.0
SHOP = Service(
    name="Shop",
    direction=Direction.LISTEN,
    local="127.0.0.1:3000",
    state=ServiceState.ONLINE,
    since=START,
    gateway="home",
    path="shop",
    url="",
    is_web=True,
)
LOST = dataclasses.replace(
    SHOP,
    state=ServiceState.WAITING,
    problem=Problem(trouble=Trouble.GATEWAY_UNREACHABLE, cause="refused"),
)


class Told:
    """What was said, at which second."""

    def __init__(self, preferences: Preferences | None = None) -> None:
        self.notifications = Notifications(START)
        self.preferences = preferences or Preferences()
        self.said: list[tuple[float, str]] = []

    def look(self, second: float, *services: Service) -> None:
        at = START + second
        found = self.notifications.look(Snapshot(at=at, services=services), self.preferences, at)
        if found is not None:
            self.said.append((second, f"{found.title}. {found.text}"))

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.said]


def test_a_share_that_is_lost_is_told_after_a_while_and_once():
    told = Told()
    told.look(QUIET_S, SHOP)
    for second in range(100, 100 + int(LOST_S) + 60):
        told.look(second, LOST)
    assert told.said == [
        (
            100 + LOST_S,
            "Shop cannot be reached. The gateway cannot be reached. It is tried again by itself.",
        )
    ]


def test_one_that_comes_back_soon_is_never_mentioned():
    told = Told()
    for second in range(100, 125):
        told.look(second, LOST)
    for second in range(125, 300):
        told.look(second, SHOP)
    assert told.said == []


def test_its_recovery_is_told_when_its_loss_was():
    told = Told()
    told.look(100, LOST)
    told.look(100 + LOST_S, LOST)
    told.look(100 + LOST_S + APART_S, SHOP)
    assert [text.partition(".")[0] for text in told.texts] == ["Shop cannot be reached", "Shop is back"]


def test_nothing_is_said_in_the_first_moments_nor_after_a_sleep():
    told = Told()
    for second in range(int(QUIET_S)):
        told.look(second, LOST)
    assert told.said == []
    told.notifications.woke_up(START + 200)
    for second in range(200, 200 + int(QUIET_S)):
        told.look(second, LOST)
    assert told.said == []


def test_several_at_once_are_one_notification():
    told = Told()
    others = [dataclasses.replace(LOST, name=name) for name in ("Shop", "Database", "Grafana")]
    told.look(100, *others)
    told.look(100 + LOST_S, *others)
    (text,) = told.texts
    assert text.startswith("Shop cannot be reached")
    assert text.endswith("And 2 more.")


def test_what_is_about_to_end_is_told_once():
    told = Told()
    ending = dataclasses.replace(SHOP, expires_at=START + 3_600)
    told.look(100, ending)
    assert told.said == []
    told.look(3_600 - EXPIRING_SHORT_S + 1, ending)
    told.look(3_600 - EXPIRING_SHORT_S + 100, ending)
    (text,) = told.texts
    assert text.startswith("Shop ends in ")


@pytest.mark.parametrize("is_wanted", [True, False])
def test_the_first_request_is_told_to_those_who_asked(is_wanted: bool):
    told = Told(Preferences(notify_first_request=is_wanted))
    told.look(100, SHOP)
    told.look(200, dataclasses.replace(SHOP, traffic=Traffic(total_requests=1)))
    told.look(300, dataclasses.replace(SHOP, traffic=Traffic(total_requests=2)))
    assert len(told.said) == is_wanted


def test_what_is_switched_off_is_not_told():
    told = Told(Preferences(notify_lost=False, notify_recovered=False))
    told.look(100, LOST)
    told.look(100 + LOST_S, LOST)
    told.look(300, SHOP)
    assert told.said == []
