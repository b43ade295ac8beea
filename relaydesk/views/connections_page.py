"""Every relayed connection and request, as it happens."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QAction, QKeySequence

from ..models import connections, health
from ..models.connections import ConnectionsModel
from ..snapshot import Snapshot
from .context import Context
from .labels import button
from .page import Empty, EmptyOr, LiveRates, Page, filter_field
from .table import Table


class ConnectionsPage(Page):
    """The live table.

    Args:
        context: What a page works with.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context, QCoreApplication.translate("Pages", "Connections"))
        self.filter = filter_field(self.tr("Filter"), self.tr("Filter connections"))
        self.cut = button(self.tr("&Cut"), context.icons, "cut")
        self.cut.setEnabled(False)
        self.cut.clicked.connect(self._on_cut)
        self.tools.addWidget(self.filter)
        self.tools.addWidget(self.cut)
        self.model = ConnectionsModel(self)
        self.proxy = connections.filtered(self.model)
        self.table = Table(context, self.model, self.proxy, self.tr("Connections"))
        started = self.model.column("started")
        self.table.sortByColumn(started, Qt.SortOrder.DescendingOrder)
        cut = QAction(self.tr("Cut"), self)
        cut.setShortcut(QKeySequence("Del"))
        cut.triggered.connect(self._on_cut)
        context.icons.attach(cut, "cut")
        self._cut_action = cut
        self.table.offer([cut])
        self.table.selected.connect(self._on_selected)
        empty = Empty(
            context,
            "connections",
            self.tr("Nobody is connected"),
            self.tr(
                "As soon as somebody uses a service of yours, it is seen here: who, since when, and how much."
            ),
        )
        self.stack = EmptyOr(empty, self.table)
        self.body.addWidget(self.stack, 1)
        self.filter.textChanged.connect(self.proxy.set_filter)

    def focus_content(self) -> None:
        """Let the keys work on the table."""
        self.table.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def show_snapshot(self, snapshot: Snapshot, rates: LiveRates) -> None:
        """Show the connections."""
        self.model.show(snapshot, rates.connections)
        live = sum(connection.ended_at is None for connection in snapshot.connections)
        ended = self.model.rowCount() - live
        parts = [health.connections_words(live)] if live else []
        if ended > 0:
            parts.append(self.tr("%Ln ended within the last minute", "", ended))
        self.describe(" · ".join(parts))
        self._show_emptiness()
        self._on_selected()

    def tick(self, now: float) -> None:
        """Everything is older."""
        self.model.tick(now)
        self._show_emptiness()

    def focus_filter(self) -> None:
        """Let the user type a filter."""
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    def _show_emptiness(self) -> None:
        has_any = self.model.rowCount() > 0
        self.stack.show_content(has_any)
        self.filter.setVisible(has_any)
        self.cut.setVisible(has_any)

    def _on_selected(self) -> None:
        connection = self.table.current()
        can_cut = connection is not None and connection.ended_at is None
        self.cut.setEnabled(can_cut)
        self._cut_action.setEnabled(can_cut)

    def _on_cut(self) -> None:
        connection = self.table.current()
        if connection is not None and connection.ended_at is None:
            self.context.bridge.do(
                self.context.bridge.actions.cut(connection.id), failed=self.context.tell_failure
            )
