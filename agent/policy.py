"""What may change of a hybrid connection while it is served.

The rest of its settings is what is served; other ones there are another hybrid connection, and the old one ends. Nothing
that is being relayed notices a change of policy that does not forbid it.
"""

from __future__ import annotations

from .config import ConnectionConfig
from .status import State


class Policy:
    """The settings of one hybrid connection as they are at the moment.

    It is changed on the control loop and read from any thread: whoever reads takes :attr:`config` once, and has settings
    that belong together.
    """

    def __init__(self, config: ConnectionConfig) -> None:
        self.config = config

    @property
    def label(self) -> str:
        """What people call it."""
        return self.config.label

    def forbids(self, now: float) -> State | None:
        """Say why it must not be served at *now*, in POSIX seconds; None where it may be."""
        until = self.config.until
        if until is not None and until.timestamp() <= now:
            return State.EXPIRED
        return State.PAUSED if self.config.paused else None

    def ends_in(self, now: float) -> float | None:
        """Give the seconds from *now* to the moment from which it is not served; None where none is set, or it has passed."""
        until = self.config.until
        left_s = None if until is None else until.timestamp() - now
        return left_s if left_s is not None and left_s > 0 else None
