"""From what was pasted to what can be done with it: every way that is in it, with a local port that is free."""

from __future__ import annotations

import errno
import socket

from agent.config import LOOPBACK
from agent.pasted import Found, read
from hyco.sas import Right

from ..actions import Offer

_RIGHTS = ((Right.LISTEN, "Listen"), (Right.SEND, "Send"), (Right.MANAGE, "Manage"))


def offers(text: str, now: float) -> list[Offer]:
    """What *text* offers: at least one.

    Raises:
        PastedError: It cannot be used.
    """
    return [_offer(found) for found in read(text, now).found]


def _offer(found: Found) -> Offer:
    invitation = found.invitation
    rights = None
    if found.rights is not None:
        rights = tuple(name for right, name in _RIGHTS if right in found.rights)
    return Offer(
        service=invitation.name if invitation is not None else found.path or found.endpoint.host,
        gateway=found.endpoint.authority,
        is_secure=found.endpoint.is_secure,
        path=found.path or "",
        is_invitation=invitation is not None,
        is_web=invitation.is_web if invitation is not None else (found.target or "").startswith("http"),
        rights=rights,
        are_rights_told=found.is_told,
        expires_at=None if invitation is None else invitation.expires_at,
        suggested_port=_free_port(found.port or _port_of(found.target)),
        key_name=found.key_name,
        target=found.target or "",
        purpose=found.purpose,
        text=found.text,
    )


def _port_of(target: str | None) -> int | None:
    """The port that the service has where it is, which may suit here too."""
    port = (target or "").rpartition(":")[2]
    return int(port) if port.isdecimal() else None


def is_free(port: int) -> bool:
    """Whether the local port can be bound now."""
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            return error.errno not in (errno.EADDRINUSE, errno.EACCES)
    return True


def _free_port(wanted: int | None) -> int:
    """*wanted* where it is free and needs no privilege; otherwise any free one."""
    if wanted is not None and wanted >= 1024 and is_free(wanted):
        return wanted
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
