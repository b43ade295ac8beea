"""The one object that views get from the rest of the program: what is shown comes by it, and what is asked for goes by it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from PySide6.QtCore import SignalInstance

from ..actions import Actions
from ..snapshot import Problem

Result = TypeVar("Result")


class Bridge(Protocol):
    """Between views and the desktop."""

    @property
    def snapshot_changed(self) -> SignalInstance:
        """``Signal(object)``: a :class:`~relaydesk.snapshot.Snapshot`, at most twice a second."""
        ...

    @property
    def log_lines(self) -> SignalInstance:
        """``Signal(object)``: a tuple of new :class:`~relaydesk.snapshot.LogLine`."""
        ...

    @property
    def actions(self) -> Actions:
        """What can be asked for."""
        ...

    def do(
        self,
        action: Coroutine[Any, Any, Result],
        *,
        done: Callable[[Result], None] | None = None,
        failed: Callable[[Problem], None] | None = None,
    ) -> None:
        """Run one of the coroutines of ``actions``; its end is told in the Qt event loop.

        *done* and *failed* may be called when the view that asked is gone.
        """
        ...


class WindowMemory(Protocol):
    """Remembers how a window was left: where it was, how its parts were divided."""

    def recall(self, name: str) -> bytes | None:
        """What was kept as *name*; None the first time, or where it cannot be read."""
        ...

    def keep(self, name: str, state: bytes) -> None:
        """Keep *state* as *name*. It may be lost: nothing depends on it."""
        ...
