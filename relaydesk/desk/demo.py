"""RelayDesk's own page, served for as long as it is shared: something to open for whoever has nothing to share yet."""

from __future__ import annotations

import asyncio
import logging

from ..demo_page import demo_site

log = logging.getLogger(__name__)


class Demo:
    """Serves the page while it is wanted."""

    def __init__(self) -> None:
        self._wanted: int | None = None
        self._has_changed = asyncio.Event()
        self._has_settled = asyncio.Event()
        self._failure: OSError | None = None
        self.port: int | None = None
        """Where it is served now."""

    async def run(self) -> None:
        """Own the page until cancelled; then it is served no more."""
        while True:
            self._has_changed.clear()
            if self._wanted is None:
                await self._has_changed.wait()
                continue
            try:
                await self._serve(self._wanted)
            except OSError as error:
                log.warning("the demo page cannot be served: %s", error.strerror or error)
                self._failure = error
                self._wanted = None
                self._has_settled.set()

    async def start(self) -> int:
        """Have it served, anywhere where it is not yet; its port.

        Raises:
            OSError: It cannot be.
        """
        if self.port is None:
            self.want(0)
            await self._has_settled.wait()
        if self.port is None:
            raise self._failure or OSError("the demo page cannot be served")
        return self.port

    def want(self, port: int | None) -> None:
        """Have it served at *port* from now on, as it was before; None: not at all."""
        if port in (self._wanted, self.port) and (port is not None or self._wanted is None):
            return
        self._wanted = port
        self._has_settled.clear()
        self._has_changed.set()

    async def _serve(self, port: int) -> None:
        async with demo_site(port) as served:
            self.port = served
            self._has_settled.set()
            try:
                while self._wanted in (port, served):
                    self._has_changed.clear()
                    await self._has_changed.wait()
            finally:
                self.port = None
