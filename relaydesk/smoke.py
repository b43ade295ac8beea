"""``relaydesk --smoke``: start everything that can break when the program is frozen and moved to another system; say how it went.

It is the desktop itself, in folders that are thrown away: Qt's platform and pictures, the window, the tray, the keyring, the
system's certificate authorities, TLS, the bundled gateway as a child, the agent, and one request the whole way. One JSON object
on one line is printed; the exit code is 0 where nothing failed. That a system has no tray and no keyring is said, and no failure.

The settings of the user are not touched, and a desktop that is running is not disturbed. In the system's keyring one entry is
kept, read and forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import ssl
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from PySide6.QtCore import qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from agent.config import NetworkConfig
from agent.network import Network
from agent.roots import verifying_context

from . import event_loop
from .actions import ActionError, ExposeRequest
from .agent_bridge import AgentBridge
from .assets import asset
from .blocking import call_blocking
from .build_facts import build_facts
from .check_report import frame_loop
from .demo_page import page_file
from .keystore import Keystore
from .keystore.system import find_backend
from .local_gateway.child import running_gateway
from .log_tail import LogTail
from .ports import PortWatcher
from .settings import Settings
from .snapshot import KeystoreState
from .views.icons import Icons, application_icon
from .views.main_window import MainWindow
from .views.theme import Theme
from .views.tray import Tray
from .window_memory import WindowMemory

#: For each part. A cold disk and a virus scanner take their time.
PART_S: Final = 40.0
#: A keyring that waits for its password answers never; the same as the desktop gives it.
_KEYRING_S: Final = 5.0
_POLL_S: Final = 0.02
_MAX_ANSWER_BYTES: Final = 1_000_000

_ENTRY: Final = "smoke test"


def main(application: QApplication) -> int:
    """Run all of it and print the line; the exit code."""
    began = time.monotonic()
    facts = build_facts()
    report: dict[str, Any] = {
        "ok": False,
        "version": facts.version,
        "build": str(facts),
        "frozen": bool(getattr(sys, "frozen", False)),
        "python": ".".join(map(str, sys.version_info[:3])),
        "frame_loop": frame_loop(),
        "failed": [],
    }
    log = LogTail()
    logging.getLogger().addHandler(log)  # said only where something failed
    with tempfile.TemporaryDirectory(prefix="relaydesk-smoke-", ignore_cleanup_errors=True) as folder:
        event_loop.run(_Smoke(application, Path(folder), report, log).run(), application)
    report["took_s"] = round(time.monotonic() - began, 2)
    report["ok"] = not report["failed"]
    print(json.dumps(report), flush=True)  # noqa: T201 - the program's product
    if not report["ok"]:
        print(log.text(), file=sys.stderr)  # noqa: T201 - for who has to find out why
    return 0 if report["ok"] else 1


class _Smoke:
    """The parts. Each says into *report* what it found, and what failed."""

    def __init__(self, application: QApplication, folder: Path, report: dict[str, Any], log: LogTail) -> None:
        self._application = application
        self._folder = folder
        self._report = report
        self._log = log

    async def run(self) -> None:
        with self._part("qt"):
            self._look_at_qt()
        await self._bounded("keyring", self._try_keyring())
        await self._bounded("tls", self._try_tls())
        await self._bounded("desktop", self._try_desktop())

    @contextlib.contextmanager
    def _part(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever is broken here is what this is for
            while isinstance(error, ExceptionGroup):
                error = error.exceptions[0]
            said = str(error) or "no answer"
            self._report["failed"].append(f"{name}: {type(error).__name__}: {said}")

    async def _bounded(self, name: str, part: Any) -> None:  # noqa: ANN401 - a coroutine
        with self._part(name):
            async with asyncio.timeout(PART_S):
                await part

    def _look_at_qt(self) -> None:
        picture = application_icon().pixmap(64).toImage()
        opaque = sum(picture.pixelColor(x, x).alpha() > 0 for x in range(picture.width()))
        self._report["qt"] = {
            "version": qVersion(),
            "platform": QGuiApplication.platformName(),
            "style": self._application.style().name(),
            "pictures": opaque > 0,
        }
        if not opaque:
            raise RuntimeError("pictures in SVG are not drawn")
        if not list(asset("translations").glob("*.qm")):
            raise RuntimeError("there are no translations")

    async def _try_keyring(self) -> None:
        """Keep, read and forget an entry where the system has a keyring that is open."""
        keystore = Keystore(self._folder / "keys.sealed", deadline_s=_KEYRING_S)
        state = await keystore.try_again()
        found: dict[str, Any] = {"state": state.value, "backend": None, "works": None}
        self._report["keyring"] = found
        if state is not KeystoreState.SYSTEM:
            return
        backend = await call_blocking(find_backend, name="keyring", deadline_s=_KEYRING_S)
        found["backend"] = f"{type(backend).__module__}.{type(backend).__name__}"
        kept = secrets.token_urlsafe(12)
        await keystore.set(_ENTRY, kept)
        try:
            found["works"] = await keystore.get(_ENTRY) == kept
        finally:
            await keystore.delete(_ENTRY)
        if not found["works"]:
            raise RuntimeError("the keyring did not give back what it was given")

    async def _try_tls(self) -> None:
        """See that authorities are found, and that both sides speak TLS, with one that is trusted and to nobody else."""
        context = verifying_context()
        folder = ssl.get_default_verify_paths().capath
        count = context.cert_store_stats()["x509_ca"] or len(os.listdir(folder or self._folder))  # noqa: PTH208
        found: dict[str, Any] = {"roots": count, "library": ssl.OPENSSL_VERSION, "version": None}
        self._report["tls"] = found
        if not count:
            raise RuntimeError("none of the system's certificate authorities was found")
        async with running_gateway(self._folder / "tls", port=0, is_secure=True, on_line=_drop) as gateway:
            address = urlsplit(gateway.url)
            reader = asyncio.StreamReader()
            transport, _ = await Network(NetworkConfig(ca_file=gateway.ca)).connect(
                asyncio.StreamReaderProtocol(reader),
                address.hostname or "",
                address.port or 0,
                is_secure=True,
            )
            try:
                found["version"] = transport.get_extra_info("ssl_object").version()
                transport.write(b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                line = await reader.readline()
            finally:
                transport.close()
            if not line.startswith(b"HTTP/1.1 401 "):
                raise RuntimeError(f"the gateway answered {line!r}")

    async def _try_desktop(self) -> None:
        """Share the demonstration's page through the bundled gateway, and ask for it by its link."""
        theme = Theme(self._application)
        window = MainWindow(theme, WindowMemory(self._folder / "windows.json"))
        async with self._bridge() as bridge:
            window.fill(bridge, Icons(theme))
            tray = Tray(window.context)
            try:
                window.show()
                while not window.windowHandle().isExposed():  # noqa: ASYNC110 - Qt tells it by no signal
                    await asyncio.sleep(_POLL_S)
                self._report["window"] = not window.grab().toImage().isNull()
                self._report["tray"] = tray.start()
                shared = await bridge.actions.expose(ExposeRequest(target="0", name="smoke", is_demo=True))
                self._report["gateway"] = self._report["agent"] = True
                self._report["request"] = await _ask(shared.link)
            except ActionError as error:
                raise RuntimeError(f"{error.problem.trouble.name}: {error.problem.cause}") from error
            finally:
                tray.stop()
                window.finish()

    @contextlib.asynccontextmanager
    async def _bridge(self) -> AsyncIterator[AgentBridge]:
        """The desktop's inside, of nobody's settings."""
        bridge = AgentBridge(
            settings=Settings(self._folder / "settings"),
            keystore=Keystore(self._folder / "keys.sealed", deadline_s=_KEYRING_S),
            ports=PortWatcher(),
            data_folder=self._folder / "gateway",
            capture_folder=self._folder / "captures",
            log_tail=self._log,
            bundled_port=0,
        )
        async with asyncio.TaskGroup() as tasks:
            inside = tasks.create_task(bridge.run(), name="bridge")
            await bridge.has_begun.wait()
            try:
                yield bridge
            finally:
                inside.cancel()


async def _ask(link: str) -> int:
    """Ask for the page; the status. It has to be the page, whole."""
    # no proxy: the gateway is on this computer
    async with aiohttp.ClientSession(trust_env=False) as session, session.get(link) as answer:
        content = await answer.content.read(_MAX_ANSWER_BYTES)
        while more := await answer.content.read(_MAX_ANSWER_BYTES):
            content += more
        expected = await asyncio.to_thread(page_file().read_bytes)
        if (answer.status, content) != (200, expected):
            raise RuntimeError(f"the page came back as {answer.status} with {len(content)} bytes")
        return answer.status


def _drop(_line: str) -> None:
    """What a gateway says of itself is of no interest while it works."""
