"""The preferences. Each is in effect as soon as it is changed; the files hold the same, and may be edited by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QSignalBlocker, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from ..language import OWN_NAMES
from ..models import formats, health
from ..models.texts import caption
from ..preferences import CloseChoice, Language, Preferences, Theme, Who
from ..snapshot import KeystoreState, Problem, Snapshot
from ..updates.watch import UpdateWatch
from .context import Context
from .labels import GAP, ElidedLabel, Label, button, card
from .page import LiveRates, Page
from .update_panel import UpdatePanel

_LIFETIMES_S = (3_600.0, 8 * 3_600.0, 24 * 3_600.0, 7 * 24 * 3_600.0, None)


class SettingsPage(Page):
    """All preferences.

    Args:
        context: What a page works with.
        files: The settings files, by what is in them.
        updates: What looks for new versions; None: nothing does, and the page has no word of it.
    """

    changed = Signal(object)
    """The preferences that are in effect now."""
    unlock_wanted = Signal()
    first_steps_wanted = Signal()

    def __init__(
        self,
        context: Context,
        files: Sequence[tuple[str, Path]] = (),
        updates: UpdateWatch | None = None,
    ) -> None:
        super().__init__(context, QCoreApplication.translate("Pages", "Settings"))
        self._preferences = context.bridge.actions.preferences()
        self._gateways: tuple[str, ...] = ()
        self.describe(self.tr("In effect at once"))
        self.checks: dict[str, QCheckBox] = {}
        self.choices: dict[str, QComboBox] = {}
        sheet = QWidget()
        sheet.setObjectName("sheet")
        self._column = QVBoxLayout(sheet)
        self._column.setContentsMargins(0, 0, 6, 0)
        self._column.setSpacing(GAP)
        self._add_general()
        self._add_sharing()
        self._add_inspector()
        self._add_notifications()
        self._add_keys()
        self.updates = None if updates is None else self._add_updates(updates)
        self._add_files(files)
        self._column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(sheet)
        self.body.addWidget(scroll, 1)
        self._show_preferences()

    def show_snapshot(self, snapshot: Snapshot, rates: LiveRates) -> None:
        """Show what may have been changed elsewhere: in the file, or by the command line."""
        self._preferences = self.context.bridge.actions.preferences()
        names = tuple(gateway.name for gateway in snapshot.gateways)
        if names != self._gateways:
            self._gateways = names
            self._fill_gateways()
        self._show_preferences()
        self._keys.say(health.keystore_words(snapshot.keystore))
        self._unlock.setVisible(
            snapshot.keystore
            in (KeystoreState.LOCKED, KeystoreState.SEALED_FILE_CLOSED, KeystoreState.UNDECIDED)
        )

    def focus_content(self) -> None:
        """Let the keys work on the first preference."""
        self.choices["theme"].setFocus(Qt.FocusReason.ShortcutFocusReason)

    # --- groups

    def _add_general(self) -> None:
        grid = self._group(self.tr("General"))
        self._choice(
            grid,
            "theme",
            self.tr("&Colours"),
            (
                (self.tr("As the system"), Theme.SYSTEM),
                (self.tr("Light"), Theme.LIGHT),
                (self.tr("Dark"), Theme.DARK),
                (self.tr("High contrast"), Theme.HIGH_CONTRAST),
            ),
        )
        self._choice(
            grid,
            "language",
            self.tr("L&anguage"),
            (
                (self.tr("As the system"), Language.SYSTEM),
                *((name, language) for language, name in OWN_NAMES.items()),
            ),
        )
        later = Label(self.tr("Another language is spoken when RelayDesk is started again."), kind="quiet")
        grid.addWidget(later, grid.rowCount(), 1)
        self._choice(
            grid,
            "close",
            self.tr("Closing the &window"),
            (
                (self.tr("Asks what to do"), CloseChoice.ASK),
                (self.tr("Keeps RelayDesk running"), CloseChoice.KEEP),
                (self.tr("Quits RelayDesk"), CloseChoice.QUIT),
            ),
        )
        self._check(grid, "starts_at_login", self.tr("Start RelayDesk at &login"))
        self._check(grid, "starts_hidden", self.tr("Start without the window"))
        first_steps = button(self.tr("Show the first &steps again…"), self.context.icons, "info")
        first_steps.clicked.connect(self.first_steps_wanted)
        grid.addWidget(first_steps, grid.rowCount(), 0, 1, 2, Qt.AlignmentFlag.AlignLeft)

    def _add_sharing(self) -> None:
        grid = self._group(self.tr("When something is shared"))
        self._choice(
            grid,
            "who",
            self.tr("Wh&o may use it"),
            (
                (self.tr("Whoever I invite"), Who.INVITED),
                (self.tr("Whoever has a key"), Who.KEY),
                (self.tr("Everybody who knows the address"), Who.PUBLIC),
            ),
        )
        lifetimes = tuple(
            (formats.rough_duration(s) if s is not None else self.tr("until it is stopped"), s)
            for s in _LIFETIMES_S
        )
        self._choice(grid, "lifetime_s", self.tr("&How long"), lifetimes)
        self._choice(grid, "gateway", self.tr("Throu&gh"), ())
        self._fill_gateways()
        self._check(
            grid,
            "has_probes",
            self.tr("&Prove that services are reachable"),
            self.tr(
                "A small request of our own goes through the gateway and back, every few minutes and after a change."
            ),
        )

    def _add_inspector(self) -> None:
        grid = self._group(self.tr("Inspector"))
        self._check(
            grid,
            "captures",
            self.tr("Keep re&quests and answers"),
            self.tr("On this computer, while RelayDesk runs. Replays are kept in any case."),
        )

    def _add_notifications(self) -> None:
        grid = self._group(self.tr("Notifications"))
        self._check(grid, "notify_lost", self.tr("A share is &lost for more than half a minute"))
        self._check(grid, "notify_recovered", self.tr("It is &back after that"))
        self._check(grid, "notify_expiring", self.tr("Something &ends within a day"))
        self._check(grid, "notify_first_request", self.tr("The &first request to a share"))

    def _add_keys(self) -> None:
        grid = self._group(self.tr("Keys"))
        self._keys = Label(health.keystore_words(KeystoreState.SYSTEM), wraps=True)
        self._unlock = button(self.tr("&Unlock…"), self.context.icons, "key")
        self._unlock.clicked.connect(self.unlock_wanted)
        self._unlock.hide()
        grid.addWidget(self._keys, 0, 0, 1, 2)
        grid.addWidget(self._unlock, 1, 0, 1, 2, Qt.AlignmentFlag.AlignLeft)

    def _add_updates(self, watch: UpdateWatch) -> UpdatePanel:
        grid = self._group(self.tr("New versions"))
        panel = UpdatePanel(watch, self.context)
        if watch.can_look:
            self._check(
                grid,
                "looks_for_updates",
                self.tr("Look for new &versions once a week"),
                self.tr("Nothing of you is sent. Nothing is fetched or installed unless you say so."),
            )
        grid.addWidget(panel, grid.rowCount(), 0, 1, 2)
        return panel

    def _add_files(self, files: Sequence[tuple[str, Path]]) -> None:
        if not files:
            return
        grid = self._group(self.tr("Files"))
        for line, (what, path) in enumerate(files):
            shown = ElidedLabel(str(path), mode=Qt.TextElideMode.ElideMiddle)
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            open_file = button(self.tr("Open"), self.context.icons, "folder")
            open_file.setAccessibleName(self.tr("Open {path}").format(path=path))
            open_file.clicked.connect(lambda _=False, path=path: open_in_editor(path))
            grid.addWidget(Label(what, kind="quiet"), line, 0)
            grid.addWidget(shown, line, 1)
            grid.addWidget(open_file, line, 2)
        grid.setColumnStretch(1, 1)

    # --- fields

    def _group(self, title: str) -> QGridLayout:
        frame, layout = card()
        layout.addWidget(Label(title, is_bold=True))
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(9)
        grid.setColumnMinimumWidth(0, self.fontMetrics().averageCharWidth() * 24)
        grid.setColumnStretch(1, 1)
        layout.addLayout(grid)
        self._column.addWidget(frame)
        return grid

    def _choice(
        self, grid: QGridLayout, field: str, title: str, options: Sequence[tuple[str, object]]
    ) -> None:
        box = QComboBox()
        for text, value in options:
            box.addItem(text, value)
        box.setAccessibleName(title.replace("&", ""))
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        box.setMinimumWidth(self.fontMetrics().averageCharWidth() * 34)
        label = Label(title)
        label.setBuddy(box)
        line = grid.rowCount()
        grid.addWidget(label, line, 0)
        grid.addWidget(box, line, 1, Qt.AlignmentFlag.AlignLeft)
        box.activated.connect(lambda _: self._set(field, box.currentData()))
        self.choices[field] = box

    def _check(self, grid: QGridLayout, field: str, title: str, explanation: str = "") -> None:
        box = QCheckBox(title)
        box.setAccessibleName(title.replace("&", ""))
        line = grid.rowCount()
        grid.addWidget(box, line, 0, 1, 2)
        if explanation:
            box.setAccessibleDescription(explanation)
            text = Label(explanation, kind="quiet", wraps=True)
            text.setContentsMargins(26, 0, 0, 0)
            grid.addWidget(text, line + 1, 0, 1, 2)
        box.toggled.connect(lambda is_on: self._set(field, is_on))
        self.checks[field] = box

    def _fill_gateways(self) -> None:
        box = self.choices["gateway"]
        with QSignalBlocker(box):
            box.clear()
            box.addItem(self.tr("The one used last, or this computer's"), None)
            for name in self._gateways:
                box.addItem(caption(name), name)

    # --- values

    def _show_preferences(self) -> None:
        for field, check in self.checks.items():
            with QSignalBlocker(check):
                check.setChecked(getattr(self._preferences, field))
        for field, choice in self.choices.items():
            if choice.view().isVisible():
                continue  # never under the user's hand
            value = getattr(self._preferences, field)
            place = next((n for n in range(choice.count()) if choice.itemData(n) == value), -1)
            if place < 0 and field == "lifetime_s" and value is not None:
                choice.addItem(formats.rough_duration(value), value)
                place = choice.count() - 1
            with QSignalBlocker(choice):
                choice.setCurrentIndex(max(place, 0))

    def _set(self, field: str, value: object) -> None:
        before = self._preferences
        wanted: Preferences = dataclasses.replace(before, **{field: value})  # type: ignore[arg-type] # one of its fields
        if wanted == before:
            return
        self._preferences = wanted
        self.changed.emit(wanted)
        self.context.bridge.do(
            self.context.bridge.actions.set_preferences(wanted),
            failed=lambda problem: self._back_to(before, problem),
        )

    def _back_to(self, before: Preferences, problem: Problem) -> None:
        self._preferences = before
        self._show_preferences()
        self.changed.emit(before)
        self.context.tell_failure(problem)


def open_in_editor(path: Path) -> None:
    """Open a file, or the folder it will be in, with the program that the system has for it."""
    target = path if path.exists() else path.parent
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(target)))
