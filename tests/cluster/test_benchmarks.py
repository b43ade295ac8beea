"""The benchmarks of several gateways give the figures that docs/scaling.md shows; what those are is not judged here."""

from __future__ import annotations

import os

import pytest

from tests.support.postgresql import PASSWORD, PostgresServer
from tests.support.processes import PYTHON, child

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.mark.parametrize(
    ("module", "rows"),
    [
        (
            "clustering",
            ["relayed connections", "small HTTP requests", "stream", "a listener", "events per s"],
        ),
        ("fan_out", ["p50, ms", "p99, ms", r"heard by the 25th \\| 50", "to hold 1.2"]),
    ],
)
async def test_each_gives_its_rows(postgres_server: PostgresServer, module: str, rows: list[str]) -> None:
    store = postgres_server.url(await postgres_server.database(), password=None)
    command = (PYTHON, "-m", f"benchmarks.{module}", "--store", store, "--quick")
    async with child(module, *command, environment={**os.environ, "PGPASSWORD": PASSWORD}) as running:
        for row in rows:
            await running.says(row, within_s=90)
        assert await running.ended(within_s=60) == 0
