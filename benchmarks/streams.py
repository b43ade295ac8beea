"""One stream of frames at full speed, from a sender to its listener: what a gigabyte costs the relay."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from hyco.frames import Opcode, frame

from .processes import BenchmarkError
from .relays import Relay
from .wire import MASK, WebSocket

#: What the generator writes at once: whole frames, and enough of them that its own calls do not show.
BLOCK_BYTES = 512 * 1024
_READ_BYTES = 1024 * 1024


def block_of(frame_bytes: int) -> bytes:
    """Masked frames with *frame_bytes* of payload each, ready to be written over and over."""
    payload = bytes(i * 31 & 0xFF for i in range(frame_bytes))
    one = frame(Opcode.BINARY, payload, mask=MASK)
    return one * max(1, BLOCK_BYTES // len(one))


def payload_share(frame_bytes: int) -> float:
    """Which part of what a relay sends is payload: its frames have no mask, and a header of 2, 4 or 10 bytes.

    A relay may cut a frame in two and add a header; with the frames measured here that stays below 0.01 percent.
    """
    header_bytes = 2 if frame_bytes < 126 else 4 if frame_bytes < 65_536 else 10
    return frame_bytes / (frame_bytes + header_bytes)


class Source(threading.Thread):
    """Writes frames until it is told to stop."""

    def __init__(self, end: WebSocket, block: bytes) -> None:
        super().__init__(name="source", daemon=True)
        self._end = end
        self._block = block
        self.is_stopping = False
        self.error: OSError | None = None

    def run(self) -> None:
        """Write."""
        try:
            while not self.is_stopping:
                self._end.sock.sendall(self._block)
        except OSError as error:
            self.error = error


class _Sink(threading.Thread):
    """Reads and counts until the end."""

    def __init__(self, end: WebSocket) -> None:
        super().__init__(name="sink", daemon=True)
        self._end = end
        self.received_bytes = len(end.early)
        self.error: OSError | None = None

    def run(self) -> None:
        buffer = bytearray(_READ_BYTES)
        receive = self._end.sock.recv_into
        try:
            while count := receive(buffer):
                self.received_bytes += count
        except OSError as error:
            self.error = error


def measure(relay: Relay, *, frame_bytes: int, warm_s: float, measure_s: float) -> dict[str, float]:
    """Stream through *relay*; the figures of *measure_s* seconds after *warm_s*.

    Gives ``cpu_s_per_gb`` (1e9 bytes of payload), ``mb_per_s`` (1e6), and ``generator_share``: how much of one processor
    the generator took. Where that is near 1 and the relay's share is not, ``mb_per_s`` is the generator's limit.
    """
    meeting = relay.meeting()
    sender, listener = meeting.pair()
    source, sink = Source(sender, block_of(frame_bytes)), _Sink(listener)
    sink.start()
    source.start()
    try:
        time.sleep(warm_s)
        before = time.perf_counter(), relay.program.cpu_s(), sink.received_bytes, time.process_time()
        time.sleep(measure_s)
        after = time.perf_counter(), relay.program.cpu_s(), sink.received_bytes, time.process_time()
    finally:
        source.is_stopping = True
        source.join()
        sender.sock.close()
        with contextlib.suppress(OSError):  # it may have ended by now, but need not wait for it
            listener.sock.shutdown(socket.SHUT_RDWR)
        sink.join()
        listener.sock.close()
        meeting.close()
    if source.error is not None:
        raise BenchmarkError(f"{relay.name} stopped taking frames of {frame_bytes} bytes: {source.error}")
    elapsed_s, cpu_s, received_bytes, generator_s = (b - a for a, b in zip(before, after, strict=True))
    payload_bytes = received_bytes * payload_share(frame_bytes)
    if not payload_bytes:
        raise BenchmarkError(f"{relay.name} relayed nothing of frames of {frame_bytes} bytes")
    return {
        "cpu_s_per_gb": cpu_s / payload_bytes * 1e9,
        "mb_per_s": payload_bytes / elapsed_s / 1e6,
        "relay_share": cpu_s / elapsed_s,
        "generator_share": generator_s / elapsed_s,
    }
