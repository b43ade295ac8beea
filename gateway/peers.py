"""The other gateways of a cluster, and listeners that came to the wrong one.

A sender waits at one gateway, and its listener is given an address there. Behind a balancer that knows one name for all of
them, the listener may arrive anywhere: its address says by which gateway it is awaited, and the one at which it arrived asks
that one in its place and lets the bytes pass, in both directions, as they are. It needs no say in what they mean: the secret in
the address is good once, and only there. (Cluster reference §6.4.)

Who is dialled is read from the store and from nothing that a listener says.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import aiofastnet

from hyco.addresses import Endpoint, parse_endpoint
from hyco.errors import InvalidAddressError

from .errors import ConfigError, PeerUnreachableError
from .front_request import FrontRequest
from .splice import SpliceEnd
from .store.interface import NodeRecord, Store, StoreError
from .tls import TLS_BUFFER_BYTES

log = logging.getLogger(__name__)

#: How long the other gateway may take to be reached.
DIAL_WITHIN_S: Final = 5.0
#: For how long what the store says of nodes is believed; a name that is not in it is looked up again at once.
BELIEVE_S: Final = 10.0
#: How often a name that is nowhere is looked up: whoever invents names must not keep the store busy.
LOOK_AGAIN_S: Final = 1.0
#: Members of a node's details in the store.
NAME: Final = "name"
PEER_URL: Final = "peerUrl"


class Peers:
    """The gateways that share a store.

    Args:
        store: Which has the nodes.
        buffer: The read buffer of the loop.
        ca_file: Whom to trust besides the system's roots.

    Raises:
        ConfigError: *ca_file* cannot be used.
    """

    def __init__(self, store: Store, buffer: memoryview, ca_file: Path | None = None) -> None:
        self._store = store
        self._buffer = buffer
        self._tls = ssl.create_default_context()
        if ca_file is not None:
            try:
                self._tls.load_verify_locations(ca_file)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(f"peer_ca: cannot use {ca_file}: {error.strerror or error}") from error
        self._known: dict[str, Endpoint] = {}
        self._looked_at = -BELIEVE_S
        self._looking = asyncio.Lock()

    async def forward(self, request: FrontRequest, name: str, on_end: Callable[[], None]) -> None:
        """Let the gateway called *name* answer *request* and have its connection; *on_end* is called when that is over.

        Raises:
            PeerUnreachableError: There is none of that name, or it cannot be reached.
        """
        endpoint = await self._find(name)
        if endpoint is None:
            raise PeerUnreachableError
        far = SpliceEnd(self._buffer)
        try:
            async with asyncio.timeout(DIAL_WITHIN_S):
                await self._dial(endpoint, far)
        except (OSError, TimeoutError) as error:
            log.warning(
                "gateway %s cannot be reached at %s: %r",
                name,
                endpoint.http_origin,
                error,
            )
            raise PeerUnreachableError from error
        near = SpliceEnd(self._buffer)
        near.join(far, on_end)
        request.authorized()
        try:
            far.write(_head(request))
            request.become(near)
        except BaseException:
            far.abort()
            raise

    async def _dial(self, endpoint: Endpoint, end: SpliceEnd) -> None:
        loop = asyncio.get_running_loop()
        if endpoint.is_secure:
            await aiofastnet.create_connection(
                loop,
                lambda: end,
                endpoint.host,
                endpoint.port,
                ssl=self._tls,
                ssl_incoming_bio_size=TLS_BUFFER_BYTES,
                ssl_outgoing_bio_size=TLS_BUFFER_BYTES,
            )
        else:
            await loop.create_connection(lambda: end, endpoint.host, endpoint.port)

    async def _find(self, name: str) -> Endpoint | None:
        async with self._looking:
            age_s = asyncio.get_running_loop().time() - self._looked_at
            if age_s > BELIEVE_S or (name not in self._known and age_s > LOOK_AGAIN_S):
                try:
                    self._known = _endpoints(await self._store.nodes())
                except StoreError as error:
                    log.warning("where the other gateways are cannot be looked up: %s", error)
                self._looked_at = asyncio.get_running_loop().time()
            return self._known.get(name)


def _endpoints(nodes: Sequence[NodeRecord]) -> dict[str, Endpoint]:
    found = {}
    for record in sorted(
        nodes, key=lambda record: -record.age_s
    ):  # of two of a name, the one that was heard of last
        name, url = record.details.get(NAME), record.details.get(PEER_URL)
        if isinstance(name, str) and isinstance(url, str) and url:
            try:
                found[name] = parse_endpoint(url)
            except InvalidAddressError as error:
                log.warning("node %s says that it is at %r: %s", record.node, url, error)
    return found


def _head(request: FrontRequest) -> bytes:
    """The head of *request* as it came."""
    lines = [f"{request.method} {request.target} HTTP/{request.http_version}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
