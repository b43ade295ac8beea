"""What both ends of an HTTP rendezvous say about the body that follows a request or a response."""

from __future__ import annotations

import dataclasses

from .errors import RemoteProtocolError


@dataclasses.dataclass(frozen=True, slots=True)
class BodyData:
    """Some bytes of the body, never none."""

    data: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class BodyEnded:
    """The body is whole. A request or response without one ends like this as well."""


class BodyCutError(RemoteProtocolError):
    """The body ended before its end.

    Whoever it is sent on to must be able to see that: end the connection, never the body.
    """
