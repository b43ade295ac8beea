"""Gateway and agent as a user runs them: two programs, a settings file, a key file, on whatever event loop they chose."""

from __future__ import annotations

from pathlib import Path

from tests.support.agent_processes import exposing
from tests.support.gateway_processes import gateway_process
from tests.support.targets import tcp_target


async def test_a_sender_reaches_a_service_through_two_programs(tmp_path: Path):
    """Transports of uvloop are no subclass of asyncio's: a check for that once refused every connection."""
    async with tcp_target() as target, gateway_process(tmp_path / "data") as gateway:
        await gateway.create("hc")
        async with exposing(tmp_path / "agent", gateway, {"hc": target.address}) as agent:
            sender = await (await gateway.connecting("hc")).answer()
            service = await target.accept()
            await sender.send_binary(b"there")
            assert await service.read_exactly(5) == b"there"
            await service.send(b"and back")
            assert (await sender.read_message()).data == b"and back"
            service.half_close()
            assert (await sender.close()).code == 1000
            assert await agent.stop() == 0
        assert await gateway.stop() == 0
