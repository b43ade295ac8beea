"""Publishing: a message to every subscriber of a hybrid connection of kind *event*, or to one of kind *one-way*.

By HTTP, one request for each, whose answer tells what became of it; or by a WebSocket, one message for each, whose close tells
what was wrong. At most 64 KiB each, and at most once: nothing is kept for who is not there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from typing import TYPE_CHECKING

from hyco.close_codes import GOING_AWAY, INTERNAL_ERROR, NORMAL, TRY_AGAIN_LATER
from hyco.frames import Close, Fragment
from hyco.frames import Event as FrameEvent
from hyco.handshake import Upgrade, switching_protocols
from hyco.limits import MAX_CONTROL_BODY_BYTES

from .asking import ask_patiently, listener_criteria
from .assembler import MessageAssembler
from .entities import HybridConnection, Kind
from .errors import BadRequestError, HybridConnectionNotFoundError, RefusalError
from .fabric.interface import Ask, Event, Heard
from .front_request import FrontRequest, Headers
from .legs import MessageLeg
from .quotas import Place

if TYPE_CHECKING:
    from .routes import Sender
    from .server import Gateway

log = logging.getLogger(__name__)

#: The longest message.
MAX_EVENT_BYTES = MAX_CONTROL_BODY_BYTES
#: The longest Content-Type, in characters. Ours.
MAX_CONTENT_TYPE = 256
#: Messages of one WebSocket that may wait to be published; above that it is not read.
MAX_UNPUBLISHED = 16

_TEXT_TYPES = frozenset(
    {"application/json", "application/xml", "application/javascript", "application/x-www-form-urlencoded"}
)


def wants_events(request: FrontRequest) -> bool:
    """Whether *request* asks for server-sent events."""
    accepted = ",".join(request.header_values("accept")).lower()
    return request.method == "GET" and "text/event-stream" in accepted


def check_is_whole_name(connection: HybridConnection, canonical: str) -> None:
    """Messages are for a hybrid connection and not for anything below it.

    Raises:
        HybridConnectionNotFoundError: *canonical* goes on behind its name.
    """
    if canonical != connection.canonical:
        raise HybridConnectionNotFoundError


async def publish_request(gateway: Gateway, sender: Sender, headers: Headers) -> None:
    """Publish the body of *sender*'s request, and answer what became of it. *headers* go with the answer.

    Raises:
        RefusalError: No subscriber, none that could be told, or no message.
        BodyCutError: The sender stopped in the middle of it.
    """
    front = sender.request
    check_is_whole_name(sender.connection, sender.target.canonical)
    if front.method != "POST":
        raise RefusalError(
            405,
            "Here POST publishes, and GET with Accept: text/event-stream subscribes.",
            code="MethodNotAllowed",
        )
    body = await _read(front)
    content_type = (front.header("content-type") or "").strip()
    if len(content_type) > MAX_CONTENT_TYPE:
        raise BadRequestError(f"The Content-Type of a message has at most {MAX_CONTENT_TYPE} characters.")
    allowed, disallowed = listener_criteria(front)
    ask = Ask(
        kind="event",
        id=sender.guid,
        message=Event(content_type=content_type, is_text=_is_text(content_type, body)),
        body=body,
        allowed=allowed,
        disallowed=disallowed,
    )
    heard = await _publish(gateway, sender, ask)
    if heard is None:
        front.respond(202, None, headers)
        return
    answer: dict[str, object] = {"delivered": heard.delivered, "dropped": heard.dropped}
    if heard.is_partial:
        answer["incomplete"] = True
    front.respond(200, None, [*headers, ("Content-Type", "application/json")], json.dumps(answer).encode())


async def _publish(gateway: Gateway, sender: Sender, ask: Ask) -> Heard | None:
    """Tell every subscriber, or one: None then."""
    connection = sender.connection
    found = gateway.directory.connection(connection.namespace, connection.canonical)
    if found is None or found.created_at != connection.created_at:
        # it was deleted since the sender was let in; there may be another of its name, with other keys and of another kind
        raise HybridConnectionNotFoundError
    if sender.connection.kind is Kind.EVENT:
        return await gateway.fabric.publish(sender.relay, ask)
    (await ask_patiently(gateway.fabric, sender.relay, ask)).cancel()
    return None


async def _read(front: FrontRequest) -> bytes:
    if (front.body.content_length or 0) > MAX_EVENT_BYTES:
        raise _too_long()
    read = bytearray()
    while piece := await front.body.read():
        read += piece
        if len(read) > MAX_EVENT_BYTES:
            raise _too_long()
    return bytes(read)


def _too_long() -> RefusalError:
    return RefusalError(413, f"A message has at most {MAX_EVENT_BYTES} bytes.", code="TooLarge")


def _is_text(content_type: str, body: bytes) -> bool:
    """Whether it can be shown as text: what it is called says so, or nothing, and it is UTF-8."""
    name = content_type.partition(";")[0].strip().lower()
    if name and not (name.startswith("text/") or name in _TEXT_TYPES or name.endswith(("+json", "+xml"))):
        return False
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


async def publish_websocket(gateway: Gateway, sender: Sender, upgrade: Upgrade) -> None:
    """Answer *sender*'s handshake, and publish each of its messages from then on.

    Raises:
        RefusalError: No place.
    """
    check_is_whole_name(sender.connection, sender.target.canonical)
    place = gateway.places.take(sender.namespace.key)
    publisher = _Publisher(gateway, sender, place)
    publisher.leg = leg = _PublisherLeg(gateway.read_buffer, gateway.pinger, publisher)
    try:
        head = switching_protocols(upgrade.key, None, (("TrackingId", sender.tracking_id),))
        sender.request.upgrade(head, leg)
    except BaseException:
        publisher.leg_lost()
        raise


class _PublisherLeg(MessageLeg):
    """Its Close is answered when all before it is published: the answer says whether it was."""

    __slots__ = ()

    def _handle(self, event: FrameEvent) -> None:
        if isinstance(event, Close) and not self.has_sent_close:
            self.has_received_close = True
            self._owner.close_received(event)
        else:
            super()._handle(event)


class _Publisher:
    """A WebSocket whose messages are published, one after the other: in the order in which they came."""

    def __init__(self, gateway: Gateway, sender: Sender, place: Place) -> None:
        self.leg: MessageLeg | None = None
        self._gateway = gateway
        self._sender = sender
        self._place = place
        self._messages = MessageAssembler(text_limit=MAX_EVENT_BYTES, binary_limit=MAX_EVENT_BYTES)
        self._unpublished: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._work = gateway.spawn(self._run(), f"publisher {sender.tracking_id}")

    def fragment_received(self, fragment: Fragment) -> None:
        """A piece of a message."""
        message = self._messages.add(fragment)
        if message is None:
            return
        self._unpublished.put_nowait(message)
        if self._unpublished.qsize() >= MAX_UNPUBLISHED and self.leg is not None:
            self.leg.pause_reading()

    def close_received(self, close: Close) -> None:
        """It says that it has nothing more; what it said before is published."""
        self._unpublished.put_nowait(None)

    def leg_lost(self) -> None:
        """The connection is gone."""
        self._unpublished.put_nowait(None)

    def writing_resumed(self) -> None:
        """Nothing is written but pings."""

    async def _run(self) -> None:
        code, reason = GOING_AWAY, "The gateway is shutting down."
        try:
            while (message := await self._unpublished.get()) is not None:
                if self.leg is not None and self._unpublished.qsize() < MAX_UNPUBLISHED // 2:
                    self.leg.resume_reading()
                await self._publish(message)
            code, reason = NORMAL, ""
        except RefusalError as error:
            code, reason = TRY_AGAIN_LATER, error.message
        except Exception:
            log.exception("a message could not be published")
            code, reason = INTERNAL_ERROR, "InternalServerError"
        finally:
            self._place.leave()
            if self.leg is not None:
                self.leg.close(code, reason)

    async def _publish(self, message: str | bytes) -> None:
        is_text = isinstance(message, str)
        event = Event(
            content_type="text/plain; charset=utf-8" if is_text else "application/octet-stream",
            is_text=is_text,
        )
        body = message.encode() if isinstance(message, str) else message
        ask = Ask(kind="event", id=str(uuid.uuid4()), message=event, body=body)
        await _publish(self._gateway, self._sender, ask)
