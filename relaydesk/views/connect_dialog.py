"""*Connect to a shared service*: paste what was sent, take the port that is offered, copy the address.

What is pasted is read as it is typed, and said in words before anything is connected. A ``relaydesk:`` link that somebody
clicked lands here too: nothing happens before *Connect*.
"""

from __future__ import annotations

import time

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QPlainTextEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ..actions import ActionError, Offer
from ..models import formats, problems
from ..models.texts import literal
from ..snapshot import Problem, Service
from .context import Context
from .labels import GAP, MARGIN, Label, button, row


class ConnectDialog(QDialog):
    """Takes an invitation or a key for one hybrid connection. Shown by ``open()`` or ``show()``.

    Args:
        context: What a page works with.
        text: What was pasted or clicked already.
        parent: The window.
    """

    connected = Signal(object)
    """A :class:`~relaydesk.snapshot.Service`: its local port leads there now."""

    def __init__(self, context: Context, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._offer: Offer | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Connect to a shared service"))
        self.text = QPlainTextEdit()
        self.text.setPlaceholderText(self.tr("Paste an invitation or a connection string, as it was sent"))
        self.text.setAccessibleName(self.tr("Invitation or connection string"))
        self.text.setTabChangesFocus(True)
        self.text.setFixedHeight(self.text.fontMetrics().height() * 4 + 16)
        self.which = QComboBox()
        self.which.setAccessibleName(self.tr("Which of them"))
        self.which.hide()
        self.found = Label(wraps=True)
        self.port = QSpinBox()
        self.port.setRange(1, 65_535)
        self.port.setAccessibleName(self.tr("Local port"))
        self.port.setEnabled(False)
        self.connect_ = button(self.tr("&Connect"), context.icons, "connect", kind="primary")
        self.connect_.setDefault(True)
        self.connect_.setEnabled(False)
        cancel = button(self.tr("Cancel"), context.icons)
        form = QFormLayout()
        form.addRow(self.tr("On this computer, at &port"), self.port)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(GAP)
        layout.addWidget(
            Label(
                self.tr("A service that somebody shares becomes a port of this computer."),
                kind="quiet",
                wraps=True,
            )
        )
        layout.addWidget(self.text)
        layout.addWidget(self.which)
        layout.addWidget(self.found)
        layout.addLayout(form)
        layout.addStretch(1)
        layout.addLayout(row(None, cancel, self.connect_))
        self.setMinimumWidth(520)
        self.text.textChanged.connect(self._read)
        self.which.currentIndexChanged.connect(self._choose)
        self.connect_.clicked.connect(self._on_connect)
        cancel.clicked.connect(self.reject)
        self.text.setPlainText(text)

    def _read(self) -> None:
        pasted = self.text.toPlainText().strip()
        with QSignalBlocker(self.which):
            self.which.clear()
        self.which.hide()
        self._show(None)
        if not pasted:
            self.found.tell("")
            return
        try:
            offer = self._context.bridge.actions.examine(pasted)
        except ActionError as error:
            self.found.tell(problems.sentence(error.problem), "bad")
            return
        with QSignalBlocker(self.which):
            for one in (offer, *offer.others):
                self.which.addItem(literal(one.service, 60), one)
        self.which.setVisible(bool(offer.others))
        self._show(offer)

    def _choose(self, number: int) -> None:
        self._show(self.which.itemData(number))

    def _show(self, offer: Offer | None) -> None:
        is_usable = offer is not None and bool(offer.path)
        self._offer = offer if is_usable else None
        self.port.setEnabled(is_usable)
        self.connect_.setEnabled(is_usable)
        if offer is None:
            return
        if not is_usable:
            self.found.tell(
                self.tr(
                    "{gateway}: that is the key of a whole namespace. Add it on the page Gateways, to share services through it."
                ).format(gateway=literal(offer.gateway, 80)),
                "warn",
            )
            return
        self.port.setValue(offer.suggested_port)
        self.found.tell(self._describe(offer), "good")

    def _describe(self, offer: Offer) -> str:
        parts = [
            self.tr("{service} at {gateway}").format(
                service=literal(offer.service, 60), gateway=literal(offer.gateway, 80)
            )
        ]
        if offer.path != offer.service:
            parts.append(self.tr("path {path}").format(path=literal(offer.path, 60)))
        if offer.is_web:
            parts.append(self.tr("a web site"))
        if offer.expires_at is not None:
            left = offer.expires_at - time.time()
            parts.append(self.tr("good for {duration}").format(duration=formats.rough_duration(left)))
        if not offer.is_secure:
            parts.append(self.tr("without TLS"))
        return " · ".join(parts)

    def _on_connect(self) -> None:
        if self._offer is None:
            return
        self.connect_.setEnabled(False)
        bridge = self._context.bridge
        bridge.do(
            bridge.actions.connect(self._offer, self.port.value()), done=self._connected, failed=self._failed
        )

    def _connected(self, service: Service) -> None:
        self._context.copy(service.local)
        self.connected.emit(service)
        self.accept()

    def _failed(self, problem: Problem) -> None:
        self.found.tell(problems.sentence(problem), "bad")
        self.connect_.setEnabled(True)

    def done(self, result: int) -> None:
        """Leave no invitation in a widget that is closed."""
        self.text.blockSignals(True)
        self.text.clear()
        super().done(result)
