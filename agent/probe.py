"""The end-to-end probe: does a sender get through to this very listener?

A request of our own takes the whole way: from here to the gateway as a sender's, and back by the control channel. It is
aimed at this listener by ``Microsoft-Relay-AllowedListeners``, because another one on the same hybrid connection would
prove nothing, and carries a nonce that nobody else knows. The listener that expects this nonce answers at once, before
anything is asked about access, and the local service never hears of it. The answer holds the nonce's SHA-256: only who saw
the nonce can say it.

A ``RelayDesk-Probe`` header with anything else in it is the application's, and reaches the target as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from hyco.fields import values_of
from hyco.messages import Request, Response

from .clock import Clock
from .config import Deadlines
from .credentials import Access
from .errors import AgentError, ConfigError, GatewayRejectedError
from .network import Network
from .sender import send_request

HEADER: Final = "RelayDesk-Probe"
ALLOWED_LISTENERS: Final = "Microsoft-Relay-AllowedListeners"
"""Which listeners may get a request, by the GUIDs of their control channels (protocol reference §5)."""

PROBE_S: Final = 10.0
"""For the whole way. What takes longer does not work, as far as anybody who waits for a page can tell."""

NONCE_BYTES: Final = 16
_NO_CONTENT: Final = 204
_UNAUTHORIZED: Final = 401


@dataclasses.dataclass(frozen=True, slots=True)
class Proven:
    """A request went the whole way and came back."""

    round_trip_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class Impossible:
    """Nobody can tell from here: the key may not send, or the way there takes no requests."""

    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Failed:
    """Senders do not get through."""

    reason: str


ProbeResult: TypeAlias = Proven | Impossible | Failed


class Nonces:
    """The nonce that one listener expects: one at a time, good for one request while its probe runs.

    Args:
        random: Gives so many random bytes.
    """

    def __init__(self, random: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._random = random
        self._expected: str | None = None

    @contextlib.contextmanager
    def expecting(self) -> Iterator[str]:
        """Expect a new nonce for the time of the block; one that was expected before is forgotten."""
        nonce = self._expected = self._random(NONCE_BYTES).hex()
        try:
            yield nonce
        finally:
            if self._expected == nonce:
                self._expected = None

    def recognise(self, request: Request) -> Response | None:
        """Give the answer to *request* if it is our own probe, once; None for everybody else's request."""
        shown = values_of(request.request_headers, HEADER)
        if self._expected is None or len(shown) != 1 or not shown[0].isascii():
            return None
        if not hmac.compare_digest(shown[0], self._expected):
            return None
        nonce, self._expected = self._expected, None
        return Response(
            request_id=request.id,
            status_code=_NO_CONTENT,
            status_description="No Content",
            response_headers=((HEADER, answer_to(nonce)),),
            body=False,
        )


def answer_to(nonce: str) -> str:
    """What the listener says to *nonce*."""
    return hashlib.sha256(nonce.encode()).hexdigest()


async def probe(
    access: Access,
    network: Network,
    deadlines: Deadlines,
    clock: Clock,
    *,
    listener_id: str,
    nonces: Nonces,
    timeout_s: float = PROBE_S,
) -> ProbeResult:
    """Send a request of our own through the gateway to one listener, and see whether it comes back.

    Never raises an AgentError. Cancelling leaves nothing open. A second one on the same *nonces* lets the first fail.

    Args:
        access: The listener's own way to the hybrid connection. Its token is sent along; where senders need none, a gateway
            does not look at it.
        network: The way to the gateway.
        deadlines: Those of a sender; *timeout_s* is above them.
        clock: For the round trip.
        listener_id: The GUID by which the listener opened its control channel.
        nonces: What that listener asks about the requests it gets.
        timeout_s: For all of it.
    """
    began = clock.monotonic()
    try:
        async with asyncio.timeout(timeout_s):
            with nonces.expecting() as nonce:
                headers = ((HEADER, nonce), (ALLOWED_LISTENERS, listener_id))
                async with send_request(
                    access, network, deadlines, clock, suffix="/", headers=headers
                ) as response:
                    answers = values_of(response.headers, HEADER)
                    is_ours = response.status == _NO_CONTENT and answers == [answer_to(nonce)]
    except TimeoutError:
        return Failed(f"nothing came back within {timeout_s:g} s")
    except GatewayRejectedError as error:
        if error.status == _UNAUTHORIZED:
            return Impossible(f"the key does not let this computer send: {error}")
        return Failed(str(error))
    except ConfigError as error:  # a proxy that takes no requests
        return Impossible(str(error))
    except AgentError as error:
        return Failed(str(error))
    if not is_ours:
        return Failed("the request went somewhere else than to this listener")
    return Proven(clock.monotonic() - began)
