"""One desktop for each user, and how programs of that user talk to it: a lock, a local socket, lines of JSON.

A client sends one line, ``{"relaydesk": 1, "do": "stop", "service": "web"}``, gets one line back, with ``result`` or
``error``, and the connection ends. The command line speaks it, and a second start of the desktop, which hands on what it
was started for. No Qt here; ``instance.py`` is the desktop's end of the socket, ``control.py`` what it answers.

Who holds the lock is the desktop. The system gives the lock back however its holder ends, so a socket that was left behind
means nothing, and of many starts in one moment exactly one gets it. The folder is this user's alone, the socket too, and
either side asks the system who the other one is where it can tell (Linux, macOS).

Source: reliability reference D2.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import errno
import hashlib
import json
import os
import socket
import stat
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Self, TypeAlias

import platformdirs

#: The version of what is said here. Another one is refused in words; members that are not known are ignored.
VERSION: Final = 1

#: A link with an invitation is a few hundred bytes.
MAX_REQUEST_BYTES: Final = 65_536

#: A thousand services, each with its invitations.
MAX_REPLY_BYTES: Final = 4 * 1_048_576

#: For a whole exchange. The desktop gives an action less than that (``control.ACTION_TIMEOUT_S``).
TIMEOUT_S: Final = 35.0

#: From the lock to the socket. Qt loads in half a second, from a cold disk in several.
START_TIMEOUT_S: Final = 15.0

_RETRY_S: Final = 0.05

#: Three centuries, in seconds.
_MAX_NUMBER: Final = 1e10

#: What a socket's address holds on the tightest system, with its final zero (macOS: 104, Linux: 108).
_MAX_ADDRESS_BYTES: Final = 103


class IpcError(Exception):
    """Talking to the desktop failed; the text is one sentence."""


class NoDesktopError(IpcError):
    """No desktop of this user is running."""


class SilentDesktopError(IpcError):
    """There is one, and it does not answer as it should."""


class ErrorCode(enum.StrEnum):
    """Why a request was not done. Where an action failed, its ``Trouble`` is the code instead, with hyphens."""

    BAD_REQUEST = "bad-request"
    VERSION = "version"
    BUSY = "busy"
    UNKNOWN_SERVICE = "unknown-service"
    UNKNOWN_EXCHANGE = "unknown-exchange"
    TIMEOUT = "timeout"
    INTERNAL = "internal"


class RefusedError(IpcError):
    """The desktop answered with an error.

    Attributes:
        code: An ``ErrorCode``, or the kind of trouble.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


# --- requests --------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Show:
    """Bring the window to the front. *activation* is the compositor's leave to do so (XDG_ACTIVATION_TOKEN)."""

    activation: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Open:
    """Look at a ``relaydesk:`` link, or a file with one in it. The window asks before anything is done."""

    text: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class ListServices:
    """Tell the services and their states."""


@dataclasses.dataclass(frozen=True, slots=True)
class Stop:
    """End a share, or give a local port back."""

    service: str


@dataclasses.dataclass(frozen=True, slots=True)
class Pause:
    """Pause a service, or all."""

    service: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Resume:
    """Resume a service, or all."""

    service: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Invite:
    """Make an invitation for *name* that ends in *lifetime_s*."""

    service: str
    name: str
    lifetime_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class Diagnose:
    """Try every hop between a service and its senders, and tell what was found."""

    service: str


@dataclasses.dataclass(frozen=True, slots=True)
class ListExchanges:
    """Tell what the inspector has, secrets masked: what changed since *version*, and of that what *filter* lets through.

    At most *limit* of them, the latest.
    """

    version: float | None = None
    filter: str | None = None
    limit: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class ShowExchange:
    """Tell all of one exchange but its bodies, secrets masked."""

    exchange: float


@dataclasses.dataclass(frozen=True, slots=True)
class ReadBody:
    """Give a piece of a body from *offset* on. *side* is ``request`` or ``response``."""

    exchange: float
    side: str
    offset: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Curl:
    """Give the request as a command line for curl."""

    exchange: float
    secrets: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class SaveHar:
    """Write exchanges to the file *path* as an HTTP archive: one, or those that *filter* lets through."""

    path: str
    exchange: float | None = None
    filter: str | None = None
    secrets: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Replay:
    """Send a captured request to the local server again."""

    exchange: float


