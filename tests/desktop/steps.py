"""What tests of the desktop do again and again."""

from __future__ import annotations

import re

from tests.support.processes import Child
from tests.support.screens import Box, Screen, fetch
from tests.support.waiting import until


async def skip_first_steps(seen: Screen) -> None:
    """Send the cards of the first start away."""
    await seen.window("Welcome to RelayDesk")
    await seen.press("Escape")
    await seen.no_window("Welcome to RelayDesk")


async def share(seen: Screen, icon: Box, port: int, name: str) -> str:
    """Share what listens on *port* from the tray, by keyboard; the link, from the clipboard."""
    before = await seen.clipboard()
    await seen.open_menu(icon)
    await seen.press("Down", "Return")  # the first entry, below the line that only says how it is
    await seen.window("Expose a service")
    await choose(seen, port)

    async def new_link() -> str:
        found = await seen.clipboard()
        return found if found != before and f"/{name}/" in found else ""

    return await until(new_link, "a new link on the clipboard", within_s=20)


async def choose(seen: Screen, port: int) -> None:
    """Choose the row of *port* in the dialog that is open, by keyboard. What has just started is not in it for a moment."""
    await seen.type(str(port))

    async def is_taken() -> bool:
        await seen.press("Return")
        return not await seen.windows("Expose a service")

    await until(is_taken, "the service in the list", within_s=20)


async def until_all(seen: Screen, *names: str, state: str, proof: str | None = None, within_s: float) -> None:
    """Wait until these services, and no others, are in *state*, as the command line says it."""

    async def are_all() -> bool:
        found = await seen.ask("list") or ()
        return {one["name"] for one in found} == set(names) and all(
            one["state"] == state and proof in (None, one["proof"]) for one in found
        )

    await until(are_all, f"{', '.join(names)}: {state}", within_s=within_s)


async def expose_in_two_clicks(seen: Screen, desktop: Child, port: int) -> None:
    """Share the web server *port*, in a folder ``storefront``, from the tray; then look at every page of the window."""
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
