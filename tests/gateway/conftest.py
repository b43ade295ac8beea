"""A running gateway for the tests of what it does on its sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.gateways import RunningGateway


@pytest.fixture
async def relay() -> AsyncIterator[RunningGateway]:
    """A gateway with two hybrid connections: ``hc``, and ``open``, whose senders need no token."""
    # imported here, so that tests of single modules do not import the whole gateway
    from tests.support.gateways import running_gateway

    async with running_gateway() as running:
        await running.create("hc")
        await running.create("open", is_anonymous=True)
        yield running
