"""``relaydesk doctor``: try every hop between a service and its senders, and name the one that fails, its cause and the fix."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from agent.checks import Check, Fault, Outcome, Step
from agent.config import Direction, NetworkConfig
from agent.doctor import Subject, examine
from agent.targets import Target, parse_target
from hyco.addresses import check_name

from .. import ipc
from ..check_report import Examined, lines_of, report
from ..control import describe_check
from .connection_strings import GivenConnection, find_connection_string
from .exits import CliError, ExitCode, UsageError
from .options import AsJson, CaFile, ConnectionStringFile, ConnectionStringOption, Insecure, Verbosity, begin
from .output import Json, Output


def doctor(
    *,
    service: Annotated[
        str | None,
        typer.Argument(
            metavar="[SERVICE]",
            show_default=False,
            help="One of the desktop that is running, as list shows it; without it, all of them.",
        ),
    ] = None,
    relay: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="With a connection string: the hybrid connection, where it names none.",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="TARGET",
            show_default=False,
            help="With a connection string: the local service that is to be shared, PORT or HOST:PORT.",
        ),
    ] = None,
    connection_string: ConnectionStringOption = None,
    connection_string_file: ConnectionStringFile = None,
    ca: CaFile = None,
    insecure: Insecure = False,
    save: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FILE", show_default=False, help="Write what was found, without secrets."
        ),
    ] = None,
    as_json: AsJson = False,
    verbosity: Verbosity = 0,
) -> None:
    """Find out which hop fails between a service and its senders: its cause, and what to do.

    Services of the desktop that is running are examined as they are; with a connection string, the way to its gateway.
    """
    output = begin(as_json, verbosity)
    given = find_connection_string(connection_string, connection_string_file, output)
    if given is None:
        if relay is not None or target is not None:
            raise UsageError("--relay and --target are about a connection string", "give one, or a SERVICE")
        examined = _services(service, output)
    else:
        if service is not None:
            raise UsageError("a SERVICE and a connection string were given", "leave out one of them")
        if relay is not None:
            check_name(relay)
        subject = _subject(given, relay, None if target is None else parse_target(target), insecure=insecure)
        name = relay or given.value.entity_path or given.value.endpoint.authority
        examined = [asyncio.run(_examine(name, subject, NetworkConfig(ca_file=ca), output))]
    if save is not None:
        _write(save, report(examined, time.time()))
        output.event("report", f"the report is in {save}", path=str(save))
    _judge(examined)


def _subject(given: GivenConnection, relay: str | None, target: Target | None, *, insecure: bool) -> Subject:
    return Subject(
        credential=given.credential,
        path=relay,
        direction=None if target is None else Direction.LISTEN,
        target=target,
        insecure=insecure,
    )


async def _examine(name: str, subject: Subject, network: NetworkConfig, output: Output) -> Examined:
    """Walk, and say each hop as it is tried."""
    found: list[Check] = []
    output.event("examining", name, style="bold", service=name)
    async with contextlib.aclosing(examine(subject, network)) as checks:
        async for check in checks:
            found.append(check)
            _say(output, check)
    return Examined(name, tuple(found))


def _services(service: str | None, output: Output) -> list[Examined]:
    place = ipc.default_place()
    try:
        names = [service] if service is not None else _names(place)
    except ipc.NoDesktopError as error:
        raise CliError(
            str(error),
            "start it with: relaydesk, or give a connection string to examine the way to its gateway",
            code=ExitCode.UNREACHABLE,
        ) from error
    if not names:
        raise CliError(
            "nothing is shared", "share something, or give a connection string to examine its gateway"
        )
    examined = []
    for name in names:
        output.event("examining", name, style="bold", service=name)
        with output.waiting(f"trying each hop of {name}"):
            said = ipc.ask(ipc.Diagnose(name), place)
        checks = said.get("checks")
        found = (
            tuple(_read(one) for one in checks if isinstance(one, dict)) if isinstance(checks, list) else ()
        )
        for check in found:
            _say(output, check)
        examined.append(Examined(name, found))
    return examined


def _names(place: ipc.Place) -> list[str]:
    services = ipc.ask(ipc.ListServices(), place).get("services")
    return (
        [str(one.get("name")) for one in services if isinstance(one, dict)]
        if isinstance(services, list)
        else []
    )


def _read(members: Mapping[str, object]) -> Check:
    """A check as the desktop told it; one of a newer desktop that this does not know is said as it came."""
    try:
        fault = members.get("fault")
        took = members.get("tookSeconds")
        return Check(
            step=Step(members.get("step")),
            outcome=Outcome(members.get("outcome")),
            tried=str(members.get("tried") or ""),
            found=str(members.get("found") or ""),
            fault=None if fault is None else Fault(fault),
            took_s=float(took) if isinstance(took, int | float) else None,
        )
    except ValueError as error:
        raise CliError(
            f"the desktop that is running tells of something that is not known here: {error}",
            "quit it in its tray menu, and start it again",
        ) from error


def _say(output: Output, check: Check) -> None:
    styles = {
        Outcome.PASSED: "green",
        Outcome.WARNING: "yellow",
        Outcome.FAILED: "red",
        Outcome.SKIPPED: "dim",
    }
    said: Mapping[str, Json] = describe_check(check)
    text = "\n".join(f"  {line}" for line in lines_of([check]))
    output.event("check", text, style=styles[check.outcome], **said)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CliError(
            f"the report cannot be written to {path}: {error.strerror}", "give another --report FILE"
        ) from error


def _judge(examined: list[Examined]) -> None:
    failed = [one for one in examined if one.failure is not None]
    if failed:
        names = ", ".join(one.name for one in failed)
        raise CliError(f"something is in the way of {names}", "see what failed above", code=ExitCode.FAILED)
