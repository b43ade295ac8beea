"""What ``benchmarks.capture`` measures: an agent with an inspector that SIGUSR1 turns on and SIGUSR2 off; and its local server.

``agent FILE`` reads its connection string and target from FILE; ``target`` serves what is asked for. Both run on the loop that
the gateway takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from pathlib import Path

from aiohttp import web

from agent.config import AgentConfig, ConnectionConfig, Credential, NetworkConfig
from agent.exchanges import Exchanges
from agent.status import State
from agent.supervisor import Agent
from agent.targets import parse_target

from .small_requests import BODY
from .wire import HOST

BIG_BYTES = 100_000_000
_PIECE = bytes(131_072)
_MESSAGE = bytes(65_536)


async def answer(request: web.Request) -> web.StreamResponse:
    """The local server."""
    if request.path == "/big":
        response = web.StreamResponse(headers={"Content-Length": str(BIG_BYTES)})
        await response.prepare(request)
        left = BIG_BYTES
        while left > 0:
            await response.write(_PIECE[: min(left, len(_PIECE))])
            left -= len(_PIECE)
        return response
    if request.path == "/ws":
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        with contextlib.suppress(ConnectionError):
            while not socket.closed:
                await socket.send_bytes(_MESSAGE)
        return socket
    return web.Response(body=BODY, content_type="text/plain")


async def serve_target() -> None:
    """Serve until the process is ended."""
    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    print(f"ready: listening on {HOST}:{site.port}", flush=True)
    await asyncio.Event().wait()


async def serve_agent(told: dict[str, str], folder: Path) -> None:
    """Serve until SIGTERM."""
    exchanges = Exchanges(folder)
    exchanges.begin()
    connection = ConnectionConfig(
        name="bench", credential=Credential(text=told["gateway"]), target=parse_target(told["target"])
    )
    agent = Agent(
        AgentConfig(connections=(connection,), network=NetworkConfig(proxy="none")), exchanges=exchanges
    )
    loop, has_to_end = asyncio.get_running_loop(), asyncio.Event()

    def capture(is_on: bool) -> None:
        exchanges.clear()
        exchanges.is_capturing = is_on

    loop.add_signal_handler(signal.SIGUSR1, capture, True)
    loop.add_signal_handler(signal.SIGUSR2, capture, False)
    loop.add_signal_handler(signal.SIGTERM, has_to_end.set)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(agent.run())
        async for status in agent.changes():
            if status.connections[0].state is State.LISTENING:
                break
        print(f"ready: listening on {HOST}:1", flush=True)
        await has_to_end.wait()
        running.cancel()
    exchanges.close()


def main() -> None:
    """Run as a program."""
    loop_factory = None
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415 - optional, as it is for the gateway

        loop_factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        if sys.argv[1] == "target":
            runner.run(serve_target())
        else:
            file = Path(sys.argv[2])
            runner.run(serve_agent(json.loads(file.read_text()), file.parent / "captures"))


if __name__ == "__main__":
    main()
