"""Namespaces, hybrid connections and rules as JSON, in the shape of Azure's resource API (protocol reference §12.2).

Ours, beside it: ``properties.hostNames`` of a namespace, ``properties.kind``, ``properties.responseTimeoutSeconds`` and
``properties.allowedOrigins`` of a hybrid connection. What Azure has and a gateway does not (location, sku, tags, …) is accepted and ignored at the top level;
a member of ``properties`` that is unknown is refused, for a misspelt setting must not pass for one that was made.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any, Literal, NoReturn

from hyco.addresses import Endpoint
from hyco.sas import Right, Rule

from ..editor import KEEP, Keep
from ..entities import HybridConnection, InvalidEntityError, KeyType, Kind, Namespace, rights_words

_RIGHTS = {"listen": Right.LISTEN, "send": Right.SEND, "manage": Right.MANAGE}

# What clients read, and send back unchanged.
_READ_ONLY = frozenset({"createdAt", "updatedAt", "listenerCount", "status", "provisioningState"})


class BadBodyError(InvalidEntityError):
    """The body of a request is not what it should be."""


# --- out -----------------------------------------------------------------------------------------------------------------


def namespace_document(namespace: Namespace, endpoint: Endpoint, prefix: str) -> dict[str, Any]:
    """A namespace."""
    return {
        "id": f"{prefix}/namespaces/{namespace.name}",
        "name": namespace.name,
        "type": "Microsoft.Relay/Namespaces",
        "properties": {
            "provisioningState": "Succeeded",
            "status": "Active",
            "createdAt": iso_time(namespace.created_at),
            "updatedAt": iso_time(namespace.updated_at),
            "serviceBusEndpoint": f"{endpoint.http_origin}/",
            "hostNames": list(namespace.hosts),
        },
    }


def connection_document(
    namespace: Namespace, connection: HybridConnection, listener_count: int, prefix: str
) -> dict[str, Any]:
    """A hybrid connection."""
    return {
        "id": f"{prefix}/namespaces/{namespace.name}/hybridConnections/{connection.name}",
        "name": connection.name,
        "type": "Microsoft.Relay/Namespaces/HybridConnections",
        "properties": {
            "createdAt": iso_time(connection.created_at),
            "updatedAt": iso_time(connection.updated_at),
            "listenerCount": listener_count,
            "kind": connection.kind.value,
            "requiresClientAuthorization": connection.requires_client_authorization,
            "userMetadata": connection.user_metadata,
            "responseTimeoutSeconds": connection.response_timeout_s,
            "allowedOrigins": list(connection.allowed_origins),
        },
    }


def rule_document(namespace: Namespace, connection: str | None, rule: Rule, prefix: str) -> dict[str, Any]:
    """A rule of a namespace, or of the hybrid connection of that name; never its keys."""
    owner = "" if connection is None else f"/hybridConnections/{connection}"
    kind = "" if connection is None else "/HybridConnections"
    return {
        "id": f"{prefix}/namespaces/{namespace.name}{owner}/authorizationRules/{rule.name}",
        "name": rule.name,
        "type": f"Microsoft.Relay/Namespaces{kind}/AuthorizationRules",
        "properties": {"rights": rights_words(rule.rights)},
    }


def iso_time(seconds: float) -> str:
    """POSIX seconds as the resource API and ATOM write a time."""
    return (
        dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


# --- in ------------------------------------------------------------------------------------------------------------------


def parse_body(content: bytes) -> Mapping[str, Any]:
    """The JSON object in a body; an empty body is an empty object.

    Raises:
        BadBodyError: It is anything else, or says something twice.
    """
    if not content.strip():
        return {}
    try:
        body = json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadBodyError(f"the body is not JSON: {_short(error)}") from error
    if not isinstance(body, dict):
        raise BadBodyError("the body is not a JSON object")
    return body


def hosts_in(body: Mapping[str, Any]) -> list[str] | None:
    """The host names in the body of a namespace; None when it does not speak of them.

    Raises:
        BadBodyError: They are no list of texts.
    """
    hosts = _properties(body).get("hostNames")
    if hosts is not None and not _is_list_of_texts(hosts):
        raise BadBodyError("properties.hostNames is a list of texts")
    return hosts


def settings_in(body: Mapping[str, Any]) -> dict[str, Any]:
    """What the body of a hybrid connection sets, as arguments of Editor.put_connection.

    Raises:
        BadBodyError: A member is unknown or has a value of another type.
    """
    properties = _properties(body)
    _check_known(
        properties,
        {"kind", "requiresClientAuthorization", "userMetadata", "responseTimeoutSeconds", "allowedOrigins"},
    )
    requires = properties.get("requiresClientAuthorization", KEEP)
    metadata = properties.get("userMetadata", KEEP)
    timeout = properties.get("responseTimeoutSeconds", KEEP)
    origins = properties.get("allowedOrigins", KEEP)
    if requires is None:
        requires = KEEP  # clients send null for what they do not set
    if metadata is None:
        metadata = KEEP
    if requires is not KEEP and not isinstance(requires, bool):
        raise BadBodyError("properties.requiresClientAuthorization is true or false")
    if metadata is not KEEP and not isinstance(metadata, str):
        raise BadBodyError("properties.userMetadata is a text")
    if timeout is not KEEP and timeout is not None and not _is_number(timeout):
        raise BadBodyError("properties.responseTimeoutSeconds is a number, or null for the gateway's own")
    if origins is None:
        origins = KEEP
    if origins is not KEEP and not _is_list_of_texts(origins):
        raise BadBodyError("properties.allowedOrigins is a list of texts; an empty one lets all pages in")
    return {
        "kind": _kind_in(properties),
        "requires_client_authorization": requires,
        "user_metadata": metadata,
        "response_timeout_s": timeout,
        "allowed_origins": origins,
    }


def _kind_in(properties: Mapping[str, Any]) -> Kind | Literal[Keep.KEEP]:
    word = properties.get("kind")
    if word is None:
        return KEEP
    try:
        return Kind(word)
    except ValueError:
        raise BadBodyError(
            f"properties.kind is {', '.join(repr(kind.value) for kind in Kind)}; once made, it stays"
        ) from None


def rights_in(body: Mapping[str, Any]) -> Right:
    """The rights in the body of a rule.

    Raises:
        BadBodyError: There are none, or one is unknown.
    """
    properties = _properties(body)
    _check_known(properties, {"rights"})
    words = properties.get("rights")
    if not isinstance(words, list) or not words:
        raise BadBodyError('properties.rights is a list of "Listen", "Send" and "Manage"')
    rights = Right(0)
    for word in words:
        right = _RIGHTS.get(word.lower()) if isinstance(word, str) else None
        if right is None:
            raise BadBodyError('properties.rights is a list of "Listen", "Send" and "Manage"')
        rights |= right
    return rights


def key_in(body: Mapping[str, Any]) -> tuple[KeyType, str | None]:
    """Which key to replace, and by what; None for a new one.

    Raises:
        BadBodyError: It does not say which.
    """
    words = {kind.value.lower(): kind for kind in KeyType}
    word, key = body.get("keyType"), body.get("key")
    kind = words.get(word.lower()) if isinstance(word, str) else None
    if kind is None:
        raise BadBodyError('keyType is "PrimaryKey" or "SecondaryKey"')
    if key is not None and not isinstance(key, str):
        raise BadBodyError("key is a text; without it a new key is made")
    return kind, key or None


def _properties(body: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = body.get("properties")
    if properties is None:
        return {}
    if not isinstance(properties, dict):
        raise BadBodyError("properties is an object")
    return properties


def _check_known(properties: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(properties.keys() - known - _READ_ONLY)
    if unknown:
        raise BadBodyError(f"properties.{unknown[0][:60]} is unknown; there are {', '.join(sorted(known))}")


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is given twice")
    return members


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _short(error: Exception) -> str:
    """What an error of the parser says; it never quotes the body."""
    return (
        "too deeply nested" if isinstance(error, RecursionError) else str(error).partition(": line")[0][:100]
    )
