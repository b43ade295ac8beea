"""Pictures of every page: ``python -m tests.screenshots FOLDER [--font NAME]``; light, dark, high contrast, and at 200 %.

They are made to be looked at. Each scale needs a process of its own, because Qt reads it once at its start.

``--for-documents`` makes those of ``docs/images`` alone: each page, light and dark, and small (ImageMagick cuts the number of
colours, where it is installed).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

THEMES = ("light", "dark", "high contrast")

#: What documents show.
PAGES = ("services", "connections", "gateways", "log", "settings", "expose")
#: As many colours as look the same as all: text is smooth by some twenty shades of each of its colours.
COLOURS = 96


def main() -> None:
    """Make the pictures, in processes of our own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--font", default="", help="in place of the system's")
    parser.add_argument("--scale", type=int, choices=(1, 2), help="only this one, in this process")
    parser.add_argument("--for-documents", action="store_true", help="only what documents show, and small")
    options = parser.parse_args()
    if options.for_documents:
        with tempfile.TemporaryDirectory() as folder:
            picture_in_processes(Path(folder), options.font, scales=(1,))
            for_documents(Path(folder), options.folder)
        return
    if options.scale is not None:
        picture_all(options.folder, options.font, options.scale)
        return
    picture_in_processes(options.folder, options.font, scales=(1, 2))


def for_documents(made: Path, folder: Path) -> None:
    """Take over what documents show, with few colours."""
    folder.mkdir(parents=True, exist_ok=True)
    convert = shutil.which("convert")
    for name in (f"{page}-{theme}.png" for page in PAGES for theme in ("light", "dark")):
        if convert is None:
            shutil.copyfile(made / name, folder / name)
        else:
            few = ["+dither", "-colors", str(COLOURS), "-strip", "-define", "png:exclude-chunks=date,time"]
            subprocess.run([convert, made / name, *few, f"PNG8:{folder / name}"], check=True)


def picture_in_processes(folder: Path, font: str, scales: tuple[int, ...]) -> None:
    """Make the pictures of some scales."""
    for scale in scales:
        environment = os.environ | {
            "QT_QPA_PLATFORM": "offscreen",
            "QT_API": "pyside6",
            "QT_SCALE_FACTOR": str(scale),
        }
        command = [sys.executable, "-m", "tests.screenshots", str(folder), "--scale", str(scale)]
        subprocess.run([*command, "--font", font], env=environment, check=True)


def picture_all(folder: Path, font: str, scale: int) -> None:
    """Make the pictures of one scale."""
    from PySide6.QtCore import QLocale
    from PySide6.QtGui import QFont
    from PySide6.QtWidgets import QApplication, QDialog

    from relaydesk.actions import Theme as Choice
    from relaydesk.snapshot import Snapshot
    from relaydesk.views.add_gateway_dialog import AddGatewayDialog
    from relaydesk.views.expose_dialog import ExposeDialog
    from relaydesk.views.icons import Icons
    from relaydesk.views.invite_dialog import InviteDialog
    from relaydesk.views.main_window import MainWindow
    from relaydesk.views.theme import Theme
    from tests.support.fake_bridge import CONNECTION_STRING, FakeBridge, FakeMemory
    from tests.support.sample_ports import SamplePorts
    from tests.support.sample_snapshot import NOW, log_lines, minute, sample

    folder.mkdir(parents=True, exist_ok=True)
    QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedKingdom))
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
            (ExposeDialog(window.context, SamplePorts(), window), "expose"),
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
