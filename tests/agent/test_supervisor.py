from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.config import AgentConfig, ConnectionConfig, Credential, Deadlines, NetworkConfig
from agent.counters import Counters
from agent.errors import ConfigError
from agent.relay_loop import WorkerLoop
from agent.status import AgentStatus, State, Traffic
from agent.supervisor import Agent
from agent.targets import parse_target
from tests.support.agents import running_agent
from tests.support.fake_gateway import FakeGateway, Refusal
from tests.support.targets import tcp_target

pytestmark = pytest.mark.allow_log_warnings("is reached without TLS")


def listener(gateway: FakeGateway, name: str = "one") -> ConnectionConfig:
    return ConnectionConfig(
        credential=Credential(text=gateway.connection_string), target=parse_target("1"), name=name
    )


def broken(name: str = "broken") -> ConnectionConfig:
    text = "Endpoint=sb://gw.example.net/;SharedAccessKeyName=r;SharedAccessKey=k;UseDevelopmentEmulator=true;EntityPath=x"
    return ConnectionConfig(credential=Credential(text=text), target=parse_target("1"), name=name)


@pytest.mark.expect_log_warnings("cannot listen as configured")
async def test_one_that_cannot_work_does_not_stop_the_others():
    async with (
        FakeGateway.serving() as gateway,
        running_agent(broken(), listener(gateway), is_ready=False) as agent,
    ):
        status = await agent.until(
            lambda now: (
                [c.state for c in now.connections] == [State.STOPPED, State.LISTENING]
                and now.connections[0].last_error is not None
            )
        )
    assert [connection.name for connection in status.connections] == ["broken", "one"]
    assert "speaks no TLS" in str(status.connections[0].last_error)
    assert status.connections[1].gateway == gateway.host
    assert status.connections[1].path == "hc"


async def test_status_after_the_end_is_stopped():
    async with FakeGateway.serving() as gateway, running_agent(listener(gateway)) as agent:
        pass
    assert agent.first.state is State.STOPPED


async def test_changes_give_the_latest_state_and_no_backlog():
    async with FakeGateway.serving() as gateway:
        gateway.refusals.append(Refusal(503))
        async with running_agent(listener(gateway)) as agent:
            changes = agent.agent.changes()
            first = await anext(changes)
            assert first.connections[0].state is State.LISTENING
            waiting = asyncio.create_task(anext(changes))
            await asyncio.sleep(0)
            assert not waiting.done()
            await (await gateway.listener()).socket.close(1011)
            seen = await waiting
            assert isinstance(seen, AgentStatus)
            await agent.until_listening()
            assert (await anext(changes)).connections[0].state is State.LISTENING


async def test_time_in_a_state_begins_when_it_is_entered():
    async with FakeGateway.serving() as gateway, running_agent(listener(gateway)) as agent:
        before = agent.first.since
        agent.agent.retry_now()
        assert agent.first.since == before > 0


@pytest.mark.parametrize("worker", [False, True])
async def test_counters_reach_the_reader(worker: bool):
    loop = WorkerLoop(stop_s=2) if worker else None
    async with FakeGateway.serving() as gateway, tcp_target() as target:
        config = ConnectionConfig(
            credential=Credential(text=gateway.connection_string), target=parse_target(target.address)
        )
        async with running_agent(config, relay_loop=loop) as agent:
            channel = await gateway.listener()
            await channel.say(**gateway.accept())
            far, service = await gateway.rendezvous(), await target.accept()
            await far.socket.send(b"hello")
            assert await service.read_exactly(5) == b"hello"
            await service.send(b"world!")
            assert await far.hear() == b"world!"
            status = await agent.until(lambda now: now.connections[0].traffic.open_connections == 1)
            assert status.connections[0].traffic.total_connections == 1
            traffic = agent.first.traffic
            assert (traffic.bytes_received, traffic.bytes_sent) == (5, 6)
            far.socket.transport.abort()
            await agent.until(lambda now: now.connections[0].traffic.open_connections == 0)


def test_counters_are_copied():
    changes = []
    counters = Counters(lambda: changes.append(1))
    with counters.request():
        counters.received(5)
        counters.sent(7)
        inside = counters.read()
    counters.refused()
    assert inside == Traffic(open_requests=1, total_requests=1, bytes_received=5, bytes_sent=7)
    assert counters.read().open_requests == 0
    assert counters.read().refused_connections == 1
    assert len(changes) == 3


async def test_wrong_certificates_show_at_the_start(tmp_path: Path):
    config = AgentConfig(
        connections=(), network=NetworkConfig(ca_file=tmp_path / "absent.pem"), deadlines=Deadlines()
    )
    with pytest.raises(ConfigError, match="ca_file"):
        await Agent(config).run()
