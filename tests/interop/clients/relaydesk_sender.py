"""Our own sender, for listeners that are not ours."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.clock import Clock
from agent.config import Deadlines, NetworkConfig
from agent.credentials import Access
from agent.errors import AgentError
from agent.network import Network
from agent.sender import send_request
from hyco.addresses import parse_endpoint
from hyco.connection_string import parse

from .bodies import pattern, sha256
from .lines import answer


class Sender:
    """Makes requests through one hybrid connection."""

    def __init__(self) -> None:
        endpoint = f"sb://{os.environ['RELAY_HOST']}/"
        key = f"SharedAccessKeyName={os.environ['RELAY_KEY_NAME']};SharedAccessKey={os.environ['RELAY_KEY']}"
        secret = parse(f"Endpoint={endpoint};{key}")
        self._access = Access(endpoint=parse_endpoint(endpoint), path=os.environ["RELAY_PATH"], secret=secret)
        self._network = Network(NetworkConfig(ca_file=Path(os.environ["RELAY_CA"])))
        self._network.prepare()

    async def handle(self, requests: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Make *requests*, all at once."""
        async with asyncio.TaskGroup() as tasks:
            exchanges = [tasks.create_task(self.exchange(**request)) for request in requests]
        return {"responses": [done.result() for done in exchanges]}

    async def exchange(
        self,
        *,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: int | None = None,
        isChunked: bool = False,  # noqa: N803 - the same JSON for clients in four languages
        onFirstPiece: str | None = None,  # noqa: N803
    ) -> Mapping[str, Any]:
        """Make one request, and describe the answer."""
        suffix, _, query = target.partition("?")
        content = None if body is None else pieces(pattern(body)) if isChunked else pattern(body)
        request = send_request(
            *(self._access, self._network, Deadlines(), Clock()),
            method=method,
            suffix=suffix,
            query=query,
            headers=(headers or {}).items(),
            body=content,
        )
        try:
            async with request as response:
                received = bytearray()
                async for piece in response:
                    if onFirstPiece is not None and not received:
                        await self.exchange(method="GET", target=onFirstPiece)
                    received += piece
                return {
                    "status": response.status,
                    "reason": response.reason,
                    "headers": {name.lower(): value for name, value in response.headers},
                    "bytes": len(received),
                    "sha256": sha256(bytes(received)),
                    "text": received.decode("latin-1") if len(received) < 4096 else None,
                    "isComplete": True,
                }
        except AgentError as error:
            return {"error": str(error)}


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    """Give *body* in five pieces, which are sent as chunks."""
    step = max(1, -(-len(body) // 5))
    for sent in range(0, len(body), step):
        yield body[sent : sent + step]


if __name__ == "__main__":
    asyncio.run(answer(Sender().handle))
