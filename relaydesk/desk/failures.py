"""From what the agent's pieces raise to a problem that can be shown: the only place of the desk that knows them all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from agent import errors
from agent.pasted import Kind, PastedError
from hyco.errors import HycoError, InvalidConnectionStringError
from hyco.redaction import one_line

from ..actions import ActionError
from ..keystore import KeystoreError
from ..local_gateway.errors import AdministrationError, Failure, LocalGatewayError
from ..settings_file import SettingsError
from ..snapshot import Problem, Trouble

_ADMINISTRATION = {
    Failure.UNCLEAR: Trouble.CONFIG,
    Failure.UNREACHABLE: Trouble.GATEWAY_UNREACHABLE,
    Failure.REFUSED: Trouble.GATEWAY_REFUSED,
}


def fail(trouble: Trouble, cause: str, status: int | None = None) -> ActionError:
    """The error of an action that cannot be done."""
    return ActionError(Problem(trouble=trouble, cause=one_line(cause), status=status))


def problem_of(error: Exception) -> Problem | None:
    """What to show for *error*; None for one that nobody expects, which is a bug."""
    match error:
        case ActionError():
            return error.problem
        case KeystoreError():
            trouble, status = error.trouble, None
        case SettingsError() | OSError():
            trouble, status = Trouble.DISK, None
        case AdministrationError():
            trouble, status = _ADMINISTRATION[error.failure], None
        case LocalGatewayError():
            trouble, status = Trouble.GATEWAY_UNREACHABLE, None
        case PastedError():
            is_invitation = error.kind is Kind.INVITATION
            trouble, status = Trouble.INVITATION if is_invitation else Trouble.CREDENTIAL, None
        case errors.InvitationError() | errors.UnusableInvitationError():
            trouble, status = Trouble.INVITATION, None
        case errors.GatewayRejectedError():
            trouble, status = Trouble.GATEWAY_REFUSED, error.status
        case errors.GatewayUntrustedError():
            trouble, status = Trouble.CERTIFICATE, None
        case errors.GatewayUnreachableError():
            trouble, status = Trouble.GATEWAY_UNREACHABLE, None
        case errors.ControlChannelLostError():
            trouble, status = Trouble.CHANNEL_LOST, None
        case errors.KeystoreLockedError():
            trouble, status = Trouble.KEYSTORE_LOCKED, None
        case errors.CredentialError() | InvalidConnectionStringError():
            trouble, status = Trouble.CREDENTIAL, None
        case errors.PortTakenError():
            trouble, status = Trouble.PORT_TAKEN, None
        case errors.ConfigError() | HycoError():
            trouble, status = Trouble.CONFIG, None
        case errors.AgentError():
            trouble, status = Trouble.OTHER, None
        case _:
            return None
    return Problem(trouble=trouble, cause=one_line(str(error)), status=status)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Turn what is expected to go wrong in the block into an ActionError."""
    try:
        yield
    except Exception as error:
        problem = problem_of(error)
        if problem is None or isinstance(error, ActionError):
            raise
        raise ActionError(problem) from error
