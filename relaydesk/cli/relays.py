"""``relaydesk gateway relay``: the hybrid connections of one's own gateway."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.entities import Kind
from hyco.addresses import check_name, sender_url

from ..local_gateway.administration import find_connection
from ..local_gateway.finding import administration_of
from .exits import CliError, ExitCode
from .options import AsJson, DataFolderOption, NamespaceOption, Verbosity, begin, data_folder
from .output import Output

Name = Annotated[
    str, typer.Argument(metavar="NAME", show_default=False, help="The hybrid connection's name.")
]


def create(
    *,
    name: Name,
    anonymous_send: Annotated[
        bool | None,
        typer.Option(
            "--anonymous-send/--no-anonymous-send",
            show_default=False,
            help="Whether senders need no token. Listeners always need one.",
        ),
    ] = None,
    kind: Annotated[
        Kind | None,
        typer.Option(
            show_default=False,
            help="What it carries: connections and requests (stream), messages to every subscriber (event), or to one (one-way).",
        ),
    ] = None,
    data: DataFolderOption = None,
    namespace: NamespaceOption = None,
    as_json: AsJson = False,
    verbosity: Verbosity = 0,
) -> None:
    """Create a hybrid connection; one that is there stays, and gets what is given."""
    output = begin(as_json, verbosity)
    check_name(name)  # here, so that what cannot be a name ends the same whether a gateway runs or not
    asyncio.run(_create(name, kind, anonymous_send, data_folder(data), namespace, output))


async def _create(  # noqa: PLR0917 - what the command line says
    name: str,
    kind: Kind | None,
    is_anonymous: bool | None,
    folder: Path,
    namespace: str | None,
    output: Output,
) -> None:
    async with administration_of(folder, namespace=namespace, may_make=True) as administration:
        was_there = await find_connection(administration, name) is not None
        await administration.put_connection(name, is_anonymous=is_anonymous, kind=kind)
        made = await find_connection(administration, name)
        if made is None:
            raise CliError(f"the hybrid connection {name!r} was deleted again at once")
        url = sender_url(administration.endpoint, made.name)
        senders = "senders need no token" if made.is_anonymous else "senders need a token"
        output.result(
            f"{made.name}: {'was there' if was_there else 'created'}; {senders}",
            {
                "name": made.name,
                "kind": made.kind.value,
                "created": not was_there,
                "anonymousSend": made.is_anonymous,
                "url": url,
                "gatewayRunning": administration.is_running,
            },
        )


def list_(
    *,
    data: DataFolderOption = None,
    namespace: NamespaceOption = None,
    as_json: AsJson = False,
    verbosity: Verbosity = 0,
) -> None:
    """List the hybrid connections."""
    output = begin(as_json, verbosity)
    asyncio.run(_list(data_folder(data), namespace, output))


async def _list(folder: Path, namespace: str | None, output: Output) -> None:
    async with administration_of(folder, namespace=namespace) as administration:
        connections = await administration.connections()
    if output.as_json:
        output.result(
            "",
            [
                {
                    "name": found.name,
                    "kind": found.kind.value,
                    "anonymousSend": found.is_anonymous,
                    "listenerCount": found.listener_count,
                }
                for found in connections
            ],
        )
    elif not connections:
        output.note("there is no hybrid connection yet; make one with: relaydesk gateway relay create NAME")
    else:
        output.table(
            ["NAME", "KIND", "SENDERS", "LISTENERS"],
            [
                [
                    found.name,
                    found.kind.value,
                    "anonymous" if found.is_anonymous else "with a token",
                    "gateway not running" if found.listener_count is None else str(found.listener_count),
                ]
                for found in connections
            ],
        )


def delete(
    *,
    name: Name,
    data: DataFolderOption = None,
    namespace: NamespaceOption = None,
    as_json: AsJson = False,
    verbosity: Verbosity = 0,
) -> None:
    """Delete a hybrid connection; whoever listens on it is disconnected."""
    output = begin(as_json, verbosity)
    check_name(name)
    asyncio.run(_delete(name, data_folder(data), namespace, output))


async def _delete(name: str, folder: Path, namespace: str | None, output: Output) -> None:
    async with administration_of(folder, namespace=namespace) as administration:
        found = await find_connection(administration, name)
        if found is None:
            raise CliError(
                f"there is no hybrid connection {name!r}",
                "relaydesk gateway relay list shows those there are",
                code=ExitCode.REFUSED,
            )
        await administration.delete_connection(found.name)
    output.result(f"{found.name}: deleted", {"name": found.name, "deleted": True})
