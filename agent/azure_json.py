"""JSON as Azure's portal, command line and templates show it, read for what it says of a hybrid connection.

Nobody knows beforehand which of them is pasted: the answer of ``listKeys``, a rule, a hybrid connection, App Service's own
object for one, or several of them in a list. So every object in the text is looked at, and each is known by its members.

Source: protocol reference §12.2 and §13; App Service REST, ``HybridConnectionProperties``.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Final

from hyco.addresses import Endpoint, canonical_path, parse_endpoint
from hyco.connection_string import ConnectionString, parse
from hyco.errors import HycoError
from hyco.sas import Right

from .errors import AgentError
from .hcm import endpoint_of, host_and_port

MAX_OBJECTS: Final = 500
"""Looked at in one text."""
MAX_DEPTH: Final = 12

_RESOURCE = re.compile(
    r"/namespaces/(?P<namespace>[^/]+)(?:/hybridConnections/(?P<path>.+?))?(?:/authorizationRules/(?P<rule>[^/]+))?/?$",
    re.IGNORECASE,
)
_AZURE: Final = ".servicebus.windows.net"
_RIGHTS: Final = {"listen": Right.LISTEN, "send": Right.SEND, "manage": Right.MANAGE}


class AzureJsonError(AgentError):
    """A text is JSON, and none that could be used. Never with any part of it but names of resources."""

    retryable = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a text says of one way to a namespace.

    Attributes:
        secret: The connection string. Not shown by repr.
        rights: What its rule may do, where the text says so.
        target: ``host:port`` that the hybrid connection is for, where the text says so.
    """

    secret: ConnectionString = dataclasses.field(repr=False)
    rights: Right | None = None
    target: str | None = None


@dataclasses.dataclass(slots=True)
class _Seen:
    """What was found so far."""

    secrets: list[ConnectionString] = dataclasses.field(default_factory=list)
    rights: dict[str, Right] = dataclasses.field(default_factory=dict)
    targets: dict[str, str] = dataclasses.field(default_factory=dict)
    connections: list[str] = dataclasses.field(default_factory=list)
    rules: list[str] = dataclasses.field(default_factory=list)
    error: HycoError | None = None


def is_json(text: str) -> bool:
    """Whether *text* means to be JSON, good or bad."""
    return text.lstrip().startswith(("{", "[{", "[ {", "[\n", "[\r"))


def read(text: str) -> tuple[Described, ...]:
    """Read what was pasted. The caller bounds its length.

    Raises:
        AzureJsonError: It is no JSON, or there is no key in it; the text says what there is instead, and what is needed.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise AzureJsonError(
            "this begins like JSON and is none: copy it from its first brace to its last"
        ) from None
    seen = _Seen()
    for number, members in enumerate(_objects(value, 0)):
        if number >= MAX_OBJECTS:
            raise AzureJsonError("this JSON is about too many things: copy only that of one policy")
        _look(members, seen)
    if not seen.secrets:
        raise AzureJsonError(_without_key(seen))
    return tuple(_described(secret, seen) for secret in seen.secrets)


def _objects(value: object, depth: int) -> Iterator[dict[str, object]]:
    """Every object, the outer ones first."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from _objects(member, depth + 1)
    elif isinstance(value, list):
        for member in value:
            yield from _objects(member, depth + 1)


def _look(members: dict[str, object], seen: _Seen) -> None:
    properties = members.get("properties")
    inner = properties if isinstance(properties, dict) else {}
    resource = _RESOURCE.search(_text(members, "id"))
    name = _text(members, "name").rpartition("/")[2]
    path = resource["path"] if resource is not None else None
    if (text := _text(members, "primaryConnectionString") or _text(members, "connectionString")) != "":
        _keep(text, seen)
    if isinstance(rights := members.get("rights", inner.get("rights")), list):
        rule = (resource and resource["rule"]) or name
        seen.rules.append(rule)
        seen.rights[rule.lower()] = _rights(rights)
    metadata = members.get("userMetadata", inner.get("userMetadata"))
    if metadata is not None or (path and not (resource and resource["rule"])):
        path = path or name
        if path:  # else the inner half of a resource, which was looked at with its name
            seen.connections.append(path)
            if (target := endpoint_of(metadata)) is not None:
                seen.targets[path.lower()] = target
    if "relayName" in members:
        _look_at_app_service(members, seen)


def _look_at_app_service(members: dict[str, object], seen: _Seen) -> None:
    """App Service's object for a hybrid connection: with host and port, and sometimes with the key that sends."""
    path = _text(members, "relayName")
    seen.connections.append(path)
    port = members.get("port")
    if (target := host_and_port(f"{_text(members, 'hostname')}:{port}")) is not None:
        seen.targets[path.lower()] = target
    key_name, key = _text(members, "sendKeyName"), _text(members, "sendKeyValue")
    namespace = _text(members, "serviceBusNamespace")
    if not (key and key_name and namespace):
        return
    suffix = _text(members, "serviceBusSuffix") or _AZURE
    host = namespace if "." in namespace else f"{namespace}.{suffix.lstrip('.')}"
    try:
        endpoint: Endpoint = parse_endpoint(f"sb://{host}/")
        seen.secrets.append(ConnectionString(endpoint=endpoint, entity_path=path, key_name=key_name, key=key))
    except HycoError as error:
        seen.error = error
    else:
        seen.rights.setdefault(key_name.lower(), Right.SEND)


def _keep(text: str, seen: _Seen) -> None:
    try:
        secret = parse(text)
    except HycoError as error:
        seen.error = error
        return
    if secret not in seen.secrets:
        seen.secrets.append(secret)


def _described(secret: ConnectionString, seen: _Seen) -> Described:
    if secret.entity_path is None and len(set(seen.connections)) == 1:
        # the key of a namespace, and one hybrid connection of it beside
        try:
            canonical_path(seen.connections[0])
            secret = dataclasses.replace(secret, entity_path=seen.connections[0])
        except HycoError:
            pass
    return Described(
        secret=secret,
        rights=seen.rights.get((secret.key_name or "").lower()),
        target=seen.targets.get((secret.entity_path or "").lower()),
    )


def _without_key(seen: _Seen) -> str:
    if seen.error is not None:
        return f"the connection string in this JSON cannot be used: {seen.error}"
    how = "in Azure's portal, open the policy under Shared access policies and copy its primary connection string"
    if seen.rules:
        return f"this describes the policy {_name(seen.rules[0])} and holds no key: {how}"
    if seen.connections:
        return f"this describes the hybrid connection {_name(seen.connections[0])} and holds no key: {how}"
    return f"there is no connection string in this JSON: {how}"


def _name(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")


def _text(members: dict[str, object], key: str) -> str:
    value = members.get(key)
    return value if isinstance(value, str) else ""


def _rights(names: list[object]) -> Right:
    rights = Right(0)
    for name in names:
        rights |= _RIGHTS.get(str(name).lower(), Right(0))
    return rights
