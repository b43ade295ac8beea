"""What can go wrong in the protocol.

Every error here says one thing to handlers (its type and attributes) and one to people (its text). Texts name what
happened and to what; they never contain a key, a signature or a whole token.
"""

from __future__ import annotations

import enum

from .close_codes import PROTOCOL_ERROR


class HycoError(Exception):
    """The root of everything this package raises on purpose."""


class InvalidAddressError(HycoError):
    """A URL, a path, a request target or a name that the protocol has no place for."""


class InvalidConnectionStringError(HycoError):
    """A connection string that cannot be used.

    Attributes:
        key: The connection string key at fault, spelled as documented (``"SharedAccessKey"``), or None when the text
            as a whole is wrong. The text never repeats a value: values may be secret.
    """

    def __init__(self, message: str, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


class TokenReason(enum.Enum):
    """Why a token was refused."""

    MISSING = "missing"
    MALFORMED = "malformed"
    EXPIRED = "expired"
    AUDIENCE = "audience"
    SIGNATURE = "signature"
    MISSING_RIGHT = "missing right"


class TokenError(HycoError):
    """A token that does not allow what it was sent for.

    Its text is what Azure Relay puts into the reason phrase, without the tracking tail (protocol reference §2.5).

    Attributes:
        reason: Which of the checks failed.
    """

    def __init__(self, reason: TokenReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ProtocolError(HycoError):
    """The rules of the protocol were broken, by us or by the peer."""


class LocalProtocolError(ProtocolError):
    """This side misused the protocol core: a bug here, not the peer's fault."""


class RemoteProtocolError(ProtocolError):
    """The peer broke the rules: close its connection, and tell it why.

    Attributes:
        close_code: The WebSocket close code that fits the fault (RFC 6455 section 7.4.1).
    """

    def __init__(self, message: str, close_code: int = PROTOCOL_ERROR) -> None:
        super().__init__(message)
        self.close_code = close_code
