"""How many connections there may be: in a namespace (protocol reference §11), and in all."""

from __future__ import annotations

import pytest

from gateway.errors import LimitExceededError
from gateway.quotas import NamespacePlaces
from tests.support.gateways import running_gateway
from tests.support.waiting import until

OTHER_HOST = "team-b.test"


def test_a_place_is_left_once() -> None:
    places = NamespacePlaces(1)
    place = places.take("a")
    with pytest.raises(LimitExceededError, match="QuotaExceeded"):
        places.take("a")
    places.take("b")
    place.leave()
    again = places.take("a")
    place.leave()  # of the first one, once more: the second one keeps its place
    with pytest.raises(LimitExceededError):
        places.take("a")
    again.leave()
    assert len(places) == 1


def test_without_a_limit_there_is_always_a_place() -> None:
    places = NamespacePlaces(0)
    assert [places.take("a") for _ in range(10_000)]
    assert len(places) == 10_000


async def test_a_namespace_has_so_many_connections_and_no_more() -> None:
    async with running_gateway(max_connections_per_namespace=2, namespace_hosts=("127.0.0.1",)) as relay:
        await relay.gateway.editor.create_namespace("team-b", (OTHER_HOST,))
        await relay.gateway.editor.put_connection("team-b", "there", requires_client_authorization=False)
        await relay.create("hc")
        await relay.create("open", is_anonymous=True)
        listener = await relay.listen("hc")
        sender, far = await relay.pair(listener)

        for handshake in (await relay.connecting("hc"), await relay.listening("open")):
            refusal = await handshake.refusal()
            assert refusal.status == 503
            assert refusal.reason.startswith("QuotaExceeded: The namespace has 2 connections")
        # requests do not stay, and other namespaces have places of their own
        assert (await relay.ask("GET", "/open")).status == 404
        elsewhere = await (await relay.connecting("there", token=None, host=OTHER_HOST)).refusal()
        assert elsewhere.status == 404

        await sender.send_close()
        await far.send_close()
        await sender.read_until_close()
        await until(lambda: len(relay.gateway.places) == 1, "the place is free")
        again, _ = await relay.pair(listener)
        await again.send_text("hello")


async def test_whoever_is_not_met_leaves_its_place() -> None:
    async with running_gateway(max_connections_per_namespace=2, max_listeners=1) as relay:
        await relay.create("hc")
        for _ in range(3):  # nobody listens
            assert (await (await relay.connecting("hc")).refusal()).status == 404
        listener = await relay.listen("hc")
        for _ in range(3):  # one listener is all that this hybrid connection may have
            assert (await (await relay.listening("hc")).refusal()).status == 403
        for _ in range(3):
            gone = await relay.connecting("hc")
            await listener.expect("accept")
            await gone.stream.close()
            await until(lambda: len(relay.gateway.places) == 1, "only the listener is left")
        await listener.disconnect()
        await until(lambda: not len(relay.gateway.places), "every place is free")


async def test_a_gateway_has_so_many_connections_and_no_more() -> None:
    async with running_gateway(max_connections=3) as relay:
        await relay.create("hc")
        listener = await relay.listen("hc")
        await relay.pair(listener)
        one_too_many = await relay.http()
        response = await one_too_many.read_response()
        assert response.status == 503
        assert "as many connections as it may have" in response.reason
