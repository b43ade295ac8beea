"""The package as others install it: a wheel, without the checkout it was built from."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from benchmarks.machine import is_compiled

ROOT = Path(__file__).parents[1]
_PARTS = ("agent", "gateway", "hyco", "relaydesk", "resources", "pyproject.toml", "README.md", "LICENSE")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds, and nothing else of this project."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for part in _PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.c")
            )
        else:
            shutil.copy(ROOT / part, source)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    done = subprocess.run(
        [*command, "--wheel-dir", folder, source], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr[-2000:]
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_a_wheel_has_every_resource(installed: Path) -> None:
    wanted = {
        path.relative_to(ROOT / "resources") for path in (ROOT / "resources").rglob("*") if path.is_file()
    }
    there = installed / "relaydesk" / "resources"
    assert {path.relative_to(there) for path in there.rglob("*") if path.is_file()} == wanted


def test_a_program_of_the_wheel_finds_them(installed: Path) -> None:
    code = "from relaydesk.assets import asset; print(asset('icons', 'add.svg'), asset('icons', 'add.svg').is_file())"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={"PYTHONPATH": str(installed), "PATH": "/usr/bin"},
        cwd=installed,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == [str(installed / "relaydesk" / "resources" / "icons" / "add.svg"), "True"]


def test_the_migrations_and_the_compiled_loop_are_in_it(installed: Path) -> None:
    assert list((installed / "gateway" / "store" / "migrations").glob("*.sql"))
    # where there is a compiler: what these tests run on was made in the same way
    assert bool(list((installed / "hyco").glob("_frame_loop.*"))) == is_compiled()
