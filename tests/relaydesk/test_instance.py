"""The desktop's socket, with real clients: those of the command line, hostile ones, and twenty desktops at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from relaydesk import instance, ipc
from relaydesk.control import Desktop
from relaydesk.ipc import IpcError, NoDesktopError, Place, RefusedError
from relaydesk.snapshot import Problem, Trouble
from tests.support.fake_actions import FakeActions
from tests.support.processes import ROOT
from tests.support.waiting import until

pytestmark = pytest.mark.qt_loop


class Running:
    """A desktop that serves in this process."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.actions = FakeActions("web")
        self.done = self.actions.done
        self.desktop = Desktop(
            actions=self.actions,
            show=lambda token: self.done.append(("show", token)),
            open=lambda text: self.done.append(("open", text)),
            quit=lambda: self.done.append(("quit",)),
        )

    async def ask(self, request: ipc.Request) -> object:
        """Ask as another program does: in a thread, for that client blocks."""
        return await asyncio.to_thread(ipc.ask, request, self.place, timeout_s=10)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(self.place.socket_file)

    async def says(self, data: bytes, *, ends: bool = False) -> bytes:
        """Send bytes, and give all that comes back until the end of the connection."""
        reader, writer = await self.connect()
        try:
            with contextlib.suppress(ConnectionError):
                writer.write(data)
                await writer.drain()
                if ends:
                    writer.write_eof()
            async with asyncio.timeout(10):
                return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def conversations() -> int:
    return sum(task.get_name() == "local client" for task in asyncio.all_tasks())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "run")


@contextlib.asynccontextmanager
async def serving(running: Running) -> AsyncIterator[Running]:
    is_ready = asyncio.Event()
    claimed = ipc.claim(running.place)
    assert claimed is not None
    with claimed:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(
                instance.serve(claimed, running.desktop, is_ready=is_ready), name="local socket"
            )
            await is_ready.wait()
            yield running
            task.cancel()


@pytest.fixture
async def running(place: Place) -> AsyncIterator[Running]:
    async with serving(Running(place)) as it:
        yield it


# --- talk ------------------------------------------------------------------------------------------------------------


async def test_request_reaches_the_actions_and_the_answer_the_client(running: Running):
    assert await running.ask(ipc.Stop("web")) == {}
    assert await running.ask(ipc.Show("token")) == {}
    assert await running.ask(ipc.Open("relaydesk://import#x")) == {}
    listed = await running.ask(ipc.ListServices())
    assert isinstance(listed, dict)
    assert [service["name"] for service in listed["services"]] == ["web"]
    assert running.done == [("stop", "web"), ("show", "token"), ("open", "relaydesk://import#x")]


async def test_error_of_an_action_reaches_the_client(running: Running):
    running.actions.problem = Problem(trouble=Trouble.MISSING_RIGHT, cause="the key may not send")
    with pytest.raises(RefusedError, match="the key may not send") as caught:
        await running.ask(ipc.Pause("web"))
    assert caught.value.code == "missing-right"


async def test_long_answer_arrives_whole(running: Running):
    running.actions.services *= 5_000
    listed = await running.ask(ipc.ListServices())
    assert isinstance(listed, dict)
    assert len(listed["services"]) == 5_000


async def test_clients_are_served_side_by_side(running: Running):
    running.actions.gate = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        slow = [tasks.create_task(running.ask(ipc.Pause("web"))) for _ in range(4)]
        await running.ask(ipc.ListServices())
        assert not any(task.done() for task in slow)
        running.actions.gate.set()


async def test_answer_to_quit_arrives_although_the_desktop_ends(place: Place):
    running = Running(place)
    async with asyncio.TaskGroup() as tasks:
        with ipc.claim(place) or pytest.fail("nobody has it") as claimed:
            is_ready = asyncio.Event()
            desktop = Desktop(
                actions=running.actions, show=print, open=print, quit=lambda: serving_task.cancel() and None
            )
            serving_task = tasks.create_task(instance.serve(claimed, desktop, is_ready=is_ready))
            await is_ready.wait()
            assert await running.ask(ipc.Quit()) == {}
            await asyncio.wait([serving_task])


async def test_socket_goes_with_the_desktop(place: Place):
    async with serving(Running(place)) as running:
        assert place.socket_file.stat().st_mode & 0o777 == 0o600
        assert place.folder.stat().st_mode & 0o777 == 0o700
    assert not place.socket_file.exists()
    with pytest.raises(NoDesktopError):
        await running.ask(ipc.Show())


async def test_socket_that_cannot_be_made_is_an_error(place: Place):
    with ipc.claim(place) or pytest.fail("nobody has it") as claimed:
        place.socket_file.mkdir()
        with pytest.raises(IpcError, match="cannot make the desktop's socket"):
            await instance.serve(claimed, Running(place).desktop)
        place.socket_file.rmdir()


# --- hostile clients -------------------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "CLIENT_TIMEOUT_S", 0.1)


@pytest.mark.parametrize(
    "said",
    [
        b"\n",
        b"junk\n",
        os.urandom(1_000) + b"\n",
        b"POST / HTTP/1.1\r\nHost: evil.test\r\nOrigin: http://evil.test\r\n\r\n",
        b'POST / HTTP/1.1\r\n\r\n{"relaydesk": 1, "do": "quit"}\n',
        b'{"relaydesk": 1, "do": "erase"}\n',
        b'{"relaydesk": 99, "do": "quit"}\n',
    ],
)
async def test_junk_gets_an_error_and_nothing_done(running: Running, said: bytes):
    answer = await running.says(said)
    assert json.loads(answer)["error"]["code"] in ("bad-request", "version")
    assert running.done == []


