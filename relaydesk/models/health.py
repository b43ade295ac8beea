"""Everything in one glance: what the tray's icon and its tooltip say, and what is wrong for the longest time."""

from __future__ import annotations

import math
from typing import NamedTuple

from PySide6.QtCore import QCoreApplication

from agent.config import Direction

from ..snapshot import Health, KeystoreState, Problem, Service, ServiceState, Snapshot
from . import formats, problems
from .rates import NO_RATE, Rate
from .states import Face, health_face
from .texts import literal

translate = QCoreApplication.translate

_AT_REST = (ServiceState.PAUSED, ServiceState.EXPIRED)


class Glance(NamedTuple):
    """All of it at once."""

    face: Face
    has_public: bool
    """Whether the badge of public shares belongs on the icon."""
    summary: str
    """One line: "3 shared · 4 connections · ↓1.2 MB/s"."""
    pace: str
    """What passes at the moment; empty while nothing does."""
    tooltip: str


class Complaint(NamedTuple):
    """A problem and whose it is."""

    service: Service | None
    """None: the desktop's own."""
    problem: Problem


def glance(snapshot: Snapshot, rate: Rate = NO_RATE, *, now: float | None = None) -> Glance:
    """What the tray shows."""
    summary = summarise(snapshot, rate)
    lines = [summary]
    oldest = oldest_problem(snapshot)
    if oldest is not None and snapshot.health in (Health.DEGRADED, Health.OFFLINE):
        lines.append(describe(oldest, snapshot.at if now is None else now))
    elif snapshot.health is Health.WORKING:
        connecting = [s.name for s in snapshot.services if s.state is ServiceState.CONNECTING]
        if connecting:
            lines.append(
                translate("Health", "Connecting {service}…").format(service=literal(connecting[0], 40))
            )
    elif snapshot.health is Health.PAUSED:
        lines.append(translate("Health", "Paused"))
    if snapshot.public_services:
        lines.append(public_words(snapshot.public_services))
    return Glance(
        health_face(snapshot.health),
        snapshot.public_services > 0,
        summary,
        pace_words(rate),
        "\n".join(lines),
    )


def summarise(snapshot: Snapshot, rate: Rate = NO_RATE) -> str:
    """One line with counts; it leaves out what there is none of."""
    shared = sum(s.direction is Direction.LISTEN and s.state not in _AT_REST for s in snapshot.services)
    connected = sum(s.direction is Direction.CONNECT and s.state not in _AT_REST for s in snapshot.services)
    parts = []
    if shared or not connected:
        parts.append(translate("Health", "%Ln shared", "", shared) if shared else _nothing())
    if connected:
        parts.append(translate("Health", "%Ln connected", "", connected))
    live = sum(connection.ended_at is None for connection in snapshot.connections)
    if live:
        parts.append(connections_words(live))
    return " · ".join(filter(None, (*parts, pace_words(rate))))


def pace_words(rate: Rate) -> str:
    """What passes at the moment, without the way that is quiet."""
    shown = [f"{arrow}{formats.rate(value)}" for arrow, value in zip("↓↑", rate, strict=True) if value >= 1]
    return " · ".join(shown)


def connections_words(number: int) -> str:
    """How many connections."""
    if number == 1:
        return translate("Health", "1 connection")
    return translate("Health", "%Ln connections", "", number)


def public_words(number: int) -> str:
    """How many public shares."""
    if number == 1:
        return translate("Health", "1 public share")
    return translate("Health", "%Ln public shares", "", number)


def complaints(snapshot: Snapshot) -> tuple[Complaint, ...]:
    """Everything that is wrong, the desktop's own first, then by age."""
    own = [] if snapshot.problem is None else [Complaint(None, snapshot.problem)]
    of_services = [
        Complaint(service, service.problem)
        for service in snapshot.services
        if service.problem is not None and service.state is not ServiceState.PAUSED
    ]
    return (*own, *sorted(of_services, key=lambda complaint: _age(complaint.problem)))


def oldest_problem(snapshot: Snapshot) -> Complaint | None:
    """What is wrong for the longest time."""
    found = complaints(snapshot)
    return found[0] if found else None


def describe(complaint: Complaint, now: float) -> str:
    """A problem in one line: whose, what, since when, what next."""
    what = problems.explain(complaint.problem).title
    whose = literal(complaint.service.name, 40) if complaint.service is not None else ""
    parts = [f"{whose}: {what}" if whose else what]
    parts += filter(None, (problems.since(complaint.problem, now), problems.waits(complaint.problem, now)))
    return " · ".join(parts)


def keystore_words(state: KeystoreState) -> str:
    """Where keys are kept, in a sentence."""
    return {
        KeystoreState.SYSTEM: translate("Health", "Keys are kept in your system's keyring."),
        KeystoreState.LOCKED: translate("Health", "The keyring is locked, or did not answer in time."),
        KeystoreState.SEALED_FILE: translate(
            "Health", "Keys are kept in a file sealed with your passphrase."
        ),
        KeystoreState.SEALED_FILE_CLOSED: translate(
            "Health", "Keys are in a sealed file. It needs your passphrase."
        ),
        KeystoreState.UNTIL_QUIT: translate("Health", "Keys are forgotten when RelayDesk quits."),
        KeystoreState.UNDECIDED: translate(
            "Health", "This system has no keyring. Choose where keys are kept."
        ),
    }[state]


def _age(problem: Problem) -> float:
    return math.inf if problem.since is None else problem.since


def _nothing() -> str:
    return translate("Health", "Nothing shared")
