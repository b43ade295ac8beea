"""Opening the sealed file of keys, or choosing where keys are kept on a system without a keyring."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLineEdit, QRadioButton, QVBoxLayout, QWidget

from ..models import health, problems
from ..snapshot import KeystoreState, Problem
from .context import Context
from .labels import GAP, MARGIN, Label, button, row

#: A shorter passphrase is no protection for keys.
SHORTEST_PASSPHRASE = 8


class KeystoreDialog(QDialog):
    """Asks for a passphrase, or for a choice and a passphrase. Shown by ``open()``.

    Args:
        context: What a page works with.
        state: ``SEALED_FILE_CLOSED`` or ``UNDECIDED``.
        parent: The window.
    """

    def __init__(self, context: Context, state: KeystoreState, parent: QWidget) -> None:
        super().__init__(parent)
        self._context = context
        self._is_choice = state is KeystoreState.UNDECIDED
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Where keys are kept") if self._is_choice else self.tr("Unlock keys"))
        self.sealed = QRadioButton(self.tr("In a file &sealed with a passphrase"))
        self.until_quit = QRadioButton(self.tr("Only until RelayDesk &quits"))
        self.sealed.setChecked(True)
        self.passphrase = self._secret(self.tr("Passphrase"))
        self.again = self._secret(self.tr("The same again"))
        self.problem = Label(kind="bad", wraps=True)
        self.problem.hide()
        self.ok = button(
            self.tr("&Keep keys so") if self._is_choice else self.tr("&Unlock"),
            context.icons,
            "key",
            kind="primary",
        )
        self.ok.setDefault(True)
        cancel = button(self.tr("Cancel"), context.icons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(GAP)
        layout.addWidget(Label(health.keystore_words(state), wraps=True))
        for widget in (self.sealed, self.passphrase, self.again, self.until_quit, self.problem):
            layout.addWidget(widget)
        layout.addLayout(row(None, cancel, self.ok))
        for widget in (self.sealed, self.until_quit, self.again):
            widget.setVisible(self._is_choice)
        self.setMinimumWidth(420)
        for field in (self.passphrase, self.again):
            field.textChanged.connect(self._check)
        self.sealed.toggled.connect(self._check)
        self.ok.clicked.connect(self._on_ok)
        cancel.clicked.connect(self.reject)
        self._check()

    def _secret(self, name: str) -> QLineEdit:
        field = QLineEdit()
        field.setEchoMode(QLineEdit.EchoMode.Password)
        field.setPlaceholderText(name)
        field.setAccessibleName(name)
        return field

    def _check(self) -> None:
        is_sealed = self.sealed.isChecked()
        for field in (self.passphrase, self.again):
            field.setEnabled(is_sealed)
        text = self.passphrase.text()
        if self._is_choice:
            is_good = not is_sealed or (len(text) >= SHORTEST_PASSPHRASE and text == self.again.text())
            self.ok.setToolTip(
                "" if is_good else self.tr("At least %Ln letters, twice the same", "", SHORTEST_PASSPHRASE)
            )
        else:
            is_good = bool(text)
        self.ok.setEnabled(is_good)

    def _on_ok(self) -> None:
        self.ok.setEnabled(False)
        actions, bridge = self._context.bridge.actions, self._context.bridge
        if not self._is_choice:
            bridge.do(
                actions.unlock_keystore(self.passphrase.text()), done=self._unlocked, failed=self._failed
            )
            return
        is_sealed = self.sealed.isChecked()
        state = KeystoreState.SEALED_FILE if is_sealed else KeystoreState.UNTIL_QUIT
        bridge.do(
            actions.choose_keystore(state, self.passphrase.text() if is_sealed else None),
            done=lambda _: self.accept(),
            failed=self._failed,
        )

    def _unlocked(self, state: KeystoreState) -> None:
        if state is KeystoreState.SEALED_FILE_CLOSED:
            self._say(self.tr("That is not the passphrase."))
        else:
            self.accept()

    def _failed(self, problem: Problem) -> None:
        self._say(problems.sentence(problem))

    def _say(self, text: str) -> None:
        self.problem.say(text)
        self.problem.show()
        self._check()

    def done(self, result: int) -> None:
        """Leave no passphrase in a widget that is closed."""
        self.passphrase.clear()
        self.again.clear()
        super().done(result)
