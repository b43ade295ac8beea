"""Several gateways as one: a listener anywhere, a sender anywhere, and they meet."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hyco.frames import Opcode, frame
from tests.support.agent_processes import AgentSettings, agent_process
from tests.support.clusters import Cluster, cluster
from tests.support.gateway_processes import GatewayProcess
from tests.support.postgresql import PostgresServer
from tests.support.processes import LOOPBACK, PYTHON, free_port, run
from tests.support.raw_relay import RawListener, response_text
from tests.support.raw_websocket import Handshake, RawWebSocket, UpgradeRefusedError
from tests.support.secrets_watch import SecretsWatch
from tests.support.services import echo, service
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
async def three(
    tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Cluster]:
    """Three gateways behind one name: whoever comes to the wrong one is passed on."""
    async with cluster(tmp_path, postgres_server, monkeypatch) as made:
        yield made


async def _is_known_everywhere(made: Cluster, path: str) -> None:
    async def everywhere() -> bool:
        return all([path in await gateway.connections() for gateway in made.gateways])

    # who has to find it takes five seconds
    await until(everywhere, f"{path} is known at every gateway", within_s=2)


async def _talk(sender_at: GatewayProcess, listener_at: GatewayProcess, text: str) -> None:
    listener = await listener_at.listen("hc")
    handshake = await sender_at.connecting("hc")
    far = await listener.accept()
    sender = await handshake.answer()
    await sender.send_text(text)
    assert (await far.read_message()).text == text
    await far.send_binary(bytes(200_000))
    assert (await sender.read_message()).data == bytes(200_000)
    await sender.send_close(1000, "done")
    assert (await far.read_until_close()).code == 1000
    await far.send_close(1000)
    await sender.read_until_close()
    await listener.close()


async def test_a_listener_anywhere_meets_a_sender_anywhere(three: Cluster) -> None:
    await three.gateways[0].create("hc")
    await _is_known_everywhere(three, "hc")
    for sender_at in three.gateways:
        for listener_at in three.gateways:
            await _talk(sender_at, listener_at, "hello")


async def test_a_hybrid_connection_that_is_deleted_is_gone_everywhere(three: Cluster) -> None:
    """Its listeners are told, wherever they are."""
    first, second, third = three.gateways
    await first.create("hc")
    await _is_known_everywhere(three, "hc")
    listeners = [await gateway.listen("hc") for gateway in three.gateways]
    deleted = await second.admin("DELETE", "/namespaces/relaydesk/hybridConnections/hc")
    assert deleted.status == 200, deleted.line
    for listener in listeners:
        close = await listener.socket.read_until_close()
        assert close.code == 1001
        await listener.socket.send_close(1001)
    assert (await (await third.listening("hc")).refusal()).status == 404


async def test_of_thirty_listeners_at_three_gateways_twenty_five_are_admitted(three: Cluster) -> None:
    await three.gateways[0].create("hc")
    await _is_known_everywhere(three, "hc")
    async with asyncio.TaskGroup() as tasks:
        coming = [tasks.create_task(three.gateways[n % 3].listening("hc")) for n in range(30)]
    answers = await asyncio.gather(*(task.result().answer() for task in coming), return_exceptions=True)
    admitted = [answer for answer in answers if isinstance(answer, RawWebSocket)]
    refused = [error.response.status for error in answers if isinstance(error, UpgradeRefusedError)]
    assert len(admitted) == 25
    assert refused == [403] * 5
    assert [await _counted(gateway) for gateway in three.gateways] == [25, 25, 25]
    for each in admitted:
        await each.close()


async def test_the_gateways_and_what_goes_on_at_each_are_shown(three: Cluster) -> None:
    await three.gateways[0].create("hc")
    await _is_known_everywhere(three, "hc")
    listener = await three.gateways[1].listen("hc")
    command = (PYTHON, "-m", "relaydesk", "gateway", "cluster", "--data", three.gateways[2].folder)

    async def shown() -> bool:
        found = {node["name"]: node for node in json.loads(await run(*command, "--json"))}
        assert set(found) == {"g0", "g1", "g2"}
        assert found["g0"]["peer_url"] == f"http://{LOOPBACK}:{three.gateways[0].port}"
        return [found[f"g{number}"]["listeners"] for number in range(3)] == [0, 1, 0]

    await until(shown, "the listener is counted where it is", within_s=15)
    table = (await run(*command)).decode()
    assert "g1" in table
    assert "serving" in table
    await listener.close()


async def _counted(gateway: GatewayProcess) -> int:
    answer = await gateway.admin("GET", "/namespaces/relaydesk/hybridConnections/hc")
    return int(json.loads(answer.body)["properties"]["listenerCount"])


async def test_an_http_request_anywhere_is_answered_by_a_listener_anywhere(three: Cluster) -> None:
    first, second, third = three.gateways
    await first.create("hc")
    await _is_known_everywhere(three, "hc")
    listener = await second.listen("hc")
    for gateway in (first, second, third):
        asking = asyncio.create_task(
            gateway.ask("POST", "/hc/x?a=b", gateway.authorization("hc"), b"question")
        )
        command = await listener.expect("request")
        assert command.body == b"question"
        await listener.answer(command, body=b"answer", status=207)
        answer = await asking
        assert (answer.status, answer.body) == (207, b"answer")
    # long ones go by a rendezvous, which comes to the listener's own gateway and is passed on
    asking = asyncio.create_task(first.ask("POST", "/hc/x", first.authorization("hc"), bytes(300_000)))
    command = await listener.expect("request")
    rendezvous = await listener.rendezvous(command.address)
    request = json.loads((await rendezvous.read_message()).text)["request"]
    assert (await rendezvous.read_message()).data == bytes(300_000)
    await rendezvous.send_text(response_text(request["id"], statusCode=200, body=False))
    assert (await asking).status == 200
    await listener.close()


async def test_gateways_with_names_of_their_own_are_met_there(
    tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Azure's way: the address that a listener is given leads straight to its sender's gateway."""
    port = free_port()
    hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    arguments = [("--bind", f"{host}:{port}", "--node-url", f"http://{host}:{port}") for host in hosts]
    async with (
        cluster(tmp_path, postgres_server, monkeypatch, each=arguments) as made,
        service(echo) as echoing,
    ):
        first = made.gateways[0]
        await first.create("hc")
        await _is_known_everywhere(made, "hc")
        settings = await AgentSettings(tmp_path / "agent", first).expose(
            "hc", echoing, endpoint=f"sb://{hosts[0]}:{port}/", rendezvous_hosts=hosts[1:]
        )
        async with agent_process(settings.write(), SecretsWatch()) as agent:
            await agent.until_listening()
            for gateway in made.gateways:
                sender = await (await gateway.connecting("hc")).answer()
                await sender.send_text("hello")
                assert (await sender.read_message()).data == b"hello"
                await sender.send_close(1000)
                await sender.read_until_close()


