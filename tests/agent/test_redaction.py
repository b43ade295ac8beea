from __future__ import annotations

import logging
import sys

import pytest

from agent.redaction import RedactingFormatter

TOKEN = "SharedAccessSignature sr=http%3A%2F%2Fns%2Fhc&sig=c2VjcmV0c2VjcmV0&se=1&skn=r"


def formatted(message: str, *args: object, error: bool = False) -> str:
    exc_info = None
    if error:
        try:
            raise ValueError(f"failed with {TOKEN}")
        except ValueError:
            exc_info = sys.exc_info()
    record = logging.LogRecord("agent", logging.INFO, __file__, 1, message, args, exc_info)
    return RedactingFormatter("%(levelname)s %(message)s").format(record)


@pytest.mark.parametrize(
    ("message", "args"),
    [
        (f"token {TOKEN}", ()),
        ("token %s", (TOKEN,)),
        ("url %s", ("wss://ns/$hc/hc?sb-hc-token=c2VjcmV0c2VjcmV0&x=1",)),
        ("string %r", ("Endpoint=sb://ns/;SharedAccessKey=c2VjcmV0c2VjcmV0",)),
        ("header %s", ({"Authorization": "Bearer c2VjcmV0c2VjcmV0"},)),
    ],
)
def test_secrets_are_hidden_wherever_they_stand(message: str, args: tuple[object, ...]):
    assert "c2VjcmV0" not in formatted(message, *args)


def test_secrets_in_tracebacks_are_hidden_and_their_lines_kept():
    text = formatted("failed", error=True)
    assert "c2VjcmV0" not in text
    assert "Traceback (most recent call last):\n" in text


def test_nobody_forges_a_line_or_commands_the_terminal():
    text = formatted("reason: %s", "no\r\nINFO forged\x1b[2J\x9b2J")
    assert text.count("\n") == 0
    assert "\x1b" not in text
    assert "\x9b" not in text
