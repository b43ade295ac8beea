"""azbridge's configuration file, read for what it says of hybrid connections.

Its documentation and its parser write keys in different ways (``relay_name``, ``relayName``, ``RelayName``, ``port`` and
``BindPort``), and files of both kinds are about, so letter case and underscores do not matter here. What has nothing to do
with where a hybrid connection leads (compression, logs, time-outs) is passed over.

Source: protocol reference §14.4; Azure/azure-relay-bridge, CONFIG.md and Configuration/*.cs.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Final

import yaml

from hyco.addresses import Endpoint, parse_endpoint
from hyco.connection_string import ConnectionString, parse
from hyco.errors import HycoError

from ..errors import AgentError

MAX_FORWARDS: Final = 100
"""Of one file. People write a handful."""
MAX_PORT: Final = 65_535

_HEAD = re.compile(
    r"^[ \t]*(?:AzureRelay\w{1,30}|LocalForward|RemoteForward)[ \t]*:", re.IGNORECASE | re.MULTILINE
)
_NUMBER = re.compile(r"-?[0-9]{1,5}[uU]?")


class AzbridgeError(AgentError):
    """A text means to be azbridge's configuration and cannot be used. Never with any part of it but names of keys."""

    retryable = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """One entry of ``LocalForward`` or ``RemoteForward``.

    Attributes:
        path: The hybrid connection.
        is_remote: Whether this side listens at the relay and leads to a service.
        host: Where that service is; of a local forward, the name by which programs here know it.
        port: The service's port; of a local forward, the local one. None where there is none, as with a Unix socket.
        is_web: Whether azbridge was told that HTTP is spoken.
        is_datagram: Whether it is UDP.
        secret: What proves the right to it. Not shown by repr.
    """

    path: str
    is_remote: bool
    host: str | None = None
    port: int | None = None
    is_web: bool = False
    is_datagram: bool = False
    secret: ConnectionString | None = dataclasses.field(default=None, repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What a file says.

    Attributes:
        secret: For all forwards that have none of their own. Not shown by repr.
        forwards: In the order of the file: those that lead here from elsewhere first, as azbridge has them.
    """

    secret: ConnectionString | None = dataclasses.field(default=None, repr=False)
    forwards: tuple[Forward, ...] = ()


def is_configuration(text: str) -> bool:
    """Whether *text* means to be azbridge's configuration, good or bad."""
    return _HEAD.search(text) is not None


def read(text: str) -> Configuration:
    """Read a configuration file. The caller bounds its length.

    Raises:
        AzbridgeError: It is no YAML, or says nothing that could be used; the text names the key at fault.
    """
    members = _members(_load(text))
    secret = _relay(members)
    forwards = [
        forward
        for key, is_remote in (("localforward", False), ("remoteforward", True))
        for entry in _entries(members, key)
        for forward in _forwards(entry, secret, is_remote=is_remote)
    ]
    return Configuration(secret=secret, forwards=tuple(forwards))


def _load(text: str) -> object:
    # the base loader makes nothing but texts, lists and dictionaries: no dates, no numbers, no objects
    try:
        return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - safer than the safe one, see above
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = "" if mark is None else f" in line {mark.line + 1}"
        raise AzbridgeError(f"the azbridge configuration is not YAML{where}") from None
    except (yaml.YAMLError, RecursionError, ValueError):
        raise AzbridgeError("the azbridge configuration is not YAML") from None


def _members(value: object) -> dict[str, object]:
    """A mapping with keys as azbridge's parser and its documentation agree on them."""
    if not isinstance(value, dict):
        raise AzbridgeError("the azbridge configuration is not a list of keys and values")
    return {
        re.sub(r"[_\-\s]", "", key).lower(): member for key, member in value.items() if isinstance(key, str)
    }


def _entries(members: dict[str, object], key: str) -> Iterator[dict[str, object]]:
    value = members.get(key)
    if value is None or value == "":  # a head without entries
        return
    if isinstance(value, dict):  # one entry without its dash
        value = [value]
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise AzbridgeError(f"{_SPELLED[key]} is not a list of entries")
    if len(value) > MAX_FORWARDS:
        raise AzbridgeError(f"{_SPELLED[key]} has more than {MAX_FORWARDS} entries")
    for entry in value:
        yield _members(entry)


_SPELLED: Final = {
    "localforward": "LocalForward",
    "remoteforward": "RemoteForward",
    "azurerelayconnectionstring": "AzureRelayConnectionString",
    "azurerelayendpoint": "AzureRelayEndpoint",
    "connectionstring": "ConnectionString",
}


def _relay(members: dict[str, object]) -> ConnectionString | None:
    """The connection string of the whole file: given as one, or in its parts."""
    if (given := _text(members, "azurerelayconnectionstring")) is not None:
        return _connection_string(given, "azurerelayconnectionstring")
    endpoint = _endpoint(members)
    key_name = _text(members, "azurerelaysharedaccesskeyname")
    key = _text(members, "azurerelaysharedaccesskey")
    signature = _text(members, "azurerelaysharedaccesssignature")
    if endpoint is None or (key is None and signature is None):
        return None
    try:
        if signature is not None:
            return ConnectionString(endpoint=endpoint, signature=signature)
        return ConnectionString(endpoint=endpoint, key_name=key_name, key=key)
    except HycoError as error:
        raise AzbridgeError(f"the azbridge configuration cannot be used: {error}") from None


def _endpoint(members: dict[str, object]) -> Endpoint | None:
    text = _text(members, "azurerelayendpoint")
    if text is None:
        return None
    try:
        return parse_endpoint(text if "://" in text else f"sb://{text.rstrip('/')}/")
    except HycoError as error:
        raise AzbridgeError(f"AzureRelayEndpoint cannot be used: {error}") from None


def _connection_string(text: str, key: str) -> ConnectionString:
    try:
        return parse(text)
    except HycoError as error:
        raise AzbridgeError(f"{_SPELLED[key]} cannot be used: {error}") from None


def _forwards(
    entry: dict[str, object], secret: ConnectionString | None, *, is_remote: bool
) -> Iterator[Forward]:
    own = _text(entry, "connectionstring")
    secret = secret if own is None else _connection_string(own, "connectionstring")
    path = _text(entry, "relayname") or (secret.entity_path if secret is not None else None)
    if path is None:
        raise AzbridgeError(f"an entry of {'Remote' if is_remote else 'Local'}Forward has no RelayName")
    bindings = entry.get("bindings")
    parts = bindings if isinstance(bindings, list) and bindings else [entry]
    for part in parts[:MAX_FORWARDS]:
        members = _members(part)
        host = _text(members, "host", "hostname")
        port, is_datagram = _port(_text(members, *(("hostport",) if is_remote else ("bindport", "port"))))
        has_socket = _text(members, "localsocket", "bindlocalsocket") is not None
        yield Forward(
            path=path.strip("/"),
            is_remote=is_remote,
            host=("localhost" if is_remote and host is None and not has_socket else host),
            port=None if has_socket else port,
            is_web=(_text(members, "http") or "").lower() in ("true", "yes"),
            is_datagram=is_datagram,
            secret=secret,
        )


def _text(members: dict[str, object], *keys: str) -> str | None:
    """The first of *keys* that has a value, without the quotes that azbridge takes off as well."""
    for key in keys:
        value = members.get(key)
        if isinstance(value, str) and value.strip(" \t'\""):
            return value.strip(" \t'\"")
    return None


def _port(text: str | None) -> tuple[int | None, bool]:
    """A port, and whether it is one of UDP: negative in a file, with a U behind it on the command line."""
    if text is None or not _NUMBER.fullmatch(text):
        return None, False
    is_datagram = text.startswith("-") or text[-1] in "uU"
    number = abs(int(text.rstrip("uU")))
    return (number if 1 <= number <= MAX_PORT else None), is_datagram
