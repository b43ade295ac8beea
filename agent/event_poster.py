"""Hands what is published to a local HTTP endpoint: one POST for each event, one after the other.

One that fails is not tried again. Whoever published it has been told that it was delivered to here, and what comes behind it
must neither wait for it nor overtake it.
"""

from __future__ import annotations

import contextlib
from typing import Final

import aiohttp
from yarl import URL

from hyco.redaction import one_line

from .errors import AgentError
from .network import explain
from .subscription import PublishedEvent
from .transport import USER_AGENT

KEEP_ALIVE_S: Final = 3.0
"""Less than the five seconds after which Node's and uvicorn's servers close an idle connection."""

MAX_ANSWER_BYTES: Final = 65_536
"""Of an answer; one that is longer ends its connection."""

EVENT_ID_HEADER: Final = "RelayDesk-Event-Id"
"""What the relay calls the event: whoever gets one by two ways can tell."""


class EventRefusedError(AgentError):
    """The endpoint did not take an event; says why."""


class EventPoster:
    """An HTTP endpoint that takes events.

    Args:
        url: Of the endpoint; http or https.
        deadline_s: How long it may take to answer.
    """

    def __init__(self, url: str, *, deadline_s: float) -> None:
        self._url = URL(url, encoded=True)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(keepalive_timeout=KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=deadline_s),
            headers={"User-Agent": USER_AGENT},
            skip_auto_headers=("Content-Type",),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the connection that is kept for the next one."""
        await self._session.close()

    async def take(self, event: PublishedEvent) -> None:
        """Post *event*.

        Raises:
            EventRefusedError: There was no answer, or none of 200 to 299.
        """
        headers = {EVENT_ID_HEADER: event.id}
        if event.content_type:
            headers["Content-Type"] = event.content_type
        try:
            async with self._session.post(
                self._url, data=event.body, headers=headers, allow_redirects=False
            ) as response:
                status, reason = response.status, response.reason or ""
                # what it says about it is of no interest
                with contextlib.suppress(aiohttp.ClientPayloadError):
                    await response.content.read(MAX_ANSWER_BYTES)
        except TimeoutError as error:
            raise EventRefusedError(f"{self._where} did not answer in time") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise EventRefusedError(f"cannot reach {self._where}: {explain(error)}") from error
        if not 200 <= status < 300:
            raise EventRefusedError(one_line(f"{self._where} answered {status} {reason}".rstrip()))

    @property
    def _where(self) -> str:
        return f"{self._url.scheme}://{self._url.authority}"