@dataclasses.dataclass(frozen=True, slots=True)
class Compare:
    """Tell how exchange *other* differs from *exchange*."""

    exchange: float
    other: float


@dataclasses.dataclass(frozen=True, slots=True)
class Quit:
    """End the desktop."""


Request: TypeAlias = (
    Show
    | Open
    | ListServices
    | Stop
    | Pause
    | Resume
    | Invite
    | Diagnose
    | ListExchanges
    | ShowExchange
    | ReadBody
    | Curl
    | SaveHar
    | Replay
    | Compare
    | Quit
)

_VERBS: Final[Mapping[type[Request], str]] = {
    Show: "show",
    Open: "open",
    ListServices: "list",
    Stop: "stop",
    Pause: "pause",
    Resume: "resume",
    Invite: "invite",
    Diagnose: "diagnose",
    ListExchanges: "exchanges",
    ShowExchange: "exchange",
    ReadBody: "body",
    Curl: "curl",
    SaveHar: "har",
    Replay: "replay",
    Compare: "compare",
    Quit: "quit",
}
_TYPES: Final[Mapping[str, type[Request]]] = {verb: kind for kind, verb in _VERBS.items()}


def format_request(request: Request) -> bytes:
    """The line that says *request*."""
    members = {name: value for name, value in dataclasses.asdict(request).items() if value is not None}
    return _line({"do": _VERBS[type(request)], **members})


def parse_request(line: bytes) -> Request:
    """Read a line that anybody may have written.

    Raises:
        RefusedError: It is no request, or one of another version. The text repeats nothing of it.
    """
    members = _read_object(line)
    if members is None or "relaydesk" not in members:
        raise RefusedError(ErrorCode.BAD_REQUEST, "this is no request to RelayDesk's desktop")
    if members["relaydesk"] != VERSION:
        raise RefusedError(
            ErrorCode.VERSION,
            f"the desktop that is running speaks version {VERSION} of its local protocol, and the request another one",
        )
    verb = members.get("do")
    kind = _TYPES.get(verb) if isinstance(verb, str) else None
    if kind is None:
        raise RefusedError(ErrorCode.BAD_REQUEST, "the desktop that is running does not know this request")
    given = {
        field.name: _member(members, field)
        for field in dataclasses.fields(kind)
        if members.get(field.name) is not None or field.default is dataclasses.MISSING
    }
    return kind(**given)  # type: ignore[arg-type]  # _member has looked at each


def _member(members: Mapping[str, object], field: dataclasses.Field[object]) -> str | float | bool:
    value = members.get(field.name)
    if field.type == "bool":
        if isinstance(value, bool):
            return value
        raise RefusedError(ErrorCode.BAD_REQUEST, f"{field.name} is neither true nor false")
    if field.type in ("float", "float | None"):
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _MAX_NUMBER:
            return float(value)
        raise RefusedError(ErrorCode.BAD_REQUEST, f"{field.name} is not a number above zero")
    if isinstance(value, str) and value:
        return value
    raise RefusedError(ErrorCode.BAD_REQUEST, f"{field.name} is missing, or not a text")


# --- replies ---------------------------------------------------------------------------------------------------------


def format_result(result: Mapping[str, object]) -> bytes:
    """The line that says that it was done, and what came of it."""
    return _line({"result": result})


def format_error(code: str, message: str) -> bytes:
    """The line that says that it was not done, and why."""
    return _line({"error": {"code": code, "message": message}})


def parse_reply(line: bytes) -> Mapping[str, object]:
    """What came of a request.

    Raises:
        RefusedError: It was not done.
        SilentDesktopError: This is no answer.
    """
    match _read_object(line):
        case {"error": {"code": str(code), "message": str(message)}}:
            raise RefusedError(code, message)
        case {"result": dict(result)}:
            return result
    raise SilentDesktopError("what answers at the desktop's local socket is not RelayDesk")


def _line(members: Mapping[str, object]) -> bytes:
    # in ASCII, so that a line end is the end of a line and halves of characters can be said
    return json.dumps({"relaydesk": VERSION, **members}).encode() + b"\n"


def _read_object(line: bytes) -> dict[str, object] | None:
    try:
        value: object = json.loads(line)
    except (ValueError, RecursionError):  # the second for brackets nested deeper than Python's stack
        return None
    return value if isinstance(value, dict) else None


