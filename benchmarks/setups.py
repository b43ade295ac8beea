"""Relayed connections made and ended, so many at once: what each costs the relay.

One set-up: the sender's handshake with a token, the accept on the control channel, the listener's handshake, both 101s,
one byte there and back in frames, Close from the sender, and the end of its TCP connection.
"""

from __future__ import annotations

import uuid

from hyco.frames import Opcode, close_payload, frame

from . import closed_loop
from .closed_loop import Connection, Loop
from .processes import BenchmarkError
from .relays import PATH, Relay
from .wire import MASK, ControlChannel, target_of, upgrade_request

AT_ONCE = 8

_BYTE = frame(Opcode.BINARY, b"x", mask=MASK)
_CLOSE = frame(Opcode.CLOSE, close_payload(1000), mask=MASK)
_BYTE_BACK = frame(Opcode.BINARY, b"x")
_CLOSE_OPCODE = 0x88
_HEAD_END = b"\r\n\r\n"


def measure(relay: Relay, *, warm_s: float, measure_s: float) -> dict[str, float]:
    """Keep AT_ONCE set-ups under way; ``per_s`` and ``cpu_us`` of *measure_s* seconds after *warm_s*."""
    loop = Loop()
    try:
        _Listener(loop, relay, on_listening=lambda: [_Sender(loop, relay) for _ in range(AT_ONCE)])
        return closed_loop.measure(relay, loop, warm_s=warm_s, measure_s=measure_s)
    finally:
        loop.close()


class _Handshake:
    """A WebSocket's first half: what comes behind the 101 goes to *_frames*."""

    def __init__(self, loop: Loop, relay: Relay, target: str, token: str | None) -> None:
        self._head: bytes | None = b""
        self._connection = Connection(loop, relay.dial, self._received)
        self._connection.write(upgrade_request(relay.dial.host, target, token))

    def _received(self, data: bytes) -> None:
        if self._head is None:
            self._frames(data)
            return
        self._head += data
        head, end, rest = self._head.partition(_HEAD_END)
        if not data or (end and not head.startswith(b"HTTP/1.1 101 ")):
            raise BenchmarkError(f"a handshake failed: {self._head[:500]!r}")
        if end:
            self._head = None
            self._is_open()
            if rest:
                self._frames(rest)

    def _is_open(self) -> None:
        raise NotImplementedError

    def _frames(self, data: bytes) -> None:
        raise NotImplementedError


class _Listener(_Handshake):
    """Comes for every sender it is told of."""

    def __init__(self, loop: Loop, relay: Relay, on_listening: object) -> None:
        self._loop = loop
        self._relay = relay
        self._on_listening = on_listening
        self._channel = ControlChannel()
        super().__init__(loop, relay, f"/$hc/{PATH}?sb-hc-action=listen&sb-hc-id={uuid.uuid4()}", relay.token)

    def _is_open(self) -> None:
        assert callable(self._on_listening)
        self._on_listening()

    def _frames(self, data: bytes) -> None:
        if not data:
            raise BenchmarkError("the relay ended the control channel")
        messages, owed = self._channel.feed(data)
        if owed:
            self._connection.write(owed)
        for message in messages:
            _Rendezvous(self._loop, self._relay, target_of(message["accept"]["address"]), None)


class _Rendezvous(_Handshake):
    """The listener's end: sends a byte back, and answers Close."""

    def _is_open(self) -> None:
        self._got = b""

    def _frames(self, data: bytes) -> None:
        self._got += data
        if self._got.startswith(_BYTE_BACK):
            self._got = self._got[len(_BYTE_BACK) :]
            self._connection.write(_BYTE)
        if self._got and self._got[0] == _CLOSE_OPCODE:
            self._got = b""
            self._connection.write(_CLOSE)


class _Sender(_Handshake):
    """The sender's end; its end is followed by the next one."""

    def __init__(self, loop: Loop, relay: Relay) -> None:
        self._loop = loop
        self._relay = relay
        self._got = b""
        super().__init__(
            loop, relay, f"/$hc/{PATH}?sb-hc-action=connect&sb-hc-id={uuid.uuid4()}", relay.token
        )

    def _is_open(self) -> None:
        self._connection.write(_BYTE)

    def _frames(self, data: bytes) -> None:
        if data:
            was_back = self._got.startswith(_BYTE_BACK)
            self._got += data
            if not was_back and self._got.startswith(_BYTE_BACK):
                self._connection.write(_CLOSE)
            return
        if not self._got.startswith(_BYTE_BACK):
            raise BenchmarkError(f"a relayed connection ended too early, after {self._got!r}")
        self._loop.completed += 1
        _Sender(self._loop, self._relay)
