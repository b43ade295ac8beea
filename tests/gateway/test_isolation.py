"""Tenants do not reach each other: P8 over sockets, at the size of a test.

`test_authorization` goes through the full 900 pairs without sockets; here it is the doors themselves that are tried.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest

from hyco.sas import Right, Rule
from tests.support.gateways import LOOPBACK, RunningGateway
from tests.support.raw_http import HttpResponse
from tests.support.raw_websocket import UpgradeRefusedError
from tests.support.tokens import sas_token

TENANTS = ("tenant-one", "tenant-two", "tenant-three")
PATHS = ("orders", "orders-archive", "orders/eu")
RIGHTS = {"listen": Right.LISTEN, "send": Right.SEND, "manage": Right.ALL}
DOORS = ("listen", "connect", "http")


@dataclass(frozen=True)
class Key:
    """One rule of one hybrid connection of one tenant, for one right."""

    tenant: str
    path: str
    right: str
    rule: Rule

    @property
    def token(self) -> str:
        """A token for exactly that."""
        return sas_token(f"http://{self.tenant}.example/{self.path}", self.rule.name, self.rule.primary_key)

    def opens(self, tenant: str, path: str, door: str) -> bool:
        """Whether it is meant to."""
        is_right = self.right in ("listen" if door == "listen" else "send", "manage")
        return is_right and (self.tenant, self.path) == (tenant, path)


@pytest.fixture
async def keys(relay: RunningGateway) -> list[Key]:
    """The keys of three tenants with three hybrid connections each."""
    editor = relay.gateway.editor
    made = []
    for tenant in TENANTS:
        await editor.create_namespace(tenant, [f"{tenant}.example"])
        for path in PATHS:
            await editor.put_connection(tenant, path)
            for name, right in RIGHTS.items():
                # one name in every place, so that a name alone leads nowhere
                rule, _ = await editor.put_rule(tenant, path, f"Only-{name}", right)
                made.append(Key(tenant, path, name, rule))
    return made


async def try_door(
    relay: RunningGateway, tenant: str, path: str, door: str, token: str | None
) -> HttpResponse:
    """What the door says; 101 and "no listeners" are how it opens."""
    host = f"{tenant}.example"
    headers = [("ServiceBusAuthorization", token)] if token is not None else []
    if door == "http":
        http = await relay.http(host=host)
        response = await http.request("GET", f"/{path}", headers)
        await http.stream.close()
        return response
    handshake = await relay.upgrading(f"/$hc/{path}?sb-hc-action={door}", headers, host=host)
    try:
        socket = await handshake.answer()
    except UpgradeRefusedError as refused:
        await handshake.stream.close()
        return refused.response
    await socket.close()
    return socket.response


async def test_a_key_opens_its_own_door_and_no_other(relay: RunningGateway, keys: list[Key]):
    opened = 0
    for key, tenant, path, door in itertools.product(keys, TENANTS, PATHS, DOORS):
        response = await try_door(relay, tenant, path, door, key.token)
        if key.opens(tenant, path, door):
            assert response.status == (101 if door == "listen" else 404), (key, tenant, path, door)
            assert door == "listen" or response.reason.startswith("There are no listeners connected")
            opened += 1
        else:
            assert response.status == 401, (key, tenant, path, door, response.line)
    # each hybrid connection: its listen key one door, its send key two, the third key all three
    assert opened == len(TENANTS) * len(PATHS) * 6


@pytest.mark.parametrize("door", DOORS)
async def test_a_stranger_cannot_tell_a_name_that_exists_from_one_that_does_not(
    relay: RunningGateway, keys: list[Key], door: str
):
    own = keys[0]
    tokens = [None, own.token, sas_token("http://tenant-two.example/", own.rule.name, own.rule.primary_key)]
    for token in tokens:
        answers = [
            await try_door(relay, "tenant-two", path, door, token) for path in ("orders", "no-such-name")
        ]
        there, missing = (
            (answer.status, answer.error["code"], answer.reason.partition(" TrackingId:")[0])
            for answer in answers
        )
        assert there == missing
        assert [name for name, _ in answers[0].headers] == [name for name, _ in answers[1].headers]


async def test_a_token_names_the_host_it_is_for(relay: RunningGateway, keys: list[Key]):
    """The host of the request chooses the tenant; a token that names another tenant's host is not for this one."""
    for key in keys:
        if key.right != "send" or key.tenant == "tenant-one":
            continue
        forged = sas_token(f"http://tenant-one.example/{key.path}", key.rule.name, key.rule.primary_key)
        for tenant in ("tenant-one", key.tenant):
            response = await try_door(relay, tenant, key.path, "http", forged)
            assert response.status == 401, (key, tenant)


async def test_a_sender_does_not_reach_the_listener_of_another_tenant(relay: RunningGateway, keys: list[Key]):
    by_place = {(key.tenant, key.path, key.right): key for key in keys}
    first = await relay.listen(
        "orders", host="tenant-one.example", token=by_place["tenant-one", "orders", "listen"].token
    )
    second = await relay.listen(
        "orders", host="tenant-two.example", token=by_place["tenant-two", "orders", "listen"].token
    )
    for tenant, listener in (("tenant-one", first), ("tenant-two", second), ("tenant-one", first)):
        http = await relay.http(host=f"{tenant}.example")
        token = by_place[tenant, "orders", "send"].token
        await http.send("GET", f"/orders/{tenant}", [("ServiceBusAuthorization", token)])
        request = await listener.expect("request")
        assert request.fields["requestTarget"] == f"/orders/{tenant}"
        await listener.answer(request, 200, tenant.encode())
        assert (await http.read_response()).body == tenant.encode()


async def test_a_listener_cannot_answer_for_another(relay: RunningGateway):
    """The id of a request is known to whoever guesses it; only the control channel that was asked may answer."""
    asked = await relay.listen("open")
    stranger = await relay.listen("hc")
    http = await relay.http()
    await http.send("GET", "/open")
    request = await asked.expect("request")
    await stranger.answer(request, 200, b"forged")
    assert await stranger.socket.barrier() == []
    await asked.answer(request, 200, b"true")
    assert (await http.read_response()).body == b"true"


async def test_an_unknown_host_has_no_namespace(relay: RunningGateway, keys: list[Key]):
    for host in ("nobody.example", "other.tenant-one.example", "example", LOOPBACK):
        http = await relay.http(host=host)
        response = await http.request("GET", "/orders", [("ServiceBusAuthorization", keys[0].token)])
        assert response.status == 404, host
        assert response.error["code"] == "EndpointNotFound"
