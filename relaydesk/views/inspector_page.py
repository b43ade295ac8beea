"""What was relayed over HTTP: the list, one exchange in full, and what can be done with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QCoreApplication, QSize, Qt, QTimer
from PySide6.QtGui import QAction, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QCheckBox, QFileDialog, QMenu, QSplitter, QToolButton

from agent.captured import CapturedExchange, ExchangeKind

from ..models import exchange_words, formats
from ..models.exchanges import ExchangesModel
from ..models.tones import Tone
from ..snapshot import Snapshot
from .context import Context, Notice
from .difference_dialog import DifferenceDialog
from .exchange_details import ExchangeDetails
from .labels import Label, Shrinking, button
from .note_dialog import NoteDialog
from .page import Empty, EmptyOr, LiveRates, Page, filter_field
from .replay_dialog import ReplayDialog
from .table import Table

#: While somebody types, the filter waits for the next letter.
_TYPING_MS: Final = 120


class InspectorPage(Page):
    """The list of exchanges.

    Args:
        context: What a page works with.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context, QCoreApplication.translate("Pages", "Inspector"))
        self._version = 0
        self._chosen: int | None = None
        self._kept_bytes = 0
        self._is_capturing = True
        self._capture_words = ""
        self._make_tools()
        self.model = ExchangesModel(self)
        self.table: Table[CapturedExchange] = Table(context, self.model, self.model, self.tr("Exchanges"))
        self.details = ExchangeDetails(context)
        self._make_actions()
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(12)
        self.splitter.addWidget(self.table)
        self.splitter.addWidget(self.details)
        self.splitter.setStretchFactor(0, 2)
        self.splitter.setStretchFactor(1, 3)
        self.filter_problem = Label(kind="warn", wraps=True)
        self.filter_problem.hide()
        empty = Empty(
            context,
            "search",
            self.tr("Nothing was captured yet"),
            self.tr(
                "Requests to what you share, their answers and WebSockets are seen here: who asked, what came back, how long it "
                "took. Share a web server and open its link, and the first one appears. All of it stays on this computer and is "
                "gone when RelayDesk ends."
            ),
        )
        self.stack = EmptyOr(empty, self.splitter)
        self.body.addWidget(self.filter_problem)
        self.body.addWidget(self.stack, 1)
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(_TYPING_MS)
        self._typing.timeout.connect(self._on_filter)
        self.filter.textChanged.connect(self._typing.start)
        self.filter.returnPressed.connect(self._on_filter)
        self.table.selected.connect(self._on_selected)
        self.model.modelReset.connect(self._choose_again)
        self.model.rowsInserted.connect(self._stay)
        self.model.answered.connect(self._describe)
        self._on_selected()

    def _make_tools(self) -> None:
        context = self.context
        self.filter = filter_field(self.tr("Filter: status:5xx path:/api word"), self.tr("Filter exchanges"))
        self.filter.setMaximumWidth(420)
        self.filter.setMinimumWidth(160)
        self.presets = QToolButton()
        self.presets.setProperty("kind", "button")
        self.presets.setAccessibleName(self.tr("Ready-made filters"))
        self.presets.setToolTip(self.tr("Ready-made filters"))
        self.presets.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.presets.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        context.icons.attach(self.presets, "more")
        menu = QMenu(self.presets)
        for words, term in (
            (self.tr("Failed"), "is:error"),
            (self.tr("Status 400 and up"), "status:>=400"),
            (self.tr("Slower than a second"), "is:slow"),
            (self.tr("Going on"), "is:open"),
            (self.tr("WebSockets"), "is:websocket"),
            (self.tr("Replays"), "is:replay"),
            (self.tr("Pinned"), "is:pinned"),
            (self.tr("With a note"), "note:"),
        ):
            menu.addAction(f"{words}\t{term}").triggered.connect(
                lambda _=False, term=term: self._add_term(term)
            )
        self.presets.setMenu(menu)
        self.capture = button(self.tr("&Keep requests"), context.icons, "pause")
        self.capture.clicked.connect(self._on_capture)
        self.export = button(self.tr("E&xport…"), context.icons, "save")
        self.export.clicked.connect(self._ask_where)
        self.clear = button(self.tr("C&lear"), context.icons, "remove")
        self.clear.clicked.connect(self._on_clear)
        for tool in (self.filter, self.presets, self.capture, self.export, self.clear):
            self.tools.addWidget(tool)
        self._shrinking = Shrinking(120, self.capture, self.export, self.clear)

    def _make_actions(self) -> None:
        icons = self.context.icons

        def action(text: str, icon: str, keys: str, act: Callable[[], None]) -> QAction:
            made = QAction(text, self)
            if keys:
                made.setShortcut(QKeySequence(keys))
            made.triggered.connect(act)
            icons.attach(made, icon)
            return made

        self.replay = action(self.tr("Replay"), "retry", "Ctrl+R", self._on_replay)
        self.edit = action(self.tr("Edit and replay…"), "play", "Ctrl+Shift+R", self._on_edit)
        self.repeat = action(self.tr("Replay several times…"), "retry", "", lambda: self._on_edit(times=10))
        self.compare = action(self.tr("Compare with the original…"), "search", "Ctrl+D", self._on_compare)
        self.curl = action(self.tr("Copy as cURL"), "copy", "Ctrl+Shift+C", self._on_curl)
        self.pin = action(self.tr("Pin"), "lock", "Ctrl+P", self._on_pin)
        self.note = action(self.tr("Note…"), "log", "Ctrl+N", self._on_note)
        self.table.offer(
            [self.replay, self.edit, self.repeat, self.compare, None, self.curl, self.pin, self.note]
        )
        self.replay_button = button(self.tr("&Replay"), icons, "retry", kind="primary")
        self.replay_button.clicked.connect(self._on_replay)
        self.edit_button = button(self.tr("&Edit and replay…"), icons, "play")
        self.edit_button.clicked.connect(self._on_edit)
        self.more = QToolButton()
        self.more.setProperty("kind", "button")
        self.more.setAccessibleName(self.tr("More to do with this exchange"))
        self.more.setToolTip(self.tr("More to do with this exchange"))
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        icons.attach(self.more, "more")
        menu = QMenu(self.more)
        menu.addActions([self.repeat, self.compare, self.curl, self.pin, self.note])
        self.more.setMenu(menu)
        for tool in (self.replay_button, self.edit_button, self.more):
            self.details.tools.addWidget(tool)

    # --- what is shown

    def show_snapshot(self, snapshot: Snapshot, rates: LiveRates) -> None:
        """Follow what is captured."""
        self._follow()

    def tick(self, now: float) -> None:
        """Follow what is captured."""
        self._follow()

    def leave(self) -> None:
        """Nothing is prepared for nobody."""
        self.model.stop()

    def focus_content(self) -> None:
        """Let the keys work on the list."""
        self.table.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def focus_filter(self) -> None:
        """Let the user type a filter."""
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    def choose(self, number: int) -> None:
        """Show one exchange, whatever the filter says."""
        self._follow()
        if not self.table.choose(number) and self.model.get(number) is not None:
            self.filter.clear()
            self._on_filter()
            self._chosen = number
            self._choose_again()

    def show_service(self, name: str) -> None:
        """Show what passed through a service."""
        self.filter.setText(f'service:"{name}"')
        self._on_filter()

    def _follow(self) -> None:
        changes = self.context.bridge.actions.exchanges(self._version)
        self._version = changes.version
        self._kept_bytes, self._is_capturing = changes.kept_bytes, changes.is_capturing
        if changes.is_everything or changes.changed or changes.removed:
            self.model.take(changes)
        if self._chosen is not None:
            self.details.show_exchange(self.model.get(self._chosen))
            self._enable()
        self._describe()

    def _describe(self) -> None:
        count, shown = self.model.count, self.model.rowCount()
        has_any = count > 0
        self.stack.show_content(has_any)
        for part in (self.filter, self.presets, self.export, self.clear):
            part.setVisible(has_any)
        words = self.tr("Stop &keeping") if self._is_capturing else self.tr("&Keep requests")
        if words != self._capture_words:
            self._capture_words = words
            self._shrinking.say(self.capture, words)
            self.context.icons.attach(self.capture, "pause" if self._is_capturing else "play")
        parts = []
        if not self._is_capturing:
            parts.append(self.tr("nothing more is kept"))
        if self.model.is_answering:
            parts.append(self.tr("searching…"))
        elif self.model.is_filtering:
            parts.append(
                self.tr("{shown} of {count}").format(shown=formats.count(shown), count=formats.count(count))
            )
        elif has_any:
            parts.append(exchange_words.count_words(count))
        if has_any:
            parts.append(formats.size(self._kept_bytes))
        self.describe(" · ".join(parts))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Let buttons shrink."""
        super().resizeEvent(event)
        self._shrinking.fit(self)

    # --- the list

    def _on_filter(self) -> None:
        self._typing.stop()
        problem = self.model.set_filter(self.filter.text())
        self.filter_problem.say(problem)
        self.filter_problem.setVisible(bool(problem))
        self._describe()

    def _add_term(self, term: str) -> None:
        words = self.filter.text().split()
        if term in words:
            words.remove(term)
        else:
            words.append(term)
        self.filter.setText(" ".join(words))
        self._on_filter()

    def _choose_again(self) -> None:
        """The rows are others: what was chosen is chosen again, where it is still there."""
        if self._chosen is not None and not self.table.choose(self._chosen):
            self._show(self.model.get(self._chosen))

    def _stay(self, _parent: object, first: int, last: int) -> None:
        """New rows above what somebody reads do not move it away."""
        bar = self.table.verticalScrollBar()
        if first == 0 and bar.value() > 0:
            bar.setValue(bar.value() + (last + 1) * self.table.verticalHeader().defaultSectionSize())

    def _on_selected(self) -> None:
        exchange = self.table.current()
        if exchange is None and self._chosen is not None and self.model.get(self._chosen) is not None:
            return  # it is only not among what the filter lets through, or about to be chosen again
        self._show(exchange)

    def _show(self, exchange: CapturedExchange | None) -> None:
        self._chosen = None if exchange is None else exchange.id
        self.details.setVisible(exchange is not None)
        self.details.show_exchange(exchange)
        self._enable()

    def _enable(self) -> None:
        exchange = self.details.exchange
        is_http = exchange is not None and exchange.kind is ExchangeKind.HTTP
        for target in (self.replay, self.edit, self.repeat, self.curl, self.replay_button, self.edit_button):
            target.setEnabled(is_http)
        for target in (self.pin, self.note):
            target.setEnabled(exchange is not None)
        self.compare.setEnabled(exchange is not None and exchange.replay_of is not None)
        is_pinned = exchange is not None and exchange.is_pinned
        self.pin.setText(self.tr("Unpin") if is_pinned else self.tr("Pin"))

    # --- what can be done

    def _on_replay(self) -> None:
        exchange = self.details.exchange
        if exchange is not None and exchange.kind is ExchangeKind.HTTP:
            self.context.bridge.do(
                self.context.bridge.actions.replay(exchange.id),
                done=self.choose,
                failed=self.context.tell_failure,
            )

    def _on_edit(self, _: bool = False, times: int = 1) -> None:
        exchange = self.details.exchange
        if exchange is not None and exchange.kind is ExchangeKind.HTTP:
            ReplayDialog(self.context, exchange, self.window(), times).show()

    def _on_compare(self) -> None:
        exchange = self.details.exchange
        if exchange is not None and exchange.replay_of is not None:
            DifferenceDialog(self.context, exchange.replay_of, exchange.id, self.window()).show()

    def _on_curl(self, *, reveals_secrets: bool = False) -> None:
        exchange = self.details.exchange
        if exchange is None:
            return
        number = exchange.id

        def copied(line: str) -> None:
            self.context.copy(line)
            if reveals_secrets:
                self.context.teller.tell(
                    Notice(title=self.tr("The cURL line is on the clipboard, with its secrets."))
                )
                return
            self.context.teller.tell(
                Notice(
                    title=self.tr("The cURL line is on the clipboard."),
                    text=self.tr("Secrets in it are masked.") if "…" in line else "",
                    label=self.tr("With secrets") if "…" in line else "",
                    act=(lambda: self._copy_with_secrets(number)) if "…" in line else None,
                    icon="eye",
                )
            )

        self.context.bridge.do(
            self.context.bridge.actions.curl(number, reveals_secrets=reveals_secrets),
            done=copied,
            failed=self.context.tell_failure,
        )

    def _copy_with_secrets(self, number: int) -> None:
        if self.details.exchange is not None and self.details.exchange.id == number:
            self._on_curl(reveals_secrets=True)

    def _on_pin(self) -> None:
        exchange = self.details.exchange
        if exchange is not None:
            self.context.bridge.do(
                self.context.bridge.actions.pin(exchange.id, not exchange.is_pinned),
                done=lambda _: self._follow(),
                failed=self.context.tell_failure,
            )

    def _on_note(self) -> None:
        exchange = self.details.exchange
        if exchange is not None:
            NoteDialog(self.context, exchange, self.window()).open()

    def _on_clear(self) -> None:
        self.context.bridge.do(
            self.context.bridge.actions.clear_exchanges(),
            done=lambda _: self._follow(),
            failed=self.context.tell_failure,
        )

    def _on_capture(self) -> None:
        actions = self.context.bridge.actions
        preferences = dataclasses.replace(actions.preferences(), captures=not self._is_capturing)
        self.context.bridge.do(
            actions.set_preferences(preferences),
            done=lambda _: self._follow(),
            failed=self.context.tell_failure,
        )

    # --- taking it elsewhere

    def _ask_where(self) -> None:
        dialog = QFileDialog(self.window(), self.tr("Export what is listed as an HTTP archive"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setOption(QFileDialog.Option.DontUseNativeDialog)  # a native one has no room for the box
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("har")
        dialog.selectFile("relaydesk.har")
        box = QCheckBox(self.tr("With secrets: tokens, cookies, passwords in addresses"))
        box.setAccessibleName(box.text())
        if (layout := dialog.layout()) is not None:
            layout.addWidget(box)
        dialog.fileSelected.connect(lambda path: self.save(path, reveals_secrets=box.isChecked()))
        dialog.open()

    def save(self, path: str, *, reveals_secrets: bool = False) -> None:
        """Write what is listed as an HTTP archive."""
        self.context.bridge.do(
            self.context.bridge.actions.export_har(
                self.model.shown_ids(), Path(path), reveals_secrets=reveals_secrets
            ),
            done=lambda count: self.context.teller.tell(
                Notice(title=exchange_words.saved_words(count), text=path, tone=Tone.GOOD)
            ),
            failed=self.context.tell_failure,
        )

    def minimumSizeHint(self) -> QSize:
        """The window may be small: the details scroll or elide."""
        return QSize(400, 300)
