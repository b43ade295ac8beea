"""Tests whose coroutines run on the desktop's event loop.

``pytestmark = pytest.mark.qt_loop`` in a module, or the marker at a test, runs its ``async def`` tests and fixtures on a
``DesktopEventLoop`` in the process's one QApplication. What tests/conftest.py promises of tasks and logs holds there too, so
a coroutine that runs ``exec()`` fails its test by the error that the loop logs.

A conftest.py imports :func:`pytest_asyncio_loop_factories` for its folder.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

MARKER: Final = "qt_loop"

_kept: list[QApplication] = []


def application() -> QApplication:
    """The one QApplication of this process; made where there is none. Offscreen unless the environment says otherwise."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    found = QApplication.instance()
    if found is None:
        found = QApplication(["relaydesk-tests"])
        _kept.append(found)  # it would go with its last reference
    assert isinstance(found, QApplication)
    found.setQuitOnLastWindowClosed(False)
    return found


def desktop_loop() -> asyncio.AbstractEventLoop:
    """Make a loop; the caller closes it."""
    from relaydesk.event_loop import DesktopEventLoop

    return DesktopEventLoop(application())


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tell pytest-asyncio which loop a test runs on."""
    if item.get_closest_marker(MARKER) is None:
        return {"asyncio": asyncio.new_event_loop}
    pytest.importorskip("PySide6", reason="the extra `gui` is not installed")
    return {"qt": desktop_loop}
