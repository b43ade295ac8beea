"""gateway.tls: who shakes hands is counted, and certificates that cannot be used."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Coroutine
from pathlib import Path

import pytest
import trustme

from gateway.errors import ConfigError
from gateway.tls import TlsServer, WatchedCertificate, server_context
from tests.support.certificates import Authority, CertificateFiles
from tests.support.gateways import RunningGateway, running_gateway
from tests.support.pausing import PIECE_BYTES, PausingProtocol
from tests.support.raw_http import RawHttp
from tests.support.raw_stream import RawStream
from tests.support.waiting import until


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    issued = trustme.CA().issue_cert("localhost")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    return cert, key


async def test_old_tls_is_refused(files: tuple[Path, Path]) -> None:
    cert, key = files
    assert server_context(cert, key).minimum_version >= ssl.TLSVersion.TLSv1_2


async def _shown_to_a_client(relay: RunningGateway, authority: Authority) -> RawHttp:
    """A connection of a client that trusts that authority alone."""
    port = relay.gateway.port
    stream = await RawStream.open("127.0.0.1", port, tls=authority.client(), name="localhost")
    return RawHttp(stream, "localhost")


def _renew(files: CertificateFiles, by: CertificateFiles) -> None:
    """Put other files in the place of these, as those who renew do it."""
    by.certificate.replace(files.certificate)
    by.key.replace(files.key)


@pytest.mark.slow
async def test_a_renewed_certificate_is_taken_up_and_no_connection_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reliability reference P5."""
    monkeypatch.setattr("gateway.tls.LOOK_S", 0.05)
    first, second = Authority(tmp_path / "first"), Authority(tmp_path / "second")
    files = first.issue("localhost")
    async with running_gateway(tls_cert=files.certificate, tls_key=files.key) as relay:
        before = await _shown_to_a_client(relay, first)
        assert (await before.request("GET", "/nothing")).status == 401
        _renew(files, by=second.issue("localhost"))

        async def is_taken_up() -> bool:
            try:
                after = await _shown_to_a_client(relay, second)
            except ssl.SSLCertVerificationError:
                return False
            assert (await after.request("GET", "/nothing")).status == 401
            await after.stream.close()
            return True

        await until(is_taken_up, "the new certificate is shown")
        assert (await before.request("GET", "/nothing")).status == 401
        with pytest.raises(ssl.SSLCertVerificationError):
            await _shown_to_a_client(relay, first)
        await before.stream.close()


@pytest.mark.parametrize("fault", ["key of another", "certificate of another", "no certificate", "gone"])
@pytest.mark.expect_log_warnings("the old TLS certificate stays in use: tls_")
async def test_files_that_cannot_be_used_leave_the_old_certificate_in_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    authority = Authority(tmp_path / "ca")
    files = authority.issue("localhost")
    context = server_context(files.certificate, files.key)
    watched = WatchedCertificate(context, files.certificate, files.key)
    watched.look()
    match fault:
        case "key of another":
            authority.issue("localhost").key.replace(files.key)
        case "certificate of another":
            authority.issue("localhost").certificate.replace(files.certificate)
        case "no certificate":
            files.certificate.write_text("soon")
        case _:
            files.key.unlink()
    watched.look()
    watched.look()
    assert len(caplog.records) == 1, "it is said once"
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        stream = await RawStream.open("127.0.0.1", port, tls=authority.client(), name="localhost")
        await stream.close()


