"""F8, and the slow readers of acceptance 6: who does not read holds back who writes, and costs the gateway nothing.

Source: reliability reference F8 (the freeze test of DERP); acceptance 6: less than 1 MiB each while 1 GB waits.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.gateway_processes import GatewayProcess, gateway_process
from tests.support.raw_http import chunk
from tests.support.raw_relay import RawListener, response_text
from tests.support.raw_stream import RawStream
from tests.support.raw_websocket import BINARY, CONTINUATION, RawWebSocket, frame
from tests.support.talkers import Talker, echoing
from tests.support.waiting import until

MIB = 1 << 20
PIECE_BYTES = 64 * 1024
PIECES = tuple(bytes([number]) * PIECE_BYTES for number in range(16))

#: Looks at the writer that see no progress: it is held back, and not only slow.
STEADY_LOOKS = 40

#: Rounds and set-ups of others while somebody is stalled.
ROUNDS = 200
SET_UPS = 20

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


@dataclasses.dataclass
class Stalled:
    """A relay of which one side writes and the other one has not begun to read.

    Attributes:
        writer: Where the bytes go in.
        begin, wrap, end: How the writer writes: what comes first, around each piece, and last.
        read: Reads everything on the other side; gives its SHA-256.
    """

    writer: RawStream
    begin: bytes
    wrap: Callable[[bytes], bytes]
    end: bytes
    read: Callable[[], Awaitable[bytes]]
    taken_bytes: int = 0

    async def write(self, size: int) -> bytes:
        """Offer *size* bytes, as fast as they are taken, until cut; gives the SHA-256 of what was taken."""
        wrapped = [self.wrap(piece) for piece in PIECES]
        digest = hashlib.sha256()
        self.writer.write(self.begin)
        for number in itertools.islice(itertools.cycle(range(16)), size // PIECE_BYTES):
            if self.writer.has_ended:
                break
            digest.update(PIECES[number])
            await self.writer.send(wrapped[number], within_s=None)
            self.taken_bytes += PIECE_BYTES
            await asyncio.sleep(
                0
            )  # where every write goes out at once, nothing else would let the answer be read
        await self.writer.send(self.end, within_s=None)
        return digest.digest()


Setup = Callable[[GatewayProcess, RawListener], Awaitable[Stalled]]


def _message(writer: RawStream, read: Callable[[], Awaitable[bytes]]) -> Stalled:
    """One binary message in many frames."""
    return Stalled(
        writer,
        frame(BINARY, fin=False),
        lambda data: frame(CONTINUATION, data, fin=False),
        frame(CONTINUATION),
        read,
    )


async def _digest_of_message(reader: RawWebSocket) -> bytes:
    digest = hashlib.sha256()
    while True:
        received = await reader.read_frame_but_pings()
        assert received.opcode in (BINARY, CONTINUATION), received.opcode
        digest.update(received.payload)
        if received.fin:
            return digest.digest()


async def websocket_sender(gateway: GatewayProcess, listener: RawListener) -> Stalled:
    sender, far = await gateway.pair(listener, "slow")
    return _message(far.stream, lambda: _digest_of_message(sender))


async def websocket_listener(gateway: GatewayProcess, listener: RawListener) -> Stalled:
    sender, far = await gateway.pair(listener, "slow")
    return _message(sender.stream, lambda: _digest_of_message(far))


async def http_sender(gateway: GatewayProcess, listener: RawListener) -> Stalled:
    http = await gateway.http()
    await http.send("GET", "/slow/", list(gateway.authorization("slow")))
    request = await listener.expect("request")
    rendezvous = await listener.rendezvous(request.address)
    await rendezvous.send_text(response_text(request.id, statusCode=200, body=True))

    async def read() -> bytes:
        assert (await http.read_head()).status == 200
        digest = hashlib.sha256()
        while piece := await http.read_chunk():
            digest.update(piece)
        return digest.digest()

    return _message(rendezvous.stream, read)


async def http_listener(gateway: GatewayProcess, listener: RawListener) -> Stalled:
    http = await gateway.http()
    headers = [*gateway.authorization("slow"), ("Transfer-Encoding", "chunked")]
    await http.send_head("POST", "/slow/", headers)
    rendezvous = await listener.rendezvous((await listener.expect("request")).address)
    assert '"body":true' in (await rendezvous.read_message()).text.replace(" ", "")
    return Stalled(http.stream, b"", chunk, chunk(b""), lambda: _digest_of_message(rendezvous))


async def _is_held_back(stalled: Stalled, size: int) -> None:
    """Wait until the writer makes no progress."""
    seen, looks = -1, 0

    def is_steady() -> bool:
        nonlocal seen, looks
        looks = looks + 1 if stalled.taken_bytes == seen else 0
        seen = stalled.taken_bytes
        return looks > STEADY_LOOKS and stalled.writer.unsent_bytes > 0

    await until(is_steady, "the writer is held back")
    assert stalled.taken_bytes < size


async def _others_are_quick(gateway: GatewayProcess, listener: RawListener) -> None:
    """A second stream and the control channel keep their pace."""
    clock = asyncio.get_running_loop().time
    async with echoing(listener):
        talker = Talker(await (await gateway.connecting("quick")).answer(), 0)
        talking = asyncio.create_task(talker.talk())
        await until(lambda: talker.rounds >= ROUNDS, "another stream goes on")
        talker.leave()
        await talking
        set_ups = []
        for _ in range(SET_UPS):
            began = clock()
            socket = await (await gateway.connecting("quick")).answer()
            set_ups.append(clock() - began)
            await socket.close()
        await talker.socket.close()
    # the slowest, where the promise speaks of the 99th of a hundred; but not the machine's own hiccups
    assert sorted(set_ups)[-2] <= 0.2
    assert talker.slowest_s <= 0.4


@pytest.mark.stress
@pytest.mark.parametrize("setup", [websocket_sender, websocket_listener, http_sender, http_listener])
async def test_a_reader_that_stalls_holds_back_its_writer_alone(
    tmp_path: Path, full_size: bool, setup: Setup
):
    size = (1024 if full_size else 64) * MIB
    async with gateway_process(tmp_path / "data") as gateway:
        await gateway.create("slow")
        await gateway.create("quick")
        listener, other = await gateway.listen("slow"), await gateway.listen("quick")
        await _others_are_quick(gateway, other)
        warm = await setup(gateway, listener)
        async with asyncio.TaskGroup() as tasks:
            written = tasks.create_task(warm.write(4 * MIB))
            assert await warm.read() == await written
        stalled = await setup(gateway, listener)
        before = gateway.child.rss_bytes
        async with asyncio.TaskGroup() as tasks:
            written = tasks.create_task(stalled.write(size))
            await _is_held_back(stalled, size)
            assert gateway.child.rss_bytes - before < MIB
            await _others_are_quick(gateway, other)
            assert gateway.child.rss_bytes - before < MIB
            assert await stalled.read() == await written


@pytest.mark.parametrize("setup", [websocket_sender, websocket_listener, http_sender, http_listener])
async def test_a_reader_that_stalls_for_too_long_is_cut(tmp_path: Path, setup: Setup):
    limits = {"ping_interval_s": 0.3, "write_stall_timeout_s": 1.0, "body_idle_timeout_s": 1.0}
    async with gateway_process(tmp_path / "data", numbers=limits) as gateway:
        await gateway.create("slow")
        listener = await gateway.listen("slow")
        stalled = await setup(gateway, listener)
        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(stalled.write(1024 * MIB))
            await until(lambda: stalled.writer.has_ended, "the writer is cut")
            await writing
        assert stalled.taken_bytes < 1024 * MIB
        # and what the reader finds, should it ever look again, is no whole message
        with pytest.raises((ConnectionResetError, EOFError, asyncio.IncompleteReadError)):
            await stalled.read()
