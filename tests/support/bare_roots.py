"""A bare Debian in a folder: what a package is installed into, to see that it says itself what it needs.

Made by debootstrap (minbase: no X, no D-Bus, no Python), as root. Programs run in it in a mount namespace of their own, with /proc and
with the machine's /tmp, through which they reach the test's X server and D-Bus session; nothing stays mounted.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from .processes import need_program

#: The release of Debian, and where this machine gets its own packages.
SUITE = "bookworm"
_SOURCES = (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d/debian.sources"))

_ENTER = (
    "mount --make-rprivate / && mount --rbind /tmp {root}/tmp && mount -t proc proc {root}/proc"
    " && mount --rbind /dev {root}/dev && exec chroot {root} "
)


@dataclass(frozen=True)
class BareRoot:
    """One.

    Attributes:
        path: The folder.
    """

    path: Path

    def command(self, program: str) -> tuple[str, ...]:
        """What runs *program* in it, with the environment that is given and the arguments that follow."""
        enter = _ENTER.format(root=self.path) + f'{program} "$@"'
        return ("/usr/bin/unshare", "--mount", "/bin/sh", "-c", enter, "sh")

    def run(
        self, *command: str, environment: Mapping[str, str] | None = None, within_s: float = 240.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in it to its end."""
        clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"}
        program, *arguments = command
        return subprocess.run(
            [*self.command(program), *arguments],
            env=clean | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=within_s,
        )

    def must(self, *command: str, environment: Mapping[str, str] | None = None) -> str:
        """The same; what it said.

        Raises:
            AssertionError: It failed.
        """
        done = self.run(*command, environment=environment)
        assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def install(self, package: Path) -> str:
        """Install a .deb with all it depends on, and nothing that it merely recommends."""
        shutil.copy(package, self.path / "var" / package.name)
        try:
            return self.must(
                *("apt-get", "install", "-y", "--no-install-recommends", "--allow-downgrades"),
                f"/var/{package.name}",
                environment={"DEBIAN_FRONTEND": "noninteractive"},
            )
        finally:
            (self.path / "var" / package.name).unlink()

    def files(self) -> set[str]:
        """Everything in it, but what belongs to the machine."""
        found = set()
        for folder, folders, names in os.walk(self.path):
            where = "/" + os.path.relpath(folder, self.path).removeprefix(".")
            if where in ("/", "//"):
                folders[:] = [name for name in folders if name not in ("tmp", "proc", "dev", "sys")]
            found |= {f"{where}/{name}".replace("//", "/") for name in (*folders, *names)}
        return found


def make_bare_root(folder: Path) -> BareRoot:
    """Make one in *folder*; half a minute, and 200 MB. The test is skipped where that cannot be."""
    program = need_program("debootstrap")
    if os.geteuid() != 0:
        pytest.skip("debootstrap needs root")
    done = subprocess.run(
        [program, "--variant=minbase", SUITE, folder, _mirror()],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
        env=os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    root = BareRoot(folder)
    settings = Path("/etc/apt/apt.conf.d")
    for file in settings.iterdir():  # how this machine reaches the packages: proxies, dates
        if re.search(r"^\s*Acquire::", file.read_text(encoding="utf-8"), re.MULTILINE):
            shutil.copy(file, folder / "etc/apt/apt.conf.d")
    shutil.copy("/etc/resolv.conf", folder / "etc/resolv.conf")
    root.must("apt-get", "update", "-qq")
    return root


def _mirror() -> str:
    for file in _SOURCES:
        if file.exists():
            text = file.read_text(encoding="utf-8")
            found = re.search(r"^(?:URIs:|deb(?: \[.*\])?) *(\S+)", text, re.MULTILINE)
            if found:
                return found.group(1)
    pytest.skip("it is not known where this machine gets Debian's packages")
