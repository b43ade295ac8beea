"""gateway.tls: what asyncio's TLS is kept from keeping, and certificates that cannot be used."""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import ssl
from pathlib import Path

import pytest
import trustme

from gateway.errors import ConfigError
from gateway.tls import TLS_READ_BUFFER_BYTES, server_context
from tests.support.gateways import running_gateway
from tests.support.waiting import until


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    issued = trustme.CA().issue_cert("localhost")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    return cert, key


async def test_a_tls_connection_reads_into_a_small_buffer(files: tuple[Path, Path]) -> None:
    """It is an attribute of asyncio's own that is set; a Python that ignores it would cost 256 KiB a connection."""
    cert, key = files
    async with running_gateway(tls_cert=cert, tls_key=key) as relay:
        context = ssl.create_default_context(cafile=str(cert))
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        _, writer = await asyncio.open_connection("127.0.0.1", relay.gateway.port, ssl=context)
        await until(lambda: relay.gateway.status()["connections"], "the connection")
        (connection,) = relay.gateway._connections
        protocol = connection._transport._ssl_protocol  # type: ignore[union-attr]
        assert isinstance(protocol, asyncio.sslproto.SSLProtocol)
        assert len(protocol._ssl_buffer) == TLS_READ_BUFFER_BYTES
        writer.close()
        await writer.wait_closed()


async def test_old_tls_is_refused(files: tuple[Path, Path]) -> None:
    cert, key = files
    assert server_context(cert, key).minimum_version >= ssl.TLSVersion.TLSv1_2


def test_files_that_do_not_belong_together_are_named(files: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(other)
    with pytest.raises(ConfigError, match=r"cert\.pem with the key .*other\.pem"):
        server_context(files[0], other)
    with pytest.raises(ConfigError, match=r"missing\.pem"):
        server_context(tmp_path / "missing.pem", files[1])
