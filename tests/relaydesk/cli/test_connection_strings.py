from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest

from relaydesk.cli.connection_strings import VARIABLE, find_connection_string
from relaydesk.cli.exits import ExitCode, UsageError
from relaydesk.cli.output import Output

KEY = "bm90IGEga2V5IHRoYXQgb3BlbnMgYW55dGhpbmcgaGVyZQ=="
TEXT = f"Endpoint=sb://host.example/;SharedAccessKeyName=r;SharedAccessKey={KEY};EntityPath=hc"


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text(TEXT + "\n")
    return path


def test_none_is_found_where_none_was_given():
    assert find_connection_string(None, None, Output()) is None


def test_the_environment_gives_one_and_is_emptied(monkeypatch: pytest.MonkeyPatch):
    """So that no child inherits it (reliability reference P2)."""
    monkeypatch.setenv(VARIABLE, TEXT)
    found = find_connection_string(None, None, Output())
    assert found is not None
    assert found.value.key == KEY
    assert VARIABLE not in os.environ


def test_the_environment_is_emptied_even_if_something_else_is_taken(
    monkeypatch: pytest.MonkeyPatch, key_file: Path
):
    monkeypatch.setenv(VARIABLE, "Endpoint=sb://other/")
    found = find_connection_string(None, str(key_file), Output())
    assert found is not None
    assert found.value.endpoint.host == "host.example"
    assert VARIABLE not in os.environ


def test_a_file_is_read_again_for_each_connection(key_file: Path):
    """The key may be replaced while the agent runs."""
    found = find_connection_string(None, str(key_file), Output())
    assert found is not None
    assert found.credential.file == key_file
    assert found.credential.text is None


def test_a_named_pipe_is_read_once(tmp_path: Path):
    """What `--connection-string-file <(pass show relay)` gives."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=(TEXT,))
    writer.start()
    found = find_connection_string(None, str(path), Output())
    writer.join()
    assert found is not None
    assert found.credential.text == TEXT


@pytest.mark.parametrize("arguments", [("-", None), (None, "-")])
def test_standard_input_gives_one(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str | None, str | None]):
    monkeypatch.setattr("sys.stdin", io.StringIO(TEXT + "\n"))
    found = find_connection_string(*arguments, Output())
    assert found is not None
    assert found.value.entity_path == "hc"


def test_the_command_line_is_warned_of_in_one_line(capsys: pytest.CaptureFixture[str]):
    found = find_connection_string(TEXT, None, Output())
    assert found is not None
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("warning: a connection string on the command line can be read by")
    assert shown.err.count("\n") == 1
    assert KEY not in shown.err


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        KEY,
        TEXT + ";Colour=red",
        TEXT.replace("sb:", "http:"),
        "Endpoint=sb://h/;Authentication=Managed Identity",
    ],
)
def test_what_cannot_be_used_is_refused_without_showing_it(text: str):
    with pytest.raises(UsageError) as caught:
        find_connection_string(text, None, Output())
    assert caught.value.code is ExitCode.USAGE
    assert KEY not in str(caught.value)


def test_two_are_one_too_many(key_file: Path):
    with pytest.raises(UsageError, match="exclude each other"):
        find_connection_string(TEXT, str(key_file), Output())


def test_standard_input_cannot_be_two_things():
    with pytest.raises(UsageError, match="both the body and the connection string"):
        find_connection_string("-", None, Output(), uses_stdin=True)


def test_files_that_others_can_read_are_refused(key_file: Path):
    key_file.chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        find_connection_string(None, str(key_file), Output())


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match=r"cannot read .*nowhere"):
        find_connection_string(None, str(tmp_path / "nowhere"), Output())


def test_a_found_one_is_not_shown_by_its_repr(key_file: Path):
    assert KEY not in repr(find_connection_string(TEXT, None, Output()))
