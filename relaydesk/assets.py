"""Where the files of ``resources/`` are: pictures, translations, the demonstration's page."""

from __future__ import annotations

import sys
from pathlib import Path


def asset(*parts: str) -> Path:
    """The path of a file or folder below ``resources/``: of the checkout, or of the frozen program."""
    frozen = getattr(sys, "_MEIPASS", None)  # where PyInstaller's program has unpacked itself
    root = Path(frozen) if frozen else Path(__file__).resolve().parent.parent
    return root.joinpath("resources", *parts)
