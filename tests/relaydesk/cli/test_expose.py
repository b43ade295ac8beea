from __future__ import annotations

import pytest

from agent.targets import parse_target
from hyco.addresses import check_name
from relaydesk.cli.expose import name_for


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("3000", "port-3000"),
        ("127.0.0.1:3000", "port-3000"),
        ("[::1]:3000", "port-3000"),
        ("http://localhost", "port-80"),
        ("Printer.lan:631", "printer.lan-631"),
        ("[fe80::1]:80", "fe80-1-80"),
        ("[::2]:80", "2-80"),
        ("my_host:1", "my-host-1"),
    ],
)
def test_a_target_names_its_hybrid_connection_the_same_each_time(target: str, name: str):
    assert name_for(parse_target(target)) == name
    assert check_name(name) == name
