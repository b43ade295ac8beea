"""Several gateways that act as one: a database, NATS, and as many gateways as are asked for."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from .gateway_processes import GatewayProcess, gateway_process
from .hosts import Host
from .nats import NatsServer, nats_servers
from .postgresql import PASSWORD, PostgresServer


@dataclass(frozen=True)
class Cluster:
    """What runs."""

    gateways: Sequence[GatewayProcess]
    nats: Sequence[NatsServer]
    postgres: PostgresServer


@contextlib.asynccontextmanager
async def cluster(
    folder: Path,
    postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    *arguments: str,
    each: Sequence[Sequence[str]] = ((),) * 3,
    nats_count: int = 1,
    hosts: Mapping[str, Host] | None = None,
    numbers: Mapping[str, float] | None = None,
) -> AsyncIterator[Cluster]:
    """Gateways ``g0``, ``g1``, … over one new database of *postgres*; *arguments* are for all of them, *each* has one's own.

    With *hosts* they, and NATS on ``nats``, are on those of their names.
    """
    monkeypatch.setenv("PGPASSFILE", str(postgres.password_file(folder)))
    store = postgres.url(await postgres.database(), password=None)
    async with (
        nats_servers(folder / "nats", nats_count, host=(hosts or {}).get("nats")) as nats,
        contextlib.AsyncExitStack() as stack,
    ):
        gateways = []
        for number, own in enumerate(each):
            made = await stack.enter_async_context(
                gateway_process(
                    folder / f"g{number}",
                    *("--store", store, "--fabric", ",".join(server.url for server in nats)),
                    *("--node-name", f"g{number}", *arguments, *own),
                    numbers={"notice_s": 0, **(numbers or {})},  # no balancer has to hear of it
                    host=(hosts or {}).get(f"g{number}"),
                )
            )
            made.secrets.add(PASSWORD)
            gateways.append(made)
        yield Cluster(gateways, nats, postgres)
