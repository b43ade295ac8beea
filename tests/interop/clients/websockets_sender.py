"""The ``websockets`` library as a sender: sends messages, takes what comes back, and closes or is closed."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.support.tokens import sas_token

from .bodies import pattern, sha256, text
from .lines import answer

_HOST, _PATH = os.environ["RELAY_HOST"], os.environ["RELAY_PATH"]


async def exchange(
    *,
    messages: Sequence[Mapping[str, Any]] = (),
    protocols: Sequence[str] = (),
    close: Mapping[str, Any] | None = None,
    askFor: str | None = None,  # noqa: N803 - the same JSON for clients in four languages
    suffix: str = "",
) -> Mapping[str, Any]:
    """Open a relayed WebSocket, with the token in the query and compression offered; tell how it went."""
    resource = f"http://{_HOST}/{_PATH}"
    token = quote(sas_token(resource, os.environ["RELAY_KEY_NAME"], os.environ["RELAY_KEY"]), safe="")
    context = ssl.create_default_context(cafile=os.environ["RELAY_CA"])
    address = f"wss://{_HOST}/$hc/{_PATH}{suffix}?sb-hc-action=connect&sb-hc-token={token}"
    offered = [Subprotocol(protocol) for protocol in protocols]
    try:
        async with connect(address, ssl=context, subprotocols=offered or None, max_size=None) as socket:
            received = await _talk(socket, messages)
            if askFor is not None:
                await socket.send(askFor)
            elif close is not None:
                await socket.close(close["code"], close["reason"])
            await socket.wait_closed()
    except InvalidStatus as error:
        return {"refused": {"status": error.response.status_code, "reason": error.response.reason_phrase}}
    return {
        "protocol": socket.subprotocol,
        "received": [_describe(message) for message in received],
        "whole": _describe(b"".join(_wire(message) for message in received)),
        "close": {"code": socket.close_code, "reason": socket.close_reason},
    }


async def _talk(socket: ClientConnection, messages: Sequence[Mapping[str, Any]]) -> list[str | bytes]:
    sent = [text(one["count"]) if one["type"] == "text" else pattern(one["count"]) for one in messages]
    received: list[str | bytes] = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_send(socket, sent))
        missing = sum(len(_wire(message)) for message in sent)
        # a stream may cut messages otherwise: everything is back once all bytes are, and as many messages at least
        while missing or len(received) < len(sent):
            try:
                received.append(await socket.recv())
            except ConnectionClosed:
                break
            missing -= len(_wire(received[-1]))
    return received


async def _send(socket: ClientConnection, messages: Sequence[str | bytes]) -> None:
    for message in messages:
        await socket.send(message)


def _wire(message: str | bytes) -> bytes:
    return message.encode() if isinstance(message, str) else message


def _describe(message: str | bytes) -> Mapping[str, Any]:
    data = _wire(message)
    return {
        "type": "text" if isinstance(message, str) else "binary",
        "bytes": len(data),
        "sha256": sha256(data),
    }


if __name__ == "__main__":
    asyncio.run(answer(exchange))
