"""Every state as people meet it: a word, a shape and a tone. A word and a shape each say it alone; colour only helps."""

from __future__ import annotations

from typing import NamedTuple, assert_never

from PySide6.QtCore import QCoreApplication

from agent.config import Direction

from ..snapshot import BundledState, Gateway, Health, LiveConnection, Proof, Service, ServiceState
from .tones import Tone

translate = QCoreApplication.translate


class Face(NamedTuple):
    """How a state looks."""

    word: str
    icon: str
    """The name of a file in ``resources/icons``."""
    tone: Tone


def service_face(service: Service) -> Face:
    """The face of a service."""
    match service.state:
        case ServiceState.ONLINE:
            return _online_face(service)
        case ServiceState.CONNECTING:
            return Face(translate("States", "Connecting"), "tray-working", Tone.BUSY)
        case ServiceState.PORT_CLOSED:
            return Face(translate("States", "Port closed"), "tray-degraded", Tone.WARN)
        case ServiceState.WAITING:
            return Face(translate("States", "Waiting"), "tray-degraded", Tone.WARN)
        case ServiceState.STOPPED:
            return Face(translate("States", "Not working"), "tray-offline", Tone.BAD)
        case ServiceState.PAUSED:
            return Face(translate("States", "Paused"), "tray-paused", Tone.QUIET)
        case ServiceState.EXPIRED:
            return Face(translate("States", "Expired"), "tray-idle", Tone.QUIET)
    assert_never(service.state)


def _online_face(service: Service) -> Face:
    if service.direction is Direction.CONNECT:
        return Face(translate("States", "Ready"), "tray-online", Tone.GOOD)
    match service.proof:
        case Proof.PROVEN:
            return Face(translate("States", "Online"), "tray-online", Tone.GOOD)
        case Proof.PENDING:
            return Face(translate("States", "Checking"), "tray-working", Tone.BUSY)
        case Proof.IMPOSSIBLE:
            return Face(translate("States", "Online, not proven"), "unproven", Tone.GOOD)
        case Proof.FAILED:
            return Face(translate("States", "No answer"), "tray-degraded", Tone.WARN)
    assert_never(service.proof)


def proof_words(service: Service) -> str:
    """What is known of the whole way, in a sentence."""
    match service.proof:
        case Proof.PROVEN:
            return translate(
                "States", "Proven end to end: a request of our own came back through the gateway"
            )
        case Proof.PENDING:
            return translate("States", "Being checked end to end")
        case Proof.IMPOSSIBLE:
            return translate(
                "States", "Not proven end to end: the key may not send, so nobody can tell from here"
            )
        case Proof.FAILED:
            return translate("States", "A request of our own did not come back")
    assert_never(service.proof)


def connection_face(connection: LiveConnection) -> Face:
    """The face of a relayed connection."""
    if connection.error is not None:
        return Face(translate("States", "Failed"), "warning", Tone.WARN)
    if connection.ended_at is not None:
        return Face(translate("States", "Ended"), "tray-idle", Tone.QUIET)
    return Face(translate("States", "Open"), "tray-online", Tone.GOOD)


def gateway_face(gateway: Gateway) -> Face:
    """The face of a gateway."""
    match gateway.bundled:
        case BundledState.STOPPED:
            return Face(translate("States", "Not running"), "tray-idle", Tone.QUIET)
        case BundledState.STARTING:
            return Face(translate("States", "Starting"), "tray-working", Tone.BUSY)
        case BundledState.FAILED:
            return Face(translate("States", "Failed"), "tray-offline", Tone.BAD)
        case BundledState.ELSEWHERE:
            return Face(translate("States", "Running, started elsewhere"), "tray-online", Tone.GOOD)
        case BundledState.RUNNING | None:
            pass
    if gateway.problem is not None:
        return Face(translate("States", "Needs attention"), "tray-degraded", Tone.WARN)
    if gateway.bundled is BundledState.RUNNING:
        return Face(translate("States", "Running"), "tray-online", Tone.GOOD)
    if gateway.services == 0:
        return Face(translate("States", "Not in use"), "tray-idle", Tone.QUIET)
    return Face(translate("States", "In use"), "tray-online", Tone.GOOD)


def health_face(health: Health) -> Face:
    """The face of everything together: the icon of the tray."""
    match health:
        case Health.IDLE:
            return Face(translate("States", "Nothing shared"), "tray-idle", Tone.QUIET)
        case Health.ONLINE:
            return Face(translate("States", "Online"), "tray-online", Tone.GOOD)
        case Health.WORKING:
            return Face(translate("States", "Connecting"), "tray-working", Tone.BUSY)
        case Health.DEGRADED:
            return Face(translate("States", "Needs attention"), "tray-degraded", Tone.WARN)
        case Health.OFFLINE:
            return Face(translate("States", "Offline"), "tray-offline", Tone.BAD)
        case Health.PAUSED:
            return Face(translate("States", "Paused"), "tray-paused", Tone.QUIET)
    assert_never(health)
