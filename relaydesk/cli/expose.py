"""``relaydesk expose``: make a service on this computer reachable through a relay."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import shlex
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from agent.backoff import Backoff
from agent.config import AgentConfig, ConnectionConfig, Deadlines, NetworkConfig
from agent.credentials import Access
from agent.errors import GatewayRejectedError, GatewayUnreachableError
from agent.management import Management
from agent.network import Network, is_loopback
from agent.status import ConnectionStatus
from agent.supervisor import Agent
from agent.targets import Target, TargetKind, parse_target
from hyco.addresses import check_name, sender_url
from hyco.sas import Right

from ..local_gateway.administration import find_connection
from ..local_gateway.child import BundledGateway
from ..local_gateway.finding import administration_of
from .agent_lines import AgentLines
from .connection_strings import GivenConnection, find_connection_string
from .gateways import own_connection, own_gateway
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
from .problems import refused, translate
from .running import run_agent, run_until_stopped

#: How long requests that were taken may be answered after Ctrl-C. Less than a service gets: somebody waits for it, and a
#: stream of events never ends.
DRAIN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What is exposed, and by which hybrid connection.

    Attributes:
        target: The service.
        path: The hybrid connection.
        given: A connection string with the right to listen on it.
        is_anonymous: Whether senders need no token; None where the gateway does not say.
        is_own: Whether the gateway is this user's own, which other verbs here find by themselves.
        ca_file: Certificates to trust besides the system's.
        bundled: The gateway that was started for this.
    """

    target: Target
    path: str
    given: GivenConnection
    is_anonymous: bool | None
    is_own: bool
    ca_file: Path | None
    bundled: BundledGateway | None = None


def expose(
    *,
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            show_default=False,
            help="PORT or HOST:PORT for bytes and web alike, http://HOST:PORT or https://HOST for a web server.",
        ),
    ],
    relay: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default="that of the connection string, or one made from TARGET",
            help="The hybrid connection; made where it is missing and the key may do that.",
        ),
    ] = None,
    anonymous_send: Annotated[
        bool | None,
        typer.Option(
            "--anonymous-send/--no-anonymous-send",
            show_default=False,
            help="Whether senders need no token; a new hybrid connection asks for one.",
        ),
    ] = None,
    connection_string: ConnectionStringOption = None,
    connection_string_file: ConnectionStringFile = None,
    data: DataFolderOption = None,
    ca: CaFile = None,
    insecure: Insecure = False,
    keep_host: Annotated[
        bool, typer.Option("--keep-host", help="Show the web server the Host header that the sender sent.")
    ] = False,
    insecure_target: Annotated[
        bool, typer.Option("--insecure-target", help="Do not verify the certificate of an https:// TARGET.")
    ] = False,
    no_retry: Annotated[
        bool,
        typer.Option(
            "--no-retry",
            help="Give up when the gateway cannot be reached or says no at the start; otherwise it is tried for ever.",
        ),
    ] = False,
    as_json: AsJson = False,
    verbosity: Verbosity = 0,
    log_json: LogJson = False,
) -> None:
    """Make a service on this computer reachable through a relay, until Ctrl-C.

    Without a connection string, a gateway is started on this computer for as long as this runs.
    """
    output = begin(as_json, verbosity, log_json=log_json)
    parsed = parse_target(target)
    if relay is not None:
        check_name(relay)
    given = find_connection_string(connection_string, connection_string_file, output)
    if given is None:
        exposure = _by_own_gateway(parsed, relay, anonymous_send, data_folder(data), output)
    else:
        check_is_private(given.value.endpoint, is_insecure_allowed=insecure)
        exposure = _by_given_gateway(
            parsed, relay, anonymous_send, given, ca_file=ca, no_retry=no_retry, output=output
        )
    run_until_stopped(
        _expose(
            exposure,
            output,
            insecure=insecure,
            keep_host=keep_host,
            insecure_target=insecure_target,
            no_retry=no_retry,
        )
    )


async def _expose(
    preparing: contextlib.AbstractAsyncContextManager[Exposure],
    output: Output,
    *,
    insecure: bool,
    keep_host: bool,
    insecure_target: bool,
    no_retry: bool,
) -> None:
    async with preparing as exposure:
        lines = AgentLines(output, lambda status: say_reachable(exposure, status, output), no_retry=no_retry)
        connection = ConnectionConfig(
            credential=exposure.given.credential,
            path=exposure.path,
            target=exposure.target,
            insecure=insecure,
            keep_host=keep_host,
            insecure_target=insecure_target,
        )
        config = AgentConfig(connections=(connection,), network=NetworkConfig(ca_file=exposure.ca_file))
        try:
            during = None if exposure.bundled is None else exposure.bundled.ended()
            await run_agent(
                Agent(config, on_exchange=lines.exchange),
                lines,
                during=during,
                drain_s=DRAIN_S,
            )
        finally:
            lines.close()
            output.event("stopped", "", relay=exposure.path)


