"""The line above every page: what was just done, and what is wrong. Nothing is told by a passing notification alone."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from ..models import health, problems
from ..models.tones import Tone
from ..snapshot import KeystoreState, Snapshot
from .context import Notice
from .icons import Icons
from .labels import MARGIN, ElidedLabel, Label, Picture, button, set_caption, set_property, tool_button

#: How long a notice stays by itself. A failure stays until it is dismissed.
NOTICE_SHOWN_MS = 12_000

_ICONS = {Tone.BAD: "error", Tone.WARN: "warning", Tone.GOOD: "check"}


def announce(widget: QWidget, text: str) -> None:
    """Let a screen reader say *text*."""
    if text and QAccessible.isActive():
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, text))


class MessageBar(QWidget):
    """One message at a time: a notice before a problem, the desktop's own problem before those of services.

    Args:
        icons: The pictures.
    """

    retry_wanted = Signal(str)
    """*Try now*: a service's name, or nothing for all."""
    service_wanted = Signal(str)
    """Show a service."""
    unlock_wanted = Signal()
    """The keystore is to be opened."""

    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._icons = icons
        self._notice: Notice | None = None
        self._snapshot: Snapshot | None = None
        self._dismissed: tuple[object, ...] = ()
        self._shown: tuple[object, ...] = ()
        self.setAccessibleName(self.tr("Message"))
        self._frame = QFrame()
        self._frame.setObjectName("message")
        around = QVBoxLayout(self)
        around.setContentsMargins(MARGIN, 14, MARGIN, 0)
        around.addWidget(self._frame)
        self._picture = Picture(20)
        self._title = Label(is_bold=True, wraps=True)
        self._text = Label(wraps=True)
        self._times = ElidedLabel(kind="quiet")
        self.act = button("", icons)
        self.other = button("", icons)
        self.details = button(self.tr("Show"), icons, kind="plain")
        self.dismiss = tool_button(self.tr("Dismiss"), icons, "close")
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self._title)
        words.addWidget(self._text)
        words.addWidget(self._times)
        layout = QHBoxLayout(self._frame)
        layout.setContentsMargins(12, 8, 8, 8)
        layout.setSpacing(10)
        layout.addWidget(self._picture)
        layout.addLayout(words, 1)
        layout.addWidget(self.details)
        layout.addWidget(self.other)
        layout.addWidget(self.act)
        layout.addWidget(self.dismiss)
        self.act.clicked.connect(self._on_act)
        self.other.clicked.connect(self._on_other)
        self.details.clicked.connect(self._on_details)
        self.dismiss.clicked.connect(self._on_dismiss)
        self._clock = QTimer(self)
        self._clock.setSingleShot(True)
        self._clock.setInterval(NOTICE_SHOWN_MS)
        self._clock.timeout.connect(self.forget_notice)
        self.hide()

    @property
    def text(self) -> str:
        """All that it says, for tests."""
        parts = (self._title.text(), self._text.text(), self._times.accessibleName())
        return "" if self.isHidden() else " ".join(filter(None, parts))

    def tell(self, notice: Notice) -> None:
        """Show *notice*."""
        self._notice = notice
        if notice.tone in (Tone.BAD, Tone.WARN):
            self._clock.stop()
        else:
            self._clock.start()
        announce(self, f"{notice.title} {notice.text}".strip())
        self._refresh(self._snapshot.at if self._snapshot else 0.0)

    def forget_notice(self) -> None:
        """The notice was read."""
        self._notice = None
        self._clock.stop()
        self._refresh(self._snapshot.at if self._snapshot else 0.0)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show what is wrong, unless there is a notice."""
        self._snapshot = snapshot
        self._refresh(snapshot.at)

    def tick(self, now: float) -> None:
        """Count down."""
        self._refresh(now)

    # --- what is shown

    def _refresh(self, now: float) -> None:
        if self._notice is not None:
            self._show_notice(self._notice)
        elif not (self._show_keystore() or self._show_problem(now)):
            self._shown = ()
            self.hide()

    def _show_notice(self, notice: Notice) -> None:
        self._shown = ("notice",)
        self._fill(notice.tone, notice.title, notice.text)
        self._offer(notice.label if notice.act else "", notice.icon)
        if notice.other_act is not None:
            set_caption(self.other, notice.other_label)
            self._icons.attach(self.other, notice.other_icon)
            self.other.show()

    def _show_keystore(self) -> bool:
        if self._snapshot is None:
            return False
        state = self._snapshot.keystore
        label = {
            KeystoreState.LOCKED: self.tr("Try again"),
            KeystoreState.SEALED_FILE_CLOSED: self.tr("Unlock…"),
            KeystoreState.UNDECIDED: self.tr("Choose…"),
        }.get(state)
        what = ("keystore", state)
        if label is None or what == self._dismissed:
            return False
        self._shown = what
        if state is KeystoreState.UNDECIDED:  # nothing is wrong, and most need no place at all
            needed_for = self.tr(
                "Sharing from this computer needs none; keys of other gateways and invitations do."
            )
            self._fill(Tone.PLAIN, health.keystore_words(state), needed_for)
        else:
            self._fill(Tone.WARN, health.keystore_words(state), "")
        self._offer(label, "key")
        return True

    def _show_problem(self, now: float) -> bool:
        found = health.complaints(self._snapshot) if self._snapshot else ()
        if not found:
            return False
        first, more = found[0], len(found) - 1
        name = first.service.name if first.service else ""
        what = ("problem", name, first.problem.trouble, first.problem.status, first.problem.since)
        if what == self._dismissed:
            return False
        self._shown = what
        words = problems.explain(first.problem)
        title = f"{name}: {words.title}" if name else words.title
        text = words.next_step if first.service else f"{problems.cause(first.problem)} {words.next_step}"
        self._fill(Tone.WARN, title, text.strip())
        others = ""
        if more:
            others = self.tr("and %Ln more", "", more) if more > 1 else self.tr("and 1 more")
        times = (problems.since(first.problem, now), problems.waits(first.problem, now), others)
        line = " · ".join(filter(None, times))
        self._times.say(line[:1].upper() + line[1:])
        self._times.setVisible(bool(line))
        self.details.setVisible(first.service is not None)
        self._offer(self.tr("Try now") if problems.can_be_retried(first.problem) else "", "retry")
        return True

    def _fill(self, tone: Tone, title: str, text: str) -> None:
        set_property(self._frame, "tone", {Tone.WARN: "warn", Tone.BAD: "bad"}.get(tone, "info"))
        self._icons.attach(self._picture, _ICONS.get(tone, "info"), tone)
        self._title.say(title)
        self._text.say(text)
        self._text.setVisible(bool(text))
        self._times.say("")
        self._times.hide()
        self.details.hide()
        self.other.hide()
        self.show()

    def _offer(self, label: str, icon: str) -> None:
        self.act.setVisible(bool(label))
        if label:
            set_caption(self.act, label)
            self._icons.attach(self.act, icon)

    # --- what is clicked

    def _on_other(self) -> None:
        act = self._notice.other_act if self._notice else None
        if act is not None:
            act()

    def _on_act(self) -> None:
        match self._shown:
            case ("notice",):
                act = self._notice.act if self._notice else None
                self.forget_notice()
                if act is not None:
                    act()
            case ("keystore", _):
                self.unlock_wanted.emit()
            case ("problem", str(name), *_):
                self.retry_wanted.emit(name)

    def _on_details(self) -> None:
        match self._shown:
            case ("problem", str(name), *_) if name:
                self.service_wanted.emit(name)

    def _on_dismiss(self) -> None:
        if self._shown == ("notice",):
            self.forget_notice()
        else:
            self._dismissed = self._shown
            self._refresh(self._snapshot.at if self._snapshot else 0.0)
