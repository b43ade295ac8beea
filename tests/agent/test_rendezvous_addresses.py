"""A hostile gateway cannot send the agent anywhere (reliability B6)."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import ConnectionConfig, Credential
from agent.errors import RendezvousRefusedError
from agent.rendezvous_addresses import check_address, parse_address
from agent.targets import parse_target
from hyco.addresses import Endpoint
from tests.support.agents import running_agent
from tests.support.fake_gateway import FakeGateway
from tests.support.targets import tcp_target

GATEWAY = Endpoint("gw.example.net", 443, is_secure=True)
AZURE = Endpoint("contoso.servicebus.windows.net", 443, is_secure=True)


@pytest.mark.parametrize(
    ("address", "gateway", "hosts"),
    [
        ("wss://gw.example.net/$hc/hc?sb-hc-action=accept&sb-hc-id=1", GATEWAY, ()),
        ("WSS://GW.Example.Net:443/$hc/hc?a=%2f&&b", GATEWAY, ()),
        ("wss://g63-prod-by3-001-sb.servicebus.windows.net/$hc/hc", AZURE, ()),
        ("wss://g1.a.servicebus.windows.net:443/$hc/hc", AZURE, ()),
        ("wss://node-2.example.net/$hc/hc", GATEWAY, ("node-2.example.net",)),
        ("ws://[::1]:8080/$hc/hc", Endpoint("::1", 8080, is_secure=False), ()),
        ("ws://[0:0::1]:8080/$hc/hc", Endpoint("::1", 8080, is_secure=False), ()),
        ("ws://127.0.0.1/$hc/hc", Endpoint("127.0.0.1", 80, is_secure=False), ()),
    ],
)
def test_address_at_the_gateway_is_taken(address: str, gateway: Endpoint, hosts: tuple[str, ...]):
    found = check_address(address, gateway, hosts)
    assert (found.port, found.is_secure) == (gateway.port, gateway.is_secure)
    assert found.request_target == "/" + address.split("/", 3)[3]
    assert found.request_target not in repr(found)


HOSTILE = [
    # another place
    "wss://evil.test/$hc/hc",
    "wss://127.0.0.1/$hc/hc",
    "wss://[::1]/$hc/hc",
    "wss://localhost/$hc/hc",
    "wss://169.254.169.254/latest/meta-data/",
    "wss://gw.example.net:8443/$hc/hc",
    "wss://gw.example.net:22/$hc/hc",
    "wss://gw.example.net.evil.test/$hc/hc",
    "wss://evilgw.example.net/$hc/hc",
    "wss://example.net/$hc/hc",
    "wss://gw.example.net./$hc/hc",
    "wss://g63.servicebus.windows.net/$hc/hc",
    # without TLS
    "ws://gw.example.net/$hc/hc",
    "ws://gw.example.net:443/$hc/hc",
    "http://gw.example.net/",
    # other schemes
    "https://gw.example.net/$hc/hc",
    "file:///etc/passwd",
    "unix:/var/run/docker.sock",
    "javascript:alert(1)",
    "//gw.example.net/$hc/hc",
    "gw.example.net/$hc/hc",
    # user information, fragments, and what parsers read differently
    "wss://gw.example.net@evil.test/$hc/hc",
    "wss://evil.test@gw.example.net/$hc/hc",
    "wss://user:password@gw.example.net/$hc/hc",
    "wss://gw.example.net#@evil.test/$hc/hc",
    "wss://gw.example.net/$hc/hc#fragment",
    "wss://gw.example.net\\@evil.test/$hc/hc",
    "wss://evil.test\\gw.example.net/$hc/hc",
    "wss:\\\\gw.example.net/$hc/hc",
    "wss:///gw.example.net/$hc/hc",
    "wss://gw.example.net?/$hc/hc",
    "wss://gw.example.net",
    "wss://",
    "",
    # hosts and ports that are none
    "wss://gw.example.net:0/$hc/hc",
    "wss://gw.example.net:65979/$hc/hc",
    "wss://gw.example.net:+443/$hc/hc",
    "wss://gw.example.net:\uff14\uff14\uff13/$hc/hc",
    "wss://gw.example.net:443:443/$hc/hc",
    "wss://gw.example.net:/$hc/hc",
    "wss://[gw.example.net]/$hc/hc",
    "wss://[::1%25eth0]/$hc/hc",
    "wss://gw.examp\u217ee.net/$hc/hc",
    "wss://gw%2eexample%2enet/$hc/hc",
    # splitting the request
    "wss://gw.example.net/$hc/hc HTTP/1.1\r\nHost: evil.test\r\n\r\n",
    "wss://gw.example.net/\r\nX: y",
    "wss://gw.example.net/$hc/h c",
    "wss://gw.example.net/$hc/h\tc",
    "wss://gw.example.net/$hc/h\x00c",
    "wss://gw.example.net/$hc/h\u00fc",
    " wss://gw.example.net/$hc/hc",
    "wss://gw.example.net/$hc/hc\n",
    "wss://gw.example.net/" + "a" * 40_000,
]


@pytest.mark.parametrize("address", HOSTILE)
def test_address_elsewhere_is_refused(address: str):
    with pytest.raises(RendezvousRefusedError) as raised:
        check_address(address, GATEWAY, ("node-2.example.net",))
    assert "password" not in str(raised.value)


@pytest.mark.parametrize(
    "address",
    [
        "wss://contoso.servicebus.windows.net.evil.test/$hc/hc",
        "wss://evil-servicebus.windows.net/$hc/hc",
        "wss://.servicebus.windows.net/$hc/hc",
        "wss://a..servicebus.windows.net/$hc/hc",
        "wss://-a.servicebus.windows.net/$hc/hc",
        "wss://g1.servicebus.chinacloudapi.cn/$hc/hc",
        "wss://g1.servicebus.windows.net:8443/$hc/hc",
        "ws://g1.servicebus.windows.net/$hc/hc",
    ],
)
def test_only_azures_own_hosts_are_its_siblings(address: str):
    with pytest.raises(RendezvousRefusedError):
        check_address(address, AZURE)


@given(st.text())
def test_parsing_is_total(text: str):
    try:
        found = parse_address(text)
    except RendezvousRefusedError:
        return
    assert found.request_target.isascii()


@pytest.mark.allow_log_warnings("is reached without TLS")
@pytest.mark.expect_log_warnings("sent a rendezvous address")
async def test_nothing_but_the_gateway_and_the_target_is_dialled(caplog: pytest.LogCaptureFixture):
    """Over a socket, with every kind of offer: a canary counts who comes."""
    async with FakeGateway.serving() as gateway, tcp_target() as canary, tcp_target() as target:
        config = ConnectionConfig(
            credential=Credential(text=gateway.connection_string),
            target=parse_target(f"http://{target.address}"),
        )
        hosts = [
            canary.address,
            f"localhost:{gateway.port}",
            f"[::1]:{gateway.port}",
            f"127.0.0.1:{gateway.port}@{canary.address}",
            f"{canary.address}#@127.0.0.1:{gateway.port}",
            f"127.1:{gateway.port}",
            f"0:{gateway.port}",
            f"0x7f000001:{gateway.port}",
            f"2130706433:{gateway.port}",
            f"127.0.0.2:{gateway.port}",
        ]
        async with running_agent(config):
            channel = await gateway.listener()
            for host in hosts:
                address = gateway.address(host=host)
                await channel.say(**gateway.accept(address))
                await channel.say(**gateway.request(address=address))
                await channel.say(request={"address": address})
            for request_target in (
                "@evil.test:1/",
                f"//{canary.address}/",
                f"http://{canary.address}/",
                "\\\\x",
            ):
                await channel.say(**gateway.request("POST", request_target))
            answered = 0
            while answered < 4:
                # those that name a path reach the target, and nobody else
                hearing = asyncio.create_task(channel.hear())
                accepting = asyncio.create_task(target.accept())
                done, pending = await asyncio.wait({hearing, accepting}, return_when=asyncio.FIRST_COMPLETED)
                for task in pending:
                    task.cancel()
                if accepting in done:
                    accepting.result().reset()
                if hearing in done and isinstance(hearing.result(), dict):
                    assert hearing.result()["response"]["statusCode"] in (400, 502)
                    answered += 1
        assert canary.connections == 0
        assert gateway.connections == 1  # the control channel itself
    warnings = [record for record in caplog.records if "rendezvous address" in record.getMessage()]
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("host", "is_taken"),
    [
        ("g1.relay.test", True),
        ("G27.Relay.Test", True),
        ("relay.test", False),
        ("a.g1.relay.test", False),
        ("g1.relay.test.evil.test", False),
        ("evil-relay.test", False),
    ],
)
def test_one_label_can_be_any(host: str, is_taken: bool) -> None:
    """A gateway that is one of many says which: g1, g2, and so on, below one name."""
    gateway = Endpoint("gateway.test", 443, is_secure=True)
    address = f"wss://{host}/$hc/web"
    if is_taken:
        assert check_address(address, gateway, ["*.relay.test"]).host == host.lower()
    else:
        with pytest.raises(RendezvousRefusedError):
            check_address(address, gateway, ["*.relay.test"])
