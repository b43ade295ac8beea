"""What a run was made on: figures mean nothing without it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import ssl
import subprocess
import sys
import time
from pathlib import Path

import psutil

from .processes import ROOT


def describe() -> dict[str, str]:
    """Processor, system, Python, libraries, commit."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("websockets", "aiofastnet")]
    if importlib.util.find_spec("uvloop"):
        versions.append(f"uvloop {importlib.metadata.version('uvloop')}")
    else:
        versions.append("asyncio's own loop")
    return {
        "processor": f"{os.cpu_count()} x {_processor()}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": f"{platform.python_version()}, {ssl.OPENSSL_VERSION}",
        "libraries": ", ".join(versions),
        "frame loop": "compiled" if is_compiled() else "Python",
        "commit": _commit(),
    }


_MEASURED = ("hyco", "gateway", "agent", "relaydesk", "benchmarks")
#: The switch that ours reads: everything in Python, although the compiled frame loop is there.
PURE = "RELAYDESK_PURE"


def is_compiled(*, is_pure: bool = False) -> bool:
    """Whether a program of ours, started now, has the compiled frame loop; with the switch, if *is_pure*."""
    environment = {name: value for name, value in os.environ.items() if name != PURE}
    if is_pure:
        environment[PURE] = "1"
    asked = subprocess.run(
        [sys.executable, "-c", "from hyco import frames; print(getattr(frames, 'IS_COMPILED', False))"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() == "True"


class Company:
    """What else the machine does while a run lasts: it is made before the first relay starts."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._busy_s, self._own_s = _busy_s(), _own_s()

    def describe(self) -> str:
        """How many processors were busy with other work, on average; relays that are still running count as such."""
        others_s = _busy_s() - self._busy_s - (_own_s() - self._own_s)
        return f"{max(0.0, others_s) / (time.monotonic() - self._started):.1f} processors, on average"


def _busy_s() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system)


def _own_s() -> float:
    return sum(os.times()[:4])  # with children that have ended


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _commit() -> str:
    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", *_MEASURED)
        return git("rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
