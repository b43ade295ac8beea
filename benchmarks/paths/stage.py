"""Peers that are up for a round, the load beside them, and peers that are set up for one work alone."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ..peers.cast import Peer, Stage
from ..peers.installing import PeerMissingError
from ..peers.tools import Route, up
from ..relays import Workshop
from .load import Distance, Load, Programs


class Bench:
    """Where works are done. A peer comes up when it is first needed, and stays for the round or until it fails."""

    def __init__(self, shop: Workshop, programs: Programs, load: Load) -> None:
        self._shop = shop
        self._programs = programs
        self.load = load
        self._up: dict[str, tuple[Route, contextlib.ExitStack]] = {}

    def route(self, peer: Peer) -> Route:
        """The peer's path.

        Raises:
            PeerMissingError: It cannot be had here.
            BenchmarkError: It does not come up.
        """
        if peer.name not in self._up:
            with contextlib.ExitStack() as stack:
                route = stack.enter_context(self._set_up(peer))
                self._up[peer.name] = route, stack.pop_all()
        return self._up[peer.name][0]

    def drop(self, peer: Peer) -> None:
        """End the peer's programs, if they run: the next work gets new ones."""
        _, stack = self._up.pop(peer.name, (None, contextlib.ExitStack()))
        stack.close()

    def close(self) -> None:
        """End all programs."""
        with contextlib.ExitStack() as stack:
            for _, own in self._up.values():
                stack.push(own)
            self._up.clear()

    @contextlib.contextmanager
    def fresh(
        self, peer: Peer, round_trip_ms: float | None = None, streams: int = 256
    ) -> Iterator[tuple[Route, Distance | None]]:
        """New programs of the peer for the block alone; with a distance, between its relay and its listener's side.

        *streams*: how many are going to be open at once; some have to be told.

        Raises:
            PeerMissingError: It cannot be had here, or not with a distance.
            BenchmarkError: It does not come up.
        """
        if round_trip_ms is not None and peer.no_distance:
            raise PeerMissingError(peer.no_distance)
        self.drop(peer)  # bore has one port, and can be up once
        distances: list[Distance] = []
        with contextlib.ExitStack() as stack:

            def distant(port: int) -> int:
                if round_trip_ms is None:
                    return port
                distances.append(stack.enter_context(self._programs.distance(port, round_trip_ms)))
                return distances[-1].port

            yield stack.enter_context(self._set_up(peer, distant, streams)), next(iter(distances), None)

    @contextlib.contextmanager
    def _set_up(self, peer: Peer, distant: Callable[[int], int] = int, streams: int = 256) -> Iterator[Route]:
        with tempfile.TemporaryDirectory(prefix="relaydesk-path-") as folder:
            entry, commands = peer.set_up(Stage(Path(folder), self._shop, self.load.port, distant, streams))
            with up(peer.name, entry, commands) as route:
                yield route
