from __future__ import annotations

import pytest

from hyco.addresses import Endpoint
from relaydesk.cli.exits import UsageError
from relaydesk.cli.names import NamedAddress, parse_name

HERE = Endpoint("127.0.0.1", 9400, is_secure=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web", NamedAddress(None, "web", "")),
        ("/web/a/", NamedAddress(None, "web/a/", "")),
        ("web/a?b=c?d", NamedAddress(None, "web/a", "b=c?d")),
        ("web#part", NamedAddress(None, "web", "")),
        ("http://127.0.0.1:9400/web", NamedAddress(HERE, "web", "")),
        ("http://127.0.0.1:9400/a/b%20c?x=%2F#y", NamedAddress(HERE, "a/b%20c", "x=%2F")),
        ("sb://NS.example/web", NamedAddress(Endpoint("ns.example", 443, is_secure=True), "web", "")),
        ("web#a\nb", NamedAddress(None, "web", "")),
        ("http://127.0.0.1:9400/web#a\nb", NamedAddress(HERE, "web", "")),
        ("web/http://x", NamedAddress(None, "web/http://x", "")),
    ],
)
def test_names_and_urls_are_taken_apart(text: str, expected: NamedAddress):
    assert parse_name(text) == expected


@pytest.mark.parametrize(
    "text", ["", "/", "?x", "https://host", "https://host/", "ftp://host/x", "https://a b/x"]
)
def test_what_names_nothing_is_refused(text: str):
    with pytest.raises(UsageError):
        parse_name(text)
