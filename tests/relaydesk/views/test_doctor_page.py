"""The Doctor page: each hop as it is tried, what is wrong, what to do, and a report."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.checks import Check, Fault, Outcome, Step
from relaydesk.check_report import Examined
from relaydesk.snapshot import Problem, Snapshot, Trouble
from relaydesk.views.doctor_page import DoctorPage
from relaydesk.views.main_window import MainWindow
from tests.support.fake_bridge import FakeBridge
from tests.support.sample_checks import all_good, failed_at


@pytest.fixture
def page(window: MainWindow) -> DoctorPage:
    window.navigation.choose(window.pages.index(window.doctor))
    return window.doctor


def offered(page: DoctorPage) -> list[tuple[str, bool]]:
    return [page.what.itemData(number) for number in range(page.what.count())]


def test_services_and_gateways_are_offered_and_the_choice_stays(
    page: DoctorPage, bridge: FakeBridge, window: MainWindow
):
    names = offered(page)
    assert ("Storefront", True) in names
    assert any(not is_service for _, is_service in names)
    page.what.setCurrentIndex(names.index(("Grafana", True)))
    shorter = bridge.actions.current.services[1:]
    import dataclasses

    bridge.feed(dataclasses.replace(bridge.actions.current, services=shorter))
    assert page.what.currentData() == ("Grafana", True)
    assert ("Storefront", True) not in offered(page)


def test_clear_way_is_said(page: DoctorPage, bridge: FakeBridge):
    bridge.actions.checks = all_good()
    page.examine_service("Storefront")
    assert bridge.asked == [("diagnose", "Storefront")]
    assert page.summary.text() == "The way is clear."
    assert page.copy.isEnabled()


def test_what_fails_is_named_with_its_fix(page: DoctorPage, bridge: FakeBridge):
    bridge.actions.checks = failed_at(Step.TCP, Fault.PORT_BLOCKED)
    page.examine_service("Storefront")
    assert page.summary.text() == "Port: The gateway's port is blocked"
    assert "firewall" in page.fix.text()


def test_warning_is_said_where_nothing_failed(page: DoctorPage, bridge: FakeBridge):
    bridge.actions.checks = (
        Check(
            step=Step.CLOCK, outcome=Outcome.WARNING, tried="x", found="5 min apart", fault=Fault.CLOCK_WRONG
        ),
    )
    page.examine_service("Storefront")
    assert page.summary.text().startswith("Clock: ")


def test_gateway_is_examined_without_a_service(page: DoctorPage, bridge: FakeBridge):
    place = next(place for place, (_, is_service) in enumerate(offered(page)) if not is_service)
    page.what.setCurrentIndex(place)
    page.begin.click()
    assert bridge.asked == [("check", offered(page)[place][0])]


def test_hops_are_shown_while_it_goes_on(page: DoctorPage, bridge: FakeBridge):
    bridge.is_held = True
    page.examine_service("Storefront")
    assert page.summary.text() == "Trying each hop…"
    assert not page.begin.isEnabled()
    assert not page.copy.isEnabled()
    bridge.actions.checks = all_good()
    bridge.release()
    assert page.begin.isEnabled()


def test_walk_that_cannot_be_walked_says_why(page: DoctorPage, bridge: FakeBridge):
    bridge.actions.refused["diagnose"] = Problem(trouble=Trouble.KEYSTORE_LOCKED, cause="no answer")
    page.examine_service("Storefront")
    assert page.summary.text() == "The keystore is locked"


def test_report_is_copied_and_saved(
    page: DoctorPage, bridge: FakeBridge, copied: list[str], window: MainWindow
):
    bridge.actions.checks = failed_at(Step.TOKEN, Fault.KEY_REJECTED, "SharedAccessKey=c2VjcmV0 was refused")
    page.examine_service("Storefront")
    page.copy.click()
    assert "The gateway does not accept the key" in copied[-1]
    assert "c2VjcmV0" not in copied[-1]
    page.save("report.txt")
    _, path, examined = bridge.asked[-1]
    assert path == Path("report.txt")
    (one,) = examined
    assert isinstance(one, Examined)
    assert one.name == "Storefront"


def test_trouble_leads_to_the_doctor(window: MainWindow, bridge: FakeBridge):
    bridge.actions.checks = failed_at(Step.TARGET, Fault.TARGET_REFUSES)
    window.services.choose("Grafana")
    window.services.actions_of_service.diagnose.trigger()
    assert window.page is window.doctor
    assert bridge.asked == [("diagnose", "Grafana")]
    assert "Nothing listens" in window.doctor.summary.text()


def test_nothing_to_examine_is_said(page: DoctorPage, bridge: FakeBridge):
    bridge.feed(Snapshot(at=1.0))
    assert page.what.count() == 0
    assert not page.begin.isVisible()
