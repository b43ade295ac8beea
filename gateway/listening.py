"""Whoever stays connected to be told things: a listener by its control channel, or a subscriber."""

from __future__ import annotations

from typing import Protocol

from .fabric.interface import Offer


class Listening(Protocol):
    """What the gateway has to do with one, of either kind."""

    @property
    def name(self) -> str:
        """As the fabric and the ledger know it."""

    @property
    def is_owing(self) -> bool:
        """Whether it has been told of anybody who still waits."""

    def offered(self, offer: Offer) -> None:
        """The fabric knows it; it hears of its end through *offer*."""

    def go_away(self, reason: str) -> None:
        """The hybrid connection was deleted, or the gateway stops."""
