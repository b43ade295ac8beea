"""All of it in one glance."""

from __future__ import annotations

import dataclasses

import pytest

from relaydesk.models import health
from relaydesk.models.rates import Rate
from relaydesk.models.states import health_face
from relaydesk.snapshot import Health, KeystoreState, Problem, ServiceState, Snapshot, Trouble
from tests.support.sample_snapshot import NOW, sample

pytestmark = pytest.mark.usefixtures("english")


def test_nothing_is_said_as_nothing() -> None:
    glance = health.glance(Snapshot(at=0.0))
    assert glance.summary == "Nothing shared"
    assert glance.face.icon == "tray-idle"
    assert not glance.has_public


def test_the_tooltip_counts_and_names_the_oldest_problem() -> None:
    glance = health.glance(sample(), Rate(1_200_000.0, 0.0))
    first, second, third = glance.tooltip.split("\n")
    assert first == "4 shared · 1 connected · 6 connections · ↓1.2 MB/s"
    assert second.startswith("Grafana: The local service does not answer · since ")
    assert second.endswith("Next try in 6 s")
    assert third == "1 public share"


def test_every_state_has_a_shape_of_its_own() -> None:
    """Told apart without colour."""
    assert len({health_face(state).icon for state in Health}) == len(Health)
    assert len({health_face(state).word for state in Health}) == len(Health)


def test_connecting_names_what_connects() -> None:
    snapshot = sample()
    connecting = dataclasses.replace(snapshot.services[0], state=ServiceState.CONNECTING)
    glance = health.glance(Snapshot(at=NOW, health=Health.WORKING, services=(connecting,)))
    assert "Connecting Storefront…" in glance.tooltip


def test_the_oldest_problem_comes_first_and_the_desktops_own_before_all() -> None:
    old, new = (Problem(trouble=Trouble.TARGET, cause="", since=since) for since in (10.0, 20.0))
    first, second = sample().services[:2]
    services = (dataclasses.replace(first, problem=new), dataclasses.replace(second, problem=old))
    snapshot = Snapshot(at=30.0, services=services)
    found = health.oldest_problem(snapshot)
    assert found is not None
    assert found.service is services[1]
    disk = Problem(trouble=Trouble.DISK, cause="no space left", since=25.0)
    own = health.oldest_problem(dataclasses.replace(snapshot, problem=disk))
    assert own == (None, disk)


def test_a_paused_service_has_no_problem_to_tell() -> None:
    paused = dataclasses.replace(sample().services[3], state=ServiceState.PAUSED)
    assert health.complaints(Snapshot(at=NOW, services=(paused,))) == ()


@pytest.mark.parametrize("state", KeystoreState)
def test_every_keystore_has_words(state: KeystoreState) -> None:
    assert health.keystore_words(state)
