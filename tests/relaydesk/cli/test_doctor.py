"""``relaydesk doctor``: without a desktop against a real gateway, and with one through its socket."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agent.checks import Check, Fault, Outcome, Step
from relaydesk import control, ipc
from relaydesk.cli.program import app
from tests.support.fake_actions import FakeActions
from tests.support.sample_checks import all_good, failed_at
from tests.support.threaded_desktop import ThreadedDesktop

STRING = "Endpoint=sb://{host}/;SharedAccessKeyName=r;SharedAccessKey=c2VjcmV0IGtleQ==;EntityPath=hc;UseDevelopmentEmulator=true"


class Actions(FakeActions):
    """A desktop whose services are examined with what a test gives."""

    def __init__(self) -> None:
        super().__init__("web", "db")
        self.checks: dict[str, tuple[Check, ...]] = {"web": all_good(), "db": all_good()}

    async def diagnose(self, service: str, tell: Callable[[Check], object]) -> None:
        for check in self.checks[service]:
            tell(check)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ipc.Place:
    made = ipc.Place(tmp_path / "relaydesk")
    monkeypatch.setattr(ipc, "default_place", lambda: made)
    monkeypatch.delenv("RELAYDESK_CONNECTION_STRING", raising=False)
    return made


@pytest.fixture
def running(place: ipc.Place) -> Iterator[ThreadedDesktop[Actions]]:
    if sys.platform == "win32":
        pytest.skip("the socket that answers here is POSIX's")
    with ThreadedDesktop(place, Actions()) as it:
        yield it


def invoke(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments], prog_name="relaydesk", input=text)


def test_without_desktop_and_connection_string_both_ways_are_said():
    ran = invoke()
    assert ran.exit_code == 3
    assert "no desktop is running" in ran.stderr
    assert "give a connection string" in ran.stderr


def test_all_services_are_examined_and_a_clear_way_is_zero(running: ThreadedDesktop[Actions]):
    ran = invoke()
    assert ran.exit_code == 0
    lines = ran.stdout.splitlines()
    assert lines[0] == "web"
    assert "db" in lines
    assert (
        "  Good      Key: showed the gateway a token of RootManageSharedAccessKey · it may listen and send (10 ms)"
        in lines
    )


def test_what_fails_is_named_with_its_cause_and_its_fix(running: ThreadedDesktop[Actions]):
    running.actions.checks["db"] = failed_at(Step.TOKEN, Fault.KEY_REJECTED, "the gateway answered 401")
    ran = invoke("db")
    assert ran.exit_code == 1
    assert "  Failed    Key:" in ran.stdout
    assert "the gateway answered 401" in ran.stdout
    assert "Copy the connection string again" in ran.stdout
    assert "something is in the way of db" in ran.stderr


def test_json_has_every_check(running: ThreadedDesktop[Actions]):
    ran = invoke("web", "--json")
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    assert events[0] == {"event": "examining", "service": "web"}
    assert [one["step"] for one in events[1:]] == [step.value for step in Step]
    assert events[2]["outcome"] == "passed"


def test_service_that_there_is_not_is_wrong_use(running: ThreadedDesktop[Actions]):
    ran = invoke("nothing")
    assert ran.exit_code == 2
    assert "there is no service 'nothing'" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--relay", "x"], "about a connection string"),
        (["--target", "3000"], "about a connection string"),
        (["web", "--connection-string", "-"], "leave out one"),
        (["--connection-string", "-", "--target", "no port"], "target"),
        (["--connection-string", "-", "--relay", "a//b"], "empty segment"),
    ],
)
def test_wrong_use_is_refused(arguments: list[str], why: str):
    ran = invoke(*arguments, text=STRING.format(host="127.0.0.1:1"))
    assert ran.exit_code == 2
    assert why in ran.stderr


def test_connection_string_is_examined_and_its_key_stays_secret(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and not listened on: nobody else gets it meanwhile
        port = taken.getsockname()[1]
        file = tmp_path / "report.txt"
        ran = invoke(
            "--connection-string", "-", "--report", str(file), text=STRING.format(host=f"127.0.0.1:{port}")
        )
    assert ran.exit_code == 1
    assert "Nobody answers at the gateway's port" in ran.stdout
    written = file.read_text()
    assert "Nobody answers at the gateway's port" in written
    assert "RelayDesk " in written
    for text in (written, ran.stdout, ran.stderr):
        assert "c2VjcmV0" not in text


def test_report_that_cannot_be_written_says_so(running: ThreadedDesktop[Actions], tmp_path: Path):
    ran = invoke("web", "--report", str(tmp_path / "absent" / "x.txt"))
    assert ran.exit_code == 1
    assert "give another --report FILE" in ran.stderr


def test_desktop_of_another_version_is_said(
    running: ThreadedDesktop[Actions], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        control, "describe_check", lambda _: {"step": "teleport", "outcome": Outcome.PASSED.value}
    )
    ran = invoke("web")
    assert ran.exit_code == 1
    assert "teleport" in ran.stderr
