from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import Credential, Direction
from agent.status import ConnectionStatus
from agent.targets import parse_target
from hyco.addresses import check_name
from hyco.connection_string import parse
from relaydesk.cli.connection_strings import GivenConnection
from relaydesk.cli.expose import Exposure, name_for, say_reachable
from relaydesk.cli.output import Output


def said(capsys: pytest.CaptureFixture[str], host: str, *, is_anonymous: bool) -> str:
    text = f"Endpoint=sb://{host}/;SharedAccessKeyName=k;SharedAccessKey=a2V5"
    exposure = Exposure(
        target=parse_target("3000"),
        path="web",
        given=GivenConnection(parse(text), Credential(text=text)),
        is_anonymous=is_anonymous,
        is_own=False,
        ca_file=Path("my ca.pem"),
    )
    status = ConnectionStatus(name="web", direction=Direction.LISTEN, leads_to="localhost:3000")
    say_reachable(exposure, status, Output())
    return capsys.readouterr().out


def test_what_it_says_works_with_the_authority_it_was_given(capsys: pytest.CaptureFixture[str]):
    text = said(capsys, "relay.example", is_anonymous=False)
    assert "relaydesk send web --connection-string-file FILE --ca 'my ca.pem'\n" in text
    assert (
        "on a local port elsewhere: relaydesk connect web --local PORT --connection-string-file FILE --ca 'my"
        in text
    )
    assert text.endswith("  Ctrl-C ends it\n")
    assert "curl --cacert 'my ca.pem' https://relay.example/web\n" in said(
        capsys, "relay.example", is_anonymous=True
    )


def test_nothing_is_elsewhere_where_the_gateway_is_here(capsys: pytest.CaptureFixture[str]):
    assert "elsewhere" not in said(capsys, "localhost:9443", is_anonymous=False)


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
