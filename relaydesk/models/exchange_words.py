"""What is said of one exchange besides its row: its way, its phases, its headers, what became of its bodies."""

from __future__ import annotations

import dataclasses

from PySide6.QtCore import QCoreApplication, QObject

from agent.captured import BodyState, CapturedExchange, ExchangeKind, Lost, Phase, phases
from agent.masks import is_secret_header, masked_target, masked_value
from hyco.fields import Headers

from . import formats
from .tables import Column, TableModel

translate = QCoreApplication.translate


def way_words(one: CapturedExchange) -> str:
    """From whom, through what, to where."""
    if one.replay_of is not None:
        begun = translate("Exchanges", "Sent again from here (replay of {id})").format(id=one.replay_of)
    elif one.origin == f"http://{one.target}":  # within a byte stream: what was asked is what is asked here
        begun = translate("Exchanges", "From {peer}").format(peer=one.peer or "?")
    else:
        begun = translate("Exchanges", "From {peer} through {gateway}").format(
            peer=one.peer or "?", gateway=one.origin
        )
    return f"{begun} → {one.target}"


def title_words(one: CapturedExchange) -> str:
    """Method and path, without secrets."""
    return f"{one.method} {masked_target(one.request_target)}"


def count_words(number: int) -> str:
    """How many exchanges."""
    if number == 1:
        return translate("Exchanges", "1 exchange")
    return translate("Exchanges", "%Ln exchanges", "", number)


def saved_words(number: int) -> str:
    """How many were saved."""
    if number == 1:
        return translate("Exchanges", "1 exchange was saved")
    return translate("Exchanges", "%Ln exchanges were saved", "", number)


def messages_words(number: int) -> str:
    """How many messages of a WebSocket."""
    if number == 1:
        return translate("Exchanges", "1 message")
    return translate("Exchanges", "%Ln messages", "", number)


def phase_words(phase: Phase) -> str:
    """Who was waited for."""
    return {
        Phase.ADMISSION: translate("Exchanges", "Admission"),
        Phase.CONNECT: translate("Exchanges", "Connecting locally"),
        Phase.TARGET: translate("Exchanges", "Local server"),
        Phase.RENDEZVOUS: translate("Exchanges", "Way back"),
        Phase.BODY: translate("Exchanges", "Body"),
    }[phase]


def timing_words(one: CapturedExchange) -> str:
    """The phases with their times, the shortest left out where they say nothing."""
    found = [(phase, end - start) for phase, start, end in phases(one.timing)]
    whole = sum(seconds for _, seconds in found)
    parts = [
        f"{phase_words(phase)} {formats.took(seconds)}"
        for phase, seconds in found
        if seconds >= 0.000_5 or seconds >= whole / 20
    ]
    return " · ".join(parts)


def lost_words(lost: Lost) -> str:
    """Why a body is not kept whole."""
    return {
        Lost.TOO_LONG: translate("Exchanges", "it is longer than one body may be"),
        Lost.TOO_FAST: translate("Exchanges", "more came in a short time than is kept"),
        Lost.DISK: translate("Exchanges", "the disk did not take it"),
        Lost.MADE_ROOM: translate("Exchanges", "it went when newer ones needed the room"),
    }[lost]


def body_words(state: BodyState) -> str:
    """How long a body is, and how much of it there is."""
    if not state.size:
        return translate("Exchanges", "No body") if state.is_whole else translate("Exchanges", "No body yet")
    size = formats.size(state.size)
    if state.lost is not None:
        return translate("Exchanges", "{size}, of which {kept} are kept: {why}").format(
            size=size, kept=formats.size(state.kept), why=lost_words(state.lost)
        )
    return size if state.is_whole else translate("Exchanges", "{size} so far, or cut").format(size=size)


def kind_words(kind: ExchangeKind) -> str:
    """What was relayed."""
    return {ExchangeKind.HTTP: "HTTP", ExchangeKind.WEBSOCKET: "WebSocket"}[kind]


@dataclasses.dataclass(frozen=True, slots=True)
class HeaderRow:
    """A header as it is shown."""

    number: int
    name: str
    value: str
    is_secret: bool
    is_revealed: bool = False

    @property
    def shown(self) -> str:
        """The value, masked unless somebody asked for it."""
        return self.value if self.is_revealed else masked_value(self.name, self.value)


class HeadersModel(TableModel[HeaderRow]):
    """Headers, each secret masked until it is asked for."""

    def __init__(self, parent: QObject | None = None) -> None:
        self._headers: Headers = ()
        super().__init__(
            (
                Column(
                    name="name",
                    title=translate("Exchanges", "Header"),
                    text=lambda h: h.name,
                    sample="Content-Security-Policy",
                    stretch=1,
                ),
                Column(
                    name="value",
                    title=translate("Exchanges", "Value"),
                    text=lambda h: h.shown,
                    sample="application/json; charset=utf-8",
                    stretch=3,
                ),
            ),
            key=lambda header: header.number,
            parent=parent,
        )

    def show(self, headers: Headers) -> None:
        """Show these; what was revealed is hidden again where they are others."""
        if headers == self._headers:
            return
        self._headers = headers
        self.update([])
        self.update(
            [
                HeaderRow(number, name, value, _is_secret(name, value))
                for number, (name, value) in enumerate(headers)
            ]
        )

    def reveal(self, number: int, *, is_revealed: bool) -> None:
        """Show a secret, or hide it again."""
        self.update(
            [
                dataclasses.replace(row, is_revealed=is_revealed) if row.number == number else row
                for row in self.rows
            ]
        )


def _is_secret(name: str, value: str) -> bool:
    return is_secret_header(name) or masked_value(name, value) != value
