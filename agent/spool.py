# ruff: noqa: SLF001 - the spool and its bodies are one mechanism
"""Bodies that are kept to be looked at: short ones in memory, long ones in files of a private folder, all within bounds.

Whoever relays the bytes appends them and never waits: a thread writes the files. What it cannot keep up with, or the disk
does not take, is lost from there on and says so; what is relayed is not touched by any of that.

A body is appended to on one thread and read on any.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import stat
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Final

from hyco.frames import BytesLike

from .captured import Lost
from .clock import Clock

log = logging.getLogger(__name__)

MAX_IN_MEMORY_BYTES: Final = 262_144
"""A longer body goes to a file."""

MAX_BODY_BYTES: Final = 134_217_728
"""Of one body. It leaves room for others, and for the 100 MB that people try first."""

MAX_UNWRITTEN_BYTES: Final = 16_777_216
"""What may wait for the disk, of all bodies together; above it the body that brings more is cut."""

BURST_BYTES: Final = 201_326_592
BYTES_PER_S: Final = 16_777_216
"""So much goes to files at once, and so much a second in the long run: writing all that a relay can move would cost it a
quarter of its speed (measured), and nobody looks at gigabytes. Above it bodies are cut."""

_WRITE_BYTES: Final = 1_048_576
"""At one time."""

_STOP_S: Final = 5.0
_SUFFIX: Final = ".body"


class Kept:
    """One body. Made by :meth:`Spool.body`."""

    __slots__ = (
        "_file",
        "_is_queued",
        "_pieces",
        "_short",
        "_spool",
        "_waiting",
        "_written",
        "is_over",
        "lost",
        "max_bytes",
        "size",
    )

    def __init__(self, spool: Spool, max_bytes: int) -> None:
        self._spool = spool
        self._short = bytearray()  # while it is short
        self._pieces: deque[bytes] = deque()  # once it is long: what waits for the disk, of _waiting bytes
        self._waiting = 0
        self._written = 0
        self._file: Path | None = None
        self._is_queued = False
        self.max_bytes = max_bytes
        self.size = 0
        """What was appended, kept or not."""
        self.lost: Lost | None = None
        self.is_over = False
        """Whether it came to its end."""

    @property
    def kept(self) -> int:
        """How much can be read, from its beginning."""
        return len(self._short) + self._written + self._waiting

    def append(self, data: BytesLike) -> None:
        """Add what came next."""
        self.size += len(data)
        if self.lost is None:
            self._spool.append(self, data)

    def read(self, offset: int, length: int) -> bytes:
        """At most *length* bytes from *offset* on; empty behind the end, or where it is gone. May read a file."""
        return self._spool.read(self, offset, length)

    def discard(self) -> None:
        """Forget what is kept, to make room."""
        self._spool.discard(self)


class Spool:
    """Keeps bodies.

    Args:
        folder: For this alone, and of this user alone; made where it is missing, emptied before and at the end.
        clock: Time.
    """

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self._folder = folder
        self._clock = clock or Clock()
        self._allowance = float(BURST_BYTES)
        self._allowed_at = self._clock.monotonic()
        self._lock = threading.Lock()
        # A body is in it once at most, and what is to be removed once: bounded by how many bodies there are.
        self._queue: queue.SimpleQueue[Kept | Path | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._refusal: OSError | None = None
        self._has_failed = False
        self._number = 0
        self.unwritten_bytes = 0
        """What waits for the disk."""
        self.memory_bytes = 0
        """What short bodies hold."""
        self.disk_bytes = 0
        """What long ones hold, or are about to."""

    def begin(self) -> None:
        """Make the folder, remove what a program that was killed left in it, and begin to write. Does not wait for any of it."""
        if self._thread is None and not self._is_closed:
            self._thread = threading.Thread(target=self._run, name="capture spool", daemon=True)
            self._thread.start()

    def body(self, max_bytes: int = MAX_BODY_BYTES) -> Kept:
        """Begin a body."""
        return Kept(self, max_bytes)

    def append(self, body: Kept, data: BytesLike) -> None:
        """See :meth:`Kept.append`."""
        with self._lock:
            if self._is_closed:
                return
            room = body.max_bytes - body.kept
            if len(data) > room:
                body.lost = Lost.TOO_LONG
                data = data[:room]
            size = len(data)
            if body._file is None:
                if len(body._short) + size <= MAX_IN_MEMORY_BYTES:
                    body._short += data
                    self.memory_bytes += size
                    return
                self._to_file(body)
            if self.unwritten_bytes + size > MAX_UNWRITTEN_BYTES or not self._allows(size):
                body.lost = Lost.TOO_FAST
                return
            # what comes as bytes is nobody's to change, and need not be copied
            self._add(body, data if isinstance(data, bytes) else bytes(data))

    def read(self, body: Kept, offset: int, length: int) -> bytes:
        """See :meth:`Kept.read`."""
        with self._lock:
            written, file = body._written, body._file
            unwritten = body._short if file is None else b"".join(body._pieces) if body._pieces else b""
            start = max(offset - written, 0)
            rest = bytes(unwritten[start : max(offset + length - written, 0)])
        if file is None or offset >= written:
            return rest
        wanted = min(written, offset + length) - offset
        try:
            with file.open("rb") as source:
                source.seek(offset)
                begun = source.read(wanted)
        except OSError:  # it was discarded in this moment, or somebody emptied the folder
            return b""
        return begun + rest if len(begun) == wanted else begun

    def discard(self, body: Kept) -> None:
        """See :meth:`Kept.discard`."""
        with self._lock:
            self._forget(body, Lost.MADE_ROOM)
            file, body._file = body._file, None
        if file is not None:
            self._queue.put(file)

    def close(self) -> None:
        """Forget everything, and remove the files; waits, bounded, for a write that goes on."""
        with self._lock:
            self._is_closed = True
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join(_STOP_S)

    def has_room(self) -> bool:
        """Whether a long body that begins now would be kept for a good while."""
        with self._lock:
            self._allows(0)
            return self._allowance >= BURST_BYTES / 8 and self.unwritten_bytes < MAX_UNWRITTEN_BYTES / 2

    def _allows(self, size: int) -> bool:
        now = self._clock.monotonic()
        self._allowance = min(BURST_BYTES, self._allowance + (now - self._allowed_at) * BYTES_PER_S)
        self._allowed_at = now
        if self._allowance < size:
            return False
        self._allowance -= size
        return True

    def _forget(self, body: Kept, why: Lost) -> None:
        self.memory_bytes -= len(body._short)
        self.unwritten_bytes -= body._waiting
        self.disk_bytes -= body._waiting + body._written
        body.lost = why
        body._short = bytearray()
        body._pieces.clear()
        body._waiting = body._written = 0

    # --- files

    def _to_file(self, body: Kept) -> None:
        """Have a body that got long written out from now on."""
        self._number += 1
        body._file = self._folder / f"{self._number}{_SUFFIX}"
        short, body._short = body._short, bytearray()
        self.memory_bytes -= len(short)
        if short:
            self._add(body, bytes(short))

    def _add(self, body: Kept, piece: bytes) -> None:
        body._pieces.append(piece)
        body._waiting += len(piece)
        self.unwritten_bytes += len(piece)
        self.disk_bytes += len(piece)
        self._enqueue(body)

    def _enqueue(self, body: Kept) -> None:
        if not body._is_queued:
            body._is_queued = True
            self._queue.put(body)

    def _run(self) -> None:
        self._refusal = self._prepare()
        while (work := self._queue.get()) is not None:
            if isinstance(work, Path):
                with contextlib.suppress(OSError):
                    work.unlink()
            elif not self._is_closed:
                self._write(work)
        if self._refusal is None:
            self._prepare()

    def _write(self, body: Kept) -> None:
        with self._lock:
            body._is_queued = False
            pieces, size = [], 0
            for piece in body._pieces:
                pieces.append(piece)
                size += len(piece)
                if size >= _WRITE_BYTES:
                    break
            file = body._file
        if file is None or not pieces:
            return
        error = self._append_to(file, pieces)
        with self._lock:
            if body._file is None:  # it was discarded meanwhile
                self._queue.put(file)
                return
            if error is not None:
                self._forget(body, Lost.DISK)
                body._file = None
                self._queue.put(file)
            else:
                for _ in pieces:
                    body._pieces.popleft()
                body._waiting -= size
                body._written += size
                self.unwritten_bytes -= size
                if body._pieces:
                    self._enqueue(body)
        if error is not None and not self._has_failed:  # once: it is the same for the next ones
            self._has_failed = True
            log.warning("long bodies are not kept for the inspector: %s", error)

    def _append_to(self, file: Path, pieces: list[bytes]) -> OSError | None:
        """Write *pieces* at the end of *file*; why it could not be."""
        if self._refusal is not None:
            return self._refusal
        try:
            descriptor = os.open(
                file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600
            )
            with open(descriptor, "ab") as sink:  # noqa: PTH123 - a descriptor has no path
                sink.writelines(pieces)
        except OSError as error:
            return error
        return None

    def _prepare(self) -> OSError | None:
        """Make the folder, for this user alone, and remove what is in it; why it cannot be used."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self._folder.lstat()
            if sys.platform != "win32":  # there the folder above is the user's own
                if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                    raise PermissionError(f"{self._folder} is not a folder of this user")
                if found.st_mode & 0o077:
                    self._folder.chmod(0o700)
            for file in self._folder.glob(f"*{_SUFFIX}"):
                file.unlink()
        except OSError as error:
            return error
        return None
