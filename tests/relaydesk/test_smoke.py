"""``relaydesk --smoke`` from a checkout: it proves what works, and names what does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6", reason="the extra `gui` is not installed")

import PySide6

from tests.support.processes import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def smoke(
    home: Path, *options: str, code: str = "-m relaydesk", **environment: str
) -> tuple[int, dict[str, Any], str]:
    """Run it in a home of its own, without a screen and without a session."""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "DBUS_SESSION_BUS_ADDRESS")
    inherited = {name: value for name, value in os.environ.items() if name not in hidden}
    places = {f"XDG_{name}_HOME": str(home / name) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
    command = [
        sys.executable,
        *options,
        *(code.split() if code.startswith("-m") else ["-c", code]),
        "--smoke",
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=inherited | places | {"HOME": str(home), "XDG_RUNTIME_DIR": str(home)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    [line] = done.stdout.splitlines() or [done.stderr]
    return done.returncode, json.loads(line), done.stderr


def test_everything_that_can_be_tried_without_a_screen_works(tmp_path: Path):
    code, said, errors = smoke(tmp_path)
    assert (code, said["ok"], said["failed"], errors) == (0, True, [], "")
    assert (said["build"], said["frozen"]) == ("checkout", False)
    assert said["qt"] == {
        "version": PySide6.__version__,
        "platform": "offscreen",
        "style": "fusion",
        "pictures": True,
    }
    assert said["keyring"] == {"state": "undecided", "backend": None, "works": None}
    assert said["tls"]["version"] == "TLSv1.3"
    assert said["tls"]["roots"] > 0
    assert (said["window"], said["tray"], said["gateway"], said["agent"], said["request"]) == (
        True,
        False,
        True,
        True,
        200,
    )
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_is_broken_is_named_and_the_rest_is_tried(tmp_path: Path):
    (tmp_path / "none").mkdir()
    none = str(tmp_path / "none")
    # a system without authorities, and a program that has lost its page
    code = (
        "import sys, agent.roots, relaydesk.demo_page as page, pathlib\n"
        "agent.roots.verifying_context.__defaults__ = ((),)\n"
        "page.page_file = lambda: pathlib.Path('/nonexistent/page.html')\n"
        "from relaydesk.__main__ import main; main()"
    )
    status, said, errors = smoke(tmp_path, code=code, SSL_CERT_FILE=none + "/x", SSL_CERT_DIR=none)
    assert (status, said["ok"]) == (1, False)
    assert [failure.split(":")[0] for failure in said["failed"]] == ["tls", "desktop"]
    assert "authorities" in said["failed"][0]
    assert said["qt"]["pictures"]
    assert "Error" in errors or "gateway" in errors  # the log, for who has to find out why


def test_a_server_without_qt_is_told_what_is_missing(tmp_path: Path):
    code = (
        "import sys; sys.modules['PySide6'] = None\n"
        "from relaydesk import __main__ as program\n"
        "program._is_desktop_installed = lambda: False\n"
        "program.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--smoke"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "relaydesk[gui]" in done.stderr
