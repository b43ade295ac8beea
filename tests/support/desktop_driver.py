"""The real desktop, all of it, as a process that does what it is told on standard input: ``python -m tests.support.desktop_driver``.

One JSON object a line, with ``do``; one JSON value a line back. It ends when it is told to quit.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from relaydesk import ipc
from relaydesk.actions import ActionError, ExposeRequest
from relaydesk.preferences import Who
from relaydesk.start import Start


class Driver:
    """Each method is something to be told."""

    def __init__(self, app: Any) -> None:  # noqa: ANN401 - the application, which is private to its module
        self._app = app
        self._actions = app.bridge.actions

    async def add_gateway(self, text: str, name: str) -> object:
        return await self._actions.add_gateway(text, name)

    async def remove_gateway(self, name: str) -> object:
        return await self._actions.remove_gateway(name)

    async def get(self, name: str) -> object:
        return await self._actions.gateway_connection_string(name)

    async def choose_keystore(self, state: str, passphrase: str | None = None) -> object:
        from relaydesk.snapshot import KeystoreState

        await self._actions.choose_keystore(KeystoreState[state], passphrase)
        return None

    async def expose(
        self, target: str, name: str, gateway: str | None = None, who: str = "INVITED"
    ) -> object:
        request = ExposeRequest(target=target, name=name, gateway=gateway, who=Who[who])
        return (await self._actions.expose(request)).link

    async def invite(self, service: str) -> object:
        return (await self._actions.invite(service, "Ann", 3600)).link

    async def connect(self, text: str) -> object:
        offer = self._actions.examine(text)
        return (await self._actions.connect(offer, offer.suggested_port)).local

    async def stop(self, service: str) -> object:
        return await self._actions.stop(service)

    async def save_preferences(self, **changes: object) -> object:
        import dataclasses

        return await self._actions.set_preferences(
            dataclasses.replace(self._actions.preferences(), **changes)
        )

    async def fill(self, folder: str) -> object:
        """Leave no room on a disk."""
        with contextlib.suppress(OSError), Path(folder, "filling").open("wb") as file:  # noqa: ASYNC230 - a small one
            while True:
                file.write(bytes(512))
                file.flush()
        return None

    async def empty(self, folder: str) -> object:
        _remove(Path(folder, "filling"))
        return None

    async def state(self) -> object:
        now = self._actions.snapshot()
        return {
            "keystore": now.keystore.name,
            "problem": _problem(now.problem),
            "services": {
                one.name: {"state": one.state.name, "problem": _problem(one.problem)} for one in now.services
            },
            "gateways": [one.name for one in now.gateways],
            "repr": repr(now),
        }

    async def window(self) -> object:
        """What the window says at the moment, and whether it is there."""
        from PySide6.QtWidgets import QLabel

        labels = self._app.window.findChildren(QLabel)
        texts = [label.text() for label in labels if label.isVisible() and label.text()]
        return {"visible": self._app.window.isVisible(), "texts": texts, "has_tray": self._app.tray.is_there}

    async def ticks(self, seconds: float) -> object:
        """How a timer of Qt's of 10 ms comes."""
        from PySide6.QtCore import Qt, QTimer

        times = [time.perf_counter()]
        timer = QTimer()
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.timeout.connect(lambda: times.append(time.perf_counter()))
        timer.start(10)
        await asyncio.sleep(seconds)
        timer.stop()
        gaps = [(after - before) * 1_000 for before, after in itertools.pairwise(times)]
        return {"count": len(gaps), "longest_ms": max(gaps, default=seconds * 1_000)}

    async def processes(self) -> object:
        """Command lines and environments of this process and of its children, as anybody could read them."""
        own = psutil.Process()
        family = [own, *own.children(recursive=True)]
        return {"count": len(family), "text": "\n".join(map(_as_anybody_reads, family))}


def _remove(path: Path) -> None:
    path.unlink()


def _as_anybody_reads(process: psutil.Process) -> str:
    seen = (Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
    return b"\n".join(seen).decode(errors="replace")


def _problem(problem: Any) -> object:  # noqa: ANN401 - a Problem or None
    return None if problem is None else [problem.trouble.name, problem.cause]


async def _driven(app: Any, claim: ipc.Claim) -> None:  # noqa: ANN401 - see above
    driver = Driver(app)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(app.run(claim, Start()), name="application")
        await app.bridge.has_begun.wait()
        _say({"ready": True})
        while line := await asyncio.to_thread(sys.stdin.readline):
            told = json.loads(line)
            do = told.pop("do")
            if do == "quit":
                break
            try:
                _say({"gave": await getattr(driver, do)(**told)})
            except ActionError as error:
                _say({"failed": _problem(error.problem)})
        app.quit()


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - how it answers


def main() -> None:
    claim = ipc.become_desktop(Start().request, ipc.default_place())
    assert claim is not None
    import platformdirs

    from relaydesk import app, event_loop, opening

    with claim, app._logging(platformdirs.user_log_path("relaydesk", appauthor=False)) as tail:
        qt = opening.make_application()
        theme, window = opening.make_frame(qt)
        event_loop.run(_driven(app._Application(qt, window, theme, tail), claim), qt)


if __name__ == "__main__":
    main()
