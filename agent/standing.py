"""How one configured hybrid connection stands at the moment: what a snapshot is taken from.

It belongs to the control loop; only its counters are changed elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from typing import Any

from hyco.addresses import Endpoint
from hyco.tracking import untraced

from .clock import Clock
from .config import Direction
from .counters import Counters
from .policy import Policy
from .status import ConnectionStatus, State, Trouble
from .troubles import refused_status, trouble_of

log = logging.getLogger("agent")

state_log = logging.getLogger("agent.state")
"""Of its own, because a program that shows each state need not say it a second time."""

_LASTING = frozenset({Trouble.CREDENTIAL, Trouble.CERTIFICATE, Trouble.PORT_TAKEN})
"""What nobody but an operator can end."""


class Standing:
    """The changing part of one connection's status.

    Args:
        policy: Which connection.
        counters: Its live counters.
        clock: For the times in the status.
        on_change: Called after every change.
    """

    def __init__(
        self, policy: Policy, counters: Counters, clock: Clock, on_change: Callable[[], None]
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._on_change = on_change
        self._state = State.STOPPED
        self._since = clock.now()
        self._path = policy.config.path or ""
        self._gateway = ""
        self._leads_to = policy.config.leads_to
        self._trouble: Trouble | None = None
        self._refused_status: int | None = None
        self._listener_id: str | None = None
        self._round_trip: Callable[[], float | None] = _unknown
        self._last_error: str | None = None
        self._last_error_at: float | None = None
        self._next_try_at: float | None = None
        self._token_expires_at: float | None = None
        self.counters = counters
        self.log = PolicyLogger(log, policy)
        self._state_log = PolicyLogger(state_log, policy)
        self._logged: str | None = None
        """What it waits for, as it was last logged: a gateway that is away for a night is tried a thousand times."""

    def found(self, gateway: Endpoint, path: str, token_expires_at: float | None) -> None:
        """Note what the connection string says."""
        self._gateway, self._path, self._token_expires_at = gateway.authority, path, token_expires_at
        self._on_change()

    def bound(self, address: str) -> None:
        """Note which local address was bound."""
        self._leads_to = address
        self._on_change()

    def connecting(self) -> None:
        """Say that the gateway is being asked."""
        self._enter(State.CONNECTING)

    def listening(
        self, listener_id: str | None = None, round_trip: Callable[[], float | None] | None = None
    ) -> None:
        """Say that it works; for a control channel, under which id, and where to ask how long its pings take."""
        self._logged = None
        self._failed_with(None)
        self._enter(State.LISTENING)
        self._listener_id, self._round_trip = listener_id, round_trip or _unknown

    def waiting(self, error: Exception, delay_s: float) -> None:
        """Say what failed and when it is tried again; in the log where that is another reason than last time."""
        level = logging.DEBUG
        reason = untraced(str(error))
        if reason != self._logged:
            self._logged = reason
            level = logging.WARNING if trouble_of(error) in _LASTING else logging.INFO
        self._state_log.log(level, "%s; next try in %.1f s", error, delay_s)
        self._note(str(error))
        self._failed_with(error)
        self._enter(State.WAITING, next_try_at=self._clock.now() + delay_s)

    def stopped(self, error: Exception | None = None) -> None:
        """Say that it does not run, and why if not on purpose."""
        self._logged = None
        if error is not None:
            is_listener = self._policy.config.direction is Direction.LISTEN
            self._state_log.error(
                "cannot listen as configured: %s" if is_listener else "cannot be brought to a local port: %s",
                error,
            )
            self._note(str(error))
        self._failed_with(error)
        self._enter(State.STOPPED)

    def forbidden(self, state: State) -> None:
        """Say that its settings do not let it be served: paused, or expired. That is no failure."""
        self._failed_with(None)
        self._enter(state)

    def policy_changed(self) -> None:
        """Say that something of the policy has changed, which the next snapshot shows."""
        self._on_change()

    def failed(self, error: str) -> None:
        """Note that one relayed connection or request failed; the rest goes on."""
        self._note(error)
        self._on_change()

    def turned_away(self, error: Exception) -> None:
        """Note that nobody gets through, although it works as far as this agent can see, until ``got_through``."""
        if self._state is State.LISTENING:
            self._failed_with(error)
        self.failed(str(error))

    def target_failed(self, error: str) -> None:
        """Note that the target did not answer a sender as it should, until ``got_through``."""
        if self._state is State.LISTENING:
            self._trouble, self._refused_status = Trouble.TARGET, None
        self.failed(error)

    def got_through(self) -> None:
        """Note that somebody did."""
        if self._state is State.LISTENING and self._trouble is not None:
            self._failed_with(None)
            self._on_change()

    def snapshot(self) -> ConnectionStatus:
        """Give the status of this moment."""
        return ConnectionStatus(
            name=self._policy.label,
            direction=self._policy.config.direction,
            leads_to=self._leads_to,
            state=self._state,
            since=self._since,
            path=self._path,
            gateway=self._gateway,
            trouble=self._trouble,
            refused_status=self._refused_status,
            last_error=self._last_error,
            last_error_at=self._last_error_at,
            next_try_at=self._next_try_at,
            token_expires_at=self._token_expires_at,
            listener_id=self._listener_id,
            round_trip_s=self._round_trip(),
            traffic=self.counters.read(),
        )

    def _note(self, error: str) -> None:
        self._last_error, self._last_error_at = error, self._clock.now()

    def _failed_with(self, error: Exception | None) -> None:
        self._trouble = None if error is None else trouble_of(error)
        self._refused_status = None if error is None else refused_status(error)

    def _enter(self, state: State, next_try_at: float | None = None) -> None:
        if state is not self._state:
            self._since = self._clock.now()
        self._state, self._next_try_at = state, next_try_at
        self._listener_id, self._round_trip = None, _unknown
        self._on_change()


def _unknown() -> None:
    return None


class PolicyLogger(logging.LoggerAdapter[logging.Logger]):
    """Begins every line with the hybrid connection it is about, as it is called by then."""

    def __init__(self, logger: logging.Logger, policy: Policy) -> None:
        super().__init__(logger)
        self._policy = policy

    def process(self, msg: object, kwargs: MutableMapping[str, Any]) -> tuple[str, MutableMapping[str, Any]]:
        """Put the name before *msg*."""
        name = self._policy.label.replace("%", "%%")
        return f"{name}: {msg}", kwargs
