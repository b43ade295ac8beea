"""The whole desktop where things are not as they should be: folders, disks, locales, files, other starts (reliability D5, D6)."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from tests.support.desks import connection_string
from tests.support.driven_desktops import DrivenDesktop, Home, RefusedError, driven_desktop
from tests.support.gateways import running_gateway
from tests.support.processes import PYTHON, ROOT, need_program
from tests.support.targets import tcp_target

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

TEXT = "Endpoint=sb://gw.example/;SharedAccessKeyName=desk;SharedAccessKey=bm90IGEgcmVhbCBrZXk="


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home.below(tmp_path_factory.mktemp("rd"))


def listed(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


async def keep_until_quit(desktop: DrivenDesktop) -> None:
    await desktop.until(lambda now: now["keystore"] == "UNDECIDED", "there is no keyring")
    await desktop.ask("choose_keystore", state="UNTIL_QUIT")


# D5


async def test_what_lies_where_it_is_started_is_ignored(home: Home, tmp_path: Path):
    for name in ("asyncio", "logging", "relaydesk", "agent", "qasync", "PySide6", "keyring", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name} was planted')")
    (tmp_path / "agent.toml").write_text('[[connections]]\nname = "planted"\ntarget = "22"\n')
    (tmp_path / "desktop.toml").write_text('reach = "network"\n')
    (tmp_path / "keys.sealed").write_text("planted")
    (tmp_path / "windows.json").write_text("{}")
    (tmp_path / "qt.conf").write_text("[Paths]\nPlugins = .\n")
    (tmp_path / "platforms").mkdir()
    for name in ("platforms/libqoffscreen.so", "libssl.so.3", "libQt6Core.so.6"):
        (tmp_path / name).write_bytes(b"planted")
    before = listed(tmp_path)
    async with driven_desktop(home, cwd=tmp_path) as desktop:
        now = await desktop.until(lambda now: now["keystore"] == "UNDECIDED", "it has begun")
        assert now["services"] == {}
        assert now["problem"] is None
    assert listed(tmp_path) == before, "and nothing is written there"


# D6


async def test_a_second_start_hands_over_and_ends(home: Home):
    async with driven_desktop(home) as desktop:
        ended = await run_desktop(home)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
        assert (await desktop.ask("window"))["visible"]


async def test_what_a_killed_one_left_is_no_hindrance(home: Home):
    async with driven_desktop(home) as desktop:
        await desktop.kill()
    assert (home.runtime / "relaydesk" / "desktop.lock").exists()
    async with driven_desktop(home) as desktop:
        assert (await desktop.ask("window"))["visible"]
        ended = await run_desktop(home)
        assert ended.returncode == 0


async def test_killed_while_it_writes_it_leaves_settings_that_can_be_read(home: Home):
    for number in range(6):
        async with driven_desktop(home) as desktop:
            now = await desktop.ask("state")
            assert now["problem"] is None, f"after {number} kills"
            # preferences are written over and over; the answer to the last is not waited for
            for count in range(3 + number):
                await desktop.ask("save_preferences", lifetime_s=60.0 + count)
            desktop.tell("save_preferences", lifetime_s=7.0 + number)
            await desktop.kill()
    leftovers = [path.name for path in home.config.iterdir() if "broken" in path.name]
    assert leftovers == []


async def test_a_home_that_cannot_be_written_is_said(home: Home):
    async with driven_desktop(home, prefix=read_only(home)) as desktop:
        await keep_until_quit(desktop)
        with pytest.raises(RefusedError) as caught:
            await desktop.ask("add_gateway", text=TEXT, name="Mine")
        assert caught.value.trouble == "DISK"
        assert "ead-only" in caught.value.cause
        assert (await desktop.ask("window"))["visible"]
        assert (await desktop.ask("ticks", seconds=0.3))["count"] > 5


async def test_a_full_disk_is_said_and_what_is_shared_goes_on(home: Home):
    async with running_gateway() as gateway, tcp_target() as target:
        text = await connection_string(gateway)
        async with driven_desktop(home, prefix=small_disk(home)) as desktop:
            await keep_until_quit(desktop)
            await desktop.ask("add_gateway", text=text, name="Mine")
            await desktop.ask("expose", target=target.address, name="Database", gateway="Mine", who="KEY")
            await desktop.ask("fill", folder=str(home.folder))
            with pytest.raises(RefusedError) as caught:
                await desktop.ask("add_gateway", text=TEXT, name="Second")
            assert caught.value.trouble == "DISK"
            assert "No space left" in caught.value.cause
            now = await desktop.ask("state")
            assert now["gateways"] == ["This computer", "Mine"]
            await desktop.until(lambda now: now["services"]["Database"]["state"] == "ONLINE", "it goes on")
            await desktop.ask("empty", folder=str(home.folder))
            assert await desktop.ask("add_gateway", text=TEXT, name="Second") == "Second"


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "LANG": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"QT_SCALE_FACTOR": "2"},
        {"QT_SCALE_FACTOR": "1.75", "QT_FONT_DPI": "144"},
    ],
    ids=["C", "ASCII", "200 %", "175 %"],
)
async def test_locale_and_scale_do_not_matter(home: Home, environment: dict[str, str]):
    async with driven_desktop(home, environment=environment) as desktop:
        await keep_until_quit(desktop)
        assert await desktop.ask("add_gateway", text=TEXT, name="Größe 東京") == "Größe 東京"
        window = await desktop.ask("window")
        assert window["visible"]
        assert not window["has_tray"], "offscreen there is none: the window is everything"
    async with driven_desktop(home, environment=environment) as desktop:
        assert (await desktop.ask("state"))["gateways"] == ["This computer", "Größe 東京"]


# Bad input


async def test_damaged_files_are_kept_aside_and_said(home: Home):
    home.config.mkdir(parents=True)
    (home.config / "agent.toml").write_bytes(b"[[connections\xff")
    state = home.folder / ".local" / "state" / "relaydesk"
    state.mkdir(parents=True)
    (state / "windows.json").write_bytes(b"{")
    async with driven_desktop(home) as desktop:
        now = await desktop.ask("state")
        assert now["problem"][0] == "CONFIG"
        assert "agent.toml.broken-1" in now["problem"][1]
        await desktop.until(
            lambda shown: any("agent.toml.broken-1" in text for text in shown["texts"]),
            "it is said",
            do="window",
        )
    assert (home.config / "agent.toml.broken-1").read_bytes() == b"[[connections\xff"
    assert (state / "windows.json.damaged-1").read_bytes() == b"{"
    assert "windows.json.damaged-1" in home.log()


@pytest.mark.parametrize("how", ["junk", "open to others", "a folder", "a link", "empty"])
async def test_a_sealed_file_that_cannot_be_used_is_said(home: Home, how: str):
    home.config.mkdir(parents=True, mode=0o700)
    sealed = home.config / "keys.sealed"
    match how:
        case "junk" | "empty" | "open to others":
            sealed.write_bytes(b"" if how == "empty" else b"junk")
            sealed.chmod(0o644 if how == "open to others" else 0o600)
        case "a folder":
            sealed.mkdir()
        case "a link":
            sealed.symlink_to("/etc/passwd")
    async with driven_desktop(home) as desktop:
        assert (await desktop.ask("ticks", seconds=0.5))["count"] > 5
        now = await desktop.ask("state")
        assert now["problem"] is not None or now["keystore"] in ("SEALED_FILE_CLOSED", "UNDECIDED"), now
        with pytest.raises(RefusedError):
            await desktop.ask("add_gateway", text=TEXT, name="Mine")
        assert (await desktop.ask("window"))["visible"]
    if how != "a link":
        assert [path for path in listed(home.config) if path.name.startswith("keys.sealed")]


async def run_desktop(home: Home, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """``python -m relaydesk`` to its end."""
    return await asyncio.to_thread(
        subprocess.run,
        [PYTHON, "-P", "-m", "relaydesk", *arguments],
        cwd=ROOT,
        env=home.environment,
        capture_output=True,
        timeout=60,
        check=False,
    )


def read_only(home: Home) -> Sequence[str]:
    """What runs a program that sees the home without being able to write to it."""
    return _in_a_namespace(
        f"mount --bind '{home.folder}' '{home.folder}' && mount -o remount,bind,ro '{home.folder}'"
    )


def small_disk(home: Home) -> Sequence[str]:
    """What runs a program whose home is a disk of one MiB."""
    return _in_a_namespace(f"mount -t tmpfs -o size=1m,mode=0700 none '{home.folder}'")


def _in_a_namespace(mount: str) -> Sequence[str]:
    need_program("unshare")
    prefix = ["unshare", "--mount", "--map-root-user", "--user"]
    tried = subprocess.run([*prefix, "sh", "-c", mount], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no mounts of its own here: {tried.stderr.strip()}")
    return [*prefix, "sh", "-c", f'{mount} && exec "$@"', "sh"]