def test_files_that_do_not_belong_together_are_named(files: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(other)
    with pytest.raises(
        ConfigError, match=r"^tls_key: .*other\.pem is not the key of the certificate .*cert\.pem"
    ):
        server_context(files[0], other)


def test_of_two_files_the_one_that_cannot_be_used_is_named(files: tuple[Path, Path], tmp_path: Path) -> None:
    cert, key = files
    missing, text = tmp_path / "missing.pem", tmp_path / "text.pem"
    text.write_text("soon")
    for given, problem in (
        ((missing, key), r"^tls_cert: cannot read .*missing\.pem: No such file"),
        ((cert, missing), r"^tls_key: cannot read .*missing\.pem: No such file"),
        ((text, key), r"^tls_cert: .*text\.pem holds no certificate"),
        ((cert, text), r"^tls_key: .*text\.pem holds no private key"),
        ((cert, cert), r"^tls_key: .*cert\.pem holds no private key"),
    ):
        with pytest.raises(ConfigError, match=problem):
            server_context(*given)


async def test_connections_count_while_they_shake_hands(files: tuple[Path, Path]) -> None:
    """Each costs more than one that is through."""
    cert, key = files
    async with running_gateway(tls_cert=cert, tls_key=key, max_unauthenticated_per_address=3) as relay:
        silent = [await relay.dial.open() for _ in range(3)]
        await until(lambda: relay.gateway.status()["strangers"] == 3, "three strangers")
        one_too_many = await relay.dial.open()
        await one_too_many.end()
        await silent[0].close()
        await until(lambda: relay.gateway.status()["strangers"] == 2, "its place is free")
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        _, writer = await asyncio.open_connection("127.0.0.1", relay.gateway.port, ssl=context)
        await until(lambda: relay.gateway.status()["connections"], "one that is through")
        assert relay.gateway.status()["strangers"] == 3
        writer.close()
        await writer.wait_closed()


#: The first half of what a client says first: a record that is announced and does not come.
HALF_A_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"


@pytest.mark.parametrize(
    "said", [b"", HALF_A_HELLO, b"GET / HTTP/1.1\r\n\r\n"], ids=["nothing", "half", "no TLS"]
)
@pytest.mark.parametrize("how", ["end", "reset"])
async def test_who_leaves_in_the_handshake_leaves_nothing(
    files: tuple[Path, Path], said: bytes, how: str
) -> None:
    """Neither a place nor a line in the log: balancers knock like that every second."""
    async with running_gateway(tls_cert=files[0], tls_key=files[1]) as relay:
        caller = await RawStream.open("127.0.0.1", relay.gateway.port)
        if said:
            await caller.send(said)
        await until(lambda: relay.gateway.status()["strangers"] or caller.has_ended, "it is counted")
        if how == "reset":
            caller.reset()
        else:
            await caller.close()
        await until(lambda: not relay.gateway.status()["strangers"], "its place is free")
        assert not any(relay.left_behind().values())


async def test_who_says_nothing_is_let_go(files: tuple[Path, Path]) -> None:
    async with running_gateway(tls_cert=files[0], tls_key=files[1], handshake_timeout_s=0.2) as relay:
        caller = await RawStream.open("127.0.0.1", relay.gateway.port)
        await caller.send(HALF_A_HELLO)
        await caller.end()
        await caller.close()
        await until(lambda: not relay.gateway.status()["strangers"], "its place is free")


async def test_a_request_right_behind_the_handshake_is_heard(tmp_path: Path) -> None:
    """The end of a client's handshake and its first request may come in one piece."""
    authority = Authority(tmp_path / "ca")
    files = authority.issue("localhost")
    async with running_gateway(tls_cert=files.certificate, tls_key=files.key) as relay:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = authority.client().wrap_bio(incoming, outgoing, server_hostname="localhost")
        stream = await RawStream.open("127.0.0.1", relay.gateway.port)
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                await stream.send(outgoing.read())
                incoming.write(await stream.read_some())
        client.write(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await stream.send(outgoing.read())
        answer = b""
        while b"\r\n" not in answer:
            incoming.write(await stream.read_some())
            try:
                answer += client.read()
            except ssl.SSLWantReadError:
                continue
        assert answer.startswith(b"HTTP/1.1 401 ")
        await stream.close()


class _OpenDoor:
    """Lets everybody in."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []

    def arrived(self, arrival: object, address: str) -> bool:
        return True

    def left(self, arrival: object) -> None:
        pass

    def spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(work, name=name))
        return self.tasks[-1]


async def test_what_came_before_a_pause_is_read_after_it(tmp_path: Path) -> None:
    """Where nothing more comes as well: the last records of a stream once waited for the next ping."""
    authority = Authority(tmp_path / "ca")
    files = authority.issue("localhost")
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    door, slow = _OpenDoor(), PausingProtocol()
    context = server_context(files.certificate, files.key)
    server = TlsServer([listening], context, lambda _arrival: slow, handshake_timeout_s=10, door=door)
    port = listening.getsockname()[1]
    client = await RawStream.open("127.0.0.1", port, tls=authority.client(), name="localhost")
    sent = bytes(range(256)) * (3 * PIECE_BYTES // 256)
    await client.send(sent)
    await until(lambda: len(slow.received) == len(sent), "all of it is read")
    assert slow.received == sent
    slow.close()
    server.close()
    await client.close()
    await asyncio.gather(*door.tasks, return_exceptions=True)


async def test_many_at_once_are_all_answered(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    files = authority.issue("localhost")
    async with running_gateway(tls_cert=files.certificate, tls_key=files.key) as relay:
        async with asyncio.TaskGroup() as tasks:
            shown = [tasks.create_task(_shown_to_a_client(relay, authority)) for _ in range(60)]
        for each in shown:
            client = each.result()
            assert (await client.request("GET", "/nothing")).status == 401
            await client.stream.close()
