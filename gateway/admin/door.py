"""Connections to the admin API: so many and no more, because aiohttp waits for a request for as long as it takes.

They share the descriptors of the process with everything that is relayed, and whoever is on this computer may open
them. Requests are short, so of too many connections the oldest is the one that is most likely waiting for nothing.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

#: At one time. Commands and dashboards have a few.
MAX_CONNECTIONS = 64


class AdminDoor:
    """Makes the protocols of accepted connections."""

    def __init__(self, server: web.Server) -> None:
        self._server = server

    def accept(self) -> asyncio.Protocol:
        """A connection more; the oldest end if that is one too many."""
        present = self._server.connections
        for oldest in present[: max(0, len(present) + 1 - MAX_CONNECTIONS)]:
            transport = oldest.transport
            oldest.force_close()
            if transport is not None:
                transport.abort()  # closing alone would wait for a peer that does not read
        return self._server()
