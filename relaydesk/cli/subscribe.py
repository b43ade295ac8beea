"""``relaydesk subscribe``: what is published to a hybrid connection, as lines or to a local HTTP endpoint."""

from __future__ import annotations

import asyncio
import base64
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from agent.clock import Clock
from agent.config import Deadlines, NetworkConfig
from agent.credentials import Access
from agent.errors import AgentError
from agent.event_poster import EventPoster, EventRefusedError
from agent.network import Network
from agent.subscription import PublishedEvent, Subscription
from hyco.names import canonical_path, check_name
from hyco.redaction import escape_controls
from hyco.sas import Right

from .connection_strings import GivenConnection, check_is_for, find_connection_string
from .exits import UsageError
from .gateways import own_connection, running_administration
from .names import NamedAddress, parse_name
from .options import (
    AsJson,
    CaFile,
    ConnectionStringFile,
    ConnectionStringOption,
    DataFolderOption,
    Insecure,
    LogJson,
    Verbosity,
    begin,
    check_is_private,
    data_folder,
)
from .output import Output
from .problems import translate
from .running import run_until_stopped


def subscribe(
    *,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", show_default=False, help="The hybrid connection, of kind event or one-way."
        ),
    ],
    to: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            show_default=False,
            help="POST each message there, one after the other; without it, each is a line of standard output.",
        ),
    ] = None,
    no_retry: Annotated[
        bool, typer.Option("--no-retry", help="End, with the reason, instead of connecting again.")
    ] = False,
    connection_string: ConnectionStringOption = None,
    connection_string_file: ConnectionStringFile = None,
    data: DataFolderOption = None,
    ca: CaFile = None,
    insecure: Insecure = False,
    as_json: AsJson = False,
    verbosity: Verbosity = 0,
    log_json: LogJson = False,
) -> None:
    """Hear what is published to a hybrid connection, until Ctrl-C.

    Without a connection string, it is one of the gateway that this user runs on this computer. Publish with:
    relaydesk send NAME -d TEXT
    """
    output = begin(as_json, verbosity, log_json=log_json)
    wanted = parse_name(name)
    if wanted.query:
        raise UsageError("a hybrid connection has no query", "leave out ? and what follows")
    canonical_path(wanted.path)
    check_name(wanted.path)
    if to is not None:
        _check_url(to)
    given = find_connection_string(connection_string, connection_string_file, output)
    if given is not None:
        check_is_for(given, wanted)
    lines = _Lines(output, has_to_retry=not no_retry)
    run_until_stopped(_subscribe(wanted, given, to, data_folder(data), ca, insecure, lines))


def _check_url(text: str) -> None:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{text[:80]!r} is no URL to post to", "give --to http://HOST:PORT/PATH")
    if parts.username is not None:
        raise UsageError(
            "a password on the command line can be read by every user of this computer",
            "leave it out of --to",
        )


async def _subscribe(  # noqa: PLR0917 - what the command line says
    wanted: NamedAddress,
    given: GivenConnection | None,
    to: str | None,
    folder: Path,
    ca: Path | None,
    insecure: bool,
    lines: _Lines,
) -> None:
    access, ca_file = await _access(wanted, given, folder)
    check_is_private(access.endpoint, is_insecure_allowed=insecure)
    network = Network(NetworkConfig(ca_file=ca or ca_file))
    network.prepare()
    deadlines = Deadlines()
    async with AsyncExitStack() as stack:
        if to is not None:
            lines.poster = EventPoster(to, deadline_s=deadlines.response_start_s)
            stack.push_async_callback(lines.poster.close)
        lines.name = access.path
        try:
            await Subscription(access, network, deadlines, Clock()).run(lines.take, lines)
        finally:
            lines.stopped()


async def _access(
    wanted: NamedAddress, given: GivenConnection | None, folder: Path
) -> tuple[Access, Path | None]:
    if given is None:
        if wanted.endpoint is not None:
            raise UsageError(
                "to subscribe takes a key",
                "give --connection-string-file FILE, or the name alone for your own gateway",
            )
        async with running_administration(folder) as administration:
            own = await own_connection(administration, folder, wanted.path, Right.LISTEN)
            return Access(administration.endpoint, own.info.name, own.given.value), own.ca_file
    return Access(given.value.endpoint, wanted.path, given.value), None


class _Lines:
    """What happens, told; and each message."""

    def __init__(self, output: Output, *, has_to_retry: bool) -> None:
        self.name = ""
        self.poster: EventPoster | None = None
        self._output = output
        self._has_to_retry = has_to_retry

    def subscribed(self, gateway: str) -> None:
        """It hears."""
        if self._output.as_json:
            self._output.event("subscribed", "", relay=self.name, gateway=gateway)
        else:  # standard output is for the messages
            self._output.note(f"subscribed to {self.name} at {gateway}")

    def waiting(self, error: AgentError, delay_s: float) -> None:
        """It does not."""
        if not self._has_to_retry:
            raise error
        what = str(translate(error) or error)
        if self._output.as_json:
            self._output.event("retrying", "", error=what, inSeconds=round(delay_s, 3))
        else:
            self._output.note(f"not subscribed, trying again: {what}")

    def missed(self, count: int) -> None:
        """Messages came faster than they were taken."""
        messages = "message was" if count == 1 else "messages were"
        self._output.trouble(
            "missed", f"{count} {messages} lost: they come faster than they are taken", count=count
        )

    def stopped(self) -> None:
        """It ends."""
        self._output.event("stopped", "", relay=self.name)

    async def take(self, event: PublishedEvent) -> None:
        """Show one message, or post it."""
        if self.poster is not None:
            try:
                await self.poster.take(event)
            except EventRefusedError as error:
                self._output.trouble(
                    "refused", f"a message was not taken: {error}", id=event.id, error=str(error)
                )
            else:
                if self._output.as_json:
                    self._output.event("posted", "", id=event.id, bytes=len(event.body))
        elif self._output.as_json:
            body = {"body": event.body.decode()} if event.is_text else {"bodyBase64": _base64(event.body)}
            self._output.event("message", "", id=event.id, contentType=event.content_type, **body)
        else:
            self._write(event.body.decode() if event.is_text else _base64(event.body))
        await asyncio.sleep(0)  # a burst must not keep Ctrl-C waiting

    def _write(self, text: str) -> None:
        out = sys.stdout
        # what others have written may rewrite nothing on a terminal; a program gets it as it is
        out.write((escape_controls(text) if out.isatty() else text) + "\n")
        out.flush()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
