"""Who may come in, of the senders whom the gateway lets through: the second of the two locks of an invitation.

A sender shows the id of its invitation in the query (``relaydesk-invitation=…``), in a header (``RelayDesk-Invitation``)
or, on the further requests of a page, in a cookie that the first answer sets: a browser asks for a page's pictures without
the page's query. What is shown in a query or a header counts alone, and twice in one request is refused, because it could
be read in two ways. Cookies are different: a browser sends those of every path above, so any of them may be the right one.

Only SHA-256 digests are kept and compared, in a time that does not depend on them. The id never reaches the local
service, whether or not it was asked for: it is taken out of query, header, cookie and ``Referer``, and nothing else of
them changes.

An :class:`AccessPolicy` is used on both loops: asked where bytes move, changed where settings do.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hmac
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from urllib.parse import quote, unquote_plus

from hyco.fields import Headers, elements_of, values_of

from .config import Invited
from .errors import NotInvitedError
from .invitation import HEADER, QUERY_PARAMETER, digest

COOKIE: Final = QUERY_PARAMETER
FORBIDDEN: Final = 403

MAX_COOKIES: Final = 8
"""Cookies of this name that are looked at in one request: a browser sends one for each path above."""

_COOKIE_VALUE = re.compile(r"[A-Za-z0-9._~-]{1,256}")
_RELAY: Final = "sb-hc-"


@dataclasses.dataclass(frozen=True, slots=True)
class Admission:
    """Somebody who may come in."""

    invited: Invited | None
    """By whose invitation; None where none is needed."""
    cookie: str | None = dataclasses.field(default=None, repr=False)
    """The id that a browser should keep, where it showed it in the query."""


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """Somebody who may not. The sender may read the reason."""

    reason: str
    status: int = FORBIDDEN


NOT_SHOWN: Final = Refusal("This service is for invited people, and no invitation was shown")
NOT_KNOWN: Final = Refusal("The invitation is not known here, or was withdrawn")
OVER: Final = Refusal("The invitation is over")
TWICE: Final = Refusal("The request shows more than one invitation")


class AccessPolicy:
    """Decides who may come in to one hybrid connection, and knows who came by which invitation.

    Args:
        invited: As in the settings: None lets everybody in.
        now: The wall clock, in POSIX seconds.
    """

    def __init__(self, invited: tuple[Invited, ...] | None, now: Callable[[], float]) -> None:
        self._invited = invited
        self._now = now
        self._lock = threading.Lock()
        self._guests: set[_Guest] = set()

    def admit(self, headers: Iterable[tuple[str, str]], query: str) -> Admission | Refusal:
        """Say whether a sender with these headers and this query may come in."""
        invited = self._invited
        if invited is None:
            return Admission(None)
        headers = tuple(headers)
        in_query = _in_query(query)
        shown = [*in_query, *elements_of(headers, HEADER)]  # two such headers may have been joined
        if len(shown) > 1:
            return TWICE
        if shown:
            verdict = self._look_up(shown[0], invited)
            if isinstance(verdict, Refusal) or not in_query:
                return verdict
            return dataclasses.replace(verdict, cookie=shown[0])
        refusal = NOT_SHOWN
        for value in _in_cookies(headers)[:MAX_COOKIES]:
            verdict = self._look_up(value, invited)
            if isinstance(verdict, Admission):
                return verdict
            refusal = verdict
        return refusal

    @contextlib.contextmanager
    def hold(self, admission: Admission) -> Iterator[None]:
        """Note that somebody is in for the time of the block, which is cut if the invitation is withdrawn meanwhile.

        Raises:
            NotInvitedError: It was withdrawn, perhaps before the block began.
        """
        guest = _Guest(admission)
        with self._lock:
            if not self._may_stay(admission):
                raise guest.error
            self._guests.add(guest)
        try:
            yield
        except asyncio.CancelledError:
            if guest.was_cut_and_nothing_else():
                raise guest.error from None
            raise
        finally:
            guest.is_over = True
            with self._lock:
                self._guests.discard(guest)

    def take(self, invited: tuple[Invited, ...] | None) -> int:
        """Decide by *invited* from now on, and cut whoever is in and would not be any more; gives how many.

        An invitation that only ends leaves in who came before its end, as the end of a token does at a gateway.
        """
        with self._lock:
            self._invited = invited
            leaving = [guest for guest in self._guests if not self._may_stay(guest.admission)]
        for guest in leaving:
            guest.cut()
        return len(leaving)

    def _may_stay(self, admission: Admission) -> bool:
        if self._invited is None:
            return True
        came_by = admission.invited
        return came_by is not None and any(one.sha256 == came_by.sha256 for one in self._invited)

    def _look_up(self, id_: str, invited: tuple[Invited, ...]) -> Admission | Refusal:
        shown = digest(id_)
        found: Invited | None = None
        for one in invited:  # all of them, whichever it is
            if hmac.compare_digest(one.sha256, shown):
                found = one
        if found is None:
            return NOT_KNOWN
        if found.until is not None and self._now() >= found.until.timestamp():
            return OVER
        return Admission(found)


class _Guest:
    """One relayed connection or request that is in, and the task that relays it."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._cancelling = 0 if self._task is None else self._task.cancelling()
        self._is_cut = False
        self.is_over = False

    @property
    def error(self) -> NotInvitedError:
        """What ends it when it is cut."""
        invited = self.admission.invited
        whose = "no invitation was shown" if invited is None else f"that of {invited.name}"
        return NotInvitedError(NOT_KNOWN.status, NOT_KNOWN.reason, whose)

    def cut(self) -> None:
        """End it, from any thread."""
        with contextlib.suppress(RuntimeError):  # its loop has been closed, and it is over anyhow
            self._loop.call_soon_threadsafe(self._cancel)

    def was_cut_and_nothing_else(self) -> bool:
        """Whether a cancellation is ours alone; called once, where it arrives."""
        return self._is_cut and self._task is not None and self._task.uncancel() <= self._cancelling

    def _cancel(self) -> None:
        if self._task is not None and not self.is_over:
            self._is_cut = True
            self._task.cancel()


