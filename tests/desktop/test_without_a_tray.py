"""Where there is no tray, the window is everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.screens import screen

from .steps import skip_first_steps

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


async def test_the_window_is_shown_though_it_was_to_be_hidden_and_closing_it_asks(tmp_path: Path):
    async with screen(tmp_path, "no-tray", has_tray=False) as seen, seen.desktop("--hidden") as desktop:
        window = await seen.window("RelayDesk")
        await skip_first_steps(seen)
        await seen.close(window)
        question = await seen.window("Close the window")
        await seen.picture("question")
        await seen.press("Escape")
        await seen.no_window("Close the window")
        assert await seen.windows("RelayDesk") == [window]

        await seen.close(window)
        question = await seen.window("Close the window")
        assert question != window
        await seen.press("Return")  # keep running: what happens by itself
        await seen.no_window("RelayDesk")
        assert desktop.is_running
        assert await seen.ask("list") == []

        async with seen.second_start() as second:
            assert await second.ended() == 0
        await seen.window("RelayDesk")


async def test_the_question_can_be_answered_with_quit(tmp_path: Path):
    async with screen(tmp_path, "no-tray-quit", has_tray=False) as seen, seen.desktop() as desktop:
        window = await seen.window("RelayDesk")
        await skip_first_steps(seen)
        await seen.close(window)
        await seen.window("Close the window")
        await seen.press("alt+q")
        assert await desktop.ended() == 0
        settings = seen.home / ".config" / "relaydesk" / "desktop.toml"
        assert 'close = "quit"' in settings.read_text(encoding="utf-8")
