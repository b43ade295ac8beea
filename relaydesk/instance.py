"""The desktop's end of its local socket: who may connect, how much they may say, and how long they may take.

A client gets nothing done by anything but one whole, valid line. What it costs is bounded: so many connections, so many
bytes of each in memory, so many seconds for its line and for taking the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from typing import Final

from PySide6.QtNetwork import QLocalServer, QLocalSocket

from . import ipc
from .control import Desktop, answer
from .ipc import Claim, ErrorCode, IpcError

log = logging.getLogger(__name__)

#: How many may talk at once. The next one is told that the desktop is busy.
MAX_CONVERSATIONS: Final = 16

#: How long a client may take for its line, and then to read the answer.
CLIENT_TIMEOUT_S: Final = 5.0


async def serve(claim: Claim, desktop: Desktop, *, is_ready: asyncio.Event | None = None) -> None:
    """Answer clients at the claim's place until cancelled. The socket is gone then; the claim is still the caller's.

    Args:
        claim: Of this process.
        desktop: What is asked.
        is_ready: Set once clients can connect.

    Raises:
        IpcError: The socket cannot be made.
    """
    server = QLocalServer()
    server.setMaxPendingConnections(MAX_CONVERSATIONS)
    has_new = asyncio.Event()
    server.newConnection.connect(has_new.set)
    try:
        _listen(server, claim.place)
        if is_ready is not None:
            is_ready.set()
        async with asyncio.TaskGroup() as tasks:
            open_now: set[asyncio.Task[None]] = set()
            while True:
                await has_new.wait()
                has_new.clear()
                while (connection := server.nextPendingConnection()) is not None:
                    is_busy = len(open_now) >= MAX_CONVERSATIONS
                    if is_busy or not _is_own(connection):
                        _turn_away(connection, is_busy=is_busy)
                        continue
                    task = tasks.create_task(_converse(connection, desktop), name="local client")
                    open_now.add(task)
                    task.add_done_callback(open_now.discard)
    finally:
        server.close()


def _listen(server: QLocalServer, place: ipc.Place) -> None:
    if sys.platform == "win32":
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        is_listening = server.listen(place.pipe_name)
    else:
        # Qt would bind elsewhere and rename, or fail where a killed desktop left its socket. The claim says whose it is.
        try:
            place.socket_file.unlink(missing_ok=True)
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
                listening.bind(str(place.socket_file))
                place.socket_file.chmod(0o600)
                listening.listen(MAX_CONVERSATIONS)
                listening.setblocking(False)
                is_listening = server.listen(listening.fileno())
                if is_listening:
                    listening.detach()
        except OSError as error:
            raise IpcError(
                f"cannot make the desktop's socket {place.socket_file}: {error.strerror}"
            ) from error
    if not is_listening:
        raise IpcError(f"cannot make the desktop's socket: {server.errorString()}")


def _is_own(connection: QLocalSocket) -> bool:
    """Whether the client is a program of this user, as far as the system tells."""
    if sys.platform == "win32":
        return True  # the pipe's access list says so
    try:
        with socket.socket(fileno=os.dup(connection.socketDescriptor())) as same:
            uid = ipc.peer_uid(same)
    except OSError:
        return False  # it has gone
    if uid in (os.getuid(), None):
        return True
    log.warning("refused a program of another user (uid %s) at the local socket", uid)
    return False


def _turn_away(connection: QLocalSocket, *, is_busy: bool) -> None:
    if is_busy:
        connection.write(
            ipc.format_error(ErrorCode.BUSY, "the desktop is busy with other programs; try again")
        )
        connection.flush()
    connection.abort()
    connection.deleteLater()


async def _converse(connection: QLocalSocket, desktop: Desktop) -> None:
    """One client: its line, our answer, the end. Ends without an error whatever the client does."""
    connection.setReadBufferSize(ipc.MAX_REQUEST_BYTES + 1)
    has_news = asyncio.Event()
    connection.readyRead.connect(has_news.set)
    connection.disconnected.connect(has_news.set)
    try:
        line = await _read_line(connection, has_news)
        if line is not None:
            connection.write(await answer(line, desktop))
            connection.flush()
            await _until_taken(connection, has_news)
    finally:
        with contextlib.suppress(RuntimeError):  # Qt's object may be gone before ours
            connection.abort()
            connection.deleteLater()


async def _read_line(connection: QLocalSocket, has_news: asyncio.Event) -> bytes | None:
    """The client's line; what there is of one that is too long or comes too slowly; None if it left before."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLIENT_TIMEOUT_S):
            while not connection.canReadLine():
                if connection.bytesAvailable() > ipc.MAX_REQUEST_BYTES:
                    break
                if connection.state() != QLocalSocket.LocalSocketState.ConnectedState:
                    return None
                has_news.clear()
                await has_news.wait()
    return bytes(connection.readLine(ipc.MAX_REQUEST_BYTES + 1).data())


async def _until_taken(connection: QLocalSocket, has_news: asyncio.Event) -> None:
    """Wait until the client has its answer."""
    if sys.platform != "win32":
        connection.disconnectFromServer()  # once all is written. On Windows the client closes: what it had not read is lost
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLIENT_TIMEOUT_S):
            while connection.state() != QLocalSocket.LocalSocketState.UnconnectedState:
                has_news.clear()
                await has_news.wait()
