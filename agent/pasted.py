"""What people paste, read: the one place that knows every form in which a way to a hybrid connection is handed about.

A connection string, as it is or as a mail left it; Azure's JSON; azbridge's configuration; the gateway connection string of
Hybrid Connection Manager, which is an ordinary one; an invitation of RelayDesk's. Reading is pure and total: any text gives a
result or a :class:`PastedError`, and neither ``repr`` nor an error shows any of a secret.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Iterator
from typing import Final

from hyco.addresses import Endpoint
from hyco.connection_string import ConnectionString
from hyco.connection_string import parse as parse_connection_string
from hyco.errors import HycoError, InvalidConnectionStringError
from hyco.sas import Right

from . import azure_json, hcm
from .azbridge import configuration as azbridge
from .azbridge.configuration import Forward
from .config import Direction
from .errors import AgentError, InvitationError, InvitationProblem
from .invitation import Invitation
from .invitation import parse as parse_invitation

MAX_CHARACTERS: Final = 20_000
"""A long configuration has some thousand. What is longer was not meant to be pasted."""

_MAX_LINES: Final = 40
"""Of one connection string, however a mail has broken it."""
_WRAPPED_AT: Final = 60
"""A line that is shorter than this was not broken by a mail program."""
_KEY_LENGTH: Final = 44
"""Of the keys that Azure and our gateway make: 32 bytes in base64."""

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_SPACES = re.compile("[\u00a0\u2000-\u200a\u202f\u3000]")
_QUOTED_LINE = re.compile(r"^[ \t]*(?:>[ \t]?)+", re.MULTILINE)
_BEGIN = re.compile(r"Endpoint[ \t]*=[ \t]*sb:[ \t]*//", re.IGNORECASE)
_INVITATION = re.compile(r"relaydesk://invitation/", re.IGNORECASE)
_WEB = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
_PART = re.compile(
    r"(?:Endpoint|EntityPath|SharedAccess\w{3,12}|OperationTimeout|Authentication|UseDevelopmentEmulator)[ \t]*=",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[A-Za-z0-9+/=;:._%&~-]+")
_KEY = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_AROUND: Final = " \t\"'`<>“”„‟‘’‚«»()[]{},"  # noqa: RUF001 - as writing programs make them of plain ones
_CLOSING = re.compile(r"[\"'`<>“”„’»]")  # noqa: RUF001 - the same


class Kind(enum.Enum):
    """What a text is, or means to be."""

    UNKNOWN = "unknown"
    CONNECTION_STRING = "connection string"
    AZURE_JSON = "Azure's JSON"
    AZBRIDGE = "azbridge's configuration"
    INVITATION = "invitation"


class PastedError(AgentError):
    """A text cannot be used. Never with any part of it.

    Attributes:
        kind: What it means to be.
    """

    retryable = False

    def __init__(self, kind: Kind, text: str) -> None:
        super().__init__(text)
        self.kind = kind


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One way to a namespace or to one of its hybrid connections.

    Attributes:
        endpoint: The gateway.
        path: The hybrid connection; None where the whole namespace is meant.
        key_name: The rule; empty for an invitation, or a ready token.
        rights: What it may do, as far as that is known.
        is_told: Whether whoever made the text says what it may do; otherwise that is only what the rule's name says.
        purpose: What it is for, where the text says so: to listen, or to connect.
        target: Where a listener leads to, where the text says so: ``host:port`` or ``http://host:port``.
        port: The local port of a sender, where the text says so.
        invitation: What was found, where it is an invitation.
        text: What is kept: a connection string or an invitation, nothing around it. Not shown by repr.
    """

    endpoint: Endpoint
    path: str | None
    key_name: str = ""
    rights: Right | None = None
    is_told: bool = False
    purpose: Direction | None = None
    target: str | None = None
    port: int | None = None
    invitation: Invitation | None = None
    text: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pasted:
    """What a text holds: at least one way, and what it is."""

    kind: Kind
    found: tuple[Found, ...]