def say_reachable(exposure: Exposure, status: ConnectionStatus, output: Output) -> None:
    """Say where the service is reached now, and how."""
    endpoint = exposure.given.value.endpoint
    url = sender_url(endpoint, exposure.path)
    more = "" if exposure.is_own else " --connection-string-file FILE"
    trusting = (
        "" if exposure.is_own or exposure.ca_file is None else f" --ca {shlex.quote(str(exposure.ca_file))}"
    )
    ways = {}
    if exposure.is_anonymous:
        trusting_curl = trusting.replace(" --ca ", "--cacert ") + " " if trusting else ""
        ways["curl"] = f"curl {trusting_curl}{shlex.quote(url)}"
    else:
        ways["send"] = f"relaydesk send {shlex.quote(exposure.path)}{more}{trusting}"
    if exposure.target.kind is TargetKind.STREAM:
        name, option = (url, "") if exposure.is_anonymous else (exposure.path, more)
        ways["connect"] = f"relaydesk connect {shlex.quote(name)} --local PORT{option}{trusting}"
    where = "on a local port" if is_loopback(endpoint.host) else "on a local port elsewhere"
    texts = {"curl": "over HTTP", "send": "over HTTP, with a token", "connect": where}
    text = [f"ready: {url} leads to {status.leads_to}"]
    text += [f"  {texts[way] + ':':<27}{command}" for way, command in ways.items()]
    text.append("  Ctrl-C ends it")
    output.event(
        "listening",
        "\n".join(text),
        style="bold",
        again=False,
        relay=exposure.path,
        target=status.leads_to,
        gateway=endpoint.http_origin,
        url=url,
        anonymousSend=exposure.is_anonymous,
        **ways,
    )


def name_for(target: Target) -> str:
    """The name of a hybrid connection for *target*, where nobody gave one: the same one each time."""
    if target.host in ("localhost", "127.0.0.1", "::1"):
        return f"port-{target.port}"
    return re.sub(r"[^a-z0-9.-]+", "-", f"{target.host}-{target.port}".lower()).strip(".-")


@contextlib.asynccontextmanager
async def _by_own_gateway(
    target: Target, relay: str | None, anonymous_send: bool | None, folder: Path, output: Output
) -> AsyncIterator[Exposure]:
    """Use this user's own gateway, started where none runs."""
    name = relay or name_for(target)
    async with own_gateway(folder, output) as bundled:
        async with administration_of(folder) as administration:
            is_new = await find_connection(administration, name) is None
            await administration.put_connection(name, is_anonymous=anonymous_send)
            own = await own_connection(administration, folder, name, Right.LISTEN)
        if is_new:
            _say_created(own.info.name, own.info.is_anonymous, output)
        yield Exposure(
            target=target,
            path=own.info.name,
            given=own.given,
            is_anonymous=own.info.is_anonymous,
            is_own=True,
            ca_file=own.ca_file,
            bundled=bundled,
        )


@contextlib.asynccontextmanager
async def _by_given_gateway(
    target: Target,
    relay: str | None,
    anonymous_send: bool | None,
    given: GivenConnection,
    *,
    ca_file: Path | None,
    no_retry: bool,
    output: Output,
) -> AsyncIterator[Exposure]:
    """Use the gateway of a connection string. Makes the hybrid connection where it is missing and the key allows it."""
    path = relay or given.value.entity_path or name_for(target)
    access = Access(given.value.endpoint, path, given.value)
    network = Network(NetworkConfig(ca_file=ca_file))
    network.prepare()
    management = Management(access, network, Deadlines())
    yield Exposure(
        target=target,
        path=path,
        given=given,
        is_anonymous=await _reach_and_ensure(management, path, anonymous_send, no_retry, output),
        is_own=False,
        ca_file=ca_file,
    )


async def _reach_and_ensure(
    management: Management, path: str, anonymous_send: bool | None, no_retry: bool, output: Output
) -> bool | None:
    """As _ensure(), again and again until the gateway is reached: it, or the network, may be later than this."""
    backoff = Backoff(random.random)
    while True:
        try:
            with output.waiting(f"asking {management.gateway} about {path}"):
                return await _ensure(management, path, anonymous_send, no_retry, output)
        except GatewayUnreachableError as error:
            if no_retry:
                raise
            delay_s = backoff.next_delay(error, time.monotonic())
            what = translate(error) or error
            output.event("retrying", "", error=str(what), inSeconds=round(delay_s, 3))
            with output.waiting(f"trying again in {delay_s:.0f} s: {what}", plain=f"trying again: {what}"):
                await asyncio.sleep(delay_s)


async def _ensure(
    management: Management, path: str, anonymous_send: bool | None, no_retry: bool, output: Output
) -> bool | None:
    """See to it that the hybrid connection is there and as wanted; whether its senders are anonymous, if that is known.

    A gateway's no does not end it: the listener goes on trying, for keys and names may yet be set right there.

    Raises:
        CliError: The gateway says no, and there is to be no second try.
        GatewayUnreachableError: There was no answer.
    """
    what = "read about"
    try:
        found = await management.describe()
        if found is not None and anonymous_send in (None, found.is_anonymous):
            return found.is_anonymous
        what = "make" if found is None else "change"
        made = await management.put(is_anonymous=bool(anonymous_send), is_new=found is None)
    except GatewayRejectedError as error:
        if no_retry:
            raise refused(error.status, error.reason, path) from error
        output.warn(f"the gateway does not let this key {what} {path}: {error}")
        return None
    if found is None:
        _say_created(path, made.is_anonymous, output)
    return made.is_anonymous


def _say_created(name: str, is_anonymous: bool, output: Output) -> None:
    output.event(
        "created",
        f"created the hybrid connection {name}; senders need {'no' if is_anonymous else 'a'} token",
        relay=name,
        anonymousSend=is_anonymous,
    )
