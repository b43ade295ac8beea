"""What is noted about a relayed request while it runs, and the one log line of one that failed."""

from __future__ import annotations

import logging
import time

from hyco.frames import BytesLike
from hyco.messages import Request, Response

from .errors import AgentError, LocalServerError
from .exchanges import Exchanges
from .route import Route
from .status import Exchange

log = logging.getLogger(__name__)


class ExchangeRecord:
    """What is noted about an exchange while it runs, and what the inspector keeps of it where it captures."""

    def __init__(self, route: Route, request: Request, exchanges: Exchanges | None = None) -> None:
        self._route = route
        self._request = request
        self._started_at = time.time()
        self._began = time.monotonic()
        self.capture = (
            None
            if exchanges is None
            else exchanges.capture(
                route,
                method=request.method,
                request_target=request.request_target,
                headers=request.request_headers,
                remote=request.remote_endpoint,
            )
        )
        self.request_bytes = 0
        self.response_bytes = 0
        self.status = 0
        self.has_met = False
        """Whether the sender waits at a rendezvous that is open, whose end it sees."""
        self.has_answered = False
        self._error: str | None = None
        self._is_targets_fault = False

    def request_piece(self, data: BytesLike) -> None:
        """Note a piece of the request's body."""
        self.request_bytes += len(data)
        if self.capture is not None:
            self.capture.request_piece(data)

    def request_ended(self) -> None:
        """Note that the request's body is whole."""
        if self.capture is not None:
            self.capture.request_ended()

    def asked(self) -> None:
        """Note that the sender was let in, and the target is asked."""
        if self.capture is not None:
            self.capture.asked()

    def answered(self, head: Response) -> None:
        """Note the head of the answer, before it is passed on: the target's, or one of the agent's own."""
        self.status = head.status_code
        if self.capture is not None:
            self.capture.answered(head.status_code, head.status_description, head.response_headers)

    def met(self) -> None:
        """Note that the rendezvous which the answer goes by is open."""
        self.has_met = True
        if self.capture is not None:
            self.capture.met()

    def response_piece(self, data: BytesLike) -> None:
        """Note a piece of the answer's body, which has been passed on."""
        self.response_bytes += len(data)
        if self.capture is not None:
            self.capture.response_piece(data)

    def response_ended(self) -> None:
        """Note that the answer is whole."""
        if self.capture is not None:
            self.capture.response_ended()

    def over(self, error: str | None) -> None:
        """Note that nothing more of it happens."""
        if self.capture is not None:
            self.capture.ended(error)

    def failed(self, error: AgentError, status: int | None = None) -> None:
        """Note why the sender did not get the whole answer."""
        self._error = str(error)
        self._is_targets_fault = isinstance(error, LocalServerError) and error.status >= 500
        if status is not None and not self.has_answered:
            self.status = status

    @property
    def error(self) -> str | None:
        """Why the sender did not get the whole answer, so far."""
        return self._error

    def count(self) -> tuple[int, int]:
        """Give the bytes of the request and of the answer, so far."""
        return self.request_bytes, self.response_bytes

    def describe(self) -> str:
        """Give method, path and, once it is known, status."""
        path = self._request.request_target.partition("?")[0]
        return f"{self._request.method} {path} {self.status or ''}".rstrip()

    def finish(self) -> Exchange:
        """Give the record of an exchange that has ended."""
        if self._error is not None:
            path = self._request.request_target.partition("?")[0]
            log.info("%s: %s %s: %s", self._route.label, self._request.method, path, self._error)
        return Exchange(
            connection=self._route.label,
            method=self._request.method,
            path=self._request.request_target.partition("?")[0],
            status=self.status,
            started_at=self._started_at,
            duration_s=time.monotonic() - self._began,
            request_bytes=self.request_bytes,
            response_bytes=self.response_bytes,
            remote_address=self._request.remote_endpoint.address,
            error=self._error,
            is_targets_fault=self._is_targets_fault,
        )