async def _waiting(made: Cluster) -> tuple[RawListener, Handshake]:
    """A listener at the second gateway, and a sender at the first for whom it has not come yet."""
    first, second, _ = made.gateways
    await first.create("hc")
    await _is_known_everywhere(made, "hc")
    listener = await second.listen("hc")
    return listener, await first.connecting("hc")


async def _passed_on(made: Cluster) -> tuple[RawListener, RawWebSocket, RawWebSocket]:
    """A listener at the second gateway, a sender at the first, and the listener's end of what they talk by."""
    listener, handshake = await _waiting(made)
    far = await listener.accept()
    return listener, await handshake.answer(), far


async def test_a_listener_that_refuses_is_heard_through_another_gateway(three: Cluster) -> None:
    listener, handshake = await _waiting(three)
    accept = await listener.expect("accept")
    assert (await listener.reject(accept.address, 451, "not you")).status == 410
    refused = await handshake.refusal()
    assert (refused.status, refused.reason) == (451, "not you")
    await listener.close()


@pytest.mark.parametrize("end", ["sender", "listener"])
async def test_an_abort_reaches_the_other_end_through_another_gateway(three: Cluster, end: str) -> None:
    listener, sender, far = await _passed_on(three)
    aborted, other = (sender, far) if end == "sender" else (far, sender)
    aborted.stream.reset()
    await other.stream.end()
    await listener.close()


async def test_a_slow_reader_behind_another_gateway_holds_the_sender_back(three: Cluster) -> None:
    """Neither gateway keeps what it cannot get rid of, and nothing is lost."""
    listener, sender, far = await _passed_on(three)
    before = [gateway.child.rss_bytes for gateway in three.gateways]
    piece, count = bytes(range(256)) * 512, 400
    digest, expected = hashlib.sha256(), hashlib.sha256()

    async def push() -> None:
        for _ in range(count):
            expected.update(piece)
            await sender.stream.send(frame(Opcode.BINARY, piece, mask=b"mask"), within_s=60)

    async with asyncio.TaskGroup() as tasks:
        pushing = tasks.create_task(push())
        await until(lambda: sender.stream.unsent_bytes > 0, "the sender is held back")
        grown = [gateway.child.rss_bytes - was for gateway, was in zip(three.gateways, before, strict=True)]
        assert max(grown) < 8 * 1024 * 1024
        received = 0
        while received < count * len(piece):
            message = await far.read_message()
            digest.update(message.data)
            received += len(message.data)
        await pushing
    assert digest.digest() == expected.digest()
    sender.stream.reset()
    await far.stream.end()
    await listener.close()


@pytest.mark.parametrize("name", ["g7", "127.0.0.1", "localhost:80", "g0.evil.test", "%2e%2e", "g" * 200])
async def test_nobody_is_dialled_for_a_name_that_no_gateway_has(three: Cluster, name: str) -> None:
    """An address says by which name its sender's gateway goes; where that is stands in the store alone."""
    gateway = three.gateways[0]
    await gateway.create("hc")
    target = f"/$hc/hc?sb-hc-action=accept&sb-hc-id=x&sb-hc-node={name}&sb-hc-rdv={'0' * 72}"
    refused = await (await gateway.upgrading(target)).refusal()
    assert refused.status == 403


async def test_nobody_is_passed_on_with_an_address_that_no_gateway_wrote(three: Cluster) -> None:
    """Who has no token must not make one gateway open connections to another."""
    listener, handshake = await _waiting(three)
    accept = await listener.expect("accept")
    for changed in (
        accept.address.replace("sb-hc-node=g0", "sb-hc-node=g2"),
        accept.address[:-1] + ("0" if accept.address[-1] != "0" else "1"),
        accept.address.replace("sb-hc-node=g0&", ""),
    ):
        refused = await (await listener.come(changed)).refusal()
        assert refused.status == 403, changed
    far = await listener.rendezvous(accept.address)
    sender = await handshake.answer()
    await sender.send_text("there")
    assert (await far.read_message()).text == "there"
    sender.stream.reset()
    await far.stream.end()
    await listener.close()
