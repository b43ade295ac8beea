"""A node of a fabric in a process of its own: ``python -m tests.support.fabric_program NODE RELAY LISTENERS DELAY SERVER…``.

LISTENERS is their number; with an "s" behind it they are subscribers. Listeners answer requests after DELAY seconds with 200, their name as the body. It says ``ready`` when they are offered.
"""

from __future__ import annotations

import asyncio
import sys

from gateway.fabric.interface import Answer, Ask, RelayKey, Told
from gateway.fabric.nats import NatsFabric
from hyco.messages import Response


class Listener:
    """Answers a request after a while."""

    def __init__(self, name: str, delay_s: float) -> None:
        self.name = name
        self._delay_s = delay_s

    def __call__(self, ask: Ask, /) -> Told:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        response = Response(request_id=ask.id, status_code=200)

        def give() -> None:
            if not answer.done():
                answer.set_result(Answer(response=response, body=self.name.encode()))

        loop.call_later(self._delay_s, give)
        return Told(self.name, answer)


async def main(node: str, relay: str, listeners: str, delay_s: str, *servers: str) -> None:
    """Serve until killed."""
    fabric = NatsFabric(node, servers)
    await fabric.open()
    take = fabric.subscribe if listeners.endswith("s") else fabric.offer
    for number in range(int(listeners.removesuffix("s"))):
        name = f"{number:08x}-{node[:4]:0<4}-4000-8000-000000000000_{node}"
        await take(RelayKey(relay), name, Listener(name, float(delay_s)))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
