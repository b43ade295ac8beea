"""Qt never runs a loop of its own inside asyncio's, and the tests would say so.

The event loop reports an ``exec()`` that a coroutine reaches (``event_loop``, and its tests); here, that it does so in the
running bridge, and that no view asks for one in the first place.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QDialog

from tests.relaydesk.test_agent_bridge import running_bridge
from tests.support.processes import ROOT
from tests.support.waiting import until

MODULES = sorted({*(ROOT / "relaydesk" / "views").glob("*.py"), ROOT / "relaydesk" / "app.py"})

#: Methods that run a loop until somebody has answered.
LOOPS = frozenset(
    {"exec", "exec_", "processEvents", "waitForFinished", "waitForReadyRead", "waitForConnected"}
)
#: Classes whose static functions do so.
STATIC = frozenset({"QMessageBox", "QInputDialog", "QFileDialog", "QColorDialog", "QFontDialog"})
#: What may be called on those classes: nothing that has to be answered.
HARMLESS = frozenset({"__init__"})


def nested_loops(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of each call that would run one."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        called = node.func
        if called.attr in LOOPS:
            yield node.lineno, called.attr
        elif isinstance(called.value, ast.Name) and called.value.id in STATIC and called.attr not in HARMLESS:
            yield node.lineno, f"{called.value.id}.{called.attr}"


def test_the_search_finds_them():
    source = "d.exec()\nQMessageBox.question(w, 'a', 'b')\nbox = QMessageBox(w)\nbox.open()\nQApplication.processEvents()"
    assert [name for _, name in nested_loops(source)] == ["exec", "QMessageBox.question", "processEvents"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_view_runs_a_loop(path: Path):
    assert list(nested_loops(path.read_text(encoding="utf-8"))) == []


@pytest.mark.slow
@pytest.mark.qt_loop
@pytest.mark.expect_log_warnings("runs Qt's loop inside asyncio's")
async def test_a_dialog_that_an_action_executes_is_reported_and_survived(tmp_path: Path):
    async def ask() -> int:
        dialog = QDialog()
        QTimer.singleShot(50, dialog.accept)
        return dialog.exec()

    async with running_bridge(tmp_path) as bridge:
        done: list[object] = []
        bridge.do(ask(), done=done.append)
        await until(lambda: done, "the action has ended")
        assert done == [1]
        await bridge.actions.unlock_keystore()  # and actions go on


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("from PySide6.QtCore import qWarning\n    qWarning('of Qt')", "QtWarningMsg: of Qt"),
        ("asyncio.get_running_loop().create_task(asyncio.sleep(60))", "1 tasks left behind"),
        ("QTimer.singleShot(20, (d := QDialog()).accept)\n    d.exec()", "runs Qt's loop inside asyncio's"),
        ("pass", "1 passed"),
    ],
    ids=["warning of Qt", "task", "exec", "nothing"],
)
def test_what_must_not_be_fails_a_test(tmp_path: Path, body: str, says: str):
    file = tmp_path / "test_planted.py"
    file.write_text(
        "import asyncio\nimport pytest\nfrom PySide6.QtCore import QTimer\nfrom PySide6.QtWidgets import QDialog\n\n"
        f"pytestmark = pytest.mark.qt_loop\n\n\nasync def test_planted(qapp):\n    {body}\n"
    )
    settings = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "no:cacheprovider"]
    plugins = ["-p", "tests.conftest", "-p", "tests.relaydesk.conftest"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *settings, *plugins, str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert says in ran.stdout
    assert ran.returncode == int(body != "pass"), ran.stdout
