"""The lines of the local protocol, the place where the desktop is met, and the client, against a server of the test's."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relaydesk import ipc
from relaydesk.ipc import (
    ErrorCode,
    IpcError,
    NoDesktopError,
    Place,
    RefusedError,
    SilentDesktopError,
)

REQUESTS: list[ipc.Request] = [
    ipc.Show(),
    ipc.Show("token"),
    ipc.Open("relaydesk://import#x"),
    ipc.ListServices(),
    ipc.Stop("web"),
    ipc.Pause(),
    ipc.Pause("web"),
    ipc.Resume(),
    ipc.Resume("\N{GREEK SMALL LETTER ALPHA}\n"),
    ipc.Invite("web", "Ada", 60.0),
    ipc.ListExchanges(),
    ipc.ListExchanges(version=7.0, filter="status:5xx", limit=50.0),
    ipc.ShowExchange(1.0),
    ipc.ReadBody(1.0, "request", 1_048_576.0),
    ipc.Curl(1.0, secrets=True),
    ipc.SaveHar("/tmp/x.har", filter="is:pinned"),
    ipc.Replay(1.0),
    ipc.Compare(1.0, 2.0),
    ipc.Quit(),
]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(tmp_path / "run")
    found.prepare()
    return found


# --- lines -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", REQUESTS, ids=repr)
def test_request_is_read_as_it_was_written(request_: ipc.Request):
    line = ipc.format_request(request_)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert ipc.parse_request(line) == request_


def test_line_of_a_request_is_what_the_docstring_says():
    assert json.loads(ipc.format_request(ipc.Stop("web"))) == {"relaydesk": 1, "do": "stop", "service": "web"}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", ErrorCode.BAD_REQUEST),
        (b"\n", ErrorCode.BAD_REQUEST),
        (b"POST / HTTP/1.1\r\n", ErrorCode.BAD_REQUEST),
        (b"GET / HTTP/1.1\r\n", ErrorCode.BAD_REQUEST),
        (b"\xff\xfe\n", ErrorCode.BAD_REQUEST),
        (b"[" * 60_000, ErrorCode.BAD_REQUEST),
        (b"[]", ErrorCode.BAD_REQUEST),
        (b"{}", ErrorCode.BAD_REQUEST),
        (b'{"do": "quit"}', ErrorCode.BAD_REQUEST),
        (b'{"relaydesk": 2, "do": "quit"}', ErrorCode.VERSION),
        (b'{"relaydesk": "1", "do": "quit"}', ErrorCode.VERSION),
        (b'{"relaydesk": 1}', ErrorCode.BAD_REQUEST),
        (b'{"relaydesk": 1, "do": null}', ErrorCode.BAD_REQUEST),
        (b'{"relaydesk": 1, "do": ["quit"]}', ErrorCode.BAD_REQUEST),
        (b'{"relaydesk": 1, "do": "erase"}', ErrorCode.BAD_REQUEST),
        (b'{"relaydesk": 1, "do": "stop"}', ErrorCode.BAD_REQUEST),
        (b'{"relaydesk": 1, "do": "stop", "service": 7}', ErrorCode.BAD_REQUEST),
        (b'{"relaydesk": 1, "do": "stop", "service": ""}', ErrorCode.BAD_REQUEST),
        (b'{"relaydesk": 1, "do": "pause", "service": {}}', ErrorCode.BAD_REQUEST),
        (b'{"relaydesk": 1, "do": "invite", "service": "a", "name": "b"}', ErrorCode.BAD_REQUEST),
        (
            b'{"relaydesk": 1, "do": "invite", "service": "a", "name": "b", "lifetime_s": true}',
            ErrorCode.BAD_REQUEST,
        ),
        (
            b'{"relaydesk": 1, "do": "invite", "service": "a", "name": "b", "lifetime_s": NaN}',
            ErrorCode.BAD_REQUEST,
        ),
        (
            b'{"relaydesk": 1, "do": "invite", "service": "a", "name": "b", "lifetime_s": -1}',
            ErrorCode.BAD_REQUEST,
        ),
        (
            b'{"relaydesk": 1, "do": "invite", "service": "a", "name": "b", "lifetime_s": 1'
            + b"0" * 400
            + b"}",
            ErrorCode.BAD_REQUEST,
        ),
    ],
)
def test_what_is_no_request_is_refused(line: bytes, code: ErrorCode):
    with pytest.raises(RefusedError) as caught:
        ipc.parse_request(line)
    assert caught.value.code == code


def test_members_that_are_not_known_are_ignored():
    assert ipc.parse_request(b'{"relaydesk": 1, "do": "stop", "service": "a", "new": 1}') == ipc.Stop("a")


@given(
    st.binary(max_size=200)
    | st.from_regex(rb'\{"relaydesk": ?1, ?"do": ?"[a-z]{1,6}".{0,40}\}', fullmatch=True)
)
@example(b'{"relaydesk": 1, "do": "quit"}')
def test_reading_a_request_is_total(line: bytes):
    with suppress(RefusedError):
        assert dataclasses.is_dataclass(ipc.parse_request(line))


@given(st.binary(max_size=200))
def test_reading_a_reply_is_total(line: bytes):
    with suppress(RefusedError, SilentDesktopError):
        ipc.parse_reply(line)


def test_replies_are_read_as_they_were_written():
    assert ipc.parse_reply(ipc.format_result({"a": [1, None]})) == {"a": [1, None]}
    with pytest.raises(RefusedError, match="no") as caught:
        ipc.parse_reply(ipc.format_error("busy", "no"))
    assert caught.value.code == "busy"


def test_links_are_not_in_reprs():
    assert "secret" not in repr(ipc.Open("relaydesk://import#secret"))


# --- the place and the lock ------------------------------------------------------------------------------------------


def test_folder_is_made_for_this_user_alone(tmp_path: Path):
    place = Place(tmp_path / "a" / "run")
    place.prepare()
    assert place.folder.stat().st_mode & 0o777 == 0o700


def test_folder_that_others_may_read_is_closed(tmp_path: Path):
    (tmp_path / "run").mkdir(mode=0o755)
    Place(tmp_path / "run").prepare()
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


def test_folder_in_one_that_others_change_is_refused(tmp_path: Path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(IpcError, match="others can change"):
        Place(tmp_path / "open" / "run").prepare()


def test_folder_that_is_a_link_or_a_file_is_refused(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").touch()
    with pytest.raises(IpcError, match="not a folder of this user"):
        Place(tmp_path / "link").prepare()
    with pytest.raises(IpcError, match="cannot use the folder"):
        Place(tmp_path / "file").prepare()


def test_path_that_no_socket_can_have_is_said_so(tmp_path: Path):
    with pytest.raises(IpcError, match="too long for a socket; set XDG_RUNTIME_DIR"):
        Place(tmp_path / ("x" * 100)).prepare()


def test_pipe_is_named_by_the_place(tmp_path: Path):
    one, other = Place(tmp_path / "a"), Place(tmp_path / "b")
    assert one.pipe_name == Place(tmp_path / "a").pipe_name != other.pipe_name


@pytest.mark.skipif(sys.platform != "linux", reason="where Linux has it")
def test_place_is_in_the_runtime_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert ipc.default_place().socket_file == tmp_path / "relaydesk" / "desktop.sock"


def test_one_at_a_time_has_the_claim(place: Place):
    first = ipc.claim(place)
    assert first is not None
    assert ipc.claim(place) is None
    first.release()
    first.release()
    with ipc.claim(place) or pytest.fail("it was given back"):
        assert ipc.claim(place) is None
    assert place.lock_file.stat().st_mode & 0o777 == 0o600


def test_end_of_a_desktop_is_waited_for(place: Place):
    assert ipc.wait_for_end(place, within_s=0)
    with ipc.claim(place) or pytest.fail("nobody has it") as claimed:
        assert not ipc.wait_for_end(place, within_s=0.1)
        threading.Timer(0.05, claimed.release).start()
        assert ipc.wait_for_end(place, within_s=10)


def test_hidden_start_beside_a_desktop_asks_for_nothing(place: Place):
    with ipc.become_desktop(None, place) or pytest.fail("nobody has it"):
        assert ipc.become_desktop(None, place) is None


def test_lock_that_is_a_link_is_refused(place: Place, tmp_path: Path):
    place.lock_file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IpcError, match="cannot use"):
        ipc.claim(place)
    assert not (tmp_path / "elsewhere").exists()


# --- the client ------------------------------------------------------------------------------------------------------


@contextmanager
def a_server(place: Place, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    """Serve one connection."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place.socket_file))
        listening.listen()

        def run() -> None:
            connection, _ = listening.accept()
            with connection:
                serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield
        thread.join(10)
        assert not thread.is_alive()


