"""A control channel whose connection ends before its handshake has begun."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import pytest

from agent.config import Deadlines, NetworkConfig
from agent.errors import GatewayUnreachableError
from agent.network import Network
from agent.rendezvous_addresses import parse_address
from agent.transport import open_control
from tests.support.targets import tcp_target
from tests.support.waiting import until

P = TypeVar("P", bound=asyncio.BaseProtocol)


class _SlowNetwork(Network):
    """Gives a connection only once its far end has gone."""

    async def connect(
        self, protocol: P, host: str, port: int, *, is_secure: bool
    ) -> tuple[asyncio.Transport, P]:
        transport, protocol = await super().connect(protocol, host, port, is_secure=is_secure)
        await until(transport.is_closing, "the end of the connection")
        return transport, protocol


async def test_a_gateway_that_hangs_up_at_once_is_tried_again():
    """It is an error of the kind that is retried. It once ended the whole agent: a gateway that is full does this."""
    async with tcp_target() as target:
        address = parse_address(f"ws://{target.address}/$hc/hc?sb-hc-action=listen&sb-hc-id=1")
        network = _SlowNetwork(NetworkConfig(proxy="none"))

        async def hang_up() -> None:
            await (await target.accept()).close()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(hang_up())
            with pytest.raises(GatewayUnreachableError) as raised:
                async with open_control(address, [], network, Deadlines()):
                    pytest.fail("the control channel opened")
        assert raised.value.retryable