# --- where they meet -------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where the desktop of a user is met.

    Attributes:
        folder: For this user alone; made where it is needed.
    """

    folder: Path

    @property
    def lock_file(self) -> Path:
        """Locked by the desktop while it runs. It stays: removing it would let two lock two files of one name."""
        return self.folder / "desktop.lock"

    @property
    def socket_file(self) -> Path:
        """The socket, on all systems but Windows."""
        return self.folder / "desktop.sock"

    @property
    def pipe_name(self) -> str:
        r"""Windows' named pipe, without ``\\.\pipe\``: as private as the folder, by the folder's name."""
        return f"relaydesk-{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:32]}"

    def prepare(self) -> None:
        """Make the folder, or check that nobody else can put anything into it.

        Raises:
            IpcError: It cannot be made or is not private, or a socket in it would have too long a name.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if sys.platform != "win32":  # there the folder's access list says who may
                self._check_is_private()
        except OSError as error:
            raise IpcError(
                f"cannot use the folder {self.folder} for the desktop's socket: {error.strerror}"
            ) from error
        if len(os.fsencode(self.socket_file)) > _MAX_ADDRESS_BYTES:
            raise IpcError(
                f"the path {self.socket_file} is too long for a socket; set XDG_RUNTIME_DIR to a shorter one"
            )

    def _check_is_private(self) -> None:
        found = self.folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise IpcError(f"{self.folder} is not a folder of this user")
        if found.st_mode & 0o077:
            self.folder.chmod(0o700)
        above = self.folder.parent.stat()
        # who may rename our folder may put another in its place
        is_open = above.st_mode & 0o022 and not above.st_mode & stat.S_ISVTX
        if above.st_uid not in (0, os.getuid()) or is_open:
            raise IpcError(
                f"others can change the folder {self.folder.parent}, where the desktop's socket would be"
            )


def default_place() -> Place:
    """Where the desktop of this user is met."""
    return Place(platformdirs.user_runtime_path("relaydesk", appauthor=False))


# --- the lock --------------------------------------------------------------------------------------------------------

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Claim:
    """The right to be the desktop, until it is given back or the process ends."""

    def __init__(self, place: Place, descriptor: int) -> None:
        self.place = place
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Let another process be the desktop."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)  # which unlocks

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def claim(place: Place) -> Claim | None:
    """Take the right to be the desktop; None if another process has it.

    Raises:
        IpcError: The folder or the lock cannot be used.
    """
    place.prepare()
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(place.lock_file, flags, 0o600)
    except OSError as error:
        raise IpcError(f"cannot use {place.lock_file}: {error.strerror}") from error
    try:
        _lock(descriptor)
    except OSError as error:
        os.close(descriptor)
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK):
            return None
        raise IpcError(f"cannot lock {place.lock_file}: {error.strerror}") from error
    return Claim(place, descriptor)


def become_desktop(
    request: Request | None, place: Place, *, within_s: float = START_TIMEOUT_S
) -> Claim | None:
    """Be the desktop, or hand *request*, if any, to the one that is there; None if it took it. Blocks.

    However many call this in one moment, one gets a claim, and the others reach it.

    Raises:
        RefusedError: The other one did not do what was asked.
        IpcError: There is another one, and it cannot be reached; or see :func:`claim`.
    """
    deadline = time.monotonic() + within_s
    while True:
        claimed = claim(place)
        if claimed is not None:
            return claimed
        if request is None:
            return None
        try:
            ask(request, place, timeout_s=max(_RETRY_S, deadline - time.monotonic()))
        except NoDesktopError:
            # it went away between the two, or somebody only looked whether there is one
            if time.monotonic() >= deadline:
                raise
        else:
            return None


# --- the client ------------------------------------------------------------------------------------------------------


