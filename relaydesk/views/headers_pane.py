"""The headers of one side of an exchange, secrets masked until somebody asks for one."""

from __future__ import annotations

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QVBoxLayout, QWidget

from hyco.fields import Headers

from ..models.exchange_words import HeaderRow, HeadersModel
from ..models.tables import FilterModel
from .context import Context
from .labels import button, clear_margins, row
from .table import Table


class HeadersPane(QWidget):
    """Shows headers.

    Args:
        context: What a page works with.
        name: What a screen reader calls it.
    """

    def __init__(self, context: Context, name: str) -> None:
        super().__init__()
        self._context = context
        self.model = HeadersModel(self)
        proxy: FilterModel[HeaderRow] = FilterModel(self.model, lambda header: header.name, self)
        self.table: Table[HeaderRow] = Table(context, self.model, proxy, name)
        self.reveal = button(self.tr("Show the secret"), context.icons, "eye")
        self.copy = button(self.tr("Copy the value"), context.icons, "copy")
        copying = QAction(self.tr("Copy the value"), self)
        copying.setShortcut(QKeySequence.StandardKey.Copy)
        copying.triggered.connect(self._on_copy)
        context.icons.attach(copying, "copy")
        self._revealing = QAction(self.tr("Show the secret"), self)
        self._revealing.triggered.connect(self._on_reveal)
        context.icons.attach(self._revealing, "eye")
        self.table.offer([copying, self._revealing])
        layout = QVBoxLayout(self)
        clear_margins(layout, 6)
        layout.addWidget(self.table, 1)
        layout.addLayout(row(self.reveal, self.copy, None))
        self.reveal.clicked.connect(self._on_reveal)
        self.copy.clicked.connect(self._on_copy)
        self.table.selected.connect(self._follow)
        self.table.doubleClicked.connect(self._on_reveal)
        self._follow()

    def show_headers(self, headers: Headers) -> None:
        """Show these."""
        self.model.show(headers)
        self._follow()

    def _follow(self) -> None:
        header = self.table.current()
        can_reveal = header is not None and header.is_secret
        is_revealed = header is not None and header.is_revealed
        words = self.tr("Hide the secret") if is_revealed else self.tr("Show the secret")
        for target in (self.reveal, self._revealing):
            target.setText(words)
            target.setEnabled(can_reveal)
        self.reveal.setAccessibleName(words)
        self.copy.setEnabled(header is not None)

    def _on_reveal(self) -> None:
        header = self.table.current()
        if header is not None and header.is_secret:
            self.model.reveal(header.number, is_revealed=not header.is_revealed)
            self._follow()

    def _on_copy(self) -> None:
        header = self.table.current()
        if header is not None:
            self._context.copy(header.shown)
