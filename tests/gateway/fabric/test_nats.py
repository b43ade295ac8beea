"""gateway/fabric/nats.py: several nodes, and what can happen to them and to NATS."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.errors import (
    FabricUnavailableError,
    ListenerCriteriaError,
    ListenerGoneError,
    ListenerLostError,
    NoListenerError,
    ResponseTimeoutError,
)
from gateway.fabric import nats_events, nats_link
from gateway.fabric.interface import Answer, Ask, Event, Heard, RelayKey, Told, relay_key
from gateway.fabric.nats import NatsFabric
from gateway.fabric.nats_link import subject_token
from hyco.messages import Accept, Request, Response
from tests.support.nats import NatsServer, nats_servers
from tests.support.processes import LOOPBACK, PYTHON, Child, child, free_port
from tests.support.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

RELAY = relay_key("contoso", "hyco")
GUIDS = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(30)]

Tells = Callable[[Ask], Told]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with nats_servers(tmp_path / "nats") as (made,):
        yield made


@contextlib.asynccontextmanager
async def nodes(*servers: NatsServer, count: int) -> AsyncIterator[list[NatsFabric]]:
    """That many of them, each at a server of its own where there are so many."""
    async with contextlib.AsyncExitStack() as stack:
        made = []
        for number in range(count):
            fabric = NatsFabric(f"node-{number}", [servers[number % len(servers)].url])
            await fabric.open()
            stack.push_async_callback(fabric.close)
            made.append(fabric)
        yield made


@contextlib.asynccontextmanager
async def another_process(
    server: NatsServer, node: str = "far", listeners: int | str = 1, delay_s: float = 0
) -> AsyncIterator[Child]:
    command = (PYTHON, "-m", "tests.support.fabric_program", node, RELAY, listeners, delay_s, server.url)
    async with child(node, *map(str, command)) as running:
        await running.says("^ready$")
        yield running


class Listener:
    """Keeps what it was told; answers when the test says so."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.told: list[tuple[Ask, asyncio.Future[Answer]]] = []
        self.has_gone = False

    def __call__(self, ask: Ask, /) -> Told:
        if self.has_gone:
            raise ListenerGoneError
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.told.append((ask, answer))
        return Told(self.name, answer)


def an_ask(id_: str = "id", **fields: object) -> Ask:
    return Ask(kind="accept", id=id_, message=Accept(address="/x", id=id_), **fields)  # type: ignore[arg-type]


