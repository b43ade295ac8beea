"""What tests of the desktop do again and again."""

from __future__ import annotations

from tests.support.screens import Box, Screen
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
