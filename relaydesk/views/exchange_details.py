"""One exchange in full: what it was, where its time went, request and answer side by side or, where there is little room, in turn."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from agent.captured import CapturedExchange, ExchangeKind, Side

from ..models import exchange_words
from ..models.exchanges import spoken_status, status_face
from .body_pane import BodyPane
from .context import Context
from .headers_pane import HeadersPane
from .labels import TONE_KINDS, ElidedLabel, Label, Picture, clear_margins, row
from .messages_pane import MessagesPane
from .timing_bar import TimingBar

#: Narrower than so many letters, request and answer are shown in turn.
_LETTERS_SIDE_BY_SIDE: Final = 120


class SidePane(QWidget):
    """One side: its body and its headers.

    Args:
        context: What a page works with.
        side: Which.
    """

    def __init__(self, context: Context, side: Side) -> None:
        super().__init__()
        self._side = side
        of_request = side is Side.SENDER
        self.title = self.tr("Request") if of_request else self.tr("Answer")
        self.body = BodyPane(context, side)
        self.headers = HeadersPane(
            context, self.tr("Headers of the request") if of_request else self.tr("Headers of the answer")
        )
        self.heading = Label(self.title, is_bold=True)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setAccessibleName(self.title)
        self.tabs.addTab(self.body, self.tr("Body"))
        self.tabs.addTab(self.headers, self.tr("Headers"))
        layout = QVBoxLayout(self)
        clear_margins(layout, 2)
        layout.addWidget(self.heading)
        layout.addWidget(self.tabs, 1)

    def show_exchange(self, exchange: CapturedExchange | None) -> None:
        """Show this side of *exchange*."""
        self.body.show_exchange(exchange)
        headers = (
            ()
            if exchange is None
            else exchange.request_headers
            if self._side is Side.SENDER
            else exchange.response_headers
        )
        self.headers.show_headers(headers)
        self.tabs.setTabText(
            1, self.tr("Headers ({n})").format(n=len(headers)) if headers else self.tr("Headers")
        )


class Sides(QWidget):
    """Request and answer.

    Args:
        context: What a page works with.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.request = SidePane(context, Side.SENDER)
        self.response = SidePane(context, Side.TARGET)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setHandleWidth(16)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setAccessibleName(self.tr("Request or answer"))
        self._stack = QStackedWidget()
        self._stack.addWidget(self._splitter)
        self._stack.addWidget(self.tabs)
        layout = QVBoxLayout(self)
        clear_margins(layout)
        layout.addWidget(self._stack)
        self.is_side_by_side = True
        self._arrange()

    def show_exchange(self, exchange: CapturedExchange | None) -> None:
        """Show both sides of *exchange*."""
        self.request.show_exchange(exchange)
        self.response.show_exchange(exchange)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Side by side, or in turn."""
        super().resizeEvent(event)
        fits = self.width() >= self.fontMetrics().averageCharWidth() * _LETTERS_SIDE_BY_SIDE
        if fits != self.is_side_by_side:
            self.is_side_by_side = fits
            self._arrange()

    def _arrange(self) -> None:
        panes = (self.request, self.response)
        chosen = max(self.tabs.currentIndex(), 0)
        if self.is_side_by_side:
            for pane in panes:
                self._splitter.addWidget(pane)  # which takes it out of the tabs
            self._stack.setCurrentIndex(0)
        else:
            for pane in panes:
                self.tabs.addTab(pane, pane.title)
            self.tabs.setCurrentIndex(chosen)
            self._stack.setCurrentIndex(1)
        for pane in panes:
            pane.heading.setVisible(self.is_side_by_side)
            if self.is_side_by_side:
                pane.show()


class ExchangeDetails(QWidget):
    """Shows an exchange.

    Args:
        context: What a page works with.
    """

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._exchange: CapturedExchange | None = None
        self._picture = Picture(18)
        self.title = ElidedLabel(mode=Qt.TextElideMode.ElideMiddle, scale=1.1, is_bold=True)
        self.status = Label()
        self.way = ElidedLabel(kind="quiet")
        self.note = Label(kind="quiet", wraps=True)
        self.problem = Label(kind="bad", wraps=True)
        self.timing = TimingBar(context.theme)
        self.sides = Sides(context)
        self.messages = MessagesPane(context)
        self.handshake = (
            HeadersPane(context, self.tr("Headers of the handshake")),
            HeadersPane(context, self.tr("Headers of its answer")),
        )
        self.websocket = QTabWidget()
        self.websocket.setDocumentMode(True)
        self.websocket.tabBar().setAccessibleName(self.tr("Parts of a WebSocket"))
        self.websocket.addTab(self.messages, self.tr("Messages"))
        self.websocket.addTab(self.handshake[0], self.tr("Handshake"))
        self.websocket.addTab(self.handshake[1], self.tr("Its answer"))
        self._stack = QStackedWidget()
        self._stack.addWidget(self.sides)
        self._stack.addWidget(self.websocket)
        self.tools = row()
        head = row(self._picture, self.title, self.status)
        head.setStretch(1, 1)
        head.addLayout(self.tools)
        layout = QVBoxLayout(self)
        clear_margins(layout, 6)
        layout.addLayout(head)
        layout.addWidget(self.way)
        layout.addWidget(self.problem)
        layout.addWidget(self.note)
        layout.addWidget(self.timing)
        layout.addWidget(self._stack, 1)

    @property
    def exchange(self) -> CapturedExchange | None:
        """What is shown."""
        return self._exchange

    def show_exchange(self, exchange: CapturedExchange | None) -> None:
        """Show *exchange*; only what has changed of it is drawn anew."""
        if exchange is self._exchange and exchange is not None:
            return
        self._exchange = exchange
        self.timing.show_exchange(exchange)
        self.sides.show_exchange(exchange)
        self.messages.show_exchange(exchange)
        self.handshake[0].show_headers(() if exchange is None else exchange.request_headers)
        self.handshake[1].show_headers(() if exchange is None else exchange.response_headers)
        if exchange is None:
            self.title.say("")
            for part in (self._picture, self.note, self.problem):
                part.hide()
            self.way.say("")
            self.status.say("")
            return
        face = status_face(exchange)
        self._picture.setIcon(self._context.icons.icon(face.icon, face.tone))
        self._picture.show()
        self.title.say(exchange_words.title_words(exchange))
        self.status.tell(
            spoken_status(exchange) if exchange.error is None else face.word, TONE_KINDS[face.tone]
        )
        self.way.say(exchange_words.way_words(exchange))
        self.problem.say(exchange.error or "")
        self.problem.setVisible(exchange.error is not None)
        self.note.say(exchange.note)
        self.note.setVisible(bool(exchange.note))
        self._stack.setCurrentIndex(1 if exchange.kind is ExchangeKind.WEBSOCKET else 0)
