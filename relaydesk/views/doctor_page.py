"""The doctor: every hop between a service and its senders, tried while one looks on, with the cause and what to do about it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog

from ..check_report import Examined, report
from ..models import checks, problems
from ..models.checks import Walk
from ..models.texts import caption
from ..models.tones import Tone
from ..snapshot import Problem, Snapshot
from .check_list import CheckList
from .context import Context, Notice
from .labels import Label, button, row
from .page import Empty, EmptyOr, LiveRates, Page


class DoctorPage(Page):
    """Examines a service, or a gateway.

    Args:
        context: What a page works with.
    """

    expose_wanted = Signal()

    def __init__(self, context: Context) -> None:
        super().__init__(context, QCoreApplication.translate("Pages", "Doctor"))
        self._walk = Walk()
        self._turn = 0
        self._name = ""
        self.what = QComboBox()
        self.what.setAccessibleName(self.tr("What is examined"))
        self.what.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.what.setMinimumContentsLength(18)
        self.begin = button(self.tr("&Examine"), context.icons, "search", kind="primary")
        self.begin.clicked.connect(self.examine)
        self.tools.addWidget(self.what)
        self.tools.addWidget(self.begin)
        self.summary = Label(is_bold=True, wraps=True, scale=1.1)
        self.fix = Label(wraps=True)
        self.hops = CheckList(context)
        self.copy = button(self.tr("C&opy the report"), context.icons, "copy")
        self.keep = button(self.tr("&Save the report…"), context.icons, "save")
        self.copy.clicked.connect(self._on_copy)
        self.keep.clicked.connect(self._ask_where)
        expose = button(self.tr("Expose a service…"), context.icons, "expose", kind="primary")
        expose.clicked.connect(self.expose_wanted)
        empty = Empty(
            context,
            "doctor",
            self.tr("Nothing to examine yet"),
            self.tr(
                "Once something is shared, each hop between it and whoever uses it can be tried here: the local port, the "
                "network, the gateway's certificate, the clock, the key, and the whole way there and back."
            ),
            (expose,),
        )
        self.stack = EmptyOr(empty, self.hops)
        self.body.addWidget(self.summary)
        self.body.addWidget(self.fix)
        self.body.addWidget(self.stack, 1)
        self.body.addLayout(row(self.copy, self.keep, None))
        self._refresh()

    # --- what is shown

    def show_snapshot(self, snapshot: Snapshot, rates: LiveRates) -> None:
        """Offer what there is now."""
        offered = [(service.name, True) for service in snapshot.services]
        offered += [(gateway.name, False) for gateway in snapshot.gateways if gateway.address]
        known = [self.what.itemData(number) for number in range(self.what.count())]
        if known != offered:
            chosen = self.what.currentData()
            with QSignalBlocker(self.what):
                self.what.clear()
                for name, is_service in offered:
                    words = self.tr("Service {name}") if is_service else self.tr("Gateway {name}")
                    self.what.addItem(caption(words.format(name=name)), (name, is_service))
                if chosen in offered:
                    self.what.setCurrentIndex(offered.index(chosen))
        self._refresh()

    def focus_content(self) -> None:
        """Let the keys work here."""
        self.what.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def examine_service(self, name: str) -> None:
        """Examine that service now."""
        place = next(
            (place for place in range(self.what.count()) if self.what.itemData(place) == (name, True)), None
        )
        if place is not None:
            self.what.setCurrentIndex(place)
            self.examine()

    def examine(self) -> None:
        """Try every hop, from the beginning."""
        chosen = self.what.currentData()
        if chosen is None:
            return
        self._turn += 1
        turn = self._turn
        name, is_service = chosen
        self._name = name
        self._walk.begin()

        def tell(check: object) -> None:
            if turn == self._turn:
                self._walk.take(check)  # type: ignore[arg-type]  # a Check, as Actions says
                self._refresh()

        def end(problem: Problem | None) -> None:
            if turn == self._turn:
                self._walk.end(problem)
                self._refresh()

        self._refresh()
        actions = self.context.bridge.actions
        walking = actions.diagnose(name, tell) if is_service else actions.check(name, tell)
        self.context.bridge.do(walking, done=lambda _: end(None), failed=end)

    def _refresh(self) -> None:
        walk = self._walk
        has_any = self.what.count() > 0
        has_begun = walk.is_walking or bool(walk.checks) or walk.problem is not None
        self.stack.show_content(has_any)
        self.what.setVisible(has_any)
        self.begin.setVisible(has_any)
        self.begin.setEnabled(not walk.is_walking)
        self.hops.show_walk(walk.rows, walk.running)
        for part in (self.copy, self.keep):
            part.setVisible(has_any)
            part.setEnabled(bool(walk.checks) and not walk.is_walking)
        self.summary.setVisible(has_any and has_begun)
        self.fix.setVisible(has_any and has_begun)
        self.describe(self._name if has_begun else "")
        self._sum_up()

    def _sum_up(self) -> None:
        walk = self._walk
        if walk.is_walking:
            self.summary.tell(self.tr("Trying each hop…"))
            self.fix.tell("")
        elif walk.problem is not None:
            words = problems.explain(walk.problem)
            self.summary.tell(words.title, "bad")
            self.fix.tell(" ".join(filter(None, (problems.cause(walk.problem), words.next_step))))
        elif (found := walk.failure or walk.warning) is not None and found.fault is not None:
            advice = checks.advice(found.fault)
            self.summary.tell(
                f"{checks.step_words(found.step)}: {advice.title}", "bad" if walk.failure else "warn"
            )
            self.fix.tell(advice.fix)
        elif walk.checks:
            self.summary.tell(self.tr("The way is clear."), "good")
            self.fix.tell(self.tr("Every hop that could be tried from here works."))
        else:
            self.summary.tell("")
            self.fix.tell("")

    # --- the report

    @property
    def examined(self) -> Examined:
        """What was found."""
        problem = "" if self._walk.problem is None else problems.sentence(self._walk.problem)
        return Examined(self._name, self._walk.checks, problem)

    def _on_copy(self) -> None:
        self.context.copy(report([self.examined], self.context.clock()))
        self.context.teller.tell(
            Notice(
                title=self.tr("The report is on the clipboard."),
                text=self.tr("It holds no key and no token."),
                tone=Tone.GOOD,
            )
        )

    def _ask_where(self) -> None:
        dialog = QFileDialog(self.window(), self.tr("Save the report"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("txt")
        dialog.selectFile("relaydesk-doctor.txt")
        dialog.fileSelected.connect(self.save)
        dialog.open()

    def save(self, path: str) -> None:
        """Write the report to a file."""
        said = self.tr("The report was saved as {path}.").format(path=path)
        self.context.bridge.do(
            self.context.bridge.actions.save_report(Path(path), [self.examined]),
            done=lambda _: self.context.teller.tell(Notice(title=said, tone=Tone.GOOD)),
            failed=self.context.tell_failure,
        )
