"""An agent's work in lines, as it happens: connecting, listening, retrying, and what passes.

The lines are made from its snapshots, so a burst may pass as one line with its count; what is shown last is always true.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from agent.config import Direction
from agent.status import AgentStatus, ConnectionStatus, Exchange, State, Traffic, Trouble
from hyco.redaction import one_line

from .exits import UsageError
from .figures import clock_time, size
from .output import Output
from .problems import of_standing


class AgentLines:
    """Tells what one hybrid connection of an agent does.

    Args:
        output: Where to.
        on_listening: Called when it works for the first time: prints how to reach it.
        no_retry: A failure before that is the end.
        now: POSIX seconds.
    """

    def __init__(
        self,
        output: Output,
        on_listening: Callable[[ConnectionStatus], None],
        *,
        no_retry: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._output = output
        self._on_listening = on_listening
        self._no_retry = no_retry
        self._now = now
        self._last: ConnectionStatus | None = None
        self._has_worked = False
        self._is_draining = False
        self._told: str | None = None
        self._waiting = contextlib.ExitStack()

    def close(self) -> None:
        """Take away what shows that something is being waited for."""
        self._waiting.close()

    def status(self, status: AgentStatus) -> None:
        """Tell what has changed.

        Raises:
            CliError: It cannot work as configured, and nothing will change that; or it does not, and there is to be no
                second try.
        """
        (now,) = status.connections
        before, self._last = self._last, now
        if before is None or (now.state, now.next_try_at) != (before.state, before.next_try_at):
            self._state(now)
        elif now.last_error_at != before.last_error_at and now.last_error is not None:
            if now.last_error != self._told:
                self._output.trouble(
                    "failure", f"failed: {one_line(now.last_error)}", error=one_line(now.last_error)
                )
            self._told = None
        self._traffic(before.traffic if before is not None else Traffic(), now.traffic)

    def draining(self, open_requests: int) -> None:
        """Tell that what has been asked is answered before the end."""
        self._is_draining = True
        what = "a request that was" if open_requests == 1 else f"{open_requests} requests that were"
        self._wait(f"answering {what} taken before ending; Ctrl-C again ends at once")

    def exchange(self, exchange: Exchange) -> None:
        """Tell of a relayed request that has ended."""
        self._told = exchange.error  # which the next snapshot has as well
        text = (
            f"{clock_time(self._now())}  {exchange.method} {exchange.path} -> {exchange.status}"
            f"  {exchange.duration_s * 1000:.0f} ms  {size(exchange.response_bytes)}  from {exchange.remote_address}"
        )
        if exchange.error:
            text += f"  ({exchange.error})"
        self._output.event(
            "request",
            one_line(text),
            style="red"
            if exchange.error or exchange.status >= 500
            else "yellow"
            if exchange.status >= 400
            else "",
            method=exchange.method,
            path=exchange.path,
            status=exchange.status,
            startedAt=exchange.started_at,
            durationSeconds=round(exchange.duration_s, 6),
            requestBytes=exchange.request_bytes,
            responseBytes=exchange.response_bytes,
            remoteAddress=exchange.remote_address,
            error=exchange.error,
        )

    def _state(self, now: ConnectionStatus) -> None:
        self._waiting.close()
        match now.state:
            case State.CONNECTING:
                self._wait(f"connecting to {now.gateway or 'the gateway'}")
            case State.LISTENING:
                if self._has_worked:
                    what = (
                        "listening again"
                        if now.direction is Direction.LISTEN
                        else f"{now.leads_to} is bound again"
                    )
                    self._output.event("listening", what, style="green", again=True)
                else:
                    self._has_worked = True
                    self._on_listening(now)
            case State.WAITING:
                problem = of_standing(now)
                if self._no_retry and not self._has_worked:
                    raise problem
                delay_s = max(0.0, (now.next_try_at or self._now()) - self._now())
                if now.trouble is Trouble.PORT_TAKEN and not self._has_worked:
                    raise problem  # whoever has just typed the port would rather type another one
                error = str(problem)
                if self._output.as_json:
                    self._output.event("retrying", "", error=error, inSeconds=round(delay_s, 3))
                self._wait(f"trying again in {delay_s:.0f} s: {error}", plain=f"trying again: {error}")
            case State.STOPPED:
                if now.last_error is not None and not self._is_draining:
                    problem = of_standing(now)
                    raise UsageError(problem.message, problem.next_step)

    def _wait(self, text: str, *, plain: str | None = None) -> None:
        self._waiting.enter_context(self._output.waiting(text, plain=plain))

    def _traffic(self, before: Traffic, now: Traffic) -> None:
        came = now.total_connections - before.total_connections
        ended = came + before.open_connections - now.open_connections
        refused = now.refused_connections - before.refused_connections
        for count, name, word in (
            (came, "opened", "opened"),
            (ended, "ended", "ended"),
            (refused, "refused", "refused"),
        ):
            if count <= 0:
                continue
            text = "connection" if count == 1 else f"{count} connections"
            self._output.event(
                f"connection-{name}",
                f"{clock_time(self._now())}  {text} {word}; {now.open_connections} open,"
                f" {size(now.bytes_received)} received and {size(now.bytes_sent)} sent in all",
                count=count,
                open=now.open_connections,
                total=now.total_connections,
                bytesReceived=now.bytes_received,
                bytesSent=now.bytes_sent,
            )
