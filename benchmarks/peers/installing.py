"""Bringing the peers: each in a pinned version, into a cache folder outside the tree, by its registry's own client.

A folder is named after what it was made from, so a second run brings nothing and a changed version is brought anew.
What cannot be had is told with its reason; nothing here ends a run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import platformdirs

HERE = Path(__file__).parent
#: For one package client to bring one package and to build it: Rust takes minutes.
INSTALL_TIMEOUT_S = 1200.0
_SBIN = ("/usr/sbin", "/usr/local/sbin", "/sbin")


class PeerMissingError(Exception):
    """A peer cannot be had here; the text says why, and what would help."""


@dataclasses.dataclass(frozen=True)
class Package:
    """One peer's program.

    Attributes:
        name: As in the tables.
        version: What is pinned; empty where the system's package manager decides.
        source: The registry's word for where it is from.
        sources: Files beside this one that say what is brought.
        bring: Fills the folder it is given; raises PeerMissingError.
    """

    name: str
    version: str
    source: str
    sources: tuple[Path, ...]
    bring: Callable[[Path], None]

    def folder(self) -> Path:
        """Where it is, or is going to be."""
        made_from = hashlib.sha256(self.version.encode())
        for file in self.sources:
            made_from.update(file.read_bytes())
        name = "-".join(re.findall(r"[a-z]+", self.name.lower()))
        return cache() / f"{name}-{self.version}-{made_from.hexdigest()[:8]}"

    def find(self) -> Path:
        """Its folder.

        Raises:
            PeerMissingError: It was not brought yet.
        """
        folder = self.folder()
        if not folder.is_dir():
            raise PeerMissingError("it is not installed: run `make bench-peers`")
        return folder

    def install(self) -> Path:
        """Its folder, brought if it is not there; a run that is cut short leaves nothing that looks like one.

        Raises:
            PeerMissingError: It cannot be had.
        """
        folder = self.folder()
        if folder.is_dir():
            return folder
        unfinished = folder.with_name(f"{folder.name}.{os.getpid()}.unfinished")
        unfinished.mkdir(parents=True)
        try:
            self.bring(unfinished)
            with contextlib.suppress(OSError):  # another run was quicker
                unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        return folder


def cache() -> Path:
    """The folder of all peers; RELAYDESK_BENCH_CACHE names another one."""
    named = os.environ.get("RELAYDESK_BENCH_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("relaydesk-bench", appauthor=False)


def need(tool: str, hint: str) -> str:
    """The path of a program that the system has to bring.

    Raises:
        PeerMissingError: It is not there.
    """
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SBIN))
    found = shutil.which(tool, path=path)
    if found is None:
        raise PeerMissingError(f"{tool} is missing: {hint}")
    return found


def run(folder: Path, *command: str, environment: Mapping[str, str] | None = None) -> None:
    """Let *command* do its part in *folder*.

    Raises:
        PeerMissingError: It failed, or took too long.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIMEOUT_S,
            check=False,
            env={**os.environ, **(environment or {})},
        )
    except subprocess.TimeoutExpired:
        raise PeerMissingError(f"{command[0]} took longer than {INSTALL_TIMEOUT_S:g} s") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        said = next(
            (line.strip() for line in lines if "error" in line.lower()), lines[-1] if lines else "nothing"
        )
        raise PeerMissingError(f"{Path(command[0]).name} failed: {said[:300]}")


def _cargo(crate: str, version: str) -> Callable[[Path], None]:
    def bring(folder: Path) -> None:
        cargo = need("cargo", "install Rust")
        # Not --locked: of what rathole 0.5.0 has locked, not everything is accepted by today's compiler.
        run(folder, cargo, "install", "--quiet", "--root", str(folder), crate, "--version", version)

    return bring


def _go(name: str, *programs: str) -> Callable[[Path], None]:
    def bring(folder: Path) -> None:
        go = need("go", "install Go")
        shutil.copytree(HERE / name, folder, dirs_exist_ok=True)
        run(
            folder,
            go,
            "build",
            "-trimpath",
            "-o",
            str(folder),
            *programs,
            environment={"GOFLAGS": "-mod=mod"},
        )

    return bring


