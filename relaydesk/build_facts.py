"""What this copy of the program is: its version, what it was built from, and who installed it.

A frozen program carries ``build.json``, written when it was frozen (``packaging/facts.py``). The same folder is put into several
packages; each of them lays a file ``installed-by`` with one word beside the program. A checkout and a wheel have neither.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from . import __version__

FACTS_FILE: Final = "build.json"
INSTALLED_BY_FILE: Final = "installed-by"

#: Whoever installed these also brings the next version; RelayDesk only says that there is one.
MANAGED: Final = frozenset({"deb", "rpm", "flatpak", "msi", "wheel", "checkout"})

_MAX_WORD_LENGTH: Final = 40


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """What is known of this copy.

    Attributes:
        version: Its version.
        package: ``deb``, ``rpm``, ``flatpak``, ``appimage``, ``setup`` and ``msi`` (Windows), ``dmg``, ``portable`` (a folder that
            somebody unpacked), ``wheel`` or ``checkout``.
        commit: What it was frozen from; empty where it was not frozen.
        built: The moment of that commit, as ISO 8601; empty where it was not frozen.
        update_url: Where the signed list of versions is; empty: nobody has said, and no updates are looked for.
        update_key: The public key that list must be signed with, 32 bytes of Ed25519 in Base64.
    """

    version: str
    package: str
    commit: str = ""
    built: str = ""
    update_url: str = ""
    update_key: str = ""

    @property
    def is_managed(self) -> bool:
        """Whether somebody else brings updates: a package manager, an administrator, git."""
        return self.package in MANAGED

    def __str__(self) -> str:
        """One line: ``deb, commit 0123456789ab of 2026-11-27T16:00:00Z``."""
        commit, dash, dirty = self.commit.partition("-")
        return (
            f"{self.package}, commit {commit[:12]}{dash}{dirty} of {self.built}" if commit else self.package
        )


@cache
def build_facts() -> BuildFacts:
    """The facts of this copy. What a damaged file does not say is empty: a program that lost it still runs."""
    frozen_in = getattr(sys, "_MEIPASS", None)
    return read_facts(
        None if frozen_in is None else Path(frozen_in),
        Path(sys.executable).parent,
        os.environ,
        is_checkout=(Path(__file__).parents[1] / "pyproject.toml").exists(),
    )


def read_facts(
    frozen_in: Path | None, beside: Path, environment: Mapping[str, str], *, is_checkout: bool
) -> BuildFacts:
    """Read them.

    Args:
        frozen_in: The folder with what was frozen; None: it was not.
        beside: The folder of the program itself.
        environment: Flatpak and AppImage say there that they run it.
        is_checkout: Where it was not frozen: whether this is a checkout, and no installed wheel.
    """
    if frozen_in is None:
        return BuildFacts(__version__, "checkout" if is_checkout else "wheel")
    said = _said(frozen_in / FACTS_FILE)
    return BuildFacts(
        version=__version__,
        package=_package(beside, environment) or said.get("package") or "portable",
        commit=said.get("commit", ""),
        built=said.get("built", ""),
        update_url=said.get("update_url", ""),
        update_key=said.get("update_key", ""),
    )


def _package(beside: Path, environment: Mapping[str, str]) -> str:
    if environment.get("FLATPAK_ID"):
        return "flatpak"
    if environment.get("APPIMAGE"):
        return "appimage"
    try:
        word = (beside / INSTALLED_BY_FILE).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return word if len(word) <= _MAX_WORD_LENGTH and word.isalnum() else ""


def _said(file: Path) -> dict[str, str]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}
