"""What can go wrong in the gateway, sorted by who is told.

A :class:`RefusalError` is an answer: its status, code and text go to the peer that asked. Its text carries neither
tracking id nor host; the front appends the tail of protocol reference §1.3 (`hyco.tracking.traced`) when it answers.
Everything else is for the operator, or is handled before anybody hears of it.
"""

from __future__ import annotations


class GatewayError(Exception):
    """Base of everything the gateway raises on purpose."""


class ConfigError(GatewayError):
    """The settings cannot be used. Carries every problem found, each with its path in the settings."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class AddressTakenError(ConfigError):
    """Another program has the port. *next_step* names the options of the command line."""

    def __init__(self, problem: str, next_step: str) -> None:
        super().__init__(problem)
        self.next_step = next_step


class DataFolderError(GatewayError):
    """The data folder cannot be used: in use by another gateway, readable by others, not a folder, not writable."""


# --- between the fabric and the control channels ---------------------------------------------------------------------


class ListenerGoneError(GatewayError):
    """A listener that was asked is on its way out. Nothing was sent to it: another one may be asked."""


# --- answers -----------------------------------------------------------------------------------------------------------


class RefusalError(GatewayError):
    """The answer to a peer whose wish is not granted.

    Attributes:
        status: The HTTP status to answer with.
        message: The text of the reason phrase and of the JSON error body, without its tail (§1.3).
        code: The machine-readable word of the JSON error body (§6.10).
    """

    def __init__(self, status: int, message: str, *, code: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


class BadRequestError(RefusalError):
    """The request itself is wrong: its action, target, headers or rejection parameters."""

    def __init__(self, message: str, *, code: str = "BadRequest") -> None:
        super().__init__(400, message, code=code)


class UnauthorizedError(RefusalError):
    """No token, or one that does not open this door. Source: §2.5; 401 throughout, because .NET maps only that."""

    def __init__(self, message: str) -> None:
        super().__init__(401, message, code="TokenMissingOrInvalid")


class HybridConnectionNotFoundError(RefusalError):
    """There is no hybrid connection of that name. Said only to those whose token was good for the name (§2.4)."""

    def __init__(self) -> None:
        super().__init__(404, "Endpoint does not exist.", code="EndpointNotFound")


class NoListenerError(RefusalError):
    """Nobody listens on the hybrid connection, or nobody who has not been asked already. Source: §4.5."""

    def __init__(self) -> None:
        super().__init__(404, "There are no listeners connected for the endpoint.", code="EndpointNotFound")


class ListenerCriteriaError(RefusalError):
    """Listeners are there, but the sender's routing headers exclude all of them. Source: §5."""

    def __init__(self) -> None:
        super().__init__(
            404,
            "None of the connected listeners meet the AllowedListeners/DisallowedListeners criteria",
            code="EndpointNotFound",
        )


class RendezvousTimeoutError(RefusalError):
    """A listener was told and did not come. Source: §4.5 for WebSocket senders, §6.10 for HTTP ones."""

    CONNECT = "None of the connected listeners accepted the connection within the allowed timeout."
    REQUEST = "The listener did not rendezvous to accept the request within the allotted time"

    def __init__(self, message: str = CONNECT) -> None:
        super().__init__(504, message, code="GatewayTimeout")


class ResponseTimeoutError(RefusalError):
    """A listener took a request and did not answer it in time. Source: §6.10."""

    def __init__(self) -> None:
        super().__init__(
            504,
            "The request was routed to the listener but the listener did not respond in the required time.",
            code="GatewayTimeout",
        )


class ListenerLostError(RefusalError):
    """The listener's connection ended before it had answered; what it did with the request is unknown."""

    def __init__(self, message: str = "The listener disconnected before it responded.") -> None:
        super().__init__(502, message, code="BadGateway")


class LimitExceededError(RefusalError):
    """A limit of this gateway is reached. Made by its class methods, one for each kind of limit."""

    @classmethod
    def listeners(cls, limit: int) -> LimitExceededError:
        """One listener too many. Which status Azure gives is unknown; its clients take 403 for a quota (§5, §12.1)."""
        return cls(
            403,
            f"QuotaExceeded: The endpoint has {limit} connected listeners, the most it may have.",
            code="QuotaExceeded",
        )

    @classmethod
    def headers(cls, limit_bytes: int) -> LimitExceededError:
        """A request head that is too large."""
        return cls(
            431, f"The request headers are larger than {limit_bytes} bytes.", code="RequestHeadersTooLarge"
        )

    @classmethod
    def connections(
        cls, message: str = "The gateway has as many connections as it may have."
    ) -> LimitExceededError:
        """A connection too many: in all, from one address, or in one namespace."""
        return cls(503, message, code="ServerBusy")


class BusyError(RefusalError):
    """A listener that was asked has too much waiting to be written. Nothing was sent: another one may be asked."""

    def __init__(self, message: str = "The listeners of the endpoint are busy.") -> None:
        super().__init__(503, message, code="ServerBusy")


class DrainingError(RefusalError):
    """The gateway is starting or stopping. 503 and never 404: a .NET listener gives up for good on 404 (§10)."""

    def __init__(self, message: str = "The gateway is shutting down.") -> None:
        super().__init__(503, message, code="ServerBusy")


class PeerUnreachableError(RefusalError):
    """A listener came for a sender of another gateway, which cannot be reached from here."""

    def __init__(self) -> None:
        super().__init__(502, "The gateway at which the sender waits cannot be reached.", code="BadGateway")


class FabricUnavailableError(RefusalError):
    """Nobody listens at this gateway, and the others cannot be asked: whether anybody listens is not known."""

    def __init__(self, message: str = "Other gateways cannot be asked at the moment.") -> None:
        super().__init__(503, message, code="ServerBusy")


class RejectedByListenerError(RefusalError):
    """The listener came and refused the sender. Status and text are the listener's own and get no tail (§4.4)."""

    def __init__(self, status: int, message: str) -> None:
        # a sender must not be told to switch protocols, or to wait, by a listener that said no
        super().__init__(status if status >= 200 else 502, message, code="Rejected")
