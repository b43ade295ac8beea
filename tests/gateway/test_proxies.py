"""gateway.proxies: the PROXY protocol, and whom its word is taken from."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxies import ProxyHeader, ProxyHeaderError, is_trusted, read_proxy_header
from hyco.messages import RemoteEndpoint
from tests.support.gateways import running_gateway

V2 = b"\r\n\r\n\x00\r\nQUIT\n"


def version_2(command: int, family: int, rest: bytes) -> bytes:
    return V2 + struct.pack("!BBH", command, family, len(rest)) + rest


TCP4 = version_2(0x21, 0x11, bytes([203, 0, 113, 7, 10, 0, 0, 1]) + struct.pack("!HH", 51234, 443))
TCP6 = version_2(
    0x21,
    0x21,
    ipaddress.ip_address("2001:db8::7").packed
    + ipaddress.ip_address("::1").packed
    + struct.pack("!HH", 51234, 443)
    + b"\x03\x00\x01x",
)


@pytest.mark.parametrize(
    ("data", "client"),
    [
        (b"PROXY TCP4 203.0.113.7 10.0.0.1 51234 443\r\n", RemoteEndpoint(address="203.0.113.7", port=51234)),
        (b"PROXY TCP6 2001:db8::7 ::1 51234 443\r\n", RemoteEndpoint(address="2001:db8::7", port=51234)),
        (b"PROXY UNKNOWN\r\n", None),
        (TCP4, RemoteEndpoint(address="203.0.113.7", port=51234)),
        (TCP6, RemoteEndpoint(address="2001:db8::7", port=51234)),
        (version_2(0x20, 0x00, b""), None),
        (version_2(0x21, 0x31, bytes(216)), None),
    ],
)
def test_a_header_is_read_whole_or_not_at_all(data: bytes, client: RemoteEndpoint | None) -> None:
    assert read_proxy_header(data + b"GET / HTTP/1.1") == ProxyHeader(len(data), client)
    for size in range(1, len(data)):
        assert read_proxy_header(data[:size]) is None


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n", b"PUT /", b"POST", b"\r\nGET / HTTP/1.1", b"\x16\x03\x01"]
)
def test_what_is_no_header_is_left_alone(data: bytes) -> None:
    assert read_proxy_header(data) == ProxyHeader(0, None)


@pytest.mark.parametrize(
    "data",
    [
        b"PROXY TCP4 203.0.113.7 10.0.0.1 51234\r\n",
        b"PROXY TCP4 2001:db8::7 ::1 51234 443\r\n",
        b"PROXY TCP4 localhost 10.0.0.1 51234 443\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 65536 443\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 +1 443\r\n",
        b"PROXY UDP4 203.0.113.7 10.0.0.1 1 443\r\n",
        b"PROXY " + b"x" * 200,
        version_2(0x31, 0x11, bytes(12)),
        version_2(0x21, 0x11, bytes(11)),
        V2 + b"\x21\x11\xff\xff",
    ],
)
def test_a_header_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(ProxyHeaderError):
        read_proxy_header(data)


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=40).map(lambda data: V2 + data)))
def test_reading_is_total(data: bytes) -> None:
    try:
        header = read_proxy_header(data)
    except ProxyHeaderError:
        return
    assert header is None or header.size <= len(data)


@pytest.mark.parametrize(
    ("address", "networks", "expected"),
    [
        ("10.1.2.3", ["10.0.0.0/8"], True),
        ("::ffff:10.1.2.3", ["10.0.0.0/8"], True),
        ("fe80::1%eth0", ["fe80::/10"], True),
        ("11.1.2.3", ["10.0.0.0/8"], False),
        ("10.1.2.3", ["fe80::/10"], False),
        ("10.1.2.3", [], False),
        ("", ["10.0.0.0/8"], False),
    ],
)
def test_who_is_trusted(address: str, networks: list[str], expected: bool) -> None:
    assert is_trusted(address, [ipaddress.ip_network(network) for network in networks]) is expected


async def test_a_trusted_proxy_says_who_calls_even_byte_by_byte() -> None:
    async with running_gateway(trusted_proxies=(ipaddress.ip_network("127.0.0.1/32"),)) as relay:
        await relay.create("open", is_anonymous=True)
        listener = await relay.listen("open")
        http = await relay.http()
        for byte in b"PROXY TCP4 203.0.113.7 10.0.0.1 51234 443\r\n":
            await http.stream.send(bytes([byte]))
        await http.send("GET", "/open")
        request = await listener.expect("request")
        assert request.fields["remoteEndpoint"] == {"address": "203.0.113.7", "port": 51234}
        await listener.answer(request, 204)
        assert (await http.read_response()).status == 204


async def test_a_proxy_s_clients_are_capped_one_by_one() -> None:
    """All of them come from the proxy's address; one of them must not have the room of all."""
    networks = (ipaddress.ip_network("127.0.0.1/32"),)
    async with running_gateway(trusted_proxies=networks, max_unauthenticated_per_address=3) as relay:
        for _ in range(3):
            http = await relay.http()
            await http.stream.send(b"PROXY TCP4 203.0.113.7 10.0.0.1 51234 443\r\n")
            assert (await http.request("GET", "/nowhere")).status == 401
        one_too_many = await relay.http()
        await one_too_many.stream.send(b"PROXY TCP4 203.0.113.7 10.0.0.1 51234 443\r\n")
        assert (await one_too_many.read_response()).status == 503
        another = await relay.http()
        await another.stream.send(b"PROXY TCP4 203.0.113.8 10.0.0.1 51234 443\r\n")
        assert (await another.request("GET", "/nowhere")).status == 401


async def test_nobody_else_is_believed() -> None:
    async with running_gateway() as relay:
        http = await relay.http()
        await http.stream.send(
            b"PROXY TCP4 203.0.113.7 10.0.0.1 51234 443\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"
        )
        assert (await http.read_response()).status in (400, 501)
