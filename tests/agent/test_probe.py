from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import uuid
from collections.abc import AsyncIterator

import pytest

from agent.clock import Clock
from agent.config import (
    AgentConfig,
    ConnectionConfig,
    Credential,
    Deadlines,
    Direction,
    Invited,
    LocalAddress,
    NetworkConfig,
)
from agent.credentials import Access, find_access
from agent.invitation import digest
from agent.network import Network
from agent.probe import HEADER, Failed, Impossible, Nonces, ProbeResult, Proven, answer_to, probe
from agent.relay_loop import RelayLoop, WorkerLoop
from agent.status import State
from hyco.addresses import Endpoint
from hyco.messages import Request, Response
from hyco.sas import Right
from tests.support.agents import QUICK, connection_string, listening, running_agent
from tests.support.gateways import LOOPBACK, RunningGateway, running_gateway
from tests.support.listeners import RunningListener, running_listener
from tests.support.targets import TcpTarget, tcp_target, unused_port
from tests.support.waiting import until

pytestmark = pytest.mark.allow_log_warnings("is reached without TLS")

NETWORK = Network(NetworkConfig(proxy="none"))
NONCE = "00" * 16


def request(*headers: tuple[str, str]) -> Request:
    return Request(
        address="wss://gw/", id="1_G0", request_target="/hc/", method="GET", request_headers=headers
    )


def nonces() -> Nonces:
    return Nonces(bytes)  # so many zeros


# --- whose nonce it is -----------------------------------------------------------------------------------------------


def test_nonce_that_is_expected_is_answered_once_with_its_digest():
    own = nonces()
    with own.expecting() as nonce:
        assert nonce == NONCE
        assert own.recognise(request(("relaydesk-probe", NONCE))) == Response(
            request_id="1_G0",
            status_code=204,
            status_description="No Content",
            response_headers=((HEADER, hashlib.sha256(NONCE.encode()).hexdigest()),),
            body=False,
        )
        assert own.recognise(request((HEADER, NONCE))) is None


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(HEADER, "")],
        [(HEADER, "11" * 16)],
        [(HEADER, NONCE[:-1])],
        [(HEADER, f"{NONCE}, {NONCE}")],
        [(HEADER, NONCE), (HEADER, NONCE)],
        [(HEADER, "nön")],
        [(HEADER, answer_to(NONCE))],
        [("X-Other", NONCE)],
    ],
)
def test_everybody_elses_header_means_nothing(headers: list[tuple[str, str]]):
    own = nonces()
    with own.expecting():
        assert own.recognise(request(*headers)) is None


def test_nonce_is_forgotten_with_its_probe_and_replaced_by_the_next():
    counter = iter(range(5))
    own = Nonces(lambda size: bytes([next(counter)]) * size)
    with own.expecting() as first:
        with own.expecting() as second:
            assert own.recognise(request((HEADER, first))) is None
            assert first != second
        assert own.recognise(request((HEADER, second))) is None
    assert own.recognise(request((HEADER, first))) is None


def test_nonces_cannot_be_guessed():
    own = Nonces()
    with own.expecting() as first:
        pass
    with own.expecting() as second:
        assert len({first, second}) == 2
        assert len(second) == 32


# --- the whole way ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def gateway() -> AsyncIterator[RunningGateway]:
    async with running_gateway() as running:
        await running.create("hc")
        yield running


@pytest.fixture
async def target() -> AsyncIterator[TcpTarget]:
    async with tcp_target() as running:
        yield running


@pytest.fixture(params=["same loop", "worker loop"])
def relay_loop(request: pytest.FixtureRequest) -> RelayLoop | None:
    return WorkerLoop(stop_s=2.0) if request.param == "worker loop" else None


@pytest.fixture
async def running(
    gateway: RunningGateway, target: TcpTarget, relay_loop: RelayLoop | None
) -> AsyncIterator[RunningListener]:
    async with running_listener(listening(gateway, target.address), relay_loop=relay_loop) as listener:
        yield listener


