from __future__ import annotations

import asyncio

import pytest

from agent.errors import AgentError, ControlChannelLostError, sole_error


async def test_the_first_of_several_is_what_went_wrong():
    first, second = AgentError("first"), AgentError("second")
    assert sole_error(ExceptionGroup("", [first, second])) is first


async def test_what_nobody_expects_stays_visible():
    group = ExceptionGroup("", [AgentError("first"), ValueError("a bug")])
    assert sole_error(group) is group


async def test_whoever_is_cancelled_while_a_task_group_ends_does_not_go_on():
    """Before Python 3.13 a task group forgets the cancellation; a listener then tried again for ever."""
    is_ending, may_end = asyncio.Event(), asyncio.Event()

    async def slow_to_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            is_ending.set()
            await may_end.wait()

    async def listen() -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(slow_to_end())
                await asyncio.sleep(0)
                raise ControlChannelLostError(None, "")
        except BaseExceptionGroup as group:
            raise sole_error(group) from group

    listening = asyncio.create_task(listen())
    await is_ending.wait()
    listening.cancel()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await listening
