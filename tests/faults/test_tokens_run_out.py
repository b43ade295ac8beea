"""F14: a relayed connection crosses renewals of its listener's token unharmed, and a listener that does not renew ends.

Tokens live for seconds here; at full size the stream takes ten minutes.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path

import pytest

from tests.support.gateway_processes import GatewayProcess, gateway_process
from tests.support.raw_relay import RawListener
from tests.support.raw_stream import STEP_S
from tests.support.raw_websocket import RawWebSocket
from tests.support.waiting import until

RENEWALS = 3
PIECE_BYTES = 16 * 1024

#: Nothing but the tokens keeps the channels: no skew of clocks is forgiven, and hardly a moment of grace.
STRICT = {"clock_skew_s": 0.001, "token_grace_s": 1.0}

pytestmark = [pytest.mark.slow, pytest.mark.stress]


class _Stream:
    """Sends until it is told to stop, at a pace that any machine keeps; knows what it sent."""

    def __init__(self, sender: RawWebSocket) -> None:
        self.must_stop = False
        self.pieces = 0
        self._sender = sender

    async def run(self) -> bytes:
        digest = hashlib.sha256()
        while not self.must_stop:
            piece = hashlib.shake_256(b"%d" % self.pieces).digest(PIECE_BYTES)
            await self._sender.send_binary(piece)
            digest.update(piece)
            self.pieces += 1
            taken = await self._sender.read_message()
            assert taken.text == str(self.pieces), "the other side says what it has"
        await self._sender.send_close()
        return digest.digest()


async def _receive(far: RawWebSocket) -> bytes:
    digest = hashlib.sha256()
    pieces = 0
    while (received := await far.read_frame_but_pings()).opcode != 8:
        digest.update(received.payload)
        pieces += 1
        await far.send_text(str(pieces))
    await far.send_close()
    return digest.digest()


async def _closed(listener: RawListener) -> float:
    """Answer pings until the gateway closes the channel; gives when."""
    while True:
        try:
            closed = await listener.socket.read_close()
        except TimeoutError:  # a step has its time, and this takes many
            continue
        assert closed.code == 1008
        return time.time()


async def _wait(due: float, listener: RawListener) -> None:
    """Until it is *due*; the listener answers pings meanwhile."""
    while (left_s := due - time.time()) > 0:
        step = time.time() + min(left_s, STEP_S / 2)
        await until(lambda: time.time() >= step)  # noqa: B023 - awaited here
        await listener.socket.barrier()


async def _listen(gateway: GatewayProcess, path: str, expires_at: float) -> RawListener:
    return await gateway.listen(path, token=gateway.token(path, expires_at=expires_at))


async def test_a_stream_crosses_renewals_and_without_one_a_listener_ends(tmp_path: Path, full_size: bool):
    lifetime_s = 150.0 if full_size else 2.0
    async with gateway_process(tmp_path / "data", numbers=STRICT) as gateway:
        for path in ("renewed", "left-alone"):
            await gateway.create(path)
        expires_at = time.time() + lifetime_s
        renewed = await _listen(gateway, "renewed", expires_at)
        left_alone = await _listen(gateway, "left-alone", expires_at)
        sender, far = await gateway.pair(renewed, "renewed")
        stream = _Stream(sender)
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(stream.run())
            receiving = tasks.create_task(_receive(far))
            ended = tasks.create_task(_closed(left_alone))
            for _ in range(RENEWALS):
                await _wait(expires_at - 0.5, renewed)
                expires_at = time.time() + lifetime_s
                await renewed.renew(gateway.token("renewed", expires_at=expires_at))
                await renewed.socket.barrier()
            await _wait(expires_at - 0.5, renewed)
            assert ended.done(), "the one that was not renewed is long gone"
            assert (await (await gateway.connecting("left-alone")).refusal()).status == 404
            again, _ = await gateway.pair(renewed, "renewed")
            await again.send_text("it still takes senders")
            stream.must_stop = True
        assert stream.pieces > 10 * RENEWALS
        assert receiving.result() == sending.result()
        # and now that nobody renews any more
        assert 0 <= await _closed(renewed) - expires_at <= 5.0
