"""TLS and proxies on the way to a gateway (reliability P5)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import socket
import ssl
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
import trustme
from aiohttp import ClientConnectorDNSError
from aiohttp.client_reqrep import ConnectionKey
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from agent.config import NetworkConfig
from agent.errors import ConfigError, CredentialError, GatewayUnreachableError, GatewayUntrustedError
from agent.network import MAX_AUTHORITIES, Network, client_tls, connect_directly, explain, is_loopback
from tests.support.pausing import PIECE_BYTES, PausingProtocol
from tests.support.raw_stream import RawStream
from tests.support.targets import TcpTarget, tcp_target, unused_port
from tests.support.waiting import until

HOST = "gw.example.net"


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("a.localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("localhost.evil.test", False),
        ("127.0.0.1.evil.test", False),
        ("", False),
    ],
)
def test_loopback_is_known_by_its_name(host: str, is_here: bool):
    assert is_loopback(host) is is_here


# --- TLS -------------------------------------------------------------------------------------------------------------


def test_authority_of_an_invitation_is_trusted_beside_the_network_and_not_in_it():
    network, ca = Network(NetworkConfig()), trustme.CA()
    der = ssl.PEM_cert_to_DER_cert(ca.cert_pem.bytes().decode())
    assert der in network.trusting(der).tls.get_ca_certs(binary_form=True)
    assert der not in network.tls.get_ca_certs(binary_form=True)
    assert network.trusting(der) is network.trusting(der)
    assert network.trusting(None) is network


def test_networks_for_authorities_are_bounded():
    network = Network(NetworkConfig())
    first = network.trusting(b"0")
    for number in range(1, MAX_AUTHORITIES + 1):
        network.trusting(b"%d" % number)
    assert network.trusting(b"0") is not first


@pytest.mark.parametrize("authority", [b"", b"no certificate", b"\x30\x03\x02\x01\x01"])
def test_authority_that_is_no_certificate_is_an_error_of_the_invitation(authority: bytes):
    with pytest.raises(CredentialError, match="the certificate in the invitation cannot be read"):
        _ = Network(NetworkConfig()).trusting(authority).tls


class Authority:
    """A certificate authority that also makes bad certificates."""

    def __init__(self) -> None:
        self.trusted = trustme.CA()
        self._key = ec.generate_private_key(ec.SECP256R1())

    def file(self, folder: Path) -> Path:
        path = folder / "ca.pem"
        self.trusted.cert_pem.write_to_path(path)
        return path

    def server(self, kind: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        match kind:
            case "good":
                self.trusted.issue_cert(HOST).configure_cert(context)
            case "wrong name":
                self.trusted.issue_cert("other.example.net").configure_cert(context)
            case "untrusted":
                trustme.CA().issue_cert(HOST).configure_cert(context)
            case "expired":
                past = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
                self.trusted.issue_cert(HOST, not_after=past).configure_cert(context)
            case "not yet valid":
                future = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
                self.trusted.issue_cert(HOST, not_before=future).configure_cert(context)
            case "old TLS":
                self.trusted.issue_cert(HOST).configure_cert(context)
                context.set_ciphers("ALL:@SECLEVEL=0")
                with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
                    context.maximum_version = ssl.TLSVersion.TLSv1_1
        return context


def self_signed(folder: Path, *, weak: bool) -> tuple[ssl.SSLContext, Path]:
    """A certificate that is its own root; weak: with an RSA key of 1,024 bits, and trusted."""
    key = rsa.generate_private_key(65_537, 1_024) if weak else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "self.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(pem)
    return context, pem


@contextlib.asynccontextmanager
async def tls_server(context: ssl.SSLContext) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            writer.write(await reader.read(100))
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class _Echo(asyncio.Protocol):
    def __init__(self) -> None:
        self.received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(b"hello")

    def data_received(self, data: bytes) -> None:
        self.received.set_result(data)


@pytest.fixture
def by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """HOST is this computer, as far as the agent's resolver knows."""

    async def resolve(host: str, port: int) -> object:
        assert host == HOST
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr("agent.network.addresses_of", resolve)


async def say_hello(network: Network, port: int) -> bytes:
    transport, echo = await network.connect(_Echo(), HOST, port, is_secure=True)
    try:
        return await echo.received
    finally:
        transport.abort()


