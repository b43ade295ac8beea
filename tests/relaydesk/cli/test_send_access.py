"""Where `send` goes with a connection string that was given; the gateway of one's own is tested end to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import Credential
from hyco.connection_string import parse
from hyco.sas import parse_token
from relaydesk.cli.connection_strings import GivenConnection
from relaydesk.cli.exits import UsageError
from relaydesk.cli.names import parse_name
from relaydesk.cli.send_access import SendAccess, find_send_access

NAMESPACE = "Endpoint=sb://relay.example/;SharedAccessKeyName=r;SharedAccessKey=a2V5"


async def access(name: str, text: str | None, folder: Path) -> SendAccess:
    given = None if text is None else GivenConnection(parse(text), Credential(text=text))
    return await find_send_access(parse_name(name), given, folder)


def audience_of(found: SendAccess) -> str:
    token = found.access.token(1_000.0)
    assert token is not None
    return parse_token(token.text).canonical_path


@pytest.mark.parametrize(
    ("name", "path", "suffix"),
    [
        ("a/b", "a/b", ""),
        ("A/B/", "A/B", "/"),
        ("a/b/c/d", "a/b", "/c/d"),
        ("https://relay.example/a/b/c", "a/b", "/c"),
    ],
)
async def test_a_connection_string_says_where_the_name_ends(
    tmp_path: Path, name: str, path: str, suffix: str
):
    found = await access(name, f"{NAMESPACE};EntityPath=a/b", tmp_path)
    assert (found.access.path, found.suffix) == (path, suffix)
    assert audience_of(found) == "a/b"


async def test_a_key_of_the_namespace_signs_for_all_of_it(tmp_path: Path):
    """Nobody says here where the name ends, and a token for more than the name would not hold for it."""
    found = await access("a/b/c", NAMESPACE, tmp_path)
    assert found.access.path + found.suffix == "a/b/c"
    assert audience_of(found) == ""


@pytest.mark.parametrize("name", ["a/bc", "a", "https://other.example/a/b", "http://relay.example/a/b"])
async def test_a_token_goes_nowhere_else(tmp_path: Path, name: str):
    with pytest.raises(UsageError, match="the connection string is for"):
        await access(name, f"{NAMESPACE};EntityPath=a/b", tmp_path)


async def test_a_url_of_some_gateway_gets_no_token(tmp_path: Path):
    found = await access("https://relay.example/a/b?c", None, tmp_path)
    assert found.access.secret is None
    assert found.access.path + found.suffix == "a/b"


async def test_a_name_alone_needs_a_gateway(tmp_path: Path):
    with pytest.raises(UsageError, match="no gateway of this user is running"):
        await access("a", None, tmp_path)
