"""P3: what a gateway and an agent keep is for their owner alone, and nothing planted is followed or believed."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.agent_processes import AgentSettings, agent_process
from tests.support.gateway_processes import gateway_process
from tests.support.processes import LOOPBACK, PYTHON, Child, child

#: What others may read, because it is handed out.
PUBLIC = {"ca.pem", "server.pem"}

PRECIOUS = b"not for a gateway to write into, and nothing it could use"

pytestmark = pytest.mark.slow


async def test_a_umask_of_nothing_opens_no_file(tmp_path: Path):
    folder = tmp_path / "data"
    async with gateway_process(folder, "--tls-self-signed", umask=0) as gateway:
        await gateway.create("hc")
        found = {path.relative_to(folder).as_posix(): path.lstat().st_mode for path in folder.rglob("*")}
        assert {"admin-token", "gateway.db", "gateway.db-wal", "gateway.lock", "tls/ca-key.pem"} <= set(found)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for name, mode in found.items():
            if stat.S_ISDIR(mode):
                assert stat.S_IMODE(mode) == 0o700, name
            elif Path(name).name in PUBLIC:
                assert stat.S_IMODE(mode) == 0o644, name
            else:
                assert stat.S_IMODE(mode) == 0o600, name


@asynccontextmanager
async def _starting(folder: Path) -> AsyncIterator[Child]:
    address = f"{LOOPBACK}:0"
    command = (PYTHON, "-m", "gateway", "--data", folder, "--bind", address, "--admin-bind", address)
    async with child("gateway", *command, "--tls-self-signed") as program:
        yield program


def _symbolic(place: Path, victim: Path) -> None:
    place.symlink_to(victim)


def _hard(place: Path, victim: Path) -> None:
    place.hardlink_to(victim)


@pytest.mark.parametrize("link", [_symbolic, _hard], ids=["symbolic", "hard"])
@pytest.mark.parametrize(
    "name",
    ["gateway.lock", "gateway.db", "gateway.db-wal", "admin-token", "tls/ca-key.pem", "tls/server-key.pem"],
)
async def test_a_link_in_place_of_a_file_is_not_followed(
    tmp_path: Path, name: str, link: Callable[[Path, Path], None]
):
    victim = tmp_path / "victim"
    victim.write_bytes(PRECIOUS)
    victim.chmod(0o600)
    place = tmp_path / "data" / name
    (tmp_path / "data").mkdir(mode=0o700)
    place.parent.mkdir(mode=0o700, exist_ok=True)
    link(place, victim)
    async with _starting(tmp_path / "data") as program:
        assert await program.ended() == 2, program.tail
        assert program.said(rf"^error: .*{place.name}"), program.tail
    assert victim.read_bytes() == PRECIOUS
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600


async def test_a_link_in_place_of_what_is_written_anew_is_replaced(tmp_path: Path):
    victim = tmp_path / "victim"
    victim.write_bytes(PRECIOUS)
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    (folder / "admin-address").symlink_to(victim)
    async with _starting(folder) as program:
        await program.says("^ready: ")
        assert not (folder / "admin-address").is_symlink()
    assert victim.read_bytes() == PRECIOUS


@pytest.mark.parametrize("name", ["admin-token", "gateway.db", "tls/ca-key.pem"])
async def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, name: str):
    folder = tmp_path / "data"
    async with _starting(folder) as program:
        await program.says("^ready: ")
    (folder / name).chmod(0o640)
    async with _starting(folder) as program:
        assert await program.ended() == 2, program.tail
        assert program.said(rf"others can read or write \S*{name}"), program.tail


async def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o777)
    async with _starting(tmp_path / "data") as program:
        assert await program.ended() == 2, program.tail
        assert program.said("others can write to the folder"), program.tail


async def test_an_agent_refuses_a_key_file_that_others_can_read_until_it_is_closed(tmp_path: Path):
    async with gateway_process(tmp_path / "data", numbers={}) as gateway:
        await gateway.create("hc")
        config = (await AgentSettings(tmp_path / "agent", gateway).expose("hc", "9")).write()
        (tmp_path / "agent" / "0.key").chmod(0o644)
        async with agent_process(config, gateway.secrets) as agent:
            await agent.child.says(r"can be read by others \(mode 0644\).*chmod 600")
            assert (await gateway.status())["listeners"] == 0
        (tmp_path / "agent" / "0.key").chmod(0o600)
        async with agent_process(config, gateway.secrets):
            await gateway.until_listening(1)
