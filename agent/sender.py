"""The sender's side: reach a hybrid connection that somebody else listens on.

Source: protocol reference §17, "Sender".
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import ssl
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from hyco.addresses import connect_url, sender_url
from hyco.fields import Headers

from .clock import Clock
from .config import Deadlines
from .credentials import Access
from .errors import (
    ConfigError,
    GatewayRejectedError,
    GatewayUnreachableError,
    GatewayUntrustedError,
    RelayCutError,
)
from .local_headers import STREAM_HEADER
from .network import Network, explain
from .rendezvous_addresses import parse_address
from .transport import TOKEN_HEADER, USER_AGENT, open_leg, readable_reason
from .websocket_legs import WebSocketLeg

STREAM: Headers = ((STREAM_HEADER, "1"),)
"""What a byte stream says of itself, so that a listener that leads to a web server can refuse it and say why."""


async def connect(
    leg: WebSocketLeg,
    access: Access,
    network: Network,
    deadlines: Deadlines,
    clock: Clock,
    *,
    suffix: str = "",
    query: str = "",
    headers: Iterable[tuple[str, str]] = (),
    subprotocols: Sequence[str] = (),
) -> str | None:
    """Open a relayed WebSocket and make *leg* its protocol; it has yet to be started.

    The gateway holds its answer until a listener came, so this may take as long as ``deadlines.connect_s``.

    Returns:
        The sub-protocol that the listener chose.

    Raises:
        GatewayRejectedError: The gateway or the listener said no; the reason phrase says why.
        GatewayUnreachableError: There was no answer.
        CredentialError: The ready-made token cannot be used, or the invitation is over.
    """
    token = access.token(clock.now())
    proof = [] if token is None else [(TOKEN_HEADER, token.text)]
    url = connect_url(access.endpoint, access.path, tracking_id=str(uuid.uuid4()), suffix=suffix, query=query)
    address = parse_address(url)
    try:
        async with asyncio.timeout(deadlines.connect_s):
            opened = await open_leg(address, network.trusting(access.ca))
            try:
                return await opened.upgrade(
                    leg,
                    address.request_target,
                    headers=[*proof, *access.headers, *headers],
                    subprotocols=subprotocols,
                )
            finally:
                opened.close()
    except TimeoutError as error:
        raise GatewayUnreachableError(f"{access.endpoint.authority} did not answer in time") from error


class SentResponse:
    """The answer to a request that went through a relay. The body is read as it arrives."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status: int = response.status
        self.reason: str = response.reason or ""
        self.headers: Headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers
        )

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the body piece by piece.

        Raises:
            RelayCutError: It ended before its end.
        """
        try:
            async for piece in self._response.content.iter_any():
                yield piece
        except (aiohttp.ClientError, OSError) as error:
            raise RelayCutError(f"the answer was cut short: {explain(error)}") from error


@contextlib.asynccontextmanager
async def send_request(
    access: Access,
    network: Network,
    deadlines: Deadlines,
    clock: Clock,
    *,
    method: str = "GET",
    suffix: str = "",
    query: str = "",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes | AsyncIterator[bytes] | None = None,
    is_for_relay: bool = False,
) -> AsyncIterator[SentResponse]:
    """Make one HTTP request through the relay; the block has the response.

    With *is_for_relay* it is one to the relay itself, whose refusal is a response like any other.

    Nothing is followed, decompressed or added but the token, a ``User-Agent`` and what frames the body.

    Raises:
        GatewayRejectedError: The relay itself said no: its answers have no ``Via`` (protocol reference §6.9).
        GatewayUnreachableError: There was no answer.
        GatewayUntrustedError: Its certificate is not trusted.
        ConfigError: The proxy is of a kind that HTTP requests cannot take.
        CredentialError: The ready-made token cannot be used, or the invitation is over.
    """
    endpoint = access.endpoint
    token = access.token(clock.now())
    sent_headers = CIMultiDict(headers)
    if token is not None:
        sent_headers[TOKEN_HEADER] = token.text
    sent_headers.update(access.headers)
    network = network.trusting(access.ca)
    sent_headers.setdefault("User-Agent", USER_AGENT)
    proxy = network.proxy_for(endpoint.host, endpoint.port, is_secure=endpoint.is_secure)
    if proxy is not None and not proxy.startswith("http://"):
        raise ConfigError("network.proxy: requests can only be sent through an http:// proxy")
    connector = aiohttp.TCPConnector(ssl=network.tls if endpoint.is_secure else True, force_close=True)
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                skip_auto_headers=("Accept-Encoding", "Content-Type"),
                trust_env=False,
            )
        )
        try:
            async with asyncio.timeout(deadlines.connect_s):
                response = await stack.enter_async_context(
                    session.request(
                        method,
                        URL(sender_url(endpoint, access.path, suffix, query), encoded=True),
                        headers=sent_headers,
                        data=io.BytesIO(body) if isinstance(body, bytes) else body,
                        allow_redirects=False,
                        proxy=proxy,
                    )
                )
        except TimeoutError as error:
            raise GatewayUnreachableError(f"{endpoint.authority} did not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            is_untrusted = isinstance(error, ssl.SSLCertVerificationError)  # aiohttp's own is one as well
            kind = GatewayUntrustedError if is_untrusted else GatewayUnreachableError
            raise kind(f"cannot reach {endpoint.authority}: {explain(error)}") from error
        if response.status >= 400 and "Via" not in response.headers and not is_for_relay:
            raise GatewayRejectedError(response.status, readable_reason(response.reason or ""))
        yield SentResponse(response)