async def access_of(text: str) -> Access:
    return await find_access(
        ConnectionConfig(
            credential=Credential(text=text), direction=Direction.CONNECT, local=LocalAddress(LOOPBACK, 0)
        )
    )


async def probe_at(access: Access, listener_id: str, timeout_s: float = 5.0) -> ProbeResult:
    return await probe(
        access,
        NETWORK,
        Deadlines(),
        Clock(),
        listener_id=listener_id,
        nonces=Nonces(),
        timeout_s=timeout_s,
    )


async def test_listener_that_is_reached_is_proven_and_its_target_never_hears_of_it(
    running: RunningListener, target: TcpTarget
):
    for _ in range(3):
        result = await running.listener.probe()
        assert isinstance(result, Proven)
        assert 0 < result.round_trip_s < 5
    assert target.connections == 0
    assert running.exchanges == []
    assert running.standing.counters.total_requests == 0


async def test_probe_comes_before_access_control(gateway: RunningGateway, target: TcpTarget):
    invited = (Invited(name="Ann", sha256=digest("a" * 32)),)
    async with running_listener(listening(gateway, target.address, invited=invited)) as running:
        assert isinstance(await running.listener.probe(), Proven)


async def test_probe_needs_no_free_place(gateway: RunningGateway, target: TcpTarget):
    config = listening(gateway, f"http://{target.address}", max_requests=1)
    async with running_listener(config) as running:
        http = await gateway.http()
        await http.send("GET", "/hc/slow", gateway.authorization())
        service = await target.accept()
        assert isinstance(await running.listener.probe(), Proven)
        await service.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert (await http.read_response("GET")).status == 200


async def test_probe_reaches_this_listener_among_several(gateway: RunningGateway, target: TcpTarget):
    async with (
        running_listener(listening(gateway, target.address)) as first,
        running_listener(listening(gateway, target.address)) as second,
    ):
        for running in [first, second] * 5:
            assert isinstance(await running.listener.probe(), Proven)
    assert target.connections == 0


async def test_hybrid_connection_without_tokens_is_proven_even_with_a_key_that_only_listens(
    gateway: RunningGateway, target: TcpTarget
):
    await gateway.create("open", is_anonymous=True)
    async with running_listener(await listen_only(gateway, "open", target)) as running:
        assert isinstance(await running.listener.probe(), Proven)


async def test_key_that_may_not_send_proves_nothing(gateway: RunningGateway, target: TcpTarget):
    async with running_listener(await listen_only(gateway, "hc", target)) as running:
        result = await running.listener.probe()
    assert isinstance(result, Impossible)
    assert result.reason.startswith(
        "the key does not let this computer send: the gateway answered 401 Authorization failed for specified "
        "action: Send"
    )
    assert "sig=" not in result.reason


async def listen_only(gateway: RunningGateway, path: str, target: TcpTarget) -> ConnectionConfig:
    rule = await gateway.create_rule(path, "listener", Right.LISTEN)
    text = connection_string(gateway, path).replace(
        f"SharedAccessKeyName={gateway.rule.name};SharedAccessKey={gateway.rule.primary_key}",
        f"SharedAccessKeyName={rule.name};SharedAccessKey={rule.primary_key}",
    )
    config = listening(gateway, target.address, path)
    return ConnectionConfig(credential=Credential(text=text), path=path, target=config.target)


async def test_listener_that_is_frozen_fails_within_the_deadline(gateway: RunningGateway):
    listener_id = str(uuid.uuid4())
    listener = await gateway.listen(id_=listener_id)
    access = await access_of(connection_string(gateway, "hc"))
    began = asyncio.get_running_loop().time()
    assert await probe_at(access, listener_id, 0.3) == Failed("nothing came back within 0.3 s")
    assert asyncio.get_running_loop().time() - began < 3
    command = await listener.expect("request")
    assert command.fields["requestTarget"] == "/hc/"
    assert command.fields["method"] == "GET"


