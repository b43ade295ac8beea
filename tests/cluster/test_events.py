"""Events at three gateways: each subscriber hears each once and in order, and one that does not read delays nobody."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.clusters import Cluster, cluster
from tests.support.gateway_processes import GatewayProcess
from tests.support.postgresql import PostgresServer
from tests.support.raw_websocket import RawWebSocket
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SUBSCRIBERS = 25
PUBLISHERS = 5
EVENTS_OF_EACH = 200
#: More in all than the system keeps for who does not read.
EVENT_BYTES = 8_192


@pytest.fixture
async def three(
    tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Cluster]:
    async with cluster(tmp_path, postgres_server, monkeypatch) as made:
        first = made.gateways[0]
        await first.create("news", kind="event")
        await first.create("jobs", kind="one-way")

        async def are_known() -> bool:
            return all([len(await gateway.connections()) == 2 for gateway in made.gateways])

        await until(are_known, "both are known everywhere", within_s=6)
        yield made


def _body(publisher: int, number: int) -> bytes:
    return f"{publisher}/{number}/".encode().ljust(EVENT_BYTES, b".")


async def _publish(gateway: GatewayProcess, publisher: int, said: Counter[str]) -> None:
    """One that publishes all its events by HTTP on one connection, or by a WebSocket, at one gateway."""
    if publisher == 0:
        socket = await (await gateway.connecting("news")).answer()
        for number in range(EVENTS_OF_EACH):
            await socket.send_binary(_body(publisher, number))
        assert (await socket.close()).code == 1000
        return
    http, proof = await gateway.http(), gateway.authorization("news")
    for number in range(EVENTS_OF_EACH):
        answer = await http.request("POST", "/news", proof, _body(publisher, number))
        assert answer.status == 200, answer.line
        said.update(json.loads(answer.body))


async def _hear(socket: RawWebSocket, count: int) -> dict[int, list[int]]:
    """Which numbers of which publisher came, in the order in which they did."""
    heard: dict[int, list[int]] = {}
    for _ in range(count):
        publisher, number, _ = (await socket.read_message()).data.split(b"/")
        heard.setdefault(int(publisher), []).append(int(number))
    return heard


async def test_a_thousand_events_are_heard_once_and_in_order_by_25_at_three(three: Cluster) -> None:
    """One of them is frozen from the beginning: it does not read."""
    gateways = three.gateways
    sockets = [await gateways[number % 3].subscribe("news") for number in range(SUBSCRIBERS)]
    frozen, reading = sockets[0], sockets[1:]
    said: Counter[str] = Counter()
    total = PUBLISHERS * EVENTS_OF_EACH
    async with asyncio.TaskGroup() as tasks:
        hearing = [tasks.create_task(_hear(socket, total)) for socket in reading]
        publishing = [
            tasks.create_task(_publish(gateways[number % 3], number, said)) for number in range(PUBLISHERS)
        ]
    assert all(task.done() for task in publishing)
    for task in hearing:
        assert task.result() == {number: list(range(EVENTS_OF_EACH)) for number in range(PUBLISHERS)}
    assert not any([await socket.barrier() for socket in reading]), "each once"
    by_http = (PUBLISHERS - 1) * EVENTS_OF_EACH
    assert said["delivered"] + said["dropped"] == by_http * SUBSCRIBERS
    assert said["dropped"] > 0, "the frozen one missed some, and each publisher was told"
    assert said["dropped"] <= by_http
    left = [int(found.payload.split(b"/")[1]) for found in await frozen.barrier()]
    assert len(left) < total, "what it missed is not kept"


async def test_a_message_for_one_goes_to_one_of_all(three: Cluster) -> None:
    gateways = three.gateways
    sockets = [await gateways[number % 3].subscribe("jobs") for number in range(6)]
    for number in range(120):
        gateway = gateways[number % 3]
        answer = await gateway.ask("POST", "/jobs", gateway.authorization("jobs"), b"%d" % number)
        assert answer.status == 202, answer.line
    taken = [[int(found.payload) for found in await socket.barrier()] for socket in sockets]
    assert sorted(number for some in taken for number in some) == list(range(120))
    assert all(taken), "wherever they are"


async def test_a_gateway_that_dies_takes_its_subscribers_and_nobody_elses(three: Cluster) -> None:
    first, second, third = three.gateways
    sockets = [await gateway.subscribe("news") for gateway in (first, second, third)]
    assert await first.publish("news", b"1") == {"delivered": 3, "dropped": 0}
    await third.child.kill()
    # whether the third one's had it is not known; the others have it, and nobody waits for long
    said = await first.publish("news", b"2")
    assert (said["delivered"], said["dropped"]) == (2, 0)
    assert await second.publish("news", b"3") == {"delivered": 2, "dropped": 0}
    assert await first.publish("news", b"4") == {"delivered": 2, "dropped": 0}
    for socket in sockets[:2]:
        assert [(await socket.read_message()).text for _ in range(4)] == ["1", "2", "3", "4"]
    await third.start()
    again = await third.subscribe("news")
    assert await first.publish("news", b"5") == {"delivered": 3, "dropped": 0}
    assert (await again.read_message()).text == "5"
