"""gateway/admin/door.py: the descriptors of the process are not the admin API's alone."""

from __future__ import annotations

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
