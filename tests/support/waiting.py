"""The one way in which tests wait for what gives no event: look again and again, up to a deadline."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

from .raw_stream import STEP_S

T = TypeVar("T")

#: Between two looks, once a few turns of the loop did not do: short beside what is waited for, long beside a look.
LOOK_S = 0.02

#: Looks that only let the loop turn: enough for what this process does by itself.
QUICK_LOOKS = 20


@overload
async def until(condition: Callable[[], Awaitable[T]], what: str = ..., *, within_s: float = ...) -> T: ...
@overload
async def until(condition: Callable[[], T], what: str = ..., *, within_s: float = ...) -> T: ...


async def until(
    condition: Callable[[], object], what: str = "the condition", *, within_s: float = STEP_S
) -> object:
    """Wait until *condition* gives something true, and give that.

    Args:
        condition: A function, or one that makes an awaitable.
        what: What is waited for: the failure says that it did not come about.
        within_s: The deadline.

    Raises:
        AssertionError: It did not become true in time; with the last value.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    looks = 0
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        assert loop.time() < deadline, f"not within {within_s:g} s: {what}; last seen: {value!r}"
        looks += 1
        await asyncio.sleep(0 if looks <= QUICK_LOOKS else LOOK_S)
