"""The table of relayed connections and requests. What has ended stays for a minute, greyed."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QObject

from ..snapshot import ConnectionKind, LiveConnection, Snapshot
from . import formats
from .rates import NO_RATE, Rate, Rates, Totals
from .services import spoken_history
from .states import connection_face
from .tables import Column, FilterModel, TableModel
from .tones import Tone

translate = QCoreApplication.translate

#: How long something is shown after it has ended.
ENDED_SHOWN_S = 60.0


def address_words(peer: str) -> str:
    """A sender's address without its port, which says nothing to people."""
    host, _, port = peer.rpartition(":")
    is_host = host.startswith("[") or ":" not in host  # else it is the end of an IPv6 address
    return host.strip("[]") if port.isdecimal() and host and is_host else peer


def kind_words(kind: ConnectionKind) -> str:
    """What is relayed."""
    return {
        ConnectionKind.STREAM: translate("Connections", "Stream"),
        ConnectionKind.WEBSOCKET: translate("Connections", "WebSocket"),
        ConnectionKind.REQUEST: translate("Connections", "Request"),
    }[kind]


_KIND_ICONS = {
    ConnectionKind.STREAM: ("stream", Tone.QUIET),
    ConnectionKind.WEBSOCKET: ("websocket", Tone.QUIET),
    ConnectionKind.REQUEST: ("request", Tone.QUIET),
}


class ConnectionsModel(TableModel[LiveConnection]):
    """What is relayed now, and what ended within the last minute."""

    def __init__(self, parent: QObject | None = None) -> None:
        self._rates: Rates[int] = Rates()
        self._now = 0.0
        super().__init__(
            (
                Column(
                    name="service",
                    title=translate("Connections", "Service"),
                    text=lambda c: c.service,
                    sample="Docs preview",
                    stretch=1,
                ),
                Column(
                    name="from",
                    title=translate("Connections", "From"),
                    text=lambda c: address_words(c.peer),
                    detail=lambda c: c.peer,
                    sample="203.0.113.255",
                    stretch=1,
                ),
                Column(
                    name="what",
                    title=translate("Connections", "What"),
                    text=lambda c: c.about or kind_words(c.kind),
                    icon=lambda c: _KIND_ICONS[c.kind],
                    detail=lambda c: " · ".join(filter(None, (kind_words(c.kind), c.about))),
                    spoken=lambda c: " ".join(filter(None, (kind_words(c.kind), c.about))),
                    sample="GET /products/sofa 200",
                    rank=2,
                    stretch=3,
                ),
                Column(
                    name="started",
                    title=translate("Connections", "Started"),
                    text=lambda c: formats.clock(c.started_at),
                    sort_key=lambda c: c.started_at,
                    sample=formats.widest_clock(),
                    rank=8,
                ),
                Column(
                    name="age",
                    title=translate("Connections", "Age"),
                    text=lambda c: formats.duration(self.age(c)),
                    sort_key=self.age,
                    is_number=True,
                    is_live=True,
                    sample=formats.duration(3_599),
                    rank=3,
                ),
                Column(
                    name="received",
                    title=translate("Connections", "Received"),
                    text=lambda c: formats.size(c.bytes_received),
                    sort_key=lambda c: c.bytes_received,
                    is_number=True,
                    is_live=True,
                    sample=formats.size(99_900_000),
                    rank=6,
                ),
                Column(
                    name="sent",
                    title=translate("Connections", "Sent"),
                    text=lambda c: formats.size(c.bytes_sent),
                    sort_key=lambda c: c.bytes_sent,
                    is_number=True,
                    is_live=True,
                    sample=formats.size(99_900_000),
                    rank=7,
                ),
                Column(
                    name="rate_received",
                    title=translate("Connections", "↓ Rate"),
                    text=lambda c: formats.rate(self.rate(c).received),
                    sort_key=lambda c: self.rate(c).received,
                    is_number=True,
                    is_live=True,
                    sample=formats.rate(99_900_000),
                    rank=4,
                ),
                Column(
                    name="rate_sent",
                    title=translate("Connections", "↑ Rate"),
                    text=lambda c: formats.rate(self.rate(c).sent),
                    sort_key=lambda c: self.rate(c).sent,
                    is_number=True,
                    is_live=True,
                    sample=formats.rate(99_900_000),
                    rank=5,
                ),
                Column(
                    name="state",
                    title=translate("Connections", "State"),
                    text=lambda c: connection_face(c).word,
                    icon=lambda c: connection_face(c)[1:],
                    detail=lambda c: c.error or connection_face(c).word,
                    spoken=lambda c: ": ".join(filter(None, (connection_face(c).word, c.error))),
                    sample=translate("States", "Ended"),
                    rank=0,
                ),
                Column(
                    name="history",
                    title=translate("Connections", "Last minute"),
                    text=lambda _: "",
                    sparkline=lambda c: self._rates.history(c.id),
                    sort_key=lambda c: sum(self._rates.history(c.id)),
                    detail=lambda c: spoken_history(self._rates.history(c.id)),
                    spoken=lambda c: spoken_history(self._rates.history(c.id)),
                    is_live=True,
                    sample="mmmmmmmm",
                    rank=9,
                ),
            ),
            key=lambda connection: connection.id,
            fixed=lambda c: (c.service, c.peer, c.about, c.kind, c.started_at, c.ended_at is None, c.error),
            is_faded=lambda connection: connection.ended_at is not None,
            parent=parent,
        )

    def show(self, snapshot: Snapshot, rates: Rates[int]) -> None:
        """Show the connections of *snapshot*, with *rates* by their ids."""
        self._rates, self._now = rates, snapshot.at
        self.update(_current(snapshot.connections, snapshot.at))
        self.touch()

    def tick(self, now: float) -> None:
        """Time has passed; what ended a minute ago goes."""
        self._now = now
        current = _current(self.rows, now)
        if len(current) != len(self.rows):
            self.update(current)
        self.touch()

    def age(self, connection: LiveConnection) -> float:
        """How long it lasts, or lasted, in seconds."""
        end = self._now if connection.ended_at is None else connection.ended_at
        return max(0.0, end - connection.started_at)

    def rate(self, connection: LiveConnection) -> Rate:
        """What passes at the moment."""
        return NO_RATE if connection.ended_at is not None else self._rates.rate(connection.id)


def _current(connections: tuple[LiveConnection, ...], now: float) -> tuple[LiveConnection, ...]:
    return tuple(c for c in connections if c.ended_at is None or now - c.ended_at < ENDED_SHOWN_S)


def totals(snapshot: Snapshot) -> dict[int, Totals]:
    """The counters of all connections, for their rates."""
    return {c.id: Totals(c.bytes_received, c.bytes_sent) for c in snapshot.connections}


def filtered(model: ConnectionsModel) -> FilterModel[LiveConnection]:
    """The model to show: sorted and filtered."""
    return FilterModel(
        model,
        lambda c: " ".join(
            (c.service, c.peer, c.about, kind_words(c.kind), connection_face(c).word, c.error or "")
        ),
        model,
    )
