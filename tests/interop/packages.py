"""Fetching other people's clients, unmodified, from the package registries, into ``.cache/interop``.

Each set of packages lies in a folder named after what it was made from, so that a second run fetches nothing and a
changed version is fetched anew. Versions are pinned in the ``package.json`` or ``pom.xml`` beside the programs that
use them; neither names a registry, nor does anything here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIENTS = Path(__file__).parent / "clients"
CACHE = ROOT / ".cache" / "interop"

#: For one package client to fetch what it was asked for.
FETCH_TIMEOUT_S = 240.0

_NPM = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def node_modules(name: str) -> Path:
    """Give the ``node_modules`` for the programs in ``clients/NAME``, fetched if they are not there yet.

    Packages listed under ``packed`` in the package.json are unpacked as they are, without what they say they depend
    on: hyco-ws names Node's built-in modules there, for some of which the registry has nothing to install.
    """
    need("node", "Node.js")
    need("npm", "npm")
    source = CLIENTS / name
    wanted = json.loads((source / "package.json").read_text())

    def fetch(folder: Path) -> None:
        shutil.copy(source / "package.json", folder)
        _fetch(folder, "npm", "install", "--no-package-lock", *_NPM)
        for package, version in wanted.get("packed", {}).items():
            _fetch(folder, "npm", "pack", f"{package}@{version}", *_NPM)
            unpacked = folder / "node_modules" / package
            unpacked.mkdir()
            _fetch(
                folder, "tar", "xzf", f"{package}-{version}.tgz", "--strip-components=1", "-C", str(unpacked)
            )

    return _cached(name, [source / "package.json"], fetch) / "node_modules"


def java_classes(name: str) -> list[Path]:
    """Give the class path of the programs in ``clients/NAME``: jars as fetched by Maven, and the compiled programs."""
    for tool, package in (("java", "a JDK"), ("javac", "a JDK"), ("mvn", "Maven")):
        need(tool, package)
    source = CLIENTS / name
    programs = sorted(source.glob("*.java"))

    def fetch(folder: Path) -> None:
        shutil.copy(source / "pom.xml", folder)
        _fetch(folder, "mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={folder}")

    def compile_programs(folder: Path) -> None:
        _fetch(folder, "javac", "-d", str(folder), "-cp", f"{jars}/*", *map(str, programs))

    jars = _cached(f"{name}-jars", [source / "pom.xml"], fetch)
    classes = _cached(f"{name}-classes", [source / "pom.xml", *programs], compile_programs)
    return [classes, jars / "*"]


def need(tool: str, package: str) -> str:
    """Give the path of a program, or skip the test that needs it."""
    found = shutil.which(tool)
    if found is None:
        pytest.skip(f"{tool} is missing: install {package}")
    return found


def _cached(name: str, sources: list[Path], fetch: Callable[[Path], None]) -> Path:
    """Give a folder that *fetch* has filled; a run that is cut short leaves nothing that looks like one."""
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    folder = CACHE / f"{name}-{digest}"
    if not folder.exists():
        unfinished = CACHE / f"{name}-{digest}.{os.getpid()}.unfinished"
        unfinished.mkdir(parents=True)
        try:
            fetch(unfinished)
            with contextlib.suppress(FileExistsError):  # another run was quicker
                unfinished.rename(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _fetch(folder: Path, *command: str) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}"