def read(text: str, now: float | None = None) -> Pasted:
    """Read what was pasted.

    Args:
        text: Anything.
        now: POSIX seconds, to refuse an invitation that is over.

    Raises:
        PastedError: It cannot be used; the text says why, and what to copy instead.
    """
    if len(text) > MAX_CHARACTERS:
        raise PastedError(Kind.UNKNOWN, f"this has more than {MAX_CHARACTERS} letters: copy less of it")
    text = _SPACES.sub(" ", _INVISIBLE.sub("", text)).strip()
    if not text:
        raise PastedError(Kind.UNKNOWN, "there is nothing to read")
    begin = _INVITATION.search(text)
    if begin is not None:
        return Pasted(kind=Kind.INVITATION, found=(_invitation(text[begin.start() :], now),))
    if azure_json.is_json(text):
        return Pasted(kind=Kind.AZURE_JSON, found=_described(text))
    if azbridge.is_configuration(text):
        return Pasted(kind=Kind.AZBRIDGE, found=_forwards(text))
    if _BEGIN.search(text) is not None:
        return Pasted(kind=Kind.CONNECTION_STRING, found=(_of(_connection_string(text)),))
    if _WEB.match(text.lstrip(_AROUND)) is not None:
        return Pasted(kind=Kind.INVITATION, found=(_web_invitation(text, now),))
    raise _unknown(text)


# --- invitations -----------------------------------------------------------------------------------------------------


def _invitation(text: str, now: float | None) -> Found:
    """An invitation at the beginning of *text*, however many lines it has, whatever stands behind it."""
    lines = [line.strip(_AROUND) for line in _unquoted(text)]
    error: InvitationError | None = None
    # as much as could belong to it first: whatever is cut off can only be missed
    for number in range(min(_continued(lines), _MAX_LINES), 0, -1):
        first, *more = lines[:number]
        try:
            found = parse_invitation("".join((first.split()[0], *more)), now)
        except InvitationError as found_error:
            if error is None or found_error.problem is InvitationProblem.EXPIRED:
                error = found_error
            continue
        return _of_invitation(found)
    raise PastedError(Kind.INVITATION, str(error)) from None


def _continued(lines: list[str]) -> int:
    """How many lines from the first one on are a single word each: as an invitation is broken, and sentences are not."""
    for number, line in enumerate(lines[1:], start=1):
        if not _TOKEN.fullmatch(line):
            return number
    return len(lines)


def _web_invitation(text: str, now: float | None) -> Found:
    try:
        return _of_invitation(parse_invitation(text.strip(_AROUND), now))
    except InvitationError as error:
        match = _WEB.search(text)
        if match is not None:
            try:
                return _of_invitation(parse_invitation(match[0], now))
            except InvitationError:
                pass
        raise PastedError(Kind.INVITATION, str(error)) from None


def _of_invitation(invitation: Invitation) -> Found:
    return Found(
        endpoint=invitation.endpoint,
        path=invitation.path,
        rights=Right.SEND,
        is_told=True,
        purpose=Direction.CONNECT,
        port=invitation.port,
        invitation=invitation,
        text=invitation.text(),
    )


# --- connection strings ----------------------------------------------------------------------------------------------


def _connection_string(text: str) -> ConnectionString:
    """The connection string in *text*: the longest reading that holds together."""
    try:
        return parse_connection_string(text.strip(_AROUND))
    except InvalidConnectionStringError as error:
        first_error = error
    match = _BEGIN.search(text)
    assert match is not None
    best: ConnectionString | None = None
    for candidate in _candidates(text[match.start() :]):
        try:
            best = parse_connection_string(candidate)
        except InvalidConnectionStringError as error:
            first_error = error if best is None else first_error
    if best is None:
        raise PastedError(Kind.CONNECTION_STRING, str(first_error)) from None
    return best


def _candidates(text: str) -> Iterator[str]:
    """Its first line, then with the second one, and so on for as long as the next line can belong to it."""
    lines = _unquoted(text)
    joined = ""
    for number, raw in enumerate(lines[:_MAX_LINES]):
        line = raw.strip(_AROUND)
        if number and not _belongs(joined, line, len(lines[number - 1].strip())):
            return
        joined += line
        yield _tidy(joined)


def _belongs(joined: str, line: str, before: int) -> bool:
    """Whether *line* goes on with what was *joined* so far; *before*: the length of the line before it."""
    if not line:
        return False
    if joined.endswith(";") or line.startswith(";") or _PART.match(line):
        return True
    if not _TOKEN.fullmatch(line):
        return False
    key = joined.rpartition(";")[2]
    if key.lower().startswith("sharedaccesskey="):
        value = key.partition("=")[2]
        is_whole = value.endswith("=") and _KEY.fullmatch(value) is not None
        return not value or (before >= _WRAPPED_AT and not is_whole)
    return before >= _WRAPPED_AT or key.endswith("=")