@pytest.mark.parametrize("status", [200, 204, 500])
async def test_answer_of_somebody_who_does_not_know_the_nonce_is_no_proof(
    gateway: RunningGateway, status: int
):
    listener_id = str(uuid.uuid4())
    listener = await gateway.listen(id_=listener_id)
    access = await access_of(connection_string(gateway, "hc"))
    async with asyncio.TaskGroup() as tasks:
        probing = tasks.create_task(probe_at(access, listener_id))
        command = await listener.expect("request")
        await listener.answer(command, status, headers={HEADER: answer_to("another nonce")})
    assert probing.result() == Failed("the request went somewhere else than to this listener")


async def test_listener_that_the_gateway_does_not_know_fails(gateway: RunningGateway):
    await gateway.listen()
    access = await access_of(connection_string(gateway, "hc"))
    result = await probe_at(access, str(uuid.uuid4()))
    assert isinstance(result, Failed)
    assert "None of the connected listeners meet the AllowedListeners" in result.reason


async def test_gateway_that_is_gone_fails(gateway: RunningGateway):
    text = connection_string(gateway, "hc").replace(gateway.host, f"127.0.0.1:{await unused_port()}")
    result = await probe_at(await access_of(text), str(uuid.uuid4()))
    assert isinstance(result, Failed)
    assert "connection refused" in result.reason


async def test_listener_that_is_not_connected_fails_without_asking(
    running: RunningListener, gateway: RunningGateway
):
    await gateway.stop()
    await until(lambda: running.standing.snapshot().next_try_at is not None, "the gateway is missed")
    assert await running.listener.probe() == Failed("the gateway is not connected")


async def test_proxy_that_takes_no_requests_makes_it_impossible():
    access = Access(Endpoint("gw.example.net", 443, is_secure=True), "hc", None)
    network = Network(NetworkConfig(proxy="socks5://127.0.0.1:1"))
    result = await probe(
        access, network, Deadlines(), Clock(), listener_id=str(uuid.uuid4()), nonces=Nonces()
    )
    assert isinstance(result, Impossible)


async def test_probes_of_one_listener_wait_for_each_other(running: RunningListener, target: TcpTarget):
    async with asyncio.TaskGroup() as tasks:
        probing = [tasks.create_task(running.listener.probe()) for _ in range(5)]
    assert all(isinstance(task.result(), Proven) for task in probing)
    assert target.connections == 0


async def test_everybody_elses_header_reaches_the_target_as_it_is(gateway: RunningGateway, target: TcpTarget):
    async with running_listener(listening(gateway, f"http://{target.address}")):
        http = await gateway.http()
        await http.send(
            "GET", "/hc/x", [*gateway.authorization(), ("RelayDesk-Probe", "mine, of all things")]
        )
        service = await target.accept()
        assert b"\r\nRelayDesk-Probe: mine, of all things\r\n" in await service.read_some()
        await service.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert (await http.read_response("GET")).status == 200


async def test_nonce_is_in_no_log(running: RunningListener, caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG", logger="agent")
    assert isinstance(await running.listener.probe(), Proven)
    assert "robe" not in "".join(record.getMessage() for record in caplog.records)


# --- as the desktop asks ---------------------------------------------------------------------------------------------


async def test_agent_probes_by_name(gateway: RunningGateway, target: TcpTarget):
    config = listening(gateway, target.address, name="shop")
    guest = ConnectionConfig(
        credential=Credential(text=connection_string(gateway, "hc")),
        name="guest",
        direction=Direction.CONNECT,
        local=LocalAddress(LOOPBACK, 0),
    )
    async with running_agent(config, guest) as running:
        assert isinstance(await running.agent.probe("shop"), Proven)
        assert await running.agent.probe("guest") == Failed("nobody listens here at the moment")
        assert await running.agent.probe("other") == Failed("there is none of this name")
        paused = AgentConfig(
            connections=(dataclasses.replace(config, paused=True),),
            deadlines=QUICK,
            network=NetworkConfig(proxy="none"),
        )
        running.agent.apply(paused)
        await running.until(lambda now: now.connections[0].state is State.PAUSED)
        assert await running.agent.probe("shop") == Failed("nobody listens here at the moment")
