"""What can go wrong with a gateway of one's own."""

from __future__ import annotations

import enum


class LocalGatewayError(Exception):
    """The bundled gateway did not start. It has said why on standard error, unless the text does.

    Attributes:
        exit_code: The child's; None when it did not end by itself.
    """

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Failure(enum.Enum):
    """How an administrator's question failed."""

    UNCLEAR = "unclear"
    """It was not clear what was meant; nothing was tried."""
    UNREACHABLE = "unreachable"
    REFUSED = "refused"


class AdministrationError(Exception):
    """A gateway's entities could not be read or changed.

    Attributes:
        message: What happened, as a sentence without its full stop.
        next_step: What can be done about it, in the same form; empty where that is plain.
        failure: How it failed.
    """

    def __init__(self, message: str, next_step: str = "", *, failure: Failure = Failure.REFUSED) -> None:
        super().__init__(f"{message}; {next_step}" if next_step else message)
        self.message = message
        self.next_step = next_step
        self.failure = failure
