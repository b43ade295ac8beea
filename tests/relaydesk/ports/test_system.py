"""relaydesk/ports/system.py, against the system that the tests run on."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from relaydesk.ports import system
from relaydesk.ports.listening import ANOTHER_USER, listening_ports
from tests.support.processes import PYTHON, ROOT, Child, child, free_port, need_program

SERVER = """
import socket, sys
sockets = []
for host in sys.argv[2:]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    one = socket.socket(family)
    if family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    one.bind((host, int(sys.argv[1])))
    one.listen()
    sockets.append(one)
print("ready", flush=True)
sys.stdin.read()
import time
time.sleep(600)
"""

LIST = """
import dataclasses, json, time
from relaydesk.ports import system
from relaydesk.ports.listening import listening_ports
rows = listening_ports(system.read_sockets(), system.read_process, ephemeral=(), now=time.time())
print(json.dumps([[row.port, row.pid, row.process, row.project, row.target] for row in rows]))
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[tuple[int, Child]]:
    port = free_port()
    (tmp_path / "storefront").mkdir()
    command = (PYTHON, "-c", SERVER, str(port), "127.0.0.1", "::1")
    async with child("server", *command, cwd=tmp_path / "storefront") as running:
        await running.says("^ready")
        yield port, running


@pytest.mark.slow
async def test_a_program_is_found_with_its_process_and_project(server: tuple[int, Child]):
    port, running = server
    found = [
        row
        for row in listening_ports(
            await asyncio.to_thread(system.read_sockets), system.read_process, ephemeral=(), now=0.0
        )
        if row.port == port
    ]
    assert [(row.pid, row.project, row.target) for row in found] == [
        (running.pid, "storefront", f"127.0.0.1:{port}")
    ]
    assert found[0].process == psutil.Process(running.pid).name()


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_the_program_of_another_user_is_listed_as_that(server: tuple[int, Child], tmp_path: Path):
    port, _ = server
    setpriv = need_program("setpriv")
    as_nobody = (setpriv, "--reuid", "65534", "--regid", "65534", "--clear-groups")
    listed = await asyncio.to_thread(
        subprocess.run,
        [*as_nobody, PYTHON, "-c", LIST],
        cwd="/",
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert listed.returncode == 0, listed.stderr
    found = [row for row in json.loads(listed.stdout) if row[0] == port]
    assert found == [[port, None, ANOTHER_USER, "", f"127.0.0.1:{port}"]]


def test_where_the_whole_table_takes_root_each_own_process_is_asked(monkeypatch: pytest.MonkeyPatch):
    def refuse(kind: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)
    monkeypatch.setattr(psutil, "process_iter", lambda: [psutil.Process(1), psutil.Process()])
    with closing(socket.create_server(("127.0.0.1", 0))) as own:
        port = own.getsockname()[1]
        found = [each for each in system.read_sockets() if each.laddr and each.laddr[1] == port]
    assert [(each.pid, each.status) for each in found] == [(os.getpid(), "LISTEN")]


@pytest.mark.parametrize("error", [psutil.Error("x"), RuntimeError("malformed line")])
def test_a_table_that_cannot_be_read_is_an_os_error(monkeypatch: pytest.MonkeyPatch, error: Exception):
    def fail(kind: str) -> None:
        raise error

    monkeypatch.setattr(psutil, "net_connections", fail)
    with pytest.raises(OSError, match="cannot be read"):
        system.read_sockets()


def test_a_process_that_is_gone_is_none():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert system.read_process(gone.pid) is None
    assert system.read_process(os.getpid()) is not None


def test_the_ephemeral_range_is_the_systems_or_ianas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "sys/net/ipv4/ip_local_port_range"
    file.parent.mkdir(parents=True)
    monkeypatch.setattr(system, "_PROC", tmp_path)
    for text, expected in (("10000\t20000\n", range(10_000, 20_001)), ("junk", system.IANA_EPHEMERAL)):
        file.write_text(text)
        assert system.ephemeral_ports() == expected
    file.unlink()
    assert system.ephemeral_ports() == range(49_152, 65_536)


# --- one port --------------------------------------------------------------------------------------------------------


@pytest.fixture(params=[True, False], ids=["proc", "psutil"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux's own tables, and the way of all other systems."""
    if request.param and not psutil.LINUX:
        pytest.skip("/proc/net is Linux's")
    monkeypatch.setattr(psutil, "LINUX", request.param)
    # this process's sockets are enough, and the whole table is read elsewhere
    monkeypatch.setattr(system, "read_sockets", lambda: psutil.Process().net_connections("tcp"))


def listen(host: str, *, is_v6_only: bool = True) -> Iterator[int]:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as server:
        if ":" in host:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(is_v6_only))
        server.bind((host, 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize(
    ("bound", "reached", "unreached"),
    [
        ("127.0.0.1", ["127.0.0.1", "localhost", "LOCALHOST."], ["::1", "127.0.0.2"]),
        ("127.0.0.2", ["127.0.0.2"], ["127.0.0.1", "localhost"]),
        ("0.0.0.0", ["127.0.0.1", "127.0.0.2", "localhost"], ["::1"]),
        ("::1", ["::1", "[::1]", "localhost"], ["127.0.0.1"]),
        ("::", ["::1", "127.0.0.1", "localhost"], []),
        ("::ffff:127.0.0.1", ["127.0.0.1", "localhost"], ["::1"]),
    ],
)
def test_a_port_that_somebody_listens_on_is_seen(bound: str, reached: list[str], unreached: list[str]):
    for port in listen(bound, is_v6_only=False):
        assert [system.is_listening(host, port) for host in reached] == [True] * len(reached)
        assert [system.is_listening(host, port) for host in unreached] == [False] * len(unreached)
        for host in ("192.0.2.1", "2001:db8::1", "example.test", "", "x" * 300):
            assert system.is_listening(host, port) is None


@pytest.mark.usefixtures("_way")
def test_neither_a_bound_nor_a_connected_socket_listens():
    for port in listen("127.0.0.1"):
        with socket.create_connection(("127.0.0.1", port)) as one, socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            for each in (one, bound):
                assert system.is_listening("127.0.0.1", each.getsockname()[1]) is False


def test_a_table_that_says_nonsense_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if not psutil.LINUX:
        pytest.skip("/proc/net is Linux's")
    (tmp_path / "net").mkdir()
    monkeypatch.setattr(system, "_PROC", tmp_path)
    assert system.is_listening("127.0.0.1", 80) is None
    for text in (b"head\nnonsense\n", b"head\n 0: xx:0050 0:0 0A x\n", b"head\n 0: 0100007F:zz 0:0 0A x\n"):
        (tmp_path / "net/tcp").write_bytes(text)
        assert system.is_listening("127.0.0.1", 80) is None
    (tmp_path / "net/tcp").write_bytes(b"head\n 0: 0100007F:0050 00000000:0000 0A x\n")
    assert system.is_listening("127.0.0.1", 80) is (sys.byteorder == "little")


# --- containers ------------------------------------------------------------------------------------------------------


def test_what_docker_says_of_published_ports():
    assert system.published(
        [
            "shop-web-1\t0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 9000/tcp",
            "old\t0.0.0.0:5432->5432/tcp, :::5432->5432/tcp, 0.0.0.0:53->53/udp",
            "range\t127.0.0.1:7000-7002->7000-7002/tcp",
            "none\t",
            "nonsense",
            "huge\t0.0.0.0:65534-99999->1/tcp",
            "",
        ]
    ) == {
        8080: "shop-web-1",
        5432: "old",
        **dict.fromkeys((7000, 7001, 7002), "range"),
        **dict.fromkeys((65_534, 65_535), "huge"),
    }


def put_docker(folder: Path, script: str) -> None:
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.fixture
def docker_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return tmp_path


def test_docker_is_asked_where_it_is(docker_folder: Path):
    put_docker(docker_folder, r'test "$1" = ps && printf "shop\t0.0.0.0:8080->80/tcp\n"')
    assert system.read_containers() == {8080: "shop"}


@pytest.mark.slow
def test_docker_that_fails_or_hangs_is_an_os_error_in_time(
    docker_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(system, "DOCKER_S", 0.2)
    for script in ("exit 1", "exec sleep 60"):
        put_docker(docker_folder, script)
        with pytest.raises(OSError, match="docker ps"):
            system.read_containers()


def test_docker_of_another_computer_or_of_the_working_directory_is_not_asked(
    docker_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    put_docker(docker_folder, "exit 0")
    assert system.docker_program() == str(docker_folder / "docker")
    monkeypatch.setenv("DOCKER_HOST", "ssh://somewhere")
    assert system.docker_program() is None
    monkeypatch.delenv("DOCKER_HOST")
    monkeypatch.chdir(docker_folder)
    monkeypatch.setenv("PATH", ".")
    assert system.docker_program() is None
    with pytest.raises(FileNotFoundError):
        system.read_containers()
