"""``relaydesk inspect`` and ``replay``, against captured exchanges over a real socket."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agent.captured import EditedRequest
from agent.exchanges import Exchanges
from relaydesk import inspected, ipc
from relaydesk.cli import inspecting
from relaydesk.cli.program import app
from relaydesk.desk.inspecting import Inspector
from tests.support.captures import begun, ended
from tests.support.threaded_desktop import ThreadedDesktop

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the socket that answers here is POSIX's")

SECRET = ("Authorization", "Bearer s3cret")


class Engine:
    """An agent that answers each replay at once, with ``answer``; or never."""

    def __init__(self, exchanges: Exchanges) -> None:
        self.exchanges = exchanges
        self.answer = b"again"
        self.error: str | None = None

    def replay(self, number: int, edited: EditedRequest | None = None) -> int:
        assert edited is None
        one = self.exchanges.find(number)
        again = begun(self.exchanges, one.method, one.request_target, one.request_headers, replay_of=number)
        again.request_ended()
        if self.error is None:
            again.answered(200, "OK", ())
            again.response_piece(self.answer)
            again.response_ended()
        again.ended(self.error)
        return again.id


@pytest.fixture
def exchanges(tmp_path: Path) -> Iterator[Exchanges]:
    made = Exchanges(tmp_path / "captures")
    made.begin()
    yield made
    made.close()


@pytest.fixture
def engine(exchanges: Exchanges) -> Engine:
    return Engine(exchanges)


@pytest.fixture
def running(
    tmp_path: Path, exchanges: Exchanges, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ThreadedDesktop[Inspector]]:
    place = ipc.Place(tmp_path / "relaydesk")
    monkeypatch.setattr(ipc, "default_place", lambda: place)
    inspector = Inspector(exchanges, engine)  # type: ignore[arg-type]  # no more of it is asked for here
    with ThreadedDesktop(place, inspector) as it:
        yield it


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="relaydesk")


def said(*arguments: str) -> object:
    ran = invoke(*arguments, "--json")
    assert (ran.exit_code, ran.stderr) == (0, "")
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.parametrize("arguments", [["inspect"], ["inspect", "1"], ["inspect", "-f"], ["replay", "1"]])
def test_without_a_desktop_each_says_how_to_start_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
):
    monkeypatch.setattr(ipc, "default_place", lambda: ipc.Place(tmp_path / "relaydesk"))
    ran = invoke(*arguments)
    assert (ran.exit_code, ran.stdout) == (3, "")
    assert "start it with: relaydesk" in ran.stderr


def test_nothing_captured_is_said(running: ThreadedDesktop[Inspector], exchanges: Exchanges):
    assert "nothing was captured yet" in invoke("inspect").stderr
    exchanges.is_capturing = False
    assert "capturing is off" in invoke("inspect").stderr


def test_exchanges_are_listed_filtered_and_without_secrets(
    running: ThreadedDesktop[Inspector], exchanges: Exchanges
):
    ended(exchanges, "GET", "/hc/page?token=t0p", (SECRET,), response=b"x" * 1_234)
    ended(exchanges, "POST", "/hc/form", status=503, reason="Busy", error="the target is\nbusy")
    begun(exchanges, "GET", "/hc/slow")
    ran = invoke("inspect")
    assert ran.exit_code == 0
    lines = ran.stdout.splitlines()
    assert lines[0].split() == ["ID", "TIME", "SERVICE", "REQUEST", "STATUS", "TOOK", "SIZE"]
    assert "GET /hc/page?token=…" in lines[1]
    assert "1.2 KB" in lines[1]
    assert "503" in lines[2]
    assert "..." in lines[3]
    assert "t0p" not in ran.stdout
    (found,) = said("inspect", "--filter", "status:5xx")  # type: ignore[misc]
    assert [one["id"] for one in found] == [2]
    (last,) = said("inspect", "--last", "1")  # type: ignore[misc]
    assert [one["id"] for one in last] == [3]
    assert "2 older ones are not shown" in invoke("inspect", "--last", "1").stderr


def test_more_than_fit_one_answer_are_the_latest(running: ThreadedDesktop[Inspector], exchanges: Exchanges):
    for number in range(inspected.MAX_LISTED + 20):
        ended(exchanges, request_target=f"/hc/{'é' * 3_000}/{number}")
    (found,) = said("inspect", "--last", "500")  # type: ignore[misc]
    assert 100 < len(found) < 500
    assert found[-1]["id"] == inspected.MAX_LISTED + 20
    assert f"{520 - len(found)} older ones are not shown" in invoke("inspect", "--last", "500").stderr


def test_one_exchange_is_shown_whole_and_masked(running: ThreadedDesktop[Inspector], exchanges: Exchanges):
    ended(
        exchanges,
        "POST",
        "/hc/form",
        (SECRET, ("X-Plain", "1")),
        b"body",
        response_headers=(("Y", "\x1b[2J"),),
    )
    exchanges.annotate(1, "look here")
    ran = invoke("inspect", "1")
    for text in (
        "POST /hc/form",
        "Authorization: Bearer …",
        "X-Plain: 1",
        "200 OK",
        "[4 B]",
        "target",
        "look here",
    ):
        assert text in ran.stdout
    assert "s3cret" not in ran.stdout
    assert "\x1b" not in ran.stdout
    (one,) = said("inspect", "1")  # type: ignore[misc]
    assert one["requestHeaders"] == [["Authorization", "Bearer …"], ["X-Plain", "1"]]
    assert one["requestBody"] == {"size": 4, "kept": 4, "isWhole": True, "lost": None}


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_body_is_printed_byte_for_byte(running: ThreadedDesktop[Inspector], exchanges: Exchanges, size: int):
    data = os.urandom(size)
    ended(exchanges, "POST", body=data, response=data[::-1])
    assert invoke("inspect", "1", "--body", "request").stdout_bytes == data
    assert invoke("inspect", "1", "--body", "response").stdout_bytes == data[::-1]


def test_body_that_is_not_kept_whole_says_so(running: ThreadedDesktop[Inspector], exchanges: Exchanges):
    ended(exchanges, response=b"gone")
    exchanges.find(1).discard()
    ran = invoke("inspect", "1", "--body", "response")
    assert (ran.stdout, ran.exit_code) == ("", 0)
    assert "0 of 4 bytes are kept: made room" in ran.stderr


def test_command_line_and_archive_mask_unless_told_otherwise(
    running: ThreadedDesktop[Inspector], exchanges: Exchanges, tmp_path: Path
):
    ended(exchanges, "GET", "/hc/1", (SECRET,))
    ended(exchanges, "GET", "/hc/2", (SECRET,), status=500)
    masked, whole = (invoke("inspect", "1", "--curl", *more).stdout for more in ((), ("--with-secrets",)))
    assert masked.startswith("curl ")
    assert ("s3cret" in masked, "s3cret" in whole) == (False, True)
    file = tmp_path / "out.har"
    ran = invoke("inspect", "--har", str(file), "--filter", "status:500")
    assert ran.stdout == f"{file}: 1 exchange\n"
    written = json.loads(file.read_text())
    assert [entry["_id"] for entry in written["log"]["entries"]] == [2]
    assert "s3cret" not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    invoke("inspect", "2", "--har", str(file), "--with-secrets")
    assert "s3cret" in file.read_text()


def test_archive_that_cannot_be_written_says_why(
    running: ThreadedDesktop[Inspector], exchanges: Exchanges, tmp_path: Path
):
    ended(exchanges)
    ran = invoke("inspect", "--har", str(tmp_path / "absent" / "x.har"))
    assert ran.exit_code == 1
    assert "absent" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--curl"], "give its ID"),
        (["--body", "request"], "give its ID"),
        (["1", "--body", "both"], "neither request nor response"),
        (["1", "--follow"], "leave out one"),
        (["--follow", "--har", "x"], "leave out one"),
        (["--filter", "status:many"], "filter"),
        (["99"], "there is no exchange 99"),
        (["99", "--curl"], "relaydesk inspect shows those there are"),
        (["0"], "greater than or equal to 1"),
    ],
)
def test_wrong_use_is_refused_saying_what_to_do(
    running: ThreadedDesktop[Inspector], arguments: list[str], why: str
):
    ran = invoke("inspect", *arguments)
    assert ran.exit_code == 2
    assert why in ran.stderr


def test_following_prints_each_once_when_it_is_over(
    running: ThreadedDesktop[Inspector], exchanges: Exchanges, monkeypatch: pytest.MonkeyPatch
):
    ended(exchanges, "GET", "/hc/before")
    going_on = begun(exchanges, "GET", "/hc/slow")
    looks = 0

    def next_look(_: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            ended(exchanges, "GET", "/hc/during")
        elif looks == 2:
            going_on.ended("cut")
        elif looks == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(inspecting.time, "sleep", next_look)
    ran = invoke("inspect", "--follow", "--json")
    assert ran.exit_code == 130
    assert [json.loads(line)["target"] for line in ran.stdout.splitlines()] == [
        "/hc/before",
        "/hc/during",
        "/hc/slow",
    ]


def test_replay_prints_what_came_and_how_it_differs(
    running: ThreadedDesktop[Inspector], exchanges: Exchanges, engine: Engine
):
    ended(exchanges, "GET", "/hc", response=b"first")
    ran = invoke("replay", "1", "--times", "2", "--diff")
    assert ran.exit_code == 0
    lines = ran.stdout.splitlines()
    assert sum("replay of 1" in line for line in lines) == 2
    assert "-first" in lines
    assert "+again" in lines
    engine.answer = b"first"
    assert "no difference" in invoke("replay", "1", "--diff").stdout


def test_replay_that_fails_ends_with_one(
    running: ThreadedDesktop[Inspector], exchanges: Exchanges, engine: Engine
):
    ended(exchanges, "GET", "/hc")
    engine.error = "connection refused"
    ran = invoke("replay", "1", "--times", "3")
    assert ran.exit_code == 1
    assert "3 of 3 got no whole answer" in ran.stderr
    assert ran.stdout.count("connection refused") == 3


def test_replay_of_what_is_gone_is_wrong_use(running: ThreadedDesktop[Inspector]):
    ran = invoke("replay", "7")
    assert ran.exit_code == 2
    assert "there is no exchange 7" in ran.stderr
