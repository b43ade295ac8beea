"""Captured exchanges without a relay, for what looks at them."""

from __future__ import annotations

import time

from agent.access import AccessPolicy
from agent.captured import CapturedExchange, ExchangeKind
from agent.clock import Clock
from agent.config import ConnectionConfig, Credential, NetworkConfig
from agent.counters import Counters
from agent.exchanges import Capture, Exchanges
from agent.network import Network
from agent.policy import Policy
from agent.relayed import RelayedConnections
from agent.route import Route
from agent.targets import parse_target
from hyco.addresses import parse_endpoint
from hyco.fields import Headers
from hyco.messages import RemoteEndpoint

from .agents import QUICK
from .waiting import until

SENDER = RemoteEndpoint(address="203.0.113.7", port=51_234)


def a_route(target: str = "http://127.0.0.1:3000", name: str = "web", **options: object) -> Route:
    """A hybrid connection ``hc`` at a gateway ``relay.test`` that leads to *target*."""
    config = ConnectionConfig(
        name=name,
        path="hc",
        credential=Credential(keystore="none"),
        target=parse_target(target),
        **options,  # type: ignore[arg-type]  # a test's business
    )
    return Route(
        config=config,
        policy=Policy(config),
        gateway=parse_endpoint("https://relay.test/"),
        path="hc",
        network=Network(NetworkConfig(proxy="none")),
        deadlines=QUICK,
        counters=Counters(lambda: None),
        relayed=RelayedConnections(Clock()),
        access=AccessPolicy(None, time.time),
    )


async def over(exchanges: Exchanges, number: int = 1) -> CapturedExchange:
    """Exchange *number*, once it is over."""

    def found() -> CapturedExchange | None:
        one = exchanges.get(number)
        return one if one is not None and one.is_over else None

    one = await until(found, f"exchange {number} is over")
    assert one is not None
    return one


def begun(
    exchanges: Exchanges,
    method: str = "GET",
    request_target: str = "/hc/page",
    headers: Headers = (),
    *,
    route: Route | None = None,
    kind: ExchangeKind = ExchangeKind.HTTP,
    replay_of: int | None = None,
) -> Capture:
    """An exchange that has just come in."""
    capture = exchanges.capture(
        route or a_route(),
        method=method,
        request_target=request_target,
        headers=headers,
        remote=SENDER,
        kind=kind,
        replay_of=replay_of,
    )
    assert capture is not None
    return capture


def ended(
    exchanges: Exchanges,
    method: str = "GET",
    request_target: str = "/hc/page",
    headers: Headers = (),
    body: bytes = b"",
    *,
    status: int = 200,
    reason: str = "OK",
    response_headers: Headers = (),
    response: bytes = b"",
    route: Route | None = None,
    error: str | None = None,
) -> Capture:
    """An exchange that is over."""
    capture = begun(exchanges, method, request_target, headers, route=route)
    if body:
        capture.request_piece(body)
    capture.request_ended()
    capture.asked()
    if status:
        capture.answered(status, reason, response_headers)
        if response:
            capture.response_piece(response)
    if error is None:
        capture.response_ended()
    capture.ended(error)
    return capture
