"""Send a captured request to the local server again, as it was or edited, and capture what comes of it.

Nothing of it goes to the gateway, and no sender is asked for an invitation: whoever does this sits at the local server. The
server is asked the way the relay asks it: a body of up to 64 KiB with its length, a longer one in pieces.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator
from typing import Final

from hyco.fields import is_field_value, is_token
from hyco.limits import MAX_CONTROL_BODY_BYTES
from hyco.messages import Request

from .captured import EditedRequest, ExchangeKind, Lost
from .config import ConnectionConfig
from .dial import target_tls
from .errors import AgentError
from .exchanges import Capture, Exchanges
from .local_server import LocalServer
from .masks import MaskError, unmask
from .spool import Kept

log = logging.getLogger(__name__)

REPLAY_S: Final = 600.0
"""For all of a replay. An answer that never ends is looked at so long."""

_PIECE_BYTES: Final = 65_536

_WHY_LOST: Final = {
    Lost.TOO_LONG: "it is longer than one body may be",
    Lost.TOO_FAST: "more came in a short time than is kept",
    Lost.DISK: "the disk did not take it",
    Lost.MADE_ROOM: "it went when newer ones needed the room",
}


class ReplayError(AgentError):
    """A captured request cannot be sent again; the text says why, and what can be done."""

    retryable = False


@dataclasses.dataclass(frozen=True, slots=True)
class Replay:
    """A request that is ready to be sent."""

    capture: Capture
    """Of what comes of it."""
    request: Request
    body: bytes | Kept | None = dataclasses.field(repr=False)


def prepare(
    exchanges: Exchanges, number: int, edited: EditedRequest | None, config: ConnectionConfig | None = None
) -> Replay:
    """Make the request that repeats exchange *number*, and begin to capture it.

    Args:
        exchanges: Where it is kept.
        number: Its id.
        edited: What to send in its place.
        config: How its service is served now, where it is another way than then.

    Raises:
        ExchangeGoneError: It is not there any more.
        ReplayError: It cannot be sent.
    """
    one = exchanges.find(number)
    if one.kind is ExchangeKind.WEBSOCKET:
        raise ReplayError("a WebSocket is a conversation, and cannot be sent again; HTTP requests can")
    if edited is None:
        edited = EditedRequest(
            method=one.method, request_target=one.request_target, headers=one.request_headers
        )
    else:
        edited = _checked(edited, one)
    body = _captured_body(one) if edited.body is None else edited.body or None
    route = one.route if config is None else dataclasses.replace(one.route, config=config)
    capture = exchanges.capture(
        route,
        method=edited.method,
        request_target=edited.request_target,
        headers=edited.headers,
        remote=one.remote,
        replay_of=number,
    )
    assert capture is not None, "a replay is captured whether capturing is on or off"
    request = Request(
        address="",
        request_target=edited.request_target,
        method=edited.method,
        remote_endpoint=one.remote,
        request_headers=edited.headers,
        body=body is not None,
    )
    return Replay(capture, request, body)


async def send_again(replay: Replay) -> None:
    """On the relay loop: send it, and capture what comes. How that fails is captured as well, and not raised."""
    capture = replay.capture
    error: str | None = "cut: RelayDesk was ended"
    try:
        async with asyncio.timeout(REPLAY_S):
            await _send(replay)
        error = None
    except TimeoutError:
        error = f"the answer had no end within {REPLAY_S:.0f} s"
    except AgentError as failure:
        error = str(failure)
    except Exception as failure:
        log.exception("a replay failed unexpectedly")
        error = f"{type(failure).__name__}; the log has more"
    finally:
        capture.ended(error)


async def _send(replay: Replay) -> None:
    capture, route = replay.capture, replay.capture.route
    server = LocalServer(route, target_tls(route.config), is_timed=True)
    went: list[ReplayError] = []
    try:
        capture.asked()
        async with server.ask(replay.request, _to_send(replay, went), capture) as local:
            capture.answered(local.status, local.reason, local.headers)
            if local.has_body:
                while piece := await local.read_some():
                    capture.response_piece(piece)
            capture.response_ended()
    except AgentError as error:
        raise went[0] if went else error from error
    finally:
        await server.close()


def _to_send(replay: Replay, went: list[ReplayError]) -> bytes | AsyncIterator[bytes] | None:
    """The body, captured anew as it goes out. *went* gets the error where it is gone before its end."""
    capture, body = replay.capture, replay.body
    if body is None or (isinstance(body, bytes) and len(body) <= MAX_CONTROL_BODY_BYTES):
        if body:
            capture.request_piece(body)
        capture.request_ended()
        return body

    async def pieces() -> AsyncIterator[bytes]:
        offset, size = 0, len(body) if isinstance(body, bytes) else body.size
        while offset < size:
            if isinstance(body, bytes):
                piece = body[offset : offset + _PIECE_BYTES]
            else:
                piece = await asyncio.to_thread(body.read, offset, _PIECE_BYTES)
            if not piece:
                went.append(
                    ReplayError("the captured body went while it was being sent; nothing can send it now")
                )
                raise went[0]
            capture.request_piece(piece)
            offset += len(piece)
            yield piece
        capture.request_ended()

    return pieces()


def _captured_body(one: Capture) -> bytes | Kept | None:
    kept = one.request
    assert isinstance(kept, Kept)
    if kept.lost is not None:
        raise ReplayError(
            f"the body of this request is not kept ({_WHY_LOST[kept.lost]}), so it cannot be sent as it was;"
            " edit the request and give it a body"
        )
    if not kept.is_over:
        raise ReplayError(
            "the body of this request did not come to its end, so it cannot be sent as it was;"
            " edit the request and give it a body"
        )
    if kept.size > MAX_CONTROL_BODY_BYTES:
        return kept
    return kept.read(0, kept.size) or None


def _checked(edited: EditedRequest, one: Capture) -> EditedRequest:
    try:
        edited = unmask(edited, one.freeze())
    except MaskError as error:
        raise ReplayError(str(error)) from error
    if not is_token(edited.method):
        raise ReplayError("the method is no word that HTTP allows, such as GET or POST")
    if not edited.request_target.startswith("/"):
        raise ReplayError("the path does not begin with a slash")
    for name, value in edited.headers:
        if not is_token(name):
            raise ReplayError(
                f"{name!r} cannot be the name of a header: it has a blank or a sign that HTTP forbids"
            )
        if not is_field_value(value):
            raise ReplayError(f"the value of {name} has a character that no header may have")
    return edited
