"""A Windows of its own in a folder, as far as Wine is one: programs, registry, installers."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import pytest

from .processes import need_program

#: Debian's 64-bit loader: its /usr/bin/wine wants a 32-bit Wine, too.
LOADER = Path("/usr/lib/wine/wine64")
SERVER = Path("/usr/lib/wine/wineserver64")


@dataclass(frozen=True)
class Wine:
    """One.

    Attributes:
        prefix: Its folder.
    """

    prefix: Path

    @property
    def local(self) -> Path:
        """%LOCALAPPDATA%."""
        [found] = (self.prefix / "drive_c" / "users").glob("*/AppData/Local")
        return found

    @property
    def start_menu(self) -> Path:
        """Where the user's start menu is."""
        return self.local.parent / "Roaming" / "Microsoft" / "Windows" / "Start Menu" / "Programs"

    def windows_path(self, path: Path) -> PureWindowsPath:
        """How programs in it call *path*."""
        return PureWindowsPath("C:\\", *path.relative_to(self.prefix / "drive_c").parts)

    def run(self, *command: str | Path, within_s: float = 120.0) -> int:
        """Run a program to its end; its exit code."""
        return self._run(*command, within_s=within_s).returncode

    def read(self, key: str, name: str = "") -> str | None:
        """A value of the registry; None where there is none."""
        which = ("/v", name) if name else ("/ve",)
        done = self._run("reg", "query", key, *which)
        found = re.search(r" {4}REG_\w+ {4}([^\r\n]*)\r?$", done.stdout, re.MULTILINE)
        return found[1] if done.returncode == 0 and found else None

    def write(self, key: str, name: str, value: str) -> None:
        """Set a text in the registry."""
        which = ("/v", name) if name else ("/ve",)
        assert self.run("reg", "add", key, *which, "/d", value, "/f") == 0

    def has(self, key: str) -> bool:
        """Whether there is a key."""
        return self._run("reg", "query", key).returncode == 0

    def _run(self, *command: str | Path, within_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [LOADER, *command],
            env={**_environment(), "WINEPREFIX": str(self.prefix)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=within_s,
        )


def _environment() -> dict[str, str]:
    # without a display: what asks would hang there, and installers that are silent ask nothing
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {"WINEDEBUG": "-all", "WINEARCH": "win64", "LC_ALL": "C.UTF-8"}


@contextlib.contextmanager
def wine(folder: Path) -> Iterator[Wine]:
    """A new one in *folder*, for the time of the block; then nothing of it runs."""
    need_program("wine")
    for part in (LOADER, SERVER):
        if not part.exists():
            pytest.skip(f"{part} is not installed")
    made = Wine(folder)
    try:
        assert made.run("wineboot", "--init") == 0
        yield made
    finally:
        environment = {**_environment(), "WINEPREFIX": str(folder)}
        subprocess.run([SERVER, "--kill"], env=environment, check=False, timeout=60)
        subprocess.run([SERVER, "--wait"], env=environment, check=False, timeout=60)