async def test_second_line_is_not_read(running: Running):
    stop, quit_ = ipc.format_request(ipc.Stop("web")), ipc.format_request(ipc.Quit())
    assert (await running.says(stop + quit_)).count(b"\n") == 1
    assert running.done == [("stop", "web")]


@pytest.mark.parametrize("said", [b"", b'{"relaydesk": 1, "do": "quit"}'])
async def test_half_a_line_does_nothing(running: Running, said: bytes):
    assert await running.says(said, ends=True) == b""
    assert running.done == []


@pytest.mark.usefixtures("impatient")
async def test_silent_client_is_cut(running: Running):
    assert b"bad-request" in await running.says(b"")


@pytest.mark.usefixtures("impatient")
async def test_client_that_does_not_read_is_cut(running: Running):
    running.actions.services *= 5_000
    with socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, str(running.place.socket_file))
        await asyncio.get_running_loop().sock_sendall(client, ipc.format_request(ipc.ListServices()))
        await until(lambda: conversations() == 0)
    await running.ask(ipc.Show())


@pytest.mark.slow
async def test_line_of_a_hundred_megabytes_is_not_collected(running: Running):
    before = psutil.Process().memory_info().rss
    _, writer = await running.connect()
    sent = 0
    with contextlib.suppress(ConnectionError):
        for _ in range(1_600):
            writer.write(bytes([65]) * 65_536)
            await writer.drain()
            sent += 65_536
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    assert sent < 2_000_000
    assert psutil.Process().memory_info().rss - before < 20_000_000
    assert running.done == []


async def test_crowd_is_turned_away_and_the_desktop_goes_on(running: Running):
    async with contextlib.AsyncExitStack() as crowd:
        for _ in range(instance.MAX_CONVERSATIONS):
            _, writer = await running.connect()
            crowd.callback(writer.close)
        await until(lambda: conversations() == instance.MAX_CONVERSATIONS)
        for _ in range(20):
            with pytest.raises(RefusedError, match="busy"):
                await running.ask(ipc.Stop("web"))
    await until(lambda: conversations() == 0)
    assert await running.ask(ipc.Show()) == {}
    assert running.done == [("show", None)]


@pytest.mark.expect_log_warnings(r"relaydesk\.instance: refused a program of another user \(uid \d+\)")
async def test_other_user_is_refused(running: Running, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ipc, "peer_uid", lambda _: os.getuid() + 1)
    assert await running.says(ipc.format_request(ipc.Stop("web"))) == b""
    assert running.done == []


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user reaches, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="relaydesk-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


AS_NOBODY_BY = ("setpriv", "--reuid", "65534", "--clear-groups")
AS_NOBODY = """
import socket, sys
with socket.socket(socket.AF_UNIX) as client:
    client.settimeout(10)
    try:
        client.connect(sys.argv[1])
        client.sendall(b'{"relaydesk": 1, "do": "stop", "service": "web"}\\n')
        print("got", client.recv(1000))
    except OSError as error:
        print(type(error).__name__)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="only root can become somebody else")
@pytest.mark.allow_log_warnings(r"relaydesk\.instance: refused a program of another user \(uid 65534\)")
@pytest.mark.parametrize("is_folder_open", [False, True])
async def test_real_other_user_is_refused(open_folder: Path, is_folder_open: bool):
    """By the folder's mode; and where somebody opened folder and socket, by the system's word who it is (D2)."""
    async with serving(Running(Place(open_folder / "run"))) as running:
        if is_folder_open:
            running.place.folder.chmod(0o777)
            running.place.socket_file.chmod(0o777)
        python = "/usr/bin/python3"  # one that nobody may run
        ran = await asyncio.to_thread(
            subprocess.run,
            [*AS_NOBODY_BY, python, "-c", AS_NOBODY, str(running.place.socket_file)],
            capture_output=True,
            text=True,
            check=True,
        )
        said = ran.stdout.strip()
        assert said in (
            ("got b''", "ConnectionResetError", "BrokenPipeError") if is_folder_open else ("PermissionError",)
        )
        assert running.done == []


# --- one instance ----------------------------------------------------------------------------------------------------


def stand_in(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.desktop_stand_in", str(folder), "web"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def stream(found: IO[str] | None) -> IO[str]:
    assert found is not None
    return found


@pytest.fixture
def stand_ins(place: Place) -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_of_twenty_starts_at_once_one_is_the_desktop(place: Place, stand_ins: list[subprocess.Popen[str]]):
    stand_ins += [stand_in(place.folder) for _ in range(20)]
    for process in stand_ins:
        assert line_of(process) == "loaded"
    for process in stand_ins:
        stream(process.stdin).write("\n")
        stream(process.stdin).flush()
    first = {process.pid: line_of(process) for process in stand_ins}
    assert sorted(first.values()) == ["desktop", *["handed over"] * 19]
    (winner,) = [process for process in stand_ins if first[process.pid] == "desktop"]
    handed = {line_of(winner) for _ in range(19)}
    assert handed == {f"asked: ('open', 'from {pid}')" for pid in first if pid != winner.pid}
    assert ipc.ask(ipc.Quit(), place) == {}
    assert winner.wait(20) == 0


@pytest.mark.slow
def test_socket_of_a_killed_desktop_is_taken_over(place: Place, stand_ins: list[subprocess.Popen[str]]):
    for _ in range(2):
        process = stand_in(place.folder)
        stand_ins.append(process)
        assert line_of(process) == "loaded"
        stream(process.stdin).write("\n")
        stream(process.stdin).flush()
        assert line_of(process) == "desktop"
        assert "services" in ipc.ask(ipc.ListServices(), place)
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        assert place.socket_file.exists()
