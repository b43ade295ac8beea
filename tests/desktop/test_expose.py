"""Two clicks from the tray to a link that works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.screens import Screen, fetch, screen, web_server
from tests.support.waiting import until

from .steps import until_all

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def test_a_web_server_is_shared_by_two_clicks_and_its_request_is_seen(tmp_path: Path):
    async with (
        web_server(tmp_path / "storefront", "<h1>our shop</h1>") as port,
        screen(tmp_path, "expose", has_session=True) as seen,
        seen.desktop("--hidden") as desktop,
    ):
        icon = await seen.tray_icon()
        assert await seen.windows("RelayDesk") == []
        await seen.open_menu(icon)
        await seen.picture("menu")
        await seen.press("Down", "Return")  # the first entry, below the line that only says how it is
        await seen.window("Expose a service")
        await seen.find("table cell", str(port))
        await seen.picture("expose")
        # beside ours there may be others: the row is the one that has our project in it
        row = await seen.find("table cell", "Expose storefront")
        await seen.click(row.box)

        link = await until(seen.clipboard, "a link on the clipboard", within_s=20)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/storefront/\?sb-hc-token=\S+", link)
        await seen.no_window("Expose a service")
        assert await fetch(link) == (200, "<h1>our shop</h1>")
        assert (await fetch(link.partition("?")[0]))[0] == 401
        await until_all(seen, "storefront", state="online", proof="proven", within_s=20)

        await seen.click(icon)
        await seen.window("RelayDesk")
        await seen.find("table cell", "Online")
        await seen.find("label", "storefront is shared – the link is on the clipboard")
        await seen.picture("services")
        await seen.press("ctrl+2")
        await seen.find("table cell", "Request GET /storefront/ 200")
        await seen.picture("connections")
        for number, page in enumerate(("inspector", "gateways", "log", "doctor", "settings"), start=3):
            await seen.press(f"ctrl+{number}")
            await seen.find("label", page.capitalize())
            await seen.picture(page)
        token = link.partition("sb-hc-token=")[2].partition("&")[0]
        invitation = link.rpartition("=")[2]
        assert not any(token in line or invitation in line for line in (*desktop.lines, *log_of(seen)))


def log_of(seen: Screen) -> list[str]:
    """What the desktop wrote into its log."""
    return [
        line for file in seen.home.rglob("relaydesk.log") for line in file.read_text("utf-8").splitlines()
    ]


async def test_the_button_is_pressed_by_assistive_technology(tmp_path: Path):
    async with screen(tmp_path, "screen-reader", has_session=True) as seen, seen.desktop():
        await seen.window("RelayDesk")
        await seen.find("push button", "Expose a service…")
        await seen.act("push button", "Expose a service…")
        await seen.window("Expose a service")
        field = await seen.find("text", "Filter")
        assert "focused" in field.states
        await seen.press("Escape")
        await seen.no_window("Expose a service")
