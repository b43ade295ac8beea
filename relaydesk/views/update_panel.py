"""New versions, on the page of settings: what is known, and what can be done about it."""

from __future__ import annotations

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from ..models import updates as model
from ..updates.watch import News, Stage, UpdateWatch
from .context import Context
from .labels import Label, button


class UpdatePanel(QWidget):
    """Follows what looks for new versions.

    Args:
        watch: That.
        context: What a page works with.
    """

    def __init__(self, watch: UpdateWatch, context: Context) -> None:
        super().__init__()
        self._watch = watch
        self._context = context
        self.copy = Label(model.this_copy(watch.facts), kind="quiet", wraps=True)
        self.state = Label("", wraps=True)
        self.look = button(self.tr("&Look now"), context.icons, "retry")
        self.fetch = button(self.tr("&Download"), context.icons, "open")
        self.cancel = button(self.tr("Cancel"), context.icons, "stop")
        self.show_file = button(self.tr("Show in &folder"), context.icons, "folder")
        self.notes = button(self.tr("What is &new"), context.icons, "info")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.copy)
        column.addWidget(self.state)
        row = QHBoxLayout()
        for one in (self.look, self.fetch, self.cancel, self.show_file, self.notes):
            row.addWidget(one)
        row.addStretch(1)
        column.addLayout(row)
        self.look.clicked.connect(lambda: context.bridge.do(watch.look()))
        self.fetch.clicked.connect(watch.start_download)
        self.cancel.clicked.connect(watch.cancel_download)
        self.show_file.clicked.connect(self._show_folder)
        self.notes.clicked.connect(lambda: context.open_page(watch.news.notes))
        watch.on_change = self.show_news
        self.show_news(watch.news)

    def show_news(self, news: News) -> None:
        """Show what is known now."""
        can_look = self._watch.can_look
        is_resting = news.stage is Stage.RESTING
        self.state.say(model.words(self._watch.facts, news, can_look=can_look))
        self.look.setVisible(can_look)
        self.look.setEnabled(is_resting)
        self.fetch.setVisible(news.package is not None and news.file is None and is_resting)
        self.cancel.setVisible(news.stage is Stage.DOWNLOADING)
        self.show_file.setVisible(news.file is not None)
        self.notes.setVisible(bool(news.version))

    def _show_folder(self) -> None:
        if self._watch.news.file is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._watch.news.file.parent)))