def _tidy(text: str) -> str:
    """Without spaces around its parts, and without a quotation mark and what stands behind that."""
    text = _CLOSING.split(text, maxsplit=1)[0]
    # one that stands in a sentence ends with the word in which its last part is
    head, semicolon, tail = text.rpartition(";")
    if semicolon and "=" not in tail:
        tail = ""
    name, equals, value = tail.partition("=")
    if equals:
        words = value.split()
        if len(words) > 1 and " ".join(words[:2]).lower() != "managed identity":
            value = words[0]
        tail = f"{name.strip()}={value.strip()}"
    return f"{head}{semicolon}{tail}".rstrip(".,")


def _unquoted(text: str) -> list[str]:
    """Its lines, without the marks that a mail program puts before what is answered."""
    return _QUOTED_LINE.sub("", text).splitlines()


def _of(
    secret: ConnectionString,
    *,
    rights: Right | None = None,
    target: str | None = None,
    purpose: Direction | None = None,
    port: int | None = None,
    path: str | None = None,
) -> Found:
    if path is not None and secret.entity_path is None:
        secret = dataclasses.replace(secret, entity_path=path)
    known = rights if rights is not None else hcm.rights_of(secret.key_name)
    return Found(
        endpoint=secret.endpoint,
        path=secret.entity_path,
        key_name=secret.key_name or "",
        rights=known,
        is_told=rights is not None,
        purpose=purpose if purpose is not None else _purpose(secret, known),
        target=target,
        port=port,
        text=secret.format(),
    )


def _purpose(secret: ConnectionString, rights: Right | None) -> Direction | None:
    """What a key for one hybrid connection is for, where it can be but one thing."""
    if secret.entity_path is None or rights is None or Right.MANAGE in rights:
        return None
    if rights == Right.LISTEN:
        return Direction.LISTEN
    return Direction.CONNECT if rights == Right.SEND else None


# --- Azure's JSON, azbridge ------------------------------------------------------------------------------------------


def _described(text: str) -> tuple[Found, ...]:
    try:
        described = azure_json.read(text)
    except azure_json.AzureJsonError as error:
        raise PastedError(Kind.AZURE_JSON, str(error)) from None
    return tuple(_of(one.secret, rights=one.rights, target=one.target) for one in described)


def _forwards(text: str) -> tuple[Found, ...]:
    try:
        read_ = azbridge.read(text)
        found = tuple(_of_forward(forward) for forward in read_.forwards if not forward.is_datagram)
    except (azbridge.AzbridgeError, HycoError) as error:
        raise PastedError(Kind.AZBRIDGE, str(error)) from None
    if found:
        return found
    if read_.forwards:
        raise PastedError(
            Kind.AZBRIDGE, "the azbridge configuration forwards UDP alone, which RelayDesk does not yet"
        )
    if read_.secret is None:
        raise PastedError(Kind.AZBRIDGE, _NO_KEY)
    return (_of(read_.secret),)


_NO_KEY: Final = (
    "the azbridge configuration holds no key: azbridge takes it from its command line then, or signs in to Azure."
    " Add AzureRelayConnectionString, or paste the connection string"
)


def _of_forward(forward: Forward) -> Found:
    if forward.secret is None:
        raise azbridge.AzbridgeError(_NO_KEY)
    target = None
    if forward.is_remote and forward.host is not None and forward.port is not None:
        host = f"[{forward.host}]" if ":" in forward.host and "[" not in forward.host else forward.host
        target = hcm.host_and_port(f"{host}:{forward.port}")
        if target is not None and forward.is_web:
            target = f"http://{target}"
    return _of(
        dataclasses.replace(forward.secret, entity_path=forward.path),
        purpose=Direction.LISTEN if forward.is_remote else Direction.CONNECT,
        target=target,
        port=None if forward.is_remote else forward.port,
    )


# --- what it is not --------------------------------------------------------------------------------------------------


def _unknown(text: str) -> PastedError:
    """Say what is missing of something that is known by a part of it."""
    if _PART.search(text) is not None:
        try:
            parse_connection_string(text.strip(_AROUND))
        except InvalidConnectionStringError as error:
            return PastedError(Kind.CONNECTION_STRING, str(error))
    if len(text) == _KEY_LENGTH and _KEY.fullmatch(text) is not None:
        return PastedError(
            Kind.CONNECTION_STRING,
            "this looks like a key alone: copy the connection string, which begins with Endpoint=sb://",
        )
    if re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]+)?", text):
        return PastedError(
            Kind.CONNECTION_STRING,
            "this looks like the name of a host alone: copy the connection string, which begins with Endpoint=sb://",
        )
    return PastedError(
        Kind.UNKNOWN,
        "this is neither a connection string, which begins with Endpoint=sb://, nor an invitation,"
        " nor Azure's JSON or a configuration of azbridge",
    )