def ask(request: Request, place: Place, *, timeout_s: float = TIMEOUT_S) -> Mapping[str, object]:
    """Ask the desktop that is running, and give its result. Blocks. A desktop that is just starting is waited for.

    Raises:
        NoDesktopError: There is none.
        RefusedError: It answered that it did not do it.
        SilentDesktopError: It did not answer within *timeout_s*, or broke off.
        IpcError: Where it would be met is not safe to use.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            line = _exchange(place, format_request(request), deadline)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            if not _is_claimed(place):
                raise NoDesktopError("no desktop is running") from error
            time.sleep(_RETRY_S)  # it is starting, or about to end
        except BlockingIOError:
            time.sleep(
                _RETRY_S
            )  # so many knock in this moment that the system keeps no more waiting (unix(7), EAGAIN)
        except TimeoutError as error:
            raise SilentDesktopError(f"the desktop did not answer within {timeout_s:.2g} s") from error
        except OSError as error:
            raise SilentDesktopError(f"the desktop cannot be reached: {error.strerror or error}") from error
        else:
            return parse_reply(line)


def wait_for_end(place: Place, *, within_s: float) -> bool:
    """Wait until no desktop has the claim; whether that came about. Blocks."""
    deadline = time.monotonic() + within_s
    while _is_claimed(place):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_RETRY_S)
    return True


def _is_claimed(place: Place) -> bool:
    if not place.lock_file.exists():
        return False
    mine = claim(place)
    if mine is None:
        return True
    mine.release()
    return False


def peer_uid(connection: socket.socket) -> int | None:
    """The user at the other end of a local socket; None where the system does not tell.

    Raises:
        OSError: The system could not say, though it can.
    """
    uid: int | None
    if sys.platform == "linux":
        size = struct.calcsize("3i")  # struct ucred: pid, uid, gid
        uid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[1]
    elif sys.platform == "darwin":
        # LOCAL_PEERCRED at level SOL_LOCAL: struct xucred begins with a version and the uid
        uid = struct.unpack_from("=II", connection.getsockopt(0, 1, 76))[1]
    else:
        uid = None
    return uid


if sys.platform == "win32":
    import ctypes
    import ctypes.wintypes

    import psutil

    def _exchange(place: Place, line: bytes, deadline: float) -> bytes:
        """Send a line and give the first that comes back, from a thread: a pipe's file knows no deadline."""
        outcome: list[bytes | OSError] = []
        # so that the desktop may come to the front in our stead
        ctypes.windll.user32.AllowSetForegroundWindow(-1)

        def talk() -> None:
            try:
                with open(rf"\\.\pipe\{place.pipe_name}", "r+b", buffering=0) as pipe:  # noqa: PTH123 - no path
                    _check_is_own(msvcrt.get_osfhandle(pipe.fileno()))
                    pipe.write(line)
                    outcome.append(_read_line(pipe.read))
            except OSError as error:
                outcome.append(error)

        thread = threading.Thread(target=talk, name="desktop's pipe", daemon=True)
        thread.start()
        thread.join(max(0.0, deadline - time.monotonic()))
        if not outcome:
            raise TimeoutError
        if isinstance(outcome[0], OSError):
            raise outcome[0]
        return outcome[0]

    def _check_is_own(handle: int) -> None:
        """Check that no other user has made the pipe before us."""
        pid = ctypes.wintypes.ULONG()
        if not ctypes.windll.kernel32.GetNamedPipeServerProcessId(handle, ctypes.byref(pid)):
            raise ctypes.WinError()
        try:
            owner = psutil.Process(pid.value).username()
        except psutil.Error as error:
            raise PermissionError(errno.EACCES, "its pipe belongs to another user") from error
        if owner != psutil.Process().username():
            raise PermissionError(errno.EACCES, "its pipe belongs to another user")

else:

    def _exchange(place: Place, line: bytes, deadline: float) -> bytes:
        """Send a line and give the first that comes back."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            _set_deadline(connection, deadline)
            connection.connect(str(place.socket_file))
            if peer_uid(connection) not in (os.getuid(), None):
                raise PermissionError(errno.EACCES, "its socket belongs to another user")
            with contextlib.suppress(
                BrokenPipeError, ConnectionResetError
            ):  # it may answer and close before that
                connection.sendall(line)

            def receive(size: int) -> bytes:
                _set_deadline(connection, deadline)
                return connection.recv(size)

            return _read_line(receive)

    def _set_deadline(connection: socket.socket, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)


def _read_line(receive: Callable[[int], bytes]) -> bytes:
    """Read up to the first line end.

    Raises:
        OSError: It ended, or grew too long, without one.
    """
    received = bytearray()
    while not received.endswith(b"\n"):
        data = receive(65_536)
        if not data or len(received) > MAX_REPLY_BYTES:
            raise ConnectionAbortedError(errno.ECONNABORTED, "it broke off without an answer")
        received += data
    return bytes(received)
