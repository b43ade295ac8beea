"""Ask the target's web server, as an HTTP client that changes nothing.

No redirect is followed, no cookie kept, no body decompressed, no header made up. Connections are reused. The
address comes from the settings; a relayed request chooses its path and query, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import types
from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from multidict import CIMultiDict

from hyco.errors import InvalidAddressError
from hyco.fields import Headers
from hyco.http_rules import has_response_body, local_response_headers
from hyco.limits import MAX_HEADER_BYTES
from hyco.messages import Request

from .errors import LocalServerError
from .exchanges import Capture
from .local_headers import for_local_server, local_path
from .network import explain
from .route import Route

KEEP_ALIVE_S: Final = 3.0
"""How long an idle connection is kept: less than the five seconds after which Node's and uvicorn's servers close
theirs, so that a request rarely runs into that."""

_MADE_UP_BY_THE_CLIENT: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class LocalResponse:
    """A response whose head has come; its body is read as it arrives."""

    def __init__(self, response: aiohttp.ClientResponse, method: str, body_idle_s: float) -> None:
        self._response = response
        self._body_idle_s = body_idle_s
        self.status: int = response.status
        self.reason: str | None = response.reason or None
        self.headers: Headers = local_response_headers(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers
        )
        self.has_body: bool = has_response_body(method, self.status) and response.content_length != 0
        self.length: int | None = response.content_length

    @property
    def is_event_stream(self) -> bool:
        """Whether each piece of the body matters as soon as it is there."""
        return self._response.content_type == "text/event-stream"

    async def read_some(self) -> bytes:
        """Wait for the next piece of the body; empty at its end. Cancelling loses nothing.

        Raises:
            LocalServerError: The body ended before its end, or fell silent for too long.
        """
        try:
            async with asyncio.timeout(self._body_idle_s):
                return await self._response.content.readany()
        except TimeoutError as error:
            raise LocalServerError(504, "The target fell silent in the middle of its answer") from error
        except (aiohttp.ClientError, OSError) as error:
            raise LocalServerError(502, "The target's answer ended before its end") from error


def _in_a_line(error: Exception) -> str:
    """What aiohttp says of an answer that is none, without the drawing below it that shows where."""
    if isinstance(error, aiohttp.ClientResponseError):
        return " ".join(error.message.partition("\n\n")[0].split()).rstrip(":")
    return str(error)


class LocalServer:
    """The web server that a hybrid connection leads to. It lives on the relay loop.

    Args:
        route: The hybrid connection.
        tls: For an ``https://`` target.
        is_timed: Whether new connections are told to the captures that asked.
    """

    def __init__(self, route: Route, tls: ssl.SSLContext | None, *, is_timed: bool = False) -> None:
        self._route = route
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=route.config.max_requests,
                ssl=tls if tls is not None else True,
                keepalive_timeout=KEEP_ALIVE_S,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=route.deadlines.target_dial_s),
            auto_decompress=False,
            skip_auto_headers=_MADE_UP_BY_THE_CLIENT,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            trust_env=False,
            trace_configs=[_connections_told()] if is_timed else None,
        )

    async def close(self) -> None:
        """Close the connections that are kept for reuse."""
        await self._session.close()

    @contextlib.asynccontextmanager
    async def ask(
        self, request: Request, body: bytes | AsyncIterator[bytes] | None, capture: Capture | None = None
    ) -> AsyncIterator[LocalResponse]:
        """Make *request*; the block has the response. Leaving it early ends the connection.

        *capture* is told when a new connection was made for it.

        The deadline for the head counts from the last piece of *body* that was taken.

        Raises:
            LocalServerError: There is no response. Its reason may be shown to the sender.
        """
        timeout_s = self._route.deadlines.response_start_s
        loop = asyncio.get_running_loop()
        is_waiting = True
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(timeout_s) as deadline:

                    async def pieces(source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
                        async for piece in source:
                            if is_waiting and not deadline.expired():
                                deadline.reschedule(loop.time() + timeout_s)
                            yield piece

                    data = body if body is None or isinstance(body, bytes) else pieces(body)
                    response = await stack.enter_async_context(self._request(request, data, capture))
                    is_waiting = False
            except TimeoutError as error:
                raise LocalServerError(504, "The target did not answer in time") from error
            except aiohttp.ClientConnectorError as error:
                raise LocalServerError(502, "The listener cannot reach its target", explain(error)) from error
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise LocalServerError(
                    502, "The target did not answer as a web server does", _in_a_line(error)
                ) from error
            except InvalidAddressError as error:
                raise LocalServerError(400, "The listener cannot use the path of this request") from error
            yield LocalResponse(response, request.method, self._route.deadlines.body_idle_s)

    def _request(
        self, request: Request, data: bytes | AsyncIterator[bytes] | None, capture: Capture | None
    ) -> contextlib.AbstractAsyncContextManager[aiohttp.ClientResponse]:
        route = self._route
        headers = for_local_server(request.request_headers, request.remote_endpoint, route)
        return self._session.request(
            request.method,
            route.target.url(local_path(request.request_target, route)),
            headers=CIMultiDict(headers),
            data=data,
            allow_redirects=False,
            trace_request_ctx=capture,
        )


def _connections_told() -> aiohttp.TraceConfig:
    async def tell(
        _session: aiohttp.ClientSession,
        context: types.SimpleNamespace,
        _params: aiohttp.TraceConnectionCreateEndParams,
    ) -> None:
        capture = context.trace_request_ctx
        if isinstance(capture, Capture):
            capture.connected()

    config = aiohttp.TraceConfig()
    config.on_connection_create_end.append(tell)
    return config
