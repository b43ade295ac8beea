"""Editing a captured request and sending it again and again: the request at the left, what comes of it at the right, live."""

from __future__ import annotations

from collections import Counter
from typing import Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDoubleSpinBox,
    QFormLayout,
    QLineEdit,
    QSpinBox,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from agent.captured import CapturedExchange, EditedRequest, Side

from ..models import exchange_words, formats, problems, request_text
from ..models.exchanges import spoken_status, status_face
from ..models.request_text import BodyText, RequestTextError
from ..models.texts import literal
from ..snapshot import Problem
from .body_pane import code_field
from .context import Context
from .difference_dialog import DifferenceDialog
from .exchange_details import SidePane
from .labels import GAP, MARGIN, TONE_KINDS, ElidedLabel, Label, Picture, button, clear_margins, row
from .timing_bar import TimingBar

#: Between two looks at what comes.
_LOOK_MS: Final = 150
MOST_TIMES: Final = 1_000


class ReplayDialog(QDialog):
    """Edits and sends a request. Shown by ``show()``: the window stays usable beside it.

    Args:
        context: What a page works with.
        exchange: What is sent again.
        parent: The window.
        times: How often, to begin with.
    """

    def __init__(self, context: Context, exchange: CapturedExchange, parent: QWidget, times: int = 1) -> None:
        super().__init__(parent)
        self._context = context
        self._original = exchange
        self._body: BodyText | None = None
        self._left = 0
        self._seen: Counter[str] = Counter()
        self._took: list[float] = []
        self._request = EditedRequest(method=exchange.method, request_target=exchange.request_target)
        self._current: int | None = None
        self._open: list[int] = []  # with a short interval, several are on their way at once
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Edit and replay {id}").format(id=exchange.id))
        self._make_request(exchange)
        self._make_answer()
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(18)
        splitter.addWidget(self._request_side())
        splitter.addWidget(self._answer_side())
        splitter.setSizes([500, 500])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(GAP)
        layout.addWidget(splitter, 1)
        layout.addLayout(self._make_buttons(times))
        self.resize(1_040, 640)
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look)
        self._next = QTimer(self)
        self._next.setSingleShot(True)
        self._next.timeout.connect(self._send_one)
        QShortcut(QKeySequence("Ctrl+Return"), self).activated.connect(self._on_send)
        self._load_body()

    # --- how it looks

    def _make_request(self, exchange: CapturedExchange) -> None:
        self.method = QLineEdit(exchange.method)
        self.method.setAccessibleName(self.tr("Method"))
        self.method.setMaxLength(40)
        self.target = QLineEdit(request_text.target_text(exchange))
        self.target.setAccessibleName(self.tr("Path"))
        self.target.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.target.setCursorPosition(0)
        self.headers = code_field(self.tr("Headers"), is_read_only=False)
        self.headers.setPlainText(request_text.headers_text(exchange))
        self.keeps_body = QCheckBox(self.tr("Send the body as it was captured"))
        self.keeps_body.setAccessibleName(self.keeps_body.text())
        self.keeps_body.setChecked(True)
        self.body = code_field(self.tr("Body"), is_read_only=False)
        self.body_words = Label(kind="quiet", wraps=True)
        self.problem = Label(kind="bad", wraps=True)
        self.problem.hide()
        self.keeps_body.toggled.connect(self._follow_body)
        self.body.textChanged.connect(self._on_typed)

    def _make_answer(self) -> None:
        self._picture = Picture(18)
        self.status = Label(self.tr("Nothing was sent yet."), wraps=True)
        self.timing = TimingBar(self._context.theme)
        self.answer = SidePane(self._context, Side.TARGET)
        self.tally = ElidedLabel(kind="quiet")

    def _request_side(self) -> QWidget:
        side = QWidget()
        layout = QVBoxLayout(side)
        clear_margins(layout, 6)
        form = QFormLayout()
        form.setSpacing(6)
        form.addRow(self.tr("&Method"), self.method)
        form.addRow(self.tr("&Path"), self.target)
        headers = Label(self.tr("Headers"), is_bold=True)
        body = Label(self.tr("Body"), is_bold=True)
        layout.addLayout(form)
        layout.addWidget(headers)
        layout.addWidget(self.headers, 2)
        layout.addLayout(row(body, None, self.keeps_body))
        layout.addWidget(self.body_words)
        layout.addWidget(self.body, 3)
        layout.addWidget(self.problem)
        return side

    def _answer_side(self) -> QWidget:
        side = QWidget()
        layout = QVBoxLayout(side)
        clear_margins(layout, 6)
        line = row(self._picture, self.status)
        line.setStretch(1, 1)
        layout.addLayout(line)
        layout.addWidget(self.timing)
        layout.addWidget(self.answer, 1)
        layout.addWidget(self.tally)
        return side

    def _make_buttons(self, times: int) -> QVBoxLayout:
        self.times = QSpinBox()
        self.times.setRange(1, MOST_TIMES)
        self.times.setValue(times)
        self.times.setAccessibleName(self.tr("How often"))
        self.times.setPrefix("× ")
        self.interval = QDoubleSpinBox()
        self.interval.setRange(0.0, 3_600.0)
        self.interval.setDecimals(1)
        self.interval.setSingleStep(0.5)
        self.interval.setPrefix(f"{self.tr('every')} ")
        self.interval.setSuffix(" s")
        self.interval.setAccessibleName(self.tr("Seconds from one beginning to the next"))
        self.send = button(self.tr("&Send"), self._context.icons, "play", kind="primary")
        self.send.setDefault(True)
        self.stop = button(self.tr("S&top"), self._context.icons, "stop")
        self.stop.setEnabled(False)
        self.compare = button(self.tr("&Compare with the original"), self._context.icons, "search")
        self.compare.setEnabled(False)
        close = button(self.tr("Close"), self._context.icons)
        for field in (self.times, self.interval):
            field.setMinimumHeight(self.send.sizeHint().height())
        self.send.clicked.connect(self._on_send)
        self.stop.clicked.connect(self._on_stop)
        self.compare.clicked.connect(self._on_compare)
        close.clicked.connect(self.reject)
        layout = QVBoxLayout()
        layout.addLayout(
            row(self.times, self.interval, self.send, self.stop, None, self.compare, close, spacing=GAP)
        )
        return layout

    # --- the body

    def _load_body(self) -> None:
        size = self._original.request_body.size
        if not size:
            self._body = BodyText()
            self._follow_body()
            return
        if size > request_text.MOST_EDITED_BYTES or self._original.request_body.kept < size:
            self._follow_body()
            return
        self._context.bridge.do(
            self._context.bridge.actions.exchange_body(self._original.id, Side.SENDER, 0, size),
            done=self._took_body,
            failed=self._context.tell_failure,
        )

    def _took_body(self, data: bytes) -> None:
        self._body = request_text.body_text(self._original, data)
        if self._body is not None:
            self.body.blockSignals(True)
            self.body.setPlainText(self._body.text)
            self.body.blockSignals(False)
        self._follow_body()

    def _on_typed(self) -> None:
        if self.keeps_body.isChecked():
            self.keeps_body.setChecked(False)  # what is typed is what is sent

    def _follow_body(self) -> None:
        state = self._original.request_body
        parts = [exchange_words.body_words(state)]
        if self._body is None:
            parts.append(self.tr("It cannot be edited as a text; what is typed here is sent in its place."))
        self.body_words.say(" · ".join(parts))

    # --- sending

    def _on_send(self) -> None:
        try:
            edited = self._edited()
        except RequestTextError as error:
            self._say_problem(str(error))
            return
        self.problem.hide()
        self._left, self._request = self.times.value(), edited
        self._seen.clear()
        self._took.clear()
        self.send.setEnabled(False)
        self.stop.setEnabled(True)
        self._send_one()

    def _edited(self) -> EditedRequest:
        line_end = "\n" if self._body is None else self._body.line_end
        body = None if self.keeps_body.isChecked() else BodyText(self.body.toPlainText(), line_end)
        return request_text.edited_request(
            method=self.method.text(),
            target=self.target.text(),
            headers=self.headers.toPlainText(),
            body=body,
        )

    def _send_one(self) -> None:
        self._left -= 1
        if self._left and self.interval.value():
            self._next.start(round(self.interval.value() * 1_000))
        self._context.bridge.do(
            self._context.bridge.actions.replay(self._original.id, self._request),
            done=self._has_begun,
            failed=self._failed,
        )

    def _has_begun(self, number: int) -> None:
        self._current = number
        self._open.append(number)
        self._timer.start()
        self._look()

    def _failed(self, problem: Problem) -> None:
        self._on_stop()
        self._say_problem(problems.sentence(problem))

    def _look(self) -> None:
        """Show how far the latest answer has come; send the next one when all are over."""
        exchange = self._context.bridge.actions.exchange
        for number in tuple(self._open):
            one = exchange(number)
            if one is None or one.is_over:
                self._open.remove(number)
            if one is not None and one.is_over:
                self._count(one)
        if self._current is not None and (latest := exchange(self._current)) is not None:
            self._show(latest)
        if self._open:
            return
        self._timer.stop()
        if not self._left:
            self._end()
        elif not self._next.isActive():
            self._next.start(0)

    def _show(self, one: CapturedExchange) -> None:
        face = status_face(one)
        self._picture.setIcon(self._context.icons.icon(face.icon, face.tone))
        words = spoken_status(one)
        if one.timing.ended_s is not None:
            words = f"{words} · {formats.took(one.timing.ended_s)}"
        self.status.tell(literal(words, 400), TONE_KINDS[face.tone])
        self.timing.show_exchange(one)
        self.answer.show_exchange(one)
        self.compare.setEnabled(one.is_over)

    def _count(self, one: CapturedExchange) -> None:
        self._seen[status_face(one).word] += 1
        self._took.append(one.timing.ended_s or 0.0)
        self._say_tally()

    def _say_tally(self) -> None:
        if len(self._took) < 2:
            self.tally.say("")
            return
        parts = [f"{count} × {word}" for word, count in self._seen.most_common(5)]
        parts.append(
            self.tr("{least} to {most}").format(
                least=formats.took(min(self._took)), most=formats.took(max(self._took))
            )
        )
        self.tally.say(" · ".join(parts))

    def _on_stop(self) -> None:
        self._left = 0
        self._next.stop()
        self._end()

    def _end(self) -> None:
        self.send.setEnabled(True)
        self.stop.setEnabled(False)

    def _say_problem(self, text: str) -> None:
        self.problem.say(text)
        self.problem.show()

    def _on_compare(self) -> None:
        if self._current is not None:
            DifferenceDialog(self._context, self._original.id, self._current, self).show()

    def done(self, result: int) -> None:
        """What is being answered goes on; nothing more is sent."""
        self._left = 0
        self._timer.stop()
        self._next.stop()
        super().done(result)
