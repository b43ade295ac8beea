"""Nothing secret gets into a log, whoever logs it.

The formatter sits on the handler, so that it sees the lines of libraries too, and it works on the finished text:
arguments, exceptions and all.
"""

from __future__ import annotations

import logging

from hyco.redaction import one_line, safe_lines


class RedactingFormatter(logging.Formatter):
    """Formats a record, then hides tokens, keys and control characters in it.

    A traceback keeps its lines, indented; the message is one line.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the standard library's name
        """Format the line itself."""
        return one_line(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """Format everything, exceptions included."""
        return safe_lines(super().format(record))