def session_cookie(id_: str, request_target: str, path: str, *, is_secure: bool) -> Headers:
    """The header by which a browser keeps *id_* for the further requests to the hybrid connection *path*.

    It is scoped to the path as the browser spelled it, which is what browsers compare. An id that no cookie could hold
    (none that was made here) is left out.
    """
    if not _COOKIE_VALUE.fullmatch(id_):
        return ()
    asked = request_target.partition("?")[0][: len(path) + 1]
    scope = asked if asked.lower() == f"/{path}".lower() else f"/{path}"
    secure = "; Secure" if is_secure else ""
    value = f"{COOKIE}={id_}; Path={quote(scope, safe='/-._~%')}; HttpOnly; SameSite=Lax{secure}"
    return (("Set-Cookie", value),)


# --- keeping it from the local service -------------------------------------------------------------------------------


def target_without_invitation(request_target: str) -> str:
    """*request_target* without the parameter that shows an invitation; all else byte for byte."""
    path, question_mark, query = request_target.partition("?")
    kept = _without(query, _is_shown)
    if kept == query:
        return request_target
    return f"{path}{question_mark}{kept}" if kept else path


def headers_without_invitation(headers: Iterable[tuple[str, str]]) -> Headers:
    """*headers* without what shows an invitation, or a token, of which a ``Referer`` may tell; all else as it is."""
    kept = []
    for name, value in headers:
        match name.lower():
            case "relaydesk-invitation":
                pass
            case "cookie":
                cookies = _without_cookie(value)
                if cookies:
                    kept.append((name, cookies))
            case "referer":
                kept.append((name, _without_secrets(value)))
            case _:
                kept.append((name, value))
    return tuple(kept)


def _without_secrets(url: str) -> str:
    """A URL without the parameters that browsers take along from the address that a page was opened with."""
    base, question_mark, query = url.partition("?")
    kept = _without(query, lambda part: _is_shown(part) or _name_of(part).startswith(_RELAY))
    return url if kept == query else f"{base}{question_mark}{kept}" if kept else base


def _without(query: str, is_dropped: Callable[[str], bool]) -> str:
    return "&".join(part for part in query.split("&") if not is_dropped(part))


def _without_cookie(value: str) -> str:
    parts = value.split(";")
    kept = [part for part in parts if part.partition("=")[0].strip() != COOKIE]
    return value if len(kept) == len(parts) else ";".join(kept).lstrip(" \t")


def _in_query(query: str) -> list[str]:
    return [unquote_plus(part.partition("=")[2]) for part in query.split("&") if _is_shown(part)]


def _in_cookies(headers: Iterable[tuple[str, str]]) -> list[str]:
    pairs = (part.partition("=") for value in values_of(headers, "Cookie") for part in value.split(";"))
    return [value.strip() for name, _, value in pairs if name.strip() == COOKIE]


def _is_shown(part: str) -> bool:
    return _name_of(part) == QUERY_PARAMETER


def _name_of(part: str) -> str:
    return unquote_plus(part.partition("=")[0]).lower()
