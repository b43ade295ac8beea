from __future__ import annotations

import pytest

from hyco.addresses import Endpoint
from hyco.sas import Right
from relaydesk.cli.exits import UsageError
from relaydesk.cli.options import check_is_private, rights_of


@pytest.mark.parametrize(
    ("text", "rights"),
    [
        ("listen", Right.LISTEN),
        ("Send, LISTEN", Right.LISTEN | Right.SEND),
        ("manage", Right.ALL),
        ("listen,send,manage", Right.ALL),
    ],
)
def test_rights_are_read(text: str, rights: Right):
    assert rights_of(text) == rights


@pytest.mark.parametrize("text", ["", "fly", "listen;send", "listen,"])
def test_other_words_are_no_rights(text: str):
    with pytest.raises(UsageError, match="--rights"):
        rights_of(text)


@pytest.mark.parametrize(
    ("host", "is_secure", "allowed"),
    [
        ("relay.example", True, False),
        ("127.0.0.1", False, False),
        ("localhost", False, False),
        ("::1", False, False),
        ("relay.example", False, True),
    ],
)
def test_a_gateway_is_private_by_tls_or_by_being_here(host: str, is_secure: bool, allowed: bool):
    check_is_private(Endpoint(host, 80, is_secure), is_insecure_allowed=allowed)


def test_a_gateway_in_the_open_is_refused():
    with pytest.raises(UsageError, match="--insecure"):
        check_is_private(Endpoint("192.0.2.1", 80, is_secure=False), is_insecure_allowed=False)
