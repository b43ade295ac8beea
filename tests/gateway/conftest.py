"""A running gateway for the tests of what it does on its sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.gateways import RunningGateway, running_gateway


@pytest.fixture
async def relay() -> AsyncIterator[RunningGateway]:
    """A gateway with two hybrid connections: ``hc``, and ``open``, whose senders need no token."""
    async with running_gateway() as running:
        await running.create("hc")
        await running.create("open", is_anonymous=True)
        yield running
