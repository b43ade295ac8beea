"""A link as a QR code, for the telephone that is held up to the screen."""

from __future__ import annotations

import io

import segno
from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QDialog, QLabel, QVBoxLayout, QWidget

from ..actions import Shared
from ..models.texts import literal
from .context import Context
from .labels import GAP, MARGIN, Label, button, row

_SIDE = 320


class QrDialog(QDialog):
    """Shows one link. Shown by ``open()`` or ``show()``.

    Args:
        context: What a page works with.
        shared: Whose link.
        parent: The window.
    """

    def __init__(self, context: Context, shared: Shared, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("{service} as a QR code").format(service=literal(shared.service, 60)))
        picture = QLabel()
        picture.setPixmap(qr_code(shared.link, _SIDE))
        picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        picture.setAccessibleName(
            self.tr("The link of {service} as a QR code").format(service=literal(shared.service, 60))
        )
        said = Label(shared.shown_link, kind="quiet", wraps=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.setSpacing(GAP)
        layout.addWidget(picture)
        layout.addWidget(said)
        if shared.is_only_this_computer:
            layout.addWidget(
                Label(
                    self.tr(
                        "The gateway is on this computer and serves this computer only: the link works nowhere else."
                    ),
                    kind="warn",
                    wraps=True,
                )
            )
        close = button(self.tr("Close"), context.icons)
        close.clicked.connect(self.accept)
        layout.addLayout(row(None, close))


def qr_code(text: str, side: int) -> QPixmap:
    """*text* as a QR code of about *side* pixels, black on white whatever the theme: scanners want it so."""
    code = segno.make(text, error="l", micro=False)
    modules = code.symbol_size(border=4)[0]
    data = io.BytesIO()
    code.save(data, kind="png", scale=max(2, side // modules), border=4)
    image = QImage()
    image.loadFromData(QByteArray(data.getvalue()))
    return QPixmap.fromImage(image)
