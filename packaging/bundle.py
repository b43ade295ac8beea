"""Freeze the program into dist/relaydesk: `python packaging/bundle.py`, in an environment of the level `package`.

Runs PyInstaller on build.spec, and refuses what should not be given to anybody: a folder above its size, one that does not start,
one whose inner loop was not compiled. Running it again makes the same folder again.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from facts import BUILD, CHECKOUT, DIST, Facts, PackagingError, environment, read_facts

#: Unpacked. It was 139 MB on Linux when this was written.
MAX_BYTES = 180_000_000


def main() -> int:
    """Freeze it, and say what came of it."""
    try:
        folder = freeze(read_facts())
    except PackagingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{folder}: {size(folder) / 1e6:.0f} MB, {sum(1 for _ in folder.rglob('*'))} files")
    return 0


def freeze(facts: Facts) -> Path:
    """Make dist/relaydesk anew; the folder."""
    if not _is_loop_compiled():
        raise PackagingError(
            "the inner loop of forwarding is not compiled, and a program without it forwards small frames at a tenth of the speed;"
            " install a C compiler and Python's headers (Debian: gcc libc6-dev python3-dev), then: make clean"
        )
    folder = DIST / "relaydesk"
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--clean", "--log-level", "WARN"]
    places = ["--distpath", str(DIST), "--workpath", str(BUILD / "pyinstaller")]
    done = subprocess.run(
        [*command, *places, str(CHECKOUT / "build.spec")], cwd=CHECKOUT, env=environment(facts), check=False
    )
    if done.returncode:
        raise PackagingError(f"PyInstaller failed with {done.returncode}; what it said is above")
    check(folder, facts)
    return folder


def check(folder: Path, facts: Facts) -> None:
    """Look whether *folder* may be given to anybody."""
    if (bytes_ := size(folder)) > MAX_BYTES:
        raise PackagingError(
            f"{folder} has {bytes_ / 1e6:.0f} MB, more than {MAX_BYTES / 1e6:.0f}: build.spec lists what is left out"
        )
    program = folder / ("relaydesk.exe" if sys.platform == "win32" else "relaydesk")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=120)
    if said.returncode or f"relaydesk {facts.version}\n" not in said.stdout:
        raise PackagingError(f"{program} does not start: {said.stderr.strip() or said.stdout.strip()}")


def size(folder: Path) -> int:
    """What its files hold, in bytes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def put_mark(folder: Path, package: str) -> None:
    """Lay the word beside the program by which it knows who installed it (``relaydesk/build_facts.py``)."""
    (folder / "installed-by").write_text(f"{package}\n", encoding="utf-8")


def copy_tree(source: Path, target: Path) -> None:
    """Copy *source* as *target*, which is made; what points elsewhere goes on pointing there."""
    shutil.copytree(source, target, symlinks=True)


def _is_loop_compiled() -> bool:
    code = "import sys; from hyco.frames import IS_COMPILED; sys.exit(not IS_COMPILED)"
    return subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
