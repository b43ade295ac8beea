"""A gateway that keeps its entities in PostgreSQL, as its operator runs it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from tests.support.gateway_processes import GatewayProcess, gateway_process
from tests.support.postgresql import PASSWORD, PostgresServer
from tests.support.processes import PYTHON, run
from tests.support.waiting import until

pytestmark = pytest.mark.slow


async def _talk(gateway: GatewayProcess, text: str, path: str = "hc") -> None:
    async with asyncio.timeout(20):
        listener = await gateway.listen(path)
        sender, far = await gateway.pair(listener, path)
        await sender.send_text(text)
        assert (await far.read_message()).text == text
        await listener.close()


async def test_what_is_in_the_database_outlives_the_data_folder(
    tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder keeps what is this gateway's own; keys and hybrid connections are everybody's."""
    monkeypatch.setenv("PGPASSFILE", str(postgres_server.password_file(tmp_path)))
    store = postgres_server.url(await postgres_server.database(), password=None)
    async with gateway_process(tmp_path / "one", "--store", store) as gateway:
        gateway.secrets.add(PASSWORD)
        await gateway.create("hc")
        rule = gateway.rule
        await _talk(gateway, "first")
        assert PASSWORD not in " ".join(psutil.Process(gateway.child.pid).cmdline())
    async with gateway_process(tmp_path / "two", "--store", store) as gateway:
        assert await gateway.connections() == ["hc"]
        assert gateway.rule == rule
        await _talk(gateway, "second")
    assert not (tmp_path / "two" / "gateway.db").exists()
    # it does not run: what is in the database must not seem to be gone
    with pytest.raises(
        AssertionError, match=r"keeps its hybrid connections and keys in postgresql://.*, and does not run"
    ):
        await run(PYTHON, "-m", "relaydesk", "gateway", "relay", "list", "--data", tmp_path / "two")
    with pytest.raises(AssertionError) as caught:
        async with gateway_process(tmp_path / "two"):
            pass
    assert "--store: the gateway with this data folder keeps its entities in postgresql://" in "".join(
        [str(caught.value), *getattr(caught.value, "__notes__", ())]
    )


async def test_relaying_goes_on_while_the_database_is_gone(
    tmp_path: Path, own_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSFILE", str(own_server.password_file(tmp_path)))
    async with gateway_process(tmp_path / "data", "--store", own_server.url(password=None)) as gateway:
        for path in ("hc", "other"):
            await gateway.create(path)
        listener = await gateway.listen("hc")
        sender, far = await gateway.pair(listener)
        for end in (own_server.kill, own_server.stop):
            await asyncio.to_thread(end)
            await sender.send_text("still there?")
            assert (await far.read_message()).text == "still there?"
            another, its_far = await gateway.pair(listener)
            await another.send_text("and a new one")
            assert (await its_far.read_message()).text == "and a new one"
            refused = await gateway.admin("PUT", "/namespaces/relaydesk/hybridConnections/more", {})
            assert refused.status == 503, refused.line
            await _talk(gateway, "a listener that comes now", "other")
            await asyncio.to_thread(own_server.start)

            async def is_counted() -> bool:
                rows = await own_server.execute("select count(*) from relaydesk.listeners")
                return rows[0][0] == 1

            await until(is_counted, "the ledger knows the one listener that is there", within_s=20)
        await gateway.create("more")
        assert await gateway.connections() == ["hc", "more", "other"]


async def test_a_database_that_cannot_be_reached_is_said_at_the_start(
    tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSFILE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    store = postgres_server.url("nowhere", password=None)
    with pytest.raises(AssertionError) as caught:
        async with gateway_process(tmp_path / "data", "--store", store):
            pass
    said = f"{caught.value} {getattr(caught.value, '__notes__', '')}"
    assert (
        f"error: the store postgresql://127.0.0.1:{postgres_server.port}/nowhere cannot be used: it does not let this user in"
        in said
    )
