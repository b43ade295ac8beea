"""Two clicks from the tray to a link that works."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.screens import screen, web_server

from .steps import expose_in_two_clicks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def test_a_web_server_is_shared_by_two_clicks_and_its_request_is_seen(tmp_path: Path):
    async with (
        web_server(tmp_path / "storefront", "<h1>our shop</h1>") as port,
        screen(tmp_path, "expose", has_session=True) as seen,
        seen.desktop("--hidden") as desktop,
    ):
        await expose_in_two_clicks(seen, desktop, port)


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
