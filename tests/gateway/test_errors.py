import pytest

from gateway import errors
from gateway.errors import LimitExceededError, RefusalError


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.BadRequestError("x"), 400, "BadRequest"),
        (errors.UnauthorizedError("x"), 401, "TokenMissingOrInvalid"),
        (errors.HybridConnectionNotFoundError(), 404, "EndpointNotFound"),
        (errors.NoListenerError(), 404, "EndpointNotFound"),
        (errors.ListenerCriteriaError(), 404, "EndpointNotFound"),
        (errors.RendezvousTimeoutError(), 504, "GatewayTimeout"),
        (errors.ResponseTimeoutError(), 504, "GatewayTimeout"),
        (errors.ListenerLostError(), 502, "BadGateway"),
        (LimitExceededError.listeners(25), 403, "QuotaExceeded"),
        (LimitExceededError.headers(32_768), 431, "RequestHeadersTooLarge"),
        (LimitExceededError.connections(), 503, "ServerBusy"),
        (errors.BusyError(), 503, "ServerBusy"),
        (errors.DrainingError(), 503, "ServerBusy"),
    ],
)
def test_each_refusal_has_its_status_and_code(error: RefusalError, status: int, code: str) -> None:
    assert (error.status, error.code) == (status, code)
    assert str(error) == error.message


def test_texts_are_those_that_clients_and_logs_know() -> None:
    """Protocol reference §4.5, §5, §6.10."""
    assert errors.HybridConnectionNotFoundError().message == "Endpoint does not exist."
    assert errors.NoListenerError().message == "There are no listeners connected for the endpoint."
    assert errors.ResponseTimeoutError().message == (
        "The request was routed to the listener but the listener did not respond in the required time."
    )
    assert errors.RendezvousTimeoutError(errors.RendezvousTimeoutError.REQUEST).message == (
        "The listener did not rendezvous to accept the request within the allotted time"
    )


def test_a_configuration_error_shows_every_problem() -> None:
    error = errors.ConfigError("bind: a", "drain_s: b")
    assert str(error) == "bind: a; drain_s: b"
    assert error.problems == ("bind: a", "drain_s: b")
