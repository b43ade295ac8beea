"""The verbs for the desktop, against its answers over a real socket; the actions behind it are fakes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from relaydesk import ipc
from relaydesk.cli import desktop as verbs
from relaydesk.cli.program import app
from relaydesk.snapshot import Problem, Trouble
from tests.support.fake_actions import FakeActions, a_service
from tests.support.threaded_desktop import ThreadedDesktop

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the socket that answers here is POSIX's")


@pytest.fixture
def place(tmp_path: Path) -> ipc.Place:
    return ipc.Place(tmp_path / "relaydesk")


@pytest.fixture
def running(place: ipc.Place) -> Iterator[ThreadedDesktop[FakeActions]]:
    with ThreadedDesktop(place, FakeActions("web", "db")) as it:
        yield it


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, place: ipc.Place) -> None:
    monkeypatch.setattr(ipc, "default_place", lambda: place)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="relaydesk")


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["stop", "x"], ["pause"], ["resume", "x"], ["invite", "x", "--name", "Ada"], ["quit"]],
)
def test_without_a_desktop_each_says_how_to_start_it(arguments: list[str]):
    ran = invoke(*arguments)
    assert (ran.exit_code, ran.stdout) == (3, "")
    assert ran.stderr == "error: no desktop is running; start it with: relaydesk\n"


@pytest.mark.parametrize(
    ("arguments", "done", "said"),
    [
        (["stop", "web"], ("stop", "web"), {"name": "web", "stopped": True}),
        (["pause", "web"], ("pause", "web"), {"name": "web", "paused": True}),
        (["pause"], ("pause_all",), {"name": None, "paused": True}),
        (["resume", "db"], ("resume", "db"), {"name": "db", "resumed": True}),
        (["resume"], ("resume_all",), {"name": None, "resumed": True}),
    ],
)
def test_verb_reaches_the_actions(
    running: ThreadedDesktop[FakeActions],
    arguments: list[str],
    done: tuple[object, ...],
    said: dict[str, object],
):
    ran = invoke(*arguments, "--json")
    assert (ran.exit_code, json.loads(ran.stdout), ran.stderr) == (0, said, "")
    assert running.actions.done == [done]
    assert ("all services" if said["name"] is None else str(said["name"])) in invoke(*arguments).stdout


def test_services_are_listed(running: ThreadedDesktop[FakeActions]):
    problem = Problem(trouble=Trouble.TARGET, cause="nothing listens on 3000")
    running.actions.services = (
        a_service("web", expires_at=86_400.0),
        a_service("db", problem=problem, url=""),
    )
    ran = invoke("list")
    assert ran.exit_code == 0
    heading, web, db = ran.stdout.splitlines()
    assert heading.split() == ["NAME", "STATE", "LOCAL", "ADDRESS", "UNTIL"]
    assert "https://relay.example/web/" in web
    assert "1970-01-0" in web
    assert "online: nothing listens on 3000" in db
    assert [service["name"] for service in json.loads(invoke("list", "--json").stdout)] == ["web", "db"]


def test_no_service_is_said_beside_an_empty_list(running: ThreadedDesktop[FakeActions]):
    running.actions.services = ()
    ran = invoke("list")
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert "nothing is shared" in ran.stderr
    assert json.loads(invoke("list", "--json").stdout) == []


def test_invitation_is_all_that_invite_prints(running: ThreadedDesktop[FakeActions]):
    ran = invoke("invite", "web", "--for", "30m", "--name", "Ada")
    assert (ran.exit_code, ran.stdout) == (0, "https://relay.example/web/?relaydesk-invitation=secret\n")
    assert "withdrawn" in ran.stderr
    assert "secret" not in ran.stderr
    assert running.actions.done == [("invite", "web", "Ada", 1_800.0)]


def test_invite_checks_its_duration_before_it_asks(running: ThreadedDesktop[FakeActions]):
    ran = invoke("invite", "web", "--for", "soon", "--name", "Ada")
    assert (ran.exit_code, ran.stderr) == (
        2,
        "error: --for: 'soon' is no duration; write it as 30m, 8h, 2d or 1h30m\n",
    )
    assert running.actions.done == []


def test_service_that_is_not_there_is_wrong_usage(running: ThreadedDesktop[FakeActions]):
    ran = invoke("stop", "x")
    assert (ran.exit_code, ran.stderr) == (
        2,
        "error: there is no service 'x'; relaydesk list shows those there are\n",
    )


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (Trouble.GATEWAY_UNREACHABLE, 3),
        (Trouble.GATEWAY_REFUSED, 4),
        (Trouble.MISSING_RIGHT, 4),
        (Trouble.CONFIG, 2),
        (Trouble.DISK, 1),
    ],
)
def test_what_could_not_be_done_has_its_exit_code(
    running: ThreadedDesktop[FakeActions], trouble: Trouble, code: int
):
    running.actions.problem = Problem(trouble=trouble, cause="for this reason")
    ran = invoke("stop", "web")
    assert (ran.exit_code, ran.stdout) == (code, "")
    assert ran.stderr.startswith("error: for this reason")
    assert ran.stderr.count("\n") == 1


def test_quit_returns_when_the_desktop_has_ended(running: ThreadedDesktop[FakeActions], place: ipc.Place):
    ran = invoke("quit", "--json")
    assert (ran.exit_code, json.loads(ran.stdout)) == (0, {"quit": True})
    with ipc.claim(place) or pytest.fail("it still runs"):
        pass


def test_quit_says_when_the_desktop_does_not_end(
    running: ThreadedDesktop[FakeActions], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(verbs, "_QUIT_TIMEOUT_S", 0.2)
    running.ends_late = True
    ran = invoke("quit")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "has not ended within" in ran.stderr
