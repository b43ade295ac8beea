"""Management with the key at hand, against the real gateway and against answers that no gateway should give."""

from __future__ import annotations

import pytest
from aiohttp import web

from agent.config import Deadlines, NetworkConfig
from agent.credentials import Access
from agent.errors import GatewayRejectedError, GatewayUnreachableError
from agent.management import Description, Management, SendRule
from agent.network import Network
from hyco.addresses import Endpoint, parse_endpoint
from hyco.connection_string import ConnectionString
from hyco.sas import Right, Rule
from tests.support.gateways import running_gateway
from tests.support.targets import unused_port, web_target


def management(endpoint: Endpoint, path: str, rule: Rule | None) -> Management:
    secret = None
    if rule is not None:
        secret = ConnectionString(
            endpoint=endpoint, key_name=rule.name, key=rule.primary_key, is_development_emulator=True
        )
    network = Network(NetworkConfig())
    network.prepare()
    return Management(Access(endpoint, path, secret), network, Deadlines())


async def test_a_hybrid_connection_is_made_described_and_changed():
    async with running_gateway() as gateway:
        manager = management(parse_endpoint(f"http://{gateway.host}/"), "a/new", gateway.rule)
        assert await manager.describe() is None
        assert await manager.put(is_anonymous=True, is_new=True) == Description(
            is_anonymous=True, listener_count=0
        )
        assert await manager.describe() == Description(is_anonymous=True, listener_count=0)
        assert await manager.put(is_anonymous=False, is_new=False) == Description(
            is_anonymous=False, listener_count=0
        )
        assert await manager.describe() == Description(is_anonymous=False, listener_count=0)


async def test_a_key_that_may_only_listen_reads_but_makes_nothing():
    async with running_gateway() as gateway:
        rule = await gateway.create_rule(None, "listener", Right.LISTEN)
        manager = management(parse_endpoint(f"http://{gateway.host}/"), "new", rule)
        assert await manager.describe() is None
        with pytest.raises(GatewayRejectedError) as caught:
            await manager.put(is_anonymous=False, is_new=True)
        assert caught.value.status == 401


async def test_a_rule_that_may_only_send_is_made_with_it():
    """For invitations: what they are signed with must not listen, and not manage."""
    async with running_gateway() as gateway:
        endpoint = parse_endpoint(f"http://{gateway.host}/")
        sending = SendRule("invitations", "kkkk" * 10 + "kkk=", "llll" * 10 + "lll=")
        maker = management(endpoint, "new", gateway.rule)
        await maker.put(is_anonymous=False, is_new=True, send_rule=sending)
        rule = Rule(sending.name, Right.SEND, sending.primary_key, sending.secondary_key)
        sender = management(endpoint, "new", rule)
        assert await sender.describe() == Description(is_anonymous=False, listener_count=0)
        with pytest.raises(GatewayRejectedError) as caught:
            await sender.put(is_anonymous=True, is_new=False)
        assert caught.value.status == 401
        assert "kkkk" not in repr(sending)


async def test_without_a_gateway_it_is_unreachable():
    manager = management(Endpoint("127.0.0.1", await unused_port(), is_secure=False), "x", None)
    with pytest.raises(GatewayUnreachableError):
        await manager.describe()


async def test_an_answer_without_end_is_not_read_to_its_end():
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"<" * 65_536)
        except ConnectionError:
            return response

    async with web_target(endless) as address:
        manager = management(parse_endpoint(f"http://{address}/"), "x", None)
        with pytest.raises(GatewayRejectedError, match="something else than a description"):
            await manager.describe()
