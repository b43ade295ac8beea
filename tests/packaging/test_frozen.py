"""The frozen folder: what is in it, what is not, and that it is the desktop that its source is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from relaydesk import __version__
from tests.desktop.steps import expose_in_two_clicks
from tests.support.packaging_scripts import load
from tests.support.processes import PYTHON, ROOT, child, need_program
from tests.support.screens import screen, web_server

pytestmark = [pytest.mark.packaging, pytest.mark.slow, pytest.mark.timeout(600)]

MAX_BYTES = 180_000_000
#: Ubuntu 22.04's is 2.35, Debian 12's 2.36.
NEWEST_GLIBC = (2, 36)


def run(program: Path, *arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the frozen program for a user who is new, with nothing of this test's environment."""
    return subprocess.run(
        [program, *arguments],
        env={
            "PATH": os.defpath,
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home),
            "LANG": "C.UTF-8",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_it_is_not_larger_than_promised(frozen: Path):
    assert sum(file.stat().st_size for file in frozen.rglob("*") if not file.is_symlink()) <= MAX_BYTES


def test_it_needs_no_newer_glibc_than_promised(frozen: Path):
    assert load("elf.py").read_needs(frozen).glibc <= NEWEST_GLIBC


def test_it_says_what_it_is(frozen: Path, tmp_path: Path):
    said = run(frozen / "relaydesk", "--version", home=tmp_path).stdout.splitlines()
    assert said[0] == f"relaydesk {__version__}"
    assert said[1].startswith("build: portable, commit ")
    assert said[2] == "frame loop: compiled"


def test_what_nobody_needs_is_not_in_it(frozen: Path):
    names = {file.relative_to(frozen).as_posix() for file in frozen.rglob("*")}
    unwanted = (
        "gtk",
        "cairo",
        "Qml",
        "Quick",
        "WebEngine",
        "eglfs",
        "/tests/",
        "pytest",
        "nats/",
        "asyncpg",
        "pip/",
    )
    assert [name for name in names for word in unwanted if word in name] == []
    assert any(name.endswith("platforms/libqxcb.so") for name in names)
    assert any(name.endswith("tls/libqopensslbackend.so") for name in names)
    assert any("wayland" in name for name in names)


def test_a_gateway_of_many_says_where_it_is_to_be_had(frozen: Path, tmp_path: Path):
    done = run(
        frozen / "relaydesk",
        *("gateway", "serve", "--data", str(tmp_path / "data"), "--bind", "127.0.0.1:0"),
        *("--store", "postgresql://relay@127.0.0.1/relay"),
        home=tmp_path,
    )
    assert done.returncode == 2
    assert "relaydesk[cluster]" in done.stderr


async def test_it_shares_a_web_server_by_two_clicks(frozen: Path, tmp_path: Path):
    async with (
        web_server(tmp_path / "storefront", "<h1>our shop</h1>") as port,
        screen(tmp_path, "frozen", has_session=True, program=(frozen / "relaydesk",)) as seen,
        seen.desktop("--hidden") as desktop,
    ):
        await expose_in_two_clicks(seen, desktop, port)


async def test_it_proves_itself_with_tray_and_keyring(frozen: Path, tmp_path: Path):
    need_program("trayer")
    async with screen(tmp_path, "smoke", has_session=True, program=(frozen / "relaydesk",)) as seen:
        said = json.loads(await seen.run(*seen.program, "--smoke", within_s=120))
    assert said["ok"]
    assert (said["frozen"], said["tray"], said["request"]) == (True, True, 200)
    assert said["qt"]["platform"] == "xcb"
    assert said["keyring"] == {
        "state": "system",
        "backend": "keyring.backends.SecretService.Keyring",
        "works": True,
    }


@pytest.mark.parametrize("before", [None, "/opt/theirs"])
def test_what_it_starts_does_not_see_its_libraries(before: str | None):
    """A browser that loads our OpenSSL instead of its own is the classic of frozen programs."""
    code = (
        "import os, runpy, sys, types\n"
        "program = types.ModuleType('relaydesk.__main__')\n"
        "program.main = lambda: print(os.environ.get('LD_LIBRARY_PATH'), os.environ['PYINSTALLER_RESET_ENVIRONMENT'])\n"
        "sys.modules['relaydesk.__main__'] = program\n"
        "runpy.run_path('packaging/start_frozen.py')"
    )
    # as the bootloader leaves it
    environment = {"PATH": os.defpath, "LD_LIBRARY_PATH": "/usr/lib/relaydesk/_internal"}
    if before is not None:
        environment["LD_LIBRARY_PATH_ORIG"] = before
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == [str(before), "1"]


async def test_how_soon_its_window_is_there_can_be_measured(frozen: Path):
    """The figure of docs/install.md; what it is on a busy machine is not judged here."""
    command = (PYTHON, "-m", "benchmarks.starting", "--program", frozen / "relaydesk", "--rounds", "1")
    async with child("starting", *command, cwd=ROOT) as running:
        await running.says(r"RelayDesk \| \d", within_s=120)
        await running.says("Window seen, to an empty one's: .*to hold 2", within_s=60)
        assert await running.ended(within_s=60) == 0
