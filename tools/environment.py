"""Make .venv fit for a verb of the Makefile: `python3 tools/environment.py runtime|app|package|dev`.

Every level holds the one before: ``runtime`` runs the gateway, the agent and the command line, ``app`` adds the window,
``package`` what makes installers, ``dev`` the tests. Packages come from requirements/LEVEL.txt, each checked against its hash. What was done is written to a
stamp in .venv; while that still tells the truth, nothing is touched and the network is not asked.

Needs only the standard library. Up to the check of its version this runs on older Pythons too.
"""

import ctypes
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

OLDEST_PYTHON = (3, 11)

if sys.version_info < OLDEST_PYTHON:
    print(
        f"RelayDesk needs Python 3.11 or newer, and {sys.executable} is {sys.version.split()[0]}.\n"
        "Name a newer one: make PYTHON=python3.11 …",
        file=sys.stderr,
    )
    sys.exit(2)

LEVELS = ("runtime", "app", "package", "dev")
CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"
# Compiled where there is a C compiler and Python's headers; without them its twin in Python is used.
COMPILED = (CHECKOUT / "hyco" / "_frame_loop.pyx",)
STAMP = VENV / "relaydesk-stamp"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

# What Qt loads and its wheel does not bring: the file on any Linux, and the package it is in on Debian and Ubuntu.
# Found by adding packages one by one to a bare Debian 12. From libxkbcommon-x11 on, only windows on X11 need them.
QT_LIBRARIES = {
    "libglib-2.0.so.0": "libglib2.0-0",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}

# What makes packages for Linux, by the program that shows that it is there, and the package it is in on Debian and Ubuntu. What is
# given to others has the compiled loop: so there a compiler is needed, and not merely used where there is one.
PACKAGING_TOOLS = {"objdump": "binutils", "rpmbuild": "rpm", "gcc": "gcc libc6-dev"}


class SetUpError(Exception):
    """Something that only the user can put right; the text says what to type."""


def main(level: str) -> None:
    """Bring .venv to at least this level."""
    if level == "package":
        provide_packaging_tools()
    if is_fresh(level):
        return
    if level != "runtime":
        provide_qt_libraries()
    provide_venv()
    print(f"Installing the pinned packages of requirements/{level}.txt into .venv (once) …", flush=True)
    # The files name every package that is needed, and the check below says so. Without --no-deps pip resolves them anew
    # and stumbles over extras (`coverage[toml]` beside `coverage==…`) as soon as one of them has a newer release.
    pip("install", "--require-hashes", "--no-deps", "-r", str(CHECKOUT / "requirements" / f"{level}.txt"))
    # From the checkout itself, for the command .venv/bin/relaydesk. Its build tool is among the pinned packages.
    pip("install", "--no-index", "--no-deps", "--no-build-isolation", "--editable", str(CHECKOUT))
    pip("check")
    STAMP.write_text(stamp(level), encoding="utf-8")


def stamp(level: str) -> str:
    """What .venv depends on: these pins, what is compiled, this Python, this place (a virtual environment cannot be moved)."""
    files = (CHECKOUT / "requirements" / f"{level}.txt", *COMPILED)
    pins = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    return f"{level} {pins}\n{sys.version}\n{sys.base_prefix}\n{CHECKOUT}\n"


def is_fresh(level: str) -> bool:
    """Whether .venv was made for this level or one that holds it, and nothing it depends on has changed since."""
    try:
        found = STAMP.read_text(encoding="utf-8")
    except OSError:
        return False
    if level == "package" and not any((CHECKOUT / "hyco").glob("_frame_loop.*.[sp][oy]*")):
        return False  # made when there was no compiler
    return PYTHON.exists() and any(found == stamp(held) for held in LEVELS[LEVELS.index(level) :])


def provide_venv() -> None:
    """Make .venv, or keep one that this Python made for this place."""
    if PYTHON.exists():
        ask = "import sys; print(sys.version, sys.base_prefix, sys.prefix, sep='\\n')"
        answer = subprocess.run([PYTHON, "-c", ask], capture_output=True, text=True, check=False)
        if answer.stdout == f"{sys.version}\n{sys.base_prefix}\n{VENV}\n":
            return
    if importlib.util.find_spec("ensurepip") is None:
        raise SetUpError(
            "This Python cannot make virtual environments. On Debian and Ubuntu:\n"
            "    sudo apt-get update && sudo apt-get install -y python3-venv"
        )
    print(f"Making .venv with Python {sys.version.split()[0]} …", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)


def pip(*arguments: str) -> None:
    """Run the environment's pip, quietly: it still prints what goes wrong."""
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
    subprocess.run([PYTHON, "-m", "pip", *quiet, *arguments], check=True)


def provide_qt_libraries() -> None:
    """Install what Qt misses when that is ours to do; else say how."""
    if sys.platform != "linux":
        return  # Qt's wheels for Windows and macOS bring all they need
    missing = {file: package for file, package in QT_LIBRARIES.items() if not can_load(file)}
    if missing:
        provide("Qt", missing)


def provide_packaging_tools() -> None:
    """Install what makes packages, where that is missing and ours to do; else say how."""
    if sys.platform != "linux":
        return  # packages for Windows and macOS are made with what those systems have; their scripts say what they miss
    missing = {tool: package for tool, package in PACKAGING_TOOLS.items() if shutil.which(tool) is None}
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        missing["Python.h"] = "python3-dev"
    if missing:
        provide("making packages", missing)


def provide(who: str, missing: dict[str, str]) -> None:
    """Install Debian packages, by what they are needed for, when that is ours to do; else say how."""
    if shutil.which("apt-get") is None:
        raise SetUpError(
            f"For {who} these are needed, and there is no apt-get to install them with: "
            + ", ".join(missing)
            + "\nInstall them with this system's package manager, then run this again."
        )
    install = f"apt-get install -y --no-install-recommends {' '.join(missing.values())}"
    if os.geteuid() != 0:
        raise SetUpError(
            f"For {who} some packages of this system are needed. Type this, then run this again:\n"
            f"    sudo apt-get update && sudo {install}"
        )
    print(f"Installing what is needed for {who}: {' '.join(missing.values())} …", flush=True)
    # dpkg wants ldconfig in reach, which is not so in every root's PATH.
    environment = os.environ | {
        "PATH": os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin",
        "DEBIAN_FRONTEND": "noninteractive",
    }
    for command in ("apt-get update", install):
        subprocess.run([*command.split(), "-qq"], env=environment, stdout=subprocess.DEVNULL, check=True)


def can_load(library: str) -> bool:
    """Whether the dynamic linker finds this library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in LEVELS:
        sys.exit(__doc__)
    try:
        main(sys.argv[1])
    except SetUpError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except subprocess.CalledProcessError as error:
        # What failed has printed why; this only says what it was.
        print(f"set-up stopped: {shlex.join(map(str, error.cmd))} failed", file=sys.stderr)
        sys.exit(2)
