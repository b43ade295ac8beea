"""What the desk needs of the agent that runs. ``agent_bridge.py`` hands it in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from agent.captured import EditedRequest
from agent.config import AgentConfig
from agent.probe import ProbeResult
from agent.status import AgentStatus, RelayedConnection


class Engine(Protocol):
    """An agent."""

    def apply(self, config: AgentConfig) -> None:
        """Serve what *config* says from now on."""
        ...

    def snapshot(self) -> AgentStatus:
        """The state of this moment."""
        ...

    def changes(self) -> AsyncIterator[AgentStatus]:
        """The state now, and again after every change of it."""
        ...

    def relayed(self) -> tuple[RelayedConnection, ...]:
        """What is relayed now, and what ended a moment ago."""
        ...

    def cut(self, number: int) -> bool:
        """End one of them; whether there was one to end."""
        ...

    def replay(self, number: int, edited: EditedRequest | None = None) -> int:
        """Send a captured request to the local server again; the id of the new exchange."""
        ...

    def retry_now(self, name: str | None = None) -> None:
        """Do not wait for the next try: of one, or of all."""
        ...

    def check_now(self) -> None:
        """See at once whether the gateways are still there: this computer slept, or its network changed."""
        ...

    async def probe(self, name: str) -> ProbeResult:
        """Send a request of our own the whole way to the listener of that name."""
        ...
