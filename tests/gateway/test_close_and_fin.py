"""A sender that ends its half of TCP right behind its Close, and waits for the answer.

Jetty does, and with it Microsoft's Java SDK: its application has to see the answer's code and not 1006.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from tests.support.gateways import LOOPBACK, RunningGateway, running_gateway
from tests.support.raw_http import request_head
from tests.support.raw_relay import Dial, RawListener
from tests.support.raw_stream import STEP_S, End
from tests.support.raw_websocket import CLOSE, RawWebSocket, close_payload, frame, upgrade_headers


async def test_plain_the_answer_is_the_other_sides_close_when_it_comes(relay: RunningGateway):
    near, far = await relay.pair(await relay.listen())
    await near.send_close(3000, "done")
    near.stream.half_close()
    assert (await far.read_close()).code == 3000
    await far.send_text("last words")
    assert (await near.read_message()).text == "last words"
    await far.send_close(3001, "me too")
    answer = await near.read_close()
    assert (answer.code, answer.reason) == (3001, "me too")
    assert await near.end() is End.FIN
    assert await far.end() is End.FIN


class TlsByHand:
    """TLS on a plain TCP connection, which asyncio's own would end as a whole where only one half of it is to end."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext
    ) -> None:
        self._reader, self._writer = reader, writer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")

    async def send(self, data: bytes) -> None:
        """Send *data*, with the handshake before it where there was none."""
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._exchange()
        self._tls.write(data)
        await self._flush()

    async def end_half(self) -> None:
        """Send close_notify and a FIN, and go on reading."""
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.unwrap()
        await self._flush()
        self._writer.write_eof()

    async def read_until(self, wanted: bytes) -> bytes:
        """Give what comes until *wanted* is in it, or the end of TLS or TCP."""
        received = b""
        while wanted not in received:
            try:
                piece = self._tls.read(65_536)
            except ssl.SSLWantReadError:
                if not await self._exchange():
                    break
                continue
            except ssl.SSLZeroReturnError:
                break
            received += piece
        return received

    def close(self) -> None:
        """End the connection."""
        self._writer.transport.abort()

    async def _exchange(self) -> bool:
        await self._flush()
        async with asyncio.timeout(STEP_S):
            data = await self._reader.read(65_536)
        self._incoming.write(data)
        return bool(data)

    async def _flush(self) -> None:
        if data := self._outgoing.read():
            self._writer.write(data)
            await self._writer.drain()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def secure(tmp_path: Path, authority: trustme.CA) -> AsyncIterator[RunningGateway]:
    """A gateway that speaks TLS, as whom everybody here trusts."""
    issued = authority.issue_cert("localhost")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    async with running_gateway(tls_cert=certificate, tls_key=key) as running:
        await running.create("open", is_anonymous=True)
        running.dial = Dial(LOOPBACK, running.gateway.port, tls=trusting(authority), name="localhost")
        yield running
        await running.dial.close()


@pytest.fixture
async def sender(secure: RunningGateway, authority: trustme.CA) -> AsyncIterator[TlsByHand]:
    reader, writer = await asyncio.open_connection(LOOPBACK, secure.gateway.port)
    by_hand = TlsByHand(reader, writer, trusting(authority))
    yield by_hand
    by_hand.close()


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_tls_the_senders_own_close_is_the_answer(secure: RunningGateway, sender: TlsByHand):
    """The loop ends both halves of TLS at once, so no later answer could arrive."""
    listener: RawListener = await secure.listen("open")
    far = await request_and_accept(sender, listener)
    payload = close_payload(3000, "done")
    await sender.send(frame(CLOSE, payload, mask=b"mask"))
    await sender.end_half()
    assert (await far.read_close()).code == 3000
    assert await sender.read_until(b"never said") == frame(CLOSE, payload, mask=None)
    await far.send_close(3000, "done")
    assert await far.end() is End.FIN


async def request_and_accept(sender: TlsByHand, listener: RawListener) -> RawWebSocket:
    await sender.send(request_head("GET", "/$hc/open", upgrade_headers("localhost")))
    far = await listener.accept()
    assert (await sender.read_until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    return far
