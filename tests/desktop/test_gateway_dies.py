"""A gateway that dies is said at once, and all is good again without a click."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from relaydesk import ipc
from relaydesk.desk.bundled import RESTART_DELAYS_S
from relaydesk.notifications import LOST_S, QUIET_S
from tests.support.processes import Child
from tests.support.screens import Screen, fetch, screen, web_server
from tests.support.status_notifier import Panel, panel
from tests.support.waiting import until

from .steps import choose, until_all

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

NAMES = ("admin", "blog", "shop")

#: From the kill until icon, tooltip and command line say so.
SAID_WITHIN_S = 5.0
#: From the moment at which the next gateway is ready until everything is proven again.
GOOD_WITHIN_S = 2.0


async def test_three_shares_lose_their_gateway_and_get_it_back(tmp_path: Path):
    async with AsyncExitStack() as stack:
        seen = await stack.enter_async_context(
            screen(tmp_path, "gateway-dies", has_tray=False, has_session=True)
        )
        shown = await stack.enter_async_context(panel(seen.environment["DBUS_SESSION_BUS_ADDRESS"]))
        desktop = await stack.enter_async_context(seen.desktop("--hidden"))
        icon = await shown.icon()
        links = await share_all(seen, shown, tmp_path, stack)
        await until_all(seen, *NAMES, state="online", proof="proven", within_s=20)

        async def is_well() -> bool:
            return await icon.tooltip() == "RelayDesk – 3 shared"

        await until(is_well, "an icon that says that all is well", within_s=20)
        good = await icon.pixmaps()
        killed = gateway_of(desktop)
        assert killed is not None
        killed.kill()
        # held up before it is ready, so that what is said meanwhile can be read for as long as it may take
        second = await until(
            lambda: (found := gateway_of(desktop)) and found.pid != killed.pid and found,
            "the next gateway",
            within_s=SAID_WITHIN_S,
        )
        second.suspend()

        async def is_said() -> bool:
            said = await icon.tooltip()
            return said.startswith("RelayDesk – 3 shared\n") and await icon.pixmaps() != good

        await until(is_said, "an icon that says that something is wrong", within_s=SAID_WITHIN_S)
        assert {one["state"] for one in await seen.ask("list")} <= {"waiting", "connecting"}
        assert len(shown.notifications) == len(NAMES), "a loss is told after 30 s, not before"

        second.resume()
        await until(lambda: answers(links[0]), "the next gateway at the old address", within_s=30)

        async def is_proven() -> bool:
            return all((one["state"], one["proof"]) == ("online", "proven") for one in await services(seen))

        await until(is_proven, "everything proven", within_s=GOOD_WITHIN_S)
        for name, link in zip(NAMES, links, strict=True):
            assert await fetch(link) == (200, f"<h1>{name}</h1>")
        await until(is_well, "an icon that says that all is well", within_s=SAID_WITHIN_S)
        assert await icon.pixmaps() == good


async def test_a_loss_that_lasts_is_told_once_and_not_before_half_a_minute(tmp_path: Path):
    async with (
        web_server(tmp_path / "shop", "<h1>shop</h1>") as port,
        screen(tmp_path, "gateway-stays-dead", has_tray=False, has_session=True) as seen,
        panel(seen.environment["DBUS_SESSION_BUS_ADDRESS"]) as shown,
        seen.desktop("--hidden") as desktop,
    ):
        await (await shown.icon()).choose("Expose a service…")
        await seen.window("Expose a service")
        await choose(seen, port)
        await until_all(seen, "shop", state="online", proof="proven", within_s=20)
        await until(lambda: len(shown.notifications) == 1, "the share is told", within_s=20)
        lost_at = time.monotonic()

        def is_told() -> bool:
            if (again := gateway_of(desktop)) is not None:  # whatever is started in its place dies as well
                with contextlib.suppress(psutil.Error):
                    again.kill()
            return len(shown.notifications) > 1

        await until(is_told, "the loss is told", within_s=LOST_S + QUIET_S)
        assert time.monotonic() - lost_at >= LOST_S
        said = shown.notifications[1]
        assert said.title == "shop cannot be reached"
        assert said.text.endswith("It is tried again by itself.")
        await until_all(seen, "shop", state="online", proof="proven", within_s=RESTART_DELAYS_S[-1] + 20)
        assert len(shown.notifications) == 2


def gateway_of(desktop: Child) -> psutil.Process | None:
    """The bundled gateway's process."""
    for one in desktop.family()[1:]:
        try:
            if "serve" in one.cmdline():
                return one
        except psutil.Error:
            continue
    return None


async def share_all(seen: Screen, shown: Panel, folder: Path, stack: AsyncExitStack) -> list[str]:
    """Share three web servers, one after the other; their links."""
    icon = await shown.icon()
    links = []
    for number, name in enumerate(NAMES, start=1):
        port = await stack.enter_async_context(web_server(folder / name, f"<h1>{name}</h1>"))
        await icon.choose("Expose a service…")
        await seen.window("Expose a service")
        await choose(seen, port)
        await until(
            lambda number=number: len(shown.notifications) == number, f"{name} is shared", within_s=20
        )
        links.append(await seen.clipboard())
    return links


async def services(seen: Screen) -> list[Mapping[str, Any]]:
    """What ``relaydesk list`` is told, without the time that a program takes to start."""
    place = ipc.Place(Path(seen.environment["XDG_RUNTIME_DIR"]) / "relaydesk")
    found = (await asyncio.to_thread(ipc.ask, ipc.ListServices(), place))["services"]
    assert isinstance(found, list)
    return found


async def answers(link: str) -> bool:
    """Whether somebody listens where a link leads."""
    where = urlsplit(link)
    try:
        _, writer = await asyncio.open_connection(where.hostname, where.port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
