"""The log: filtered, paused, copied, saved."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QSignalBlocker, Qt
from PySide6.QtGui import QAction, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QComboBox, QFileDialog, QHeaderView, QTableView

from ..models import formats, log
from ..models.log import LogFilter, LogModel
from ..models.tables import ROW_ROLE
from ..models.texts import caption
from ..models.tones import Tone
from ..snapshot import LogLine, Snapshot
from .cells import CellDelegate
from .context import Context, Notice
from .labels import Shrinking, button
from .page import Empty, EmptyOr, LiveRates, Page, filter_field
from .table import calm

_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)


class LogPage(Page):
    """The last lines of the log.

    Args:
        context: What a page works with.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context, QCoreApplication.translate("Pages", "Log"))
        self.filter = filter_field(self.tr("Filter"), self.tr("Filter the log"))
        self.level = QComboBox()
        self.level.setAccessibleName(self.tr("Least level"))
        for level in _LEVELS:
            everything = self.tr("Everything")
            word = (
                everything
                if level == logging.DEBUG
                else self.tr("{level} and up").format(level=log.level_words(level))
            )
            self.level.addItem(word, level)
        self.level.setCurrentIndex(1)
        self.service = QComboBox()
        self.service.setAccessibleName(self.tr("Service"))
        self.service.addItem(self.tr("All services"), "")
        self.service.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.service.setMinimumContentsLength(10)
        self.pause = button(self.tr("&Pause"), context.icons, "pause")
        self.pause.setCheckable(True)
        self.pause.toggled.connect(self._on_pause)
        copy = button(self.tr("C&opy"), context.icons, "copy")
        copy.clicked.connect(self.copy_lines)
        save = button(self.tr("&Save…"), context.icons, "save")
        save.clicked.connect(self._on_save)
        self._shrinking = Shrinking(120, self.pause, copy, save)
        for widget in (self.service, self.level, self.filter, self.pause, copy, save):
            self.tools.addWidget(widget)
        self.model = LogModel(self)
        self.proxy = LogFilter(self.model, self)
        self.proxy.set_level(logging.INFO)
        self.table = QTableView()
        self.table.setAccessibleName(self.tr("Log"))
        self.table.setModel(self.proxy)
        calm(self.table)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setItemDelegate(CellDelegate(context.theme, context.icons, self.table))
        self.table.horizontalHeader().setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
        self._fit()
        copy_selected = QAction(self.tr("Copy"), self)
        copy_selected.setShortcut(QKeySequence.StandardKey.Copy)
        copy_selected.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy_selected.triggered.connect(self.copy_lines)
        self.table.addAction(copy_selected)
        self.stack = EmptyOr(
            Empty(
                context,
                "log",
                self.tr("Nothing to tell"),
                self.tr("What RelayDesk does is written down here."),
            ),
            self.table,
        )
        self.body.addWidget(self.stack, 1)
        self.filter.textChanged.connect(self._on_filter)
        self.level.currentIndexChanged.connect(self._on_filter)
        self.service.currentIndexChanged.connect(self._on_filter)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show fewer words where there is less room."""
        super().resizeEvent(event)
        self._shrinking.fit(self)

    def take(self, lines: Iterable[LogLine]) -> None:
        """Keep new lines. They are shown when the page is seen, and not paused."""
        self.model.take(lines)
        if self.isVisible() and not self.pause.isChecked():
            self._flush()

    def focus_content(self) -> None:
        """Let the keys work on the table."""
        self.table.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def show_snapshot(self, snapshot: Snapshot, rates: LiveRates) -> None:
        """Show what came while the page was not seen."""
        self._offer_services([service.name for service in snapshot.services])
        if not self.pause.isChecked():
            self._flush()

    def _offer_services(self, names: list[str]) -> None:
        """Let one of *names* be chosen; one that is chosen stays, also after it was stopped."""
        chosen = self.service.currentData()
        if chosen and chosen not in names:
            names = [*names, chosen]
        if names == [self.service.itemData(number) for number in range(1, self.service.count())]:
            return
        with QSignalBlocker(self.service):
            while self.service.count() > 1:
                self.service.removeItem(1)
            for name in names:
                self.service.addItem(caption(name), name)
            self.service.setCurrentIndex(max(self.service.findData(chosen), 0))

    def tick(self, now: float) -> None:
        """Say how much came while it is paused."""
        self._describe()

    def focus_filter(self) -> None:
        """Let the user type a filter."""
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    def copy_lines(self) -> None:
        """Put the selected lines on the clipboard; without a selection, all that are shown."""
        rows = self.table.selectionModel().selectedRows()
        places = sorted(index.row() for index in rows) or range(self.proxy.rowCount())
        lines = [self.proxy.index(place, 0).data(ROW_ROLE) for place in places]
        self.context.copy("\n".join(log.as_text(line) for line in lines))
        self.context.teller.tell(
            Notice(
                title=self.tr("1 line is on the clipboard.")
                if len(lines) == 1
                else self.tr("%Ln lines are on the clipboard.", "", len(lines)),
                tone=Tone.GOOD,
            )
        )

    def _flush(self) -> None:
        bar = self.table.verticalScrollBar()
        was_at_end = bar.value() >= bar.maximum() - 4
        self.model.flush()
        self.stack.show_content(self.model.rowCount() > 0)
        if was_at_end:
            self.table.scrollToBottom()
        self._describe()

    def _describe(self) -> None:
        shown, kept = self.proxy.rowCount(), self.model.rowCount()
        text = self.tr("{shown} of the last {kept} lines; secrets are left out")
        parts = [text.format(shown=formats.count(shown), kept=formats.count(kept))] if kept else []
        if self.pause.isChecked() and self.model.waiting:
            parts.append(self.tr("paused, %Ln new", "", self.model.waiting))
        self.describe(" · ".join(parts))

    def _fit(self) -> None:
        metrics = self.table.fontMetrics()
        level = max(map(log.level_words, _LEVELS), key=metrics.horizontalAdvance)
        for column, sample in enumerate((formats.widest_clock(), level, "relaydesk.agent_bridge")):
            self.table.setColumnWidth(column, metrics.horizontalAdvance(sample) + (44 if column else 24))

    def _on_filter(self) -> None:
        self.proxy.set_service(self.service.currentData() or "")
        self.proxy.set_level(self.level.currentData())
        self.proxy.set_filter(self.filter.text())
        self._describe()

    def _on_pause(self, is_paused: bool) -> None:
        self._shrinking.say(self.pause, self.tr("&Go on") if is_paused else self.tr("&Pause"))
        self.context.icons.attach(self.pause, "play" if is_paused else "pause")
        if not is_paused:
            self._flush()
        self._describe()

    def _on_save(self) -> None:
        dialog = QFileDialog(self.window(), self.tr("Save the log"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("log")
        dialog.selectFile("relaydesk.log")
        dialog.fileSelected.connect(self.save)
        dialog.open()

    def save(self, path: str) -> None:
        """Write the log to a file."""
        said = self.tr("The log was saved as {path}.").format(path=path)
        self.context.bridge.do(
            self.context.bridge.actions.save_log(Path(path)),
            done=lambda _: self.context.teller.tell(Notice(title=said, tone=Tone.GOOD)),
            failed=self.context.tell_failure,
        )
