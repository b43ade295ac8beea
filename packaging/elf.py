"""What Linux programs and libraries need of the system that runs them: libraries by name, and how new a glibc.

Reads the tables of ELF files by binutils' ``objdump``.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Needs:
    """What a folder of programs and libraries needs that is not in it.

    Attributes:
        libraries: By soname; for each, the files that need it.
        glibc: The newest version of glibc whose symbols are used.
    """

    libraries: dict[str, tuple[str, ...]]
    glibc: tuple[int, int]


def read_needs(folder: Path) -> Needs:
    """Read all of *folder*."""
    there = {file.name for file in folder.rglob("*")}
    needed: dict[str, set[str]] = {}
    newest = (0, 0)
    for file in elf_files(folder):
        tables = subprocess.run(
            ["objdump", "--private-headers", file], capture_output=True, text=True, check=True
        ).stdout
        for name in re.findall(r"^ +NEEDED +(\S+)$", tables, re.MULTILINE):
            if name not in there:
                needed.setdefault(name, set()).add(file.relative_to(folder).as_posix())
        for version in re.findall(r"\bGLIBC_(\d+)\.(\d+)", tables):
            newest = max(newest, (int(version[0]), int(version[1])))
    return Needs({name: tuple(sorted(needed[name])) for name in sorted(needed)}, newest)


def elf_files(folder: Path) -> Iterator[Path]:
    """Every file of *folder* that is a program or library, in order; not what points to one."""
    for file in sorted(folder.rglob("*")):
        if file.is_symlink() or not file.is_file():
            continue
        with file.open("rb") as opened:
            if opened.read(4) == b"\x7fELF":
                yield file