def a_request(method: str = "GET", body: bytes | None = None) -> Ask:
    message = Request(
        address="/x",
        id="id",
        request_target="/hc/ü?a=b",
        method=method,
        request_headers=(("X-Text", "ü"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")),
        body=body is not None,
    )
    return Ask(kind="request", id="id", message=message, body=body)


# --- from one node to another ----------------------------------------------------------------------------------------


async def test_a_listener_of_another_node_is_told_and_answers(server: NatsServer) -> None:
    async with nodes(server, count=2) as (near, far):
        listener = Listener(GUIDS[0])
        await far.offer(RELAY, listener.name, listener)
        ask = a_request("POST", bytes(range(256)) * 256)
        told = await near.ask(RELAY, ask)
        assert told.listener == listener.name
        ((heard, answer),) = listener.told
        assert heard == ask
        response = Response(
            request_id="id", status_code=207, status_description="Ja", response_headers=(("A", "ü"),)
        )
        answer.set_result(Answer(response=response, body=b"\x00\n\xff"))
        assert await told.answer == Answer(response=response, body=b"\x00\n\xff")
        assert near.listeners(RELAY) == 0
        assert far.listeners(RELAY) == 1


async def test_a_listener_that_goes_before_it_answers_is_said(server: NatsServer) -> None:
    async with nodes(server, count=2) as (near, far):
        listener = Listener(GUIDS[0])
        await far.offer(RELAY, listener.name, listener)
        told = await near.ask(RELAY, an_ask())
        listener.told[0][1].set_exception(ListenerLostError("It went."))
        with pytest.raises(ListenerLostError, match="It went"):
            await told.answer


async def test_a_sender_that_goes_is_said_to_the_listeners_node(server: NatsServer) -> None:
    async with nodes(server, count=2) as (near, far):
        listener = Listener(GUIDS[0])
        await far.offer(RELAY, listener.name, listener)
        (await near.ask(RELAY, a_request())).cancel()
        await until(listener.told[0][1].cancelled, "its answer is not waited for any more")
        assert not far._given


async def test_listeners_are_asked_equally_often_wherever_they_are(server: NatsServer) -> None:
    """24 at one node and one at another: its share is a twenty-fifth, whoever asks."""
    async with nodes(server, count=3) as (many, one, none):
        for guid in GUIDS[:24]:
            await many.offer(RELAY, guid, Listener(guid))
        await one.offer(RELAY, GUIDS[24], Listener(GUIDS[24]))
        for asker in (many, one, none):
            counted = Counter([(await asker.ask(RELAY, an_ask())).listener for _ in range(2_500)])
            assert len(counted) == 25
            assert 50 < counted[GUIDS[24]] < 170


async def test_criteria_and_those_who_were_asked_hold_on_all_nodes(server: NatsServer) -> None:
    async with nodes(server, count=3) as (near, one, two):
        for number, fabric in enumerate((one, one, two)):
            await fabric.offer(RELAY, f"{GUIDS[number]}_1", Listener(f"{GUIDS[number]}_1"))
        for _ in range(10):
            told = await near.ask(RELAY, an_ask(allowed=frozenset({GUIDS[2]})))
            assert told.listener == f"{GUIDS[2]}_1"
            told = await near.ask(RELAY, an_ask(disallowed=frozenset(GUIDS[1:3])))
            assert told.listener == f"{GUIDS[0]}_1"
        with pytest.raises(ListenerCriteriaError):
            await near.ask(RELAY, an_ask(allowed=frozenset({GUIDS[9]})))
        tried: frozenset[str] = frozenset()
        for _ in range(3):
            tried |= {(await near.ask(RELAY, an_ask(tried=tried))).listener}
        assert len(tried) == 3
        with pytest.raises(NoListenerError):
            await near.ask(RELAY, an_ask(tried=tried))


async def test_a_listener_that_leaves_while_it_is_asked_is_passed_over(server: NatsServer) -> None:
    async with nodes(server, count=2) as (near, far):
        leaving = Listener(GUIDS[0])
        leaving.has_gone = True
        await far.offer(RELAY, leaving.name, leaving)
        with pytest.raises(NoListenerError):
            await near.ask(RELAY, an_ask())
        staying = Listener(GUIDS[1])
        await far.offer(RELAY, staying.name, staying)
        for _ in range(20):
            assert (await near.ask(RELAY, an_ask())).listener == staying.name


async def test_listeners_that_come_and_go_on_three_servers_fail_no_ask(tmp_path: Path) -> None:
    """Cluster reference §5.9: no ask falls between two chairs."""
    async with nats_servers(tmp_path / "nats", 3) as servers, nodes(*servers, count=3) as fabrics:
        await fabrics[0].offer(RELAY, GUIDS[0], Listener(GUIDS[0]))
        is_over = False

        async def churn(fabric: NatsFabric, guid: str) -> None:
            while not is_over:
                made = await fabric.offer(RELAY, guid, Listener(guid))
                await asyncio.sleep(0.01)
                made.withdraw()

        async def ask(fabric: NatsFabric) -> None:
            for _ in range(700):
                await fabric.ask(RELAY, an_ask())

        async with asyncio.TaskGroup() as tasks:
            churning = [
                tasks.create_task(churn(fabric, guid))
                for fabric, guid in zip(fabrics * 2, GUIDS[1:7], strict=True)
            ]
            asking = [tasks.create_task(ask(fabric)) for fabric in fabrics]
            await asyncio.wait(asking)
            is_over = True
            await asyncio.wait(churning)
        assert all(task.exception() is None for task in asking)


# --- what happens to nodes -------------------------------------------------------------------------------------------


@pytest.mark.expect_log_warnings("node far owes nothing any more of 1 asks")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_node_that_is_gone_is_noticed_before_any_deadline(
    server: NatsServer, how: signal.Signals
) -> None:
    """Killed, or frozen with all its connections open: who waits for its answer is told, and the next goes elsewhere."""
    async with nodes(server, count=2) as (near, staying), another_process(server, delay_s=60) as far:
        told = await near.ask(RELAY, a_request())
        assert told.listener.endswith("_far")
        far.send(how)
        async with asyncio.timeout(5):
            with pytest.raises(ListenerLostError):
                await told.answer
        listener = Listener(GUIDS[0])
        await staying.offer(RELAY, listener.name, listener)

        async def is_passed_over() -> bool:
            with contextlib.suppress(ResponseTimeoutError):
                return (await near.ask(RELAY, an_ask())).listener == listener.name
            return False

        await until(is_passed_over, "the other one is asked", within_s=10)
        for _ in range(20):
            assert (await near.ask(RELAY, an_ask())).listener == listener.name
        if how is signal.SIGKILL:
            await far.ended()
        else:
            await far.kill()


@pytest.mark.expect_log_warnings("node node-1 owes nothing any more of 1 asks")
async def test_an_answer_that_was_lost_on_its_way_is_noticed(server: NatsServer) -> None:
    """The node is alive, and believes that it has answered."""
    async with nodes(server, count=2) as (near, far):
        listener = Listener(GUIDS[0])
        await far.offer(RELAY, listener.name, listener)
        told = await near.ask(RELAY, a_request())
        far._given.clear()
        async with asyncio.timeout(5):
            with pytest.raises(ListenerLostError):
                await told.answer


async def test_what_must_not_be_told_twice_is_not(server: NatsServer) -> None:
    """A frozen node may have written the request to its listener, or may do it yet."""
    async with nodes(server, count=1) as (near,), another_process(server, delay_s=0) as far:
        far.send(signal.SIGSTOP)
        with pytest.raises(ResponseTimeoutError):
            await near.ask(RELAY, a_request("POST", b"x"))
        far.send(signal.SIGCONT)


async def test_a_node_that_drains_is_not_asked_and_still_answers(server: NatsServer) -> None:
    async with nodes(server, count=3) as (near, leaving, staying):
        first, second = Listener(GUIDS[0]), Listener(GUIDS[1])
        await leaving.offer(RELAY, first.name, first)
        told = await near.ask(RELAY, a_request())
        await leaving.drain()
        await staying.offer(RELAY, second.name, second)
        for _ in range(20):
            assert (await near.ask(RELAY, an_ask())).listener == second.name
        answer = Answer(response=Response(request_id="id", status_code=200), body=None)
        first.told[0][1].set_result(answer)
        assert await told.answer == answer


# --- what happens to NATS --------------------------------------------------------------------------------------------


@pytest.mark.allow_log_warnings("the connection to NATS is lost", "owes nothing any more")
async def test_without_nats_a_node_has_its_own_listeners_and_with_it_all(server: NatsServer) -> None:
    async with nodes(server, count=2) as (near, far):
        here, there = Listener(GUIDS[0]), Listener(GUIDS[1])
        other = RelayKey("contoso/other")
        await near.offer(RELAY, here.name, here)
        await far.offer(other, there.name, there)
        for end in (server.kill, server.stop):
            told = await near.ask(other, a_request())
            await end()
            await until(lambda: not near.status().is_connected, "it is noticed")
            assert (await near.ask(RELAY, an_ask())).listener == here.name
            with pytest.raises(FabricUnavailableError):
                await near.ask(other, an_ask())
            late = Listener(GUIDS[2])
            coming = await far.offer(other, late.name, late)
            await server.start()
            await until(
                lambda: near.status().is_connected and far.status().is_connected, "both are back", within_s=10
            )

            async def is_known(name: str = late.name) -> bool:
                return (await near.ask(other, an_ask())).listener == name

            await until(is_known, "who came meanwhile is known, too")
            coming.withdraw()
            told.cancel()


async def test_nats_that_is_not_there_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats_link, "CONNECT_WITHIN_S", 0.5)
    url = f"nats://{LOOPBACK}:{free_port()}"
    fabric = NatsFabric("node", [url])
    with pytest.raises(FabricUnavailableError, match=f"no NATS server can be reached at {url}"):
        await fabric.open()


@pytest.mark.allow_log_warnings("cannot be read")
async def test_answers_of_strangers_change_nothing(server: NatsServer) -> None:
    async with nodes(server, count=2) as (near, far):
        listener = Listener(GUIDS[0])
        await far.offer(RELAY, listener.name, listener)
        told = await near.ask(RELAY, an_ask())
        for number in (0, 1, 2, 99):
            for data in (b"", b"{}\n", b'{"verb":"answer"}\n', b'{"verb":"lost","text":"x"}'):
                await far._link._client.publish(f"gw.{near.node}.in.{number}", data)
        await far._link._client.publish(f"l.{subject_token(RELAY)}", b"no ask")
        await far._link._client.flush()
        assert not told.answer.done()
        told.cancel()


# --- publishing --------------------------------------------------------------------------------------------------------


def an_event(number: int = 0) -> Ask:
    body = str(number).encode()
    return Ask(kind="event", id=str(number), message=Event(content_type="", is_text=True), body=body)


def heard_by(listener: Listener) -> list[int]:
    return [int(ask.body or b"") for ask, _ in listener.told]


async def test_subscribers_of_all_nodes_are_told_in_order(server: NatsServer) -> None:
    async with nodes(server, count=3) as fabrics:
        subscribers = [Listener(GUIDS[number]) for number in range(6)]
        for number, subscriber in enumerate(subscribers):
            await fabrics[number % 3].subscribe(RELAY, subscriber.name, subscriber)
        for number in range(200):
            assert await fabrics[0].publish(RELAY, an_event(number)) == Heard(delivered=6)
        # from everywhere, and where a node has no subscriber of its own
        for number in (200, 201):
            assert await fabrics[number - 199].publish(RELAY, an_event(number)) == Heard(delivered=6)
        for subscriber in subscribers:
            assert heard_by(subscriber) == list(range(202))


async def test_who_comes_and_goes_on_other_nodes_is_known_at_once(server: NatsServer) -> None:
    """The answer tells how many there are now, without a wait for who might be there."""
    async with nodes(server, count=3) as (one, two, three):
        with pytest.raises(NoListenerError):
            await one.publish(RELAY, an_event())
        first, second = Listener(GUIDS[0]), Listener(GUIDS[1])
        loop = asyncio.get_running_loop()
        for number in range(20):
            offers = [
                await two.subscribe(RELAY, first.name, first),
                await three.subscribe(RELAY, second.name, second),
            ]
            began = loop.time()
            assert await one.publish(RELAY, an_event(number)) == Heard(delivered=2)
            assert loop.time() - began < nats_link.TOLD_WITHIN_S
            for offer in offers:
                offer.withdraw()
            with pytest.raises(NoListenerError):
                await one.publish(RELAY, an_event(99))
        assert heard_by(first) == heard_by(second) == list(range(20))


async def test_a_node_that_stands_still_delays_one_message_by_a_second(server: NatsServer) -> None:
    """And is counted again as soon as it goes on: what came meanwhile it tells its subscribers late."""
    here = Listener(GUIDS[0])
    async with nodes(server, count=2) as (one, two), another_process(server, listeners="1s") as far:
        await two.subscribe(RELAY, here.name, here)
        assert await one.publish(RELAY, an_event(0)) == Heard(delivered=2)
        os.kill(far.pid, signal.SIGSTOP)
        assert await one.publish(RELAY, an_event(1)) == Heard(delivered=1, is_partial=True)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(2, 12):
            assert await one.publish(RELAY, an_event(number)) == Heard(delivered=1)
        assert loop.time() - began < nats_link.TOLD_WITHIN_S
        os.kill(far.pid, signal.SIGCONT)

        async def is_counted_again() -> bool:
            return (await one.publish(RELAY, an_event(12))).delivered == 2

        await until(is_counted_again, "its subscriber is counted again")
        assert heard_by(here)[:12] == list(range(12))


@pytest.mark.expect_log_warnings(
    "the connection to NATS is lost: only this node's own listeners can be asked"
)
async def test_without_nats_a_nodes_own_subscribers_are_told_and_that_is_said(server: NatsServer) -> None:
    here, there = Listener(GUIDS[0]), Listener(GUIDS[1])
    async with nodes(server, count=2) as (one, two):
        await one.subscribe(RELAY, here.name, here)
        await two.subscribe(RELAY, there.name, there)
        assert await one.publish(RELAY, an_event(0)) == Heard(delivered=2)
        await server.stop()
        await until(lambda: not one.status().is_connected and not two.status().is_connected, "it is noticed")
        assert await one.publish(RELAY, an_event(1)) == Heard(delivered=1, is_partial=True)
        with pytest.raises(FabricUnavailableError):
            await one.publish(relay_key("contoso", "other"), an_event(1))
        await server.start()
        await until(lambda: one.status().is_connected and two.status().is_connected, "it is back")

        async def are_both_told() -> bool:
            return (await one.publish(RELAY, an_event(2))) == Heard(delivered=2)

        await until(are_both_told, "both are told again")
        assert 1 not in heard_by(there), "nothing is sent late"


async def test_of_the_relays_that_are_published_to_the_oldest_is_forgotten(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_events, "MAX_KNOWN", 3)
    async with nodes(server, count=2) as (one, two):
        relays = [relay_key("contoso", f"r{number}") for number in range(6)]
        for relay in relays:
            listener = Listener(GUIDS[0])
            await two.subscribe(relay, listener.name, listener)
        for relay in (*relays, *relays):
            assert await one.publish(relay, an_event()) == Heard(delivered=1)
        assert len(one._events._known) == 3
