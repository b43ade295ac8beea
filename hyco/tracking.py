"""Tracking ids, and the tail that they give to every error text.

A tracking id is a GUID, usually chosen by the client, and one ``_G<node>`` for each node of the relay on the way. The
reason phrase of a failed handshake carries it: every SDK shows that text to its user, and people quote it when they
ask for help.

Source: protocol reference §1.3.
"""

from __future__ import annotations

import datetime as dt
import re

from .limits import MAX_REASON_PHRASE_LENGTH

_GUID_LENGTH = 36
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
# It is followed by nothing, or by what whoever quotes the message adds in brackets or behind a semicolon.
_TAIL = re.compile(r"\.? TrackingId:[^;)]*")
_LINE_ENDS = re.compile(r"[\r\n]+")
# RFC 9112 section 4: a reason phrase is made of tabs, spaces, visible characters and the upper half of Latin-1, of
# which the C1 controls are left out: they are terminal commands to whoever reads the log.
_NOT_IN_REASON = re.compile(r"[^\t\x20-\x7e\xa0-\xff]")


def guid_of(text: str) -> str | None:
    """Return the GUID in the first 36 characters of *text*, lower-cased, or None if there is none.

    Hop suffixes (``_G0_G1``) may follow it, and anything else.
    """
    head = text[:_GUID_LENGTH]
    return head.lower() if _GUID.fullmatch(head) else None


def tracking_id(guid: str, node: int = 0) -> str:
    """Return the tracking id of *guid* at the given node of the relay."""
    return f"{guid}_G{node}"


def traced(message: str, *, tracking_id: str, host: str, path: str, now: float) -> str:
    """Return *message* with the tail that tells people, and Azure's SDKs, where it comes from.

    A message that has one already is returned as it is: it was made further inside.

    Args:
        message: What happened; a full stop is added if it has none.
        tracking_id: Of the connection or request that failed.
        host: The namespace.
        path: The hybrid connection, as the client named it.
        now: POSIX seconds.
    """
    if "TrackingId:" in message:
        return message
    moment = dt.datetime.fromtimestamp(now, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return (
        f"{message.rstrip('. ')}. TrackingId:{tracking_id}, SystemTracker:sb://{host}/{path.strip('/')}, "
        f"Timestamp:{moment}"
    )


def untraced(message: str) -> str:
    """Return *message* without such a tail, which is another one each time: to see whether two say the same."""
    return _TAIL.sub("", message)


def reason_phrase(text: str) -> str:
    """Return what of *text* may stand in a status line.

    Line ends become one space, so that nobody can begin a header of their own; other controls and characters outside
    Latin-1 are left out. Anything longer than MAX_REASON_PHRASE_LENGTH is cut off.
    """
    one_line = _LINE_ENDS.sub(" ", text)
    return _NOT_IN_REASON.sub("", one_line)[:MAX_REASON_PHRASE_LENGTH].strip()
