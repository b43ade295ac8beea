"""What an agent does, in lines; the snapshots are made by hand, and time stands still."""

from __future__ import annotations

import dataclasses
import functools
import json

import pytest

from agent.config import Direction
from agent.status import AgentStatus, ConnectionStatus, Exchange, State, Traffic, Trouble
from relaydesk.cli.agent_lines import AgentLines
from relaydesk.cli.exits import CliError, ExitCode, UsageError
from relaydesk.cli.output import Output

NOW = 1_000.0
BASE = ConnectionStatus(
    name="web", direction=Direction.LISTEN, leads_to="localhost:3000", path="web", gateway="relay.example"
)


class Told:
    """Lines with what they wrote."""

    def __init__(
        self, capsys: pytest.CaptureFixture[str], *, as_json: bool = False, no_retry: bool = False
    ) -> None:
        self._capsys = capsys
        self.ready: list[ConnectionStatus] = []
        self._as_json = as_json
        self._no_retry = no_retry

    @functools.cached_property
    def lines(self) -> AgentLines:
        """Made inside the test: before, standard output is another one."""
        return AgentLines(
            Output(as_json=self._as_json), self.ready.append, no_retry=self._no_retry, now=lambda: NOW
        )

    def tell(self, **changes: object) -> tuple[list[str], list[str]]:
        """The lines of standard output and standard error after a snapshot with these changes."""
        status = dataclasses.replace(BASE, **changes)  # type: ignore[arg-type]
        self.lines.status(AgentStatus(connections=(status,)))
        written = self._capsys.readouterr()
        return written.out.splitlines(), written.err.splitlines()


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(capsys, as_json=False)


@pytest.fixture
def told_json(capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(capsys, as_json=True)


def test_a_way_to_listening_and_back(told: Told):
    assert told.tell(state=State.CONNECTING) == ([], ["connecting to relay.example ..."])
    assert told.tell(state=State.LISTENING) == ([], [])
    assert [status.state for status in told.ready] == [State.LISTENING]
    lost = {"state": State.WAITING, "last_error": "the control channel was lost", "next_try_at": NOW + 7.4}
    assert told.tell(**lost) == ([], ["trying again: the control channel was lost ..."])
    told.tell(state=State.CONNECTING)
    assert told.tell(state=State.LISTENING) == (["listening again"], [])
    assert len(told.ready) == 1
    assert told.tell(**lost)[1], "lost again is new"


def test_a_file_is_not_filled_with_one_error(told: Told):
    """A gateway that is away for a night is tried a thousand times."""
    for attempt in range(3):
        _, errors = told.tell(state=State.WAITING, last_error="connection refused", next_try_at=NOW + attempt)
        assert errors == (["trying again: connection refused ..."] if attempt == 0 else [])
        _, errors = told.tell(state=State.CONNECTING)
        assert errors == (["connecting to relay.example ..."] if attempt == 0 else [])


def test_programs_hear_of_every_try(told_json: Told):
    for attempt in (1, 2):
        out, _ = told_json.tell(state=State.WAITING, last_error="refused", next_try_at=NOW + attempt)
        assert json.loads(out[0]) == {"event": "retrying", "error": "refused", "inSeconds": attempt}


REFUSED = {
    "state": State.WAITING,
    "trouble": Trouble.GATEWAY_REFUSED,
    "refused_status": 401,
    "last_error": "the gateway answered 401 no such right",
    "next_try_at": NOW + 30,
}


def test_a_refusal_is_tried_again_with_a_word_about_name_and_key(told: Told):
    _, (line,) = told.tell(**REFUSED)
    assert line.startswith(
        "trying again: the gateway answered 401 about web: no such right; check the name, and"
    )


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (REFUSED, ExitCode.REFUSED),
        (
            {"state": State.WAITING, "trouble": Trouble.GATEWAY_UNREACHABLE, "last_error": "away"},
            ExitCode.UNREACHABLE,
        ),
        (
            {"state": State.WAITING, "trouble": Trouble.CERTIFICATE, "last_error": "self-signed"},
            ExitCode.UNREACHABLE,
        ),
        ({"state": State.WAITING, "trouble": Trouble.CREDENTIAL, "last_error": "no file"}, ExitCode.USAGE),
    ],
)
def test_without_a_second_try_the_first_failure_ends_it(
    capsys: pytest.CaptureFixture[str], status: dict[str, object], code: ExitCode
):
    told = Told(capsys, no_retry=True)
    with pytest.raises(CliError) as caught:
        told.tell(**status)
    assert caught.value.code is code


