"""Logs hold no secret and no forged line (reliability reference P1)."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyco.redaction import escape_controls, one_line
from relaydesk.logs import OWN_LOGGERS, set_up

SIGNATURE = "aWYgeW91IGNhbiByZWFkIHRoaXMsIGl0IGxlYWtlZA%3D"
TOKEN = f"SharedAccessSignature sr=http%3A%2F%2Fns%2Fhc&sig={SIGNATURE}&se=1&skn=r"
KEY = "c2VjcmV0IGtleSBvZiB0aGUgcnVsZSB0aGF0IGlzIGhlcmU="


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in OWN_LOGGERS}
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, own in levels.items():
        logging.getLogger(name).setLevel(own)


@pytest.fixture
def log() -> io.StringIO:
    stream = io.StringIO()
    set_up(logging.DEBUG, stream=stream)
    return stream


@pytest.mark.parametrize(
    ("text", "arguments", "secret"),
    [
        ("connecting with %s", (TOKEN,), SIGNATURE),
        (f"connecting with {TOKEN}", (), SIGNATURE),
        ("%s", (f"wss://h/$hc/x?sb-hc-action=listen&sb-hc-token={SIGNATURE}",), SIGNATURE),
        ("> %s: %s", ("ServiceBusAuthorization", TOKEN), SIGNATURE),
        ("headers %r", ({"Authorization": f"Bearer {KEY}"},), KEY),
        ("%(what)s", ({"what": f"Endpoint=sb://h/;SharedAccessKeyName=r;SharedAccessKey={KEY}"},), KEY),
        ("%r", (f"SharedAccessKey={KEY}".encode(),), KEY),
    ],
)
def test_secrets_are_hidden_in_text_and_arguments(
    log: io.StringIO, text: str, arguments: tuple[object, ...], secret: str
):
    logging.getLogger("some.library").debug(text, *arguments)
    assert secret not in log.getvalue()
    assert "…" in log.getvalue()


def test_secrets_are_hidden_in_exceptions_and_their_causes(log: io.StringIO):
    try:
        try:
            raise ValueError(f"bad token {TOKEN}")
        except ValueError as error:
            raise RuntimeError(f"bad key SharedAccessKey={KEY}") from error
    except RuntimeError:
        logging.getLogger("relaydesk.test").debug("failed", exc_info=True)
    assert "RuntimeError" in log.getvalue()
    assert SIGNATURE not in log.getvalue()
    assert KEY not in log.getvalue()


def test_no_line_can_be_forged(log: io.StringIO):
    """A peer chooses names, paths and reason phrases, and with them what stands in a log."""
    forged = "x\n2026-01-01 00:00:00,000 CRITICAL gateway: all keys deleted\r\x1b[2J\u2028y"
    logging.getLogger("relaydesk.test").debug("path %s", forged)
    try:
        raise ValueError(forged)
    except ValueError:
        logging.getLogger("relaydesk.test").debug("failed", exc_info=True)
    first, *rest = log.getvalue().splitlines()
    assert "path x\\n2026-01-01" in first
    assert "\\x1b[2J\\u2028y" in first
    assert rest[0].endswith("failed")
    assert all(line.startswith("    ") for line in rest[1:])
    assert "\x1b" not in log.getvalue()


def test_a_record_whose_arguments_do_not_fit_is_still_logged(log: io.StringIO):
    logging.getLogger("relaydesk.test").debug("one %d", "word")
    assert "one %d (its arguments do not fit: TypeError)" in log.getvalue()


def test_json_lines_are_whole_and_hold_the_same():
    stream = io.StringIO()
    set_up(logging.INFO, as_json=True, stream=stream)
    logging.getLogger("relaydesk.test").info("hello %s\n%s", "ü", TOKEN)
    try:
        raise ValueError(TOKEN)
    except ValueError:
        logging.getLogger("relaydesk.test").info("failed", exc_info=True, stack_info=True)
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["level"], first["logger"]) == ("INFO", "relaydesk.test")
    assert first["message"].startswith("hello ü\\nSharedAccessSignature")
    assert first["time"].endswith("Z")
    assert "ValueError" in second["exception"]
    assert "test_logs.py" in second["stack"]
    assert SIGNATURE not in stream.getvalue()


def test_libraries_speak_only_of_warnings_unless_everything_is_asked_for():
    stream = io.StringIO()
    set_up(logging.INFO, stream=stream)
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("agent.test").info("history")
    logging.getLogger("agent.test").debug("detail")
    assert [line.rpartition(": ")[2] for line in stream.getvalue().splitlines()] == ["history"]


def test_setting_up_again_replaces_what_was_there():
    first, second = io.StringIO(), io.StringIO()
    set_up(logging.INFO, stream=first)
    set_up(logging.INFO, stream=second)
    logging.getLogger("agent.test").info("once")
    assert first.getvalue() == ""
    assert second.getvalue().count("once") == 1


@given(st.text())
def test_what_is_shown_is_one_printable_line(text: str):
    shown = escape_controls(text)
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")
    assert one_line(shown) == one_line(one_line(shown))


@pytest.mark.skipif(sys.platform == "win32", reason="there the system does not say whether a pipe is full")
@pytest.mark.parametrize("as_json", [False, True])
def test_a_reader_that_sleeps_holds_nobody_up_and_is_told_what_it_missed(as_json: bool):
    """A full pipe stopped the gateway's loop: any sender could fill it, a line for each of its connections."""
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as reader, os.fdopen(writing, "w", encoding="utf-8") as writer:
        set_up(logging.INFO, stream=writer, as_json=as_json)
        log = logging.getLogger("gateway.test")
        for number in range(3_000):
            log.info("line %d: %s", number, "x" * 100)
        os.set_blocking(reading, False)
        taken = reader.read()
        assert "line 0:" in taken
        assert "line 2999:" not in taken
        log.info("awake")
        rest = reader.read().splitlines()
        assert len(rest) >= 2
        assert "log lines were left out" in rest[-2]
        assert "awake" in rest[-1]
        if as_json:
            assert [json.loads(line)["level"] for line in rest[-2:]] == ["WARNING", "INFO"]
