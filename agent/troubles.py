"""What kind of failure an error is, for whoever has to put it into words. Pure."""

from __future__ import annotations

from .errors import (
    AgentError,
    ConfigError,
    ControlChannelLostError,
    CredentialError,
    GatewayRejectedError,
    GatewayUnreachableError,
    GatewayUntrustedError,
    KeystoreLockedError,
    PortTakenError,
    TargetUnreachableError,
    UnusableInvitationError,
)
from .status import Trouble

_KINDS: tuple[tuple[type[AgentError], Trouble], ...] = (
    # what is more special comes first
    (GatewayUntrustedError, Trouble.CERTIFICATE),
    (GatewayUnreachableError, Trouble.GATEWAY_UNREACHABLE),
    (GatewayRejectedError, Trouble.GATEWAY_REFUSED),
    (ControlChannelLostError, Trouble.CHANNEL_LOST),
    (KeystoreLockedError, Trouble.KEYSTORE_LOCKED),
    (UnusableInvitationError, Trouble.INVITATION),
    (CredentialError, Trouble.CREDENTIAL),
    (PortTakenError, Trouble.PORT_TAKEN),
    (ConfigError, Trouble.CONFIG),
    (TargetUnreachableError, Trouble.TARGET),
)


def trouble_of(error: Exception) -> Trouble:
    """Say what kind of failure *error* is."""
    for kind, trouble in _KINDS:
        if isinstance(error, kind):
            return trouble
    return Trouble.OTHER


def refused_status(error: Exception) -> int | None:
    """Give the HTTP status with which the gateway said no; None where it did not."""
    return error.status if isinstance(error, GatewayRejectedError) else None
