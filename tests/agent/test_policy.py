from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta, timezone

import pytest

from agent.config import ConnectionConfig, Credential
from agent.policy import Policy
from agent.status import State
from agent.targets import parse_target

NOON = datetime(2026, 12, 31, 12, tzinfo=UTC)
CONFIG = ConnectionConfig(credential=Credential(env="KEY"), target=parse_target("3000"), path="web")


@pytest.mark.parametrize(
    ("paused", "until", "now", "forbidden", "ends_in_s"),
    [
        (False, None, NOON, None, None),
        (True, None, NOON, State.PAUSED, None),
        (False, NOON, NOON - timedelta(seconds=2), None, 2),
        (False, NOON, NOON, State.EXPIRED, None),
        (False, NOON, NOON + timedelta(days=1), State.EXPIRED, None),
        (True, NOON, NOON - timedelta(seconds=2), State.PAUSED, 2),
        (True, NOON, NOON, State.EXPIRED, None),
        (False, NOON.astimezone(timezone(timedelta(hours=9))), NOON, State.EXPIRED, None),
    ],
)
def test_what_settings_forbid_and_until_when_they_do_not(
    paused: bool, until: datetime | None, now: datetime, forbidden: State | None, ends_in_s: float | None
):
    policy = Policy(dataclasses.replace(CONFIG, paused=paused, until=until))
    assert policy.forbids(now.timestamp()) is forbidden
    assert policy.ends_in(now.timestamp()) == ends_in_s


def test_name_follows_the_settings():
    policy = Policy(CONFIG)
    assert policy.label == "web"
    policy.config = dataclasses.replace(CONFIG, name="shop")
    assert policy.label == "shop"
