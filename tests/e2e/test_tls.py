"""Everything again with TLS between agent and gateway, by a certificate that only this agent trusts."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from agent.config import ConnectionConfig, Credential, Direction, LocalAddress, NetworkConfig
from agent.relay_loop import RelayLoop, WorkerLoop
from agent.status import State
from agent.targets import parse_target
from tests.support.agents import RunningAgent, running_agent
from tests.support.gateways import RunningGateway, running_gateway
from tests.support.raw_stream import End, RawStream
from tests.support.targets import TcpTarget, tcp_target, web_target


@dataclasses.dataclass
class Secured:
    """A gateway with TLS, and how an agent is told to trust it."""

    gateway: RunningGateway
    network: NetworkConfig

    def credential(self) -> Credential:
        rule = self.gateway.rule
        return Credential(
            text=f"Endpoint=sb://{self.gateway.host}/;SharedAccessKeyName={rule.name};"
            f"SharedAccessKey={rule.primary_key};EntityPath=hc"
        )

    def listener(self, target: str) -> ConnectionConfig:
        return ConnectionConfig(credential=self.credential(), target=parse_target(target))

    def local_port(self) -> ConnectionConfig:
        local = LocalAddress("127.0.0.1", 0)
        return ConnectionConfig(credential=self.credential(), direction=Direction.CONNECT, local=local)


@pytest.fixture
async def secured() -> AsyncIterator[Secured]:
    async with running_gateway(tls_self_signed=True) as gateway:
        await gateway.create("hc")
        ca_file = gateway.gateway.config.data_folder / "tls" / "ca.pem"
        yield Secured(gateway, NetworkConfig(proxy="none", ca_file=ca_file))


@pytest.fixture
async def target() -> AsyncIterator[TcpTarget]:
    async with tcp_target() as running:
        yield running


@pytest.fixture(params=["same loop", "worker loop"])
async def agent(
    request: pytest.FixtureRequest, secured: Secured, target: TcpTarget
) -> AsyncIterator[RunningAgent]:
    loop: RelayLoop | None = WorkerLoop(stop_s=2) if request.param == "worker loop" else None
    async with running_agent(
        secured.listener(target.address), secured.local_port(), relay_loop=loop, network=secured.network
    ) as running:
        yield running


async def test_bytes_cross_and_half_close_is_kept(agent: RunningAgent, target: TcpTarget):
    data = os.urandom(3_000_000)
    program = await RawStream.open("127.0.0.1", agent.port(1))
    service = await target.accept()
    program.write(data)
    program.half_close()
    assert await service.read_to_end() == (data, End.FIN)
    service.write(data[::-1])
    service.half_close()
    assert await program.read_to_end() == (data[::-1], End.FIN)
    await agent.until(lambda now: not any(c.traffic.open_connections for c in now.connections))
    await program.close()


async def test_reset_stays_a_reset(agent: RunningAgent, target: TcpTarget):
    program = await RawStream.open("127.0.0.1", agent.port(1))
    service = await target.accept()
    await program.send(b"x")
    assert await service.read_exactly(1) == b"x"
    service.reset()
    assert await program.end() is End.RESET
    await program.close()


@pytest.mark.slow
async def test_slow_reader_holds_the_other_end_back(agent: RunningAgent, target: TcpTarget):
    program = await RawStream.open("127.0.0.1", agent.port(1))
    service = await target.accept()
    data = os.urandom(20_000_000)
    program.write(data)
    assert await service.read_exactly(1) == data[:1]
    assert program.unsent_bytes > 1_000_000
    assert (await service.read_exactly(len(data) - 1)) == data[1:]
    await program.close()


async def test_requests_large_and_small_are_answered(secured: Secured):
    from agent.clock import Clock
    from agent.config import Deadlines
    from agent.credentials import find_access
    from agent.network import Network
    from agent.sender import send_request

    async def echo(request: web.Request) -> web.StreamResponse:
        return web.Response(body=await request.read())

    async with web_target(echo) as site:
        config = secured.listener(f"http://{site}")
        async with running_agent(config, network=secured.network):
            access, network = await find_access(config), Network(secured.network)
            for size in (10, 65_537, 1_000_000):
                body = os.urandom(size)
                async with send_request(
                    access, network, Deadlines(), Clock(), method="POST", body=body
                ) as response:
                    assert response.status == 200
                    assert b"".join([piece async for piece in response]) == body


@pytest.mark.expect_log_warnings("its certificate is not trusted")
async def test_gateway_that_is_not_trusted_is_told_so(secured: Secured):
    config = secured.listener("1")
    async with running_agent(config, is_ready=False) as agent:
        status = await agent.until(lambda now: now.connections[0].state is State.WAITING)
        assert "its certificate is not trusted" in str(status.connections[0].last_error)
