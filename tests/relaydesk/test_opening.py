"""The first moments: what they load, what they show, and what becomes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from PySide6.QtGui import QCloseEvent
from pytestqt.qtbot import QtBot

from relaydesk.opening import _chosen_theme
from relaydesk.preferences import Theme as Choice
from relaydesk.views.icons import Icons
from relaydesk.views.main_window import USUAL, MainWindow
from relaydesk.views.theme import Theme
from tests.support.fake_bridge import FakeBridge, FakeMemory
from tests.support.processes import ROOT
from tests.support.sample_snapshot import minute

#: Each takes a part of the time in which a window is to be there; with asyncio loaded, no frame could run Qt's loop unseen either.
_LATER = {
    "agent",
    "aiohttp",
    "asyncio",
    "cryptography",
    "gateway",
    "hyco",
    "keyring",
    "pydantic",
    "qasync",
    "tomlkit",
    "yarl",
}


@pytest.mark.slow
def test_a_frame_is_shown_before_anything_large_is_loaded():
    code = "import sys, relaydesk.opening; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert {"relaydesk", "PySide6"} <= loaded
    assert not _LATER & loaded


def test_the_frame_becomes_the_window(qtbot: QtBot, theme: Theme, icons: Icons):
    bridge = FakeBridge(next(iter(minute())))
    memory = FakeMemory()
    window = MainWindow(theme, memory)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    assert (window.size(), window.centralWidget(), window.is_awake) == (USUAL, None, False)

    window.fill(bridge, icons)
    assert window.is_awake
    assert window.page is window.services
    qtbot.waitUntil(window.services.isVisible)
    window.finish()


def test_a_frame_that_is_closed_too_soon_stays(qtbot: QtBot, theme: Theme):
    window = MainWindow(theme, FakeMemory())
    qtbot.addWidget(window)
    event = QCloseEvent()
    window.closeEvent(event)
    assert not event.isAccepted()
    window.finish()  # as the program ends, before there was more
    assert window.close()


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ('[preferences]\ntheme = "dark"\n', Choice.DARK),
        ('[preferences]\ntheme = "purple"\n', Choice.SYSTEM),
        ("[preferences]\n", Choice.SYSTEM),
        ("preferences = 3\n", Choice.SYSTEM),
        ('[preferences]\ntheme = ["dark"]\n', Choice.SYSTEM),
        ("theme = [", Choice.SYSTEM),
        ("\udc80", Choice.SYSTEM),
    ],
)
def test_the_frame_has_the_colours_that_were_chosen(tmp_path: Path, text: str, choice: Choice):
    file = tmp_path / "desktop.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert _chosen_theme(file) is choice
    assert _chosen_theme(tmp_path / "none.toml") is Choice.SYSTEM
