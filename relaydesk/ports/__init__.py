"""Ports of this computer: what listens, whose it is, and what it speaks."""

from .kinds import PortKind, guess_kind
from .listening import ANOTHER_USER, Caution, ListeningPort, Process, Reach, listening_ports
from .watcher import Attention, PortWatcher, System

__all__ = [
    "ANOTHER_USER",
    "Attention",
    "Caution",
    "ListeningPort",
    "PortKind",
    "PortWatcher",
    "Process",
    "Reach",
    "System",
    "guess_kind",
    "listening_ports",
]
