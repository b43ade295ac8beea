"""What holds for tests of the desktop."""

from tests.support.qt_loop import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]  # a hook of pytest's
