"""Pictures of every page: ``python -m tests.screenshots FOLDER [--font NAME]``.

Light, dark, high contrast, from right to left, and at 200 %.

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
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from relaydesk.views.main_window import MainWindow
    from tests.support.fake_bridge import FakeBridge

THEMES = ("light", "dark", "high contrast")

#: What documents show.
PAGES = (
    "services",
    "connections",
    "gateways",
    "log",
    "settings",
    "expose",
    "onboarding-pasted",
    "onboarding-check",
)
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
    from PySide6.QtCore import QLocale, Qt
    from PySide6.QtGui import QFont
    from PySide6.QtWidgets import QApplication

    from agent.checks import Fault, Step
    from agent.exchanges import Exchanges
    from relaydesk.preferences import Theme as Choice
    from relaydesk.snapshot import Snapshot
    from relaydesk.views.add_gateway_dialog import AddGatewayDialog
    from relaydesk.views.expose_dialog import ExposeDialog
    from relaydesk.views.icons import Icons
    from relaydesk.views.invite_dialog import InviteDialog
    from relaydesk.views.main_window import MainWindow
    from relaydesk.views.theme import Theme
    from tests.support.clocks import SteppedClock
    from tests.support.fake_bridge import CONNECTION_STRING, FakeBridge, FakeMemory
    from tests.support.sample_checks import failed_at
    from tests.support.sample_exchanges import fill
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

    def take(name: str, what: QWidget) -> None:
        application.processEvents()
        what.grab().save(str(folder / f"{name}{'-200' if scale == 2 else ''}.png"))

    looks = [
        (choice, choice.value.replace(" ", "-"), Qt.LayoutDirection.LeftToRight)
        for choice in Choice
        if choice.value in THEMES
    ]
    looks.append((Choice.LIGHT, "right-to-left", Qt.LayoutDirection.RightToLeft))
    for choice, mark, direction in looks:
        if scale == 2 and mark != "light":
            continue
        theme.apply(choice)
        application.setLayoutDirection(direction)
        bridge = FakeBridge(next(iter(minute())))
        window = MainWindow(theme, FakeMemory())
        window.fill(bridge, icons, files=files, clock=lambda: NOW)
        window.show()
        for snapshot in minute():
            bridge.feed(snapshot)
        bridge.log(*log_lines())
        clock = SteppedClock(NOW - 60)
        bridge.actions.captured = Exchanges(folder / "no-captures", clock)
        fill(bridge.actions.captured, clock)
        for number, page in enumerate(
            (
                "services",
                "connections",
                "inspector",
                "gateways",
                "log",
                "doctor",
                "settings",
            )
        ):
            window.navigation.choose(number)
            if page == "services":
                window.services.table.choose("Storefront")
                window.services.table.setFocus()
            elif page == "inspector":
                window.inspector.choose(6)
            elif page == "doctor":
                bridge.actions.checks = failed_at(Step.TOKEN, Fault.KEY_REJECTED, "the gateway answered 401")
                window.doctor.examine_service("Storefront")
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
        picture_inspector_dialogs(window, bridge, take, mark)
        picture_onboarding(window, bridge, take, mark)
        window.resize(720, 480)
        take(f"small-{mark}", window)
        window.resize(1180, 720)
        bridge.feed(Snapshot(at=NOW))
        take(f"empty-{mark}", window)
        window.finish()


def picture_inspector_dialogs(
    window: MainWindow, bridge: FakeBridge, take: Callable[[str, QWidget], None], mark: str
) -> None:
    """What the inspector opens: a request that is edited and was sent, how the answers differ, and a note."""
    from relaydesk.views.difference_dialog import DifferenceDialog
    from relaydesk.views.note_dialog import NoteDialog
    from relaydesk.views.replay_dialog import ReplayDialog

    exchanges = {one.id: one for one in bridge.actions.captured.changes().changed}
    posted = next(one for one in exchanges.values() if one.method == "POST")
    replay = ReplayDialog(window.context, posted, window)
    replay.show()
    replay.send.click()
    take(f"replay-{mark}", replay)
    difference = DifferenceDialog(window.context, posted.id, max(exchanges) + 1, window)
    difference.show()
    take(f"difference-{mark}", difference)
    note = NoteDialog(window.context, posted, window)
    note.open()
    note.text.setText("the order that was paid twice")
    take(f"note-{mark}", note)
    for dialog in (note, difference, replay):
        dialog.reject()


def picture_onboarding(
    window: MainWindow, bridge: FakeBridge, take: Callable[[str, QWidget], None], mark: str
) -> None:
    """Each card of the first start, in the states that matter."""
    import dataclasses

    from agent.checks import Fault, Step
    from relaydesk.models.onboarding import Way
    from relaydesk.views.onboarding import OnboardingDialog
    from tests.support.fake_bridge import CONNECTION_STRING
    from tests.support.sample_checks import all_good, failed_at
    from tests.support.sample_ports import SamplePorts
    from tests.support.sample_snapshot import NOW

    dialog = OnboardingDialog(window.context, SamplePorts(), window)
    dialog.open()
    take(f"onboarding-choose-{mark}", dialog)
    dialog.choose.ways[Way.HERE].setChecked(True)
    take(f"onboarding-here-{mark}", dialog)
    dialog.choose.ways[Way.PASTE].setChecked(True)
    dialog.choose.field.set_text(CONNECTION_STRING.replace("desk", "RootManageSharedAccessKey"))
    take(f"onboarding-pasted-{mark}", dialog)
    bridge.actions.checks = failed_at(
        Step.TOKEN, Fault.KEY_REJECTED, "the gateway answered 401 Invalid authorization token signature"
    )
    dialog.next.click()
    take(f"onboarding-failed-{mark}", dialog)
    bridge.actions.checks = all_good()
    dialog.check.again.click()
    take(f"onboarding-check-{mark}", dialog)
    dialog.next.click()
    take(f"onboarding-share-{mark}", dialog)
    dialog.share.demo.click()
    take(f"onboarding-waiting-{mark}", dialog)
    first = bridge.actions.current.connections[0]
    come = dataclasses.replace(
        first, id=9_999, service="Demo page", about="GET /demo-page/ 200", started_at=NOW
    )
    before = bridge.actions.current
    bridge.feed(dataclasses.replace(before, connections=(*before.connections, come)))
    take(f"onboarding-request-{mark}", dialog)
    bridge.feed(before)
    dialog.reject()


if __name__ == "__main__":
    main()
