"""The first start without a window: what is shown, what is asked for, and what is not listened to any more."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from agent.checks import Fault, Step
from relaydesk.actions import Reach
from relaydesk.models.onboarding import Card, Fact, Onboarding, Way
from relaydesk.preferences import Preferences
from relaydesk.snapshot import (
    BundledState,
    ConnectionKind,
    Gateway,
    KeystoreState,
    LiveConnection,
    Problem,
    Snapshot,
    Trouble,
)
from tests.support.fake_bridge import CONNECTION_STRING, KEY_OF_ONE, FakeBridge
from tests.support.sample_checks import all_good, failed_at

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

HERE = Gateway(
    name="This computer",
    address="127.0.0.1:9400",
    is_secure=False,
    key_name="",
    rights=None,
    bundled=BundledState.RUNNING,
)


@pytest.fixture
def bridge(qapp: QApplication) -> FakeBridge:
    made = FakeBridge(Snapshot(at=1.0, gateways=(HERE,)))
    made.actions.checks = all_good()
    return made


@pytest.fixture
def model(bridge: FakeBridge) -> Onboarding:
    return Onboarding(bridge)


def asked(bridge: FakeBridge) -> list[str]:
    return [one[0] for one in bridge.asked if one[0] != "examine"]


def test_what_is_pasted_is_said_in_facts_without_its_key(model: Onboarding):
    assert not model.can_go_on
    model.paste(f"Hi,\n{CONNECTION_STRING.replace('desk', 'RootManageSharedAccessKey')}\n\nBob")
    assert dict(model.facts) == {
        Fact.GATEWAY: "gw.example",
        Fact.PATH: "any: it is for the namespace",
        Fact.KEY: "RootManageSharedAccessKey",
        Fact.RIGHTS: "Listen, Send, Manage, by its name",
    }
    assert "bm90IGEgcmVhbCBrZXk" not in model.masked
    assert model.masked.startswith("Endpoint=sb://gw.example/;SharedAccessKeyName=")
    assert model.can_go_on


def test_what_cannot_be_read_is_a_problem_of_the_first_card(model: Onboarding):
    model.paste("hello")
    assert model.problem is not None
    assert not model.can_go_on
    model.paste("")
    assert model.problem is None


def test_the_key_is_kept_between_the_first_card_and_the_second(model: Onboarding, bridge: FakeBridge):
    model.paste(CONNECTION_STRING)
    model.go_on()
    assert asked(bridge) == ["add_gateway", "check"]
    assert bridge.asked[-1] == ("check", "gw.example")
    assert model.card is Card.CHECK
    assert model.is_passed


def test_each_hop_is_shown_as_it_is_tried(model: Onboarding, bridge: FakeBridge):
    model.paste(CONNECTION_STRING)
    seen: list[tuple[Step | None, int]] = []
    model.changed.connect(lambda: seen.append((model.running, sum(one is not None for _, one in model.rows))))
    model.go_on()
    assert (Step.DNS, 0) in seen
    assert (Step.TCP, 2) in seen
    assert [step for step, _ in model.rows] == [
        Step.DNS, Step.PROXY, Step.TCP, Step.TLS, Step.CLOCK, Step.TOKEN, Step.HYBRID_CONNECTION,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        (Step.TOKEN, Fault.KEY_REJECTED),
        (Step.CLOCK, Fault.CLOCK_WRONG),
        (Step.TCP, Fault.PORT_BLOCKED),
        (Step.HYBRID_CONNECTION, Fault.HYBRID_CONNECTION_MISSING),
    ],
)
def test_what_fails_is_named_and_holds_up_until_it_is_tried_again(
    model: Onboarding, bridge: FakeBridge, step: Step, fault: Fault
):
    bridge.actions.checks = failed_at(step, fault)
    model.paste(KEY_OF_ONE)
    model.go_on()
    assert model.failure is not None
    assert (model.failure.step, model.failure.fault) == (step, fault)
    assert not model.can_go_on
    bridge.actions.checks = all_good()
    model.check()
    assert model.failure is None
    assert model.can_go_on


def test_that_nobody_listens_yet_does_not_hold_up(model: Onboarding, bridge: FakeBridge):
    bridge.actions.checks = failed_at(Step.LISTENERS, Fault.NO_LISTENER)
    model.paste(KEY_OF_ONE)
    model.go_on()
    assert model.rows[-1][0] is Step.LISTENERS
    assert model.can_go_on


def test_checks_of_a_card_that_was_left_are_not_listened_to(model: Onboarding, bridge: FakeBridge):
    model.paste(KEY_OF_ONE)
    bridge.is_held = True
    model.go_on()
    bridge.release()  # the key is kept, and the checks are on their way
    model.go_back()
    bridge.release()
    assert model.card is Card.CHOOSE
    assert not model.is_checking
    assert all(check is None for _, check in model.rows)


def test_a_check_that_cannot_be_made_is_a_problem(model: Onboarding, bridge: FakeBridge):
    bridge.actions.refused["check"] = Problem(trouble=Trouble.GATEWAY_UNREACHABLE, cause="it does not run")
    model.choose_way(Way.HERE)
    model.go_on()
    assert model.problem is not None
    assert not model.can_go_on


def test_this_computer_becomes_a_gateway_for_whom_was_chosen(model: Onboarding, bridge: FakeBridge):
    model.choose_way(Way.HERE)
    model.choose_reach(Reach.NETWORK)
    model.go_on()
    assert bridge.asked == [("start_bundled", Reach.NETWORK), ("check", "This computer")]
    model.go_on()
    assert model.card is Card.SHARE


def test_a_gateway_that_does_not_start_is_said_where_it_was_asked_for(model: Onboarding, bridge: FakeBridge):
    bridge.actions.refused["start_bundled"] = Problem(trouble=Trouble.PORT_TAKEN, cause="9400 is taken")
    model.choose_way(Way.HERE)
    model.go_on()
    assert model.card is Card.CHOOSE
    assert model.problem is not None
    assert model.can_go_on, "it can be tried again"


@pytest.mark.parametrize("state", [KeystoreState.UNDECIDED, KeystoreState.SEALED_FILE_CLOSED])
def test_a_keystore_that_is_closed_is_opened_and_it_goes_on(
    model: Onboarding, bridge: FakeBridge, state: KeystoreState
):
    bridge.feed(dataclasses.replace(bridge.actions.current, keystore=state))
    bridge.actions.refused["add_gateway"] = Problem(trouble=Trouble.KEYSTORE_LOCKED, cause="there is none")
    model.paste(CONNECTION_STRING)
    model.go_on()
    assert model.card is Card.CHOOSE
    assert model.wanted_keystore is state
    del bridge.actions.refused["add_gateway"]
    model.again()
    assert model.card is Card.CHECK


def test_a_locked_keyring_is_asked_again(model: Onboarding, bridge: FakeBridge):
    bridge.feed(dataclasses.replace(bridge.actions.current, keystore=KeystoreState.LOCKED))
    bridge.actions.refused["add_gateway"] = Problem(trouble=Trouble.KEYSTORE_LOCKED, cause="it is locked")
    model.paste(CONNECTION_STRING)
    model.go_on()
    assert model.wanted_keystore is KeystoreState.LOCKED
    del bridge.actions.refused["add_gateway"]
    model.unlock()
    assert asked(bridge) == ["add_gateway", "unlock_keystore", "add_gateway", "check"]
    assert model.card is Card.CHECK


def to_the_last_card(model: Onboarding, text: str = CONNECTION_STRING) -> None:
    model.paste(text)
    model.go_on()
    model.go_on()
    assert model.card is Card.SHARE


def a_request(service: str, number: int = 1) -> LiveConnection:
    return LiveConnection(
        id=number,
        service=service,
        kind=ConnectionKind.REQUEST,
        peer="203.0.113.7",
        about="GET / 200",
        started_at=float(number),
    )


def test_the_first_request_to_what_was_shared_is_seen_once(
    model: Onboarding, bridge: FakeBridge, qtbot: QtBot
):
    to_the_last_card(model)
    seen: list[LiveConnection] = []
    model.request_seen.connect(seen.append)
    model.share("127.0.0.1:3000", "Shop")
    (request,) = [one[1] for one in bridge.asked if one[0] == "expose"]
    assert (request.target, request.gateway) == ("127.0.0.1:3000", "gw.example")
    model.show_snapshot(Snapshot(at=2.0, connections=(a_request("Another"),)))
    assert model.request is None
    first = a_request("Shop", 2)
    model.show_snapshot(Snapshot(at=3.0, connections=(a_request("Shop", 3), first)))
    ended = dataclasses.replace(first, ended_at=4.0)
    model.show_snapshot(Snapshot(at=4.0, connections=(ended,)))
    assert seen == [first]
    assert model.request == ended


def test_the_demo_page_can_be_shared(model: Onboarding, bridge: FakeBridge):
    to_the_last_card(model)
    model.share_demo()
    (request,) = [one[1] for one in bridge.asked if one[0] == "expose"]
    assert (request.is_demo, request.name) == (True, "Demo page")
    assert model.waits_for == "Demo page"
    model.go_back()
    assert model.card is Card.SHARE, "what is shared is not undone by going back"


def test_why_something_is_not_shared_is_said(model: Onboarding, bridge: FakeBridge):
    to_the_last_card(model)
    bridge.actions.refused["expose"] = Problem(trouble=Trouble.MISSING_RIGHT, cause="it lacks Manage")
    model.share("3000")
    assert model.problem is not None
    assert not model.is_busy
    assert model.waits_for is None


def test_a_key_that_only_sends_brings_the_service_here(model: Onboarding, bridge: FakeBridge):
    to_the_last_card(model, KEY_OF_ONE.replace("desk", "defaultSender"))
    assert model.brings_here
    assert "add_gateway" not in asked(bridge)
    model.connect_to(5432)
    assert bridge.asked[-1][0::2] == ("connect", 5432)
    assert model.waits_for == "orders"


def test_what_azbridge_forwarded_is_offered_one_by_one(model: Onboarding):
    forwards = "RemoteForward: [{RelayName: a, HostPort: 80}, {RelayName: b, Host: db, HostPort: 5432}]"
    model.paste(f"AzureRelayConnectionString: {CONNECTION_STRING}\n{forwards}")
    model.choose_offer(1)
    assert model.facts[Fact.PATH] == "b"
    assert model.suggested_target == "db:5432"
    assert not model.brings_here


def test_its_end_is_remembered_and_login_only_where_it_was_wanted(model: Onboarding, bridge: FakeBridge):
    changed: list[Preferences] = []
    model.preferences_changed.connect(changed.append)
    model.finish(starts_at_login=True)
    model.finish(starts_at_login=False)
    assert bridge.actions.chosen == Preferences(was_welcomed=True, starts_at_login=True)
    assert changed == [bridge.actions.chosen]
