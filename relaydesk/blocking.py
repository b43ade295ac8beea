"""Calls that block, and may do so for ever: keyrings that wait for a password, process tables of a busy machine.

Each runs in a daemon thread of its own and is left behind when its deadline passes. An executor would not do: the program's
end waits for an executor's threads, and closing its window must never wait for somebody to type a password.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


class NoAnswerError(Exception):
    """The deadline passed. The call may still be going on in its thread."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """How a call ended."""

    values: tuple[T, ...] = ()
    """What it returned; empty when it raised."""
    error: Exception | None = None


async def call_blocking(
    function: Callable[[], T],
    *,
    name: str,
    deadline_s: float,
    on_end: Callable[[Outcome[T]], None] | None = None,
) -> T:
    """Call *function* in a daemon thread and give what it returns, or raise what it raised.

    Cancelling leaves the thread behind, like the deadline.

    Args:
        function: Runs in the thread. What it raises that is no ``Exception`` arrives as RuntimeError, so that nothing in a
            thread can end the loop.
        name: The thread's.
        deadline_s: How long it may take.
        on_end: Called in the loop when the call has ended, also when nobody waits for it any more. Not after the loop is
            closed.

    Raises:
        NoAnswerError: It took longer.
    """
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[Outcome[T]] = loop.create_future()

    def deliver(outcome: Outcome[T]) -> None:
        if on_end is not None:
            on_end(outcome)
        if not answered.done():
            answered.set_result(outcome)

    def work() -> None:
        outcome: Outcome[T]
        try:
            outcome = Outcome((function(),))
        except Exception as error:  # noqa: BLE001  it is raised again where the call was made
            outcome = Outcome(error=error)
        except BaseException as error:  # noqa: BLE001  SystemExit would pass through the loop and end it
            outcome = Outcome(error=RuntimeError(f"{type(error).__name__} in the thread {name}"))
        with suppress(RuntimeError):  # the loop is closed: the program is ending
            loop.call_soon_threadsafe(deliver, outcome)

    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError as error:  # there can be no more threads
        deliver(Outcome(error=error))
    try:
        async with asyncio.timeout(deadline_s):
            await asyncio.wait([answered])
    except TimeoutError:
        if not answered.done():
            answered.cancel()
            raise NoAnswerError(f"no answer within {deadline_s:g} s") from None
    outcome = answered.result()
    if outcome.error is not None:
        raise outcome.error
    return outcome.values[0]
