"""The table of services."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QObject

from agent.config import Direction
from agent.status import Traffic

from ..snapshot import Service, ServiceState, Snapshot
from . import formats, health, problems
from .rates import Rate, Rates, Totals
from .states import proof_words, service_face
from .tables import Column, FilterModel, TableModel
from .tones import Tone

translate = QCoreApplication.translate

_NO_TRAFFIC = Traffic()

#: The states in which nothing goes on.
AT_REST = (ServiceState.PAUSED, ServiceState.EXPIRED, ServiceState.STOPPED)


def spoken_history(values: Sequence[float]) -> str:
    """A sparkline for those who do not see it."""
    if not any(values):
        return translate("Services", "last minute: quiet")
    return translate("Services", "last minute: average {average}, peak {peak}").format(
        average=_rate_words(sum(values) / len(values)),
        peak=_rate_words(max(values)),
    )


def _rate_words(value: float) -> str:
    return formats.rate(value) or translate("Formats", "{size}/s").format(size=formats.size(0))


def both_rates(rate: Rate) -> str:
    """Both ways in one cell, without the one that is quiet."""
    return " ".join(
        f"{arrow}{formats.rate(value)}" for arrow, value in zip("↓↑", rate, strict=True) if value >= 1
    )


def who_words(service: Service, now: float) -> str:
    """Who may use it, and how long."""
    if service.direction is Direction.CONNECT:
        who = translate("Services", "This computer")
    elif service.is_public:
        who = translate("Services", "Everybody")
    elif service.invitations:
        who = translate("Services", "%Ln invited", "", len(service.invitations))
    else:
        who = translate("Services", "With a key")
    if service.expires_at is None:
        return who
    left = service.expires_at - now
    until = formats.rough_duration(left) if left > 0 else expiry_words(service, now)
    return f"{who} · {until}"


def expiry_words(service: Service, now: float) -> str:
    """How long it lasts."""
    if service.expires_at is None:
        return translate("Services", "until it is stopped")
    if service.expires_at <= now:
        return translate("Services", "over")
    return translate("Services", "{duration} left").format(
        duration=formats.rough_duration(service.expires_at - now)
    )


def local_words(service: Service) -> str:
    """The local address, and which way it leads."""
    return service.local


class ServicesModel(TableModel[Service]):
    """Every service, with rates of the last minute."""

    def __init__(self, parent: QObject | None = None) -> None:
        self._rates: Rates[str] = Rates()
        self._now = 0.0
        super().__init__(
            (
                Column(
                    name="state",
                    title=translate("Services", "State"),
                    text=lambda s: service_face(s).word,
                    icon=lambda s: service_face(s)[1:],
                    detail=self._state_detail,
                    spoken=self._state_detail,
                    sample=translate("States", "Online, not proven"),
                ),
                Column(
                    name="service",
                    title=translate("Services", "Service"),
                    text=lambda s: s.name,
                    icon=lambda s: ("public", Tone.WARN) if s.is_public else None,
                    spoken=lambda s: (
                        translate("Services", "{name}, public").format(name=s.name) if s.is_public else s.name
                    ),
                    sample="Storefront",
                    stretch=3,
                ),
                Column(
                    name="local",
                    title=translate("Services", "Local"),
                    text=local_words,
                    sample="127.0.0.1:65535",
                    rank=1,
                    stretch=1,
                ),
                Column(
                    name="process",
                    title=translate("Services", "Program"),
                    text=lambda s: s.process or s.project,
                    detail=lambda s: " · ".join(filter(None, (s.process, s.project))),
                    sample="postgres.exe",
                    rank=6,
                ),
                Column(
                    name="path",
                    title=translate("Services", "Gateway / path"),
                    text=lambda s: f"{s.gateway} / {s.path}",
                    sample="contoso / storefront",
                    rank=7,
                    stretch=2,
                ),
                Column(
                    name="who",
                    title=translate("Services", "Who"),
                    text=lambda s: who_words(s, self._now),
                    sort_key=lambda s: math.inf if s.expires_at is None else s.expires_at,
                    is_live=True,
                    sample=f"{translate('Services', 'This computer')} · {formats.rough_duration(4 * 86_400)}",
                    rank=4,
                ),
                Column(
                    name="connections",
                    title=translate("Services", "Open"),
                    text=lambda s: formats.count(open_count(s)) if open_count(s) else "",
                    spoken=lambda s: health.connections_words(open_count(s)),
                    sort_key=open_count,
                    detail=lambda s: translate(
                        "Services", "%Ln in all", "", s.traffic.total_connections + s.traffic.total_requests
                    ),
                    is_number=True,
                    is_live=True,
                    sample=formats.count(1_000),
                    rank=3,
                ),
                Column(
                    name="rate",
                    title=translate("Services", "Rate"),
                    text=lambda s: both_rates(self.rate(s)),
                    sort_key=lambda s: self.rate(s).both,
                    is_number=True,
                    is_live=True,
                    sample=both_rates(Rate(99_900, 9_900_000)),
                    rank=5,
                ),
                Column(
                    name="round_trip",
                    title=translate("Services", "Round trip"),
                    text=lambda s: formats.round_trip(s.round_trip_s),
                    sort_key=lambda s: math.inf if s.round_trip_s is None else s.round_trip_s,
                    detail=proof_words,
                    is_number=True,
                    is_live=True,
                    sample=formats.round_trip(0.1),
                    rank=8,
                ),
                Column(
                    name="history",
                    title=translate("Services", "Last minute"),
                    text=lambda _: "",
                    sparkline=lambda s: self._rates.history(s.name),
                    sort_key=lambda s: sum(self._rates.history(s.name)),
                    detail=lambda s: spoken_history(self._rates.history(s.name)),
                    spoken=lambda s: spoken_history(self._rates.history(s.name)),
                    is_live=True,
                    sample="mmmmmmm",
                    rank=2,
                ),
            ),
            key=lambda service: service.name,
            # All but what flows: a service changes seldom, and its details are many.
            fixed=lambda service: dataclasses.replace(service, traffic=_NO_TRAFFIC, round_trip_s=None),
            is_faded=lambda service: service.state in AT_REST,
            parent=parent,
        )

    def show(self, snapshot: Snapshot, rates: Rates[str]) -> None:
        """Show the services of *snapshot*, with *rates* by their names."""
        self._rates, self._now = rates, snapshot.at
        self.update(snapshot.services)
        self.touch()

    def tick(self, now: float) -> None:
        """Time has passed."""
        self._now = now
        self.touch()

    def rate(self, service: Service) -> Rate:
        """What passes at the moment."""
        return self._rates.rate(service.name)

    def _state_detail(self, service: Service) -> str:
        word = service_face(service).word
        if service.problem is None:
            return word
        return f"{word}: {problems.explain(service.problem).title}"


def open_count(service: Service) -> int:
    """How many connections and requests go on."""
    return service.traffic.open_connections + service.traffic.open_requests


def totals(snapshot: Snapshot) -> dict[str, Totals]:
    """The counters of all services, for their rates."""
    return {s.name: Totals(s.traffic.bytes_received, s.traffic.bytes_sent) for s in snapshot.services}


def filtered(model: ServicesModel) -> FilterModel[Service]:
    """The model to show: sorted and filtered."""
    return FilterModel(
        model,
        lambda s: f"{s.name} {s.local} {s.process} {s.project} {s.gateway} {s.path} {service_face(s).word}",
        model,
    )
