"""What every fabric does: `Fabric` of gateway/fabric/interface.py, in one process and over NATS."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.errors import BusyError, DrainingError, ListenerCriteriaError, ListenerGoneError, NoListenerError
from gateway.fabric.interface import Ask, Event, Fabric, Heard, Offer, RelayKey, Told, relay_key
from gateway.fabric.local import LocalFabric
from hyco.messages import Accept, RemoteEndpoint

RELAY = relay_key("contoso", "hyco")
GUIDS = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(30)]


@pytest.fixture(params=["local", pytest.param("nats", marks=pytest.mark.cluster)])
async def fabric(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fabric]:
    if request.param == "local":
        yield LocalFabric("node-1")
        return
    # imported here: what is installed for a cluster alone is not needed by the other one
    from gateway.fabric.nats import NatsFabric
    from tests.support.nats import nats_servers

    async with nats_servers(tmp_path / "nats") as (server,):
        made = NatsFabric("node-1", [server.url])
        await made.open()
        yield made
        await made.close()


def make_ask(
    *,
    allowed: frozenset[str] | None = None,
    disallowed: frozenset[str] = frozenset(),
    tried: frozenset[str] = frozenset(),
) -> Ask:
    message = Accept(
        address="/x", id="id", connect_headers=(), remote_endpoint=RemoteEndpoint(address="127.0.0.1", port=1)
    )
    return Ask(kind="accept", id="id", message=message, allowed=allowed, disallowed=disallowed, tried=tried)


class Listener:
    """Takes asks, or fails as it is told to."""

    def __init__(self, name: str, failure: Exception | None = None) -> None:
        self.name = name
        self.failure = failure
        self.asked = 0

    def __call__(self, ask: Ask, /) -> Told:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return Told(self.name, asyncio.get_running_loop().create_future())


async def offer(fabric: Fabric, listener: Listener, relay: RelayKey = RELAY) -> Offer:
    return await fabric.offer(relay, listener.name, listener)


async def test_nobody_there_is_said_at_once(fabric: Fabric) -> None:
    with pytest.raises(NoListenerError, match="There are no listeners connected for the endpoint"):
        await fabric.ask(RELAY, make_ask())


async def test_a_listener_of_another_relay_is_not_asked(fabric: Fabric) -> None:
    other = Listener(GUIDS[0])
    await offer(fabric, other, relay_key("fabrikam", "hyco"))
    with pytest.raises(NoListenerError):
        await fabric.ask(RELAY, make_ask())
    assert other.asked == 0


async def test_twenty_five_listeners_are_asked_about_equally_often(fabric: Fabric) -> None:
    """Reliability reference L8, with room for chance: 10,000 of 25 give 400 each, five sigma are 100."""
    for guid in GUIDS[:25]:
        await offer(fabric, Listener(guid))
    counted = Counter([(await fabric.ask(RELAY, make_ask())).listener for _ in range(10_000)])
    assert len(counted) == 25
    assert max(counted.values()) < 500
    assert min(counted.values()) > 300


async def test_a_withdrawn_offer_is_not_asked_again(fabric: Fabric) -> None:
    gone, there = Listener(GUIDS[0]), Listener(GUIDS[1])
    withdrawn = await offer(fabric, gone)
    await offer(fabric, there)
    withdrawn.withdraw()
    withdrawn.withdraw()
    for _ in range(20):
        assert (await fabric.ask(RELAY, make_ask())).listener == there.name
    assert gone.asked == 0
    assert fabric.listeners(RELAY) == 1


async def test_listeners_that_are_gone_or_busy_are_passed_over_each_asked_once(fabric: Fabric) -> None:
    leaving = [Listener(guid, ListenerGoneError()) for guid in GUIDS[:5]]
    busy = [Listener(guid, BusyError()) for guid in GUIDS[5:10]]
    for listener in (*leaving, *busy):
        await offer(fabric, listener)
    there = Listener(GUIDS[20])
    await offer(fabric, there)
    for _ in range(50):
        before = [listener.asked for listener in (*leaving, *busy)]
        assert (await fabric.ask(RELAY, make_ask())).listener == there.name
        after = [listener.asked for listener in (*leaving, *busy)]
        assert all(was <= now <= was + 1 for was, now in zip(before, after, strict=True))
    assert sum(listener.asked for listener in leaving) > 0


async def test_only_busy_listeners_are_another_matter_than_none(fabric: Fabric) -> None:
    await offer(fabric, Listener(GUIDS[0], ListenerGoneError()))
    with pytest.raises(NoListenerError):
        await fabric.ask(RELAY, make_ask())
    await offer(fabric, Listener(GUIDS[1], BusyError()))
    with pytest.raises(BusyError) as caught:
        await fabric.ask(RELAY, make_ask())
    assert caught.value.status == 503


async def test_two_registrations_of_one_guid_are_two_listeners(fabric: Fabric) -> None:
    """Protocol reference §5: the second must not push the first out."""
    first, second = Listener(f"{GUIDS[0]}_1"), Listener(f"{GUIDS[0]}_2")
    (await offer(fabric, first)).withdraw()
    first_offer = await offer(fabric, first)
    await offer(fabric, second)
    tried: frozenset[str] = frozenset()
    for _ in range(2):
        tried |= {(await fabric.ask(RELAY, make_ask(tried=tried))).listener}
    assert tried == {first.name, second.name}
    with pytest.raises(NoListenerError):
        await fabric.ask(RELAY, make_ask(tried=tried))
    first_offer.withdraw()
    assert (await fabric.ask(RELAY, make_ask())).listener == second.name


async def test_a_sender_may_name_listeners_it_wants_or_does_not_want(fabric: Fabric) -> None:
    for guid in GUIDS[:5]:
        await offer(fabric, Listener(f"{guid}_1"))
    wanted = frozenset(GUIDS[1:3])
    for _ in range(20):
        asked = (await fabric.ask(RELAY, make_ask(allowed=wanted, disallowed=frozenset({GUIDS[1]})))).listener
        assert asked == f"{GUIDS[2]}_1"


@pytest.mark.parametrize(
    "ask",
    [
        make_ask(allowed=frozenset({GUIDS[9]})),
        make_ask(allowed=frozenset()),
        make_ask(disallowed=frozenset({GUIDS[0]})),
    ],
)
async def test_listeners_that_do_not_meet_the_criteria_are_another_matter_than_none(
    fabric: Fabric, ask: Ask
) -> None:
    await offer(fabric, Listener(GUIDS[0]))
    with pytest.raises(ListenerCriteriaError, match="meet the AllowedListeners/DisallowedListeners criteria"):
        await fabric.ask(RELAY, ask)


def make_event(body: bytes = b"x") -> Ask:
    return Ask(kind="event", id="id", message=Event(content_type="text/plain", is_text=True), body=body)


async def test_what_is_published_is_told_to_every_subscriber_once(fabric: Fabric) -> None:
    subscribers = [Listener(guid) for guid in GUIDS[:25]]
    for subscriber in subscribers:
        await fabric.subscribe(RELAY, subscriber.name, subscriber)
    elsewhere = Listener(GUIDS[26])
    await fabric.subscribe(relay_key("fabrikam", "hyco"), elsewhere.name, elsewhere)
    for number in range(1, 11):
        assert await fabric.publish(RELAY, make_event()) == Heard(delivered=25)
        assert {subscriber.asked for subscriber in subscribers} == {number}
    assert not elsewhere.asked
    assert fabric.listeners(RELAY) == 25


async def test_of_what_is_published_each_outcome_is_counted(fabric: Fabric) -> None:
    there, busy, leaving = (
        Listener(GUIDS[0]),
        Listener(GUIDS[1], BusyError()),
        Listener(GUIDS[2], ListenerGoneError()),
    )
    with pytest.raises(NoListenerError):
        await fabric.publish(RELAY, make_event())
    await fabric.subscribe(RELAY, leaving.name, leaving)
    with pytest.raises(NoListenerError):
        await fabric.publish(RELAY, make_event())
    offers = [await fabric.subscribe(RELAY, one.name, one) for one in (there, busy)]
    assert await fabric.publish(RELAY, make_event()) == Heard(delivered=1, dropped=1)
    offers[0].withdraw()
    offers[0].withdraw()
    assert await fabric.publish(RELAY, make_event()) == Heard(dropped=1)
    offers[1].withdraw()
    with pytest.raises(NoListenerError):
        await fabric.publish(RELAY, make_event())
    assert (there.asked, busy.asked) == (1, 2)


async def test_after_draining_nothing_is_published(fabric: Fabric) -> None:
    subscriber = Listener(GUIDS[0])
    await fabric.subscribe(RELAY, subscriber.name, subscriber)
    await fabric.drain()
    with pytest.raises(DrainingError):
        await fabric.publish(RELAY, make_event())
    with pytest.raises(DrainingError):
        await fabric.subscribe(RELAY, subscriber.name, subscriber)
    assert not subscriber.asked


async def test_after_draining_nothing_is_offered_or_asked(fabric: Fabric) -> None:
    listener = Listener(GUIDS[0])
    before = await offer(fabric, listener)
    await fabric.drain()
    before.withdraw()
    with pytest.raises(DrainingError):
        await offer(fabric, listener)
    with pytest.raises(DrainingError):
        await fabric.ask(RELAY, make_ask())
    assert fabric.status().is_draining
    assert listener.asked == 0
    await fabric.close()


async def test_its_status_counts_what_is_offered_and_nothing_stays_behind(fabric: Fabric) -> None:
    offers = [await offer(fabric, Listener(guid)) for guid in GUIDS[:3]]
    offers.append(await offer(fabric, Listener(GUIDS[3]), relay_key("contoso", "other")))
    status = fabric.status()
    assert (status.relays, status.listeners, status.is_connected) == (2, 4, True)
    for made in offers:
        made.withdraw()
    status = fabric.status()
    assert (status.relays, status.listeners) == (0, 0)
    assert fabric.node == "node-1"


async def test_offers_that_come_and_go_never_fail_an_ask(fabric: Fabric) -> None:
    """Cluster reference §5.9: one listener stays, forty come and go, and no ask is lost."""
    await offer(fabric, Listener(GUIDS[0]))

    async def churn() -> None:
        for _ in range(20):
            coming = [await offer(fabric, Listener(guid)) for guid in GUIDS[1:3]]
            await asyncio.sleep(0)
            for made in coming:
                made.withdraw()

    async def ask() -> None:
        for _ in range(200):
            await fabric.ask(RELAY, make_ask())
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(churn())
        for _ in range(5):
            tasks.create_task(ask())


async def test_a_sender_that_left_drops_the_answer() -> None:
    told = Told("listener", asyncio.get_running_loop().create_future())
    told.cancel()
    assert told.answer.cancelled()
