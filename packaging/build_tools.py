"""The tools that wrap and sign: whether they are there, and running them. And the time of what they wrap."""

import os
import shutil
import subprocess
from pathlib import Path

from facts import CHECKOUT, Facts, PackagingError, environment


def need(tool: str, package: str, what: str) -> None:
    """See that *tool* is there, which does *what*.

    Raises:
        PackagingError: It is not; says which Debian package has it.
    """
    if shutil.which(tool) is None:
        raise PackagingError(f"{tool} is missing, which {what}; on Debian: apt-get install {package}")


def run(command: list[str], facts: Facts, where: Path = CHECKOUT) -> None:
    """Run a tool; what it says is seen only where it fails.

    Raises:
        PackagingError: It failed.
    """
    done = subprocess.run(
        command, cwd=where, env=environment(facts), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PackagingError(f"{command[0]} failed: {(done.stderr + done.stdout).strip()[-2000:]}")


def set_times(folder: Path, facts: Facts) -> None:
    """Give everything in *folder* the commit's time: packages keep it, and clocks differ."""
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (facts.moment, facts.moment), follow_symlinks=False)
