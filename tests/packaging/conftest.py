"""What the tests of packages share: the packages, made once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT, need_program

#: What the packages of an older version say that they are.
OLDER = "0.0.9"


@pytest.fixture(scope="session")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frozen program, made from this checkout."""
    if sys.platform != "linux":
        pytest.skip("packages for Linux are made on Linux")
    for tool in ("objdump", "strip"):
        need_program(tool)
    done = package("bundle.py")
    assert done.returncode == 0, done.stderr[-3000:]
    folder = tmp_path_factory.mktemp("frozen") / "relaydesk"
    shutil.copytree(ROOT / "dist" / "relaydesk", folder, symlinks=True)
    return folder


@pytest.fixture(scope="session")
def packages(frozen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each package of this version, compressed little."""
    for tool in ("dpkg-deb", "rpmbuild"):
        need_program(tool)
    folder = tmp_path_factory.mktemp("packages")
    done = package("package_linux.py", "--payload", str(frozen), "--out", str(folder), "--quick")
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="session")
def deb(packages: Path) -> Path:
    """The .deb of this version."""
    [found] = packages.glob("*.deb")
    return found


@pytest.fixture(scope="session")
def older_deb(frozen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same tree under a lower number."""
    folder = tmp_path_factory.mktemp("older")
    arguments = ("--payload", str(frozen), "--out", str(folder), "--quick", "--only", "deb")
    done = package("package_linux.py", *arguments, RELAYDESK_VERSION=OLDER)
    assert done.returncode == 0, done.stderr[-3000:]
    [found] = folder.glob("*.deb")
    return found


def package(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one of packaging's scripts."""
    return subprocess.run(
        [sys.executable, ROOT / "packaging" / script, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
