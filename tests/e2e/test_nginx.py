"""Acceptance 4: 2,000 requests to a real nginx behind the HTTP relay, none lost, every body whole."""

from __future__ import annotations

import asyncio
import hashlib
import random
from pathlib import Path

import pytest

from tests.support.agent_processes import exposing
from tests.support.gateway_processes import gateway_process
from tests.support.nginx import nginx
from tests.support.processes import LOOPBACK, free_port

REQUESTS = 2_000
AT_ONCE = 32
FILES = 50
LARGEST_BYTES = 100_000

SITE = """
worker_processes 1;
events { worker_connections 512; }
http {
    access_log off;
    default_type application/octet-stream;
    server { listen 127.0.0.1:%(port)d; root %(root)s; }
}
"""


@pytest.mark.slow
async def test_two_thousand_requests_lose_nothing(tmp_path: Path):
    chance = random.Random(4)
    root = tmp_path / "site"
    root.mkdir()
    files = {}
    for number, size in enumerate(
        [0, LARGEST_BYTES, *(chance.randrange(LARGEST_BYTES) for _ in range(FILES))]
    ):
        content = chance.randbytes(size)
        (root / f"{number}.bin").write_bytes(content)
        files[f"{number}.bin"] = hashlib.sha256(content).digest()
    names = list(files)
    port = free_port()
    async with (
        nginx(tmp_path / "nginx", SITE % {"port": port, "root": root}),
        gateway_process(tmp_path / "data") as gateway,
    ):
        await gateway.create("site", is_anonymous=True)
        async with exposing(tmp_path / "agent", gateway, {"site": f"http://{LOOPBACK}:{port}"}):
            numbers = iter(range(REQUESTS))
            answered: list[int] = []

            async def ask() -> None:
                http = await gateway.http()
                for number in numbers:
                    name = names[number % len(names)]
                    response = await http.request("GET", f"/site/{name}")
                    assert response.status == 200, response.line
                    assert hashlib.sha256(response.body).digest() == files[name]
                    answered.append(number)

            async with asyncio.TaskGroup() as tasks:
                for _ in range(AT_ONCE):
                    tasks.create_task(ask())
            assert sorted(answered) == list(range(REQUESTS))
