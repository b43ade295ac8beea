"""The desktop's log as a file: for its owner alone, replaced when it is full, and never a reason for anything to fail."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from io import FileIO, TextIOWrapper
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 2_000_000
KEPT: Final = 3

_MODE: Final = 0o600


class LogFile(logging.handlers.RotatingFileHandler):
    """Writes lines for as long as the disk takes them. What it does not take is still in the window.

    Args:
        path: Its folder is made.

    Raises:
        OSError: There can be no file.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        super().__init__(path, maxBytes=max_bytes, backupCount=KEPT, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _MODE)
        if sys.platform != "win32":
            os.fchmod(descriptor, _MODE)  # one of an earlier version may be open to others
        return TextIOWrapper(FileIO(descriptor, "a"), encoding="utf-8", write_through=True)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's
        """Say nothing: a full disk would be told on standard error for every line, with a traceback."""
