"""One configured hybrid connection for as long as it is configured: served while its policy lets it be, and dark otherwise.

It outlives what serves it. Its counters and its place in the snapshot stay through pauses, and a bug in what serves it ends
that one, for half a minute, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from .config import ConnectionConfig, Direction, LocalAddress
from .errors import AgentError
from .listener import Listener
from .local_listeners import LocalListener
from .policy import Policy
from .probe import Failed, ProbeResult
from .standing import Standing
from .surroundings import Surroundings

LOOK_AGAIN_S: Final = 3_600.0
"""The longest wait for the end of a share in one piece: some loops count a wait in milliseconds of 32 bits."""

AFTER_A_BUG_S: Final = 30.0
"""Until what ended unexpectedly is started again."""


class Member:
    """Serves one hybrid connection under its policy.

    Args:
        policy: Its settings.
        around: What it shares with others.
        standing: What its status is taken from.
        after: Members whose end is waited for before anything is served: they have what it needs.
    """

    def __init__(
        self, policy: Policy, around: Surroundings, standing: Standing, after: Iterable[Member] = ()
    ) -> None:
        self._policy = policy
        self._around = around
        self._after = tuple(after)
        self._service: Listener | LocalListener | None = None
        self._may_have_changed = asyncio.Event()
        self._retry_now = asyncio.Event()
        self.served = policy.config.served
        self.standing = standing
        self.task: asyncio.Task[None] | None = None
        """Runs it, where it was started."""

    @property
    def name(self) -> str:
        """What people call it."""
        return self._policy.label

    @property
    def local(self) -> LocalAddress | None:
        """The local address that only one at a time can have; None where it needs none."""
        return self.served.local if self.served.local is not None and self.served.local.port else None

    def take(self, config: ConnectionConfig) -> None:
        """Go on under the policy in *config*, which serves the same."""
        if config != self._policy.config:
            self._policy.config = config
            self._may_have_changed.set()
            if isinstance(self._service, Listener):
                self._service.take_policy(config)
            self.standing.policy_changed()

    def look_at_the_clock(self) -> None:
        """The wall clock was moved: see whether the policy still lets it be served."""
        self._may_have_changed.set()

    def retry_now(self) -> None:
        """Do not wait for the next try."""
        self._retry_now.set()
        if self._service is not None:
            self._service.retry_now()

    def check_now(self) -> None:
        """The computer slept, or has another network: see whether what is open still is, and do not wait for a try."""
        self._may_have_changed.set()
        self._retry_now.set()
        if self._service is not None:
            self._service.check_now()

    async def probe(self) -> ProbeResult:
        """See whether a sender gets through to here."""
        if isinstance(self._service, Listener):
            return await self._service.probe()
        return Failed("nobody listens here at the moment")

    def turn_away(self) -> None:
        """Let nobody new in from now on."""
        if isinstance(self._service, Listener):
            self._service.turn_away()

    async def drain(self) -> None:
        """Turn away whoever is new, and wait until every relayed request has been answered."""
        if isinstance(self._service, Listener):
            await self._service.drain()

    async def run(self) -> None:
        """Serve it until cancelled; then nothing is left open. A failure of what serves it is not raised."""
        try:
            before = {member.task for member in self._after if member.task is not None}
            if before:
                await asyncio.wait(before)
            self._after = ()
            while True:
                forbidden = self._policy.forbids(self._around.clock.now())
                if forbidden is None:
                    await self._serve_while_allowed()
                else:
                    self.standing.forbidden(forbidden)
                    await self._policy_may_have_changed()
        finally:
            self.standing.stopped()

    async def _policy_may_have_changed(self) -> None:
        clock = self._around.clock
        ends_in_s = self._policy.ends_in(clock.now())
        await clock.look_in(
            None if ends_in_s is None else min(ends_in_s, LOOK_AGAIN_S), self._may_have_changed
        )
        self._may_have_changed.clear()

    async def _serve_while_allowed(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(self._serve(), name=f"serve {self.name}")
            while self._policy.forbids(self._around.clock.now()) is None:
                await self._policy_may_have_changed()
            self.standing.log.info("not served any more: its settings say so")
            serving.cancel()

    async def _serve(self) -> None:
        kind = Listener if self.served.direction is Direction.LISTEN else LocalListener
        has_ended_in_order = False
        while not has_ended_in_order:
            try:
                self._service = kind(self._policy, self._around, self.standing)
                await self._service.run()
                has_ended_in_order = True  # it was drained
            except Exception as error:
                task = asyncio.current_task()
                # before Python 3.13, a task group that ends because of an error forgets a cancellation
                if task is not None and task.cancelling():
                    raise asyncio.CancelledError from error
                self._retry_now.clear()
                self.standing.log.exception("ended unexpectedly; it is started again in %g s", AFTER_A_BUG_S)
                self.standing.waiting(AgentError("ended unexpectedly; the log has more"), AFTER_A_BUG_S)
                await self._around.clock.wait(AFTER_A_BUG_S, self._retry_now)
            finally:
                self._service = None
