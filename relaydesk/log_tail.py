"""The last lines of the log, for the window: kept in memory, bounded, without secrets."""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Final

from .logs import RedactingFilter
from .snapshot import LogLine

#: Lines that are kept; the oldest go first.
MAX_LINES: Final = 5_000
#: Lines that may wait to be taken. Above that the oldest are lost to the window, and are still among those kept.
MAX_PENDING: Final = 2_000
#: Longer lines are cut: one line is not a place for a body.
MAX_LINE_CHARACTERS: Final = 2_000

_PLAIN = logging.Formatter()


class LogTail(logging.Handler):
    """Keeps what is logged. Any thread may log; one loop takes."""

    def __init__(self, level: int = logging.INFO) -> None:
        super().__init__(level)
        self.addFilter(RedactingFilter())
        self._number = 0
        self._kept: deque[LogLine] = deque(maxlen=MAX_LINES)
        self._pending: deque[LogLine] = deque(maxlen=MAX_PENDING)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record. The handler's lock is held."""
        text = record.getMessage()
        if record.exc_text:
            text += f"\n{record.exc_text}"
        self._number += 1
        line = LogLine(
            number=self._number,
            at=record.created,
            level=record.levelno,
            logger=record.name,
            text=text[:MAX_LINE_CHARACTERS],
        )
        self._kept.append(line)
        self._pending.append(line)

    def take(self) -> tuple[LogLine, ...]:
        """What was logged since the last time."""
        lines = []
        while self._pending:
            lines.append(self._pending.popleft())
        return tuple(lines)

    def text(self) -> str:
        """Everything that is kept, as a file would have it."""
        return "".join(
            f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(line.at))} {logging.getLevelName(line.level):<7}"
            f" {line.logger}: {line.text}\n"
            for line in tuple(self._kept)
        )
