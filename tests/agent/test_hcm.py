"""The conventions of App Service and Hybrid Connection Manager."""

from __future__ import annotations

import pytest

from agent.hcm import endpoint_of, rights_of
from hyco.sas import Right


@pytest.mark.parametrize(
    ("metadata", "endpoint"),
    [
        ('[{"key":"endpoint","value":"db.corp.example:1433"}]', "db.corp.example:1433"),
        ([{"key": "endpoint", "value": "db.corp.example:1433"}], "db.corp.example:1433"),
        ('[{"key":"owner","value":"ann"},{"key":"Endpoint","value":"DB:1433"}]', "db:1433"),
        ('[{"key":"endpoint","value":"http://db:1433"}]', None),
        ('[{"key":"endpoint","value":7}]', None),
        ('[{"key":"owner"}, 3]', None),
        ('{"endpoint":"db:1433"}', None),
        ("db:1433", None),
        ("[" * 5_000, None),
        (" " * 5_000 + "[]", None),
        (None, None),
    ],
)
def test_the_metadata_names_one_host_and_port(metadata: object, endpoint: str | None):
    assert endpoint_of(metadata) == endpoint


def test_rules_that_azure_makes_have_known_rights():
    assert rights_of("defaultListener") == Right.LISTEN
    assert rights_of("defaultSender") == Right.SEND
    assert rights_of("RootManageSharedAccessKey") == Right.ALL
    assert rights_of("mine") is None
    assert rights_of(None) is None
