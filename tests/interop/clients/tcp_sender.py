"""A program that knows nothing of relays: it connects to a local port, sends, half-closes, and reads to the end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from .bodies import pattern, sha256
from .lines import answer


async def exchange(*, port: int, count: int) -> Mapping[str, Any]:
    """Send *count* bytes to *port*, and tell what came back before the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = bytearray()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_send(writer, pattern(count)))
        try:
            while piece := await reader.read(65_536):
                received += piece
        except ConnectionResetError:
            return {"bytes": len(received), "isComplete": False}
    writer.close()
    return {"bytes": len(received), "sha256": sha256(bytes(received)), "isComplete": True}


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()
    writer.write_eof()


if __name__ == "__main__":
    asyncio.run(answer(exchange))
