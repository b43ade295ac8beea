"""Making an invitation: for whom, and how long. The text goes to the clipboard."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QDialog, QFormLayout, QLineEdit, QVBoxLayout, QWidget

from ..actions import Shared
from ..models import formats, problems
from ..models.texts import literal
from ..models.tones import Tone
from ..snapshot import Problem, Service
from .context import Context, Notice
from .labels import GAP, MARGIN, Label, button, row

#: How long an invitation lasts: what is offered.
LIFETIMES_S = (3_600.0, 8 * 3_600.0, 24 * 3_600.0, 7 * 24 * 3_600.0, 30 * 24 * 3_600.0)


class InviteDialog(QDialog):
    """Asks for a name and a time, and makes the invitation. Shown by ``open()``.

    Args:
        context: What a page works with.
        service: What is invited to.
        parent: The window.
    """

    def __init__(self, context: Context, service: Service, parent: QWidget) -> None:
        super().__init__(parent)
        self._context = context
        self._service = service.name
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("New invitation"))
        self.name = QLineEdit()
        self.name.setMaxLength(60)
        self.name.setPlaceholderText(self.tr("for example: Ada"))
        self.lifetime = QComboBox()
        for seconds in LIFETIMES_S:
            self.lifetime.addItem(formats.rough_duration(seconds), seconds)
        self.lifetime.setCurrentIndex(1)
        form = QFormLayout()
        form.setSpacing(GAP)
        for title, field in ((self.tr("For &whom"), self.name), (self.tr("How &long"), self.lifetime)):
            field.setAccessibleName(title.replace("&", ""))
            form.addRow(title, field)
        self.problem = Label(kind="bad", wraps=True)
        self.problem.hide()
        self.make = button(self.tr("&Make and copy"), context.icons, "invite", kind="primary")
        self.make.setDefault(True)
        self.make.setEnabled(False)
        cancel = button(self.tr("Cancel"), context.icons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(GAP)
        layout.addWidget(
            Label(
                self.tr("An invitation to {service}. It can be withdrawn at any time.").format(
                    service=literal(service.name, 60)
                ),
                wraps=True,
            )
        )
        layout.addLayout(form)
        layout.addWidget(self.problem)
        layout.addLayout(row(None, cancel, self.make))
        self.setMinimumWidth(420)
        self.name.textChanged.connect(lambda text: self.make.setEnabled(bool(text.strip())))
        self.make.clicked.connect(self._on_make)
        cancel.clicked.connect(self.reject)

    def _on_make(self) -> None:
        self.make.setEnabled(False)
        self._context.bridge.do(
            self._context.bridge.actions.invite(
                self._service, self.name.text().strip(), self.lifetime.currentData()
            ),
            done=self._made,
            failed=self._failed,
        )

    def _made(self, shared: Shared) -> None:
        self._context.copy(shared.link)
        self._context.teller.tell(
            Notice(
                title=self.tr("The invitation to {service} is on the clipboard.").format(
                    service=shared.service
                ),
                text=shared.shown_link,
                tone=Tone.GOOD,
            )
        )
        self.accept()

    def _failed(self, problem: Problem) -> None:
        self.problem.say(problems.sentence(problem, with_next_step=True))
        self.problem.show()
        self.make.setEnabled(True)
