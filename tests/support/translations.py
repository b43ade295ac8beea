"""``tools/translations.py`` as a module, and languages that nobody speaks, for tests and pictures."""

from __future__ import annotations

import functools
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

from .processes import ROOT

TOOL: Final = ROOT / "tools" / "translations.py"


@functools.cache
def tool() -> ModuleType:
    """The tool: a script, which no package holds."""
    spec = importlib.util.spec_from_file_location("translations_tool", TOOL)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made  # dataclasses look their module up
    spec.loader.exec_module(made)
    return made


def pseudo_language(folder: Path, *, is_mirrored: bool) -> Path:
    """A language in *folder*, found there as German or, read from the right, as Hebrew; its .qm file."""
    made: Path = tool().write_pseudo(tool().find().texts, folder, is_mirrored=is_mirrored)
    return made.rename(made.with_name(made.name.replace("pseudo_", "relaydesk_")))
