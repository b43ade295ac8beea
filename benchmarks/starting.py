"""``python -m benchmarks.starting``: how long until the window of the frozen program is on the screen, beside an empty one of Qt's.

Both are frozen in the same way, the empty one by this; in turns, each is started for a user who is new, on an X server of its own
without a window manager, and ends when its first window is there. The X server says when that is: nothing is polled, and nothing in
either program helps.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from . import machine
from .processes import ROOT, BenchmarkError
from .report import show, table
from .samples import spread

#: The window of the program, to the empty one.
HOLD = 2.0
START_S = 60.0
#: Until what a program does after its window is there is over, mostly.
SETTLE_S = 1.5

_EMPTY = """\
import sys
from PySide6.QtWidgets import QApplication, QMainWindow

application = QApplication(sys.argv)
window = QMainWindow()
window.resize(1180, 720)
window.show()
application.exec()
"""


def main() -> int:
    """Measure and print; exit code 1 when a measurement could not be made."""
    parser = argparse.ArgumentParser(prog="benchmarks.starting", description=__doc__)
    parser.add_argument("--program", type=Path, default=ROOT / "dist" / "relaydesk" / "relaydesk")
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder, _display() as display:
            programs = {"an empty window": freeze_empty(Path(folder)), "RelayDesk": asked.program}
            found = _rounds(programs, display, asked.rounds)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    rows = [
        (name, show(spread(seen for seen, _ in times)), show(spread(cpu for _, cpu in times)))
        for name, times in found.items()
    ]
    ratio = spread(
        ours[0] / empty[0] for empty, ours in zip(found["an empty window"], found["RelayDesk"], strict=True)
    )
    assert ratio is not None
    lines = [f"* {name}: {value}" for name, value in machine.describe().items()]
    lines.append(f"* {asked.rounds} rounds; {asked.program}")
    print("\n".join(lines) + "\n\n" + table(("frozen", "window seen, s", "CPU of all, s"), rows))
    print(
        f"\nWindow seen, to an empty one's: {show(ratio)}; to hold {HOLD}: "
        f"{'held' if ratio.median <= HOLD else 'missed'}"
    )
    return 0


def freeze_empty(folder: Path) -> Path:
    """Freeze a program that shows an empty window; where it is."""
    source = folder / "empty.py"
    source.write_text(_EMPTY, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "PyInstaller",
        "--noconfirm",
        "--log-level",
        "ERROR",
        "--strip",
        str(source),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise BenchmarkError(f"the empty window could not be frozen: {done.stderr[-500:]}")
    return folder / "dist" / "empty" / "empty"


def _rounds(programs: dict[str, Path], display: str, rounds: int) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for program in programs.values():  # both are in the page cache
        one_start(program, display)
    for round_ in range(rounds):
        for name in list(programs) if round_ % 2 else list(programs)[::-1]:
            found[name].append(one_start(programs[name], display))
        print(f"round {round_ + 1} of {rounds} done", file=sys.stderr)
    return found


def one_start(program: Path, display: str) -> tuple[float, float]:
    """Start *program*; seconds until a window of it is seen, and seconds of CPU until it rests."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        environment = {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "DISPLAY": display,
            "HOME": home,
            "XDG_RUNTIME_DIR": home,
            "QT_QPA_PLATFORM": "xcb",
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={home}/none",
        }
        with _until_seen(environment) as seen:
            began = time.perf_counter()
            running = subprocess.Popen(
                [program],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                for line in seen:
                    if line.startswith("MapNotify"):
                        break
                else:
                    raise BenchmarkError(f"{program} showed no window within {START_S:g} s")
                took = time.perf_counter() - began
                time.sleep(SETTLE_S)
                times = psutil.Process(running.pid).cpu_times()
                return took, times.user + times.system
            finally:
                running.terminate()
                running.wait(30)


@contextlib.contextmanager
def _until_seen(environment: dict[str, str]) -> Iterator[Iterator[str]]:
    """What the X server says of windows, line by line, for START_S."""
    command = ["timeout", f"{START_S:g}", "xev", "-root", "-event", "substructure"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
    ) as watching:
        assert watching.stdout is not None
        time.sleep(0.3)  # it says nothing until the first window comes
        try:
            yield iter(watching.stdout)
        finally:
            watching.terminate()


@contextlib.contextmanager
def _display() -> Iterator[str]:
    """An X server of its own."""
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    try:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except FileNotFoundError as error:
        raise BenchmarkError("Xvfb is not installed") from error
    assert server.stdout is not None
    try:
        yield f":{server.stdout.readline().strip()}"
    finally:
        server.terminate()
        server.wait(10)


if __name__ == "__main__":
    sys.exit(main())
