"""What holds for tests of the desktop, and fixtures for what is built on Qt.

pytest-qt fails a test on an exception in a slot and, by ``qt_log_level_fail`` in pyproject.toml, on any warning of Qt's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.qt_loop import pytest_asyncio_loop_factories

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from relaydesk.views.icons import Icons
    from relaydesk.views.theme import Theme

__all__ = ["pytest_asyncio_loop_factories"]  # a hook of pytest's


@pytest.fixture
def english() -> Iterator[None]:
    """Numbers and dates as in the United States, whatever the system says."""
    from PySide6.QtCore import QLocale

    before = QLocale()
    QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedStates))
    yield
    QLocale.setDefault(before)


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    """The light theme."""
    from relaydesk.preferences import Theme as Choice
    from relaydesk.views.theme import Theme

    made = Theme(qapp)
    made.apply(Choice.LIGHT)
    yield made
    qapp.setStyleSheet("")


@pytest.fixture
def icons(theme: Theme) -> Icons:
    """The pictures."""
    from relaydesk.views.icons import Icons

    return Icons(theme)
