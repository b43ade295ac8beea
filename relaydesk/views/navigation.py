"""The left side of the window: the pages, how much there is on each, and how everything is."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeySequence, QPainter, QPen
from PySide6.QtWidgets import (
    QFrame,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
)

from ..models import formats
from ..models.health import Glance
from ..models.texts import tooltip
from ..models.tones import Tone
from .icons import Icons, application_icon
from .labels import ElidedLabel, Label, Picture, row
from .theme import Theme

_COUNT_ROLE = Qt.ItemDataRole.UserRole
_ICON_ROLE = Qt.ItemDataRole.UserRole + 1
_WIDTH_LETTERS = 22
_NARROW = 60


class Navigation(QFrame):
    """The list of pages.

    Args:
        theme: The colours.
        icons: The pictures.
        pages: Icon and title of each.
    """

    page_wanted = Signal(int)

    def __init__(self, theme: Theme, icons: Icons, pages: tuple[tuple[str, str], ...]) -> None:
        super().__init__()
        self._icons = icons
        self._is_narrow = False
        self._titles = [title for _, title in pages]
        self.setObjectName("navigation")
        self._brand_picture = Picture(28)
        self._brand_picture.setIcon(application_icon())
        self._brand = Label("RelayDesk", scale=1.2, is_bold=True)
        brand = row(self._brand_picture, self._brand, None, spacing=10)
        brand.setContentsMargins(6, 2, 0, 8)
        self.list = QListWidget()
        self.list.setObjectName("pages")
        self.list.setAccessibleName(self.tr("Pages"))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setItemDelegate(_PageDelegate(theme, icons, self))
        self.list.setMouseTracking(True)
        self.list.setSpacing(1)
        for icon, title in pages:
            item = QListWidgetItem(title)
            item.setData(_ICON_ROLE, icon)
            item.setData(_COUNT_ROLE, "")
            self.list.addItem(item)
        self.list.currentRowChanged.connect(self.page_wanted)
        self._state_picture = Picture(16)
        self._state = ElidedLabel()
        self._pace = ElidedLabel(kind="quiet")
        state = row(self._state_picture, self._state, spacing=8)
        state.setContentsMargins(12, 0, 4, 0)
        self._pace.setContentsMargins(12, 0, 0, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 14, 8, 14)
        layout.setSpacing(4)
        layout.addLayout(brand)
        layout.addWidget(self.list, 1)
        layout.addLayout(state)
        layout.addWidget(self._pace)
        for number in range(len(pages)):
            self.show_count(number, 0)
        self.set_narrow(False)

    def choose(self, page: int) -> None:
        """Select a page."""
        self.list.setCurrentRow(page)

    def set_narrow(self, is_narrow: bool) -> None:
        """Show icons alone, or icons and words."""
        self._is_narrow = is_narrow
        for widget in (self._brand, self._state, self._pace):
            widget.setVisible(not is_narrow)
        wide = self.fontMetrics().averageCharWidth() * _WIDTH_LETTERS + 40
        self.setFixedWidth(_NARROW if is_narrow else wide)

    @property
    def is_narrow(self) -> bool:
        """Whether only icons are shown."""
        return self._is_narrow

    def show_count(self, page: int, count: int) -> None:
        """How much there is on a page."""
        title = self._titles[page]
        item = self.list.item(page)
        text = formats.count(count) if count else ""
        key = QKeySequence(f"Ctrl+{page + 1}").toString(QKeySequence.SequenceFormat.NativeText)
        if item.data(_COUNT_ROLE) != text or not item.toolTip():
            item.setData(_COUNT_ROLE, text)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{title}, {text}" if text else title)
            item.setToolTip(tooltip(f"{title} ({key})"))

    def show_glance(self, glance: Glance) -> None:
        """How everything is."""
        self._icons.attach(self._state_picture, glance.face.icon, glance.face.tone)
        self._state_picture.setToolTip(tooltip(f"{glance.face.word}: {glance.summary}"))
        self._state_picture.setAccessibleName(glance.face.word)
        self._state.say(glance.face.word)
        self._pace.say(glance.pace)


class _PageDelegate(QStyledItemDelegate):
    """Draws a page's icon, title and count."""

    def __init__(self, theme: Theme, icons: Icons, parent: Navigation) -> None:
        super().__init__(parent)
        self._theme = theme
        self._icons = icons
        self._navigation = parent

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Room for a line."""
        return QSize(_NARROW - 20, option.fontMetrics.height() + 20)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Draw one page."""
        scheme = self._theme.scheme
        area = option.rect
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        is_under_mouse = bool(option.state & QStyle.StateFlag.State_MouseOver)
        has_focus = bool(option.state & QStyle.StateFlag.State_HasFocus)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if is_selected or is_under_mouse:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(scheme.highlight if is_selected else scheme.button_hover))
            painter.drawRoundedRect(area, 6, 6)
        if has_focus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(scheme.focus), 2))
            painter.drawRoundedRect(area.adjusted(1, 1, -1, -1), 6, 6)
        ink = QColor(scheme.on_highlight if is_selected else scheme.text)
        icon = self._icons.icon(index.data(_ICON_ROLE), Tone.PLAIN)
        mode = icon.Mode.Selected if is_selected else icon.Mode.Normal
        side = 20
        left = area.left() + ((area.width() - side) // 2 if self._navigation.is_narrow else 12)
        icon.paint(
            painter,
            QRect(left, area.center().y() - side // 2 + 1, side, side),
            Qt.AlignmentFlag.AlignCenter,
            mode,
        )
        if not self._navigation.is_narrow:
            painter.setPen(ink)
            words = area.adjusted(42, 0, -12, 0)
            painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, str(index.data()))
            painter.setPen(ink if is_selected else QColor(scheme.quiet))
            painter.drawText(
                words,
                Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
                str(index.data(_COUNT_ROLE)),
            )
        painter.restore()
