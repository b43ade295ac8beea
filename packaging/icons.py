"""The program's icon in the forms that systems want, drawn from ``resources/icons/relaydesk.svg``: PNG, .ico, .icns.

Qt draws (it is there anyway, and it is who draws it in the window, too), Pillow packs.
"""

import io
import os
from pathlib import Path

from facts import BUILD, CHECKOUT

SOURCE = CHECKOUT / "resources" / "icons" / "relaydesk.svg"

#: What the icon theme specification has, and what Windows and macOS pick from.
SIZES = (16, 24, 32, 48, 64, 128, 256, 512)


def make_icons(folder: Path = BUILD / "icons") -> Path:
    """Write ``relaydesk-SIZE.png``, ``relaydesk.ico`` and ``relaydesk.icns`` into *folder*; the folder."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for size in SIZES:
        content = _draw(size)
        (folder / f"relaydesk-{size}.png").write_bytes(content)
        pictures.append(Image.open(io.BytesIO(content)))
    largest = pictures[-1]
    # Windows' Explorer knows none above 256
    small = [picture for picture in pictures if picture.width <= 256]
    small[-1].save(
        folder / "relaydesk.ico", append_images=small[:-1], sizes=[picture.size for picture in small]
    )
    largest.save(folder / "relaydesk.icns", append_images=pictures[:-1])
    return folder


def _draw(size: int) -> bytes:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QBuffer, QIODevice, Qt
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    renderer = QSvgRenderer(str(SOURCE))
    assert renderer.isValid(), f"{SOURCE} is no picture"
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    renderer.render(painter)
    painter.end()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload] # the stub wants bytes for the format
    return bytes(buffer.data().data())


if __name__ == "__main__":
    print(make_icons())
