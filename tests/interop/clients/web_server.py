"""A local web server for our agent to lead to: the routes that http_exchanges.py asks for, an echo, and a page."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import WSMsgType, web

from .bodies import pattern
from .lines import tell

_PAGE = Path(__file__).parent / "page.html"
_SUBPROTOCOLS = ("second.relay.test",)

waiting: list[asyncio.Event] = []


async def echo(request: web.Request) -> web.Response:
    """Give the body back."""
    headers = {"X-Method": request.method, "Content-Type": request.content_type}
    return web.Response(body=await request.read(), headers=headers)


async def seen(request: web.Request) -> web.Response:
    """Tell what has arrived."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    return web.json_response({"method": request.method, "target": request.raw_path, "headers": headers})


async def status(request: web.Request) -> web.Response:
    """Answer as the query says."""
    code, reason = int(request.query["code"]), request.query["reason"]
    return web.Response(status=code, reason=reason, headers={"X-Answer": "given"}, text="as you wish")


async def nothing(request: web.Request) -> web.Response:
    """Answer without a body."""
    return web.Response(status=204, reason="Nothing to say")


async def large(request: web.Request) -> web.Response:
    """Answer with as much as the query says."""
    return web.Response(body=pattern(int(request.query["bytes"])))


async def stream(request: web.Request) -> web.StreamResponse:
    """Send one piece, and the last one only after a request for /release."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(pattern(100_000))
    released = asyncio.Event()
    waiting.append(released)
    await released.wait()
    await response.write(b"the last piece")
    await response.write_eof()
    return response


async def release(request: web.Request) -> web.Response:
    """Let every waiting /stream end."""
    while waiting:
        waiting.pop().set()
    return web.Response(text="released")


async def cookies(request: web.Request) -> web.Response:
    """Set two cookies."""
    response = web.Response(text="two")
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return response


async def page(request: web.Request) -> web.FileResponse:
    """The page for the browser."""
    return web.FileResponse(_PAGE)


async def websocket(request: web.Request) -> web.WebSocketResponse:
    """Send every message back; ``close CODE REASON`` closes, and every close is told."""
    socket = web.WebSocketResponse(protocols=_SUBPROTOCOLS, max_msg_size=0)
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
        elif message.data.startswith("close "):
            _, code, reason = message.data.split(" ", 2)
            await socket.close(code=int(code), message=reason.encode())
        else:
            await socket.send_str(message.data)
    tell(event="closed", code=socket.close_code)
    return socket


async def main() -> None:
    """Serve until told to stop."""
    app = web.Application(client_max_size=1 << 30)
    for handler in (echo, seen, status, nothing, large, stream, release, cookies):
        app.router.add_route("*", f"/{handler.__name__}", handler)
    app.router.add_get("/page", page)
    app.router.add_get("/", websocket)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    tell(event="serving", port=runner.addresses[0][1])
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
