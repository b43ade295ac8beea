"""Where the files of ``resources/`` are: pictures, translations, the demonstration's page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent


def asset(*parts: str) -> Path:
    """The path of a file or folder below ``resources/``: of the checkout, of an installed package, or of the frozen program."""
    return _root().joinpath("resources", *parts)


def _root() -> Path:
    frozen = getattr(sys, "_MEIPASS", None)  # where PyInstaller's program has unpacked itself
    if frozen:
        return Path(frozen)
    return _PACKAGE if (_PACKAGE / "resources").is_dir() else _PACKAGE.parent
