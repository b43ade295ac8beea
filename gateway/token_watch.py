"""The token of a listener or subscriber that stays: it is renewed, or its time ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Protocol

from hyco.close_codes import INTERNAL_ERROR, POLICY_VIOLATION
from hyco.errors import RemoteProtocolError

from .authorization import Grant
from .errors import UnauthorizedError

log = logging.getLogger(__name__)

#: The longest wait between two looks at the wall clock: a computer that slept, or a clock that was set, is noticed.
MAX_EXPIRY_CHECK_S = 30.0


class TokenCheck(Protocol):
    """Whether a renewed token lets its bearer go on."""

    def __call__(self, token: str, /) -> Awaitable[Grant]:
        """The new grant.

        Raises:
            UnauthorizedError: It does not.
        """


class TokenWatch:
    """Whether whoever is connected may stay.

    Args:
        name: Who it is, for the log.
        grant: What the token allows by which it came.
        grace_s: How long a token that has ended still counts: SDKs renew at expiry, never before it.
        check: Judges the tokens that come after it.
        spawn: Runs a task that ends with the gateway.
    """

    def __init__(
        self,
        *,
        name: str,
        grant: Grant,
        grace_s: float,
        check: TokenCheck,
        spawn: Callable[[Coroutine[object, object, None], str], object],
    ) -> None:
        self._name = name
        self._grant = grant
        self._grace_s = grace_s
        self._check_token = check
        self._spawn = spawn
        self._close: Callable[[int, str], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_checking = False

    def watch(self, close: Callable[[int, str], None]) -> None:
        """Call *close*, with a close code and a reason, once there is no token any more that counts."""
        self._close = close
        self._look()

    def stop(self) -> None:
        """It has gone."""
        self._close = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def renew(self, token: str) -> None:
        """It has sent its next token.

        Raises:
            RemoteProtocolError: While the one before it is still being checked.
        """
        if self._is_checking:
            msg = "a token was sent while the one before it was being checked"
            raise RemoteProtocolError(msg, POLICY_VIOLATION)
        self._is_checking = True
        self._spawn(self._check(token), f"renew token of {self._name}")

    async def _check(self, token: str) -> None:
        try:
            self._grant = await self._check_token(token)
        except UnauthorizedError as error:
            log.info("listener %s sent a token that is no good: %s", self._name, error)
            self._end(POLICY_VIOLATION, str(error))
        except Exception:
            log.exception("a token could not be checked")
            self._end(INTERNAL_ERROR, "InternalServerError")
        else:
            self._look()
        finally:
            self._is_checking = False

    def _look(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._close is None:
            return
        left_s = self._grant.expires_at + self._grace_s - time.time()
        if left_s <= 0:
            log.info("listener %s did not renew its token", self._name)
            self._end(POLICY_VIOLATION, "ExpiredToken: The token is expired.")
            return
        self._timer = asyncio.get_running_loop().call_later(min(left_s, MAX_EXPIRY_CHECK_S), self._look)

    def _end(self, code: int, reason: str) -> None:
        if self._close is not None:
            self._close(code, reason)
