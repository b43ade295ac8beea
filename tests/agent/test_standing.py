"""How a state gets into the log: a night without a gateway is one line."""

from __future__ import annotations

import logging

import pytest

from agent.config import ConnectionConfig, Credential
from agent.counters import Counters
from agent.errors import CredentialError, GatewayRejectedError, GatewayUnreachableError
from agent.policy import Policy
from agent.standing import Standing
from agent.targets import parse_target
from tests.support.clocks import SteppedClock


@pytest.fixture
def standing(caplog: pytest.LogCaptureFixture) -> Standing:
    caplog.set_level(logging.DEBUG, logger="agent.state")
    config = ConnectionConfig(credential=Credential(env="X"), target=parse_target("1"), path="web")
    return Standing(Policy(config), Counters(), SteppedClock(), lambda: None)


def levels(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.levelname for record in caplog.records]
    caplog.clear()
    return found


def test_a_reason_is_a_line_when_it_changes(standing: Standing, caplog: pytest.LogCaptureFixture):
    for attempt in range(3):
        standing.connecting()
        standing.waiting(GatewayUnreachableError("connection refused"), attempt)
    assert levels(caplog) == ["INFO", "DEBUG", "DEBUG"]
    standing.waiting(GatewayRejectedError(503, "busy"), 1.0)
    standing.waiting(GatewayUnreachableError("connection refused"), 1.0)
    assert levels(caplog) == ["INFO", "INFO"]
    standing.listening()
    standing.waiting(GatewayUnreachableError("connection refused"), 1.0)
    assert levels(caplog) == ["INFO"], "it has worked in between"


def test_another_tracking_id_is_no_other_reason(standing: Standing, caplog: pytest.LogCaptureFixture):
    for number in "12":
        reason = f"InvalidSignature. TrackingId:{number}_G0, SystemTracker:sb://h/web, Timestamp:2026-01-0{number}T00:00:00"
        standing.waiting(GatewayRejectedError(401, reason), 30.0)
    assert levels(caplog) == ["INFO", "DEBUG"]


@pytest.mark.expect_log_warnings("agent.state: web: cannot read hc.key; next try in")
def test_what_only_an_operator_can_end_is_a_warning_once(
    standing: Standing, caplog: pytest.LogCaptureFixture
):
    for _ in range(2):
        standing.waiting(CredentialError("cannot read hc.key"), 1.0)
    assert levels(caplog) == ["WARNING", "DEBUG"]
