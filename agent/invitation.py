"""Invitations: what lets somebody else use one share until a certain time, in a text that can be pasted.

An invitation is closed twice. The gateway wants its token, which is signed for one hybrid connection, may only send, and
ends with the invitation; the agent that listens wants its id, so that one invitation can be withdrawn without a new key
(``access.py``). No key is ever in one. It comes in two forms:

* ``relaydesk://invitation/1#…`` for another RelayDesk: base64url of compact JSON, with everything. A fragment is never
  sent anywhere, so a text that is opened by mistake tells nobody. The 1 is the version.
* a plain URL for browsers and curl, with token and id in the query, where the service is a web site.

A gateway with an authority of its own puts that certificate into the first form (some 400 bytes): whoever trusts the
invitation can then trust the gateway, with nothing to fetch and nobody in between. It counts for this invitation alone.

Whoever holds either text can use the share: it is a secret, and so neither ``repr`` nor ``str`` nor an error shows what
is in it. Nothing here asks for the time or for chance: both are arguments.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime as dt
import enum
import hashlib
import json
import re
from typing import Final, TypeVar
from urllib.parse import quote, unquote_plus, urlsplit

from hyco import sas
from hyco.addresses import Endpoint, canonical_path, parse_endpoint, sender_url
from hyco.errors import HycoError
from hyco.limits import MAX_NAME_LENGTH

from .errors import InvitationError, InvitationProblem

VERSION: Final = 1
QUERY_PARAMETER: Final = "relaydesk-invitation"
"""Where a URL carries the id; also the name of the cookie that keeps it for a page's further requests."""
HEADER: Final = "RelayDesk-Invitation"
"""Where other senders carry it."""
TOKEN_PARAMETER: Final = "sb-hc-token"
"""Where a URL carries a token (protocol reference §2.1)."""

ID_BYTES: Final = 16
"""128 random bits: nobody guesses an id, however many there are."""
MAX_CHARACTERS: Final = 16_384
"""A text longer than this is something else; a real one has some 600 characters, or 1,300 with a certificate."""
MAX_CA_BYTES: Final = 4_096

_T = TypeVar("_T")

_TEXT = re.compile(r"relaydesk://invitation/([0-9]{1,9})/?(?:#(.*))?", re.IGNORECASE | re.DOTALL)
_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_BLANKS = re.compile(r"\s+")  # mail programs break long lines

_AROUND: Final = " \t\r\n<>\"'"
"""What people and programs put around an address."""


class _Member(enum.StrEnum):
    """The members of the JSON."""

    GATEWAY = "at"
    PATH = "path"
    NAME = "name"
    TOKEN = "token"
    ID = "id"
    IS_WEB = "web"
    PORT = "port"
    CA = "ca"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """One invitation.

    Attributes:
        endpoint: The gateway.
        path: The hybrid connection.
        name: What its maker calls the service.
        token: May only send, and ends. Not shown by repr.
        id: What the listening agent knows it by. Not shown by repr.
        is_web: Whether the service is a web site.
        port: The port that it has where it is, which may suit elsewhere too.
        ca: The certificate (DER) of the gateway's own authority, where it has one.

    Raises:
        InvitationError: One of them cannot be what it says.
    """

    endpoint: Endpoint
    path: str
    name: str
    token: str = dataclasses.field(repr=False)
    id: str = dataclasses.field(repr=False)
    is_web: bool = False
    port: int | None = None
    ca: bytes | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        try:
            canonical_path(self.path)
            sas.parse_token(self.token)
        except HycoError:
            raise _damaged() from None
        is_right = (
            0 < len(self.name) <= MAX_NAME_LENGTH
            and self.name.isprintable()
            and _ID.fullmatch(self.id) is not None
            and (self.port is None or 1 <= self.port <= 65_535)
            and (self.ca is None or 0 < len(self.ca) <= MAX_CA_BYTES)
        )
        if not is_right:
            raise _damaged()

    @property
    def expires_at(self) -> int:
        """When it ends, in POSIX seconds: with its token."""
        return sas.parse_token(self.token).expires_at

    @property
    def id_sha256(self) -> str:
        """What the listening agent keeps of the id."""
        return digest(self.id)

    @property
    def ca_sha256(self) -> str | None:
        """The fingerprint of the gateway's own authority, in hexadecimal, for people to compare."""
        return None if self.ca is None else hashlib.sha256(self.ca).hexdigest()

    def check(self, now: float) -> None:
        """Refuse it once it is over.

        Raises:
            InvitationError: It ended before *now*; the text says when.
        """
        if now >= self.expires_at:
            ended = dt.datetime.fromtimestamp(self.expires_at, dt.UTC)
            raise InvitationError(
                InvitationProblem.EXPIRED, f"the invitation ended on {ended:%Y-%m-%d at %H:%M} UTC"
            )

    def text(self) -> str:
        """The form for another RelayDesk. A secret."""
        members: dict[str, object] = {
            _Member.GATEWAY: self.endpoint.http_origin,
            _Member.PATH: self.path,
            _Member.NAME: self.name,
            _Member.TOKEN: self.token,
            _Member.ID: self.id,
        }
        if self.is_web:
            members[_Member.IS_WEB] = True
        if self.port is not None:
            members[_Member.PORT] = self.port
        if self.ca is not None:
            members[_Member.CA] = _to_base64url(self.ca)
        packed = json.dumps(members, separators=(",", ":"))
        return f"relaydesk://invitation/{VERSION}#{_to_base64url(packed.encode())}"

    def url(self) -> str:
        """The form for browsers and curl, of a web site. A secret."""
        token = quote(self.token, safe="")
        return f"{self._site}?{TOKEN_PARAMETER}={token}&{QUERY_PARAMETER}={self.id}"

    def shown(self) -> str:
        """The form for another RelayDesk, as everybody may see it."""
        return f"relaydesk://invitation/{VERSION}#… ({self.name})"

    def shown_url(self) -> str:
        """The form for browsers, as everybody may see it."""
        return f"{self._site}?…"

    def __str__(self) -> str:
        """As everybody may see it."""
        return self.shown()

    @property
    def _site(self) -> str:
        return sender_url(self.endpoint, self.path, "/")


