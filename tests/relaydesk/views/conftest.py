"""A window over a fake bridge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import shiboken6

from tests.support.sample_snapshot import NOW, sample

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

    from relaydesk.views.icons import Icons
    from relaydesk.views.main_window import MainWindow
    from relaydesk.views.theme import Theme
    from tests.support.fake_bridge import FakeBridge, FakeMemory


class Pasteboard(list[str]):
    """What was copied, and which pages were opened, the newest last."""


@pytest.fixture
def copied() -> Pasteboard:
    """What went to the clipboard."""
    return Pasteboard()


@pytest.fixture
def opened() -> Pasteboard:
    """Which web pages were opened."""
    return Pasteboard()


@pytest.fixture
def bridge(qapp: QApplication) -> FakeBridge:
    """A desktop on an ordinary afternoon."""
    from tests.support.fake_bridge import FakeBridge

    return FakeBridge(sample())


@pytest.fixture
def memory() -> FakeMemory:
    """Nothing is remembered yet."""
    from tests.support.fake_bridge import FakeMemory

    return FakeMemory()


@pytest.fixture
def make_window(  # noqa: PLR0917 - all of them are fixtures
    qtbot: QtBot,
    bridge: FakeBridge,
    theme: Theme,
    icons: Icons,
    memory: FakeMemory,
    copied: Pasteboard,
    opened: Pasteboard,
    english: None,
) -> Iterator[Callable[[], MainWindow]]:
    """Makes windows; each is finished at the end."""
    from relaydesk.views.main_window import MainWindow

    made: list[MainWindow] = []

    def make() -> MainWindow:
        window = MainWindow(theme, memory)
        window.fill(
            bridge,
            icons,
            files=(("Services", Path("agent.toml")),),
            clock=lambda: NOW,
            open_page=opened.append,
            copy=copied.append,
        )
        made.append(window)
        return window

    yield make
    for window in made:
        window.finish()
        shiboken6.delete(window)  # at once: what is left is polished again with each theme of each test


@pytest.fixture
def window(make_window: Callable[[], MainWindow], qtbot: QtBot) -> MainWindow:
    """The window, seen."""
    made = make_window()
    made.show()
    qtbot.waitExposed(made)
    made.activateWindow()
    return made
