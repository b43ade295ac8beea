"""Two WebSockets joined: what a sender and a listener say to each other, moved and not interpreted.

Each leg has one forwarder, for the frames that come in on it and go out on the other. What the rules ask for
(protocol reference section 4.3):

* the two directions are independent. A Close from one side is passed on and ends that direction alone; the connection
  ends when both sides have said Close;
* a connection that ends without a Close is an abort, and reaches the other side as one;
* ping and pong belong to one hop. Ours go out between frames only;
* the slower side holds the faster one back, and nothing queues in between but the high-water mark.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from hyco.errors import RemoteProtocolError
from hyco.frames import Forwarder, Opcode, frame

from .legs import CLOSE_TIMEOUT_S, Keepalive, Leg

log = logging.getLogger(__name__)

#: The longest read while the other side has not taken all of the one before it. A transport keeps a piece whole until its last
#: byte is sent: two whole reads and what is around them are more than a stalled pair may take (256 KiB).
BEHIND_READ_BYTES = 96 * 1024


class RelayLeg(Leg):
    """One end of a relayed connection."""

    __slots__ = ("_early", "_forwarder", "_is_ping_due", "_on_end", "_peer", "_pong", "bytes_in")

    def __init__(self, buffer: memoryview, keepalive: Keepalive) -> None:
        super().__init__(buffer, keepalive)
        self._forwarder = Forwarder(is_masked=True)
        self._peer: RelayLeg | None = None
        self._early = b""
        self._on_end: Callable[[], None] | None = None
        self._pong: bytes | None = None  # what this peer's latest ping is still owed
        self._is_ping_due = False
        self.bytes_in = 0

    def join(self, peer: RelayLeg, on_end: Callable[[], None]) -> None:
        """Relay between this leg and *peer*, which both have taken over their connections.

        *on_end* is called once, when the second of the two is gone.
        """
        self._peer, peer._peer = peer, self
        self._on_end = peer._on_end = on_end
        for leg in (self, peer):
            early, leg._early = leg._early, b""
            if early:
                leg._received(memoryview(early))
        # one of them may have gone between its 101 and now
        if self.is_lost:
            peer._peer_lost(self)
        elif peer.is_lost:
            self._peer_lost(peer)

    # From the peer of this leg to the other

    def get_buffer(self, sizehint: int) -> memoryview:
        """The buffer that all legs share, or less of it."""
        peer = self._peer
        if peer is not None and peer._transport is not None and peer._transport.get_write_buffer_size():
            return self._buffer[:BEHIND_READ_BYTES]
        return self._buffer

    def _received(self, data: memoryview) -> None:
        peer = self._peer
        if peer is None:
            if not self.is_lost and self._on_end is None:
                self._early += bytes(data)  # one read at most: joining follows the 101 at once
            return
        forwarder = self._forwarder
        if self.has_received_close:
            return
        was_injecting = bool(forwarder.inject)
        try:
            out = forwarder.feed(data)
        except RemoteProtocolError as error:
            log.info("relayed connection: the peer broke the protocol: %s", error)
            self._refuse(error)
            return
        if out:
            if peer.is_lost or peer.has_sent_close:
                self.abort()  # nobody is left to have it, and the peer must not believe otherwise
                return
            self.bytes_in += len(out)
            peer.write(out)
            if was_injecting and not forwarder.inject:
                peer._pong, peer._is_ping_due = None, False
        if forwarder.pings:
            pings, forwarder.pings = forwarder.pings, ()
            self._answer(pings)
        if forwarder.close is not None:
            self.has_received_close = True
            if not (peer.is_lost or peer.has_sent_close):
                peer.has_sent_close = True
                peer.write(frame(Opcode.CLOSE, forwarder.close.encode()))
                peer._end_if_done()
            self._end_if_done()

    def _end_if_done(self) -> None:
        if self.has_sent_close and self.has_received_close:
            self.hang_up()

    def eof_received(self) -> bool:
        """The peer has ended its half of TCP.

        Jetty, and so Microsoft's Java SDK, does this right behind its Close, and still waits for an answer (observed;
        jetty issue 13346). Over plain TCP the other side's Close can be that answer, when it comes: keepalive bounds the
        wait, because nothing more is heard of this peer. The loop's TLS ends both halves at once, so there the answer
        has to be given now.
        """
        if not self.has_received_close or self.has_sent_close or self._peer is None or self._peer.is_lost:
            return False
        assert self._transport is not None
        if not self._is_tls:
            return True
        if self._peer._forwarder.is_between_frames and self._forwarder.close is not None:
            self.has_sent_close = True
            self.write(frame(Opcode.CLOSE, self._forwarder.close.encode()))
        return False

    # From the gateway to the peer of this leg

    def _may_write_control(self) -> bool:
        return not self.is_writing_paused and (self._peer is None or self._peer._forwarder.is_between_frames)

    def _send_ping(self) -> None:
        self._is_ping_due = True
        self._send_control()

    def _answer(self, pings: Sequence[bytes]) -> None:
        """Answer the pings of one read: all of them now, or only the latest when the peer is behind with its reading."""
        if self._may_write_control():
            self._pong = None
            self.write(b"".join(frame(Opcode.PONG, payload) for payload in pings))
        else:
            self._pong = pings[-1]
            self._send_control()

    def _send_control(self) -> None:
        """Write the pong and the ping that are due, or leave them with the forwarder for its next border of frames.

        Each replaces the one before it: a peer that never reads is owed one pong, however often it pings. A peer that
        was told Close still gets its pongs: half of the connection is open, and it may live on them.
        """
        if self._pong is None and not self._is_ping_due:
            return
        frames = b"" if self._pong is None else frame(Opcode.PONG, self._pong)
        if self._is_ping_due:
            frames += frame(Opcode.PING)
        if self.is_writing_paused:
            return
        source = self._peer._forwarder if self._peer is not None else None
        if source is not None and not source.is_between_frames:
            source.inject = frames
            return
        self._pong, self._is_ping_due = None, False
        if source is not None:
            source.inject = b""
        self.write(frames)

    def pause_writing(self) -> None:
        """This leg's peer is slow: hold the other one back."""
        super().pause_writing()
        if self._peer is not None:
            self._peer.pause_reading()

    def resume_writing(self) -> None:
        """This leg's peer takes bytes again."""
        super().resume_writing()
        self._send_control()
        if self._peer is not None:
            self._peer.resume_reading()

    # Ends

    def _lost(self) -> None:
        peer = self._peer
        if peer is None:
            return  # not joined yet: join() looks at is_lost
        if peer.is_lost:
            on_end, self._on_end, peer._on_end = self._on_end, None, None
            self._peer = peer._peer = None
            if on_end is not None:
                on_end()
            return
        peer._peer_lost(self)

    def _peer_lost(self, gone: RelayLeg) -> None:
        self.resume_reading()
        if gone.has_received_close and self.has_received_close:
            return  # both said Close; this one is on its way out as well
        if gone.has_received_close and self.has_sent_close:
            # it said all it had to say and left without waiting; this side may still say Close, and nothing else
            self._abort_after(CLOSE_TIMEOUT_S)
            return
        self.hang_up()
