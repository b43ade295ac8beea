"""Who plays which part: how each client program is started in the island."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from .hosting import Relay
from .island import Island
from .packages import CLIENTS, ROOT, java_classes, need, node_modules
from .programs import Program, running

#: Of a file with a public certificate in it: Java wants one.
_PASSWORD = "changeit"


class Cast:
    """Starts client programs; each is ended with its block."""

    def __init__(self, island: Island, folder: Path) -> None:
        self._island = island
        self._folder = folder
        self._numbers = itertools.count(1)

    @contextlib.contextmanager
    def node(
        self,
        package: str,
        script: str,
        relay: Relay,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
    ) -> Iterator[Program]:
        """Run ``clients/PACKAGE/SCRIPT.js`` with that package."""
        modules = {"NODE_PATH": str(node_modules(package))}
        command = ["node", str(CLIENTS / package / f"{script}.js"), *arguments]
        environment = {**modules, **relay.environment, **(environment or {})}
        with self._running(f"{package} {script}", command, environment) as program:
            yield program

    @contextlib.contextmanager
    def python(self, module: str, relay: Relay | None = None, *arguments: str) -> Iterator[Program]:
        """Run ``clients/MODULE.py``."""
        command = [sys.executable, "-m", f"tests.interop.clients.{module}", *arguments]
        environment = {"PYTHONPATH": str(ROOT), **(relay.environment if relay else {})}
        with self._running(module, command, environment) as program:
            yield program

    @contextlib.contextmanager
    def java(
        self, program: str, relay: Relay, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> Iterator[Program]:
        """Run ``clients/jetty/PROGRAM.java``."""
        class_path = ":".join(map(str, java_classes("jetty")))
        trust = [
            f"-Djavax.net.ssl.trustStore={self._trust_store(relay)}",
            f"-Djavax.net.ssl.trustStorePassword={_PASSWORD}",
        ]
        # quick to start, and content with little memory: nothing here runs for long
        jvm = [
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Xshare:auto",
            "-Xmx512m",
            "-Dfile.encoding=UTF-8",
        ]
        command = ["java", *jvm, *trust, "-cp", class_path, program, *arguments]
        with self._running(
            f"jetty {program}", command, {**relay.environment, **(environment or {})}
        ) as running_one:
            yield running_one

    @contextlib.contextmanager
    def browser(self, relay: Relay) -> Iterator[Program]:
        """Run headless Chromium, which trusts the gateway's certificate."""
        need("chromium", "chromium")
        profile = self._folder / f"chromium-{next(self._numbers)}"
        with self.python("browser", relay, relay.key_digest, str(profile)) as program:
            yield program

    def _trust_store(self, relay: Relay) -> Path:
        store = relay.ca_file.with_suffix(".p12")
        if not store.exists():
            need("keytool", "a JDK")
            command = ["keytool", "-importcert", "-noprompt", "-alias", "test", "-file", str(relay.ca_file)]
            store_options = ["-keystore", str(store), "-storetype", "PKCS12", "-storepass", _PASSWORD]
            subprocess.run([*command, *store_options], check=True, capture_output=True, timeout=30)
        return store

    @contextlib.contextmanager
    def agent(self, relay: Relay, settings: str) -> Iterator[Program]:
        """Run our agent with one hybrid connection; *settings* are the lines of TOML that say what it leads to."""
        file = self._folder / f"agent-{next(self._numbers)}.toml"
        file.write_text(
            f'[[connections]]\npath = "{relay.path}"\ncredential = {{ env = "RELAY_CONNECTION_STRING" }}\n'
            f'{settings}\n[network]\nca_file = "{relay.ca_file}"\n'
        )
        command = [sys.executable, "-m", "agent", "--config", str(file)]
        environment = {"PYTHONPATH": str(ROOT), "RELAY_CONNECTION_STRING": relay.connection_string}
        with self._running("agent", command, environment, is_told_errors=True) as program:
            program.says("listening on" if "target" in settings else "leads to it")
            yield program

    @contextlib.contextmanager
    def web_server_behind_agent(self, relay: Relay) -> Iterator[Program]:
        """Run our agent as a listener, and the web server that it leads to; gives the latter."""
        with self.python("web_server") as server:
            target = f"http://127.0.0.1:{server.event('serving')['port']}"
            with self.agent(relay, f'target = "{target}"'):
                yield server

    @contextlib.contextmanager
    def echo_server_behind_agent(self, relay: Relay) -> Iterator[Program]:
        """Run our agent as a listener, and the TCP service that it leads to; gives the latter."""
        with self.python("echo_server") as server:
            target = f"127.0.0.1:{server.event('serving')['port']}"
            with self.agent(relay, f'target = "{target}"'):
                yield server

    @contextlib.contextmanager
    def _running(
        self, name: str, command: list[str], environment: Mapping[str, str], *, is_told_errors: bool = False
    ) -> Iterator[Program]:
        log = self._folder / f"{next(self._numbers):03} {name.replace('/', ' ')}.log"
        inside = self._island.inside(*command)
        with running(name, inside, log, environment, is_told_errors=is_told_errors) as program:
            yield program
