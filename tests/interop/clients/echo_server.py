"""A TCP service for our agent to lead to: it sends back what it gets, and half-closes when it has got everything."""

from __future__ import annotations

import asyncio
import contextlib

from .lines import tell


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    writer.close()
    tell(event="served")


async def main() -> None:
    """Serve until told to stop."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    tell(event="serving", port=server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
