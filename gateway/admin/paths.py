"""The paths of the admin API: what there is, how a path is read, and the list of it all (OpenAPI).

Paths are those of Azure's resource API behind ``…/providers/Microsoft.Relay``, which may stand in front or be left out.
Their fixed parts match in any letter case, as Azure's do. The name of a hybrid connection may contain slashes; where it
contains a segment ``authorizationRules`` of its own, that slash has to be written ``%2F``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

_PROVIDER = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Relay(?=/)", re.IGNORECASE
)
_RULES = "authorizationrules"
_ACTIONS = {"listkeys": "listKeys", "regeneratekeys": "regenerateKeys"}

_OWNERS = {"": "a namespace", "/hybridConnections/{name}": "a hybrid connection"}

#: Every path there is, with its methods. The first ones need no token.
OPEN = {
    "/healthz": {"GET": "Whether the process is alive"},
    "/readyz": {"GET": "Whether it takes new connections"},
}
ROUTES: dict[str, dict[str, str]] = {
    "/status": {"GET": "Counts of what there is and of what is going on"},
    "/nodes": {"GET": "The gateways that share this one's store, and what goes on at each"},
    "/openapi.json": {"GET": "This list"},
    "/namespaces": {"GET": "All namespaces"},
    "/namespaces/{namespace}": {
        "GET": "A namespace",
        "PUT": "Make a namespace, or change its host names",
        "DELETE": "Delete a namespace with everything in it",
    },
    "/namespaces/{namespace}/hybridConnections": {"GET": "All hybrid connections of a namespace"},
    "/namespaces/{namespace}/hybridConnections/{name}": {
        "GET": "A hybrid connection",
        "PUT": "Make or change a hybrid connection",
        "DELETE": "Delete a hybrid connection; its listeners are disconnected",
    },
}
for _path, _owner in _OWNERS.items():
    _rules = f"/namespaces/{{namespace}}{_path}/authorizationRules"
    ROUTES[_rules] = {"GET": f"The authorization rules of {_owner}"}
    ROUTES[f"{_rules}/{{rule}}"] = {
        "GET": f"An authorization rule of {_owner}",
        "PUT": f"Make an authorization rule of {_owner}, or change its rights",
        "DELETE": f"Delete an authorization rule of {_owner}; its tokens are refused from then on",
    }
    ROUTES[f"{_rules}/{{rule}}/listKeys"] = {"POST": "Its keys and connection strings"}
    ROUTES[f"{_rules}/{{rule}}/regenerateKeys"] = {"POST": "Replace one of its keys"}


@dataclass(frozen=True, slots=True)
class Match:
    """What a path means: a key of OPEN or ROUTES, and the names in it. *prefix* is what stood before ``/namespaces``."""

    template: str
    namespace: str = ""
    name: str | None = None
    rule: str = ""
    prefix: str = ""


def match(raw_path: str) -> Match | None:
    """What *raw_path*, percent-encoded as sent, means; None for nothing."""
    if raw_path in OPEN or raw_path in ("/status", "/nodes", "/openapi.json"):
        return Match(raw_path)
    found = _PROVIDER.match(raw_path)
    prefix = "" if found is None else found[0]
    first, *segments = raw_path[len(prefix) :].removeprefix("/").removesuffix("/").split("/")
    names = [unquote(segment) for segment in segments]
    if first.lower() != "namespaces" or not all(names):
        return None
    if not names:
        return Match("/namespaces", prefix=unquote(prefix))
    namespace, rest, lower = names[0], names[1:], [segment.lower() for segment in segments[1:]]
    template = "/namespaces/{namespace}"
    name = None
    if lower[:1] == ["hybridconnections"]:
        template += "/hybridConnections"
        rest, lower = rest[1:], lower[1:]
        end = _end_of_name(lower)
        if end:
            template += "/{name}"
            name = "/".join(rest[:end])
            rest, lower = rest[end:], lower[end:]
    tail = _match_rules(rest, lower)
    if tail is None or (template.endswith("s") and rest):
        return None
    return Match(template + tail[0], namespace, name, tail[1], unquote(prefix))


def _end_of_name(lower: list[str]) -> int:
    """How many segments are a name: all, or those before the last ``authorizationRules`` that can be meant so."""
    for index in range(len(lower) - 1, 0, -1):
        behind = lower[index + 1 :]
        if lower[index] == _RULES and (len(behind) <= 1 or (len(behind) == 2 and behind[1] in _ACTIONS)):
            return index
    return len(lower)


def _match_rules(names: list[str], lower: list[str]) -> tuple[str, str] | None:
    """The rest of the template, and the rule's name."""
    match lower:
        case []:
            return "", ""
        case [word] if word == _RULES:
            return "/authorizationRules", ""
        case [word, _] if word == _RULES:
            return "/authorizationRules/{rule}", names[1]
        case [word, _, action] if word == _RULES and action in _ACTIONS:
            return f"/authorizationRules/{{rule}}/{_ACTIONS[action]}", names[1]
    return None


def openapi(version: str) -> dict[str, Any]:
    """The OpenAPI document of all routes."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "RelayDesk gateway: admin API", "version": version},
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
        "paths": {
            **{template: _path_item(template, methods, is_open=True) for template, methods in OPEN.items()},
            **{
                template: _path_item(template, methods, is_open=False) for template, methods in ROUTES.items()
            },
        },
    }


def _path_item(template: str, methods: dict[str, str], *, is_open: bool) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", template)
    ]
    operations: dict[str, Any] = {}
    for method, summary in methods.items():
        operations[method.lower()] = {"summary": summary, "responses": {"default": {"description": "JSON"}}}
        if is_open:
            operations[method.lower()]["security"] = []
    return {**({"parameters": parameters} if parameters else {}), **operations}
