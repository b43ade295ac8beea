"""Bytes by the gigabyte: frames of any size, masked and cut anyhow, both ways through fifty relayed connections at once.

Each direction of each connection is compared by its SHA-256, and the gateway's memory stays where it is. The full size is
100 GB (``make stress``); its figures are logged (``--log-cli-level=INFO``).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import random
import struct
import time
from pathlib import Path

import pytest
from websockets.speedups import apply_mask

from tests.support.gateway_processes import gateway_process
from tests.support.processes import Child
from tests.support.raw_stream import RawStream
from tests.support.raw_websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, RawWebSocket, frame

log = logging.getLogger(__name__)

PAIRS = 50
MAX_FRAME_BYTES = 300_000
TOTAL_BYTES = 500_000_000
TOTAL_BYTES_FULL = 100_000_000_000

#: What is said lies somewhere in here.
POOL = os.urandom(1_048_576)

#: What the gateway may have more at the end than when it had carried a tenth.
GROWTH_BYTES = 4 * 1_048_576

pytestmark = [pytest.mark.slow, pytest.mark.stress, pytest.mark.timeout(3_600)]


def masked_frame(chance: random.Random, payload: memoryview, first_byte: int) -> list[bytes]:
    """A frame, with a mask of its own."""
    size = len(payload)
    mask = chance.randbytes(4)
    if size < 126:
        head = bytes((first_byte, 0x80 | size))
    elif size < 65_536:
        head = struct.pack("!BBH", first_byte, 0xFE, size)
    else:
        head = struct.pack("!BBQ", first_byte, 0xFF, size)
    return [head, mask, apply_mask(payload, mask)]


async def say(chance: random.Random, stream: RawStream, size: int, pongs: list[bytes]) -> str:
    """Say *size* bytes in messages of one or several frames, cut at random places; the SHA-256 of what was said.

    What is owed in *pongs* goes between two of the frames.
    """
    digest = hashlib.sha256()
    pool = memoryview(POOL)
    in_message = False
    while size:
        length = min(size, chance.choice((chance.randrange(200), chance.randrange(MAX_FRAME_BYTES + 1))))
        at = chance.randrange(len(POOL) - length + 1)
        payload = pool[at : at + length]
        size -= length
        is_final = not size or chance.random() < 0.8
        opcode = CONTINUATION if in_message else chance.choice((TEXT, BINARY))
        in_message = not is_final
        wire = b"".join(masked_frame(chance, payload, (0x80 if is_final else 0) | opcode))
        digest.update(payload)
        cut = chance.randrange(len(wire) + 1) if chance.random() < 0.3 else 0
        if cut:
            await stream.send(wire[:cut], within_s=None)
        await stream.send(wire[cut:], within_s=None)
        while pongs:
            await stream.send(frame(PONG, pongs.pop()), within_s=None)
    return digest.hexdigest()


class Tally:
    """What has crossed of *total* bytes, and how much memory the gateway had at each tenth of it."""

    def __init__(self, total: int, child: Child) -> None:
        self.count = 0
        self.memory: list[int] = []
        self._total = total
        self._child = child

    def add(self, size: int) -> None:
        """So many more."""
        self.count += size
        if len(self.memory) < 9 and self.count * 10 >= self._total * (len(self.memory) + 1):
            self.memory.append(self._child.rss_bytes)


async def hear(socket: RawWebSocket, tally: Tally, pongs: list[bytes]) -> str:
    """Hear all messages up to the Close; the SHA-256 of what was said in them. Pings are left in *pongs*."""
    digest = hashlib.sha256()
    while (received := await socket.read_frame()).opcode != CLOSE:
        if received.opcode == PING:
            pongs[:] = [received.payload]
            continue
        assert received.opcode in (TEXT, BINARY, CONTINUATION)
        digest.update(received.payload)
        tally.add(len(received.payload))
    return digest.hexdigest()


async def say_all(chance: random.Random, socket: RawWebSocket, size: int, pongs: list[bytes]) -> str:
    said = await say(chance, socket.stream, size, pongs)
    await socket.send_close()
    return said


async def test_bytes_cross_as_they_are_and_memory_stays_where_it_is(tmp_path: Path, full_size: bool):
    total = TOTAL_BYTES_FULL if full_size else TOTAL_BYTES
    each = total // PAIRS // 2
    async with gateway_process(tmp_path / "data") as gateway:
        await gateway.create("hc")
        listener = await gateway.listen("hc")
        pairs = [await gateway.pair(listener) for _ in range(PAIRS)]
        tally = Tally(each * PAIRS * 2, gateway.child)
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            talks = []
            for number, ends in enumerate(pairs):
                pongs: tuple[list[bytes], list[bytes]] = ([], [])
                for way, (one, other) in enumerate((ends, ends[::-1])):
                    chance = random.Random(2 * number + way)
                    talks.append(
                        (
                            tasks.create_task(say_all(chance, one, each, pongs[way])),
                            tasks.create_task(hear(other, tally, pongs[1 - way])),
                        )
                    )
        took = time.monotonic() - began
        assert [said.result() == heard.result() for said, heard in talks] == [True] * len(talks)
        assert tally.count == each * PAIRS * 2
        mib = [size >> 20 for size in tally.memory]
        log.info("%.1f GB in %.0f s; MiB at each tenth: %s", tally.count / 1e9, took, mib)
        assert max(tally.memory) - tally.memory[0] < GROWTH_BYTES, mib