def _npm(name: str, packed: tuple[str, str] | None = None) -> Callable[[Path], None]:
    options = ("--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")

    def bring(folder: Path) -> None:
        need("node", "install Node.js")
        npm = need("npm", "install Node.js with npm")
        shutil.copytree(HERE / name, folder, dirs_exist_ok=True)
        run(folder, npm, "install", *options)
        if packed:
            # Unpacked as it is: it says that it depends on Node's built-in modules, which no registry has to install.
            package, version = packed
            run(folder, npm, "pack", f"{package}@{version}", *options)
            unpacked = folder / "node_modules" / package
            unpacked.mkdir()
            archive = f"{package}-{version}.tgz"
            run(folder, "tar", "xzf", archive, "--strip-components=1", "-C", str(unpacked))

    return bring


def _pip(requirement: str) -> Callable[[Path], None]:
    def bring(folder: Path) -> None:
        # Its packages alone: a virtual environment holds its own path and could not be renamed.
        options = (
            "--quiet",
            "--disable-pip-version-check",
            "--no-compile",
            "--target",
            str(folder / "packages"),
        )
        run(folder, sys.executable, "-m", "pip", "install", *options, requirement)

    return bring


def _nothing(reason: str) -> Callable[[Path], None]:
    def bring(_: Path) -> None:
        raise PeerMissingError(reason)

    return bring


CHISEL = Package(
    "chisel", "1.11.3", "Go", (HERE / "chisel" / "go.mod",), _go("chisel", "github.com/jpillora/chisel")
)
FRP = Package(
    "frp",
    "0.61.0",
    "Go",
    (HERE / "frp" / "go.mod",),
    _go("frp", "github.com/fatedier/frp/cmd/frps", "github.com/fatedier/frp/cmd/frpc"),
)
RATHOLE = Package("rathole", "0.5.0", "crates.io", (), _cargo("rathole", "0.5.0"))
BORE = Package("bore", "0.6.0", "crates.io", (), _cargo("bore-cli", "0.6.0"))
WSTUNNEL_RUST = Package(
    "wstunnel (Rust)",
    "",
    "crates.io",
    (),
    _nothing("its author publishes no crate of it; the npm package of the same name is another program"),
)
WSTUNNEL = Package("wstunnel (npm)", "1.4.0", "npm", (HERE / "wstunnel" / "package.json",), _npm("wstunnel"))
HYCO_WS = Package(
    "hyco-ws",
    "1.0.5",
    "npm",
    (HERE / "hyco_ws" / "package.json", HERE / "hyco_ws" / "bridge.js"),
    _npm("hyco_ws", ("hyco-ws", "1.0.5")),
)
WEBSOCKET_TUNNEL = Package("websocket-tunnel", "0.3.2", "PyPI", (), _pip("websocket-tunnel==0.3.2"))

PACKAGES = (CHISEL, FRP, RATHOLE, BORE, WSTUNNEL, WSTUNNEL_RUST, HYCO_WS, WEBSOCKET_TUNNEL)
#: Programs that the system's package manager brings, and the Debian package of each.
SYSTEM = {
    "ssh": "openssh-client",
    "sshd": "openssh-server",
    "nginx": "nginx-light libnginx-mod-stream",
    "haproxy": "haproxy",
}


def versions() -> str:
    """What is there, in one line: the pinned packages, and whatever the system has of the rest."""
    found = [f"{package.name} {package.version}" for package in PACKAGES if package.folder().is_dir()]
    for tool, option in (("ssh", "-V"), ("nginx", "-v"), ("haproxy", "-v"), ("node", "--version")):
        with contextlib.suppress(PeerMissingError, OSError, subprocess.SubprocessError):
            command = [need(tool, ""), option]
            asked = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
            said = (asked.stdout + asked.stderr).strip()
            if number := re.search(r"\d+\.\d[\w.]*", said):
                found.append(f"{'OpenSSH' if tool == 'ssh' else tool} {number[0]}")
    return ", ".join(found)


def main() -> int:
    """Bring everything; print what is there and what is not. Always 0: a missing peer is told in each report too."""
    print(f"into {cache()}")
    for package in PACKAGES:
        print(f"  {package.name} {package.version} from {package.source}: ", end="", flush=True)
        try:
            package.install()
            print("there")
        except PeerMissingError as error:
            print(f"missing: {error}")
    for tool, debian in SYSTEM.items():
        try:
            print(f"  {tool}: {need(tool, f'on Debian, apt-get install {debian}')}")
        except PeerMissingError as error:
            print(f"  {tool}: missing: {error}")
    return 0
