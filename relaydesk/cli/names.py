"""What NAME means on the command line: a hybrid connection of a gateway that is known otherwise, or a whole URL."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hyco.addresses import Endpoint, parse_endpoint
from hyco.errors import InvalidAddressError

from .exits import UsageError

_URL = re.compile(
    r"(?P<origin>[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?",
    re.DOTALL,
)
_NAME = re.compile(r"(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class NamedAddress:
    """A URL or a name, taken apart.

    Attributes:
        endpoint: The gateway; None where only a name was given.
        path: What follows it, without the first slash: a hybrid connection's name, and perhaps more.
        query: Without its question mark.
    """

    endpoint: Endpoint | None
    path: str
    query: str


def parse_name(text: str) -> NamedAddress:
    """Read ``NAME[/PATH][?QUERY]`` or ``SCHEME://HOST[:PORT]/NAME[/PATH][?QUERY]``.

    Raises:
        UsageError: It is neither.
    """
    url = _URL.fullmatch(text)
    match = url or _NAME.fullmatch(text)
    assert match is not None, "a name can be any text"
    try:
        endpoint = None if url is None else parse_endpoint(f"{url['origin']}/")
    except InvalidAddressError as error:
        raise UsageError(f"{text!r} is no address of a hybrid connection: {error}") from error
    path = match["path"].removeprefix("/")
    if not path:
        raise UsageError(f"{text!r} names no hybrid connection", "give NAME or https://HOST/NAME")
    return NamedAddress(endpoint, path, match["query"] or "")
