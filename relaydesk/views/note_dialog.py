"""A note on an exchange."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLineEdit, QVBoxLayout, QWidget

from agent.captured import MAX_NOTE_CHARACTERS, CapturedExchange

from ..models import exchange_words
from .context import Context
from .labels import GAP, MARGIN, ElidedLabel, button, row


class NoteDialog(QDialog):
    """Asks for a note. Shown by ``open()``.

    Args:
        context: What a page works with.
        exchange: What it is on.
        parent: The window.
    """

    def __init__(self, context: Context, exchange: CapturedExchange, parent: QWidget) -> None:
        super().__init__(parent)
        self._context = context
        self._number = exchange.id
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Note"))
        self.text = QLineEdit(exchange.note)
        self.text.setMaxLength(MAX_NOTE_CHARACTERS)
        self.text.setAccessibleName(self.tr("Note"))
        self.keep = button(self.tr("&Keep"), context.icons, "check", kind="primary")
        self.keep.setDefault(True)
        cancel = button(self.tr("Cancel"), context.icons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(GAP)
        layout.addWidget(ElidedLabel(exchange_words.title_words(exchange), kind="quiet"))
        layout.addWidget(self.text)
        layout.addLayout(row(None, cancel, self.keep))
        self.setMinimumWidth(460)
        self.keep.clicked.connect(self._on_keep)
        cancel.clicked.connect(self.reject)

    def _on_keep(self) -> None:
        self._context.bridge.do(
            self._context.bridge.actions.annotate(self._number, self.text.text().strip()),
            failed=self._context.tell_failure,
        )
        self.accept()
