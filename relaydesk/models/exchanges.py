"""The table of captured exchanges: ten thousand rows, found by the filter language, newest first.

It sorts and filters itself. A proxy of Qt's asks Python about each row in turn, which takes a second for so many; here a row's
text is prepared while nothing else is to be done, and a filter runs over all of them in slices that no repaint waits for.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from PySide6.QtCore import QCoreApplication, QObject, Qt, QTimer, Signal

from agent.captured import CapturedExchange, ExchangeChanges, ExchangeKind
from agent.exchange_filter import EVERYTHING, ExchangeFilter, FilterError, Searchable, compile_filter
from agent.masks import masked_target

from . import formats
from .states import Face
from .tables import Column, TableModel
from .tones import Tone

translate = QCoreApplication.translate

#: In one slice, before whatever else is to be done has its turn.
SLICE_S: Final = 0.004

#: Between two slices of what nobody waits for.
PREPARING_MS: Final = 12


def status_face(one: CapturedExchange) -> Face:
    """How an exchange stands: a word, a shape and a tone."""
    if one.error is not None:
        word = str(one.status) if one.status else translate("Exchanges", "Failed")
        return Face(word, "error", Tone.BAD)
    if not one.status:
        return (
            Face(translate("Exchanges", "No answer"), "error", Tone.BAD)
            if one.is_over
            else Face(translate("Exchanges", "Waiting"), "clock", Tone.BUSY)
        )
    if one.kind is ExchangeKind.WEBSOCKET:
        open_face = Face(translate("Exchanges", "Open"), "websocket", Tone.GOOD)
        return Face(str(one.status), "websocket", Tone.QUIET) if one.is_over else open_face
    if one.status >= 500:
        return Face(str(one.status), "error", Tone.BAD)
    if one.status >= 400:
        return Face(str(one.status), "warning", Tone.WARN)
    return Face(str(one.status), "check", Tone.GOOD)


def spoken_status(one: CapturedExchange) -> str:
    """The same in words alone."""
    parts = [status_face(one).word, one.reason, one.error or ""]
    return " ".join(part for part in parts if part)


def mark_words(one: CapturedExchange) -> str:
    """What is special about an exchange, and its note."""
    parts = []
    if one.replay_of is not None:
        parts.append(translate("Exchanges", "replay of {id}").format(id=one.replay_of))
    if one.is_pinned:
        parts.append(translate("Exchanges", "pinned"))
    if one.note:
        parts.append(one.note)
    return " · ".join(parts)


def _mark_icon(one: CapturedExchange) -> tuple[str, Tone] | None:
    if one.is_pinned:
        return "lock", Tone.ACCENT
    return ("retry", Tone.QUIET) if one.replay_of is not None else None


def size_of(one: CapturedExchange) -> int:
    """The bytes of both bodies."""
    return one.request_body.size + one.response_body.size


class ExchangesModel(TableModel[CapturedExchange]):
    """The exchanges that the filter lets through.

    Args:
        parent: Qt's owner.
    """

    answered = Signal()
    """The filter has been applied to all of them."""

    def __init__(self, parent: QObject | None = None) -> None:
        self._known: dict[int, CapturedExchange] = {}  # by their ids, which rise
        self._prepared: dict[int, Searchable] = {}
        self._ready: set[int] = set()  # those of them whose headers are prepared, too
        self._filter: ExchangeFilter = EVERYTHING
        self._sort: tuple[Callable[[CapturedExchange], Any], bool] | None = None
        self._work: Iterator[None] | None = None
        self._is_answering = False
        super().__init__(
            (
                Column(
                    name="started",
                    title=translate("Exchanges", "Time"),
                    text=lambda e: formats.clock(e.started_at),
                    sort_key=lambda e: e.id,
                    sample=formats.widest_clock(),
                    rank=4,
                ),
                Column(
                    name="service",
                    title=translate("Exchanges", "Service"),
                    text=lambda e: e.service,
                    sample="Docs preview",
                    rank=5,
                    stretch=1,
                ),
                Column(
                    name="method",
                    title=translate("Exchanges", "Method"),
                    text=lambda e: e.method,
                    sample="OPTIONS",
                    rank=1,
                ),
                Column(
                    name="path",
                    title=translate("Exchanges", "Path"),
                    text=self._target,
                    sample="/products/sofa?page=1",
                    stretch=4,
                ),
                Column(
                    name="status",
                    title=translate("Exchanges", "Status"),
                    text=lambda e: status_face(e).word,
                    icon=lambda e: status_face(e)[1:],
                    detail=spoken_status,
                    spoken=spoken_status,
                    sort_key=lambda e: e.status,
                    sample=translate("Exchanges", "No answer"),
                ),
                Column(
                    name="took",
                    title=translate("Exchanges", "Took"),
                    text=lambda e: formats.took(e.timing.ended_s),
                    sort_key=lambda e: e.timing.ended_s if e.timing.ended_s is not None else float("inf"),
                    is_number=True,
                    sample=formats.took(0.000_9) + "0",
                    rank=2,
                ),
                Column(
                    name="size",
                    title=translate("Exchanges", "Size"),
                    text=lambda e: formats.size(size_of(e)) if size_of(e) else "",
                    sort_key=size_of,
                    is_number=True,
                    sample=formats.size(99_900_000),
                    rank=3,
                ),
                Column(
                    name="note",
                    title=translate("Exchanges", "Note"),
                    text=mark_words,
                    icon=_mark_icon,
                    sample=translate("Exchanges", "replay of {id}").format(id=1_000),
                    rank=6,
                    stretch=2,
                ),
            ),
            key=lambda e: e.id,
            parent=parent,
        )
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._go_on)

    @property
    def count(self) -> int:
        """How many there are, let through or not."""
        return len(self._known)

    @property
    def is_filtering(self) -> bool:
        """Whether anything is asked for."""
        return not self._filter.is_empty

    @property
    def is_answering(self) -> bool:
        """Whether the filter has not been applied to all of them yet."""
        return self._is_answering

    def get(self, number: int) -> CapturedExchange | None:
        """One of them, by its id."""
        return self._known.get(number)

    def shown_ids(self) -> list[int]:
        """The ids of those that are let through, the oldest first."""
        return sorted(row.id for row in self.rows)

    # --- what changes

    def take(self, changes: ExchangeChanges) -> None:
        """Show what has changed."""
        if changes.is_everything:
            self._known = {one.id: one for one in sorted(changes.changed, key=lambda one: one.id)}
            self._prepared.clear()
            self._ready.clear()
            self._apply()
            return
        for number in changes.removed:
            self._known.pop(number, None)
            self._forget(number)
        for one in sorted(changes.changed, key=lambda one: one.id):
            self._known[one.id] = one
            self._forget(one.id)
        if self._is_answering or self._sort is not None:
            self._apply()
        else:
            self._remove_all_but(self._known)
            self._merge(changes.changed)
        self._begin_to_prepare()

    def set_filter(self, text: str) -> str:
        """Show those that *text* asks for. What is wrong with it, if anything: then nothing changes."""
        try:
            wanted = compile_filter(text)
        except FilterError as error:
            return str(error)
        self._filter = wanted
        self._apply()
        return ""

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; by none of them, the newest first."""
        is_falling = order is Qt.SortOrder.DescendingOrder
        if column < 0 or (self.columns[column].name == "started" and is_falling):
            self._sort = None
        else:
            chosen = self.columns[column]
            self._sort = chosen.sort_key or (lambda row: chosen.text(row).casefold()), is_falling
        self._show(list(self.rows))

    def stop(self) -> None:
        """Nobody sees it: prepare nothing more."""
        if not self._is_answering:
            self._timer.stop()
            self._work = None

    def _merge(self, changed: Iterable[CapturedExchange]) -> None:
        """Put what has changed where it belongs, the newest first; only that is told."""
        new: list[CapturedExchange] = []
        newest = self._keys[0] if self._keys else -1
        assert isinstance(newest, int)
        for one in changed:
            if one.id not in self._known:
                continue
            if one.id > newest:
                if self._lets_through(one):
                    new.append(one)
                continue
            place = bisect_left(self._keys, -one.id, key=lambda number: -number)  # type: ignore[operator]
            is_there = place < len(self._keys) and self._keys[place] == one.id
            if not self._lets_through(one):
                if is_there:
                    self.beginRemoveRows(self.index(-1, -1), place, place)
                    del self._rows[place], self._keys[place]
                    self.endRemoveRows()
            elif is_there:
                self._rows[place] = one
                self._emit_changed(place, place, 0, len(self.columns) - 1)
            else:
                self._insert(place, [(one.id, one)])
        if new:
            new.sort(key=lambda one: -one.id)
            self._insert(0, [(one.id, one) for one in new])

    # --- the filter

    def _apply(self) -> None:
        """Apply the filter to all of them, in slices; the first one at once."""
        self._is_answering = True
        self._work = self._applying()
        self._timer.start(0)
        self._go_on()

    def _applying(self) -> Iterator[None]:
        found = []
        for one in reversed(list(self._known.values())):
            if self._lets_through(one):
                found.append(one)
            yield
        self._show(found)
        self._is_answering = False
        self.answered.emit()

    def _show(self, rows: list[CapturedExchange]) -> None:
        """Show *rows* alone. A reset: which rows go and come is told by no run of them; who shows them keeps the selection."""
        rows.sort(key=lambda one: -one.id)
        if self._sort is not None:
            key, is_falling = self._sort
            rows.sort(key=key, reverse=is_falling)
        if [one.id for one in rows] == self._keys and rows == self._rows:
            return
        self.beginResetModel()
        self._rows = rows
        self._keys = [one.id for one in rows]
        self.endResetModel()

    def _begin_to_prepare(self) -> None:
        if self._work is None and len(self._ready) < len(self._known):
            self._work = self._preparing()
            self._timer.start(PREPARING_MS)

    def _preparing(self) -> Iterator[None]:
        for number in [number for number in self._known if number not in self._ready]:
            if (one := self._known.get(number)) is not None:
                _ = self._searchable(one).headers
                self._ready.add(number)
            yield

    def _go_on(self) -> None:
        """Work for one slice."""
        ends_at = time.monotonic() + SLICE_S
        work = self._work
        if work is None:
            self._timer.stop()
            return
        for _ in work:
            if time.monotonic() >= ends_at:
                return
        if self._work is work:  # nothing else was begun meanwhile
            self._work = None
            self._begin_to_prepare()

    def _lets_through(self, one: CapturedExchange) -> bool:
        return self._filter.is_empty or self._filter(self._searchable(one))

    def _forget(self, number: int) -> None:
        self._prepared.pop(number, None)
        self._ready.discard(number)

    def _searchable(self, one: CapturedExchange) -> Searchable:
        found = self._prepared.get(one.id)
        if found is None or found.exchange is not one:
            found = Searchable(one)
            if self._known.get(one.id) is one:
                self._prepared[one.id] = found
        return found

    def _target(self, one: CapturedExchange) -> str:
        prepared = self._prepared.get(one.id)
        return masked_target(one.request_target) if prepared is None else prepared.target
