"""From the errors of the other packages to one sentence and an exit code: the only place that knows them all.

Every verb has this module, and most end well: what it needs of the large packages it loads when there is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyco.redaction import one_line

from .. import ipc
from ..local_gateway.errors import AdministrationError, Failure, LocalGatewayError
from .exits import CliError, ExitCode

if TYPE_CHECKING:
    from agent.status import ConnectionStatus

#: What to do about a gateway's no, by its status (protocol reference §2.5, §4.5, §10).
_NEXT_STEPS = {
    401: "check the name, and the key of the connection string: it may be wrong or replaced, or lack the right",
    403: "check what the key allows, and how many listeners there are",
    404: "check the name; the listener may not be running, or nobody has created the hybrid connection",
    502: "look at the listener's side: it left before it had answered",
    503: "try again in a moment: the gateway is busy, starting or stopping",
    504: "look at the listener's side: it did not answer in time",
}


_REACH = "check the address, and that the gateway is running"

#: What to do about a certificate, by what OpenSSL says of it; most often its authority is not known.
_CERTIFICATES = (
    (
        "not valid for",
        "call the gateway by a name that is in its certificate, or have it serve one for this name",
    ),
    ("mismatch", "call the gateway by a name that is in its certificate, or have it serve one for this name"),
    ("expired", "have the gateway's certificate renewed, or set this computer's clock"),
    ("not yet valid", "set this computer's clock, or the gateway's, before which the certificate was made"),
    ("too small", "have the gateway use a certificate with a longer key"),
    ("too weak", "have the gateway use a stronger certificate"),
)
_TRUST = "give its authority by --ca FILE (tls/ca.pem in the data folder of a gateway that made its own)"

_ADMINISTRATION = {
    Failure.UNCLEAR: ExitCode.USAGE,
    Failure.UNREACHABLE: ExitCode.UNREACHABLE,
    Failure.REFUSED: ExitCode.REFUSED,
}

#: What the desktop's refusals mean here, by their codes: its own, and kinds of trouble.
_REFUSALS_OF_DESKTOP = {
    "unknown-service": ("relaydesk list shows those there are", ExitCode.USAGE),
    "unknown-exchange": ("relaydesk inspect shows those there are", ExitCode.USAGE),
    "bad-request": ("", ExitCode.USAGE),
    "version": ("quit it in its tray menu, and start it again", ExitCode.FAILED),
    "busy": ("", ExitCode.UNREACHABLE),
    "timeout": ("look at its window", ExitCode.UNREACHABLE),
    "gateway-unreachable": ("it goes on trying; its window says when", ExitCode.UNREACHABLE),
    "gateway-refused": ("its window says more", ExitCode.REFUSED),
    "missing-right": ("", ExitCode.REFUSED),
    "config": ("", ExitCode.USAGE),
}


def refused(status: int, reason: str, path: str = "") -> CliError:
    """The error for a gateway that answered *status*, asked about the hybrid connection *path*."""
    said = one_line(reason).strip() or "without a reason"
    return CliError(
        f"the gateway answered {status}{' about ' if path else ''}{path}: {said}",
        _NEXT_STEPS.get(status, ""),
        code=ExitCode.REFUSED,
    )


def of_standing(now: ConnectionStatus) -> CliError:
    """The error for what keeps a hybrid connection of an agent from working."""
    from agent.status import Trouble

    cause = one_line(now.last_error or "the connection was lost")
    match now.trouble:
        case Trouble.GATEWAY_REFUSED:
            status = now.refused_status or 0
            reason = cause.removeprefix(f"the gateway answered {status}")
            return refused(status, reason, now.path)
        case Trouble.CERTIFICATE:
            return untrusted(cause)
        case Trouble.GATEWAY_UNREACHABLE | Trouble.CHANNEL_LOST:
            return CliError(cause, _REACH, code=ExitCode.UNREACHABLE)
        case Trouble.CREDENTIAL | Trouble.CONFIG:
            return CliError(_in_options(cause), code=ExitCode.USAGE)
        case Trouble.PORT_TAKEN:
            return CliError(_in_options(cause), "give another port, or 0 for a free one", code=ExitCode.USAGE)
        case _:
            return CliError(cause)


def _in_options(cause: str) -> str:
    """Name the options of the command line where the agent names its settings."""
    for setting, option in (("local: ", "--local: "), ("network.ca_file: ", "--ca: ")):
        if cause.startswith(setting):
            return option + cause.removeprefix(setting)
    return cause


def untrusted(cause: str) -> CliError:
    """The error for a gateway whose certificate is not trusted."""
    steps = (step for words, step in _CERTIFICATES if words in cause)
    return CliError(cause, next(steps, _TRUST), code=ExitCode.UNREACHABLE)


def translate(error: Exception) -> CliError | None:
    """The error to show for *error*; None for one that nobody expects."""
    if isinstance(error, CliError):
        return error
    if isinstance(error, LocalGatewayError):
        return CliError(str(error), "see what it said above, and start again")
    if isinstance(error, AdministrationError):
        return CliError(error.message, error.next_step, code=_ADMINISTRATION[error.failure])
    return _of_desktop(error) or _of_agent(error) or _of_gateway(error) or _of_protocol(error)


def _of_desktop(error: Exception) -> CliError | None:
    match error:
        case ipc.NoDesktopError():
            return CliError(str(error), "start it with: relaydesk", code=ExitCode.UNREACHABLE)
        case ipc.SilentDesktopError():
            return CliError(
                str(error),
                "look at its window, or end its process and start it again",
                code=ExitCode.UNREACHABLE,
            )
        case ipc.RefusedError():
            next_step, code = _REFUSALS_OF_DESKTOP.get(error.code, ("", ExitCode.FAILED))
            return CliError(str(error), next_step, code=code)
        case ipc.IpcError():
            return CliError(str(error), code=ExitCode.USAGE)
    return None


def _of_agent(error: Exception) -> CliError | None:
    from agent import errors

    match error:
        case errors.ConfigError() | errors.CredentialError():
            return CliError(_in_options(str(error)), code=ExitCode.USAGE)
        case errors.GatewayRejectedError():
            return refused(error.status, error.reason)
        case errors.GatewayUntrustedError():
            return untrusted(str(error))
        case errors.GatewayUnreachableError() | errors.ControlChannelLostError():
            return CliError(str(error), _REACH, code=ExitCode.UNREACHABLE)
        case errors.AgentError():
            return CliError(str(error))
    return None


def _of_gateway(error: Exception) -> CliError | None:
    from gateway import errors
    from gateway.config import in_options
    from gateway.editor import EntityExistsError, EntityNotFoundError, QuotaError
    from gateway.entities import InvalidEntityError
    from gateway.store.interface import StoreUnavailableError, Unavailable

    match error:
        case errors.ConfigError():
            next_step = error.next_step if isinstance(error, errors.AddressTakenError) else ""
            return CliError("; ".join(map(in_options, error.problems)), next_step, code=ExitCode.USAGE)
        case StoreUnavailableError(reason=Unavailable.CORRUPT):
            is_newer = "newer version" in str(error)
            next_step = (
                "use that version" if is_newer else "put the file back from a backup (docs/gateway.md)"
            )
            return CliError(str(error), next_step, code=ExitCode.USAGE)
        case errors.DataFolderError() | InvalidEntityError():
            return CliError(str(error), code=ExitCode.USAGE)
        case EntityExistsError() | EntityNotFoundError() | QuotaError():
            return CliError(str(error), code=ExitCode.REFUSED)
        case errors.GatewayError():
            return CliError(str(error))
    return None


def _of_protocol(error: Exception) -> CliError | None:
    from hyco.errors import HycoError

    return CliError(str(error), code=ExitCode.USAGE) if isinstance(error, HycoError) else None
