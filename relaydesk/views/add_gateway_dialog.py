"""Adding a gateway: its connection string is pasted, and read before anything is done with it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFormLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from ..actions import ActionError, Offer
from ..models import problems
from ..models.gateways import rights_words
from ..models.texts import literal
from ..models.tones import Tone
from ..snapshot import Problem
from .context import Context, Notice
from .labels import GAP, MARGIN, Label, button, row


class AddGatewayDialog(QDialog):
    """Asks for a connection string. Shown by ``open()``.

    Args:
        context: What a page works with.
        parent: The window.
    """

    def __init__(self, context: Context, parent: QWidget) -> None:
        super().__init__(parent)
        self._context = context
        self._offer: Offer | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Add a gateway"))
        self.text = QPlainTextEdit()
        self.text.setPlaceholderText("Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…")
        self.text.setAccessibleName(self.tr("Connection string"))
        self.text.setTabChangesFocus(True)
        self.text.setFixedHeight(self.fontMetrics().height() * 4 + 20)
        self.name = QLineEdit()
        self.name.setMaxLength(60)
        self.name.setPlaceholderText(self.tr("made from the address"))
        self.name.setAccessibleName(self.tr("Name"))
        self.found = Label(wraps=True)
        self.found.setMinimumHeight(self.fontMetrics().height() * 2 + 6)
        self.add = button(self.tr("&Add"), context.icons, "add", kind="primary")
        self.add.setDefault(True)
        self.add.setEnabled(False)
        cancel = button(self.tr("Cancel"), context.icons)
        form = QFormLayout()
        form.setSpacing(GAP)
        form.addRow(self.tr("&Name"), self.name)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(GAP)
        layout.addWidget(
            Label(
                self.tr(
                    "Paste the connection string of a namespace: from the portal of Azure, or from whoever runs the gateway. "
                    "Its key is kept in the keystore, nowhere else."
                ),
                wraps=True,
            )
        )
        layout.addWidget(self.text)
        layout.addWidget(self.found)
        layout.addLayout(form)
        layout.addStretch(1)
        layout.addLayout(row(None, cancel, self.add))
        self.setMinimumWidth(520)
        self.text.textChanged.connect(self._read)
        self.add.clicked.connect(self._on_add)
        cancel.clicked.connect(self.reject)

    def _pasted(self) -> str:
        return self.text.toPlainText().strip()

    def _read(self) -> None:
        pasted = self._pasted()
        self.add.setEnabled(False)
        self._offer = None
        if not pasted:
            self.found.tell("")
            return
        try:
            offer = self._context.bridge.actions.examine(pasted)
        except ActionError as error:
            self.found.tell(problems.sentence(error.problem), "bad")
            return
        if offer.is_invitation:
            self.found.tell(
                self.tr("That is an invitation to one service: use “Connect to…” for it."), "warn"
            )
            return
        self._offer = offer
        parts = [offer.gateway, self.tr("the key allows: {rights}").format(rights=rights_words(offer.rights))]
        if offer.path:
            parts.append(self.tr("only for the path {path}").format(path=offer.path))
        if not offer.is_secure:
            parts.append(self.tr("without TLS"))
        self.found.tell(literal(" · ".join(parts), 300), "good")
        self.add.setEnabled(True)

    def _on_add(self) -> None:
        if self._offer is None:
            return
        self.add.setEnabled(False)
        self._context.bridge.do(
            self._context.bridge.actions.add_gateway(self._offer.text, self.name.text().strip() or None),
            done=self._added,
            failed=self._failed,
        )

    def _added(self, name: str) -> None:
        self._context.teller.tell(
            Notice(
                title=self.tr("The gateway {name} was added.").format(name=literal(name, 60)), tone=Tone.GOOD
            )
        )
        self.accept()

    def _failed(self, problem: Problem) -> None:
        self.found.tell(problems.sentence(problem), "bad")
        self.add.setEnabled(True)

    def done(self, result: int) -> None:
        """Leave no key in a widget that is closed."""
        self.text.clear()
        super().done(result)
