from __future__ import annotations

import pytest

from agent import errors
from agent.status import Trouble
from agent.troubles import refused_status, trouble_of


@pytest.mark.parametrize(
    ("error", "trouble", "status"),
    [
        (errors.GatewayUnreachableError("x"), Trouble.GATEWAY_UNREACHABLE, None),
        (errors.GatewayUntrustedError("x"), Trouble.CERTIFICATE, None),
        (errors.GatewayRejectedError(401, "x"), Trouble.GATEWAY_REFUSED, 401),
        (errors.ControlChannelLostError(None, "x"), Trouble.CHANNEL_LOST, None),
        (errors.CredentialError("x"), Trouble.CREDENTIAL, None),
        (errors.KeystoreLockedError("x"), Trouble.KEYSTORE_LOCKED, None),
        (errors.UnusableInvitationError("x"), Trouble.INVITATION, None),
        (errors.ConfigError("x"), Trouble.CONFIG, None),
        (errors.PortTakenError("x"), Trouble.PORT_TAKEN, None),
        (errors.TargetUnreachableError("x"), Trouble.TARGET, None),
        (errors.TargetRejectedError(404, "x"), Trouble.OTHER, None),
        (errors.AgentError("x"), Trouble.OTHER, None),
        (LookupError("a bug"), Trouble.OTHER, None),
    ],
)
def test_each_failure_has_its_kind(error: Exception, trouble: Trouble, status: int | None):
    assert trouble_of(error) is trouble
    assert refused_status(error) == status
