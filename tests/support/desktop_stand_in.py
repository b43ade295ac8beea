"""A desktop without a window, as a process of its own: it takes the claim, serves the local socket, and says what happens.

``python -m tests.support.desktop_stand_in FOLDER [SERVICE …]``. It waits for a line on standard input before it begins, so
that many can begin in one moment. It says ``desktop`` or ``handed over``, and as the desktop each request as
``asked: (…)``; it ends when it is asked to quit.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from relaydesk import ipc
from relaydesk.control import Desktop
from tests.support.fake_actions import FakeActions


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - how it is watched


class Told(list[tuple[object, ...]]):
    """Says what is appended."""

    def append(self, what: tuple[object, ...]) -> None:
        say(f"asked: {what}")


async def be_desktop(claimed: ipc.Claim, services: list[str]) -> None:
    from relaydesk.instance import serve

    has_to_quit = asyncio.Event()
    is_ready = asyncio.Event()
    actions = FakeActions(*services)
    actions.done = Told()
    desktop = Desktop(
        actions=actions,
        show=lambda token: actions.done.append(("show", token)),
        open=lambda text: actions.done.append(("open", text)),
        quit=has_to_quit.set,
    )
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(serve(claimed, desktop, is_ready=is_ready))
        await is_ready.wait()
        say("desktop")
        await has_to_quit.wait()
        serving.cancel()


def main() -> None:
    place = ipc.Place(Path(sys.argv[1]))
    say("loaded")
    sys.stdin.readline()
    claimed = ipc.become_desktop(ipc.Open(f"from {os.getpid()}"), place, within_s=60)
    if claimed is None:
        say("handed over")
        return
    # only now, as the desktop does: a second start is over before Qt would be there
    from PySide6.QtCore import QCoreApplication

    from relaydesk.event_loop import run

    with claimed:
        run(be_desktop(claimed, sys.argv[2:]), QCoreApplication([]))


if __name__ == "__main__":
    main()