def test_answer_is_given(place: Place):
    received: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        received.append(connection.recv(1_000))
        for part in (b'{"relaydesk": 1, "res', b'ult": {"a": 1}}', b"\n"):
            connection.sendall(part)

    with a_server(place, serve):
        assert ipc.ask(ipc.Quit(), place, timeout_s=10) == {"a": 1}
    assert received == [ipc.format_request(ipc.Quit())]


def test_no_desktop_is_an_error_of_its_own(place: Place, tmp_path: Path):
    with pytest.raises(NoDesktopError, match="no desktop is running"):
        ipc.ask(ipc.Quit(), place)
    with pytest.raises(NoDesktopError):
        ipc.ask(ipc.Quit(), Place(tmp_path / "nowhere"))


def test_socket_of_a_killed_desktop_is_no_desktop(place: Place):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place.socket_file))
    with pytest.raises(NoDesktopError):
        ipc.ask(ipc.Quit(), place)


def test_desktop_that_is_starting_is_waited_for(place: Place):
    with ipc.claim(place) or pytest.fail("nobody has it"):
        has_begun = threading.Event()

        def start() -> None:
            has_begun.wait(10)
            with a_server(place, lambda connection: connection.sendall(ipc.format_result({}))):
                pass

        thread = threading.Thread(target=start)
        thread.start()
        has_begun.set()
        assert ipc.ask(ipc.Show(), place, timeout_s=10) == {}
        thread.join(10)


