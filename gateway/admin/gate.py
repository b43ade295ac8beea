"""Who may use the admin API: whoever has its token, and no page of a browser.

The API is on a loopback address by default, but pages in a browser on the same computer reach loopback too. Hence: the
Host must be a name of this computer (a page whose own name was made to point here shows that name), no Origin on what
changes anything, no CORS answers, and a token that no page can know. Wrong tokens lock the door for a while.
"""

from __future__ import annotations

import hmac
import ipaddress
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hyco.errors import InvalidAddressError
from hyco.names import canonical_host

#: Wrong tokens from one address before it is locked out, and for how long (reliability reference P6). A token of 256
#: bits cannot be guessed at any rate: the lock keeps the log and the processor out of it.
MAX_FAILURES = 20
LOCKED_FOR_S = 60.0

#: Addresses whose failures are remembered. When there are more, the oldest is forgotten: who has so many of them is
#: not held up by a lock anyway.
MAX_REMEMBERED = 1_000

_READ_ONLY = frozenset({"GET", "HEAD"})


class Refused(Exception):  # noqa: N818 - an answer more than an error
    """Why somebody may not in. The code and the message go into the JSON of the answer."""

    def __init__(self, status: int, code: str, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class _Failures:
    count: int
    until: float


class Gate:
    """Decides about requests, before anything else looks at them."""

    def __init__(
        self, token: str, hosts: Iterable[str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._token = token.encode()
        self._hosts = frozenset(canonical_host(host) for host in hosts)
        self._clock = clock
        self._failures: dict[str, _Failures] = {}

    def check_host(self, values: Sequence[str]) -> None:
        """Refuse a request that was sent to another name than this computer's (DNS rebinding).

        Raises:
            Refused: It was, or it does not say to which.
        """
        if len(values) != 1:
            raise Refused(400, "BadRequest", "The request needs exactly one Host header.")
        try:
            host = canonical_host(values[0].strip())
        except InvalidAddressError as error:
            raise Refused(400, "BadRequest", f"The Host header cannot be read: {error}.") from error
        if not (host == "localhost" or host in self._hosts or _is_loopback(host)):
            raise Refused(
                403,
                "HostNotAllowed",
                "The admin API does not answer to this host name. Use a loopback address, or allow the name with the"
                " setting admin_hosts.",
            )

    def check_origin(self, method: str, values: Sequence[str]) -> None:
        """Refuse a change that a page in a browser asks for.

        Raises:
            Refused: There is an Origin header.
        """
        if values and method not in _READ_ONLY:
            raise Refused(
                403,
                "OriginNotAllowed",
                "The admin API takes no changes from pages in a browser (Origin header).",
            )

    def check_token(self, address: str, values: Sequence[str]) -> None:
        """Refuse whoever does not have the token.

        Raises:
            Refused: No token, more than one, a wrong one, or too many wrong ones before.
        """
        failures = self._failures.get(address)
        now = self._clock()
        if failures is not None and now >= failures.until:
            del self._failures[address]
            failures = None
        if failures is not None and failures.count >= MAX_FAILURES:
            raise Refused(
                403,
                "Locked",
                "Too many wrong tokens came from this address. Wait, then use the token in the file admin-token of the"
                " gateway's data folder.",
                retry_after_s=max(1, round(failures.until - now)),
            )
        scheme, _, token = values[0].strip().partition(" ") if len(values) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not token:
            raise Refused(
                401,
                "AuthenticationFailed",
                "Send the header 'Authorization: Bearer …' with the token in the file admin-token of the gateway's data"
                " folder.",
            )
        # bytes: compare_digest raises on text outside ASCII; what was no UTF-8 comes as surrogates
        if not hmac.compare_digest(token.strip().encode("utf-8", "surrogateescape"), self._token):
            self._count_failure(address, now)
            raise Refused(
                401,
                "AuthenticationFailed",
                "The token is not the one in the file admin-token of the gateway's data folder.",
            )
        self._failures.pop(address, None)

    def _count_failure(self, address: str, now: float) -> None:
        failures = self._failures.pop(address, _Failures(0, now))
        # put back at the end: the dictionary's order is that of the latest failures
        self._failures[address] = _Failures(failures.count + 1, now + LOCKED_FOR_S)
        if len(self._failures) > MAX_REMEMBERED:
            del self._failures[next(iter(self._failures))]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
