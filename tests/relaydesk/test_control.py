from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from relaydesk import control, ipc
from relaydesk.control import Desktop, answer
from relaydesk.snapshot import Invitation, Problem, Trouble
from tests.support.fake_actions import FakeActions, a_service


class Asked:
    """A desktop with a service, and what it was asked for."""

    def __init__(self) -> None:
        self.actions = FakeActions("web", "db")
        self.desktop = Desktop(
            actions=self.actions,
            show=lambda token: self.actions.done.append(("show", token)),
            open=lambda text: self.actions.done.append(("open", text)),
            quit=lambda: self.actions.done.append(("quit",)),
        )

    async def __call__(self, request: ipc.Request) -> Any:  # noqa: ANN401 - what was answered
        return json.loads(await answer(ipc.format_request(request), self.desktop))


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.mark.parametrize(
    ("request_", "done"),
    [
        (ipc.Show("token"), ("show", "token")),
        (ipc.Show(), ("show", None)),
        (ipc.Open("relaydesk://x"), ("open", "relaydesk://x")),
        (ipc.Stop("web"), ("stop", "web")),
        (ipc.Pause("web"), ("pause", "web")),
        (ipc.Pause(), ("pause_all",)),
        (ipc.Resume("db"), ("resume", "db")),
        (ipc.Resume(), ("resume_all",)),
        (ipc.Invite("web", "Ada", 60), ("invite", "web", "Ada", 60.0)),
        (ipc.Quit(), ("quit",)),
    ],
    ids=repr,
)
async def test_request_becomes_an_action(asked: Asked, request_: ipc.Request, done: tuple[object, ...]):
    reply = await asked(request_)
    assert "result" in reply
    assert asked.actions.done == [done]


async def test_services_are_told_with_their_problems_and_without_secrets(asked: Asked):
    asked.actions.services = (
        a_service(
            "web",
            problem=Problem(trouble=Trouble.TARGET, cause="nothing listens", next_try_at=5.0),
            invitations=(Invitation(id="hidden", name="Ada", expires_at=9.0),),
        ),
    )
    reply = await asked(ipc.ListServices())
    (service,) = reply["result"]["services"]
    assert service["name"] == "web"
    assert service["state"] == "online"
    assert service["problem"] == {
        "trouble": "target",
        "cause": "nothing listens",
        "since": None,
        "nextTryAt": 5.0,
    }
    assert service["invitations"] == [{"name": "Ada", "expiresAt": 9.0}]
    assert "hidden" not in json.dumps(reply)


async def test_invitation_is_given_to_who_asked_for_it(asked: Asked):
    reply = await asked(ipc.Invite("web", "Ada", 60))
    assert reply["result"]["link"].endswith("secret")
    assert reply["result"]["shownLink"] == "https://relay.example/web/"


@pytest.mark.parametrize(
    "request_", [ipc.Stop("x"), ipc.Pause("x"), ipc.Resume("x"), ipc.Invite("x", "A", 1)]
)
async def test_service_that_is_not_there_is_named(asked: Asked, request_: ipc.Request):
    assert (await asked(request_))["error"] == {
        "code": "unknown-service",
        "message": "there is no service 'x'",
    }
    assert asked.actions.done == []


async def test_action_that_cannot_be_done_says_why(asked: Asked):
    asked.actions.problem = Problem(trouble=Trouble.GATEWAY_UNREACHABLE, cause="no route to it")
    assert (await asked(ipc.Stop("web")))["error"] == {
        "code": "gateway-unreachable",
        "message": "no route to it",
    }


async def test_action_that_takes_too_long_is_said_so(asked: Asked, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(control, "ACTION_TIMEOUT_S", 0.01)
    asked.actions.gate = asyncio.Event()
    assert (await asked(ipc.Stop("web")))["error"]["code"] == "timeout"


@pytest.mark.expect_log_warnings("relaydesk.control: a request through the local socket failed unexpectedly")
async def test_bug_in_an_action_is_logged_and_hidden(asked: Asked):
    asked.actions.error = LookupError("inside")
    error = (await asked(ipc.Stop("web")))["error"]
    assert error["code"] == "internal"
    assert "inside" not in error["message"]


async def test_whatever_the_line_there_is_an_answer(asked: Asked):
    for line in (b"", b"POST / HTTP/1.1\r\n", b"\x00" * 100):
        assert json.loads(await answer(line, asked.desktop))["error"]["code"] == "bad-request"
    assert asked.actions.done == []
