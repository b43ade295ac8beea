"""P5: the agent shows its token to nobody whose certificate is not right, as a listener and as a sender alike."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.support.agent_processes import AgentSettings, agent_process
from tests.support.certificates import Authority, CertificateFiles
from tests.support.processes import LOOPBACK
from tests.support.raw_stream import End, RawStream
from tests.support.secrets_watch import SecretsWatch
from tests.support.waiting import until

NOW = dt.datetime.now(dt.UTC)

Issue = Callable[[Authority, Authority], CertificateFiles]

GOOD: Issue = lambda trusted, other: trusted.issue("localhost")  # noqa: E731 - one line of a table

#: OpenSSL up to 3.0.19 ends the connection without a word, 3.0.20 says that it knows no common signature algorithm, others
#: that the version is not supported. A certificate that is not trusted reads otherwise.
TOO_OLD = r"connection was ended|TLS failed \("

#: What is wrong with a server: its certificate, the newest TLS it speaks, and what the agent says about it.
BAD: dict[str, tuple[Issue, ssl.TLSVersion, str]] = {
    "self-signed": (lambda trusted, other: other.self_signed, ssl.TLSVersion.TLSv1_3, "self-signed"),
    "untrusted": (
        lambda trusted, other: other.issue("localhost"),
        ssl.TLSVersion.TLSv1_3,
        "unable to get local issuer",
    ),
    "wrong-name": (
        lambda trusted, other: trusted.issue("other.test"),
        ssl.TLSVersion.TLSv1_3,
        "it is for another host name",
    ),
    "expired": (
        lambda trusted, other: trusted.issue("localhost", not_after=NOW - dt.timedelta(hours=1)),
        ssl.TLSVersion.TLSv1_3,
        "expired",
    ),
    "not-yet-valid": (
        lambda trusted, other: trusted.issue("localhost", not_before=NOW + dt.timedelta(hours=1)),
        ssl.TLSVersion.TLSv1_3,
        "not yet valid",
    ),
    "short-key": (
        lambda trusted, other: trusted.issue_short("localhost"),
        ssl.TLSVersion.TLSv1_3,
        "key too small|key too weak",
    ),
    "tls-1.1": (GOOD, ssl.TLSVersion.TLSv1_1, TOO_OLD),
    "tls-1.0": (GOOD, ssl.TLSVersion.TLSv1, TOO_OLD),
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning"),
]


class _Server:
    """A TLS server that notes what it is told and says nothing."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.port = 0
        self.heard = b""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[_Server]:
        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                self.heard += await reader.read(4_096)
            writer.close()

        server = await asyncio.start_server(accepted, LOOPBACK, 0, ssl=self.context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()


def _context(files: CertificateFiles, newest: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # the server is willing to do what the client must not
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = newest
    context.load_cert_chain(files.certificate, files.key)
    return context


async def test_no_token_is_shown_to_a_server_that_cannot_be_trusted(tmp_path: Path):
    trusted, other = Authority(tmp_path / "trusted"), Authority(tmp_path / "other")
    watch = SecretsWatch()
    settings = AgentSettings(tmp_path / "agent")
    servers: dict[str, _Server] = {}
    async with contextlib.AsyncExitStack() as stack:
        for name, (issue, newest, _) in {**BAD, "good": (GOOD, ssl.TLSVersion.TLSv1_2, "")}.items():
            server = _Server(_context(issue(trusted, other), newest))
            servers[name] = await stack.enter_async_context(server.serving())
            key = secrets.token_urlsafe(32)
            watch.add(key)
            text = f"Endpoint=sb://localhost:{server.port}/;SharedAccessKeyName=k;SharedAccessKey={key}"
            settings.add(f"listen-{name}", text, target="9")
            settings.add(f"send-{name}", text, direction="connect", local=f"{LOOPBACK}:0")
        config = settings.write(ca_file=trusted.certificate, deadlines={"handshake_s": 5.0, "connect_s": 5.0})
        agent = await stack.enter_async_context(agent_process(config, watch))

        for name in (
            "tls-1.0",
            "tls-1.1",
        ):  # these end the connection: they would not, with a client that is lax
            lax = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            lax.load_verify_locations(trusted.certificate)
            lax.set_ciphers("ALL:@SECLEVEL=0")
            lax.minimum_version = ssl.TLSVersion.TLSv1
            stream = await RawStream.open(LOOPBACK, servers[name].port, tls=lax, name="localhost")
            await stream.close()
        for name, (_, _, reason) in BAD.items():
            await agent.child.says(rf"listen-{name}: .*(?:{reason}).*; next try in")
            local = await RawStream.open(LOOPBACK, await agent.local_port(f"send-{name}"))
            _, end = await local.read_to_end()
            assert end is End.RESET
            await agent.child.says(rf"send-{name}: .*(?:{reason})")
            await local.close()
        assert {name: servers[name].heard for name in BAD} == dict.fromkeys(BAD, b"")
        await until(
            lambda: b"ServiceBusAuthorization" in servers["good"].heard, "the good one is shown the token"
        )


async def test_a_gateway_without_tls_beyond_this_computer_is_refused_unless_that_is_named(tmp_path: Path):
    watch = SecretsWatch()
    key = secrets.token_urlsafe(32)
    watch.add(key)
    text = (
        f"Endpoint=sb://relay.test/;SharedAccessKeyName=k;SharedAccessKey={key};UseDevelopmentEmulator=true"
    )
    config = AgentSettings(tmp_path).add("hc", text, target="9").write()
    async with agent_process(config, watch) as agent:
        await agent.child.says(r"hc: .*speaks no TLS.*set insecure to allow it")
        assert not agent.child.said("next try")
