"""Tokens of foreign listeners that end while their control channel is up.

The gateway here has little patience: a token may be overdue by three seconds, where the default is five minutes. It
needs some: Microsoft's SDKs for Java and .NET renew a token when it ends, and not before.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from .cast import Cast
from .hosting import Authority, HostedGateway, hosted_gateway
from .island import Island
from .programs import Program

pytestmark = pytest.mark.timeout(400)

LIFETIME_S = 3
RENEW_AFTER_MS = 1_500


@pytest.fixture
def hasty_gateway(the_island: Island, authority: Authority, interop_folder: Path) -> Iterator[HostedGateway]:
    """A gateway that closes a control channel three seconds after its token has ended."""
    numbers = {"token_grace_s": 3.0, "clock_skew_s": 0.0}
    with hosted_gateway(the_island, "hasty.relay.test", authority, interop_folder, numbers) as running:
        yield running


Listen = Callable[..., AbstractContextManager[Program]]

LISTENERS: dict[str, Callable[[Cast], Listen]] = {
    "hyco-https": lambda cast: functools.partial(cast.node, "hyco_https", "listener"),
    "jetty": lambda cast: functools.partial(cast.java, "HttpListener"),
}


@pytest.mark.parametrize("kind", LISTENERS)
def test_a_listener_keeps_its_channel_by_renewing_and_loses_it_otherwise(
    hasty_gateway: HostedGateway, cast: Cast, kind: str
):
    """Both start with a token of three seconds; when the one without renewal is closed, the other is not."""
    kept, lost = hasty_gateway.create("kept"), hasty_gateway.create("lost")
    listen = LISTENERS[kind](cast)
    lifetime = {"TOKEN_LIFETIME_S": str(LIFETIME_S), "RENEW_AFTER_MS": str(RENEW_AFTER_MS)}
    with (
        listen(kept, environment=lifetime) as renewing,
        listen(lost, "--fixed-token", environment=lifetime) as fixed,
        cast.node("hyco_https", "sender", kept) as sender,
    ):
        renewing.event("listening")
        fixed.event("listening")
        assert fixed.event("lost")["code"] == 1008
        (response,) = sender.ask(requests=[{"method": "POST", "target": "/echo", "body": 10}])["responses"]
        assert (response["status"], response["bytes"]) == (200, 10)
        assert not renewing.has_seen("lost")
