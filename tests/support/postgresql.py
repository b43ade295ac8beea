"""A PostgreSQL server of the tests' own: made once, asked by many, and killed, frozen and started again by some."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.store.postgresql import PostgresStore

from .hosts import Host
from .processes import LOOPBACK, free_port

PASSWORD = "s3cret-of-the-store"
START_S = 30.0
STOP_S = 15.0

#: Debian puts them where no PATH leads, one folder for each version.
_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


class PostgresServer:
    """One server on loopback, whose tables are on a real disk and whose password is PASSWORD."""

    def __init__(self, folder: Path, sockets: Path, host: Host | None = None) -> None:
        self._folder = folder
        self._sockets = sockets
        self.address = LOOPBACK if host is None else host.address
        self._host = host
        self._data = folder / "data"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._schemas = itertools.count()
        password = folder / "password"
        password.write_text(PASSWORD)
        if os.geteuid() == 0:  # which no PostgreSQL runs as
            shutil.chown(folder, "postgres", "postgres")
            shutil.chown(sockets, "postgres", "postgres")
            shutil.chown(password, "postgres", "postgres")
        self._run(
            *("initdb", "--pgdata", self._data, "--username", "gateway", "--auth", "scram-sha-256"),
            *("--pwfile", password, "--encoding", "UTF8", "--locale", "C.UTF-8"),
        )
        if host is not None:
            with (self._data / "pg_hba.conf").open("a") as rules:
                rules.write("host all all samenet scram-sha-256\n")

    def url(self, database: str = "postgres", *, password: str | None = PASSWORD) -> str:
        """How to get to a database of it."""
        secret = "" if password is None else f":{password}"
        return f"postgresql://gateway{secret}@{self.address}:{self.port}/{database}"

    def url_by_socket(self, database: str) -> str:
        """How to get to a database of it from another network on this computer, with the password in PGPASSWORD."""
        return f"postgresql://gateway@/{database}?host={self._sockets}&port={self.port}"

    def password_file(self, folder: Path) -> Path:
        """What PGPASSFILE may name."""
        file = folder / "pgpass"
        file.write_text(f"{self.address}:{self.port}:*:gateway:{PASSWORD}\n")
        file.chmod(0o600)
        return file

    async def database(self) -> str:
        """A new and empty database of it."""
        name = f"test{next(self._schemas)}"
        await self.execute(f'create database "{name}"')
        return name

    def store(self) -> PostgresStore:
        """A store with tables of its own, not opened yet."""
        return PostgresStore(self.url(), schema=f"test{next(self._schemas)}")

    async def execute(self, statement: str, *values: object) -> list[Any]:
        """Do it as somebody else who uses the database."""
        connection = await asyncpg.connect(
            self.url_by_socket("postgres"), password=PASSWORD, timeout=5, command_timeout=5
        )
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close(timeout=5)

    # How it runs; all of these block

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = {
            "port": self.port,
            "listen_addresses": self.address,
            "unix_socket_directories": self._sockets,
        }
        settings = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command("postgres", "-D", self._data, *settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
            )
        deadline = time.monotonic() + START_S
        asks = self._command("pg_isready", "--quiet", "--host", self._sockets, "--port", self.port)
        while subprocess.run(asks, cwd=self._folder, check=False).returncode:
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise AssertionError(f"PostgreSQL did not start:\n{self.log()[-2000:]}")

    def stop(self) -> None:
        """End it as an operator does, whoever is connected."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it do nothing any more, with all its connections open."""
        for pid in self._family():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        for pid in self._family():
            os.kill(pid, signal.SIGCONT)

    def log(self) -> str:
        """What it has said."""
        return (self._folder / "log").read_text(errors="replace")

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        family = self._family()
        os.kill(self._process.pid, number)
        self._process.wait(STOP_S)
        self._process = None
        deadline = time.monotonic() + STOP_S
        # without their parent, its children end one after the other; until then it cannot be started again
        while any(Path(f"/proc/{pid}").exists() for pid in family) and time.monotonic() < deadline:
            time.sleep(0.01)

    def _family(self) -> list[int]:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return [self._process.pid, *map(int, children.split())]

    def _command(self, name: str, *arguments: object) -> list[str]:
        as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        command = [str(_program(name)), *map(str, arguments)]
        if os.geteuid() == 0:
            command = [*as_postgres, *command]
        return command if self._host is None else list(map(str, self._host.command(*command)))

    def _run(self, name: str, *arguments: object) -> None:
        done = subprocess.run(
            self._command(name, *arguments), cwd=self._folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{name} failed: {done.stderr[-2000:]}"


def _program(name: str) -> Path:
    for folder in _FOLDERS:
        if (folder / name).exists():
            return folder / name
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: postgresql)")
    return Path(found)


@contextmanager
def postgres_server(host: Host | None = None) -> Iterator[PostgresServer]:
    """A server for the time of the block; on *host*, if not here."""
    prefix = "relaydesk-postgresql-"
    with (
        tempfile.TemporaryDirectory(prefix=prefix) as folder,
        tempfile.TemporaryDirectory(prefix=prefix) as sockets,
    ):
        Path(sockets).chmod(0o755)  # for whoever has a namespace of users of their own, and the password
        server = PostgresServer(Path(folder), Path(sockets), host)
        server.start()
        try:
            yield server
        finally:
            server.stop()