@pytest.mark.usefixtures("by_name")
async def test_gateway_with_a_trusted_certificate_is_taken(tmp_path: Path):
    authority = Authority()
    network = Network(NetworkConfig(proxy="none", ca_file=authority.file(tmp_path)))
    async with tls_server(authority.server("good")) as port:
        assert await say_hello(network, port) == b"hello"


@pytest.mark.usefixtures("by_name")
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("wrong name", "its certificate is not trusted"),
        ("untrusted", "its certificate is not trusted"),
        ("expired", "certificate has expired"),
        ("not yet valid", "not yet valid"),
        ("old TLS", "TLS failed|the connection was ended"),
    ],
)
async def test_gateway_with_a_bad_certificate_is_refused(tmp_path: Path, kind: str, says: str):
    authority = Authority()
    network = Network(NetworkConfig(proxy="none", ca_file=authority.file(tmp_path)))
    async with tls_server(authority.server(kind)) as port:
        with pytest.raises(GatewayUnreachableError, match=says) as raised:
            await say_hello(network, port)
        assert isinstance(raised.value, GatewayUntrustedError) is (kind != "old TLS")


@pytest.mark.usefixtures("by_name")
@pytest.mark.parametrize(("is_weak", "says"), [(False, "not trusted"), (True, "key too weak")])
async def test_self_signed_and_weak_keys_are_refused(tmp_path: Path, is_weak: bool, says: str):
    context, root = self_signed(tmp_path, weak=is_weak)
    network = Network(NetworkConfig(proxy="none", ca_file=root if is_weak else None))
    async with tls_server(context) as port:
        with pytest.raises(GatewayUnreachableError, match=says):
            await say_hello(network, port)


