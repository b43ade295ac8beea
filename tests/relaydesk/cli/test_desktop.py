"""The verbs for the desktop, against its answers over a real socket; the actions behind it are fakes."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from relaydesk import control, ipc
from relaydesk.cli import desktop as verbs
from relaydesk.cli.program import app
from relaydesk.control import Desktop
from relaydesk.snapshot import Problem, Trouble
from tests.support.fake_actions import FakeActions, a_service

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the socket that answers here is POSIX's")


class Running:
    """A desktop in a thread, one client after the other; ended by ``quit``."""

    def __init__(self, place: ipc.Place) -> None:
        self.actions = FakeActions("web", "db")
        self.place = place
        self.ends_late = False
        self._has_to_end = threading.Event()
        self._is_listening = threading.Event()
        self._desktop = Desktop(actions=self.actions, show=print, open=print, quit=self._has_to_end.set)
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()
        assert self._is_listening.wait(10)

    def end(self) -> None:
        self.ends_late = False
        self._has_to_end.set()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with (
            ipc.claim(self.place) or pytest.fail("nobody has it"),
            socket.socket(socket.AF_UNIX) as listening,
        ):
            listening.bind(str(self.place.socket_file))
            listening.listen()
            listening.settimeout(0.05)
            self._is_listening.set()
            while not self._has_to_end.is_set() or self.ends_late:
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.sendall(asyncio.run(control.answer(connection.recv(65_536), self._desktop)))


@pytest.fixture
def place(tmp_path: Path) -> ipc.Place:
    return ipc.Place(tmp_path / "relaydesk")


@pytest.fixture
def running(place: ipc.Place) -> Iterator[Running]:
    it = Running(place)
    it.start()
    yield it
    it.end()


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
    running: Running, arguments: list[str], done: tuple[object, ...], said: dict[str, object]
):
    ran = invoke(*arguments, "--json")
    assert (ran.exit_code, json.loads(ran.stdout), ran.stderr) == (0, said, "")
    assert running.actions.done == [done]
    assert ("all services" if said["name"] is None else str(said["name"])) in invoke(*arguments).stdout


def test_services_are_listed(running: Running):
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


def test_no_service_is_said_beside_an_empty_list(running: Running):
    running.actions.services = ()
    ran = invoke("list")
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert "nothing is shared" in ran.stderr
    assert json.loads(invoke("list", "--json").stdout) == []


def test_invitation_is_all_that_invite_prints(running: Running):
    ran = invoke("invite", "web", "--for", "30m", "--name", "Ada")
    assert (ran.exit_code, ran.stdout) == (0, "https://relay.example/web/?relaydesk-invitation=secret\n")
    assert "withdrawn" in ran.stderr
    assert "secret" not in ran.stderr
    assert running.actions.done == [("invite", "web", "Ada", 1_800.0)]


def test_invite_checks_its_duration_before_it_asks(running: Running):
    ran = invoke("invite", "web", "--for", "soon", "--name", "Ada")
    assert (ran.exit_code, ran.stderr) == (
        2,
        "error: --for: 'soon' is no duration; write it as 30m, 8h, 2d or 1h30m\n",
    )
    assert running.actions.done == []


def test_service_that_is_not_there_is_wrong_usage(running: Running):
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
def test_what_could_not_be_done_has_its_exit_code(running: Running, trouble: Trouble, code: int):
    running.actions.problem = Problem(trouble=trouble, cause="for this reason")
    ran = invoke("stop", "web")
    assert (ran.exit_code, ran.stdout) == (code, "")
    assert ran.stderr.startswith("error: for this reason")
    assert ran.stderr.count("\n") == 1


def test_quit_returns_when_the_desktop_has_ended(running: Running, place: ipc.Place):
    ran = invoke("quit", "--json")
    assert (ran.exit_code, json.loads(ran.stdout)) == (0, {"quit": True})
    with ipc.claim(place) or pytest.fail("it still runs"):
        pass


def test_quit_says_when_the_desktop_does_not_end(running: Running, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(verbs, "_QUIT_TIMEOUT_S", 0.2)
    running.ends_late = True
    ran = invoke("quit")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "has not ended within" in ran.stderr
