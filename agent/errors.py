"""What can go wrong in the agent, sorted by what the caller can do about it.

Each error says whether trying again can help (``retryable``); ``backoff.py`` says when. The text is for
people: what happened, and to what.
"""

from __future__ import annotations

import asyncio
import enum
from typing import ClassVar


class AgentError(Exception):
    """Base of everything the agent raises on purpose."""

    retryable: ClassVar[bool] = True


class ConfigError(AgentError, ValueError):
    """The settings cannot be used. Carries every problem found, each with its path in the settings.

    It is a ValueError as well, so that the settings' validation collects it instead of stopping at it.
    """

    retryable = False

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class PortTakenError(ConfigError):
    """Another program has the local port. It may end: the port is tried again."""

    retryable = True


class GatewayUnreachableError(AgentError):
    """The gateway could not be reached, or did not complete the WebSocket handshake in time."""


class GatewayUntrustedError(GatewayUnreachableError):
    """The gateway's certificate is not trusted, or is for another name."""


class RejectedError(AgentError):
    """A WebSocket upgrade or a request was answered with an HTTP status other than the one hoped for."""

    answered_by: ClassVar[str] = "the far end"

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{self.answered_by} answered {status} {reason}".rstrip())
        self.status = status
        self.reason = reason


class GatewayRejectedError(RejectedError):
    """The gateway said no.

    The reason phrase is where Azure Relay explains itself (protocol reference §1.3); secrets in it are hidden.
    """

    answered_by = "the gateway"


class ControlChannelLostError(AgentError):
    """An open control channel ended. ``code`` is None when it ended without a Close frame."""

    def __init__(self, code: int | None, reason: str) -> None:
        how = "the connection was cut" if code is None else f"closed with code {code}"
        super().__init__(f"control channel lost: {how}" + (f" ({reason})" if reason else ""))
        self.code = code
        self.reason = reason


class RendezvousExpiredError(AgentError):
    """The sender waiting at a rendezvous address is gone; there is nothing to retry."""

    retryable = False


class RendezvousRefusedError(AgentError):
    """A rendezvous address leads somewhere this agent does not connect to; nothing was dialled."""

    retryable = False


class RelayCutError(AgentError):
    """A relayed connection, or the body of a relayed request, ended before its end."""

    retryable = False


class CutHereError(RelayCutError):
    """Somebody here asked for that one relayed connection or request to be cut."""


class TargetUnreachableError(AgentError):
    """The target could not be reached. The text may name the target: it is for this side only."""


class TargetRejectedError(RejectedError):
    """A web server target answered a WebSocket upgrade with an ordinary HTTP status."""

    retryable = False
    answered_by = "the target"


class CredentialError(AgentError):
    """A connection string could not be had or used. It is asked for again: a keystore may be unlocked, a file come."""


class KeystoreLockedError(CredentialError):
    """The keystore gives nothing out before somebody opens it."""


class UnusableInvitationError(CredentialError):
    """The invitation that a sender shows cannot be read, is over, or is not accepted any more."""


class SenderRejectedError(AgentError):
    """A sender was turned away for what it asked of this hybrid connection. The text is the reason it was given."""

    retryable = False


class InvitationProblem(enum.Enum):
    """What is wrong with an invitation."""

    NONE = "none"
    """The text is something else."""
    DAMAGED = "damaged"
    NEWER = "newer"
    EXPIRED = "expired"


class InvitationError(AgentError):
    """A text is no invitation that could be used. Never with any part of the text."""

    retryable = False

    def __init__(self, problem: InvitationProblem, text: str) -> None:
        super().__init__(text)
        self.problem = problem


class UnansweredError(AgentError):
    """A relayed request does not get the target's answer. The sender gets *status* and *reason* instead.

    Args:
        status: 502, or 504 where it was too slow.
        reason: Says nothing about the network on this side.
        detail: What happened, for the log on this side.
    """

    retryable = False

    def __init__(self, status: int, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.status = status
        self.reason = reason


class LocalServerError(UnansweredError):
    """A local web server gave no response, or no whole one."""


class NotInvitedError(UnansweredError):
    """A sender may not come in, or may no longer stay."""


def sole_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Give what went wrong first in a task group, or the group itself where something unexpected is among it.

    A cancellation that comes while the group ends because of an error is in neither: before Python 3.13, a task group
    forgets it. It is given back here, for whoever is cancelled must not go on as if only something had failed.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        return asyncio.CancelledError()
    if all(isinstance(error, AgentError) for error in group.exceptions):
        return group.exceptions[0]
    return group