def new_id(random: bytes) -> str:
    """Make an id of ID_BYTES random bytes, in a form that any URL, header and cookie takes."""
    if len(random) != ID_BYTES:
        raise ValueError(f"an id is made of {ID_BYTES} bytes")
    return random.hex()


def digest(id_: str) -> str:
    """The SHA-256 of an id as it is shown, in hexadecimal."""
    return hashlib.sha256(id_.encode("utf-8", "surrogatepass")).hexdigest()


def sign_token(endpoint: Endpoint, path: str, *, rule_name: str, key: str, expires_at: int) -> str:
    """Make the token of an invitation to *path*.

    The rule should allow to send and nothing else: what it allows, whoever holds the invitation may.
    """
    return sas.sign(sas.audience(endpoint.host, path), rule_name, key, expires_at)


def is_invitation(text: str) -> bool:
    """Whether *text* means to be an invitation, good or bad, and not a connection string."""
    return text.lstrip(_AROUND)[:12].lower().startswith(("relaydesk:", "https://", "http://"))


def parse(text: str, now: float | None = None) -> Invitation:
    """Read either form. Blanks and line ends, as mail programs put them in, do not matter.

    Args:
        text: What was pasted.
        now: POSIX seconds, to refuse an invitation that is over. Without, :meth:`Invitation.check` can do so later.

    Raises:
        InvitationError: It is none, was cut short, comes from a newer RelayDesk, or is over; never with any part of it.
    """
    if len(text) > MAX_CHARACTERS:
        raise _none()
    packed = _BLANKS.sub("", text).strip(_AROUND)
    if packed.lower().startswith(("https://", "http://")):
        invitation = _parse_url(packed)
    else:
        invitation = _parse_text(packed)
    if now is not None:
        invitation.check(now)
    return invitation


def _parse_text(text: str) -> Invitation:
    match = _TEXT.fullmatch(text)
    if match is None:
        raise _damaged() if text.lower().startswith("relaydesk://invitation") else _none()
    if int(match[1]) != VERSION:
        raise InvitationError(
            InvitationProblem.NEWER, "the invitation comes from a newer RelayDesk than this one"
        )
    try:
        members = json.loads(_from_base64url(match[2] or ""))
    except (ValueError, RecursionError):  # the first is the base of what JSON, base64 and UTF-8 raise
        raise _damaged() from None
    if not isinstance(members, dict):
        raise _damaged()
    text_of = {
        member: _member(members, member, str)
        for member in (_Member.GATEWAY, _Member.PATH, _Member.NAME, _Member.TOKEN, _Member.ID)
    }
    ca = _member(members, _Member.CA, str) if _Member.CA in members else None
    try:
        return Invitation(
            endpoint=parse_endpoint(text_of[_Member.GATEWAY]),
            path=text_of[_Member.PATH],
            name=text_of[_Member.NAME],
            token=text_of[_Member.TOKEN],
            id=text_of[_Member.ID],
            is_web=_Member.IS_WEB in members and _member(members, _Member.IS_WEB, bool),
            port=_member(members, _Member.PORT, int) if _Member.PORT in members else None,
            ca=None if ca is None else _from_base64url(ca),
        )
    except (HycoError, ValueError):
        raise _damaged() from None


def _member(members: dict[str, object], member: _Member, kind: type[_T]) -> _T:
    value = members.get(member)
    if type(value) is not kind:  # not isinstance: True is an int
        raise _damaged()
    return value


def _parse_url(text: str) -> Invitation:
    try:
        parts = urlsplit(text)
        values: dict[str, list[str]] = {TOKEN_PARAMETER: [], QUERY_PARAMETER: []}
        for part in parts.query.split("&"):
            key, _, value = part.partition("=")
            values.get(unquote_plus(key).lower(), []).append(unquote_plus(value))
        if not any(values.values()):
            raise _none()
        [token], [id_] = values.values()
        endpoint = parse_endpoint(f"{parts.scheme}://{parts.netloc}/")
        path = _named(parts.path, sas.parse_token(token).canonical_path)
    except (HycoError, ValueError):
        raise _damaged() from None
    return Invitation(endpoint=endpoint, path=path, name=path, token=token, id=id_, is_web=True)


def _named(url_path: str, canonical: str) -> str:
    """The part of a URL's path that names the hybrid connection: as much as the token is for."""
    segments = url_path.strip("/").split("/")
    named = segments[: len(canonical.split("/"))] if canonical else segments
    path = "/".join(named)
    if canonical and canonical_path(path) != canonical:
        raise ValueError("the token is for another path")
    return path


def _to_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _from_base64url(text: str) -> bytes:
    """Raise ValueError where *text* is something else."""
    unpadded = text.rstrip("=")
    if not _BASE64URL.fullmatch(unpadded):
        raise binascii.Error("not base64url")
    return base64.urlsafe_b64decode(unpadded + "=" * (-len(unpadded) % 4))


def _none() -> InvitationError:
    return InvitationError(InvitationProblem.NONE, "this is not an invitation")


def _damaged() -> InvitationError:
    return InvitationError(
        InvitationProblem.DAMAGED,
        "the invitation was cut short or changed on its way: copy it again, from its beginning to its end",
    )
