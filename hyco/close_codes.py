"""WebSocket close codes: what they mean here, and which may be sent.

Sources: RFC 6455 sections 7.1.5, 7.4; the registry of close codes (1012 to 1014); protocol reference §4.3, §8.
"""

from __future__ import annotations

from .limits import MAX_CLOSE_REASON_BYTES

NORMAL = 1000  # the client closed; a listener shut down cleanly
GOING_AWAY = 1001  # the other end went away; the hybrid connection was deleted or disabled
PROTOCOL_ERROR = 1002
UNSUPPORTED_DATA = 1003
NO_STATUS = 1005  # a Close frame without a code; never on the wire
ABNORMAL = 1006  # the connection ended without a Close frame; never on the wire
INVALID_DATA = 1007  # a text message that is not UTF-8
POLICY_VIOLATION = 1008  # token expired, or its renewal was refused
MESSAGE_TOO_BIG = 1009
MANDATORY_EXTENSION = 1010
INTERNAL_ERROR = 1011  # a fault of the service; Azure's daily recycling of control channels
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013
BAD_GATEWAY = 1014
TLS_HANDSHAKE = 1015  # never on the wire

_SENDABLE_BELOW_3000 = frozenset(
    {
        NORMAL,
        GOING_AWAY,
        PROTOCOL_ERROR,
        UNSUPPORTED_DATA,
        INVALID_DATA,
        POLICY_VIOLATION,
        MESSAGE_TOO_BIG,
        MANDATORY_EXTENSION,
        INTERNAL_ERROR,
        SERVICE_RESTART,
        TRY_AGAIN_LATER,
        BAD_GATEWAY,
    }
)


def is_sendable(code: int) -> bool:
    """Whether a Close frame may carry *code*.

    1000 to 1014 without the reserved ones, 3000 to 3999 (registered by libraries) and 4000 to 4999 (private). A
    received Close frame with any other code is a protocol error as well.

    Source: RFC 6455 sections 7.4.1 and 7.4.2.
    """
    return code in _SENDABLE_BELOW_3000 or 3000 <= code <= 4999


def truncate_reason(text: str, max_bytes: int = MAX_CLOSE_REASON_BYTES) -> str:
    """Shorten *text* to what fits into a Close frame, never cutting a character in two.

    Lone surrogates, which UTF-8 cannot say, become question marks.
    """
    return text.encode("utf-8", "replace")[:max_bytes].decode("utf-8", "ignore")
