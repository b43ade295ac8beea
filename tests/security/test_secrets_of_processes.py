"""P2: no command line and no environment of any of our programs, or of what they start, holds a secret."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import psutil
import pytest

from tests.support.agent_processes import AgentSettings, agent_process, exposing
from tests.support.gateway_processes import gateway_process
from tests.support.processes import PYTHON, Child, child, run
from tests.support.secrets_watch import SecretsWatch
from tests.support.services import echo, service

pytestmark = pytest.mark.slow


def _check(watch: SecretsWatch, *programs: Child) -> list[psutil.Process]:
    """Look at everything that everybody on this computer, or everything of this user, can look at."""
    family = [process for program in programs for process in program.family()]
    for process in family:
        words = [*process.cmdline(), *(f"{name}={value}" for name, value in process.environ().items())]
        assert words
        assert not any(watch.found_in(word) for word in words), process.name()
    return family


def _open_to_others(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if stat.S_IMODE(path.lstat().st_mode) & 0o077]


async def test_gateway_and_agents_show_no_secret(tmp_path: Path):
    async with service(echo) as echoes, gateway_process(tmp_path / "data") as gateway:
        await gateway.create("hc")
        settings = await AgentSettings(tmp_path / "here", gateway).bring("hc")
        async with (
            exposing(tmp_path / "there", gateway, {"hc": echoes}) as there,
            agent_process(settings.write(), gateway.secrets) as here,
        ):
            await here.local_port("hc")
            token = (tmp_path / "data" / "admin-token").read_text().strip()
            assert gateway.secrets.found_in(f"--token={token}"), "the look itself works"
            _check(gateway.secrets, gateway.child, there.child, here.child)


async def test_a_bundled_gateway_shows_no_secret_and_opens_no_file_to_others(tmp_path: Path):
    """The umask takes nothing away here: the modes have to be made."""
    command = (PYTHON, "-m", "relaydesk", "expose", "9")
    environment = {"XDG_DATA_HOME": str(tmp_path)}
    async with child("expose", *command, environment=environment, umask=0) as program:
        folder = Path((await program.says(r"data in (\S+?)\)"))[1])
        await program.says("^ready: ")
        watch = SecretsWatch()
        watch.add((folder / "admin-token").read_text().strip())
        printed = await run(PYTHON, "-m", "relaydesk", "gateway", "keys", "--data", folder)
        match = re.search(rb"SharedAccessKey=([^;\s]+)", printed)
        assert match is not None
        watch.add(match[1].decode())
        family = _check(watch, program)
        assert len(family) >= 2, "with the gateway it started"
        watch.check("expose", program.lines)
        assert _open_to_others(folder) == []
