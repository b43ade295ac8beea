"""Setting up logging: where lines go, how they look, and that no secret and no forged line gets into them.

Redaction sits here and not where things are logged, because libraries log too, headers and URLs with tokens among
it. One filter on the one handler sees every record, whoever made it: the text, its arguments, the exception and the
stack. What comes from a peer may hold line breaks and terminal escapes; they are shown as escapes, so that one record
is one line (of JSON, or of text whose continuation lines are indented) and a log can be read on a terminal.

Source: reliability reference P1 and §6.8.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import select
import sys
from collections.abc import Mapping
from typing import Final, TextIO

from hyco.redaction import hide_secrets, one_line, safe_lines

#: Loggers of our own; those of libraries speak from WARNING on, unless everything is asked for.
OWN_LOGGERS: Final = ("hyco", "agent", "gateway", "relaydesk")

#: What a reader that is merely slow gets before lines are left out.
PATIENCE_MS: Final = 100

# In UTF-8 at most the 4 KiB that a pipe takes whole once it takes anything.
_PIECE_CHARACTERS: Final = 1_024


class RedactingFilter(logging.Filter):
    """Makes every record safe to be written, before any formatter sees it. It lets all of them pass.

    The record itself is changed: what is hidden from one reader should not be shown to the next.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace text, arguments, exception and stack of *record* by their readable, harmless forms."""
        record.msg = one_line(_message(record))
        record.args = None
        record.name = one_line(record.name)
        if record.exc_info and record.exc_info[1] is not None and not record.exc_text:
            record.exc_text = _PLAIN.formatException(record.exc_info)
        record.exc_info = None
        if record.exc_text:
            record.exc_text = _indented(record.exc_text)
        if record.stack_info:
            record.stack_info = _indented(record.stack_info)
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object per line: ``time`` (UTC), ``level``, ``logger``, ``message`` and, if there is one, ``exception``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, in ASCII, for readers of any encoding."""
        time = dt.datetime.fromtimestamp(record.created, dt.UTC)
        line = {
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_text:
            line["exception"] = record.exc_text
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line)


class PatientHandler(logging.StreamHandler[TextIO]):
    """Writes lines for as long as somebody takes them, and leaves them out where nobody does.

    A pipe whose reader sleeps takes some 64 KiB and then blocks who writes: the loop, and with it whatever is relayed.
    Where the system cannot tell (Windows, a stream that is no file) it writes all the same.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._left_out = 0
        self._is_in_line = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*, and before it how many were left out."""
        try:
            text = self.format(record) + self.terminator
            if self._left_out:
                text = self._note() + text
            if not self._write(text):
                self._left_out += 1
        except Exception:  # noqa: BLE001 - as every handler does
            self.handleError(record)

    def _note(self) -> str:
        note = f"{self._left_out} log lines were left out: nobody read them"
        record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, note, None, None)
        return (self.terminator if self._is_in_line else "") + self.format(record) + self.terminator

    def _write(self, text: str) -> bool:
        for start in range(0, len(text), _PIECE_CHARACTERS):
            if not self._is_taken():
                return False
            self._left_out = 0
            piece = text[start : start + _PIECE_CHARACTERS]
            self.stream.write(piece)
            self.flush()
            self._is_in_line = not piece.endswith(self.terminator)
        return True

    def _is_taken(self) -> bool:
        """Whether the stream takes a piece now; waits a little, but not again and again."""
        if not hasattr(select, "poll"):
            return True
        try:
            poll = select.poll()
            poll.register(self.stream.fileno(), select.POLLOUT)
        except (AttributeError, OSError, ValueError):
            return True
        return bool(poll.poll(0 if self._left_out else PATIENCE_MS))


def set_up(level: int = logging.WARNING, *, as_json: bool = False, stream: TextIO | None = None) -> None:
    """Send what is logged from *level* on to *stream* (default: standard error), redacted.

    Handlers that were there go. Warnings of Python are logged as well.
    """
    handler = PatientHandler(stream or sys.stderr)
    handler.addFilter(RedactingFilter())
    handler.setFormatter(JsonFormatter() if as_json else _PLAIN)
    root = logging.getLogger()
    for old in tuple(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level if level < logging.INFO else max(level, logging.WARNING))
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(capture=True)


def _message(record: logging.LogRecord) -> str:
    """The text with its arguments; a record that was made wrongly is still worth reading."""
    # each argument on its own first: what surrounds it may keep a pattern from recognising it
    arguments = record.args
    if isinstance(arguments, tuple):
        record.args = tuple(map(_hidden, arguments))
    elif isinstance(arguments, Mapping):
        record.args = {name: _hidden(value) for name, value in arguments.items()}
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - whatever str() of an argument raises; logging must not fail its caller
        return f"{record.msg} (its arguments do not fit: {type(error).__name__})"


def _hidden(value: object) -> object:
    """*value* with secrets hidden, if it is text."""
    if isinstance(value, str):
        return hide_secrets(value)
    if isinstance(value, bytes):
        return hide_secrets(value.decode("utf-8", "backslashreplace"))
    return value


def _indented(text: str) -> str:
    """Several lines of which none can be taken for a record of its own."""
    return "\n".join(f"    {line}" for line in safe_lines(text, indent="").splitlines())


_PLAIN: Final = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