def test_desktop_that_never_gets_ready_is_given_up(place: Place):
    with ipc.claim(place) or pytest.fail("nobody has it"), pytest.raises(SilentDesktopError):
        ipc.become_desktop(ipc.Show(), place, within_s=0.2)


def test_who_finds_a_crowd_before_the_door_knocks_again(place: Place, monkeypatch: pytest.MonkeyPatch):
    """Of twenty starts in one moment one was told "Resource temporarily unavailable", and ended with that."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket(socket.AF_UNIX))
        place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        listening.bind(str(place.socket_file))
        listening.listen(0)
        crowd = []
        with pytest.raises(BlockingIOError):  # noqa: PT012 - how many it takes is the system's choice
            while len(crowd) < 10:
                crowd.append(stack.enter_context(socket.socket(socket.AF_UNIX)))
                crowd[-1].setblocking(False)
                crowd[-1].connect(str(place.socket_file))

        def answer() -> None:
            for _ in range(len(crowd)):  # the last of them did not get in, but whoever knocks again does
                with suppress(OSError):
                    connection = stack.enter_context(listening.accept()[0])
                    connection.sendall(ipc.format_result({}))

        waits: list[float] = []
        door = threading.Thread(target=answer)

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 1:
                door.start()

        monkeypatch.setattr(ipc.time, "sleep", sleep)
        assert ipc.ask(ipc.Show(), place, timeout_s=10) == {}
        door.join(10)
        assert waits


def test_silent_desktop_is_given_up(place: Place):
    is_over = threading.Event()
    with a_server(place, lambda _: is_over.wait(10) and None):
        with pytest.raises(SilentDesktopError, match="did not answer within"):
            ipc.ask(ipc.Quit(), place, timeout_s=0.1)
        is_over.set()


@pytest.mark.parametrize("answer", [b"", b"{", b"HTTP/1.1 200 OK\r\n\r\n", b"[]\n", b'{"error": 1}\n'])
def test_what_is_no_answer_is_an_error(place: Place, answer: bytes):
    with a_server(place, lambda connection: connection.sendall(answer)), pytest.raises(SilentDesktopError):
        ipc.ask(ipc.Quit(), place, timeout_s=10)


def test_answer_without_end_is_not_collected(place: Place):
    def serve(connection: socket.socket) -> None:
        def send_for_ever() -> None:
            while True:
                connection.sendall(bytes(1_048_576))

        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            send_for_ever()

    with a_server(place, serve), pytest.raises(SilentDesktopError, match="broke off"):
        ipc.ask(ipc.Quit(), place, timeout_s=10)


def test_server_of_another_user_is_told_nothing(place: Place, monkeypatch: pytest.MonkeyPatch):
    received: list[bytes] = []
    with a_server(place, lambda connection: received.append(connection.recv(1_000))):
        monkeypatch.setattr(ipc, "peer_uid", lambda _: os.getuid() + 1)
        with pytest.raises(SilentDesktopError, match="another user"):
            ipc.ask(ipc.Quit(), place, timeout_s=10)
    assert received == [b""]


def test_peer_is_known():
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert ipc.peer_uid(one) == os.getuid()
