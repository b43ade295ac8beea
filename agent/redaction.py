"""Nothing secret gets into a log, whoever logs it.

The filter sits on the handler, so that it sees the lines of libraries too, and it works on the finished text:
arguments, exceptions and all.
"""

from __future__ import annotations

import logging
import re

from hyco.addresses import hide_secrets

# Line ends inside a message would let a peer forge lines of its own, other controls would command the terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_LINE_END = re.compile(r"\r\n|[\r\n]")


class RedactingFormatter(logging.Formatter):
    """Formats a record, then hides tokens, keys and control characters in it.

    A traceback keeps its lines; the message is one line.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the standard library's name
        """Format the line itself."""
        return _LINE_END.sub(" ", super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """Format everything, exceptions included."""
        return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", hide_secrets(super().format(record)))
