"""What has to be true of the installed Qt before any window of ours can be right."""

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

COUNT_REFERENCES = """
import sys
from PySide6.QtCore import QObject, Signal

class Source(QObject):
    changed = Signal()

source = Source()
none, true = sys.getrefcount(None), sys.getrefcount(True)
for _ in range(300):
    source.setObjectName("x")
    source.changed.emit()
assert sys.getrefcount(None) > none - 100, "None was handed back uncounted"
assert sys.getrefcount(True) > true - 100, "True was handed back uncounted"
"""

PAINT = """
from PySide6.QtWidgets import QApplication, QLabel

application = QApplication([])
label = QLabel("RelayDesk")
picture = label.grab().toImage()
assert len({picture.pixel(x, y) for x in range(picture.width()) for y in range(picture.height())}) > 1
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run in an interpreter of its own: what is tested here ends the process when it is wrong."""
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


def test_binding_is_the_one_that_was_chosen() -> None:
    assert version("PySide6-Essentials") == version("shiboken6") == "6.11.3"


@pytest.mark.slow
def test_binding_keeps_none_and_true() -> None:
    """PySide6 6.12.0 gives `None` and `True` away uncounted on Python 3.11 and aborts after some thousand calls."""
    result = run(COUNT_REFERENCES)
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
def test_offscreen_window_paints_text() -> None:
    """Qt's system libraries and a font are there (tools/environment.py installs them)."""
    result = run(PAINT)
    assert result.returncode == 0, result.stderr
