"""How one configured hybrid connection stands at the moment: what a snapshot is taken from.

It belongs to the control loop; only its counters are changed elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from typing import Any

from hyco.addresses import Endpoint

from .clock import Clock
from .config import ConnectionConfig
from .counters import Counters
from .status import ConnectionStatus, State

log = logging.getLogger("agent")


class Standing:
    """The changing part of one connection's status.

    Args:
        config: Which connection.
        counters: Its live counters.
        clock: For the times in the status.
        on_change: Called after every change.
    """

    def __init__(
        self, config: ConnectionConfig, counters: Counters, clock: Clock, on_change: Callable[[], None]
    ) -> None:
        self._config = config
        self._clock = clock
        self._on_change = on_change
        self._state = State.STOPPED
        self._since = clock.now()
        self._path = config.path or ""
        self._gateway = ""
        self._leads_to = config.leads_to
        self._last_error: str | None = None
        self._last_error_at: float | None = None
        self._next_try_at: float | None = None
        self._token_expires_at: float | None = None
        self.counters = counters
        self.log = PathLogger(log, {"path": config.label})

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

    def listening(self) -> None:
        """Say that it works."""
        self._enter(State.LISTENING)

    def waiting(self, error: str, delay_s: float) -> None:
        """Say what failed and when it is tried again."""
        self._note(error)
        self._enter(State.WAITING, next_try_at=self._clock.now() + delay_s)

    def stopped(self, error: str | None = None) -> None:
        """Say that it does not run, and why if not on purpose."""
        if error is not None:
            self._note(error)
        self._enter(State.STOPPED)

    def failed(self, error: str) -> None:
        """Note that one relayed connection or request failed; the rest goes on."""
        self._note(error)
        self._on_change()

    def snapshot(self) -> ConnectionStatus:
        """Give the status of this moment."""
        return ConnectionStatus(
            name=self._config.label,
            direction=self._config.direction,
            leads_to=self._leads_to,
            state=self._state,
            since=self._since,
            path=self._path,
            gateway=self._gateway,
            last_error=self._last_error,
            last_error_at=self._last_error_at,
            next_try_at=self._next_try_at,
            token_expires_at=self._token_expires_at,
            traffic=self.counters.read(),
        )

    def _note(self, error: str) -> None:
        self._last_error, self._last_error_at = error, self._clock.now()

    def _enter(self, state: State, next_try_at: float | None = None) -> None:
        if state is not self._state:
            self._since = self._clock.now()
        self._state, self._next_try_at = state, next_try_at
        self._on_change()


class PathLogger(logging.LoggerAdapter[logging.Logger]):
    """Begins every line with the hybrid connection it is about."""

    def process(self, msg: object, kwargs: MutableMapping[str, Any]) -> tuple[str, MutableMapping[str, Any]]:
        """Put the path before *msg*."""
        path = str(self.extra["path"] if self.extra else "").replace("%", "%%")
        return f"{path}: {msg}", kwargs
