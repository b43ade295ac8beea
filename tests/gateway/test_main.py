"""``python -m gateway``: what its log may show."""

from __future__ import annotations

import logging
import sys

from gateway.__main__ import _RedactingFormatter


def formatted(message: str, *arguments: object, error: Exception | None = None) -> str:
    record = logging.LogRecord("gateway", logging.INFO, __file__, 1, message, arguments, None)
    if error is not None:
        try:
            raise error
        except Exception:  # noqa: BLE001 - whatever it is
            record.exc_info = sys.exc_info()
    return _RedactingFormatter("%(levelname)s %(message)s").format(record)


def test_secrets_are_hidden_and_no_line_is_forged():
    line = formatted("asked for %s", "/x?sb-hc-token=SharedAccessSignature%20sig%3Dabc\nERROR forged \x1b[2J")
    assert "abc" not in line
    assert line.startswith("INFO asked for /x?sb-hc-token=")
    assert "\n" not in line
    assert "\x1b" not in line


def test_a_traceback_keeps_its_lines_indented():
    lines = formatted("failed", error=ValueError("SharedAccessKey=secret")).splitlines()
    assert lines[0] == "INFO failed"
    assert len(lines) > 2
    assert all(line.startswith("    ") for line in lines[1:])
    assert not any("=secret" in line for line in lines)
