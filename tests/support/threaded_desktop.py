"""A desktop that answers the command line from a thread, without a window: over the real socket, one client after the other."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Generic, Self, TypeVar

import pytest

from relaydesk import control, ipc
from relaydesk.control import Desktop

A = TypeVar("A")


class ThreadedDesktop(Generic[A]):
    """Runs for the time of the block, or until it is told to quit. Its socket is POSIX's.

    Args:
        place: Where it is found.
        actions: What it does; as much of them as is asked for.
    """

    def __init__(self, place: ipc.Place, actions: A) -> None:
        self.actions = actions
        self.ends_late = False
        """Whether it goes on answering after it was told to quit."""
        self._place = place
        self._has_to_end = threading.Event()
        self._is_listening = threading.Event()
        self._desktop = Desktop(actions=actions, show=print, open=print, quit=self._has_to_end.set)  # type: ignore[arg-type]
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_listening.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.ends_late = False
        self._has_to_end.set()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with (
            ipc.claim(self._place) or pytest.fail("nobody has it"),
            socket.socket(socket.AF_UNIX) as listening,
        ):
            listening.bind(str(self._place.socket_file))
            listening.listen()
            listening.settimeout(0.05)
            self._is_listening.set()
            while not self._has_to_end.is_set() or self.ends_late:
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.sendall(asyncio.run(control.answer(connection.recv(65_536), self._desktop)))
