"""A small real web site to try things with: a page, what it was asked with, and a stream of events.

``relaydesk demo`` exposes it, and the desktop for whoever has nothing of their own to share yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from .assets import asset

#: Between two events of the page's clock.
_TICK_S = 1.0

#: Headers that the page shows: those by which a relay makes itself known. Cookies and tokens stay out of it.
_SHOWN = (
    "Host",
    "User-Agent",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Prefix",
)


def page_file() -> Path:
    """The page."""
    return asset("demo", "index.html")


@contextlib.asynccontextmanager
async def demo_site(port: int = 0) -> AsyncIterator[int]:
    """Serve the site on loopback while the block runs; its port.

    Args:
        port: Where; 0 for any free port.

    Raises:
        OSError: The port is taken.
    """
    app = web.Application()
    app.router.add_get("/", _page)
    app.router.add_get("/facts", _facts)
    app.router.add_get("/events", _events)
    # a reader of events would keep the site open as long as it likes
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _page(_: web.Request) -> web.StreamResponse:
    return web.FileResponse(page_file(), headers={"Cache-Control": "no-store"})


async def _facts(request: web.Request) -> web.Response:
    headers = {name: request.headers[name] for name in _SHOWN if name in request.headers}
    return web.json_response(
        {"method": request.method, "path": request.path, "headers": headers},
        headers={"Cache-Control": "no-store"},
    )


async def _events(request: web.Request) -> web.StreamResponse:
    """Server-sent events: each must arrive before the next one is written."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    number = 0
    with contextlib.suppress(ConnectionError):
        while True:
            number += 1
            event = {"number": number, "time": time.strftime("%H:%M:%S")}
            await response.write(f"data: {json.dumps(event)}\n\n".encode())
            await asyncio.sleep(_TICK_S)
    return response
