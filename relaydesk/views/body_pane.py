"""One body of an exchange: how long it is, and a look at it. Read in pieces, only while it is seen."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize, Qt
from PySide6.QtGui import QFontDatabase, QImageReader, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QLabel,
    QPlainTextEdit,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from agent.captured import BodyState, CapturedExchange, ExchangeKind, Side
from hyco.fields import Headers

from ..models import bodies, exchange_words
from ..models.bodies import BodyView, OpenBody
from ..models.tones import Tone
from .context import Context, Notice
from .labels import ElidedLabel, button, clear_margins, row

#: Larger pictures are shown smaller: a small file may ask for a lot of memory.
_MOST_PIXELS: Final = 2_048
_MOST_MEGABYTES: Final = 64
#: What Qt reads without help of a plug-in that stays away from strangers' files.
_PICTURES: Final = frozenset({b"png", b"jpeg", b"jpg", b"gif", b"webp", b"bmp", b"ico"})


def code_field(name: str, *, is_read_only: bool = True) -> QPlainTextEdit:
    """A field for texts in which each letter has its place."""
    field = QPlainTextEdit()
    field.setReadOnly(is_read_only)
    field.setAccessibleName(name)
    field.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
    field.setTabChangesFocus(True)
    # what others sent is read from the left whoever reads it, and looks like code
    field.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    field.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    return field


class BodyPane(QWidget):
    """Shows a body.

    Args:
        context: What a page works with.
        side: Whose.
    """

    def __init__(self, context: Context, side: Side) -> None:
        super().__init__()
        self._context = context
        self._side = side
        self._exchange: CapturedExchange | None = None
        self._limit = bodies.FIRST_BYTES
        self._asked = 0
        self._shown: tuple[int, int, int] | None = None
        self._open: OpenBody | None = None
        self._wanted: BodyView | None = None
        of_request = side is Side.SENDER
        self.words = ElidedLabel(kind="quiet")
        self.view = QComboBox()
        self.view.setAccessibleName(
            self.tr("How to show the request's body")
            if of_request
            else self.tr("How to show the answer's body")
        )
        self.more = button(self.tr("Show more"), context.icons)
        self.keep = button(self.tr("Save…"), context.icons, "save")
        name = self.tr("Body of the request") if of_request else self.tr("Body of the answer")
        self.text = code_field(name)
        self.picture = QLabel()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setAccessibleName(name)
        area = QScrollArea()
        area.setWidget(self.picture)
        area.setWidgetResizable(True)
        area.setAccessibleName(name)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.text)
        self._stack.addWidget(area)
        layout = QVBoxLayout(self)
        clear_margins(layout, 6)
        line = row(self.words, self.view, self.more, self.keep)
        line.setStretch(0, 1)
        layout.addLayout(line)
        layout.addWidget(self._stack, 1)
        self.view.activated.connect(self._on_view)
        self.more.clicked.connect(self._on_more)
        self.keep.clicked.connect(self._ask_where)
        self._show_nothing("")

    def show_exchange(self, exchange: CapturedExchange | None) -> None:
        """Show the body of *exchange*; None: nothing."""
        before, self._exchange = self._exchange, exchange
        if exchange is None or exchange.kind is ExchangeKind.WEBSOCKET:
            self._shown = None
            self._show_nothing("")
            return
        if before is None or before.id != exchange.id:
            self._limit, self._wanted, self._shown = bodies.FIRST_BYTES, None, None
            self._show_nothing("")
        state = self._state(exchange)
        self._say()
        if not state.kept:
            self._show_nothing(exchange_words.body_words(state))
            return
        wanted = (exchange.id, min(state.kept, self._limit), state.size if state.is_whole else -1)
        if wanted != self._shown:
            self._shown = wanted
            self._read(exchange)

    def _read(self, exchange: CapturedExchange) -> None:
        self._asked += 1
        number, limit = self._asked, self._limit
        self._context.bridge.do(
            self._context.bridge.actions.exchange_body(exchange.id, self._side, 0, limit),
            done=lambda data: self._took(number, exchange, data, limit),
            failed=self._context.tell_failure,
        )

    def _took(self, number: int, exchange: CapturedExchange, data: bytes, limit: int) -> None:
        if number != self._asked:
            return  # another one has been asked for since
        self._open = bodies.open_body(data, self._headers(exchange), self._state(exchange), limit)
        views = list(self._open.views)
        self.view.clear()
        for view in views:
            self.view.addItem(bodies.view_words(view), view)
        if self._wanted in views:
            self.view.setCurrentIndex(views.index(self._wanted))
        self.view.setVisible(len(views) > 1)
        self.more.setVisible(self._open.has_more)
        self.keep.show()
        self._render()
        self._say()

    def _render(self) -> None:
        if self._open is None:
            return
        view = self.view.currentData()
        if view is BodyView.PICTURE:
            picture = _picture(self._open.data)
            if picture is not None:
                self.picture.setPixmap(picture)
                self._stack.setCurrentIndex(1)
                return
            view = BodyView.BYTES
        self._stack.setCurrentIndex(0)
        self.text.setPlainText(bodies.render(self._open, view))

    def _show_nothing(self, why: str) -> None:
        self._asked += 1
        self._open = None
        self._stack.setCurrentIndex(0)
        if self.text.toPlainText():
            self.text.clear()
        self.words.say(why)
        for part in (self.view, self.more, self.keep):
            part.hide()

    def _say(self) -> None:
        if self._exchange is None:
            return
        parts = [exchange_words.body_words(self._state(self._exchange))]
        if self._open is not None and self._open.remark:
            parts.append(self._open.remark)
        self.words.say(" · ".join(parts))

    def _state(self, exchange: CapturedExchange) -> BodyState:
        return exchange.request_body if self._side is Side.SENDER else exchange.response_body

    def _headers(self, exchange: CapturedExchange) -> Headers:
        return exchange.request_headers if self._side is Side.SENDER else exchange.response_headers

    def _on_view(self) -> None:
        self._wanted = self.view.currentData()
        self._render()

    def _on_more(self) -> None:
        self._limit = min(self._limit * 8, bodies.MOST_BYTES)
        self.show_exchange(self._exchange)

    # --- saving

    def _ask_where(self) -> None:
        dialog = QFileDialog(self.window(), self.tr("Save the body"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.selectFile(f"body-{self._exchange.id if self._exchange else 0}.bin")
        dialog.fileSelected.connect(self.save)
        dialog.open()

    def save(self, path: str) -> None:
        """Write what is kept of the body to a file."""
        if self._exchange is None:
            return
        said = self.tr("The body was saved as {path}.").format(path=path)
        self._context.bridge.do(
            self._context.bridge.actions.save_body(self._exchange.id, self._side, Path(path)),
            done=lambda _: self._context.teller.tell(Notice(title=said, tone=Tone.GOOD)),
            failed=self._context.tell_failure,
        )


def _picture(data: bytes) -> QPixmap | None:
    """*data* as a picture that fits; None where it is none, or asks for too much."""
    content = QByteArray(data)
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer)
    if bytes(reader.format().data()) not in _PICTURES:
        return None
    before = QImageReader.allocationLimit()
    QImageReader.setAllocationLimit(_MOST_MEGABYTES)
    try:
        size = reader.size()
        if size.width() > _MOST_PIXELS or size.height() > _MOST_PIXELS:
            reader.setScaledSize(
                size.scaled(QSize(_MOST_PIXELS, _MOST_PIXELS), Qt.AspectRatioMode.KeepAspectRatio)
            )
        image = reader.read()
    finally:
        QImageReader.setAllocationLimit(before)
    return None if image.isNull() else QPixmap.fromImage(image)
