"""The messages of a WebSocket, from both sides in order; the one that is chosen is read whole, within bounds."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QCoreApplication, QObject, Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from agent.captured import BodyState, CapturedExchange, ExchangeKind, Message, MessageKind, MessagePage, Side

from ..models import bodies, exchange_words, formats
from ..models.bodies import BodyView
from ..models.tables import Column, FilterModel, TableModel
from ..models.tones import Tone
from .body_pane import code_field
from .context import Context
from .labels import ElidedLabel, button, clear_margins, row
from .table import Table

translate = QCoreApplication.translate

#: In the table; the oldest go.
MOST_MESSAGES: Final = 5_000
_PAGE: Final = 500
_PREVIEW_CHARACTERS: Final = 200


def kind_words(message: Message) -> str:
    """What a message is."""
    return {
        MessageKind.TEXT: translate("Messages", "Text"),
        MessageKind.BINARY: translate("Messages", "Binary"),
        MessageKind.CLOSE: translate("Messages", "Close"),
        MessageKind.CONTINUATION: translate("Messages", "Rest of a message"),
    }[message.kind]


def side_words(message: Message) -> str:
    """Who said it."""
    if message.side is Side.SENDER:
        return translate("Messages", "From the sender")
    return translate("Messages", "From the server")


def preview_words(message: Message) -> str:
    """The beginning of what it says."""
    if message.kind is MessageKind.CLOSE and len(message.preview) >= 2:
        code = int.from_bytes(message.preview[:2], "big")
        return f"{code} {message.preview[2:].decode('utf-8', 'replace')}".rstrip()
    if message.kind is MessageKind.BINARY:
        return message.preview[:32].hex(" ")
    return message.preview.decode("utf-8", "replace")[:_PREVIEW_CHARACTERS]


class MessagesModel(TableModel[Message]):
    """Messages."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(
            (
                Column(
                    name="at",
                    title=translate("Messages", "Time"),
                    text=lambda m: formats.clock(m.at),
                    sort_key=lambda m: m.number,
                    sample=formats.widest_clock(),
                    rank=3,
                ),
                Column(
                    name="side",
                    title=translate("Messages", "From"),
                    text=side_words,
                    icon=lambda m: ("play" if m.side is Side.SENDER else "undo", Tone.QUIET),
                    sample=translate("Messages", "From the sender"),
                ),
                Column(
                    name="kind",
                    title=translate("Messages", "Kind"),
                    text=kind_words,
                    sample=translate("Messages", "Binary"),
                    rank=2,
                ),
                Column(
                    name="size",
                    title=translate("Messages", "Size"),
                    text=lambda m: formats.size(m.size),
                    sort_key=lambda m: m.size,
                    is_number=True,
                    sample=formats.size(99_900_000),
                    rank=1,
                ),
                Column(
                    name="preview",
                    title=translate("Messages", "Beginning"),
                    text=preview_words,
                    sample="a few words of what it says",
                    stretch=3,
                ),
            ),
            key=lambda message: message.number,
            is_faded=lambda message: not message.is_whole,
            parent=parent,
        )


class MessagesPane(QWidget):
    """Shows the messages of a WebSocket.

    Args:
        context: What a page works with.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._exchange: CapturedExchange | None = None
        self._cursor: object = None
        self._is_asking = False
        self._asked_for = (-1, -1)
        self._has_more = False
        self._skipped = 0
        self.model = MessagesModel(self)
        self._proxy: FilterModel[Message] = FilterModel(self.model, preview_words, self)
        self.table: Table[Message] = Table(context, self.model, self._proxy, self.tr("Messages"))
        self.words = ElidedLabel(kind="quiet")
        self.more = button(self.tr("Next messages"), context.icons, "more")
        self.text = code_field(self.tr("The message"))
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(12)
        splitter.addWidget(self.table)
        splitter.addWidget(self.text)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 2)
        layout = QVBoxLayout(self)
        clear_margins(layout, 6)
        line = row(self.words, self.more)
        line.setStretch(0, 1)
        layout.addLayout(line)
        layout.addWidget(splitter, 1)
        self.more.clicked.connect(self._read)
        self.table.selected.connect(self._on_selected)
        self.more.hide()

    def show_exchange(self, exchange: CapturedExchange | None) -> None:
        """Show the messages of *exchange*; those that came since the last time are added."""
        if exchange is not None and exchange.kind is not ExchangeKind.WEBSOCKET:
            exchange = None
        before, self._exchange = self._exchange, exchange
        if exchange is None or before is None or before.id != exchange.id:
            self._cursor, self._skipped, self._has_more = None, 0, False
            self._asked_for = (-1, -1)
            self.model.update([])
            self.text.clear()
            self._say()
        if exchange is None:
            return
        size = exchange.request_body.size + exchange.response_body.size
        if (size, int(exchange.is_over)) != self._asked_for and not self._has_more:
            self._asked_for = size, int(exchange.is_over)
            self._read()

    def _read(self) -> None:
        exchange = self._exchange
        if exchange is None or self._is_asking:
            return
        self._is_asking = True
        self._context.bridge.do(
            self._context.bridge.actions.exchange_messages(exchange.id, self._cursor, _PAGE),
            done=lambda page: self._took(exchange.id, page),
            failed=self._failed,
        )

    def _failed(self, problem: object) -> None:
        self._is_asking = False
        self._context.tell_failure(problem)  # type: ignore[arg-type]  # a problem, from do()

    def _took(self, number: int, page: MessagePage) -> None:
        self._is_asking = False
        if self._exchange is None or self._exchange.id != number:
            self.show_exchange(self._exchange)  # another one was chosen meanwhile
            return
        self._cursor, self._has_more = page.cursor, page.has_more
        self._skipped += page.skipped
        if page.messages:
            self.model.update([*self.model.rows, *page.messages][-MOST_MESSAGES:])
        self.more.setVisible(page.has_more)
        self._say()

    def _say(self) -> None:
        count = self.model.rowCount()
        parts = [exchange_words.messages_words(count)] if count else []
        if self._skipped:
            parts.append(self.tr("some are not kept any more"))
        self.words.say(" · ".join(parts))

    def _on_selected(self) -> None:
        message, exchange = self.table.current(), self._exchange
        if message is None or exchange is None:
            self.text.clear()
            return
        self._context.bridge.do(
            self._context.bridge.actions.exchange_message(exchange.id, message, bodies.FIRST_BYTES),
            done=lambda data: self._show(message, data),
            failed=self._context.tell_failure,
        )

    def _show(self, message: Message, data: bytes) -> None:
        if self.table.current() != message:
            return
        headers = (("Content-Type", "text/plain; charset=utf-8"),) if message.kind is MessageKind.TEXT else ()
        state = BodyState(size=message.size, kept=message.size, is_whole=message.is_whole)
        opened = bodies.open_body(data, headers, state, bodies.FIRST_BYTES)
        is_text = message.kind is MessageKind.TEXT and opened.text is not None
        view = opened.views[0] if is_text else BodyView.BYTES
        remark = f"\n\n{opened.remark}" if opened.remark else ""
        self.text.setPlainText(bodies.render(opened, view) + remark)
