"""One command a line on standard input, one answer a line on standard output."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

_MAX_LINE_BYTES = 1 << 20


def tell(**message: object) -> None:
    """Say something to the test."""
    print(json.dumps(message), flush=True)  # noqa: T201 - standard output is the way to the test


async def answer(handle: Callable[..., Awaitable[Mapping[str, Any]]]) -> None:
    """Give each command's members to *handle*, one command after the other, until there are no more."""
    reader = asyncio.StreamReader(limit=_MAX_LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        tell(answer=await handle(**json.loads(line)))
