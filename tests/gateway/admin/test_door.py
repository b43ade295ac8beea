"""gateway/admin/door.py: the descriptors of the process are not the admin API's alone."""

from __future__ import annotations

import pytest

from gateway.admin.door import MAX_CONNECTIONS
from tests.support.gateways import LOOPBACK, running_gateway
from tests.support.raw_http import RawHttp
from tests.support.raw_relay import Dial
from tests.support.waiting import until


async def test_of_too_many_connections_that_say_nothing_the_oldest_end():
    async with running_gateway() as relay:
        admin = Dial(LOOPBACK, relay.gateway.admin_port)
        silent = [await admin.open() for _ in range(MAX_CONNECTIONS * 3)]
        host = f"{LOOPBACK}:{relay.gateway.admin_port}"
        assert (await RawHttp(await admin.open(), host).request("GET", "/healthz")).status == 200
        await until(lambda: sum(not stream.has_ended for stream in silent) < MAX_CONNECTIONS, "they end")
        assert silent[0].has_ended
        assert not silent[-1].has_ended
        await admin.close()


async def test_what_cannot_be_parsed_is_not_logged(caplog: pytest.LogCaptureFixture):
    """Anybody on this computer could fill the log, and a token with one space too many stood in it."""
    async with running_gateway() as relay:
        admin = Dial(LOOPBACK, relay.gateway.admin_port)
        for line in (b"Authorization : Bearer s3cret", b"\x00", b"X" * 20_000):
            stream = await admin.open()
            await stream.send(b"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\n%b\r\n\r\n" % line)
            assert b" 400 " in (await stream.read_some())[:20]
        await admin.close()
    assert "s3cret" not in caplog.text
    assert "Traceback" not in caplog.text
