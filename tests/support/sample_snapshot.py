"""A desktop as somebody might have it on an ordinary afternoon, and what it did in the minute before."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Iterator

from agent.config import Direction
from agent.status import Traffic
from relaydesk.snapshot import (
    BundledState,
    ConnectionKind,
    Gateway,
    Health,
    Invitation,
    LiveConnection,
    LogLine,
    Problem,
    Proof,
    Service,
    ServiceState,
    Snapshot,
    Trouble,
)

#: An afternoon in November.
NOW = 1_795_613_400.0
HOUR = 3_600.0


def sample(now: float = NOW) -> Snapshot:
    """Three shared services, one of them public and one with its port closed, and one that was connected to."""
    return Snapshot(
        at=now,
        health=Health.DEGRADED,
        services=(
            Service(
                name="Storefront",
                direction=Direction.LISTEN,
                local="127.0.0.1:3000",
                state=ServiceState.ONLINE,
                since=now - 2 * HOUR,
                gateway="contoso",
                path="storefront-7f3a",
                url="https://contoso.servicebus.windows.net/storefront-7f3a",
                is_web=True,
                process="node",
                project="storefront",
                proof=Proof.PROVEN,
                round_trip_s=0.042,
                expires_at=now + 5.5 * HOUR,
                invitations=(
                    Invitation(id="i1", name="Ada", expires_at=now + 5.5 * HOUR),
                    Invitation(id="i2", name="Design review", expires_at=now + 23 * HOUR),
                    Invitation(id="i3", name="QA in Berlin", expires_at=now + 90 * HOUR),
                ),
                traffic=Traffic(
                    open_connections=2,
                    open_requests=1,
                    total_connections=61,
                    total_requests=1_284,
                    bytes_received=48_213_000,
                    bytes_sent=731_442_000,
                ),
            ),
            Service(
                name="Orders DB",
                direction=Direction.LISTEN,
                local="127.0.0.1:5432",
                state=ServiceState.ONLINE,
                since=now - 26 * HOUR,
                gateway="contoso",
                path="orders-db",
                url="sb://contoso.servicebus.windows.net/orders-db",
                is_web=False,
                process="postgres",
                proof=Proof.IMPOSSIBLE,
                traffic=Traffic(
                    open_connections=1, total_connections=9, bytes_received=2_411_000, bytes_sent=93_870_000
                ),
            ),
            Service(
                name="Docs preview",
                direction=Direction.LISTEN,
                local="127.0.0.1:8000",
                state=ServiceState.ONLINE,
                since=now - 600,
                gateway="This computer",
                path="docs",
                url="https://192.168.1.20:8443/docs",
                is_web=True,
                is_public=True,
                process="python",
                project="handbook",
                proof=Proof.PROVEN,
                round_trip_s=0.0031,
                expires_at=now + 50 * 60,
                traffic=Traffic(
                    total_requests=37, open_requests=1, bytes_received=41_000, bytes_sent=5_310_000
                ),
            ),
            Service(
                name="Grafana",
                direction=Direction.LISTEN,
                local="127.0.0.1:3100",
                state=ServiceState.PORT_CLOSED,
                since=now - 190,
                gateway="contoso",
                path="grafana",
                url="https://contoso.servicebus.windows.net/grafana",
                is_web=True,
                proof=Proof.PENDING,
                problem=Problem(
                    trouble=Trouble.TARGET,
                    cause="cannot reach target 127.0.0.1:3100: connection refused",
                    since=now - 190,
                    next_try_at=now + 6,
                ),
                expires_at=now + 7 * HOUR,
                traffic=Traffic(total_requests=412, bytes_received=310_000, bytes_sent=18_400_000),
            ),
            Service(
                name="Staging API",
                direction=Direction.CONNECT,
                local="127.0.0.1:9443",
                state=ServiceState.ONLINE,
                since=now - 3 * HOUR,
                gateway="relay.fabrikam.example",
                path="staging-api",
                url="",
                is_web=True,
                expires_at=now + 4 * 24 * HOUR,
                traffic=Traffic(
                    open_connections=1, total_connections=14, bytes_received=9_120_000, bytes_sent=1_204_000
                ),
            ),
        ),
        connections=_connections(now),
        gateways=(
            Gateway(
                name="This computer",
                address="192.168.1.20:8443",
                is_secure=True,
                key_name="",
                rights=("Listen", "Send", "Manage"),
                bundled=BundledState.RUNNING,
                services=1,
            ),
            Gateway(
                name="contoso",
                address="contoso.servicebus.windows.net:443",
                is_secure=True,
                key_name="relaydesk-laptop",
                rights=("Listen", "Send"),
                services=3,
            ),
            Gateway(
                name="relay.fabrikam.example",
                address="relay.fabrikam.example:443",
                is_secure=True,
                key_name="staging",
                rights=("Send",),
                path="staging-api",
                services=1,
            ),
            Gateway(
                name="workshop",
                address="10.0.4.12:8080",
                is_secure=False,
                key_name="bench",
                rights=None,
                services=0,
                problem=Problem(
                    trouble=Trouble.GATEWAY_UNREACHABLE,
                    cause="cannot reach 10.0.4.12:8080: no route to host",
                    since=now - 1_800,
                    next_try_at=now + 22,
                ),
            ),
        ),
    )


def _connections(now: float) -> tuple[LiveConnection, ...]:
    def one(
        number: int, service: str, kind: ConnectionKind, peer: str, age: float, **more: object
    ) -> LiveConnection:
        made = LiveConnection(id=number, service=service, kind=kind, peer=peer, started_at=now - age)
        return dataclasses.replace(made, **more)  # type: ignore[arg-type] # fields of a connection

    return (
        one(
            101,
            "Orders DB",
            ConnectionKind.STREAM,
            "203.0.113.58",
            5_400,
            bytes_received=411_000,
            bytes_sent=61_300_000,
        ),
        one(
            102,
            "Storefront",
            ConnectionKind.WEBSOCKET,
            "198.51.100.7",
            1_260,
            bytes_received=96_000,
            bytes_sent=8_700_000,
            about="GET /live 101",
        ),
        one(
            103,
            "Staging API",
            ConnectionKind.STREAM,
            "127.0.0.1",
            640,
            bytes_received=2_100_000,
            bytes_sent=180_000,
        ),
        one(
            104,
            "Storefront",
            ConnectionKind.STREAM,
            "198.51.100.7",
            75,
            bytes_received=18_000,
            bytes_sent=540_000,
        ),
        one(
            105,
            "Storefront",
            ConnectionKind.REQUEST,
            "2001:db8::42",
            41,
            ended_at=now - 40,
            bytes_received=812,
            bytes_sent=48_230,
            about="GET /products/sofa 200",
        ),
        one(
            106,
            "Storefront",
            ConnectionKind.REQUEST,
            "2001:db8::42",
            33,
            ended_at=now - 31,
            bytes_received=2_411,
            bytes_sent=512,
            about="POST /cart 503",
            error="the local server closed the connection before it had answered",
        ),
        one(
            107,
            "Docs preview",
            ConnectionKind.REQUEST,
            "192.168.1.77",
            12,
            ended_at=now - 12,
            bytes_received=640,
            bytes_sent=182_000,
            about="GET /assets/site.css 200",
        ),
        one(
            108,
            "Storefront",
            ConnectionKind.REQUEST,
            "198.51.100.7",
            4,
            bytes_received=920,
            bytes_sent=22_600_000,
            about="GET /download/catalogue.pdf",
        ),
        one(
            109,
            "Docs preview",
            ConnectionKind.REQUEST,
            "192.168.1.77",
            1,
            bytes_received=655,
            bytes_sent=12_400,
            about="GET /guide/",
        ),
    )


def minute(end: float = NOW) -> Iterator[Snapshot]:
    """The snapshots of the minute before *end*, two a second, the last one at *end*."""
    last = sample(end)
    steps = 120
    for step in range(steps + 1):
        left = (steps - step) / 2
        yield dataclasses.replace(
            last,
            at=end - left,
            services=tuple(
                dataclasses.replace(
                    service,
                    traffic=dataclasses.replace(
                        service.traffic,
                        bytes_received=service.traffic.bytes_received - _passed(place, left) // 14,
                        bytes_sent=service.traffic.bytes_sent - _passed(place, left),
                    ),
                )
                for place, service in enumerate(last.services)
            ),
            connections=tuple(
                dataclasses.replace(
                    connection,
                    bytes_received=max(0, connection.bytes_received - _passed(connection.id, left) // 40),
                    bytes_sent=max(0, connection.bytes_sent - _passed(connection.id, left) // 3),
                )
                for connection in last.connections
                if connection.started_at <= end - left
            ),
        )


def _passed(place: int, seconds: float) -> int:
    """What went in the last *seconds*: uneven, each row in its own way, some rows nothing."""
    pace = (1_300_000, 220_000, 90_000, 0, 410_000)[place % 5]
    halves = range(round(seconds * 2))
    return round(sum(pace / 2 * _mood(place, half / 2) for half in halves))


def _mood(place: int, second: float) -> float:
    """How busy a row is, from nothing to three."""
    slow, quick = math.sin(second / 7 + place), math.sin(second / 1.9 + 2.3 * place)
    return max(0.0, 0.9 + 1.3 * slow + 0.6 * quick)


def log_lines(now: float = NOW) -> tuple[LogLine, ...]:
    """A quarter of an hour of log."""
    said = (
        (900, logging.INFO, "relaydesk.desk", "gateway of this computer ready at https://192.168.1.20:8443"),
        (
            899,
            logging.INFO,
            "agent.listener",
            "Storefront: listening at contoso.servicebus.windows.net/storefront-7f3a",
        ),
        (
            898,
            logging.INFO,
            "agent.listener",
            "Orders DB: listening at contoso.servicebus.windows.net/orders-db",
        ),
        (
            640,
            logging.INFO,
            "agent.local_listeners",
            "Staging API: 127.0.0.1:9443 leads to relay.fabrikam.example/staging-api",
        ),
        (604, logging.INFO, "agent.listener", "Docs preview: listening at 192.168.1.20:8443/docs"),
        (
            420,
            logging.WARNING,
            "agent.listener",
            "Storefront: control channel lost (1006): trying again in 0.2 s",
        ),
        (419, logging.INFO, "agent.listener", "Storefront: listening again after 0.9 s"),
        (
            190,
            logging.WARNING,
            "agent.targets",
            "Grafana: cannot reach target 127.0.0.1:3100: connection refused",
        ),
        (75, logging.INFO, "agent.rendezvous", "Storefront: stream of 198.51.100.7 accepted"),
        (40, logging.INFO, "agent.http_exchange", "Storefront: GET /products/sofa 200 in 38 ms, 48.2 kB"),
        (
            31,
            logging.ERROR,
            "agent.http_exchange",
            "Storefront: POST /cart 503: the local server closed the connection before it had answered",
        ),
        (12, logging.INFO, "agent.http_exchange", "Docs preview: GET /assets/site.css 200 in 4 ms, 182 kB"),
    )
    return tuple(
        LogLine(number=number, at=now - ago, level=level, logger=logger, text=text)
        for number, (ago, level, logger, text) in enumerate(said)
    )
