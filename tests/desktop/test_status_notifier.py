"""The icon and its menu as panels of today draw them: over D-Bus, from what we say there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.screens import screen, web_server
from tests.support.status_notifier import panel
from tests.support.waiting import until

from .steps import choose

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def test_a_panel_gets_all_it_draws_and_its_clicks_do_what_they_say(tmp_path: Path):
    async with (
        web_server(tmp_path / "storefront", "<h1>our shop</h1>") as port,
        screen(tmp_path, "status-notifier", has_tray=False, has_session=True) as seen,
        panel(seen.environment["DBUS_SESSION_BUS_ADDRESS"]) as shown,
        seen.desktop("--hidden"),
    ):
        icon = await shown.icon()
        assert await icon.title() == "RelayDesk"
        assert await icon.status() == "Active"
        assert await icon.tooltip() == "RelayDesk – Nothing shared"
        idle = await icon.pixmaps()
        assert {22, 64} <= idle.keys()
        assert await seen.windows("RelayDesk") == []
        assert [one.label for one in await icon.menu() if not one.is_separator] == [
            "RelayDesk – Nothing shared",
            "Expose a service…",
            "Connect to a shared service…",
            "Pause all",
            "Open RelayDesk",
            "Settings…",
            "Quit",
        ]
        assert not (await icon.menu())[0].is_enabled

        await icon.choose("Expose a service…")
        await seen.window("Expose a service")
        await choose(seen, port)
        await until(lambda: shown.notifications, "a notification", within_s=20)
        assert await seen.windows("RelayDesk") == []
        said = shown.notifications[0]
        assert said.title == "storefront is shared – the link is on the clipboard"
        assert "…" in said.text
        assert "sb-hc-token" not in said.text
        assert said.app in ("RelayDesk", "relaydesk")

        async def is_online() -> bool:
            return await icon.tooltip() == "RelayDesk – 1 shared" and await icon.pixmaps() != idle

        await until(is_online, "the icon of what is shared", within_s=20)
        (entry,) = [one for one in await icon.menu() if one.entries]
        assert entry.label == f"storefront  :{port}"
        assert [one.label for one in entry.entries] == [
            "Copy link",
            "Open",
            "Show connections",
            "Pause",
            "Stop sharing",
        ]

        await icon.activate()
        await seen.window("RelayDesk")
        await icon.choose("Settings…")
        await seen.find("label", "Settings")
        await icon.choose("Quit")
        await seen.no_window("RelayDesk")
