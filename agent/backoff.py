"""When to try a gateway again. Pure: time and chance are given.

An outage begins with the first failure after a connection that lasted. Its first retry comes at once, the
next ones after a random part of a ceiling that starts at a quarter of a second and doubles. The ceiling
stops at one second during the outage's first minute, so that a restarted gateway has its listeners back
at once, and at thirty seconds afterwards. A refusal that a retry rarely cures (no right, no such hybrid
connection) waits the full thirty seconds, but is retried for ever: the entity may yet be created.

Source: protocol reference §17.2-17.4, design §7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .errors import AgentError, GatewayRejectedError

FIRST_CEILING_S: Final = 0.25
EARLY_CEILING_S: Final = 1.0
EARLY_S: Final = 60.0
LATE_CEILING_S: Final = 30.0

REFUSED_DELAY_S: Final = 30.0
REFUSED_SPREAD: Final = 0.1
"""Up to this part is added to the delay after a refusal, so that many agents do not return as one."""
REFUSALS: Final = frozenset({401, 403, 404})

LASTED_S: Final = 10.0
"""A connection shorter than this does not end an outage: a gateway that accepts and drops at once would
otherwise be asked without pause."""


class Backoff:
    """The delays of one listener.

    Args:
        chance: Gives numbers from 0 up to, not including, 1.
    """

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._outage_began_at: float | None = None
        self._ceiling_s = 0.0

    def begin_again(self) -> None:
        """Forget what was: the computer woke up or has another network, and what failed there says nothing here."""
        self._outage_began_at = None
        self._ceiling_s = 0.0

    def connection_ended(self, lasted_s: float) -> None:
        """Note how long a connection lived, before asking for the delay that follows it."""
        if lasted_s >= LASTED_S:
            self.begin_again()

    def next_delay(self, error: AgentError, now: float) -> float:
        """Seconds to wait after *error*; *now* is any clock that never goes back."""
        if self._outage_began_at is None:
            self._outage_began_at = now
        if isinstance(error, GatewayRejectedError) and error.status in REFUSALS:
            return REFUSED_DELAY_S * (1 + REFUSED_SPREAD * self._chance())
        ceiling = self._ceiling_s
        limit = EARLY_CEILING_S if now - self._outage_began_at < EARLY_S else LATE_CEILING_S
        self._ceiling_s = min(max(ceiling * 2, FIRST_CEILING_S), limit)
        return ceiling * self._chance()
