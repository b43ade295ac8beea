"""The conventions of App Service and its Hybrid Connection Manager: what a hybrid connection leads to, and who may do what.

One hybrid connection there is one TCP ``host:port``. It stands in the ``userMetadata`` of the resource, which is JSON in a
text: ``[{"key": "endpoint", "value": "host:port"}]``. App Service makes two rules, ``defaultListener`` and ``defaultSender``; the
*gateway connection string* that the portal shows is an ordinary connection string of the first.

Source: protocol reference §13.
"""

from __future__ import annotations

import json
from typing import Final

from hyco.sas import Right

from .errors import ConfigError
from .targets import TargetKind, parse_target

MAX_METADATA_CHARACTERS: Final = 4_096

#: What the rules may do that Azure makes by itself. Somebody may have changed them since.
RIGHTS_BY_NAME: Final = {
    "rootmanagesharedaccesskey": Right.ALL,
    "defaultlistener": Right.LISTEN,
    "defaultsender": Right.SEND,
}


def rights_of(key_name: str | None) -> Right | None:
    """What a rule of this name may most likely do; None for a name that people chose."""
    return RIGHTS_BY_NAME.get((key_name or "").lower())


def endpoint_of(user_metadata: object) -> str | None:
    """The ``host:port`` in a hybrid connection's metadata; None where there is none."""
    if isinstance(user_metadata, str):
        if len(user_metadata) > MAX_METADATA_CHARACTERS:
            return None
        try:
            user_metadata = json.loads(user_metadata)
        except (ValueError, RecursionError):
            return None
    if not isinstance(user_metadata, list):
        return None
    for entry in user_metadata:
        if isinstance(entry, dict) and str(entry.get("key")).lower() == "endpoint":
            return host_and_port(entry.get("value"))
    return None


def host_and_port(value: object) -> str | None:
    """*value* as ``host:port``; None where it is something else."""
    try:
        target = parse_target(value) if isinstance(value, str) else None
    except ConfigError:
        return None
    return None if target is None or target.kind is not TargetKind.STREAM else str(target)
