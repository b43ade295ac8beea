"""Small HTTP requests that cross on the control channel: what each costs the gateway.

Senders keep their connections alive and wait for each answer; the listener answers at once, 200 with a small body.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

from hyco.frames import Opcode, frame

from . import closed_loop
from .closed_loop import Connection, Loop
from .processes import BenchmarkError
from .relays import PATH, Relay
from .wire import MASK, ControlChannel, upgrade_request

AT_ONCE = 8
BODY = b"a small body, as of an API call."

_HEAD_END = b"\r\n\r\n"


def measure(relay: Relay, *, warm_s: float, measure_s: float) -> dict[str, float]:
    """Keep AT_ONCE requests under way; ``per_s`` and ``cpu_us`` of *measure_s* seconds after *warm_s*."""
    loop = Loop()
    try:
        _Listener(loop, relay, lambda: [Sender(loop, relay) for _ in range(AT_ONCE)])
        return closed_loop.measure(relay, loop, warm_s=warm_s, measure_s=measure_s)
    finally:
        loop.close()


class _Listener:
    """Answers every request on its control channel."""

    def __init__(self, loop: Loop, relay: Relay, on_listening: Callable[[], object]) -> None:
        self._on_listening = on_listening
        self._channel = ControlChannel()
        self._head: bytes | None = b""
        self._connection = Connection(loop, relay.dial, self._received)
        target = f"/$hc/{PATH}?sb-hc-action=listen&sb-hc-id={uuid.uuid4()}"
        self._connection.write(upgrade_request(relay.dial.host, target, relay.token))
        self._body = frame(Opcode.BINARY, BODY, mask=MASK)

    def _received(self, data: bytes) -> None:
        if not data:
            raise BenchmarkError(f"the relay ended the control channel: {self._head!r}")
        if self._head is not None:
            self._head += data
            _, end, data = self._head.partition(_HEAD_END)
            if not end:
                return
            if not self._head.startswith(b"HTTP/1.1 101 "):
                raise BenchmarkError(f"the listener was refused: {self._head!r}")
            self._head = None
            self._on_listening()
        messages, answers = self._channel.feed(data)
        for message in messages:
            if "request" not in message:
                raise BenchmarkError(f"a request was not relayed as one, but as {[*message]}")
            response = {
                "requestId": message["request"]["id"],
                "statusCode": 200,
                "statusDescription": "OK",
                "responseHeaders": {"Content-Type": "text/plain"},
                "body": True,
            }
            text = json.dumps({"response": response}).encode()
            answers += frame(Opcode.TEXT, text, mask=MASK) + self._body
        if answers:
            self._connection.write(answers)


class Sender:
    """One client that asks again and again."""

    def __init__(self, loop: Loop, relay: Relay) -> None:
        self._loop = loop
        self._got = b""
        self._request = (
            f"GET /{PATH}/item?n=1 HTTP/1.1\r\nHost: {relay.dial.host}\r\nAccept: */*\r\n"
            f"ServiceBusAuthorization: {relay.token}\r\n\r\n"
        ).encode()
        self._connection = Connection(loop, relay.dial, self._received)
        self._connection.write(self._request)

    def _received(self, data: bytes) -> None:
        self._got += data
        if not data or not b"HTTP/1.1 200 ".startswith(self._got[:13]):
            raise BenchmarkError(f"a request was not answered: {self._got[:500]!r}")
        if self._got.endswith(_HEAD_END + BODY):
            self._got = b""
            self._loop.completed += 1
            self._connection.write(self._request)
