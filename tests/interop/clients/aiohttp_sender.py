"""aiohttp as a sender, with the token in the query, as Microsoft's Python samples have it."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from tests.support.tokens import sas_token

from .bodies import pattern, sha256
from .lines import answer

_HOST, _PATH = os.environ["RELAY_HOST"], os.environ["RELAY_PATH"]
_BASE = f"https://{_HOST}/{_PATH}"


async def main() -> None:
    """Serve commands."""
    context = ssl.create_default_context(cafile=os.environ["RELAY_CA"])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, limit=0)) as session:

        async def handle(requests: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
            async with asyncio.TaskGroup() as tasks:
                exchanges = [tasks.create_task(exchange(session, **request)) for request in requests]
            return {"responses": [done.result() for done in exchanges]}

        await answer(handle)


async def exchange(
    session: aiohttp.ClientSession,
    *,
    method: str,
    target: str,
    headers: Mapping[str, str] | None = None,
    body: int | None = None,
    isChunked: bool = False,  # noqa: N803 - the same JSON for clients in four languages
    onFirstPiece: str | None = None,  # noqa: N803
) -> Mapping[str, Any]:
    """Make one request, and describe the answer."""
    token = quote(sas_token(_BASE, os.environ["RELAY_KEY_NAME"], os.environ["RELAY_KEY"]), safe="")
    url = URL(f"{_BASE}{target}{'&' if '?' in target else '?'}sb-hc-token={token}", encoded=True)
    content = None if body is None else pieces(pattern(body)) if isChunked else pattern(body)
    try:
        async with session.request(
            method, url, headers=headers, data=content, allow_redirects=False
        ) as response:
            received = bytearray()
            async for piece in response.content.iter_any():
                if onFirstPiece is not None and not received:
                    await exchange(session, method="GET", target=onFirstPiece)
                received += piece
            return {
                "status": response.status,
                "reason": response.reason,
                "headers": {name.lower(): value for name, value in response.headers.items()},
                "bytes": len(received),
                "sha256": sha256(bytes(received)),
                "text": received.decode("latin-1") if len(received) < 4096 else None,
                "isComplete": True,
            }
    except aiohttp.ClientError as error:
        return {"error": str(error)}


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    """Give *body* in five pieces, which aiohttp sends as chunks."""
    step = max(1, -(-len(body) // 5))
    for sent in range(0, len(body), step):
        yield body[sent : sent + step]


if __name__ == "__main__":
    asyncio.run(main())
