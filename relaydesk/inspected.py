"""What the desktop answers to programs about what it has captured: secrets masked, and in pieces that fit one answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, assert_never

from agent.captured import BodyState, CapturedExchange, Side, phases
from agent.exchange_filter import FilterError, Searchable, compile_filter
from agent.masks import masked
from hyco.fields import Headers

from . import ipc
from .actions import Actions
from .ipc import ErrorCode, RefusedError

#: Exchanges in one answer; each takes half a kilobyte or, with a long path or note, several.
MAX_LISTED: Final = 500

#: Of them all as JSON, within what an answer may take.
MAX_LISTED_BYTES: Final = 3 * 1_048_576

#: Of a path in a list.
MAX_LISTED_CHARACTERS: Final = 2_000

#: Of a body in one answer.
PIECE_BYTES: Final = 1_048_576

InspectorRequest = (
    ipc.ListExchanges | ipc.ShowExchange | ipc.ReadBody | ipc.Curl | ipc.SaveHar | ipc.Replay | ipc.Compare
)


async def ask_inspector(request: InspectorRequest, actions: Actions) -> Mapping[str, object]:
    """Do what *request* asks.

    Raises:
        RefusedError: There is no such exchange, or the filter is none.
        ActionError: It could not be done.
    """
    match request:
        case ipc.ListExchanges():
            return _list(request, actions)
        case ipc.ShowExchange():
            return describe_whole(_known(request.exchange, actions))
        case ipc.ReadBody():
            return await _piece(request, actions)
        case ipc.Curl():
            one = _known(request.exchange, actions)
            return {"line": await actions.curl(one.id, reveals_secrets=request.secrets)}
        case ipc.SaveHar():
            if request.exchange is not None:
                numbers = [_known(request.exchange, actions).id]
            else:
                numbers = [one.id for one in _filtered(actions.exchanges().changed, request.filter)]
            path = Path(request.path)
            if not path.is_absolute():  # the desktop has another folder than whoever asks
                raise RefusedError(ErrorCode.BAD_REQUEST, "the path of the file is not absolute")
            saved = await actions.export_har(sorted(numbers), path, reveals_secrets=request.secrets)
            return {"saved": saved}
        case ipc.Replay():
            return {"exchange": await actions.replay(_known(request.exchange, actions).id)}
        case ipc.Compare():
            one, other = (_known(number, actions) for number in (request.exchange, request.other))
            return {"difference": await actions.difference(one.id, other.id)}
        case _:
            assert_never(request)


def _list(request: ipc.ListExchanges, actions: Actions) -> Mapping[str, object]:
    changes = actions.exchanges(int(request.version or 0))
    found = sorted(_filtered(changes.changed, request.filter), key=lambda one: one.id)
    limit = min(int(request.limit or MAX_LISTED), MAX_LISTED)
    listed: list[dict[str, object]] = []
    room = MAX_LISTED_BYTES
    for one in reversed(found[-limit:]):
        said = describe(masked(one))
        room -= len(json.dumps(said))
        if room < 0:
            break
        listed.append(said)
    return {
        "version": changes.version,
        "capturing": changes.is_capturing,
        "left": len(found) - len(listed),
        "exchanges": listed[::-1],
    }


def _filtered(exchanges: Iterable[CapturedExchange], text: str | None) -> list[CapturedExchange]:
    try:
        keeps = compile_filter(text or "")
    except FilterError as error:
        raise RefusedError(
            ErrorCode.BAD_REQUEST, f"the filter cannot be used: {str(error).rstrip('.')}"
        ) from error
    return [one for one in exchanges if keeps.is_empty or keeps(Searchable(one))]


async def _piece(request: ipc.ReadBody, actions: Actions) -> Mapping[str, object]:
    one = _known(request.exchange, actions)
    if request.side not in ("request", "response"):
        raise RefusedError(ErrorCode.BAD_REQUEST, "the side of a body is request or response")
    is_request = request.side == "request"
    state = one.request_body if is_request else one.response_body
    offset = int(request.offset or 0)
    data = await actions.exchange_body(
        one.id, Side.SENDER if is_request else Side.TARGET, offset, PIECE_BYTES
    )
    return {
        "data": base64.b64encode(data).decode(),
        "isLast": not data or offset + len(data) >= state.kept,
        **_describe_body(state),
    }


def _known(number: float, actions: Actions) -> CapturedExchange:
    found = actions.exchange(int(number))
    if found is None:
        raise RefusedError(ErrorCode.UNKNOWN_EXCHANGE, f"there is no exchange {int(number)}, or not any more")
    return found


def describe(one: CapturedExchange) -> dict[str, object]:
    """A masked exchange as a line of a list."""
    return {
        "id": one.id,
        "service": one.service,
        "kind": one.kind.value,
        "method": one.method,
        "target": one.request_target[:MAX_LISTED_CHARACTERS],
        "status": one.status,
        "startedAt": one.started_at,
        "isOver": one.is_over,
        "durationSeconds": one.timing.ended_s,
        "requestBytes": one.request_body.size,
        "responseBytes": one.response_body.size,
        "peer": one.peer,
        "error": one.error,
        "replayOf": one.replay_of,
        "pinned": one.is_pinned,
        "note": one.note,
    }


def describe_whole(one: CapturedExchange) -> dict[str, object]:
    """All of an exchange but its bodies; secrets are masked here."""
    one = masked(one)
    return {
        **describe(one),
        "target": one.request_target,
        "reason": one.reason,
        "gateway": one.origin,
        "localServer": one.target,
        "requestHeaders": _describe_headers(one.request_headers),
        "responseHeaders": _describe_headers(one.response_headers),
        "requestBody": _describe_body(one.request_body),
        "responseBody": _describe_body(one.response_body),
        "timing": [
            {"phase": phase.value, "startSeconds": round(start, 6), "seconds": round(end - start, 6)}
            for phase, start, end in phases(one.timing)
        ],
    }


def _describe_headers(headers: Headers) -> list[list[str]]:
    return [[name, value] for name, value in headers]


def _describe_body(state: BodyState) -> dict[str, object]:
    return {
        "size": state.size,
        "kept": state.kept,
        "isWhole": state.is_whole,
        "lost": None if state.lost is None else state.lost.value,
    }
