"""What the tables of services, connections and gateways say."""

from __future__ import annotations

import dataclasses

import pytest
from PySide6.QtCore import Qt

from relaydesk.models import connections, services
from relaydesk.models.connections import ConnectionsModel
from relaydesk.models.gateways import GatewaysModel
from relaydesk.models.invitations import InvitationsModel
from relaydesk.models.rates import Rates
from relaydesk.models.services import ServicesModel, spoken_history
from relaydesk.models.states import gateway_face, service_face
from relaydesk.models.tables import FADED_ROLE, ICON_ROLE, SPARKLINE_ROLE, TableModel
from relaydesk.models.tones import Tone
from relaydesk.snapshot import BundledState, Proof, ServiceState
from tests.support.sample_snapshot import NOW, minute, sample

pytestmark = pytest.mark.usefixtures("english")


def cell(model: TableModel, row: int, column: str, role: int = Qt.ItemDataRole.DisplayRole) -> object:
    return model.index(row, model.column(column)).data(role)


def watched_services() -> ServicesModel:
    model, rates = ServicesModel(), Rates[str]()
    for snapshot in minute():
        rates.update(snapshot.at, services.totals(snapshot))
    model.show(sample(), rates)
    return model


def test_a_service_is_told_in_words() -> None:
    model = watched_services()
    assert cell(model, 0, "state") == "Online"
    assert cell(model, 0, "connections") == "3"
    assert cell(model, 0, "who") == "3 invited · 5 h"
    assert cell(model, 0, "path") == "contoso / storefront-7f3a"
    assert cell(model, 0, "round_trip") == "42 ms"
    assert str(cell(model, 0, "rate")).endswith("/s")
    assert cell(model, 2, "who") == "Everybody · 50 min"
    assert cell(model, 4, "who") == "This computer · 4 days"


def test_a_public_share_is_marked_and_said() -> None:
    model = watched_services()
    assert cell(model, 2, "service", ICON_ROLE) == ("public", Tone.WARN)
    assert cell(model, 2, "service", Qt.ItemDataRole.AccessibleTextRole) == "Docs preview, public"


def test_what_is_not_proven_is_not_called_online_alone() -> None:
    model = watched_services()
    assert cell(model, 1, "state") == "Online, not proven"
    assert "nobody can tell" in str(cell(model, 1, "round_trip", Qt.ItemDataRole.ToolTipRole))


def test_a_sparkline_has_a_minute_and_is_said() -> None:
    model = watched_services()
    values = cell(model, 0, "history", SPARKLINE_ROLE)
    assert isinstance(values, tuple)
    assert len(values) == 60
    assert str(cell(model, 0, "history", Qt.ItemDataRole.AccessibleTextRole)).startswith(
        "last minute: average "
    )
    assert spoken_history(()) == "last minute: quiet"
    assert spoken_history((1_000_000.0, 2_000_000.0)) == "last minute: average 1.5 MB/s, peak 2.0 MB/s"


def test_every_state_of_a_service_has_a_word_and_no_two_of_them_one_word() -> None:
    service = sample().services[0]
    faces = [
        service_face(dataclasses.replace(service, state=state))
        for state in ServiceState
        if state is not ServiceState.ONLINE
    ]
    faces += [service_face(dataclasses.replace(service, proof=proof)) for proof in Proof]
    assert len({face.word for face in faces}) == len(faces)


def test_time_alone_changes_what_is_left() -> None:
    model = watched_services()
    model.tick(NOW + 3_600)
    assert cell(model, 0, "who") == "3 invited · 4 h"
    assert cell(model, 2, "who") == "Everybody · over"


def test_what_has_ended_is_faded_for_a_minute_and_then_gone() -> None:
    model, rates = ConnectionsModel(), Rates[int]()
    snapshot = sample()
    rates.update(snapshot.at, connections.totals(snapshot))
    model.show(snapshot, rates)
    assert model.rowCount() == 9
    row = model.row_of(105)
    assert row is not None
    assert cell(model, row, "state", FADED_ROLE) is True
    assert cell(model, row, "state") == "Ended"
    model.tick(NOW + 21)
    assert model.row_of(105) is None
    assert model.row_of(107) is not None


def test_a_failed_request_says_why() -> None:
    model = ConnectionsModel()
    model.show(sample(), Rates[int]())
    row = model.row_of(106)
    assert row is not None
    assert cell(model, row, "state") == "Failed"
    assert "closed the connection" in str(cell(model, row, "state", Qt.ItemDataRole.ToolTipRole))


def test_the_age_of_what_has_ended_stands_still() -> None:
    model = ConnectionsModel()
    model.show(sample(), Rates[int]())
    row = model.row_of(106)
    assert row is not None
    before = cell(model, row, "age")
    model.tick(NOW + 5)
    assert cell(model, row, "age") == before == "2 s"
    assert cell(model, 0, "age") == "1 h 30 min"


def test_gateways_say_what_protects_them_and_what_a_key_allows() -> None:
    model = GatewaysModel()
    model.show(sample())
    assert cell(model, 0, "key") == "made here"
    assert cell(model, 1, "rights") == "Listen, Send"
    assert cell(model, 3, "address") == "10.0.4.12:8080 (without TLS)"
    assert cell(model, 3, "rights") == "not known"
    assert cell(model, 3, "state") == "Needs attention"


@pytest.mark.parametrize("state", BundledState)
def test_every_state_of_the_bundled_gateway_has_a_face(state: BundledState) -> None:
    assert gateway_face(dataclasses.replace(sample().gateways[0], bundled=state)).word


def test_invitations_that_are_over_are_faded() -> None:
    model = InvitationsModel()
    model.show(sample().services[0], NOW + 6 * 3_600)
    assert cell(model, 0, "left") == "over"
    assert cell(model, 0, "left", FADED_ROLE) is True
    assert cell(model, 1, "left", FADED_ROLE) is False
    assert cell(model, 0, "ends") != ""
    endless = dataclasses.replace(sample().services[0].invitations[0], expires_at=None)
    model.show(dataclasses.replace(sample().services[0], invitations=(endless,)), NOW)
    assert cell(model, 0, "ends") == "when it is withdrawn"
    assert cell(model, 0, "left", FADED_ROLE) is False
    model.show(None, NOW)
    assert model.rowCount() == 0


@pytest.mark.parametrize(
    ("peer", "shown"),
    [
        ("203.0.113.7:60670", "203.0.113.7"),
        ("[2001:db8::42]:443", "2001:db8::42"),
        ("2001:db8::42", "2001:db8::42"),
        ("203.0.113.7", "203.0.113.7"),
        ("ci.example:x", "ci.example:x"),
        ("", ""),
    ],
)
def test_a_sender_is_shown_by_its_address(peer: str, shown: str) -> None:
    assert connections.address_words(peer) == shown
