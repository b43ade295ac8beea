"""Find a listener for a sender: which ones may be asked, and patience while they are busy."""

from __future__ import annotations

import asyncio

from hyco.limits import MAX_CONTROL_MESSAGE_BYTES
from hyco.messages import Accept, Request, encode
from hyco.tracking import guid_of

from .errors import BusyError
from .fabric.interface import Ask, Fabric, RelayKey, Told
from .front_request import FrontRequest

ALLOWED_LISTENERS = "microsoft-relay-allowedlisteners"
DISALLOWED_LISTENERS = "microsoft-relay-disallowedlisteners"

#: Pauses before asking again while every listener has too much to read; after the last the sender is told.
BUSY_PAUSES_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56)


#: Room in a control message for the origin of its address, which its listener's gateway puts in.
_ORIGIN_BYTES = 512
#: As an escape of JSON.
_MOST_BYTES_A_CHARACTER = 6
#: Quotes, colon, comma; and where headers of one name are joined, less.
_BYTES_A_HEADER = 6
#: For the origin, the names of the members, method, status and the sender's address.
_ROOM_BYTES = 2_048


def fits_control_message(message: Accept | Request) -> bool:
    """Whether a listener can be told *message*: Microsoft's leave over one that is longer (protocol reference section 3.2)."""
    if isinstance(message, Accept):
        headers, target = message.connect_headers, ""
    else:
        headers, target = message.request_headers, message.request_target
    characters = sum(len(name) + len(value) for name, value in headers)
    characters += len(message.address) + len(message.id) + len(target)
    if (
        characters * _MOST_BYTES_A_CHARACTER + len(headers) * _BYTES_A_HEADER + _ROOM_BYTES
        < MAX_CONTROL_MESSAGE_BYTES
    ):
        return True  # nearly always; it is written when its listener is known
    return len(encode(message).encode()) + _ORIGIN_BYTES <= MAX_CONTROL_MESSAGE_BYTES


def listener_criteria(request: FrontRequest) -> tuple[frozenset[str] | None, frozenset[str]]:
    """The listeners that a sender's routing headers allow and refuse, by GUID (protocol reference section 5)."""
    allowed = request.header_values(ALLOWED_LISTENERS)
    return (_guids(allowed) if allowed else None), _guids(request.header_values(DISALLOWED_LISTENERS))


def _guids(values: list[str]) -> frozenset[str]:
    parts = (part.strip() for value in values for part in value.split(","))
    return frozenset(guid for guid in map(guid_of, parts) if guid is not None)


async def ask_patiently(fabric: Fabric, relay: RelayKey, ask: Ask) -> Told:
    """Tell one listener; wait a little where all of them are slow to read.

    Raises:
        NoListenerError: As Fabric.ask, and so for ListenerCriteriaError and DrainingError.
        BusyError: None of them could be told within five seconds.
    """
    for pause_s in BUSY_PAUSES_S:
        try:
            return await fabric.ask(relay, ask)
        except BusyError:
            await asyncio.sleep(pause_s)
    return await fabric.ask(relay, ask)
