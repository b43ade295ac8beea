"""A request that was seen is sent again by assistive technology, and taken elsewhere by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.processes import PYTHON
from tests.support.screens import fetch, screen, web_server
from tests.support.waiting import until

from .steps import share, until_all

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def test_replay_is_pressed_by_assistive_technology_and_seen_by_the_command_line(tmp_path: Path):
    async with (
        web_server(tmp_path / "storefront", "<h1>our shop</h1>") as port,
        screen(tmp_path, "inspector", has_session=True) as seen,
        seen.desktop("--hidden"),
    ):
        icon = await seen.tray_icon()
        link = await share(seen, icon, port, "storefront")
        await until_all(seen, "storefront", state="online", within_s=20)
        assert (await fetch(f"{link}&page=1"))[0] == 200
        await seen.click(await seen.tray_icon())
        await seen.window("RelayDesk")
        await seen.press("ctrl+3")
        await seen.find("label", "Inspector")
        row = await seen.find("table cell", "GET")
        await seen.click(row.box)
        await seen.find("push button", "Replay")
        await seen.picture("seen")
        await seen.act("push button", "Replay")

        async def replayed() -> object:
            found = await seen.ask("inspect") or ()
            return next((one for one in found if one["replayOf"] == 1 and one["isOver"]), None)

        again = await until(replayed, "the replay", within_s=20)
        assert isinstance(again, dict)
        assert (again["status"], again["error"]) == (200, None)
        await seen.find("table cell", "replay of 1")
        await seen.picture("replayed")

        line = await seen.run(PYTHON, "-m", "relaydesk", "inspect", "1", "--curl")
        assert "relaydesk-invitation" not in line
        assert "our shop" in await seen.run("sh", "-c", line)
        body = await seen.run(PYTHON, "-m", "relaydesk", "inspect", "1", "--body", "response")
        assert body == "<h1>our shop</h1>"
        said = await seen.run(PYTHON, "-m", "relaydesk", "replay", "1", "--times", "2", "--diff")
        assert said.count("replay of 1") == 2
        archive = tmp_path / "all.har"
        await seen.run(PYTHON, "-m", "relaydesk", "inspect", "--har", archive)
        assert len(json.loads(archive.read_text())["log"]["entries"]) == 4
        await seen.run(PYTHON, "-m", "relaydesk", "doctor", "storefront", within_s=60)
        captures = seen.home / ".cache" / "relaydesk" / "captures"
        assert captures.stat().st_mode & 0o077 == 0