@pytest.mark.usefixtures("by_name")
async def test_what_came_before_a_pause_is_read_after_it():
    """Where nothing more comes as well: the last records of a body once waited for the next ping."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    sent = bytes(range(256)) * (5 * PIECE_BYTES // 256)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(sent)
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    trusted = ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode())
    port = server.sockets[0].getsockname()[1]
    network = Network(NetworkConfig(), trusted)
    _, slow = await network.connect(PausingProtocol(), HOST, port, is_secure=True)
    await until(lambda: len(slow.received) == len(sent), "all of it is read")
    assert slow.received == sent
    slow.close()
    server.close()


def test_roots_that_cannot_be_used_are_an_error_of_the_settings(tmp_path: Path):
    (tmp_path / "junk.pem").write_text("junk")
    with pytest.raises(ConfigError, match="holds no certificates"):
        client_tls(tmp_path / "junk.pem")
    with pytest.raises(ConfigError, match="No such file"):
        Network(NetworkConfig(ca_file=tmp_path / "absent.pem")).prepare()


# --- reaching --------------------------------------------------------------------------------------------------------


async def test_refused_connection_is_said_plainly():
    port = await unused_port()
    network = Network(NetworkConfig(proxy="none"))
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(GatewayUnreachableError, match=f"cannot reach {host}:{port}: connection refused"):
            await network.connect(asyncio.Protocol(), host, port, is_secure=False)


async def test_localhost_is_tried_by_both_families():
    async with tcp_target() as target:
        transport = await connect_directly(asyncio.Protocol(), "localhost", target.port, None)
        await target.accept()
        transport.abort()


async def test_cancelling_a_dial_leaves_nothing_open():
    """Leftover sockets are warnings, and warnings fail the test."""
    async with tcp_target() as target:
        for steps in range(12):
            dialling = asyncio.create_task(
                connect_directly(asyncio.Protocol(), "localhost", target.port, None)
            )
            for _ in range(steps):
                await asyncio.sleep(0)
            dialling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                (await dialling).abort()


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (TimeoutError(), "no answer in time"),
        (OSError(113, "x"), "no route to host"),
        (OSError("Multiple exceptions: [Errno 111] a, [Errno 101] b"), "network is unreachable"),
        (ConnectionResetError(104, "x"), "connection reset by peer"),
        (UnicodeError("label too long"), "not a host name"),
        (OSError("odd"), "odd"),
        (socket.gaierror(-2, "Name or service not known"), "the host name is not known"),
        (
            ClientConnectorDNSError(
                ConnectionKey("x.test", 443, True, True, None, None, None),  # type: ignore[call-arg, arg-type] # as aiohttp
                socket.gaierror(-2, "Name or service not known"),
            ),
            "the host name is not known",
        ),
    ],
)
def test_reasons_are_said_in_a_few_words(error: Exception, says: str):
    assert explain(error) == says


# --- proxies ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def proxy() -> AsyncIterator[TcpTarget]:
    async with tcp_target() as running:
        yield running


async def read_until(stream: RawStream, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        data += await stream.read_exactly(1)
    return data


async def connect_through(url: str, port: int = 4_433) -> tuple[asyncio.Transport, _Echo]:
    return await Network(NetworkConfig(proxy=url)).connect(_Echo(), HOST, port, is_secure=False)


async def test_http_proxy_is_asked_to_connect_by_name(proxy: TcpTarget):
    connecting = asyncio.create_task(connect_through(f"http://{proxy.address}"))
    stream = await proxy.accept()
    head = await read_until(stream, b"\r\n\r\n")
    assert head.startswith(b"CONNECT gw.example.net:4433 HTTP/1.1\r\n")
    await stream.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
    transport, echo = await connecting
    assert await stream.read_exactly(5) == b"hello"
    await stream.send(b"world")
    assert await echo.received == b"world"
    transport.abort()


async def test_http_proxy_gets_its_password(proxy: TcpTarget, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("http_proxy", f"http://user:pass@{proxy.address}")
    monkeypatch.delenv("no_proxy", raising=False)
    network = Network(NetworkConfig())
    connecting = asyncio.create_task(network.connect(_Echo(), HOST, 80, is_secure=False))
    stream = await proxy.accept()
    head = await read_until(stream, b"\r\n\r\n")
    assert base64.b64encode(b"user:pass") in head
    await stream.send(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    with pytest.raises(GatewayUnreachableError, match="through the proxy") as raised:
        await connecting
    assert "pass" not in str(raised.value).replace("password", "")


async def test_socks5_proxy_resolves_the_name_itself(proxy: TcpTarget):
    connecting = asyncio.create_task(connect_through(f"socks5h://{proxy.address}"))
    stream = await proxy.accept()
    methods = await stream.read_exactly(2)
    await stream.read_exactly(methods[1])
    await stream.send(b"\x05\x00")
    request = await stream.read_exactly(5 + len(HOST) + 2)
    assert request[3:] == bytes((3, len(HOST))) + HOST.encode() + (4_433).to_bytes(2, "big")
    await stream.send(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
    transport, _ = await connecting
    assert await stream.read_exactly(5) == b"hello"
    transport.abort()


async def test_proxy_that_is_not_there_is_said():
    port = await unused_port()
    with pytest.raises(GatewayUnreachableError, match=f"{HOST}:4433"):
        await connect_through(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("configured", "environment", "host", "is_secure", "expected"),
    [
        (None, {}, HOST, True, None),
        (None, {"https_proxy": "http://p:1"}, HOST, True, "http://p:1"),
        (None, {"https_proxy": "http://p:1"}, HOST, False, None),
        (None, {"http_proxy": "http://p:1"}, HOST, False, "http://p:1"),
        (None, {"all_proxy": "socks5://p:1"}, HOST, True, "socks5://p:1"),
        (None, {"socks_proxy": "http://p:1"}, HOST, True, "socks5h://p:1"),
        (None, {"https_proxy": "http://p:1", "no_proxy": ".example.net"}, HOST, True, None),
        ("none", {"https_proxy": "http://p:1"}, HOST, True, None),
        ("http://q:2", {"https_proxy": "http://p:1"}, HOST, True, "http://q:2"),
        ("http://q:2", {}, "localhost", True, None),
        (None, {"https_proxy": "http://p:1"}, "127.0.0.1", True, None),
    ],
)
def test_proxy_comes_from_the_settings_or_the_environment(
    *,
    monkeypatch: pytest.MonkeyPatch,
    configured: str | None,
    environment: dict[str, str],
    host: str,
    is_secure: bool,
    expected: str | None,
):
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "socks_proxy",
        "no_proxy",
        "ws_proxy",
        "wss_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    network = Network(NetworkConfig(proxy=configured))
    assert network.proxy_for(host, 443, is_secure=is_secure) == expected


@pytest.mark.parametrize("url", ["https://p:1", "http://p", "socks9://p:1"])
async def test_proxy_that_cannot_be_used_is_an_error_of_the_settings(
    monkeypatch: pytest.MonkeyPatch, url: str
):
    monkeypatch.setenv("http_proxy", url)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(ConfigError, match="proxy"):
        await Network(NetworkConfig()).connect(asyncio.Protocol(), HOST, 80, is_secure=False)
