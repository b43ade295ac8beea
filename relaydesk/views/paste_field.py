"""A field for what holds a secret: pasted, typed or dropped as a file, and hidden as soon as it has been read.

What is typed stays seen until the field is left; what comes whole is hidden at once. It is shown again on request, for a while.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from .context import Context
from .labels import button, clear_margins, row, set_caption

#: More is read of no file: a configuration is much shorter.
MAX_FILE_BYTES = 64_000
#: What is shown on request is hidden again after this time.
REVEALED_MS = 30_000

_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class _Field(QPlainTextEdit):
    """Plain text that says what came in whole, and takes files."""

    came_whole = Signal()
    file_dropped = Signal(str)
    left = Signal()

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Text, and files."""
        return source.hasUrls() or super().canInsertFromMimeData(source)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Take a text or a file, from the clipboard or dropped."""
        files = [url.toLocalFile() for url in source.urls() if url.isLocalFile()]
        if files:
            self.file_dropped.emit(files[0])
            return
        super().insertFromMimeData(source)
        self.came_whole.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Say that it was left for something else in the window."""
        super().focusOutEvent(event)
        if event.reason() is not Qt.FocusReason.PopupFocusReason:
            self.left.emit()


class PasteField(QWidget):
    """Takes a secret.

    Args:
        context: What a page works with.
        name: What it is for.
    """

    changed = Signal()
    """Its text."""
    unreadable = Signal()
    """A file that was dropped cannot be read as text, or is too long."""

    def __init__(self, context: Context, name: str) -> None:
        super().__init__()
        self._icons = context.icons
        self._text = ""
        self._masked = ""
        self.field = _Field()
        self.field.setAccessibleName(name)
        self.field.setTabChangesFocus(True)
        self.field.setFixedHeight(self.field.fontMetrics().height() * 3 + 18)
        self.reveal = button("", context.icons, "eye", kind="plain")
        self.change = button(self.tr("Paste &another"), context.icons, "undo", kind="plain")
        layout = QVBoxLayout(self)
        clear_margins(layout, 2)
        layout.addWidget(self.field)
        layout.addLayout(row(self.reveal, self.change, None))
        self.setFocusProxy(self.field)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REVEALED_MS)
        self._timer.timeout.connect(lambda: self._show_secret(is_shown=False))
        self.field.textChanged.connect(self._on_typed)
        self.field.came_whole.connect(self.hide_secret)
        self.field.file_dropped.connect(self._take_file)
        self.field.left.connect(self.hide_secret)
        self.reveal.clicked.connect(lambda: self._show_secret(is_shown=not self._timer.isActive()))
        self.change.clicked.connect(self._on_change)
        self._show_buttons()

    @property
    def text(self) -> str:
        """All of it."""
        return self._text

    @property
    def is_hidden(self) -> bool:
        """Whether it was read, and is not a field to type into any more."""
        return self.field.isReadOnly()

    def set_masked(self, masked: str) -> None:
        """What may be seen of the text that is in it now; empty: nobody could read it, and it stays seen."""
        self._masked = masked

    def set_text(self, text: str) -> None:
        """Put something else in."""
        self.field.setReadOnly(False)
        self.field.setPlainText(text)
        self.hide_secret()

    def hide_secret(self) -> None:
        """Hide what can be read."""
        if self._masked and not self.is_hidden:
            self.field.setReadOnly(True)
            self._show_secret(is_shown=False)

    def forget(self) -> None:
        """Leave no secret behind."""
        self._timer.stop()
        self._text = self._masked = ""
        with QSignalBlocker(self.field):
            self.field.setReadOnly(False)
            self.field.clear()
        self._show_buttons()

    def changeEvent(self, event: QEvent) -> None:
        """Hide it with the window."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.ActivationChange and not self.isActiveWindow():
            self._show_secret(is_shown=False)

    def _on_typed(self) -> None:
        if not self.is_hidden:
            self._text = self.field.toPlainText()
            self.changed.emit()

    def _show_secret(self, *, is_shown: bool) -> None:
        if not self.is_hidden:
            return
        if is_shown:
            self._timer.start()
        else:
            self._timer.stop()
        with QSignalBlocker(self.field):
            self.field.setPlainText(self._text.strip() if is_shown else self._masked)
        self._show_buttons()

    def _show_buttons(self) -> None:
        is_shown = self._timer.isActive()
        set_caption(self.reveal, self.tr("Hide") if is_shown else self.tr("Reveal"))
        self._icons.attach(self.reveal, "eye-off" if is_shown else "eye")
        self.reveal.setVisible(self.is_hidden)
        self.change.setVisible(self.is_hidden)

    def _on_change(self) -> None:
        self.forget()
        self.changed.emit()
        self.field.setFocus()

    def _take_file(self, path: str) -> None:
        text = _read(Path(path))
        if text is None:
            self.unreadable.emit()
        else:
            self.set_text(text)


def _read(path: Path) -> str | None:
    """A short text file; None where it is something else."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            return None
        encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8-sig")
        return content.decode(encoding)
    except (OSError, UnicodeDecodeError):
        return None
