"""Senders that keep talking through a relayed connection, and notice whatever goes wrong with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection

from .gateways import GatewayClients
from .raw_relay import RawListener
from .raw_websocket import CLOSE, RawWebSocket

#: What one round sends, and gets back.
ROUND_BYTES = 4_096


class Talker:
    """Says something, waits until all of it has come back, and so on."""

    def __init__(self, socket: RawWebSocket, number: int) -> None:
        self.socket = socket
        self.rounds = 0
        #: The longest round so far, in seconds.
        self.slowest_s = 0.0
        #: When the connection was cut, on the loop's clock.
        self.cut_at: float | None = None
        self._number = number
        self._is_leaving = False

    async def talk(self) -> None:
        """Talk until told to leave, or until the connection is cut.

        Raises:
            AssertionError: Something else came back than was said, or a Close frame.
        """
        clock = asyncio.get_running_loop().time
        try:
            while not self._is_leaving:
                said = (b"%08d" % self.rounds + b"%08d" % self._number) * (ROUND_BYTES // 16)
                began = clock()
                await self.socket.send_binary(said)
                heard = bytearray()
                while len(heard) < len(said):
                    heard += (await self.socket.read_message()).data
                assert heard == said, "what came back is not what was sent"
                self.slowest_s = max(self.slowest_s, clock() - began)
                self.rounds += 1
        except (asyncio.IncompleteReadError, ConnectionResetError):
            self.cut_at = clock()

    def leave(self) -> None:
        """Stop after this round."""
        self._is_leaving = True


async def until_cut(socket: RawWebSocket) -> float:
    """Read to the end of a connection, which has to come without a Close; gives when, on the loop's clock."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
        while (await socket.read_frame()).opcode != CLOSE:
            pass
        raise AssertionError("a Close frame came where the connection should have been cut")
    return asyncio.get_running_loop().time()


@contextlib.asynccontextmanager
async def talking(gateway: GatewayClients, path: str, count: int) -> AsyncIterator[list[Talker]]:
    """So many senders that talk through *path* to something that echoes, for the time of the block.

    Raises:
        AssertionError: One of them heard something wrong.
    """
    waiting = [await gateway.connecting(path) for _ in range(count)]
    talkers = [Talker(await handshake.answer(), number) for number, handshake in enumerate(waiting)]
    async with asyncio.TaskGroup() as tasks:
        for number, talker in enumerate(talkers):
            tasks.create_task(talker.talk(), name=f"talker {number} of {path}")
        try:
            yield talkers
        finally:
            for talker in talkers:
                talker.leave()
    for talker in talkers:
        if talker.cut_at is None:
            await talker.socket.send_close()


@contextlib.asynccontextmanager
async def echoing(listener: RawListener, paths: Collection[str] = ()) -> AsyncIterator[None]:
    """Have *listener* take every sender and send back what it says, for the time of the block."""

    async def echo(socket: RawWebSocket) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
            while True:
                received = await socket.read_frame_but_pings()
                await socket.send_frame(received.opcode, received.payload, fin=received.fin)
                if received.opcode == CLOSE:
                    return

    async def accept_all(tasks: asyncio.TaskGroup) -> None:
        while True:
            command = await listener.expect("accept")
            tasks.create_task(echo(await listener.rendezvous(command.address)))

    async with asyncio.TaskGroup() as tasks:
        accepting = tasks.create_task(accept_all(tasks))
        yield
        accepting.cancel()
