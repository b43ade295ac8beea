"""Pictures of every page: ``python -m tests.screenshots FOLDER [--font NAME]``; light, dark, high contrast, and at 200 %.

They are made to be looked at. Each scale needs a process of its own, because Qt reads it once at its start.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

THEMES = ("light", "dark", "high contrast")


def main() -> None:
    """Make the pictures, in processes of our own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--font", default="", help="in place of the system's")
    parser.add_argument("--scale", type=int, choices=(1, 2), help="only this one, in this process")
    options = parser.parse_args()
    if options.scale is not None:
        picture_all(options.folder, options.font, options.scale)
        return
    for scale in (1, 2):
        environment = os.environ | {
            "QT_QPA_PLATFORM": "offscreen",
            "QT_API": "pyside6",
            "QT_SCALE_FACTOR": str(scale),
        }
        command = [sys.executable, "-m", "tests.screenshots", str(options.folder), "--scale", str(scale)]
        subprocess.run([*command, "--font", options.font], env=environment, check=True)


def picture_all(folder: Path, font: str, scale: int) -> None:
    """Make the pictures of one scale."""
    from PySide6.QtGui import QFont
    from PySide6.QtWidgets import QApplication, QDialog

    from relaydesk.actions import Theme as Choice
    from relaydesk.snapshot import Snapshot
    from relaydesk.views.add_gateway_dialog import AddGatewayDialog
    from relaydesk.views.icons import Icons
    from relaydesk.views.invite_dialog import InviteDialog
    from relaydesk.views.main_window import MainWindow
    from relaydesk.views.theme import Theme
    from tests.support.fake_bridge import CONNECTION_STRING, FakeBridge, FakeMemory
    from tests.support.sample_snapshot import NOW, log_lines, minute, sample

    folder.mkdir(parents=True, exist_ok=True)
    application = QApplication([])
    if font:
        application.setFont(QFont(font, 10))
    theme = Theme(application)
    icons = Icons(theme)
    files = (
        ("Services", Path("~/.config/relaydesk/agent.toml")),
        ("Desktop", Path("~/.config/relaydesk/desktop.toml")),
    )

    def take(name: str, what: QDialog | MainWindow) -> None:
        application.processEvents()
        what.grab().save(str(folder / f"{name}{'-200' if scale == 2 else ''}.png"))

    for choice in Choice:
        if choice.value not in THEMES or (scale == 2 and choice is not Choice.LIGHT):
            continue
        theme.apply(choice)
        mark = choice.value.replace(" ", "-")
        bridge = FakeBridge(next(iter(minute())))
        window = MainWindow(bridge, theme, icons, FakeMemory(), files=files, clock=lambda: NOW)
        window.show()
        for snapshot in minute():
            bridge.feed(snapshot)
        bridge.log(*log_lines())
        for number, page in enumerate(("services", "connections", "gateways", "log", "settings")):
            window.navigation.choose(number)
            if page == "services":
                window.services.table.choose("Storefront")
                window.services.table.setFocus()
            take(f"{page}-{mark}", window)
        window.navigation.choose(0)
        window.services.table.choose("Grafana")
        take(f"services-problem-{mark}", window)
        window.services.table.choose("Storefront")
        for dialog, name in (
            (AddGatewayDialog(window.context, window), "add-gateway"),
            (InviteDialog(window.context, sample().services[0], window), "invite"),
        ):
            if isinstance(dialog, AddGatewayDialog):
                dialog.text.setPlainText(CONNECTION_STRING)
            dialog.open()
            take(f"{name}-{mark}", dialog)
            dialog.reject()
        window.resize(720, 480)
        take(f"small-{mark}", window)
        window.resize(1180, 720)
        bridge.feed(Snapshot(at=NOW))
        take(f"empty-{mark}", window)
        window.finish()


if __name__ == "__main__":
    main()
