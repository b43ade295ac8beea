"""One desktop a user, and its end in order, whoever asks for it."""

from __future__ import annotations

import asyncio
import signal
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from relaydesk.agent_bridge import STOP_S
from tests.support.processes import Child
from tests.support.screens import Box, Screen, fetch, of_screen, screen, usual_port, web_server
from tests.support.waiting import until

from .steps import share, until_all

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def by_signal(seen: Screen, icon: Box, desktop: Child) -> None:
    desktop.send(signal.SIGTERM)


async def by_menu(seen: Screen, icon: Box, desktop: Child) -> None:
    await seen.open_menu(icon)
    await seen.press("Up", "Return")  # the last entry


async def by_command_line(seen: Screen, icon: Box, desktop: Child) -> None:
    assert await seen.ask("quit") == {"quit": True}


def programs(seen: Screen) -> list[str]:
    """Our programs that run in this home."""
    found = []
    for process in of_screen(seen.environment):
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if "-m relaydesk" in line:
            found.append(line)
    return found


@pytest.mark.parametrize("quit_", [by_signal, by_menu, by_command_line])
async def test_quitting_leaves_nothing_behind_and_the_next_start_goes_on(
    tmp_path: Path, quit_: Callable[[Screen, Box, Child], Awaitable[None]]
):
    async with (
        web_server(tmp_path / "storefront", "<h1>our shop</h1>") as port,
        screen(tmp_path, quit_.__name__) as seen,
    ):
        async with seen.desktop("--hidden") as desktop:
            icon = await seen.tray_icon()
            link = await share(seen, icon, port, "storefront")
            assert (await fetch(link))[0] == 200
            assert any("gateway serve" in line for line in programs(seen))
            await quit_(seen, icon, desktop)
            assert await desktop.ended(within_s=STOP_S + 5) == 0
            await until(lambda: not programs(seen), "no program left", within_s=5)
        assert not (seen.home / "run" / "relaydesk" / "desktop.sock").exists()
        kept = tomllib.loads((seen.home / ".config" / "relaydesk" / "agent.toml").read_text("utf-8"))
        assert [one["target"] for one in kept["connections"]] == [f"127.0.0.1:{port}"]

        async with seen.desktop("--hidden"):
            await until_all(seen, "storefront", state="online", proof="proven", within_s=20)
            assert await fetch(link) == (200, "<h1>our shop</h1>")


async def test_a_second_start_shows_the_window_of_the_first(tmp_path: Path):
    async with screen(tmp_path, "second") as seen, seen.desktop("--hidden"):
        await seen.tray_icon()
        assert await seen.windows("RelayDesk") == []
        async with seen.second_start() as second:
            assert await second.ended() == 0
        await seen.window("RelayDesk")


async def test_an_invitation_is_shown_and_nothing_is_connected_before_the_click(tmp_path: Path):
    async with (
        web_server(tmp_path / "storefront", "<h1>our shop</h1>") as port,
        screen(tmp_path, "invitation", has_session=True) as seen,
        seen.desktop("--hidden"),
    ):
        await share(seen, await seen.tray_icon(), port, "storefront")
        link = (await seen.ask("invite", "storefront", "--name", "Ann"))["link"]
        assert link.startswith("relaydesk://invitation/1#")
        async with seen.second_start(link) as second:
            assert await second.ended() == 0
            assert second.lines == []
        await seen.window("Connect to a shared service")
        await seen.find("label", r"storefront at 127\.0\.0\.1:\d+ · a web site · good for .*")
        await seen.picture("connect")
        assert [one["name"] for one in await seen.ask("list")] == ["storefront"]

        here = usual_port()
        field = await seen.find("spin button", "Local port")
        await seen.click(field.box)
        await seen.press("ctrl+a")
        await seen.type(str(here))
        await seen.press("alt+c")
        await seen.no_window("Connect to a shared service")
        assert [(one["direction"], one["local"]) for one in (await seen.ask("list"))[1:]] == [
            ("connect", f"127.0.0.1:{here}")
        ]
        assert await fetch(f"http://127.0.0.1:{here}/") == (200, "<h1>our shop</h1>")
        assert await seen.clipboard() == f"127.0.0.1:{here}"


async def test_many_starts_at_once_are_one_desktop(tmp_path: Path):
    async with screen(tmp_path, "many") as seen, seen.desktop("--hidden") as first:
        await seen.tray_icon()  # it is the first
        async with asyncio.TaskGroup() as tasks:
            codes = [tasks.create_task(_start(seen)) for _ in range(4)]
        assert [code.result() for code in codes] == [0, 0, 0, 0]
        assert first.is_running
        await seen.window("RelayDesk")


async def _start(seen: Screen) -> int:
    async with seen.second_start() as second:
        return await second.ended()
