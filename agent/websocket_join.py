# ruff: noqa: SLF001 - the two legs of a pair know each other
"""A relayed WebSocket joined to the WebSocket endpoint of a local web server.

Frames are moved and not interpreted: text and binary, message borders, close codes and the half-close between
two Close frames stay what they are, and no message is ever held whole. What comes from either server is not
masked; what goes to either is, with a new mask for each frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hyco.errors import RemoteProtocolError
from hyco.frames import Forwarder, Opcode, frame

from .websocket_legs import WebSocketLeg, new_mask


class JoinedLeg(WebSocketLeg):
    """One of the two WebSockets. Its forwarder holds the frames that come in on it and go out on the peer."""

    def __init__(self, name: str, ping_interval_s: float) -> None:
        super().__init__(name, ping_interval_s)
        self._forwarder = Forwarder(is_masked=False, mask_out=new_mask)
        self._is_ping_due = False
        self.capture: Callable[[memoryview, bool], None] | None = None
        """Is given what comes in, and whether a frame begins with it, before anything else happens to it."""

    def write_payload(self, parts: Sequence[bytes | memoryview]) -> None:
        """Send frames that the peer's forwarder has prepared."""
        self.write(b"".join(parts))

    def _received(self, data: memoryview) -> None:
        peer = self._peer
        if not isinstance(peer, JoinedLeg):
            return
        forwarder = self._forwarder
        if self.capture is not None:
            self.capture(data, forwarder.is_at_border)
        was_injecting = bool(forwarder.inject)
        try:
            out = forwarder.feed(data)
        except RemoteProtocolError as error:
            self._refuse(error)
            return
        self._count_payload(forwarder.payload_bytes - self.payload_received)
        if out:
            peer.write_payload((out,))
        if was_injecting and not forwarder.inject:
            peer._pong, peer._is_ping_due = None, False  # they went out between two of the frames
        pings, forwarder.pings = forwarder.pings, ()
        for payload in pings:
            self._ping_received(payload)
        if forwarder.close is not None:
            peer._close = forwarder.close.encode()
            self._close_received(forwarder.close)

    # Pings and pongs of this leg go between the frames that the peer's forwarder writes to it

    def _may_write_controls(self) -> bool:
        if self.is_writing_paused:
            return False
        peer = self._peer
        return not isinstance(peer, JoinedLeg) or peer._forwarder.is_between_frames

    def _write_ping(self) -> bool:
        if self.has_sent_end or self.is_writing_paused:
            return False
        self._is_ping_due = True
        self._write_controls()
        return not self._is_ping_due

    def _write_controls(self) -> None:
        if self.has_sent_end or self.is_writing_paused or not (self._is_ping_due or self._pong is not None):
            return
        controls = b"" if self._pong is None else frame(Opcode.PONG, self._pong, mask=new_mask())
        if self._is_ping_due:
            controls += frame(Opcode.PING, mask=new_mask())
        if self._may_write_controls():
            self._pong, self._is_ping_due = None, False
            self.write(controls)
        if isinstance(self._peer, JoinedLeg):
            self._peer._forwarder.inject = b"" if self._pong is None and not self._is_ping_due else controls
