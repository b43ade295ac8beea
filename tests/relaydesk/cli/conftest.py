"""What holds for tests of verbs."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from relaydesk.logs import OWN_LOGGERS


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A verb sets up logging for its process, which here goes on with other tests."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in OWN_LOGGERS}
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, own in levels.items():
        logging.getLogger(name).setLevel(own)
