"""What nodes say to each other about listeners and senders, as bytes. Pure.

A message is one line of JSON and, behind it, whatever body belongs to it. Nodes of one cluster run one version, or the one
before it: members that are not known are passed over, and what is missing or of the wrong type is refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hyco.errors import RemoteProtocolError
from hyco.fields import Headers
from hyco.messages import Accept, RemoteEndpoint, Request, Response, encode, parse_from_listener

from ..errors import GatewayError
from .interface import Answer, Ask, Event, Heard

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


_HEARD_BY_NOBODY = Heard()


class WireError(GatewayError):
    """Not what a node says."""


class Verb(Enum):
    """What an answer to an ask says."""

    TOLD = "told"
    """A listener has been told: ``listener`` and the ``node`` that it is at."""
    NOT_TOLD = "not told"
    """None was; ``why`` is a Why."""
    ANSWER = "answer"
    """What the listener answered."""
    LOST = "lost"
    """The listener has gone; ``text`` is what its sender hears."""
    HERE = "here"
    """Of a question who has a listener that suits: this ``node``."""
    HEARD = "heard"
    """Of what was published: how many subscribers this ``node`` has told, and how many took nothing."""


class Why(Enum):
    """Why no listener of a node was told."""

    GONE = "gone"
    BUSY = "busy"
    CRITERIA = "criteria"
    SILENT = "silent"
    """Never said: nobody said what became of it."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer to an ask."""

    verb: Verb
    listener: str = ""
    node: str = ""
    why: Why = Why.GONE
    text: str = ""
    answer: Answer | None = None
    owed: frozenset[str] = frozenset()
    """Of those that were asked for, the asks whose answers are still to come."""
    heard: Heard = _HEARD_BY_NOBODY
    relay: str = ""
    """What was published to."""


def ask_bytes(relay: str, ask: Ask) -> bytes:
    """*ask*, which is for a listener of *relay*."""
    message = ask.message
    head: dict[str, Any] = {"relay": relay, "kind": ask.kind, "id": ask.id, "message": _content(message)}
    if isinstance(message, Accept):
        head["isAccept"] = True
    if ask.allowed is not None:
        head["allowed"] = sorted(ask.allowed)
    for name, listeners in (("disallowed", ask.disallowed), ("tried", ask.tried)):
        if listeners:
            head[name] = sorted(listeners)
    if ask.body is not None:
        head["hasBody"] = True
    return _line(head) + (ask.body or b"")


def _content(message: Accept | Request | Event) -> dict[str, Any]:
    if isinstance(message, Event):
        return {"type": message.content_type, "isText": message.is_text}
    content: dict[str, Any] = {
        "address": message.address,
        "id": message.id,
        "from": [message.remote_endpoint.address, message.remote_endpoint.port],
    }
    if isinstance(message, Accept):
        return content | {"headers": message.connect_headers}
    return content | {
        "headers": message.request_headers,
        "target": message.request_target,
        "method": message.method,
        "body": message.body,
    }


def read_ask(data: bytes) -> tuple[str, Ask]:
    """What ask_bytes was given.

    Raises:
        WireError: It is something else.
    """
    head, rest = _read(data)
    try:
        allowed = head.get("allowed")
        kind = head["kind"]
        ask = Ask(
            kind=kind if kind in ("accept", "event") else "request",
            id=str(head["id"]),
            message=_message(head),
            body=rest if head.get("hasBody") else None,
            allowed=None if allowed is None else frozenset(map(str, allowed)),
            disallowed=frozenset(map(str, head.get("disallowed", ()))),
            tried=frozenset(map(str, head.get("tried", ()))),
        )
        return str(head["relay"]), ask
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise WireError(f"no ask: {error!r}") from error


def _message(head: dict[str, Any]) -> Accept | Request | Event:
    content = head["message"]
    if head["kind"] == "event":
        return Event(content_type=str(content["type"]), is_text=bool(content["isText"]))
    endpoint = RemoteEndpoint(address=str(content["from"][0]), port=int(content["from"][1]))
    headers: Headers = tuple((str(name), str(value)) for name, value in content["headers"])
    if head.get("isAccept"):
        return Accept(
            address=str(content["address"]),
            id=str(content["id"]),
            connect_headers=headers,
            remote_endpoint=endpoint,
        )
    return Request(
        address=str(content["address"]),
        id=str(content["id"]),
        request_target=str(content["target"]),
        method=str(content["method"]),
        remote_endpoint=endpoint,
        request_headers=headers,
        body=bool(content["body"]),
    )


def said_bytes(said: Said) -> bytes:
    """*said*."""
    head: dict[str, Any] = {"verb": said.verb.value}
    body = b""
    match said.verb:
        case Verb.TOLD:
            head |= {"listener": said.listener, "node": said.node}
        case Verb.NOT_TOLD:
            head["why"] = said.why.value
        case Verb.HERE:
            head["node"] = said.node
            if said.owed:
                head["owed"] = sorted(said.owed)
        case Verb.HEARD:
            heard = said.heard
            head |= {"node": said.node, "relay": said.relay}
            head |= {"delivered": heard.delivered, "dropped": heard.dropped}
        case Verb.LOST:
            head["text"] = said.text
        case Verb.ANSWER:
            assert said.answer is not None
            head["response"] = encode(said.answer.response)
            if said.answer.body is not None:
                head["hasBody"] = True
                body = said.answer.body
    return _line(head) + body


def read_said(data: bytes) -> Said:
    """What said_bytes was given.

    Raises:
        WireError: It is something else.
    """
    head, rest = _read(data)
    try:
        verb = Verb(head["verb"])
        match verb:
            case Verb.TOLD:
                return Said(verb, listener=str(head["listener"]), node=str(head["node"]))
            case Verb.NOT_TOLD:
                return Said(verb, why=Why(head["why"]))
            case Verb.HERE:
                return Said(verb, node=str(head["node"]), owed=frozenset(map(str, head.get("owed", ()))))
            case Verb.HEARD:
                heard = Heard(delivered=int(head["delivered"]), dropped=int(head["dropped"]))
                return Said(verb, node=str(head["node"]), relay=str(head["relay"]), heard=heard)
            case Verb.LOST:
                return Said(verb, text=str(head["text"]))
            case Verb.ANSWER:
                response = parse_from_listener(str(head["response"]))
                if not isinstance(response, Response):
                    raise WireError("no response")
                return Said(
                    verb, answer=Answer(response=response, body=rest if head.get("hasBody") else None)
                )
    except (KeyError, TypeError, ValueError, RemoteProtocolError) as error:
        raise WireError(f"no answer: {error!r}") from error


def _line(head: dict[str, Any]) -> bytes:
    # surrogates do not occur: names and values have been read as UTF-8 or Latin-1
    return _JSON.encode(head).encode("utf-8", "surrogatepass") + b"\n"


def _read(data: bytes) -> tuple[dict[str, Any], bytes]:
    line, found, rest = data.partition(b"\n")
    try:
        head = json.loads(line.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise WireError("no JSON") from error
    if not found or not isinstance(head, dict):
        raise WireError("no line with an object")
    return head, rest