def test_without_a_second_try_what_has_worked_is_tried_again(capsys: pytest.CaptureFixture[str]):
    told = Told(capsys, no_retry=True)
    told.tell(state=State.LISTENING)
    assert told.tell(**REFUSED)[1]


def test_what_cannot_work_ends_it(told: Told):
    with pytest.raises(UsageError, match="another program has it"):
        told.tell(state=State.STOPPED, last_error="cannot bind 127.0.0.1:80: another program has it")


def test_port_that_is_taken_ends_a_verb_that_has_not_worked_yet(told: Told):
    with pytest.raises(CliError, match="another program has it") as caught:
        told.tell(state=State.WAITING, trouble=Trouble.PORT_TAKEN, last_error="another program has it")
    assert caught.value.code is ExitCode.USAGE
    told.tell(state=State.LISTENING)
    _, errors = told.tell(state=State.WAITING, trouble=Trouble.PORT_TAKEN, last_error="somebody has it")
    assert errors == ["trying again: somebody has it; give another port, or 0 for a free one ..."]


def test_connections_are_told_as_they_come_and_go(told_json: Told):
    told_json.tell(state=State.LISTENING)
    out, _ = told_json.tell(state=State.LISTENING, traffic=Traffic(open_connections=1, total_connections=1))
    assert [json.loads(line)["event"] for line in out] == ["connection-opened"]
    # a burst between two snapshots: two came, and all three are gone
    burst = Traffic(total_connections=3, bytes_received=5, bytes_sent=6)
    out, _ = told_json.tell(state=State.LISTENING, traffic=burst)
    opened, ended = map(json.loads, out)
    assert (opened["event"], opened["count"]) == ("connection-opened", 2)
    assert (ended["event"], ended["count"], ended["open"], ended["total"]) == ("connection-ended", 3, 0, 3)
    assert (ended["bytesReceived"], ended["bytesSent"]) == (5, 6)


def test_a_failure_of_one_connection_is_told(told: Told):
    told.tell(state=State.LISTENING)
    told_of = told.tell(state=State.LISTENING, last_error="cannot reach target", last_error_at=NOW)
    assert told_of == ([], ["failed: cannot reach target"])


def test_a_request_that_failed_is_told_once(told: Told):
    told.tell(state=State.LISTENING)
    told.lines.exchange(_exchange(error="no target"))
    out, errors = told.tell(state=State.LISTENING, last_error="no target", last_error_at=NOW)
    assert (len(out), errors) == (1, [])
    _, errors = told.tell(state=State.LISTENING, last_error="no target", last_error_at=NOW + 1)
    assert errors == ["failed: no target"], "a connection, for the same reason"


def _exchange(*, error: str) -> Exchange:
    return Exchange(
        connection="web",
        method="GET",
        path="/a\x1b[2J\r\nb",
        status=502,
        started_at=NOW,
        duration_s=0.0123,
        request_bytes=0,
        response_bytes=1_234_567,
        remote_address="203.0.113.9",
        error=error,
    )


def test_a_request_is_one_line_whatever_the_sender_sent(told: Told, capsys: pytest.CaptureFixture[str]):
    told.lines.exchange(_exchange(error="no target"))
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert "GET /a\\x1b[2J\\r\\nb -> 502  12 ms  1.2 MB  from 203.0.113.9  (no target)" in line
