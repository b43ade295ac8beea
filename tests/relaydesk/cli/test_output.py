from __future__ import annotations

import json

import pytest

from relaydesk.cli.output import Output

LONG = "Endpoint=sb://" + "x" * 300 + "/[bold]:smile:"


def test_people_get_text_as_it_is(capsys: pytest.CaptureFixture[str]):
    """No folding at the terminal's width, no markup, no emoji: it may be a connection string."""
    Output().result(LONG, {"ignored": True})
    assert capsys.readouterr().out == LONG + "\n"


def test_programs_get_json_and_nothing_else(capsys: pytest.CaptureFixture[str]):
    output = Output(as_json=True)
    output.event("ready", "ready: here", url="http://x/ü")
    output.note("aside")
    output.warn("danger")
    with output.waiting("something"):
        pass
    written = capsys.readouterr()
    assert [json.loads(line) for line in written.out.splitlines()] == [
        {"event": "ready", "url": "http://x/ü"}
    ]
    assert written.err.splitlines() == ["aside", "warning: danger"]


def test_an_event_without_words_is_for_programs_only(capsys: pytest.CaptureFixture[str]):
    Output().event("stopped", "")
    assert capsys.readouterr().out == ""


def test_what_is_waited_for_is_a_line_where_nobody_watches(capsys: pytest.CaptureFixture[str]):
    with Output().waiting("waiting for\x1b[2J it"):
        pass
    assert capsys.readouterr().err == "waiting for\\x1b[2J it ...\n"


def test_rows_of_a_table_stay_on_one_line(capsys: pytest.CaptureFixture[str]):
    Output().table(["NAME", "N"], [["a" * 200, "1"], ["b\nc", "2"]])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].split() == ["a" * 200, "1"]
    assert lines[2].split() == ["b\\nc", "2"]
